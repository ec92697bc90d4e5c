"""Tables lose nothing, whatever the width; progress fits its line, and is never complete while work goes on."""

from __future__ import annotations

import io
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from dbsvc.cli import streams, tables
from dbsvc.cli.output import one_line
from dbsvc.cli.progress import Progress
from tests.helpers import usage_csv
from tests.helpers.cli import COLOUR, Cli

WIDTHS = st.sampled_from([20, 40, 80, 100, 140])
WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp", "Co", "Cn", "Mn", "Me", "Mc"]), max_size=90
)
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
VALUES = st.one_of(TEXTS, st.none(), st.integers(-(10**15), 10**15), st.decimals(-(10**12), 10**12, places=8), st.booleans())
COLUMNS = ("load_id", "state", "bills_without_rate", "amount", "source", "what")


def squeezed(text: str) -> str:
    return "".join(text.split())


def lines_of(rows: list[dict[str, Any]], width: int, *right: str) -> list[str]:
    return tables.lay_out(rows, list(rows[0]), right, width).plain.split("\n")


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), min_size=1, max_size=4), WIDTHS)
@example([{"amount": Decimal("12345678901234567890123456789.12345678"), "source": "x" * 300, "what": "a b " * 50}], 20)
def test_nothing_is_lost(rows: list[dict[str, Any]], width: int) -> None:
    lines = lines_of(rows, width, "amount")
    assert all(cell_len(line) <= width for line in lines), lines
    assert all(line == line.rstrip() for line in lines)
    shown = squeezed("".join(lines))
    for row in rows:
        for name, value in row.items():
            assert not (isinstance(value, str) and value.isprintable()) or set(squeezed(value)) <= set(shown)
            if isinstance(value, int) and not isinstance(value, bool):
                assert f"{value}" in shown.replace(",", ""), name
            if isinstance(value, Decimal) and value:
                assert f"{value:f}".rstrip("0").rstrip(".") in shown.replace(",", "")
    assert all(letter in shown for name in rows[0] for letter in name.replace("_", ""))


@given(TEXTS, TEXTS, WIDTHS)
def test_a_row_alone_can_be_read_from_its_lines(first: str, second: str, width: int) -> None:
    shown = tables.one_by_one({"first": first, "second_field": second}, (), width).plain
    assert all(cell_len(line) <= width for line in shown.split("\n"))
    assert squeezed(shown) == squeezed(f"first:{one_line(first)}second field:{one_line(second)}")


def test_what_fits_is_a_table_and_what_does_not_stands_below_its_row() -> None:
    rows: list[dict[str, Any]] = [
        {"load_id": 1234, "state": "held", "read": 1234, "source": "a/very/long/name.csv"},
        {"load_id": 5, "source": None},
    ]
    assert lines_of(rows, 80)[0].split() == ["load", "id", "state", "read", "source"]
    assert lines_of(rows, 80)[2] == "   1234  held   1,234  a/very/long/name.csv"
    narrow = lines_of(rows, 30)
    assert narrow[2:5] == ["   1234  held   1,234", "    source:", "      a/very/long/name.csv"]
    assert narrow[-1] == "    source:"
    assert lines_of([{"source": "x" * 30, "n": 1}], 20) == [
        "source: " + "x" * 12,
        *[" " * 8 + "x" * count for count in (12, 6)],
        "n:      1",
    ]


def test_numbers_are_alike_on_all_databases() -> None:
    """Some return decimals as texts, others without the zeros at their end, or whole numbers as decimals."""
    columns = ([Decimal("847434.00000000"), Decimal("25.51"), Decimal(3)], ["847434.00000000", "25.51000000", "3"])
    assert lines_of([{"amount": 3}], 80, "amount")[2].strip() == "3.00"
    assert lines_of([{"amount": value} for value in columns[0]], 80, "amount") == lines_of(
        [{"amount": value} for value in columns[1]], 80, "amount"
    )
    assert [line.strip() for line in lines_of([{"amount": value} for value in columns[1]], 80, "amount")[2:]] == [
        "847,434.00",
        "25.51",
        "3.00",
    ]
    assert lines_of([{"n": 99978179}], 80) == lines_of([{"n": Decimal(99978179)}], 80) == ["         n", "─" * 10, "99,978,179"]
    assert lines_of([{"w": 14200.0}], 80)[2] == "14,200"


def test_times_have_one_form() -> None:
    moment = datetime(2021, 10, 1, 12, 30, 0, 250_000, UTC)
    east = moment.astimezone(datetime.strptime("+0300", "%z").tzinfo)
    assert {lines_of([{"at": at}], 80)[2] for at in (moment, east)} == {"2021-10-01 12:30:00Z"}
    shown = [tables.duration(timedelta(**{unit: n}).total_seconds()) for unit, n in (("seconds", 0.4), ("seconds", 62))]
    assert shown == ["< 1 s", "1 min 2 s"]
    assert tables.duration(3 * 86400 + 7200) == "3 d 2 h"


def test_names_that_deceive_move_nothing() -> None:
    names = ["a\x1b[31m\x9b\u202e[red]:bee:\nx.csv", "株式会社日本太陽光発電", "שלום", "e\u0301\u200d\ufeff\t"]
    lines = lines_of([{"name": name, "n": 1} for name in names], 80)
    assert all(unicodedata.category(character)[0] != "C" for line in lines for character in line)
    assert len({cell_len(line) for line in lines[1:]}) == 1
    assert len(lines) == 2 + len(names)


def test_states_have_colours() -> None:
    shown = tables.lay_out([{"state": "critical", "name": "held"}, {"state": "held", "name": "x"}], ["state", "name"], (), 80)
    assert {(shown.plain[span.start : span.end], str(span.style)) for span in shown.spans if span.style != "dim"} == {
        ("critical", "bold red"),
        ("held", "yellow"),
    }
    assert "bold red" in {str(span.style) for span in tables.one_by_one({"state": "wrong"}, (), 80).spans}


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_dumb_terminal_is_never_drawn_again(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    assert streams.redraws(stream) == (term != "dumb")


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"LC_ALL": "", "LC_CTYPE": "", "LANG": "POSIX"}])
def test_lines_are_simple_where_the_locale_is(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert (streams.shape("─━█·…"), lines_of([{"n": 1}], 80)[1]) == ("--#....", "-")


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(5, 200), WORDS)
@example(300_000, 300_000, 19, "株" * 40)
def test_a_line_of_progress_fits(done: int, total: int, width: int, name: str) -> None:
    progress = Progress(name)
    for phase in ("scan", "stage", "audit", "publish"):
        progress(phase, done, total)
        line = progress.line(width)
        assert cell_len(line) <= width
        assert "100 %" not in line
        assert line.startswith(phase[:width])


def test_long_work_off_a_terminal_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("dbsvc.cli.progress.BEAT", 0.01)
    monkeypatch.setattr("dbsvc.cli.progress.is_drawn", lambda: False)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr("dbsvc.cli.progress.log.event", lambda name, **fields: said.append({"event": name, **fields}))
    progress = Progress("big.csv")
    progress("stage", 5, 10)
    monkeypatch.setattr(progress._ended, "wait", lambda _: len(said) >= 2)
    progress.run()
    assert said[0] == {"event": "progress", "of": "big.csv", "phase": "stage", "done": 5, "total": 10, "seconds": 0}


def test_what_is_to_be_typed_stays_in_one_piece() -> None:
    said = "8 records are in quarantine, and `dbsvc rejects export 1` writes them."
    shown = tables.sentence(said, 40).plain
    assert re.sub(r"\s+", " ", shown) == said
    assert "`dbsvc rejects export 1`" in shown


def test_no_name_moves_the_cursor_or_turns_the_line(cli: Cli) -> None:
    """On a terminal; off it, what is exported is what came, byte for byte."""
    odd = "\u202e\u2066\x1b[31m\u200f\x07"
    record = f"never,2,USD,{odd},1,0\n".encode()
    name = cli.write(f"{odd}.csv", usage_csv([("2021-10-01", 1, "USD", f"{odd} name", 1, 0)]) + record)
    assert cli("ingest", name).code == 0
    for command in ("loads", "rejects", "rejects export 1", "revenue --by customer", "lineage bill 2021-10-01 1"):
        seen = COLOUR.sub("", cli.on_a_terminal(*command.split()))
        assert "\ufffd" in seen, command
        assert not set(odd) - set("[31m") & set(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)), command
        assert "\x1b[31m\u200f" not in seen
    assert record in cli("rejects", "export", "1").out


def test_what_is_written_from_right_to_left_turns_nothing_else(cli: Cli) -> None:
    assert streams.isolated("שמש ארץ בע״מ  12.50  شركة 3 الكهرباء  7  name") == (
        "\u2068שמש ארץ בע״מ\u2069  12.50  \u2068شركة 3 الكهرباء\u2069  7  name"
    )
    assert streams.isolated("株式会社 é 5") == "株式会社 é 5"
    name = cli.write("usage.csv", usage_csv([("2021-10-01", 1, "USD", "שמש", 1, 0)]))
    assert cli("ingest", name).code == 0
    assert "\u2068שמש\u2069" in cli.on_a_terminal("revenue", "--by", "customer")
    assert "\u2068" not in cli("revenue", "--by", "customer").out.decode()  # off a terminal all stays as it came
