"""Pruning: old evidence goes, is counted, and no check minds; what something open may need stays."""

from __future__ import annotations

import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dbsvc import Database, InputError
from dbsvc.engine.checks import load_checks
from dbsvc.engine.housekeeping.prune import prune
from dbsvc.engine.loads import operations
from dbsvc.engine.loads.ledger import find_pruned
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.settings import Settings
from tests.helpers import bills, history, load, query, register, rejects, stage, usage_csv, write
from tests.helpers.check_case import execute, find
from tests.helpers.cli import Cli
from tests.helpers.processes import Instance, succeed

DAY = date(2024, 6, 1)
NONE = {
    "rejects": 0,
    "plants_history": 0,
    "inverters_history": 0,
    "inverter_telemetry_raw_history": 0,
    "bills_history": 0,
    "check_results": 0,
    "notices": 0,
}


def deliver(db: Database, folder: Path, name: str, *rows: tuple[object, ...], day: str | None = "2024-05-01") -> int:
    """Load bills, and let it have been on that day; returns the load."""
    loaded = load(db, write(folder / f"{name}.csv", usage_csv(rows)), max_rejected_share=1.0)
    if day:
        execute(
            db,
            f"UPDATE loads SET published_at = '{day} 12:00:00', registered_at = '{day} 12:00:00' WHERE load_id = "
            f"{loaded.load.load_id} AND status = 'published'",
        )
    return loaded.load.load_id


def red(db: Database) -> list[str]:
    """The checks of the ledger that find something."""
    names = ("rows_unaccounted", "history_broken", "ledger_buckets_wrong", "bills_total_changed")
    checks = {check.name for check in load_checks(db.statements)}
    return [name for name in names if name in checks and find(db, name, date(2024, 7, 1), date(2030, 1, 1))]


def bill(number: int, amount: object, currency: str = "USD") -> tuple[object, ...]:
    return ("2021-10-01", number, currency, f"A{number}", amount, 0)


def test_old_versions_go_and_are_counted(db: Database, tmp_path: Path) -> None:
    deliver(db, tmp_path, "one", *(bill(n, 1) for n in range(10)), bill(3, 9))
    deliver(db, tmp_path, "two", *(bill(n, 2) for n in range(5)))
    deliver(db, tmp_path, "three", *(bill(n, 3) for n in range(3)), day="2024-06-01")
    before, past = bills(db), history(db)
    assert len(past) == 1 + 5 + 3
    assert prune(db, DAY, dry_run=True) == {**NONE, "bills_history": 6}
    assert history(db) == past
    assert prune(db, DAY) == {**NONE, "bills_history": 6}
    assert (bills(db), len(history(db))) == (before, 3)
    assert query(db, "SELECT * FROM pruned_history ORDER BY 1, 2") == [(1, 1, 1), (1, 2, 5)]
    with db.snapshot() as tx:
        assert [find_pruned(tx, n) for n in (1, 2, 3)] == [
            [],
            [{"load_id": 1, "source": str(tmp_path / "one.csv"), "records": 5}],
            [],
        ]
    assert red(db) == []
    assert prune(db, DAY) == NONE
    # what comes later is counted as ever, also what replaces rows whose past is gone
    deliver(db, tmp_path, "four", *(bill(n, 4) for n in range(10)), day=None)
    assert red(db) == []
    assert prune(db, datetime.now(UTC).date())["bills_history"] == 3
    assert red(db) == []
    execute(db, "DELETE FROM bills_history")
    assert red(db) == ["rows_unaccounted"]


def test_what_was_pruned_cannot_stand_again(db: Database, tmp_path: Path) -> None:
    """A load that had replaced it is not taken back, and the file is named that may be delivered again; others are."""
    deliver(db, tmp_path, "one", bill(1, 1), bill(2, 1), bill(2, 2))
    deliver(db, tmp_path, "two", bill(1, 2))
    deliver(db, tmp_path, "three", bill(1, 3), bill(5, 1), day="2024-06-01")
    assert prune(db, DAY)["bills_history"] == 2
    with pytest.raises(InputError, match=r"Load 2 replaced 1 rows of load 1 .*one\.csv\), whose old versions were pruned"):
        revert(db, 2)
    for load_id, left in ((3, [1, 2]), (1, [1])):
        revert(db, load_id)
        assert [row[1] for row in bills(db)] == left
        assert red(db) == []


def test_what_an_open_load_may_need_stays(db: Database, tmp_path: Path) -> None:
    deliver(db, tmp_path, "one", bill(1, 1), bill(2, 1))
    deliver(db, tmp_path, "two", bill(1, 2))
    waiting = register(db, write(tmp_path / "waiting.csv", usage_csv([bill(1, 3), bill(2, 3)])))
    deliver(db, tmp_path, "four", bill(1, 4), bill(2, 4))
    assert prune(db, DAY)["bills_history"] == 1  # of load 1, replaced by load 2
    publish(db, stage(db, tmp_path / "waiting.csv", waiting))
    assert [(row[1], int(row[4]), row[6], row[8]) for row in history(db)] == [
        (1, 2, 2, 3),
        (1, 3, 3, 4),
        (2, 1, 1, 3),
        (2, 3, 3, 4),
    ]
    assert red(db) == []


def test_closed_rejects_go_and_are_counted(db: Database, tmp_path: Path) -> None:
    load_id = deliver(db, tmp_path, "one", *(bill(n, 1) for n in range(9)), bill(1, 1, "XXQ"), bill(2, "x"), bill(3, "y"))
    operations.dismiss(db, load_id, [12], "a test")
    execute(db, "UPDATE reject_closings SET closed_at = '2024-05-01 12:00:00'")
    operations.dismiss(db, load_id, [13], "today")
    assert prune(db, DAY) == {**NONE, "rejects": 1}
    assert [line for line, _, _ in rejects(db)] == [11, 13]
    assert red(db) == []
    execute(db, "INSERT INTO currencies (code) VALUES ('XXQ')")
    assert operations.retry(db, load_id, Settings()).passed == 1
    assert red(db) == []
    execute(db, "DELETE FROM rejects")
    assert red(db) == ["ledger_buckets_wrong"]


def test_an_open_reject_keeps_its_history(db: Database, tmp_path: Path) -> None:
    one = deliver(db, tmp_path, "one", bill(1, 1), bill(2, 1), bill(3, 1), bill(7, 1))
    two = deliver(db, tmp_path, "two", bill(1, 2, "XXQ"), bill(4, 1), bill(5, 1), bill(6, 1))
    deliver(db, tmp_path, "three", bill(1, 3), bill(2, 3))
    assert prune(db, DAY)["bills_history"] == 1  # of bill 2
    execute(db, "INSERT INTO currencies (code) VALUES ('XXQ')")
    assert operations.retry(db, two, Settings()).passed == 1
    assert [(row[1], row[6], row[8]) for row in history(db)] == [(1, one, two), (1, two, 3)]
    assert red(db) == []


def test_results_of_checks(db: Database) -> None:
    def result(check: str, day: str, state: str) -> None:
        findings = 0 if state == "ok" else 1
        execute(
            db,
            "INSERT INTO check_results (check_name, checked_at, state, findings, seconds) "
            f"VALUES ('{check}', '{day} 12:00:00', '{state}', {findings}, 0)",
        )

    for day, state in (("2024-01-01", "warning"), ("2024-01-02", "ok"), ("2024-01-03", "warning"), ("2024-01-04", "critical")):
        result("failing", day, state)
    for day in ("2024-01-01", "2024-07-01"):
        result("fine", day, "ok")
    assert prune(db, DAY)["check_results"] == 4
    left = query(db, "SELECT check_name, checked_at FROM check_results ORDER BY check_name")
    assert [(name, str(when)[:10]) for name, when in left] == [("failing", "2024-01-03"), ("fine", "2024-07-01")]


def test_a_day_that_has_not_come(db: Database) -> None:
    with pytest.raises(InputError, match="has not come"):
        prune(db, datetime.now(UTC).date() + timedelta(2))


def test_the_command(db: Database, cli_on: Cli, tmp_path: Path) -> None:
    deliver(db, tmp_path, "one", bill(1, 1))
    deliver(db, tmp_path, "two", bill(1, 2))
    for more, left in ((["--dry-run"], 1), (["--yes"], 0)):
        ran = cli_on("db", "prune", "--before", "2024-06-01", *more)
        assert ran.code == 0
        assert [row for row in ran.objects if row["pruned"]] == [{"table": "bills_history", "pruned": 1, "dry_run": left == 1}]
        assert len(history(db)) == left
    assert cli_on("db", "prune").code == 2


@pytest.mark.long  # it kills processes
def test_killed_and_run_again(db: Database, url: str, tmp_path: Path) -> None:
    for name, amount in (("one", 1), ("two", 2), ("three", 3)):
        deliver(db, tmp_path, name, *(bill(n, amount) for n in range(20_000)))
    for pause in (0.3, 0.4, 0.5, 0.6):
        with Instance(url, "db", "prune", "--before", "2024-06-01") as instance:
            time.sleep(pause)
            instance.kill(signal.SIGKILL)
            instance.await_end()
        assert red(db) == []
    succeed(url, "db", "prune", "--before", "2024-06-01")
    assert query(db, "SELECT sum(records) FROM pruned_history") == [(40_000,)]
    assert (len(bills(db)), history(db), red(db)) == (20_000, [], [])
