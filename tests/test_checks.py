"""The checks: each finds what it is for, and nothing else; together they find every damage done behind the program's back."""

from __future__ import annotations

import pytest

from dbsvc import Database
from dbsvc.cli.output import plain
from dbsvc.engine.checks import load_checks
from dbsvc.engine.statements import Statements
from tests import check_cases_change, check_cases_duplicate, check_cases_expected, check_cases_integrity, check_cases_missing
from tests.check_case import Case, find

CASES: dict[str, Case] = {
    **check_cases_missing.CASES,
    **check_cases_expected.CASES,
    **check_cases_duplicate.CASES,
    **check_cases_change.CASES,
    **check_cases_integrity.CASES,
}
NAMES = [check.name for check in load_checks(Statements(("sqlite",)))]


def test_every_check_has_a_case() -> None:
    assert sorted(CASES) == NAMES


@pytest.mark.parametrize("name", CASES)
def test_a_check_finds_what_it_is_for(db: Database, name: str) -> None:
    case = CASES[name]
    for fill in case.trips:
        fill(db)
    found = find(db, name, case.since, case.today, **case.thresholds)
    shown = [{column: plain(row[column]) for column in expected} for row, expected in zip(found, case.expected, strict=True)]
    assert shown == case.expected


@pytest.mark.parametrize("name", CASES)
def test_a_check_finds_nothing_where_it_nearly_would(db: Database, name: str) -> None:
    case = CASES[name]
    for fill in case.nearly:
        fill(db)
    assert find(db, name, case.since, case.today, **case.thresholds) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_check_finds_nothing_in_an_empty_database(db: Database, name: str) -> None:
    assert find(db, name, CASES[name].since, CASES[name].today) == []
