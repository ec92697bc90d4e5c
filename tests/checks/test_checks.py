"""The checks: each finds what it is for, and nothing else; together they find every damage done behind the program's back."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from dbsvc import Database
from dbsvc.cli.output import plain
from dbsvc.engine.checks import load_checks
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import (
    check_cases_change,
    check_cases_duplicate,
    check_cases_expected,
    check_cases_integrity,
    check_cases_missing,
)
from tests.helpers.check_case import Case, bills, find
from tests.helpers.currencylayer import serving
from tests.helpers.shell import run, section

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
    for row in found:  # on every database whole numbers are numbers of JSON, and times are in one form
        assert [key for key, value in row.items() if isinstance(value, Decimal) and value.as_tuple().exponent == 0] == []
        assert [key for key, value in row.items() if re.match(r"\d{4}-\d\d-\d\d \d\d:", plain(value))] == []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.one_database
def test_a_check_finds_nothing_where_it_nearly_would(db: Database, name: str) -> None:
    case = CASES[name]
    for fill in case.nearly:
        fill(db)
    assert find(db, name, case.since, case.today, **case.thresholds) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_check_finds_nothing_in_an_empty_database(db: Database, name: str) -> None:
    assert find(db, name, CASES[name].since, CASES[name].today) == []


@pytest.mark.slow
@pytest.mark.one_database
@pytest.mark.parametrize("name", sorted(set(CASES) - {"loads_held"}))  # the state "held" has tests of its own
@pytest.mark.long
def test_the_runbook_can_be_followed_where_a_check_finds_something(db: Database, url: str, tmp_path: Path, name: str) -> None:
    """Every command of its section works; `dbsvc check` itself says by its exit code that there is something."""
    for fill in CASES[name].trips:
        fill(db)
    check = next(check for check in load_checks(db.statements) if check.name == name)
    file = tmp_path / "usage.csv"
    file.write_bytes(bills({"day": "2021-10-01", "bill": 999}))
    with serving() as api:
        env = {"DATABASE_URL": url, "LOAD": "1", "FILE": str(file), "DAY": "2021-10-01", **api.env()}
        for block in section(check.runbook):
            command = re.sub(r"^(dbsvc check.*)$", r"\1 || test $? -lt 3", block, flags=re.MULTILINE)
            ran = run(f"set -e\n{command}", tmp_path, **env)
            assert ran.returncode == 0, (block, ran.stdout, ran.stderr)
