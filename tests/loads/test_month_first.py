"""Dates that can be read in two ways: a file that makes sense only with the month first is held, and nobody guesses."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.loads.operations import release
from tests.helpers import ROOT, bills, load, usage_csv, write
from tests.helpers.citus import at_most

CASE = ROOT.parent / "shared" / "cases" / "05_month_first.csv"


def file_of(written: Iterable[str]) -> bytes:
    return usage_csv([(day, n, "USD", "A", 10 * n, 0) for n, day in enumerate(written, start=1)])


@pytest.mark.parametrize(
    ("written", "status"),
    [
        pytest.param(["03/04/2021", "03/05/2021", "03/06/2021"], "held", id="days in a row"),
        pytest.param(["12/11/2020", "12/10/2020", "12/09/2020", "12/10/2020"], "held", id="in any order, repeated"),
        pytest.param(["01/04/2021", "01/08/2021", "01/11/2021"], "held", id="working days"),
        pytest.param(["02/12/2021", "03/01/2021", "03/02/2021"], "published", id="a hole of weeks"),
        pytest.param(["03/04/2021", "03/05/2021"], "published", id="two days say nothing"),
        pytest.param(["03/04/2021"] * 5, "published", id="one day"),
        pytest.param(["03/04/2021", "04/04/2021", "05/04/2021"], "published", id="day first makes sense"),
        pytest.param(["03/03/2021", "04/04/2021", "05/05/2021"], "published", id="both say the same"),
        pytest.param(["03/04/2021", "03/05/2021", "03/06/2021", "13/06/2021"], "published", id="a day that is no month"),
        pytest.param(["2021-04-03", "2021-05-03", "2021-06-03"], "published", id="iso"),
        pytest.param(["01/10/2021", "01/10/2021", "01/11/2021"], "published", id="first of months"),
    ],
)
def test_which_files_are_held(db: Database, tmp_path: Path, written: list[str], status: str) -> None:
    found = load(db, write(tmp_path / "usage.csv", file_of(written))).load
    assert found.status == status
    if status == "held":
        assert "with the month first" in str(found.held_because)


def test_both_readings_are_shown_and_an_operator_decides(db: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "usage.csv", file_of(["03/04/2021", "03/05/2021", "03/06/2021"]))
    held = load(db, file).load
    for shown in ("2021-03-04 to 2021-03-06", "2021-04-03 to 2021-06-03"):
        assert shown in str(held.held_because)
    assert bills(db) == []
    assert release(db, held.load_id).status == "published"
    assert [bill[0] for bill in bills(db)] == [datetime.date(2021, month, 3) for month in (4, 5, 6)]


@pytest.mark.skipif(not CASE.exists(), reason="the shared cases are not beside this checkout")
def test_the_case(db: Database) -> None:
    assert load(db, CASE).load.status == "held"


@settings(max_examples=at_most(8))
@given(days=st.sets(st.dates(datetime.date(2021, 1, 1), datetime.date(2021, 12, 12)).filter(lambda d: d.day <= 12), max_size=6))
def test_a_file_is_never_held_for_both_ways_of_writing_it(
    fresh_url: Callable[[], str], tmp_path: Path, days: set[datetime.date]
) -> None:
    """At most one of the two ways makes the days follow each other where the other does not."""
    held = []
    for written in ("%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d"):
        with connect(fresh_url()) as db:
            content = file_of(["01/01/2021", *(f"{day:{written}}" for day in sorted(days))])
            held.append(load(db, write(tmp_path / "usage.csv", content)).load.status == "held")
    assert held.count(True) <= 1
    assert not held[2]
