"""Lines of small columns: for a person on a terminal, and for nobody else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dbsvc.cli import sparks
from tests.helpers import usage_csv
from tests.helpers.cli import Cli

BILLS = usage_csv([(f"2021-10-{day:02}", day, "USD" if day != 3 else "EUR", "a", day, 0) for day in range(1, 9)])


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "  "),
        ([1, 2, 3, 4], "▂▄▆█"),
        ([None, 8, -3], "?█▁"),
        ([-1, -2], "▁▁"),
        ([Decimal("0.01"), Decimal(100)], "▁█"),
    ],
)
def test_a_column_a_value(values: list[Decimal | int | None], drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("dbsvc.cli.streams.is_utf8", lambda: True)
    assert sparks.spark(values) == drawn
    monkeypatch.setenv("TERM", "linux")
    assert sparks.spark(values).isascii()


def test_many_values_share_columns() -> None:
    assert len(sparks.spark([1] * 1000)) <= 56
    assert "?" in sparks.spark([1] * 999 + [None])


def test_on_a_terminal_alone(cli: Cli) -> None:
    cli.write("u.csv", BILLS)
    cli("ingest", "u.csv")
    assert "revenue a day, 2021-10-01 to 2021-10-08: ▁▂?▄▅▆▇█" in cli.on_a_terminal("revenue", LC_ALL="C.UTF-8", LANG="C.UTF-8")
    assert "2021-10-08: _.?" in cli.on_a_terminal("revenue", TERM="linux", LC_ALL="C.UTF-8", LANG="C.UTF-8")
    for form in ("table", "json"):
        assert b"revenue a day" not in cli("revenue", "-o", form).out
    assert "revenue a day" not in cli.on_a_terminal("revenue", "-o", "json", LC_ALL="C.UTF-8", LANG="C.UTF-8")
