"""Staging tables: what a load's rows wait in, made where nothing is in the way, and found whoever left them."""

from __future__ import annotations

import logging
import re

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import UnusableError
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import own, run_phase, run_statement
from dbsvc.engine.loads.validate import DOUBTS
from dbsvc.engine.log import event


def create_staging(tx: Transaction, load: Load) -> None:
    """Make a load's staging table, in place of what stands there."""
    drop_tables(tx, find_staging(tx, load.dataset, load.load_id))
    run_statement(tx, load, "load/staging/create")
    run_phase(tx, load, "load/spread")
    if any(own(load, f"contract/{statement}") in tx.statements for statement in DOUBTS):
        run_phase(tx, load, "load/number")


def draw_load_id(tx: Transaction, dataset: str, *, rehearsal: bool = False) -> int:
    """Draw the next load's number. That of a ``rehearsal`` is one that nobody waits for.

    Staging tables of that number are nobody's: a restored backup, a reset or a person left them. They go. If they may not be
    dropped, for they belong to another role, the number is left out.
    """
    load_id: int = tx.run("ledger/imagine_load_id" if rehearsal else "ledger/draw_load_id").rows[0]["load_id"]
    if left := find_staging(tx, dataset, load_id):
        event("staging tables of nobody", logging.WARNING, load_id=load_id, tables=left)
        try:
            with tx.transaction():
                drop_tables(tx, left)
        except UnusableError:
            return draw_load_id(tx, dataset, rehearsal=rehearsal)
    return load_id


def has_staging(tx: Transaction, load: Load) -> bool:
    """Whether a load's staging table is there: a backup may leave it out, or somebody drop it. Then all is staged again."""
    return load.staging_table in find_staging(tx, load.dataset, load.load_id)


def find_staging(tx: Transaction, dataset: str, load_id: int | None = None) -> list[str]:
    """Return the staging tables of a dataset's loads, or of one of them, with the parts of those that are staged by months."""
    number = "[0-9]+" if load_id is None else load_id
    pattern = re.compile(rf"staged_{dataset}_{number}(_[0-9]{{4}}_[0-9]{{2}}|_rest)?")
    tables: list[str] = [row["table_name"] for row in tx.run("schema/tables").rows]
    return [table for table in tables if pattern.fullmatch(table)]


def drop_tables(tx: Transaction, tables: list[str]) -> None:
    """Drop staging tables."""
    for table in tables:
        tx.run("load/staging/drop", staged=table)
