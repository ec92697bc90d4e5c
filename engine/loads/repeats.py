"""Repeats: the keys that stand more than once in what is staged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import run_phase, run_statement


@contextmanager
def repeated_keys(tx: Transaction, load: Load, *, lent: bool = False) -> Iterator[None]:
    """Lend a table of them, named ``repeated``, unless it is ``lent`` already by somebody further out."""
    if lent:
        yield
        return
    run_phase(tx, load, "load/repeated")
    yield
    run_statement(tx, load, "load/merge/drop_repeated")
