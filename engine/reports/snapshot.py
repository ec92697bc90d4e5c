"""What reports and checks read in: one state of the database, in which each load is whole or not there at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction


@contextmanager
def read_snapshot(db: Database) -> Iterator[Transaction]:
    """Open a snapshot in which no partition is exchanged into a table."""
    with db.snapshot() as tx:
        for dataset in db.statements.datasets.values():
            if dataset.partition_by:
                tx.run("reports/lock_table", table=dataset.table)
        yield tx
