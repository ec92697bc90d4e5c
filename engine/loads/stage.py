"""Stage: one transaction a chunk. Claim it, take the fast path for most records, land and validate the others, count."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any, TypeVar

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, IntegrityError, UnavailableError, UnusableError
from dbsvc.engine.loads.fast_path import NotWorthItError, Prepared, find_patterns, stage_fast
from dbsvc.engine.loads.ledger import count_chunks, lock_load, share_load
from dbsvc.engine.loads.model import Load, LoadChunk, LoadStatus
from dbsvc.engine.loads.phases import own, parameters, run_phase
from dbsvc.engine.loads.prepare import Preparing, read_chunk
from dbsvc.engine.loads.staging import has_staging
from dbsvc.engine.loads.validate import BATCH, DOUBTS, stage_valid
from dbsvc.engine.log import event, step
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import part, raw_records
from dbsvc.engine.sources.header import Header
from dbsvc.engine.sources.scan import Chunk
from dbsvc.engine.threads import workers

T = TypeVar("T")

#: How often a node of the database is tried before the database itself is.
_TRIES_OF_A_NODE = 2
#: What it raises if it is away, or does not let us in.
_AWAY = (UnavailableError, UnusableError)


@dataclass(frozen=True)
class Turn:
    """One turn of a staging worker: the records staged so far by everybody, what it staged itself, and whether more is left."""

    done: int
    staged: dict[str, Any] | None
    more: bool


def partition(tx: Transaction, load: Load, records: int, settings: Settings, find_keys: Callable[[], str]) -> None:
    """Let a large load be staged where it will stay, or by months that can be placed; unless some of it is staged already.

    ``find_keys`` samples the keys of its file; they are kept until it is published or discarded.
    Records that may be taken out again once they are staged, by rules that no pattern knows, are not sought in a large table.
    """
    load = lock_load(tx, load)
    doubtful = any(own(load, f"contract/{statement}") in tx.statements for statement in DOUBTS)
    if load.status is not LoadStatus.STAGING or doubtful or tx.statements.phase(own(load, "identity")):
        return
    limits = {"records": records, "month_records": settings.month_records}
    partitioned, placed = own(load, "contract/10_partition"), own(load, "contract/place")
    if partitioned in tx.statements:
        months = tx.run_with(partitioned, parameters(tx, load, **limits)).rows
        if months:
            run_phase(tx, load, "load/log")
            run_phase(tx, load, "load/split")
        for month in months:
            run_phase(tx, load, "load/split_month", **month)
        return
    if not tx.run("ledger/has_keys", load_id=load.load_id).rows:
        tx.insert_rows("load_keys", ("load_id", "keys"), [(load.load_id, find_keys())])
    if tx.run_with(placed, parameters(tx, load, **limits)).rows:
        run_phase(tx, load, "load/log")


def stage(
    db: Database,
    load: Load,
    file: SourceFile,
    header: Header,
    jobs: int,
    progress: Callable[[int], None],
    chunks: Sequence[Chunk] = (),
) -> None:
    """Stage chunk after chunk, until nobody has any left. ``progress`` is told the records staged so far.

    Without ``jobs`` it is done by this thread, in the transaction that it may have open. One job alone prepares the chunk that
    is next of the ``chunks`` that were scanned, while the one before is inserted; several have their cores at work anyway.
    """

    def turn_at(node: Database | None) -> Turn | None:
        """Stage a chunk through a node, or through the database itself if the node cannot be reached."""
        if node and node not in lost:
            try:
                return node.run_transaction(lambda tx: stage_chunk(tx, load, preparing), _TRIES_OF_A_NODE)
            except _AWAY as error:
                if node not in lost:  # several of us may have tried it at once
                    lost.add(node)
                    event("staged without a node", logging.WARNING, node=node.dialect.label, because=str(error))
        return db.run_transaction(lambda tx: stage_chunk(tx, load, preparing))

    def work(node: Database | None = None) -> None:
        more = True
        while more and (turn := turn_at(node)):
            if turn.staged:
                step("staged", load_id=load.load_id, **turn.staged)
            progress(turn.done)
            if more := turn.more:
                db.give_way()

    preparing, lost = Preparing(file, header), set[Database]()
    if not jobs:
        work()
        return
    with workers(db, jobs + (jobs == 1), "stage") as pool:
        if jobs == 1:
            preparing.ahead(db, pool, chunks)
        if len(chunks) > 1:
            db.find_nodes()
        nodes = islice(cycle(_from_any([node for node in db.elsewhere if _reaches(node, load)]) or [None]), jobs)
        futures = [pool.submit(work, node) for node in nodes]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()


def _reaches(node: Database, load: Load) -> bool:
    """Whether the load's table can be reached through a node: it may lie on another one alone. Who is away is tried later."""
    try:
        return node.run_transaction(lambda tx: has_staging(tx, load), _TRIES_OF_A_NODE)
    except _AWAY:
        return True


def _from_any(nodes: list[Database]) -> list[Database]:
    """Return them in turn from any one on, so that many instances with few jobs use all of them."""
    first = random.randrange(len(nodes)) if nodes else 0
    return nodes[first:] + nodes[:first]


def stage_chunk(tx: Transaction, load: Load, preparing: Preparing) -> Turn | None:
    """Claim a chunk and stage it. Returns None when there is no more to do."""
    load_id, header = load.load_id, preparing.header
    now = share_load(tx, load)
    if now.status is not LoadStatus.STAGING:
        return None
    if now.rules != tx.statements.fingerprint(load.dataset, header.profile.text if header.profile else ""):
        raise ConfigurationError(f"Load {load_id} is being loaded by another version of dbsvc: leave it to that one.")
    found = tx.run("ledger/claim_chunk", load_id=load_id).rows or tx.run("ledger/await_chunk", load_id=load_id).rows
    staged = _stage_claimed(tx, now, LoadChunk.from_row(found[0]), preparing) if found else None
    state = count_chunks(tx, load_id)
    more = bool(state["staged_chunks"] < state["chunks"])
    return Turn(state["read"], staged, more) if found or more else None


def _stage_claimed(tx: Transaction, load: Load, chunk: LoadChunk, preparing: Preparing) -> dict[str, Any]:
    started = time.perf_counter()
    prepared = preparing.prepare(chunk, find_patterns(tx, preparing.header.dataset))
    run_phase(tx, load, "load/session")
    place = {"load_id": load.load_id, "chunk_no": chunk.chunk_no}
    # not before the file is at hand again: until then they are kept
    tx.run("ledger/clear_chunk_rejects", **place, first_line=chunk.first_line)
    read, passed = _stage_data(tx, load, chunk, preparing.header, prepared)
    # the database checks: read = staged + rejected
    tx.run("ledger/finish_chunk", **place, read=read, staged=passed, rejected=read - passed)
    seconds = round(time.perf_counter() - started, 3)
    return {"chunk_no": chunk.chunk_no, "read": read, "rejected": read - passed, "seconds": seconds}


def _stage_data(tx: Transaction, load: Load, chunk: LoadChunk, header: Header, prepared: Prepared) -> tuple[int, int]:
    """Stage a chunk where its rows will stay, if its load is to be placed and nobody merges there now.

    Else, or if it meets a key there, apart. Returns how many records were read, and how many of them passed.
    """
    free = load.in_place and tx.run("ledger/try_place", dataset=load.dataset).rows[0]["is_free"]
    tables = [header.dataset.stored, load.staging_table] if free else [load.staging_table]
    try:
        with tx.transaction():
            passed, others = _stage_into(tx, tables, partial(stage_fast, tx, load, chunk, header, prepared))
    except (IntegrityError, NotWorthItError):  # a constraint that no pattern knows: the rules say which records break it
        passed, others = 0, [(chunk.first_line, prepared.data)]
    read = passed
    for batches in _parts(header, others):
        landed, good = _stage_into(tx, tables, partial(stage_valid, tx, load, header, batches))
        read, passed = read + landed, passed + good
    return read, passed


def _stage_into(tx: Transaction, tables: list[str], stage: Callable[[str], T]) -> T:
    """Stage records into the first of the tables whose keys let them."""
    for table in tables[:-1]:
        with suppress(IntegrityError), tx.transaction():
            return stage(table)
    return stage(tables[-1])


def read_records(chunk: LoadChunk, lines: Collection[int], *, file: SourceFile, header: Header) -> Iterator[tuple[int, bytes]]:
    """Read the records that begin on these lines of a chunk."""
    return raw_records(header.format, [(chunk.first_line, read_chunk(chunk, file))], lines)


def _parts(header: Header, batches: list[Batch]) -> Iterator[list[Batch]]:
    """Yield what is validated at once, however short the batches are."""
    if len(batches) == 1:
        yield from ([batch] for batch in part(header.format, batches[0], BATCH))
    else:
        yield from (batches[start : start + BATCH] for start in range(0, len(batches), BATCH))
