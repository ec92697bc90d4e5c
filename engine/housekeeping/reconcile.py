"""Reconcile: rows that somebody deleted or added by hand, and that may stay so, are accepted: the ledger counts with them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dbsvc.engine import checks
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.log import event

_CHECK = "rows_unaccounted"


@dataclass(frozen=True)
class Difference:
    """How many rows a table should have by the ledger, and has."""

    table: str
    expected: int
    found: int


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
        tx.run("ledger/lock_dataset", dataset=dataset)
    (check,) = checks.choose(checks.load_checks(tx.statements), [_CHECK], [])
    today = datetime.now(UTC).date()
    found = checks.find(tx, check, date.min, today, check.read_thresholds(), sys.maxsize).rows
    differences = [Difference(row["table_name"], int(row["expected"]), row["found"]) for row in found]
    if twice := {one.table for one in differences if sum(one.table == other.table for other in differences) > 1}:
        raise InputError(
            f"The ledger contradicts itself about {', '.join(twice)}: it was changed, too. Restore the database from a backup."
        )
    for one in [] if dry_run else differences:
        difference = one.found - one.expected
        tx.run("housekeeping/reconcile/add", table_name=one.table, difference=difference, reason=reason)
    return differences
