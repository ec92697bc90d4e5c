"""A load's life: register → stage (chunk by chunk) → audit → publish, or held → release | discard.

Every step is a transaction that may be run again, by this process or another one, at any time.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from dbsvc.engine.database import Database, Row, Run, Transaction
from dbsvc.engine.datasets import Dataset, Header, find_dataset, header_of, load_datasets, read_header
from dbsvc.engine.delivery import Delivery, shown_name
from dbsvc.engine.errors import (
    ConfigurationError,
    DbsvcError,
    InputError,
    InputMissingError,
    IntegrityError,
    MalformedCsvError,
    SpoolError,
    UnrecognisedError,
)
from dbsvc.engine.folders import Source, looks_like_delivery
from dbsvc.engine.formats import part, raw_records, rows
from dbsvc.engine.formats.record import UNREADABLE
from dbsvc.engine.identity import FindRecords, quarantine_of, reject_strangers
from dbsvc.engine.log import event
from dbsvc.engine.plain import sift
from dbsvc.engine.scan import Position, Scan, scan
from dbsvc.engine.settings import Settings

BUCKETS = ("inserted", "updated", "unchanged", "duplicate", "superseded", "rejected")

#: Files with fewer records than this are only held when more than half of them is rejected.
SMALL_FILE = 100

#: How many bytes are read to see one record.
_SAMPLE = 4096
_LONGEST_DAY = 10  # characters

#: As many records are judged at once, and their rejects held in memory.
_BATCH = 2**15

#: The columns of a received record before its fields, when it is not simply the next one and sound.
_NUMBERED = ("line_in_chunk", "fault")

#: Called with the records staged so far in this load, by whoever, and an estimate of all there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Replaced:
    """What later loads have replaced of a load."""

    #: the loads, and how many rows each: ``load_id``, ``records``
    by: list[Row]
    #: loads that may have replaced rows which this load had only repeated
    perhaps_by: list[int]

    @property
    def records(self) -> int:
        """How many rows at least."""
        return sum(row["records"] for row in self.by)

    def __bool__(self) -> bool:
        return bool(self.by or self.perhaps_by)


@dataclass
class Outcome:
    """What became of a load: the ledger's row, and what this run did."""

    load: Row
    scan: Scan
    #: it was published before this run began
    already: bool = False
    #: the file has records beyond this load
    more: bool = False
    #: what later loads have replaced of it, if it was published before
    replaced: Replaced | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Retried:
    """What became of a load's quarantine: the ledger's row, and how many rejects were judged again, and passed."""

    load: Row
    tried: int
    passed: int
    #: what the audits found in those that would have passed: then nothing of them was published
    findings: tuple[str, ...] = ()


class _UnsoundError(Exception):
    """Audits found something in what a retry would publish: it is taken back."""

    def __init__(self, tried: int, findings: Iterable[str]) -> None:
        super().__init__("\n".join(findings))
        self.tried = tried
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Planned:
    """A file to load, or why it cannot be; ``skipped`` if nobody named it and it is no delivery of ours."""

    source: str
    error: DbsvcError | None = None
    skipped: bool = False
    #: what was opened already, if it can be read only once
    delivery: Delivery | None = None
    #: whether it was named itself, or only found in a folder
    named: bool = True


def plan(db: Database, sources: Iterable[Source]) -> list[Planned]:
    """Put files in the order their datasets depend on each other; of each no more is read than tells whose it is."""
    datasets = load_datasets(db.statements)
    ranked = [_look_at(source, datasets) for source in sources]
    return [planned for _, planned in sorted(ranked, key=lambda pair: pair[0])]


def _look_at(source: Source, datasets: list[Dataset]) -> tuple[int, Planned]:
    """Return the rank of a file's dataset, and what to do with the file."""
    shown = shown_name(source.path)
    if source.error:
        return -1, Planned(shown, source.error)
    with ExitStack() as opened:
        try:
            delivery = opened.enter_context(Delivery(source.path))
            rank = datasets.index(read_header(delivery, datasets).dataset)
            if shown.encode() != source.path.encode(errors="surrogateescape"):
                raise InputError(f"{shown}: the name of the file is not UTF-8 text; rename it.")
        except (InputError, InputMissingError, SpoolError) as error:
            unknown = isinstance(error, UnrecognisedError)
            return -1, Planned(shown, error, unknown and not source.named and not looks_like_delivery(source.path))
        if delivery.passes_by:
            opened.pop_all()
            return rank, Planned(shown, delivery=delivery, named=source.named)
    return rank, Planned(shown, named=source.named)


def ingest(
    db: Database,
    delivery: Delivery,
    header: Header,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
    since: Position | None = None,
    again: bool = False,
) -> Outcome:
    """Load one file, whole or not at all; resume what a run before left, share what another one does.

    Of a file that grows, load what was appended since the last load; or bring that one to its end first, and say that there is
    more. Returns when the load is published, held or discarded. Raises InputError when the file changes underneath.
    ``since`` is where the last run of this process ended in the file, which spares it reading what was before.
    ``again`` delivers bytes that are known anew, unless their newest delivery still stands as it was published.
    """
    if again and header.stream:
        raise InputError(
            f"{delivery.source}: it is read on from where its last load ended; --again is for files that are delivered whole."
        )
    seconds: dict[str, float] = {}
    load = None
    while load is None:
        with _timed(seconds, "scan"):
            known = db.run_transaction(lambda tx: _find_checkpoints(tx, delivery, header)) if header.stream else []
            if header.stream:
                delivery.look()  # all that others have read of it must be in sight
            scanned = scan(delivery, header, settings.chunk_bytes, known, since)
        load = db.run_transaction(
            partial(_register, delivery=delivery, header=header, scanned=scanned, known=known, again=again)
        )
    event("registered", load_id=load["load_id"], dataset=load["dataset"], source=delivery.source, status=load["status"])
    outcome = Outcome(load, scanned, load["status"] == "published", load["sha256"] != scanned.sha256, seconds=seconds)
    if outcome.already and not header.stream:
        with db.snapshot() as tx:
            outcome.replaced = find_replaced(tx, load["load_id"])
    while load["status"] in ("staging", "staged"):
        if load["status"] == "staging":
            with _timed(seconds, "stage"):
                if header.dataset.partition_by and scanned.lines >= settings.month_records:
                    db.run_transaction(partial(_split, load=load, records=scanned.lines, settings=settings))
                _stage(db, load, delivery, header, jobs, lambda done: progress(done, scanned.lines))
            with _timed(seconds, "audit"):
                load = db.run_transaction(partial(_audit, load=load, settings=settings))
            event("audited", load_id=load["load_id"], status=load["status"], held_because=load["held_because"])
        if load["status"] == "staged":
            with _timed(seconds, "publish"):
                read = partial(_read_records, delivery=delivery, header=header)
                load = publish(db, load, max_contradicting_share=settings.max_contradicting_share, find_records=read)
    outcome.load = load
    return outcome


def ingest_all(
    db: Database,
    delivery: Delivery,
    header: Header,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
    since: Position | None = None,
    again: bool = False,
) -> Iterator[Outcome]:
    """Ingest until the file has no more; yield each load. Of a file that grows there may be two: one resumed, one new."""
    more = True
    while more:
        outcome = ingest(db, delivery, header, settings, jobs=jobs, progress=progress, since=since, again=again)
        more, since = outcome.more, outcome.scan.end
        yield outcome


def _nowhere(_chunk: Row, _lines: Collection[int]) -> Iterable[tuple[int, bytes]]:
    """Find no record: the file is not at hand."""
    return ()


def publish(db: Database, load: Row, *, max_contradicting_share: float = 1.0, find_records: FindRecords = _nowhere) -> Row:
    """Publish a staged load in one transaction. Returns the ledger's row: unchanged if somebody else was faster.

    It is ``held`` if a larger share of its records than that contradict another record of the file, and ``staging`` if records
    of it turn out to be rejects, which are then audited; ``find_records`` reads them from the file.
    """
    load, ours = db.run_transaction(lambda tx: _publish(tx, load, max_contradicting_share, find_records))
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


def find_retryable(db: Database) -> list[int]:
    """Return the loads that have rejects to judge again: registries before what depends on them."""
    ranks = {dataset.name: rank for rank, dataset in enumerate(load_datasets(db.statements))}
    with db.snapshot() as tx:
        loads = tx.run("ledger/loads_with_rejects").rows
    return [load["load_id"] for load in sorted(loads, key=lambda load: ranks[load["dataset"]])]


def retry(db: Database, load_id: int, settings: Settings) -> Retried:
    """Judge a load's rejects again, by today's rules and reference data, and publish those that pass.

    A held load is audited again with them, and published when nothing is found any more. A published one is audited with them
    as well: if that finds what was not found before, they stay where they are. Raises InputError if there is none.
    """
    try:
        retried = db.run_transaction(lambda tx: _retry(tx, load_id, settings))
    except _UnsoundError as unsound:
        with db.snapshot() as tx:
            retried = Retried(find_load(tx, load_id), unsound.tried, 0, unsound.findings)
    event("retried", load_id=load_id, tried=retried.tried, passed=retried.passed, status=retried.load["status"])
    return retried


def find_load(tx: Transaction, load_id: int, statement: str = "ledger/show_load") -> Row:
    """Return a load's row. Raises InputError if there is none."""
    if rows := tx.run(statement, load_id=load_id).rows:
        return rows[0]
    raise InputError(f"There is no load {load_id}. `dbsvc loads` lists them.")


def find_past(tx: Transaction, load: Row, most: int) -> list[Row]:
    """Return the first records of a load that are not current: ``line_no``, their key, ``replaced_by_load_id``."""
    names = find_dataset(tx.statements, load["dataset"]).merge_parameters()
    return tx.run("ledger/past_records", key=names["key"], history=names["history"], load_id=load["load_id"], most=most).rows


def staging_table(load: Row) -> str:
    """Return the name of a load's staging area."""
    return f"staged_{load['dataset']}_{load['load_id']}"


def find_replaced(tx: Transaction, load_id: int) -> Replaced:
    """Return what later loads have replaced of a load."""
    by = tx.run("ledger/replaced_since", load_id=load_id).rows
    return Replaced(by, [row["load_id"] for row in tx.run("ledger/replaced_unseen", load_id=load_id).rows])


def find_replaced_among(db: Database, load_ids: Collection[int]) -> list[Row]:
    """Return which of these loads replaced rows of which others of them: ``load_id``, ``replaced_by_load_id``, ``records``."""
    if len(load_ids) < 2:
        return []
    with db.snapshot() as tx:
        found = tx.run("ledger/replaced_from", load_id=min(load_ids)).rows
    return [row for row in found if row["load_id"] in load_ids and row["replaced_by_load_id"] in load_ids]


def _find_checkpoints(tx: Transaction, delivery: Delivery, header: Header) -> list[Row]:
    if header.stream is None:
        return []
    name = header.dataset.name
    return tx.run("ledger/find_checkpoints", dataset=name, stream=header.stream, source=delivery.source).rows


def _find_delivery(tx: Transaction, dataset: str, sha256: str, again: bool) -> Row | None:
    """Return the load of these bytes that is to go on, or has been; None if they are to be delivered now."""
    found = tx.run("ledger/find_load", dataset=dataset, sha256=sha256).rows
    if not found or not again:
        return found[0] if found else None
    newest: Row = max(found, key=lambda load: int(load["load_id"]))
    return None if newest["status"] == "published" and find_replaced(tx, newest["load_id"]) else newest


def _register(
    tx: Transaction, delivery: Delivery, header: Header, scanned: Scan, known: list[Row], again: bool = False
) -> Row | None:
    """Return the load to work on; None when the ledger has come to know more of the file than the scan did."""
    dataset = header.dataset.name
    rules = tx.statements.fingerprint(dataset)
    sha256 = scanned.unfinished["sha256"] if scanned.unfinished else scanned.sha256
    load = _find_delivery(tx, dataset, sha256, again)
    if not load:
        load_id = tx.run("ledger/draw_load_id").rows[0]["load_id"]
        # whoever held the number before us may have registered these very bytes, or a beginning of them
        load = _find_delivery(tx, dataset, sha256, again)
        if not load and _find_checkpoints(tx, delivery, header) != known:
            return None
    if load:
        if load["status"] in ("staging", "staged") and load["rules"] != rules:
            load = find_load(tx, load["load_id"], "ledger/lock_load")
            if load["status"] in ("staging", "staged"):
                load = _restart(tx, load, rules, released=load["released"])
        return load
    redelivered = again and tx.run("ledger/find_load", dataset=dataset, sha256=sha256).rows
    tx.run(
        "ledger/add_redelivery" if redelivered else "ledger/add_load",
        load_id=load_id,
        dataset=dataset,
        source=delivery.source,
        sha256=sha256,
        bytes=scanned.end.end if header.stream else delivery.size,
        header=header.raw,
        rules=rules,
    )
    if header.stream:
        tx.run("ledger/add_stream", load_id=load_id, stream=header.stream)
    if header.dataset.partition_by:
        tx.run("ledger/add_sample", load_id=load_id, days="\n".join(_sample_days(delivery, header, scanned)))
    if scanned.ending:
        ending = asdict(scanned.ending)
        tx.insert_rows("load_endings", ("load_id", *ending), [(load_id, *ending.values())])
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


def _sample_days(delivery: Delivery, header: Header, scanned: Scan) -> list[str]:
    """Return the days, as they are written, of the first record of each chunk and of the last one of the file."""
    heads = [delivery.read(chunk.byte_start, _SAMPLE) for chunk in scanned.chunks]
    tail = delivery.read(max(header.end, delivery.size - _SAMPLE), _SAMPLE).rstrip()
    firsts = (
        next(rows(header.dataset.format, sample, header.names), None) for sample in [*heads, tail[tail.rfind(b"\n") + 1 :]]
    )
    column = len(_NUMBERED) + header.columns.index(str(header.dataset.partition_by))
    return [str(record[column])[:_LONGEST_DAY] for record in firsts if record]


def _split(tx: Transaction, load: Row, records: int, settings: Settings) -> None:
    """Let a large load be staged by months, which publish may exchange; unless it is staged already, or partly."""
    load = find_load(tx, load["load_id"], "ledger/lock_load")
    if load["status"] == "staging":
        _run(tx, load, f"{load['dataset']}/split", records=records, month_records=settings.month_records)


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
    load_id = load["load_id"]
    started = time.perf_counter()
    data = _read_chunk(chunk, delivery)
    place = {"load_id": load_id, "chunk_no": chunk["chunk_no"], "first_line": chunk["first_line"]}
    tx.run("ledger/clear_chunk_rejects", **place)
    read, others = passed, others = _stage_plain(tx, load, chunk, header, data)
    for batch in _batches(header, others):
        received, good = _judge_and_stage(tx, load, header, batch)
        read, passed = read + received, passed + good
    # the database checks: read = staged + rejected
    counts = {"read": read, "staged": passed, "rejected": read - passed}
    tx.run("ledger/finish_chunk", load_id=load_id, chunk_no=chunk["chunk_no"], **counts)
    seconds = round(time.perf_counter() - started, 3)
    return {"chunk_no": chunk["chunk_no"], "read": read, "rejected": read - passed, "seconds": seconds}


def _read_chunk(chunk: Row, delivery: Delivery) -> bytes:
    data = delivery.read(chunk["byte_start"], chunk["byte_end"] - chunk["byte_start"])
    if hashlib.sha256(data).hexdigest() != chunk["sha256"]:
        raise InputError(
            f"{delivery.source} changed while load {chunk['load_id']} was reading it; nothing of it was published. "
            "Run the same command again to load it as it is now."
        )
    return data


def _stage_plain(tx: Transaction, load: Row, chunk: Row, header: Header, data: bytes) -> tuple[int, list[Run]]:
    """Stage the records of a chunk that need no judging. Returns how many, and the runs of the others, by lines of the file."""
    before = chunk["first_line"] - 1
    folder = f"{load['dataset']}/plain"
    sifted = sift(data, header.columns, tx.run(f"{folder}/patterns").rows) if tx.statements.phase(folder) else None
    if sifted is None:
        return 0, [(before + 1, data)]
    plain, others = ([(before + line, run) for line, run in runs] for runs in sifted)
    return tx.copy_runs(f"{folder}/copy", staging_table(load), header.columns, plain, load["load_id"]), others


def _batches(header: Header, runs: list[Run]) -> Iterator[list[Run]]:
    """Yield runs in batches that are judged at once, however short the records are."""
    if len(runs) == 1:
        yield from ([run] for run in part(header.dataset.format, runs[0], _BATCH))
    else:
        yield from (runs[start : start + _BATCH] for start in range(0, len(runs), _BATCH))


def _judge_and_stage(tx: Transaction, load: Row, header: Header, runs: list[Run]) -> tuple[int, int]:
    """Quarantine what breaks the contract, with all reasons, and stage the others. Returns how many there are, and pass."""
    (first_line, _), (last_line, last) = runs[0], runs[-1]
    reasons: dict[int, str] = {}
    _run(tx, load, f"{load['dataset']}/receive")
    received = _receive(tx, load, header, runs, reasons)
    records = received + len(reasons)
    for _, result in tx.run_phase(f"{load['dataset']}/judge", raw=_raw(load)):
        reasons |= {first_line + row["line_in_chunk"] - 1: row["reasons"] for row in result.rows}
    tx.insert_rows(
        "rejects",
        ("load_id", "line_no", "reasons", "raw_record"),
        ((load["load_id"], line, reasons[line], raw) for line, raw in raw_records(header.dataset.format, runs, reasons)),
    )
    last_line += header.dataset.format.count_lines(last)[0]
    place = {"load_id": load["load_id"], "first_line": first_line, "last_line": last_line}
    return records, _run(tx, load, f"{load['dataset']}/stage", **place)["staged"]


def _receive(tx: Transaction, load: Row, header: Header, runs: list[Run], reasons: dict[int, str]) -> int:
    """Copy records as they are; returns how many. Of those that cannot be read, note the reasons and go on.

    Only a batch with odd records is taken apart record by record.
    """
    raw, of = _raw(load), header.dataset.format
    first_line, data = runs[0]
    if len(runs) == 1 and not of.mentions_header(data, header.names) and (clean := of.tidy(data)) is not None:
        try:
            return tx.copy_csv(raw, header.columns, clean)
        except MalformedCsvError:
            pass

    def readable() -> Iterator[list[int | str]]:
        for start, run in runs:
            for line, faults, *fields in rows(of, run, header.names, start):
                if UNREADABLE.isdisjoint(str(faults).split()):
                    yield [int(line) - first_line + 1, faults, *fields]
                else:
                    reasons[int(line)] = str(faults)

    return tx.insert_rows(raw, (*_NUMBERED, *header.columns), readable())


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
    _measure(tx, load)
    findings = [] if load["released"] else _run_audits(tx, load, settings)
    if findings:
        tx.run("ledger/hold_load", load_id=load_id, held_because="\n".join(finding for _, finding in findings))
    return find_load(tx, load_id)


def _run_audits(tx: Transaction, load: Row, settings: Settings) -> list[tuple[str, str]]:
    """Return what audits find, each with the audit's name. Those of the dataset are not asked of a load that was released."""
    limits = {
        "max_rejected_share": settings.max_rejected_share,
        "max_contradicting_share": settings.max_contradicting_share,
        "small_file": SMALL_FILE,
        "total_factor": settings.total_factor,
        "total_min_loads": settings.total_min_loads,
    }
    return [
        (audit.name, row["finding"])
        for folder in ("audit", *(() if load["released"] else (f"{load['dataset']}/audit",)))
        for audit, result in tx.run_phase(folder, load_id=load["load_id"], staged=staging_table(load), **limits)
        for row in result.rows
    ]


def _publish(
    tx: Transaction, load: Row, max_contradicting_share: float = 1.0, find_records: FindRecords = _nowhere
) -> tuple[Row, bool]:
    load_id = load["load_id"]
    tx.run("ledger/lock_dataset", dataset=load["dataset"])
    load = find_load(tx, load_id, "ledger/lock_load")
    if load["status"] != "staged":
        return load, False
    if _forget_lost(tx, load):
        tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=load["released"])
        return find_load(tx, load_id), False
    if reject_strangers(tx, load, staging_table(load), find_records):
        tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=load["released"])
        return find_load(tx, load_id), False
    try:
        with tx.transaction():
            merged = _merge(tx, load, max_contradicting_share)
    except _ContradictionsError as found:
        tx.run("ledger/hold_load", load_id=load_id, held_because=str(found))
        return find_load(tx, load_id), False
    tx.run("ledger/publish_load", load_id=load_id, **merged)
    _run(tx, load, "merge/settle")
    _run(tx, load, "merge/close")
    return find_load(tx, load_id), True


class _ContradictionsError(Exception):
    """Too many records of a file contradict each other: what was done to publish it is taken back."""


def _merge(tx: Transaction, load: Row, max_contradicting_share: float) -> dict[str, int]:
    """Make the staged records public, with all that is derived from them; returns how many went into each bucket.

    Raises _ContradictionsError if a larger share of them than that contradict each other, unless the load was released.
    """
    exchanged = _exchange(tx, load)
    _run(tx, load, "merge/repeats")
    share = 1.0 if load["released"] else max_contradicting_share
    contradictions = tx.run_phase("merge/contradictions", **_parameters(tx, load), max_contradicting_share=share)
    if findings := [row["finding"] for _, result in contradictions for row in result.rows]:
        raise _ContradictionsError("\n".join(findings))
    counts = _run(tx, load, "merge/dedupe")
    if exchanged is None:  # a key stood there twice, which none does now
        exchanged = _run(tx, load, "merge/exchange")
    counts += exchanged
    counts += _run(tx, load, "merge/publish")
    for phase in tx.statements.derivations(load["dataset"]):
        _run(tx, load, phase)
    _run(tx, load, "merge/finish")
    return {bucket: counts[bucket] for bucket in BUCKETS if bucket != "rejected"}


def _exchange(tx: Transaction, load: Row) -> Counter[str] | None:
    """Exchange what can be, if the dataset's table can be at all. Returns None if a key stands twice in the file."""
    if not find_dataset(tx.statements, load["dataset"]).partition_by:
        return Counter()
    try:
        with tx.transaction():
            return _run(tx, load, "merge/exchange")
    except IntegrityError:
        return None


def _read_records(chunk: Row, lines: Collection[int], *, delivery: Delivery, header: Header) -> Iterator[tuple[int, bytes]]:
    """Read the records that begin on these lines of a chunk."""
    return raw_records(header.dataset.format, [(chunk["first_line"], _read_chunk(chunk, delivery))], lines)


def _measure(tx: Transaction, load: Row) -> None:
    """Add what is staged to the load's control total, if its dataset has one."""
    for _, result in tx.run_phase(f"{load['dataset']}/measure", staged=staging_table(load), load_id=load["load_id"]):
        tx.run("ledger/add_to_total", load_id=load["load_id"], **result.rows[0])


def _retry(tx: Transaction, load_id: int, settings: Settings) -> Retried:
    load = find_load(tx, load_id)
    tx.run("ledger/lock_dataset", dataset=load["dataset"])
    load = find_load(tx, load_id, "ledger/lock_load")
    header = header_of(find_dataset(tx.statements, load["dataset"]), load["header"])
    tried = passed = 0
    if load["status"] not in ("published", "held"):
        return Retried(load, tried, passed)
    if load["status"] == "held" and _forget_lost(tx, load):
        tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=load["released"])
        return Retried(find_load(tx, load_id), tried, passed)
    published = load["status"] == "published"
    known: set[str] = set()
    if published:
        _run(tx, load, "merge/open")
        known = {name for name, _ in _run_audits(tx, load, settings)}
    with quarantine_of(tx, load) as find_records:
        for chunk in tx.run("ledger/chunks_with_rejects", load_id=load_id).rows:
            tried += chunk["rejected"]
            passed += _retry_chunk(tx, load, chunk, header)
        if passed and reject_strangers(tx, load, staging_table(load), find_records):
            passed = tried - int(tx.run("ledger/count_chunks", load_id=load_id).rows[0]["rejected"])
    if published and passed:
        _measure(tx, load)
        # what was found without the retried records as well was decided when the load was published
        if findings := [finding for name, finding in _run_audits(tx, load, settings) if name not in known]:
            raise _UnsoundError(tried, findings)
        rules = tx.statements.fingerprint(load["dataset"])
        try:
            merged = _merge(tx, load, settings.max_contradicting_share)
        except _ContradictionsError as found:
            raise _UnsoundError(tried, str(found).splitlines()) from found
        tx.run("ledger/publish_more", load_id=load_id, passed=passed, rules=rules, **merged)
    if published:
        _run(tx, load, "merge/settle")
        _run(tx, load, "merge/close")
    elif passed:
        tx.run("ledger/restart_load", load_id=load_id, rules=load["rules"], released=load["released"])
        if (audited := _audit(tx, load, settings))["status"] == "staged":
            audited, _ = _publish(tx, load, settings.max_contradicting_share)
        if audited["status"] == "held":
            return Retried(audited, tried, passed, tuple(audited["held_because"].splitlines()))
    return Retried(find_load(tx, load_id), tried, passed)


def _retry_chunk(tx: Transaction, load: Row, chunk: Row, header: Header) -> int:
    """Judge a chunk's rejects again, and stage those that pass; returns how many."""
    place = {"load_id": load["load_id"], "chunk_no": chunk["chunk_no"]}
    next_line, passed = chunk["first_line"], 0
    while found := tx.run("ledger/chunk_rejects", **place, first_line=next_line, most=_BATCH).rows:
        runs = [(row["line_no"], row["raw_record"]) for row in found]
        next_line = runs[-1][0] + 1
        tx.run("ledger/clear_rejects", load_id=load["load_id"], first_line=runs[0][0], last_line=runs[-1][0])
        passed += _judge_and_stage(tx, load, header, runs)[1]
    counts = {"read": chunk["read"], "staged": chunk["staged"] + passed, "rejected": chunk["rejected"] - passed}
    tx.run("ledger/finish_chunk", load_id=load["load_id"], chunk_no=chunk["chunk_no"], **counts)
    return passed


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
    load = find_load(tx, load_id)
    # a load that is being published remembers its repeats for ours: when it has committed, they are forgotten with it
    tx.run("ledger/lock_dataset", dataset=load["dataset"])
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
    lost = tx.run("ledger/forget_lost_chunks", load_id=load_id, staged=staging_table(load)).rows
    if lost:
        event("staging rows lost in a crash", load_id=load_id, chunks=len(lost))
    return bool(lost)


def _run(tx: Transaction, load: Row, phase: str, **more: Any) -> Counter[str]:
    """Run a phase for a load, logging each statement; returns the records that they count into buckets."""
    counts = Counter[str]()
    started = time.perf_counter()
    for statement, result in tx.run_phase(phase, **_parameters(tx, load) | more):
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


def _parameters(tx: Transaction, load: Row) -> dict[str, Any]:
    """Return what the phases of a load are given."""
    dataset = find_dataset(tx.statements, load["dataset"])
    tables = {"staged": staging_table(load), "raw": _raw(load)}
    return {"load_id": load["load_id"], **tables, **dataset.merge_parameters()}


def _raw(load: Row) -> str:
    return f"raw_{load['dataset']}"


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = round(seconds.get(phase, 0.0) + time.perf_counter() - started, 3)
