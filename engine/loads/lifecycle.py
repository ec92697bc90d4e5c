"""A load's life: register → stage (chunk by chunk) → audit → publish, or held → release | discard.

Every step is a transaction that may be run again, by this process or another one, at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import ChangedError, InputError
from dbsvc.engine.loads.audit import audit
from dbsvc.engine.loads.ledger import find_checkpoints, find_replaced
from dbsvc.engine.loads.model import Load, LoadStatus, Outcome
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.loads.register import find_delivery, register, sample_keys
from dbsvc.engine.loads.stage import partition, read_records, stage
from dbsvc.engine.log import step
from dbsvc.engine.openlineage.telling import Telling
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import Header
from dbsvc.engine.sources.scan import Position, Scan, scan
from dbsvc.engine.tracing import span

#: So often one file may change underneath, and is read on.
_MOST_CHANGES = 5


def ingest(
    db: Database,
    file: SourceFile,
    header: Header,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Progress = unseen,
    resume_from: Position | None = None,
    again: bool = False,
    rehearsal: bool = False,
) -> Outcome:
    """Load one file, whole or not at all; resume what a run before left, share what another one does.

    Of a file that grows, load what was appended since the last load; or bring that one to its end first, and say that there is
    more. Returns when the load is published, held or discarded. Raises InputError when the file changes underneath.
    ``resume_from`` is where the last run of this process ended in the file, which spares it reading what was before.
    ``again`` delivers known bytes once more, unless their newest delivery still stands as it was published. A ``rehearsal`` is
    all in the one transaction of the caller, who takes it back: nothing of it is done by other threads or seen by others.
    """
    if again and header.stream:
        raise InputError(
            f"{file.source}: it is read on from where its last load ended; --again is for files that are delivered whole."
        )
    with Telling(db, header.dataset, file.source, silent=rehearsal) as told:
        outcome = _register(db, file, header, settings, resume_from, again, rehearsal, progress)
        told.begins(outcome.load)
        _carry_on(db, outcome, file, header, settings, 0 if rehearsal else jobs, progress, told)
        told.ends(outcome.load)
    return outcome


def _carry_on(
    db: Database,
    outcome: Outcome,
    file: SourceFile,
    header: Header,
    settings: Settings,
    jobs: int,
    progress: Progress,
    told: Telling,
) -> None:
    """Stage, audit and publish a load, whoever does the next step of it."""
    load, scanned, seconds = outcome.load, outcome.scan, outcome.seconds
    while load.is_unfinished:
        if load.status is LoadStatus.STAGING:
            with _timed(seconds, "stage"):
                if jobs and header.dataset.placed and scanned.lines >= settings.month_records:
                    keys = partial(sample_keys, file, header, scanned)
                    how = partial(partition, load=load, records=scanned.lines, settings=settings, find_keys=keys)
                    db.run_transaction(how)
                progress("stage", 0, scanned.lines)
                stage(db, load, file, header, jobs, lambda done: progress("stage", done, scanned.lines), scanned.chunks)
            with _timed(seconds, "audit"):
                progress("audit")
                load = db.run_transaction(partial(audit, load=load, settings=settings))
            step("audited", load_id=load.load_id, status=load.status, held_because=load.held_because)
            told.goes_on(load)
        if load.status is LoadStatus.STAGED:
            with _timed(seconds, "publish"):
                progress("publish")
                find_records = partial(read_records, file=file, header=header)
                share = settings.max_contradicting_share
                load = publish(db, load, max_contradicting_share=share, find_records=find_records, jobs=jobs, progress=progress)
    outcome.load = load


def ingest_all(
    db: Database,
    file: SourceFile,
    header: Header,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Progress = unseen,
    resume_from: Position | None = None,
    again: bool = False,
    rehearsal: bool = False,
) -> Iterator[Outcome]:
    """Ingest until the file has no more; yield each load. Of a file that grows there may be two: one resumed, one new."""
    more, changes = True, 0
    while more:
        how = partial(ingest, jobs=jobs, progress=progress, again=again, rehearsal=rehearsal)
        try:
            with span("load", source=file.source, dataset=header.dataset.name, dry_run=rehearsal or None) as told:
                outcome = how(db, file, header, settings, resume_from=resume_from)
                load = outcome.load
                told |= {"load_id": load.load_id, "status": str(load.status), "read": load.read, **load.buckets}
        except ChangedError:  # an object grows by being written as a whole: what is staged of it stays so
            changes += 1
            if changes > _MOST_CHANGES or not (header.stream and file.version):
                raise
            continue
        more, resume_from = outcome.more, outcome.scan.end
        yield outcome


def _register(
    db: Database,
    file: SourceFile,
    header: Header,
    settings: Settings,
    resume_from: Position | None,
    again: bool,
    rehearsal: bool,
    progress: Progress,
) -> Outcome:
    """Scan the file, and register what it brings; once more if the ledger came to know more of it meanwhile."""
    seconds: dict[str, float] = {}
    load = None if again or rehearsal or header.stream else _find_known(db, file, header)
    scanned = Scan.of_known(load.sha256 if load else "")
    while load is None:
        with _timed(seconds, "scan"):
            known, scanned = _scan(db, file, header, settings, resume_from, progress)
        how = partial(register, again=again, rehearsal=rehearsal)
        load = db.run_transaction(partial(how, file=file, header=header, scanned=scanned, known=known))
    step("registered", load_id=load.load_id, dataset=load.dataset, source=file.source, status=load.status)
    already = load.status is LoadStatus.PUBLISHED
    outcome = Outcome(load, scanned, already, more=load.sha256 != scanned.sha256, seconds=seconds)
    if already and not header.stream:
        with db.snapshot() as tx:
            outcome.replaced = find_replaced(tx, load.load_id)
    return outcome


def _find_known(db: Database, file: SourceFile, header: Header) -> Load | None:
    """Return the published load of an object that has the name and version of one that was read before; None of any other."""
    if not file.lasting_version:
        return None
    with db.snapshot() as tx:
        named = {"dataset": header.dataset.name, "source": file.source}
        for row in tx.run("ledger/find_by_version", version=file.lasting_version, **named).rows:
            load = find_delivery(tx, header.dataset.name, row["sha256"], again=False)
            return load if load and load.status is LoadStatus.PUBLISHED else None
    return None


def _scan(
    db: Database, file: SourceFile, header: Header, settings: Settings, resume_from: Position | None, progress: Progress
) -> tuple[list[Load], Scan]:
    """Return the loads that a file that grows may have been, and what one pass over the file finds."""
    if not header.stream:
        return [], scan(file, header, settings.chunk_bytes, progress=progress)
    known = db.run_transaction(lambda tx: find_checkpoints(tx, file, header))
    file.refresh_size()  # all that others have read of it must be in sight
    return known, scan(file, header, settings.chunk_bytes, known, resume_from, progress)


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        with span(phase):
            yield
    finally:
        seconds[phase] = round(seconds.get(phase, 0.0) + time.perf_counter() - started, 3)
