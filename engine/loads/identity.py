"""Identity: a record whose key belongs to another's record is rejected, and overwrites nothing.

Which staged records conflict so says the phase ``identity`` of their dataset, if it has one. They are known only when all of a
load is staged, so they are moved out of its staging table then, into the quarantine, with their very bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load, LoadChunk
from dbsvc.engine.loads.phases import own, plan, seeking
from dbsvc.engine.loads.repeats import repeated_keys

#: Given a chunk and lines of it: the records that begin there, each with its line, as far as their bytes are at hand.
FindRecords = Callable[[LoadChunk, Collection[int]], Iterable[tuple[int, bytes]]]

_COLUMNS = ("load_id", "line_no", "reasons", "raw_record", "record_key")


def has_identity(tx: Transaction, load: Load) -> bool:
    """Whether records of the load's dataset may have keys that belong to others."""
    return bool(tx.statements.phase(own(load, "identity")))


def reject_conflicts(tx: Transaction, load: Load, find_records: FindRecords, *, lent: bool = False) -> int:
    """Quarantine staged records whose keys belong to others, as far as their bytes are at hand. Returns how many there were.

    ``lent``: it is planned, and repeated keys are known.
    """
    load_id = load.load_id
    with _conflicts(tx, load, lent) as found:
        for row in tx.run("load/identity/find_chunks", load_id=load_id).rows if found else []:
            chunk, place = LoadChunk.from_row(row), {"first_line": row["first_line"], "last_line": row["last_line"]}
            known = {row["line_no"]: row for row in tx.run("load/identity/find_in_chunk", **place).rows}
            rejects = (
                (load_id, line, known[line]["reasons"], raw, known[line]["record_key"])
                for line, raw in find_records(chunk, known)
            )
            moved = tx.insert_rows("rejects", _COLUMNS, rejects)
            counts = {"read": row["read"], "staged": row["staged"] - moved, "rejected": row["rejected"] + moved}
            tx.run("ledger/finish_chunk", load_id=load_id, chunk_no=chunk.chunk_no, **counts)
        if found:
            tx.run("load/identity/unstage", load_id=load_id, staged=load.staging_table)
    return found


@contextmanager
def quarantine_of(tx: Transaction, load: Load) -> Iterator[FindRecords]:
    """Keep the bytes of a load's rejects while they are validated again; yields what finds them."""

    def find_records(_chunk: LoadChunk, lines: Collection[int]) -> Iterator[tuple[int, bytes]]:
        place = {"first_line": min(lines), "last_line": max(lines)}
        return ((row["line_no"], row["raw_record"]) for row in tx.run("load/identity/find_in_quarantine", **place).rows)

    if not has_identity(tx, load):
        yield find_records
        return
    tx.run("load/identity/keep_quarantine", load_id=load.load_id)
    yield find_records
    tx.run("load/identity/drop_quarantine")


@contextmanager
def _conflicts(tx: Transaction, load: Load, lent: bool) -> Iterator[int]:
    """Find conflicts, which are in a table of their own meanwhile; yields how many there are."""
    if not has_identity(tx, load):
        yield 0
        return
    tx.run("load/identity/create_conflicts")
    if not lent:
        plan(tx, load)
    with repeated_keys(tx, load, lent=lent), seeking(tx, load):
        found = sum(result.count for _, result in tx.run_phase(own(load, "identity"), staged=load.staging_table))
    yield found
    tx.run("load/identity/drop_conflicts")
