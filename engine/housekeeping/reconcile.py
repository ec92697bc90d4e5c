"""Reconcile: what somebody deleted, added or changed by hand, and may stay so, is accepted: the ledger counts with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dbsvc.engine import checks
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.account import account_again
from dbsvc.engine.loads.reveal import lock_dataset, lock_loads
from dbsvc.engine.log import event

_COUNTED, _DIGESTED = "rows_unaccounted", "rows_differ"


@dataclass(frozen=True)
class Difference:
    """How many rows a table should have by the ledger, and has; and of how many loads, or days of them, values differ."""

    table: str
    expected: int
    found: int
    changed: int = 0


def reconcile(db: Database, reason: str, *, dry_run: bool = False) -> list[Difference]:
    """Accept that tables have other rows than the ledger says, and keep why. Returns where they had.

    With ``dry_run`` nothing is accepted. Raises InputError where the ledger contradicts itself, and for no reason.
    """
    if not reason.strip() and not dry_run:
        raise InputError("Why may it stay as it is? Give a reason: it is kept with the difference.")
    differences = db.run_transaction(lambda tx: _reconcile(tx, reason.strip(), dry_run=dry_run))
    event("reconciled", dry_run=dry_run, tables={one.table: one.found - one.expected for one in differences})
    return differences


def _reconcile(tx: Transaction, reason: str, *, dry_run: bool) -> list[Difference]:
    for dataset in tx.statements.datasets:
        (lock_loads if dry_run else lock_dataset)(tx, dataset)
    differences = [Difference(row["table_name"], int(row["expected"]), row["found"]) for row in _find(tx, _COUNTED)]
    if twice := {one.table for one in differences if sum(one.table == other.table for other in differences) > 1}:
        raise InputError(
            f"The ledger contradicts itself about {', '.join(twice)}: it was changed, too. Restore the database from a backup."
        )
    for one in [] if dry_run else differences:
        difference = one.found - one.expected
        tx.run("housekeeping/reconcile/add", table_name=one.table, difference=difference, reason=reason)
    return [*differences, *_account_again(tx, reason, dry_run=dry_run)]


def _account_again(tx: Transaction, reason: str, *, dry_run: bool) -> Iterator[Difference]:
    """Account for rows as they are, of each dataset that has others than its loads published; yields where values differ."""
    found = _find(tx, _DIGESTED)
    for dataset in tx.statements.datasets.values():
        rows = [row for row in found if row["table_name"] == dataset.table]
        if rows and not dry_run:
            account_again(tx, dataset)
        if changed := [row for row in rows if row["what"] == "values differ"]:
            records = int(sum(row["records"] for row in changed))
            if not dry_run:
                tx.run("housekeeping/reconcile/add", table_name=dataset.table, difference=0, reason=reason)
            yield Difference(dataset.table, records, records, len(changed))


def _find(tx: Transaction, name: str) -> list[Row]:
    """Return all that a check finds, however far back."""
    (check,) = checks.choose(checks.load_checks(tx.statements), [name])
    today = datetime.now(UTC).date()
    return checks.find(tx, check, date.min, today, check.read_thresholds(), sys.maxsize).rows
