"""Bills that were deleted by hand, or dated wrongly: there is a way out, and no check stays red."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dbsvc import Database, InputError
from dbsvc.engine.checks import load_checks
from dbsvc.engine.housekeeping.reconcile import Difference, reconcile
from tests.helpers import bills, load, query, usage_csv, write
from tests.helpers.check_case import execute, find
from tests.helpers.cli import Cli

FILE = usage_csv([(f"2021-10-{day:02}", 100 * day + n, "USD", f"A{n}", n + 1, 1) for day in range(1, 8) for n in range(4)])


def red(db: Database, but: str = "") -> list[str]:
    """All checks that find something."""
    names = [check.name for check in load_checks(db.statements) if check.name not in ("fx_rates_missing", but)]
    return [name for name in names if find(db, name, date(2021, 1, 1), date(2021, 10, 8))]


def values(db: Database) -> list[tuple[object, ...]]:
    return [row[:6] for row in bills(db)]


@pytest.mark.one_database
def test_deleted_and_brought_back(db: Database, cli_on: Cli) -> None:
    assert cli_on("ingest", cli_on.write("usage.csv", FILE)).code == 0
    before = values(db)
    assert cli_on("ingest", "--again", "usage.csv").objects[0]["outcome"] == "already published"
    execute(db, "DELETE FROM bills_stored WHERE bill_id IN (302, 500)")
    assert red(db) == ["rows_differ", "rows_unaccounted"]
    (loaded, _) = cli_on("ingest", "--again", "usage.csv").objects
    assert (loaded["inserted"], loaded["unchanged"]) == (2, 26)
    assert values(db) == before
    assert [(row["expected"], row["found"]) for row in cli_on("db", "reconcile", "--dry-run").objects] == [(30, 28)]
    ran = cli_on("db", "reconcile", "--yes")
    assert (ran.code, "Give a reason" in ran.error) == (65, True)
    assert cli_on("db", "reconcile", "--reason", "a mistake", "--yes").code == 0
    assert red(db, "files_alike") == []
    assert reconcile(db, "again") == []
    assert cli_on("ingest", "--again", "usage.csv").objects[0]["outcome"] == "already published"
    execute(db, "DELETE FROM bills_stored WHERE bill_id = 302")
    assert "rows_unaccounted" in red(db)


def test_deleted_for_a_reason(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "usage.csv", FILE))
    load(db, write(tmp_path / "more.csv", usage_csv([("2021-10-07", 700, "USD", "B", 3, 0)])))
    execute(db, "DELETE FROM bills_stored WHERE bill_id = 302", "DELETE FROM bills_history")
    assert reconcile(db, "", dry_run=True) == [Difference("bills", 28, 27), Difference("bills_history", 1, 0)]
    assert query(db, "SELECT * FROM reconciliations") == []
    reconcile(db, "the customer never was one")
    assert query(db, "SELECT table_name, difference, reason FROM reconciliations ORDER BY table_name") == [
        ("bills", -1, "the customer never was one"),
        ("bills_history", -1, "the customer never was one"),
    ]
    assert red(db, "bills_changed") == []
    load(
        db,
        write(tmp_path / "next.csv", usage_csv([("2021-10-07", 701, "USD", "B", 3, 0), ("2021-10-08", 1, "USD", "B", 3, 0)])),
    )
    assert "rows_unaccounted" not in red(db)


def test_changed_by_hand(db: Database, cli_on: Cli) -> None:
    assert cli_on("ingest", cli_on.write("usage.csv", FILE)).code == 0
    for bill_id in (302, 500):
        execute(db, f"UPDATE bills_stored SET customer_name = 'B' WHERE bill_id = {bill_id}")
    assert red(db) == ["rows_differ"]
    assert [row["changed"] for row in cli_on("db", "reconcile", "--dry-run").objects] == [2]
    assert red(db) == ["rows_differ"]
    assert cli_on("db", "reconcile", "--reason", "renamed", "--yes").code == 0
    assert red(db) == []


def test_a_ledger_that_contradicts_itself(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "usage.csv", FILE))
    load(db, write(tmp_path / "more.csv", usage_csv([("2021-10-07", 700, "USD", "B", 3, 0)])))
    execute(db, "UPDATE replacements SET records = 7")
    execute(db, "DELETE FROM bills_history")
    with pytest.raises(InputError, match="contradicts itself about bills_history"):
        reconcile(db, "no")


def test_dated_wrongly(db: Database, tmp_path: Path) -> None:
    wrong = [("2021-10-05", 999, "USD", "A", 10, 1)]
    load(db, write(tmp_path / "usage.csv", FILE + usage_csv(wrong).partition(b"\n")[2]))
    corrected = [("2021-10-05", 999, "USD", "A", 0, 0), ("2021-10-03", 999, "USD", "A", 10, 1)]
    load(db, write(tmp_path / "corrected.csv", usage_csv(corrected)))
    assert red(db, "bills_changed") == []  # which tells that a bill was corrected, and by how much
