"""Cases of the checks that look at the clock."""

from __future__ import annotations

from dbsvc.engine import Database
from dbsvc.engine.loads.operations import dismiss
from tests.helpers.check_case import Case, bills, deliver, execute


def _published(db: Database, time: str) -> None:
    deliver(db, bills({}))
    execute(db, f"UPDATE loads SET published_at = {time}")


AGES = {
    "sqlite": "datetime('now', '-{} minutes')",
    "postgresql": "current_timestamp - interval '{} minutes'",
}


def _published_minutes_ago(db: Database, minutes: int) -> None:
    _published(db, AGES[db.dialect.family[-1]].format(minutes))


def _rejected(db: Database, minutes: int) -> None:
    deliver(db, bills({}, {}, {}, {"day": "never"}, {"bill": "x"}))
    execute(db, f"UPDATE loads SET published_at = {AGES[db.dialect.family[-1]].format(minutes)}")


def _rejected_and_closed(db: Database) -> None:
    """One is mended, the other dismissed."""
    _rejected(db, 8 * 24 * 60)
    deliver(db, bills({"bill": 4}))
    dismiss(db, 1, [6])


CASES = {
    "rejects_open_old": Case(
        trips=[lambda db: _rejected(db, 7 * 24 * 60 + 1), lambda db: dismiss(db, 1, [6])],
        nearly=[_rejected_and_closed, lambda db: _rejected(db, 7 * 24 * 60 - 1)],
        expected=[{"load_id": "1", "dataset": "usage", "open_rejects": "1"}],
    ),
    "loads_overdue": Case(
        trips=[lambda db: _published_minutes_ago(db, 24 * 60 + 1)],
        nearly=[lambda db: _published_minutes_ago(db, 24 * 60 - 1)],
        expected=[{"dataset": "usage", "expected_every_hours": "24"}],
        thresholds={"usage_hours": 24},
    ),
}
