"""Cases of the check that knows a schedule."""

from __future__ import annotations

from dbsvc.engine import Database
from tests.helpers.check_case import Case, bills, deliver, execute


def _published(db: Database, time: str) -> None:
    deliver(db, bills({}))
    execute(db, f"UPDATE loads SET published_at = {time}")


AGES = {
    "sqlite": "datetime('now', '-{} minutes')",
    "postgresql": "current_timestamp - interval '{} minutes'",
}


def _published_minutes_ago(db: Database, minutes: int) -> None:
    _published(db, AGES[db.dialect.family[0]].format(minutes))


CASES = {
    "loads_overdue": Case(
        trips=[lambda db: _published_minutes_ago(db, 24 * 60 + 1)],
        nearly=[lambda db: _published_minutes_ago(db, 24 * 60 - 1)],
        expected=[{"dataset": "usage", "expected_every_hours": "24"}],
        thresholds={"usage_hours": 24},
    ),
}
