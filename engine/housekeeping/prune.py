"""Prune: old versions of rows and closed rejects go, and the ledger counts them; so do results of checks, and receivers.

Each is a transaction of its own. One that was killed is pruned by the same command again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.reveal import lock_loads
from dbsvc.engine.log import event
from dbsvc.engine.reports.loads import count_rows


def prune(db: Database, before: date, *, dry_run: bool = False) -> dict[str, int]:
    """Delete what a day is past: versions that were replaced before it, records of rejects that were closed, results of checks.

    And what receivers of notifications were told and are owed that nobody named since that day.

    What something open may still need stays. Returns how many rows of each table go, or would with ``dry_run``. Raises
    InputError for a day that has not come.
    """
    if before > datetime.now(UTC).date():
        raise InputError(f"{before} has not come: what is to be kept begins today or before.")
    # first, for what may pass a retry keeps the history that it would fall into
    pruned = {"rejects": db.run_transaction(partial(_prune_rejects, before=before, dry_run=dry_run))}
    for dataset in db.statements.datasets.values():
        history = partial(_prune_history, dataset=dataset, before=before, dry_run=dry_run)
        pruned[f"{dataset.table}_history"] = db.run_transaction(history)
    pruned["check_results"] = db.run_transaction(partial(_prune_results, before=before, dry_run=dry_run))
    pruned["notices"] = db.run_transaction(partial(_prune_notices, before=before, dry_run=dry_run))
    event("pruned", before=before.isoformat(), dry_run=dry_run, **pruned)
    return pruned


def _prune_history(tx: Transaction, *, dataset: Dataset, before: date, dry_run: bool) -> int:
    lock_loads(tx, dataset.name)
    names = dataset.merge_parameters()
    history, key = names["history"], names["key"]
    tx.run("housekeeping/prune/find_history", history=history, past_key=names["past_key"], dataset=dataset.name, before=before)
    if found := _found(tx, dry_run):
        tx.run("housekeeping/prune/count_history")
        tx.run("housekeeping/prune/delete_history", history=history, key=key)
    return _done(tx, found)


def _prune_rejects(tx: Transaction, *, before: date, dry_run: bool) -> int:
    for dataset in tx.statements.datasets:
        lock_loads(tx, dataset)
    tx.run("housekeeping/prune/find_rejects", before=before)
    if found := _found(tx, dry_run):
        tx.run("housekeeping/prune/count_rejects")
        tx.run("housekeeping/prune/delete_rejects")
    return _done(tx, found)


def _prune_results(tx: Transaction, *, before: date, dry_run: bool) -> int:
    tx.run("housekeeping/prune/find_results", before=before)
    if found := _found(tx, dry_run):
        tx.run("housekeeping/prune/delete_results")
    return _done(tx, found)


def _prune_notices(tx: Transaction, *, before: date, dry_run: bool) -> int:
    tx.run("housekeeping/prune/find_notices", before=before)
    if found := _found(tx, dry_run):
        tx.run("housekeeping/prune/delete_notices")
    tx.run("housekeeping/prune/delete_receivers", before=before)
    return _done(tx, found)


def _found(tx: Transaction, dry_run: bool) -> int:
    """Return how many rows go. Raises TakenBackError if none of them is to go now."""
    found = count_rows(tx, "prunable")
    if dry_run:
        raise TakenBackError(found)
    return found


def _done(tx: Transaction, found: int) -> int:
    tx.run("housekeeping/drop", table="prunable")
    return found
