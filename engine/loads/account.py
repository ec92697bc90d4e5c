"""Accounting: how many rows stand by each load and day, and a digest of them, so that a check notices what others change."""

from __future__ import annotations

import json
from datetime import date

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.in_place import rows_in_place
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import run_statement


def add_rows(tx: Transaction, load: Load, table: str) -> None:
    """Account for the rows of a load in a table."""
    given = tx.statements.datasets[load.dataset].merge_parameters()
    days = tx.run_with("load/account/sum_rows", {**given, "load_id": load.load_id, "from_table": table}).rows
    tx.run("load/account/add_days", load_id=load.load_id, sums=json.dumps(days))


def count_days(tx: Transaction, load: Load, first_day: date, next_day: date) -> int:
    """Return how many rows of a load are accounted for, from a day until before another."""
    days = {"first_day": first_day, "next_day": next_day}
    return int(tx.run("load/account/count_days", load_id=load.load_id, **days).rows[0]["records"])


def account_again(tx: Transaction, dataset: Dataset) -> None:
    """Account for all rows of a dataset as they are now."""
    tx.run("load/account/forget_dataset", dataset=dataset.name)
    tx.run_with("load/account/add_all", dataset.merge_parameters())


def forget(tx: Transaction, load: Load) -> None:
    """Account for no row of a load any more."""
    tx.run("load/account/forget", load_id=load.load_id)


def add_changes(tx: Transaction, load: Load, *, inserted: bool, replayed: bool) -> None:
    """Account for what a merge, or taking a load back, writes down."""
    if not tx.statements.datasets[load.dataset].is_digested:
        return
    if inserted:
        run_statement(tx, load, "load/account/add_inserted")
    if replayed:
        run_statement(tx, load, "load/account/add_replayed")


def require_rows(tx: Transaction, load: Load, records: int) -> None:
    """See that all rows of a load that lie in place are accounted for. Where they lie is known by a sample only."""
    for ranged in (True, False):
        if tx.run("load/account/count", load_id=load.load_id).rows[0]["records"] == records:
            return
        forget(tx, load)
        with rows_in_place(tx, load, ranged=ranged) as placed:
            add_rows(tx, load, placed)
