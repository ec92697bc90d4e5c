"""Publish: one transaction that merges staged rows with stored ones, and all that is derived from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from dbsvc.engine.datasets import find_dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import IntegrityError
from dbsvc.engine.loads.identity import FindRecords, reject_conflicts
from dbsvc.engine.loads.ledger import find_load, lock_load, reset_lost_chunks, restage
from dbsvc.engine.loads.model import BUCKETS, FindingsError, Load, LoadChunk, LoadStatus
from dbsvc.engine.loads.phases import parameters, run_phase
from dbsvc.engine.log import event


def _find_nothing(_chunk: LoadChunk, _lines: Collection[int]) -> Iterable[tuple[int, bytes]]:
    """Find no record: the file is not at hand."""
    return ()


def publish(
    db: Database, load: Load, *, max_contradicting_share: float = 1.0, find_records: FindRecords = _find_nothing
) -> Load:
    """Publish a staged load in one transaction. Returns it as it is now: unchanged if somebody else was faster.

    It is ``held`` if a larger share of its records than that contradict another record of the file, and ``staging`` if records
    of it turn out to be rejects, which are then audited; ``find_records`` reads them from the file.
    """
    load, ours = db.run_transaction(lambda tx: publish_in(tx, load, max_contradicting_share, find_records))
    if ours:
        event("published", load_id=load.load_id, read=load.read, **load.buckets)
    return load


def publish_in(
    tx: Transaction, load: Load, max_contradicting_share: float = 1.0, find_records: FindRecords = _find_nothing
) -> tuple[Load, bool]:
    """Do in an open transaction what ``publish`` does. Returns the load, and whether it was published now."""
    tx.run("ledger/lock_dataset", dataset=load.dataset)
    load = lock_load(tx, load.load_id)
    if load.status is not LoadStatus.STAGED:
        return load, False
    if reset_lost_chunks(tx, load) or reject_conflicts(tx, load, find_records):
        return restage(tx, load), False
    try:
        with tx.transaction():
            counts = merge(tx, load, max_contradicting_share)
    except FindingsError as found:
        tx.run("ledger/hold_load", load_id=load.load_id, held_because=str(found))
        return find_load(tx, load.load_id), False
    tx.run("ledger/publish_load", load_id=load.load_id, **counts)
    close(tx, load)
    return find_load(tx, load.load_id), True


def close(tx: Transaction, load: Load) -> None:
    """Prune what was kept for this load, and drop its staging table."""
    run_phase(tx, load, "load/prune")
    run_phase(tx, load, "load/close")


def merge(tx: Transaction, load: Load, max_contradicting_share: float) -> dict[str, int]:
    """Make the staged records public, with all that is derived from them; returns how many went into each bucket.

    Raises FindingsError if a larger share of them than that contradict each other, unless the load was released.
    """
    exchanged = _exchange(tx, load)
    run_phase(tx, load, "load/find_duplicates")
    share = 1.0 if load.released else max_contradicting_share
    contradictions = tx.run_phase("load/contradictions", **parameters(tx, load), max_contradicting_share=share)
    if findings := [row["finding"] for _, result in contradictions for row in result.rows]:
        raise FindingsError(findings)
    counts = run_phase(tx, load, "load/dedupe")
    if exchanged is None:  # a key stood there twice, which none does now
        exchanged = run_phase(tx, load, "load/exchange")
    counts += exchanged
    counts += run_phase(tx, load, "load/merge")
    for phase in tx.statements.derivations(load.dataset):
        run_phase(tx, load, phase)
    run_phase(tx, load, "load/finish")
    return {bucket: counts[bucket] for bucket in BUCKETS if bucket != "rejected"}


def _exchange(tx: Transaction, load: Load) -> Counter[str] | None:
    """Exchange what can be, if the dataset's table can be at all. Returns None if a key stands twice in the file."""
    if not find_dataset(tx.statements, load.dataset).partition_by:
        return Counter()
    try:
        with tx.transaction():
            return run_phase(tx, load, "load/exchange")
    except IntegrityError:
        return None
