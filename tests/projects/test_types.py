"""Every type of a column, on every database: what is accepted, why not, and what is stored, as a plain model of it says.

Fields in quotes do not take the fast path, others do: both come to the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect, migrate
from dbsvc.engine.functions.texts import is_json
from dbsvc.engine.functions.times import utc_time
from dbsvc.engine.loads.operations import release
from dbsvc.engine.project import find_project
from dbsvc.engine.sources.canonical import canonical
from dbsvc.engine.statements.catalog import Statements, load_statements
from tests.helpers import load
from tests.helpers.check_case import deliver
from tests.helpers.citus import at_most
from tests.helpers.project import declare

#: what is wrong with a text, and else what it is
Outcome = tuple[str | None, Any]


def text(written: str) -> Outcome:
    return ("too_long" if len(written) > 5 else "invalid" if written == "\ufffd" else None), written


def whole(written: str) -> Outcome:
    if not re.fullmatch(r"-?[0-9]+", written):
        return "invalid", None
    if len(written.lstrip("-0")) > 3:
        return "too_large", None
    value = int(written)
    return ("too_small" if value < -5 else "too_large" if value > 500 else None), value


def signed(written: str) -> Outcome:
    if not re.fullmatch(r"-?[0-9]+", written):
        return "invalid", None
    return ("too_large", None) if len(written.lstrip("-0")) > 3 else (None, int(written))


def rounded(written: str) -> Outcome:
    if not re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", written):
        return "invalid", None
    if len(written.partition(".")[0].lstrip("-0")) > 3:
        return "too_large", None
    return None, Decimal(written).quantize(Decimal(1), ROUND_HALF_UP) + 0


def unsigned(written: str) -> Outcome:
    if not re.fullmatch(r"[0-9]+", written):
        return "invalid", None
    return ("too_large" if len(written.lstrip("0")) > 18 else None), int(written)


def decimal(written: str) -> Outcome:
    if not re.fullmatch(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", written):
        return "invalid", None
    if len(written.partition(".")[0].lstrip("-0")) > 3:
        return "too_large", None
    value = Decimal(written).quantize(Decimal("0.01"), ROUND_HALF_UP) + 0
    return ("too_small" if value < Decimal("-9.5") else "too_large" if value > 500 else None), value


def amount(written: str) -> Outcome:
    if re.fullmatch(r"-[0-9.]*[0-9][0-9.]*", written):
        return "negative", None
    if not re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", written):
        return "invalid", None
    value = Decimal(written).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return ("too_large" if len(written.partition(".")[0].lstrip("0")) > 14 else None), value


def number(written: str) -> Outcome:
    if not re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", written) or len(written) > 40:
        return "invalid", None
    value = float(written) + 0.0
    return ("negative" if value < 0 else "impossible" if value > 1000 else None), value


def day(written: str) -> Outcome:
    if found := re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", written, re.ASCII):
        written = f"{found[3]}-{found[2]}-{found[1]}"
    try:
        value = date.fromisoformat(written) if re.fullmatch(r"\d{4}-\d\d-\d\d", written, re.ASCII) else None
    except ValueError:
        value = None
    if value is None:
        return "invalid", None
    return ("too_old" if value < date(2000, 1, 1) else None), value


def moment(written: str) -> Outcome:
    if found := utc_time(written):
        value = datetime.fromisoformat(found).replace(tzinfo=UTC)
        return ("too_old" if value < datetime(2000, 1, 1, tzinfo=UTC) else None), value
    return ("without_zone" if utc_time(f"{written}Z") else "invalid"), None


def clock(written: str) -> Outcome:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?", written)
    return (None, time(int(found[1]), int(found[2]), int(found[3] or 0))) if found else ("invalid", None)


def boolean(written: str) -> Outcome:
    yes, no = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
    return (None, written.lower() in yes) if written.lower() in (*yes, *no) else ("invalid", None)


def uuid(written: str) -> Outcome:
    good = re.fullmatch(r"(\{)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?(1)\})", written.lower())
    return (None, UUID(written)) if good else ("invalid", None)


UUIDS = [
    *("9f3b1c1e-0d1b-4c6e-8a55-0123456789AB", "9f3b1c1e0d1b4c6e8a550123456789ab", "{9f3b1c1e-0d1b-4c6e-8a55-0123456789ab}"),
    *(
        "9F3b1c1e-0d1b-4c6e-8a55-0123456789ab",
        "{9f3b1c1e-0d1b-4c6e-8a55-0123456789ab",
        "{{9f3b1c1e-0d1b-4c6e-8a55-0123456789ab",
    ),
]


def code(written: str) -> Outcome:
    return (None, written.upper()) if written.upper() in ("USD", "EUR") else ("unknown", None)


def reference(written: str) -> Outcome:
    return (None, written) if written == "p1" else ("plant_unknown", None)


def zone(written: str) -> Outcome:
    return (None, written) if written in ("Europe/Berlin", "UTC") else ("unknown", None)


def json_value(written: str) -> Outcome:
    return ("too_long" if len(written) > 20 else None if is_json(written) else "invalid"), written


def near(alphabet: str, *words: str) -> st.SearchStrategy[str]:
    """Texts of few characters, and words that mean something."""
    return st.one_of(st.sampled_from(words), st.text(alphabet, min_size=1, max_size=6))


DIGITS = "0123459.-"
#: a column: its declaration, its model, texts to try
COLUMNS: dict[str, tuple[str, Callable[[str], Outcome], st.SearchStrategy[str]]] = {
    "text": ("max = 5", text, near("aé\ufffd'7", "abcde", "abcdef", "\ufffd")),
    "whole": (
        "digits = 3\nsigned = true\nmin = -5\nmax = 500",
        whole,
        near(DIGITS, "-5", "-6", "500", "501", "0007", "1000", "-0"),
    ),
    "whole unsigned": ("", unsigned, near(DIGITS, "0", "000", "999999999999999999", "1000000000000000000")),
    "decimal": (
        "places = 2\ndigits = 3\nsigned = true\nmin = -9.5\nmax = 500",
        decimal,
        near(DIGITS, "-9.5", "-9.504", "-9.505", "500", "500.005", "0.005", "-0.004", "1.", ".5", "1e2"),
    ),
    "whole signed": ("digits = 3\nsigned = true", signed, near(DIGITS, "-999", "-1000", "-0", "-007")),
    "decimal without places": (
        "places = 0\ndigits = 3\nsigned = true",
        rounded,
        near(DIGITS, "-5.", "-999", "-1000", "0.5", "-0.4", "7"),
    ),
    "decimal amount": ("places = 2", amount, near(DIGITS, "0.005", "1.", ".5", "99999999999999.99", "100000000000000")),
    "number": ("not_negative = true\nmax = 1000", number, near(DIGITS, "1000", "1000.1", "-0", "0.1", "-0.5", "1e2")),
    "date": (
        "day_first = true\nmin = 2000-01-01",
        day,
        near("012/-", "2024-02-29", "2023-02-29", "29/02/2024", "31/04/2024"),
    ),
    "timestamp": (
        "min = 2000-01-01",
        moment,
        near(
            "012:-TZ", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00.123456+02:00", "2024-01-01T10:00:00", "1999-12-31T23:59:59Z"
        ),
    ),
    "time": ("", clock, near("0126:", "06:30", "23:59:59", "24:00", "06:60")),
    "boolean": ("", boolean, near("tfyn01", "True", "FALSE", "yes", "No", "2")),
    "uuid": ("", uuid, near("0af-{}", *UUIDS)),
    "code": ('table = "currencies"\ncolumn = "code"\nupper = true', code, near("usd", "USD", "eur", "XXQ")),
    "reference": ('to = "plants"', reference, near("p12", "p1", "p2")),
    "zone": ("", zone, near("utc", "Europe/Berlin", "UTC", "Europe/Berlinn")),
    "json": ("max = 20", json_value, near("[]{}1,", '{"a": 1}', "[1, 2]", "NaN", "null", '{"a": "0123456789abcdef"}', "[1")),
}


#: those that the fast path knows, and those that it does not
SOME = {"json", "zone"}
GROUPS = {"fast": [column for column in COLUMNS if column not in SOME], "validated": sorted(SOME)}


def to_name(column: str) -> str:
    return column.replace(" ", "_")


def dataset(columns: Sequence[str], kind: str = "csv") -> str:
    """A declaration with these columns, any of which may be empty."""
    declared = [
        f'[columns.of_{to_name(column)}]\ntype = "{column.split()[0]}"\noptional = true\n{COLUMNS[column][0]}\n'
        for column in columns
    ]
    return (
        f'title = "typed"\nformat = "{kind}"\ndepends_on = ["plants"]\ntable = "typed"\nkey = ["id"]\n'
        f'[columns.id]\ntype = "whole"\n{"".join(declared)}'
    )


Typed = Callable[..., Database]


@pytest.fixture
def typed(url: str, tmp_path: Path) -> Iterator[Typed]:
    """Make the table of a dataset with a column of each of these types."""
    with ExitStack() as opened:

        def make(columns: Sequence[str], kind: str = "csv") -> Database:
            folder = declare(tmp_path / "ours", "typed", dataset(columns, kind))
            db = opened.enter_context(connect(url))
            db.statements = Statements(db.dialect.family, project=find_project(str(folder)))
            migrate(db)
            deliver(db, b"plant_id,name,location,timezone\np1,Here,,UTC\n")
            return db

        yield make


Value = tuple[str, str]
Found = tuple[dict[int, str], dict[int, Any]]
numbers = count(1)


def loaded(db: Database, columns: Sequence[str], values: Sequence[Value], quoting: Any) -> Found:
    """What became of these values, each of a column: the reasons of rejects, and what is stored, each by its place."""
    buffer = io.StringIO()
    start = 1000 * next(numbers)  # else it would be the same delivery
    writer = csv.writer(buffer, quoting=quoting, lineterminator="\n")
    rows = [[start + n, *(value if column == of else "" for of in columns)] for n, (column, value) in enumerate(values)]
    writer.writerows([["id", *(f"of_{to_name(column)}" for column in columns)], *rows])
    return became(db, buffer.getvalue().encode(), start, 2)


def became(db: Database, data: bytes, start: int, first_line: int) -> Found:
    """What became of a file's records, of which the first has this id and is on this line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "typed"
        path.write_bytes(data)
        load_id = load(db, path, max_rejected_share=1.0).load.load_id
    with db.snapshot() as tx:
        held = tx.execute("SELECT status FROM loads WHERE load_id = :load_id", load_id=load_id).rows[0]["status"] == "held"
    if held:
        release(db, load_id)
    with db.snapshot() as tx:
        rejects = tx.execute("SELECT line_no, reasons FROM rejects WHERE load_id = :load_id", load_id=load_id).rows
        rows = tx.execute("SELECT * FROM typed WHERE load_id = :load_id", load_id=load_id).rows
    wrong = {row["line_no"] - first_line: row["reasons"] for row in rejects}
    values = {row["id"]: [value for name, value in row.items() if name.startswith("of_") and value is not None] for row in rows}
    return wrong, {n - start: plain(value[0]) if value else None for n, value in values.items()}


def plain(value: Any) -> Any:
    """A stored value, alike on every database."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return str(value) if isinstance(value, UUID | time) else value


@pytest.mark.parametrize("group", GROUPS)
def test_a_type_is_what_its_model_says(typed: Typed, group: str) -> None:
    columns = GROUPS[group]
    db = typed(columns)
    of_any = st.one_of([st.tuples(st.just(column), COLUMNS[column][2]) for column in columns])

    @settings(max_examples=at_most(4), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(of_any, min_size=40, max_size=150))
    def check(given: list[Value]) -> None:
        values = [(column, value) for column, value in given if value.strip()]
        expected = [COLUMNS[column][1](value) for column, value in values]
        wrong = {
            n: reason if reason == "plant_unknown" else f"of_{to_name(column)}_{reason}"
            for n, ((column, _), (reason, _)) in enumerate(zip(values, expected, strict=True))
            if reason
        }
        stored = {n: plain(value) for n, (reason, value) in enumerate(expected) if not reason}
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
            assert loaded(db, columns, values, quoting) == (wrong, stored)
        # fields that are stored as the same are spelled the same, and no others: lines are told by that which have one key
        declared = db.statements.datasets["typed"].columns
        of_column = {
            n: (column, canonical(declared[f"of_{to_name(column)}"], values[n][1])) for n, (column, _) in enumerate(values)
        }
        assert len({(of_column[n], repr(stored[n])) for n in stored}) == len({of_column[n] for n in stored})
        assert len({(of_column[n], repr(stored[n])) for n in stored}) == len(
            {(of_column[n][0], repr(stored[n])) for n in stored}
        )

    check()


WRITTEN = ["true", "false", '"yes"', "1", "null", '{"a": [1,  2.50]}', "[]", "1e5", "1.250", "NaN"]
TAKEN: dict[str, dict[int, Any]] = {
    "boolean": {0: True, 1: False, 2: True, 3: True, 4: None},
    "json": {n: None if value == "null" else value for n, value in enumerate(WRITTEN) if value != "NaN"},
    "text": {2: "yes", 3: "1", 4: None, 8: "1.250"},
}


@pytest.mark.parametrize("column", TAKEN)
def test_json_lines_keep_what_a_type_takes(typed: Typed, column: str) -> None:
    lines = "".join(f'{{"id": {n}, "of_{column}": {value}, "z": {{}}}}\n' for n, value in enumerate(WRITTEN))
    wrong, stored = became(typed([column], "jsonl"), lines.encode(), 0, 1)
    assert stored == TAKEN[column]
    assert {*wrong, *stored} == {*range(len(WRITTEN))}
    assert set(wrong.values()) <= {f"of_{column}_invalid", f"of_{column}_too_long"}


def test_every_type_is_tried() -> None:
    assert {column.split()[0] for column in COLUMNS} == set(load_statements(("sqlite",)).types)
