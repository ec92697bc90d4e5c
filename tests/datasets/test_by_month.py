"""A declared dataset whose rows are kept by the months of a date of its key, as bills are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, connect, migrate
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.reports.lineage import trace_row
from tests.helpers import buckets, load, query, write
from tests.helpers.crash import KilledError, everything, fragile
from tests.helpers.project import declare, make_project

DECLARATION = """title = "visits"
format = "csv"
depends_on = []
table = "visits"
key = ["day", "visit_id"]
partition_by = "day"
[columns.day]
type = "date"
[columns.visit_id]
type = "whole"
[columns.guests]
type = "whole"
"""
#: on PostgreSQL the table has months, and its view minds which of them a plan knows
MONTHS = """CREATE OR REPLACE FUNCTION visits_months() RETURNS bigint IMMUTABLE PARALLEL SAFE
RETURN 0 + 0 * pg_relation_size('planning'::regclass, 'main');
CREATE OR REPLACE VIEW visits AS SELECT day, visit_id, guests, load_id, line_no FROM visits_stored
WHERE coalesce(load_id <> ALL (ARRAY(SELECT CASE WHEN replaced THEN refuse_plan(load_id) ELSE load_id END
FROM loads WHERE dataset = 'visits' AND seen_with > visits_months())), TRUE);
DROP INDEX visits_loads;
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that declares visits, with the tables that bills have."""
    folder = declare(tmp_path / "ours", "visits", DECLARATION)
    file = "migrations/postgresql/visits_1.sql"
    made = (folder / file).read_text().replace("(day, visit_id)\n)", "(day, visit_id)\n) PARTITION BY RANGE (day)", 1)
    make_project(folder, {file: made + MONTHS})
    monkeypatch.setenv("DBSVC_PROJECT", str(folder))
    return folder


def visits(folder: Path, name: str, records: Iterable[tuple[int, int]]) -> Path:
    """A file: the number of a visit, and its guests; over four months, in the order of days."""
    lines = [
        f"2024-{1 + n // 30:02}-{1 + n % 28:02},{n},{guests}\n"
        for n, guests in sorted(records, key=lambda one: (one[0] // 30, one[0] % 28))
    ]
    return write(folder / name, f"day,visit_id,guests\n{''.join(lines)}".encode())


FIRST = [(n, 1) for n in range(120)]
SECOND = [(n, 2) for n in range(100, 110)] + [(n, 1) for n in range(120, 150)]
#: staged where rows will stay, or by months: however few there are
IN_PLACE: dict[str, Any] = {"month_records": 1}


def total(db: Database) -> list[tuple[Any, ...]]:
    return query(db, "SELECT count(*), sum(guests) FROM visits")


@pytest.mark.parametrize("settings", [{}, IN_PLACE], ids=["merged", "in place"])
def test_loads_redeliveries_and_reverts(ours: Database, tmp_path: Path, settings: dict[str, Any]) -> None:
    one, two = visits(tmp_path, "one", FIRST), visits(tmp_path, "two", SECOND)
    first = load(ours, one, **settings)
    assert buckets(first.load) == {"inserted": 120}
    assert total(ours) == [(120, 120)]
    assert buckets(load(ours, two, **settings).load) == {"inserted": 30, "updated": 10}
    assert load(ours, one, **settings).load.load_id == 1
    assert total(ours) == [(150, 160)]
    assert [row["state"] for row in trace_row(ours, "visits", ["2024-04-17", "100"]).versions] == ["replaced", "current"]
    assert {one.check.name for one in run(ours, load_checks(ours.statements), 28) if one.state != "ok"} == set()
    revert(ours, 2)
    assert total(ours) == [(120, 120)]
    load(ours, two, again=True, **settings)
    revert(ours, 1)
    assert total(ours) == [(40, 50)]


def crash(url: str, files: list[Path], at: int | None, fault: str) -> tuple[list[str], dict[str, Any]]:
    """Deliver files, break at that call of the last one, and deliver again; return the calls, and all that stands then."""
    with connect(url) as db:
        migrate(db)
        for file in files[:-1]:
            load(db, file, **IN_PLACE)
    with fragile(url, at, fault) as (db, breaks), suppress(KilledError, Exception):
        load(db, files[-1], **IN_PLACE)
    with connect(url) as db:
        load(db, files[-1], **IN_PLACE)
        return breaks.calls, everything(db)


@pytest.mark.parametrize("shift", [0.3, 0.6, 0.9])
def test_a_crash_anywhere(project: Path, fresh_url: Callable[[], str], tmp_path: Path, shift: float) -> None:
    files = [visits(tmp_path, "one", FIRST), visits(tmp_path, "two", SECOND)]
    calls, want = crash(fresh_url(), files, None, "killed")
    at = int(shift * len(calls))
    assert crash(fresh_url(), files, at, "killed")[1] == want, calls[at - 1]
