"""Identity: a record whose key belongs to another's record is rejected, and overwrites nothing.

Which staged records these strangers are, says the phase ``identity`` of their dataset, if it has one. They are known only when
all of a load is staged, so they are taken out of its staging area then, into the quarantine, with their very bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from dbsvc.engine.database import Row, Transaction

#: Given a chunk and lines of it: the records that begin there, each with its line, as far as their bytes are at hand.
FindRecords = Callable[[Row, Collection[int]], Iterable[tuple[int, bytes]]]

_COLUMNS = ("load_id", "line_no", "reasons", "raw_record", "record_key")


def reject_strangers(tx: Transaction, load: Row, staged: str, find_records: FindRecords) -> int:
    """Quarantine staged records whose keys belong to others, as far as their bytes are at hand. Returns how many there were."""
    load_id = load["load_id"]
    with _strangers(tx, load, staged) as found:
        for chunk in tx.run("identity/find_chunks", load_id=load_id).rows if found else []:
            place = {"first_line": chunk["first_line"], "last_line": chunk["last_line"]}
            known = {row["line_no"]: row for row in tx.run("identity/find_in_chunk", **place).rows}
            rejects = (
                (load_id, line, known[line]["reasons"], raw, known[line]["record_key"])
                for line, raw in find_records(chunk, known)
            )
            moved = tx.insert_rows("rejects", _COLUMNS, rejects)
            counts = {"read": chunk["read"], "staged": chunk["staged"] - moved, "rejected": chunk["rejected"] + moved}
            tx.run("ledger/finish_chunk", load_id=load_id, chunk_no=chunk["chunk_no"], **counts)
        if found:
            tx.run("identity/unstage", load_id=load_id, staged=staged)
    return found


@contextmanager
def quarantine_of(tx: Transaction, load: Row) -> Iterator[FindRecords]:
    """Keep the bytes of a load's rejects while they are judged again; yields what finds them."""

    def find_records(chunk: Row, lines: Collection[int]) -> Iterator[tuple[int, bytes]]:
        place = {"first_line": chunk["first_line"], "last_line": chunk["last_line"]}
        return ((row["line_no"], row["raw_record"]) for row in tx.run("identity/find_in_quarantine", **place).rows)

    if not tx.statements.phase(_phase(load)):
        yield find_records
        return
    tx.run("identity/keep_quarantine", load_id=load["load_id"])
    yield find_records
    tx.run("identity/drop_quarantine")


@contextmanager
def _strangers(tx: Transaction, load: Row, staged: str) -> Iterator[int]:
    """Find strangers, which are in a table of their own meanwhile; yields how many there are."""
    if not tx.statements.phase(_phase(load)):
        yield 0
        return
    tx.run("identity/create_strangers")
    yield sum(result.count for _, result in tx.run_phase(_phase(load), staged=staged))
    tx.run("identity/drop_strangers")


def _phase(load: Row) -> str:
    return f"{load['dataset']}/identity"
