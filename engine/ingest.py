"""A load's life: register → stage (chunk by chunk) → audit → publish, or held → release | discard.

Every step is a transaction that may be run again, by this process or another one, at any time.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dbsvc.engine import records
from dbsvc.engine.database import Database, Row, Transaction
from dbsvc.engine.datasets import Header, find_dataset, load_datasets, read_header
from dbsvc.engine.delivery import Delivery
from dbsvc.engine.errors import (
    ConfigurationError,
    DbsvcError,
    InputError,
    InputMissingError,
    MalformedCsvError,
    UnrecognisedError,
)
from dbsvc.engine.log import event
from dbsvc.engine.settings import Settings

BUCKETS = ("inserted", "updated", "unchanged", "duplicate", "superseded", "rejected")

#: Files with fewer records than this are only held when more than half of them is rejected.
SMALL_FILE = 100

#: Called with the records staged so far in this load, by whoever, and an estimate of all there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Chunk:
    """A record-aligned byte range of a file."""

    chunk_no: int
    byte_start: int
    byte_end: int
    first_line: int
    sha256: str


@dataclass(frozen=True)
class Scan:
    """What one pass over a file finds: the digest of its content, its chunks, and how many lines it has."""

    sha256: str
    chunks: list[Chunk]
    lines: int


@dataclass
class Outcome:
    """What became of a load: the ledger's row, and what this run did."""

    load: Row
    #: it was published before this run began
    already: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A file to load, or why it cannot be; ``skipped`` if nobody named it and it is no delivery of ours."""

    source: str
    error: DbsvcError | None = None
    skipped: bool = False


def plan(db: Database, sources: Iterable[tuple[str, bool]]) -> list[Planned]:
    """Put files in the order their datasets depend on each other. Sources come with whether they were named themselves."""
    datasets = load_datasets(db.statements)
    ranked = []
    for source, named in sources:
        rank, error, skipped = -1, None, False
        if source != "-":  # which can be read only once, and comes first
            try:
                with Delivery(source) as delivery:
                    rank = datasets.index(read_header(delivery, datasets).dataset)
            except (InputError, InputMissingError) as problem:
                error, skipped = problem, isinstance(problem, UnrecognisedError) and not named
        ranked.append((rank, Planned(source, error, skipped)))
    return [planned for _, planned in sorted(ranked, key=lambda pair: pair[0])]


def scan(delivery: Delivery, header: Header, chunk_bytes: int) -> Scan:
    """Read a file once: digest its content and find its chunks. Raises InputError for a line no record can have."""
    digest = hashlib.sha256(delivery.read(0, header.end))
    chunks: list[Chunk] = []
    start, line, rest = header.end, header.next_line, b""
    while start < delivery.size:
        block = delivery.read(start + len(rest), min(chunk_bytes, delivery.size - start - len(rest)))
        data = rest + block
        end = records.cut(data, final=start + len(data) >= delivery.size or not block)
        if end == 0:
            if len(data) > records.LONGEST_RECORD:
                raise InputError(
                    f"{delivery.source}: line {line} goes on for more than {records.LONGEST_RECORD // 2**20} MiB, "
                    "which no record does. Is it a CSV file?"
                )
            rest = data
            continue
        content, rest = data[:end], data[end:]
        digest.update(content)
        chunks.append(Chunk(len(chunks), start, start + end, line, hashlib.sha256(content).hexdigest()))
        start, line = start + end, line + content.count(b"\n")
    return Scan(digest.hexdigest(), chunks, line - header.next_line)


def ingest(
    db: Database,
    delivery: Delivery,
    header: Header,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Load one file, whole or not at all; resume what a run before left, share what another one does.

    Returns when the load is published, held or discarded. Raises InputError when the file changes underneath.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "scan"):
        scanned = scan(delivery, header, settings.chunk_bytes)
    load = db.run_transaction(lambda tx: _register(tx, delivery, header, scanned))
    event("registered", load_id=load["load_id"], dataset=load["dataset"], source=delivery.source, status=load["status"])
    already = load["status"] == "published"
    while load["status"] in ("staging", "staged"):
        if load["status"] == "staging":
            with _timed(seconds, "stage"):
                _stage(db, load, delivery, header, jobs, lambda done: progress(done, scanned.lines))
            with _timed(seconds, "audit"):
                load = db.run_transaction(partial(_audit, load=load, settings=settings))
            event("audited", load_id=load["load_id"], status=load["status"], held_because=load["held_because"])
        if load["status"] == "staged":
            with _timed(seconds, "publish"):
                load = publish(db, load)
    return Outcome(load, already, seconds)


def publish(db: Database, load: Row) -> Row:
    """Publish a staged load in one transaction. Returns the ledger's row: unchanged if somebody else was faster."""
    load, ours = db.run_transaction(lambda tx: _publish(tx, load))
    if ours:
        event("published", load_id=load["load_id"], read=load["read"], **{bucket: load[bucket] for bucket in BUCKETS})
    return load


def release(db: Database, load_id: int) -> Row:
    """Publish a held load; make a discarded one loadable again. Returns the ledger's row: published, or staging.

    It is ``staging`` when the file is needed again, because the staging area is gone. Raises InputError in other states.
    """
    load = db.run_transaction(lambda tx: _release(tx, load_id))
    return publish(db, load) if load["status"] == "staged" else load


def discard(db: Database, load_id: int) -> Row:
    """Give up a load that is not published. Returns the ledger's row. Raises InputError in other states."""
    return db.run_transaction(lambda tx: _discard(tx, load_id))


def find_load(tx: Transaction, load_id: int, statement: str = "ledger/show_load") -> Row:
    """Return a load's row. Raises InputError if there is none."""
    if rows := tx.run(statement, load_id=load_id).rows:
        return rows[0]
    raise InputError(f"There is no load {load_id}. `dbsvc loads` lists them.")


def _register(tx: Transaction, delivery: Delivery, header: Header, scanned: Scan) -> Row:
    dataset = header.dataset.name
    rules = tx.statements.fingerprint(dataset)
    bytes_are = {"dataset": dataset, "sha256": scanned.sha256}
    known = tx.run("ledger/find_load", **bytes_are).rows
    if not known:
        load_id = tx.run("ledger/draw_load_id").rows[0]["load_id"]
        # whoever held the number before us may have registered these very bytes
        known = tx.run("ledger/find_load", **bytes_are).rows
    if known:
        load = known[0]
        if load["status"] in ("staging", "staged") and load["rules"] != rules:
            load = find_load(tx, load["load_id"], "ledger/lock_load")
            if load["status"] in ("staging", "staged"):
                load = _restart(tx, load, rules, released=load["released"])
        return load
    tx.run(
        "ledger/add_load",
        load_id=load_id,
        source=delivery.source,
        bytes=delivery.size,
        header=header.raw,
        rules=rules,
        **bytes_are,
    )
    tx.insert_rows(
        "load_chunks",
        ("load_id", "chunk_no", "byte_start", "byte_end", "first_line", "sha256"),
        [(load_id, c.chunk_no, c.byte_start, c.byte_end, c.first_line, c.sha256) for c in scanned.chunks],
    )
    load = find_load(tx, load_id)
    _run(tx, load, "merge/open")
    return load


def _restart(tx: Transaction, load: Row, rules: str, *, released: bool) -> Row:
    """Stage the whole of a locked load again."""
    load_id = load["load_id"]
    tx.run("ledger/forget_chunks", load_id=load_id)
    tx.run("ledger/forget_rejects", load_id=load_id)
    tx.run("ledger/restart_load", load_id=load_id, rules=rules, released=released)
    _run(tx, load, "merge/close")
    _run(tx, load, "merge/open")
    return find_load(tx, load_id)


def _stage(db: Database, load: Row, delivery: Delivery, header: Header, jobs: int, progress: Callable[[int], None]) -> None:
    def work() -> None:
        while step := db.run_transaction(lambda tx: _stage_chunk(tx, load, delivery, header)):
            if step.staged:
                event("staged", load_id=load["load_id"], **step.staged)
            progress(step.done)

    with ThreadPoolExecutor(jobs, thread_name_prefix="stage") as pool:
        workers = [pool.submit(work) for _ in range(jobs)]
        for worker in wait(workers, return_when=FIRST_EXCEPTION).done:
            worker.result()


@dataclass(frozen=True)
class _Step:
    """One turn of a staging worker: the records staged so far by everybody, and what it staged itself."""

    done: int
    staged: dict[str, Any] | None


def _stage_chunk(tx: Transaction, load: Row, delivery: Delivery, header: Header) -> _Step | None:
    """Claim a chunk and stage it. Returns None when there is no more to do."""
    load_id = load["load_id"]
    now = find_load(tx, load_id, "ledger/share_load")
    if now["status"] != "staging":
        return None
    if now["rules"] != tx.statements.fingerprint(load["dataset"]):
        raise ConfigurationError(f"Load {load_id} is being loaded by another version of dbsvc: leave it to that one.")
    chunks = tx.run("ledger/claim_chunk", load_id=load_id).rows or tx.run("ledger/await_chunk", load_id=load_id).rows
    staged = _stage_claimed(tx, load, chunks[0], delivery, header) if chunks else None
    state = tx.run("ledger/count_chunks", load_id=load_id).rows[0]
    return _Step(state["read"], staged) if chunks or state["staged_chunks"] < state["chunks"] else None


def _stage_claimed(tx: Transaction, load: Row, chunk: Row, delivery: Delivery, header: Header) -> dict[str, Any]:
    load_id, dataset = load["load_id"], load["dataset"]
    started = time.perf_counter()
    place = {"load_id": load_id, "chunk_no": chunk["chunk_no"], "first_line": chunk["first_line"]}
    data = delivery.read(chunk["byte_start"], chunk["byte_end"] - chunk["byte_start"])
    if hashlib.sha256(data).hexdigest() != chunk["sha256"]:
        raise InputError(
            f"{delivery.source} changed while load {load_id} was reading it; nothing of it was published. "
            "Run the same command again to load it as it is now."
        )
    tx.run("ledger/clear_chunk_rejects", **place)
    raw = f"raw_{dataset}"
    _run(tx, load, f"{dataset}/receive", raw=raw)
    read = _receive(tx, raw, header.columns, data)
    rejects = {
        row["line_in_chunk"]: row["reasons"] for _, result in tx.run_phase(f"{dataset}/judge", raw=raw) for row in result.rows
    }
    if rejects:
        raw_records = records.raw_records(data, rejects.keys())
        tx.insert_rows(
            "rejects",
            ("load_id", "line_no", "reasons", "raw_record"),
            ((load_id, chunk["first_line"] + n - 1, rejects[n], raw_records[n]) for n in sorted(rejects)),
        )
    counts = _run(tx, load, f"{dataset}/stage", raw=raw, **place)
    # the database checks: read = staged + rejected
    tx.run(
        "ledger/finish_chunk",
        load_id=load_id,
        chunk_no=chunk["chunk_no"],
        read=read,
        staged=counts["staged"],
        rejected=len(rejects),
    )
    seconds = round(time.perf_counter() - started, 3)
    return {"chunk_no": chunk["chunk_no"], "read": read, "rejected": len(rejects), "seconds": seconds}


def _receive(tx: Transaction, raw: str, columns: tuple[str, ...], data: bytes) -> int:
    """Copy a chunk's records as they are; returns how many. Only a chunk with odd ones is taken apart record by record."""
    if (clean := records.tidy(data)) is not None:
        try:
            return tx.copy_csv(raw, columns, clean)
        except MalformedCsvError:
            pass
    return tx.copy_csv(raw, ("line_in_chunk", "fault", *columns), records.repair(data, len(columns)))


def _audit(tx: Transaction, load: Row, settings: Settings) -> Row:
    load_id = load["load_id"]
    load = find_load(tx, load_id, "ledger/lock_load")
    if load["status"] != "staging":
        return load
    _forget_lost(tx, load)
    state = tx.run("ledger/count_chunks", load_id=load_id).rows[0]
    if state["staged_chunks"] < state["chunks"]:
        return load
    tx.run("ledger/count_read", load_id=load_id)
    _run(tx, load, f"{load['dataset']}/measure")
    findings = []
    if not load["released"]:
        limits = {
            "max_rejected_share": settings.max_rejected_share,
            "small_file": SMALL_FILE,
            "total_factor": settings.total_factor,
            "total_min_loads": settings.total_min_loads,
        }
        for folder in ("audit", f"{load['dataset']}/audit"):
            for _, result in tx.run_phase(folder, load_id=load_id, **limits):
                findings += [row["finding"] for row in result.rows]
    if findings:
        tx.run("ledger/hold_load", load_id=load_id, held_because="\n".join(findings))
    return find_load(tx, load_id)


def _publish(tx: Transaction, load: Row) -> tuple[Row, bool]:
    load_id = load["load_id"]
    tx.run("ledger/lock_dataset", dataset=load["dataset"])
    load = find_load(tx, load_id, "ledger/lock_load")
    if load["status"] != "staged":
        return load, False
    if _forget_lost(tx, load):
        tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=load["released"])
        return find_load(tx, load_id), False
    counts = _run(tx, load, "merge/publish")
    for phase in find_dataset(tx.statements, load["dataset"]).derive:
        _run(tx, load, phase)
    _run(tx, load, "merge/finish")
    tx.run("ledger/publish_load", load_id=load_id, **{b: counts[b] for b in BUCKETS if b != "rejected"})
    _run(tx, load, "merge/settle")
    _run(tx, load, "merge/close")
    return find_load(tx, load_id), True


def _release(tx: Transaction, load_id: int) -> Row:
    load = find_load(tx, load_id, "ledger/lock_load")
    match load["status"]:
        case "held" if _forget_lost(tx, load):
            tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=True)
        case "held":
            tx.run("ledger/release_load", load_id=load_id)
        case "discarded":
            new_load_id = tx.run("ledger/draw_load_id").rows[0]["load_id"]
            tx.run("ledger/renumber_load", load_id=load_id, new_load_id=new_load_id)
            return _restart(tx, {**load, "load_id": new_load_id}, tx.statements.fingerprint(load["dataset"]), released=True)
        case status:
            raise InputError(f"Load {load_id} is {status}: only a held or discarded load can be released.")
    return find_load(tx, load_id)


def _discard(tx: Transaction, load_id: int) -> Row:
    load = find_load(tx, load_id, "ledger/lock_load")
    if load["status"] not in ("staging", "staged", "held"):
        raise InputError(f"Load {load_id} is {load['status']}: only a load that is not published can be discarded.")
    tx.run("ledger/discard_load", load_id=load_id)
    _run(tx, load, "merge/settle")
    _run(tx, load, "merge/close")
    return find_load(tx, load_id)


def _forget_lost(tx: Transaction, load: Row) -> bool:
    """Mark chunks whose staging rows a crash of the server took for staging again; returns whether there are any."""
    load_id = load["load_id"]
    lost = tx.run("ledger/forget_lost_chunks", load_id=load_id, staged=_staged(load["dataset"], load_id)).rows
    if lost:
        event("staging rows lost in a crash", load_id=load_id, chunks=len(lost))
    return bool(lost)


def _run(tx: Transaction, load: Row, phase: str, **more: Any) -> Counter[str]:
    """Run a phase for a load, logging each statement; returns the records that they count into buckets."""
    dataset = find_dataset(tx.statements, load["dataset"])
    parameters = {
        "load_id": load["load_id"],
        "staged": _staged(dataset.name, load["load_id"]),
        **dataset.merge_parameters(),
        **more,
    }
    counts = Counter[str]()
    started = time.perf_counter()
    for statement, result in tx.run_phase(phase, **parameters):
        if bucket := statement.header.get("count"):
            counts[bucket] += result.count
        for row in result.rows:
            if "bucket" in row:
                counts[row["bucket"]] += row["records"]
        ended = time.perf_counter()
        event(
            "statement",
            load_id=load["load_id"],
            statement=statement.name,
            rows=result.count,
            seconds=round(ended - started, 3),
        )
        started = ended
    return counts


def _staged(dataset: str, load_id: Any) -> str:
    return f"staged_{dataset}_{load_id}"


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = round(seconds.get(phase, 0.0) + time.perf_counter() - started, 3)
