"""What an operator does with loads: release, publish, discard, and retry or dismiss their rejects.

Each may be killed at any moment, and done again: it goes on with what is left.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import replace
from itertools import count

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.audit import add_control_total, audit, find_faults
from dbsvc.engine.loads.corrections import close_all_mended, close_mended
from dbsvc.engine.loads.identity import quarantine_of, reject_conflicts
from dbsvc.engine.loads.ledger import (
    count_chunks,
    count_mended,
    count_open,
    find_load,
    find_new_number,
    find_profile,
    find_rules,
    is_number,
    lock_load,
    reset_lost_chunks,
    restage,
)
from dbsvc.engine.loads.model import Dismissed, FindingsError, Load, LoadChunk, LoadStatus, Retried, RetriedLoads
from dbsvc.engine.loads.phases import run_phase, run_statement
from dbsvc.engine.loads.place import with_months, withdraw
from dbsvc.engine.loads.pseudonyms import use_pseudonyms
from dbsvc.engine.loads.publish import close, merge, publish, publish_in
from dbsvc.engine.loads.register import restart
from dbsvc.engine.loads.reveal import conceal, lock_dataset, lock_loads, reveal
from dbsvc.engine.loads.staging import create_staging, draw_load_id, has_staging
from dbsvc.engine.loads.validate import BATCH, stage_valid
from dbsvc.engine.loads.waiting import find_waiting
from dbsvc.engine.log import event
from dbsvc.engine.openlineage.telling import tell_end
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.header import Header, header_of


def release(db: Database, load_id: int) -> Load:
    """Publish a held load; make a discarded one loadable again. Returns it: published, or staging.

    It is ``staging`` when the file is needed again, because its staging table is gone. What was released before and stopped
    half-way goes on; a discarded load has another number since. Raises InputError in other states.
    """
    load = db.run_transaction(lambda tx: _release(tx, load_id))
    load = publish(db, load) if load.status is LoadStatus.STAGED else load
    tell_end(db, load)
    return load


def publish_staged(db: Database, load_id: int, settings: Settings) -> Load:
    """Publish a load that is staged, without its file. One that nobody came to audit is audited first.

    Returns it: published; held, if that found something; staging, if the file is needed after all. Raises InputError if it is
    in another state, or not all of it is staged.
    """
    load = db.run_transaction(lambda tx: _stage_all(tx, load_id, settings))
    load = publish(db, load, max_contradicting_share=settings.max_contradicting_share) if load.is_unfinished else load
    tell_end(db, load)
    return load


def discard(db: Database, load_id: int) -> Load:
    """Give up a load that is not published. Returns it. Raises InputError in other states."""
    tries = count()
    load = db.run_transaction(lambda tx: _discard(tx, load_id, again=next(tries) > 0))  # an answer to a commit may be lost
    tell_end(db, load)
    return load


def find_retryable(db: Database, only: int | None = None) -> list[int]:
    """Return the loads that have rejects to validate again: registries before what depends on them.

    ``only`` this load is looked at. Those that are dismissed are not validated; those that are mended are, for where one
    passes, it is history. Raises InputError if there is no such load.
    """
    ranks = {dataset.name: rank for rank, dataset in enumerate(db.statements.datasets.values())}
    with db.snapshot() as tx:
        if only is not None:
            find_load(tx, only)
        loads = tx.run("ledger/loads_with_rejects").rows
    if only is None:  # rejects of a dataset that is declared no more stay
        loads = [load for load in loads if load["dataset"] in ranks]
    ordered = sorted(loads, key=lambda load: ranks.get(load["dataset"], 0))
    return [load["load_id"] for load in ordered if only in (None, load["load_id"])]


def retry(db: Database, load_id: int, settings: Settings) -> Retried:
    """Validate a load's rejects again, by today's rules and reference data, and publish those that pass.

    A held load is audited again with them, and published when nothing is found any more. A published one is audited with them
    as well: if that finds what was not found before, they stay where they are. Raises InputError if there is none.
    """
    try:
        retried = with_months(db, lambda tx: _retry(tx, load_id, settings))
    except FindingsError as found:
        with db.snapshot() as tx:
            retried = Retried(find_load(tx, load_id), found.tried - count_mended(tx, load_id), 0, found.findings)
    if retried.passed:
        retried = replace(retried, load=reveal(db, retried.load))
        tell_end(db, retried.load)
    event("retried", load_id=load_id, tried=retried.tried, passed=retried.passed, status=retried.load.status)
    return retried


def retry_all(db: Database, settings: Settings, only: int | None = None) -> RetriedLoads:
    """Retry every load that has rejects, or ``only`` one; what fails of one keeps no other from being retried.

    Raises InputError if there is no such load.
    """
    close_all_mended(db)
    retried: list[Retried] = []
    errors: list[InputError] = []
    for load_id in find_retryable(db, only):
        try:
            retried.append(retry(db, load_id, settings))
        except InputError as error:
            errors.append(error)
    worth_saying = tuple(one for one in retried if one.tried or one.load.status is not LoadStatus.PUBLISHED)
    published = [one.load for one in worth_saying if one.passed and one.load.status is LoadStatus.PUBLISHED]
    waiting = {load.load_id: dict(find_waiting(db, load)) for load in published}
    return RetriedLoads(worth_saying, tuple(errors), {load_id: loads for load_id, loads in waiting.items() if loads})


def dismiss(db: Database, load_id: int, lines: Collection[int] | None = None, reason: str | None = None) -> Dismissed:
    """Close open rejects of a published load for good: those that begin on these lines, by default all.

    Raises InputError if there is no such load, or one that is not published, or no reject on one of the lines.
    """
    dismissed = db.run_transaction(lambda tx: _dismiss(tx, load_id, lines, reason))
    event("dismissed", load_id=load_id, records=dismissed.records, reason=reason)
    return dismissed


def _dismiss(tx: Transaction, load_id: int, lines: Collection[int] | None, reason: str | None) -> Dismissed:
    load = find_load(tx, load_id)
    lock_loads(tx, load.dataset)
    load = lock_load(tx, load)
    if load.status is not LoadStatus.PUBLISHED:
        raise InputError(f"Load {load_id} is {load.status}: only rejects of a published load can be dismissed.")
    before = count_open(tx, load_id)
    for line in [0] if lines is None else sorted(lines):
        if lines is not None and not (is_number(line) and tx.run("ledger/find_reject", load_id=load_id, line_no=line).rows):
            raise InputError(f"Load {load_id} has no reject on line {line}: `dbsvc rejects show {load_id} --all` lists them.")
        tx.run("ledger/dismiss_rejects", load_id=load_id, line_no=line, reason=reason)
    left = count_open(tx, load_id)
    # what was remembered for the sake of these is not needed any more
    run_statement(tx, load, "load/merge/prune_reconfirmations")
    return Dismissed(load, before - left, left)


def _stage_all(tx: Transaction, load_id: int, settings: Settings) -> Load:
    """Return a load that can be published, or is; audited if it was not yet."""
    before = lock_load(tx, find_load(tx, load_id))
    load = audit(tx, before, settings)
    match load.status:
        case LoadStatus.STAGED | LoadStatus.PUBLISHED:
            return load
        case LoadStatus.STAGING:
            done = count_chunks(tx, load_id)
            raise InputError(
                f"Load {load_id} is staging: {done['staged_chunks']} of its {done['chunks']} chunks are staged, and the others "
                f"need its file: `dbsvc ingest {shlex.quote(load.source)}`."
            )
        case LoadStatus.HELD if before.status is LoadStatus.STAGING:
            return load
        case LoadStatus.HELD:
            raise InputError(f"Load {load_id} is held: `dbsvc loads release {load_id}` publishes it as it is.")
        case LoadStatus.DISCARDED:
            raise InputError(f"Load {load_id} is discarded: `dbsvc loads release {load_id}` allows it after all.")
    raise InputError(f"Load {load_id} is {load.status}: only a staged load can be published.")


def _release(tx: Transaction, load_id: int) -> Load:
    load = lock_load(tx, find_load(tx, find_new_number(tx, load_id) or load_id))
    match load.status:
        case LoadStatus.HELD if not has_staging(tx, load):
            return restart(tx, load, find_rules(tx, load), released=True)
        case LoadStatus.HELD if reset_lost_chunks(tx, load):
            return restage(tx, load, released=True)
        case LoadStatus.HELD:
            tx.run("ledger/release_load", load_id=load.load_id)
            return find_load(tx, load.load_id)
        case LoadStatus.DISCARDED:
            new_load_id = draw_load_id(tx, load.dataset)
            tx.run("ledger/renumber_load", load_id=load.load_id, new_load_id=new_load_id)
            tx.run("ledger/keep_old_number", old_load_id=load.load_id, load_id=new_load_id)
            load = find_load(tx, new_load_id)
            return restart(tx, load, find_rules(tx, load), released=True)
        case LoadStatus.STAGING | LoadStatus.STAGED if load.released:
            return load
        case LoadStatus.STAGED:
            raise InputError(f"Load {load_id} is staged, and nothing holds it: `dbsvc loads publish {load_id}`.")
    raise InputError(f"Load {load_id} is {load.status}: only a held or discarded load can be released.")


def _discard(tx: Transaction, load_id: int, again: bool) -> Load:
    load = find_load(tx, load_id)
    # a load that is being published keeps its reconfirmations for ours: when it has committed, they are pruned with it
    lock_loads(tx, load.dataset)
    load = lock_load(tx, load)
    if load.status is LoadStatus.DISCARDED and again:
        return load
    if load.status in (LoadStatus.PUBLISHED, LoadStatus.DISCARDED, LoadStatus.REVERTED):
        raise InputError(f"Load {load_id} is {load.status}: only a load that is not published can be discarded.")
    tx.run("ledger/discard_load", load_id=load_id)
    if load.in_place:
        withdraw(tx, load)
    close(tx, load)
    return find_load(tx, load_id)


def _retry(tx: Transaction, load_id: int, settings: Settings) -> Retried:
    load = find_load(tx, load_id)
    lock_dataset(tx, load.dataset)
    load = lock_load(tx, load)
    match load.status:
        case LoadStatus.PUBLISHED:
            return _retry_published(tx, load, settings)
        case LoadStatus.HELD if reset_lost_chunks(tx, load):
            return Retried(restage(tx, load), 0, 0)
        case LoadStatus.HELD:
            return _retry_held(tx, load, settings)
    return Retried(load, 0, 0)


def _retry_published(tx: Transaction, load: Load, settings: Settings) -> Retried:
    """Publish rejects that pass now, beside what is published already. Raises FindingsError, and then they stay."""
    create_staging(tx, load)
    known = {name for name, _ in find_faults(tx, load, settings, load.staging_table)}
    validated, passed = _stage_rejects(tx, load)
    if passed:
        add_control_total(tx, load, load.staging_table)
        # what was found without the retried records as well was decided when the load was published
        if findings := [finding for name, finding in find_faults(tx, load, settings, load.staging_table) if name not in known]:
            raise FindingsError(findings, validated)
        rules = find_rules(tx, load)
        tx.run("ledger/keep_retried", load_id=load.load_id, staged=load.staging_table)
        try:
            counts = merge(tx, load, settings.max_contradicting_share)
        except FindingsError as found:
            raise FindingsError(found.findings, validated) from found
        tx.run("ledger/publish_more", load_id=load.load_id, passed=passed, rules=rules, **counts)
        close_mended(tx, load)
    close(tx, load)
    # nobody waits for those that are mended: they count only if they pass
    retried = Retried(find_load(tx, load.load_id), validated - count_mended(tx, load.load_id), passed)
    if passed:
        conceal(tx, load)
    return retried


def _retry_held(tx: Transaction, load: Load, settings: Settings) -> Retried:
    """Audit a held load again with the rejects that pass now, and publish it if nothing is found any more."""
    tried, passed = _stage_rejects(tx, load)
    if passed:
        load = audit(tx, restage(tx, load), settings)
        if load.status is LoadStatus.STAGED:
            load, _ = publish_in(tx, load, settings.max_contradicting_share)
        if load.status is LoadStatus.HELD:
            return Retried(load, tried, passed, tuple(str(load.held_because).splitlines()))
    return Retried(find_load(tx, load.load_id), tried, passed)


def _stage_rejects(tx: Transaction, load: Load) -> tuple[int, int]:
    """Validate a load's rejects again, but the dismissed, and stage those that pass; returns how many there are, and pass."""
    try:
        header = header_of(
            tx.statements.datasets[load.dataset], load.header, f"Load {load.load_id}", find_profile(tx, load.load_id)
        )
    except InputError as error:  # the dataset has got other columns since
        way_out = f"`dbsvc rejects export {load.load_id}`, correct the columns, and ingest that"
        raise InputError(f"{error} Its rejects stay in quarantine: {way_out}.") from error
    rejected = validated = passed = 0
    run_phase(tx, load, "load/session")
    with quarantine_of(tx, load) as find_records:
        for row in tx.run("ledger/chunks_with_rejects", load_id=load.load_id).rows:
            rejected += row["rejected"]
            counts = _stage_rejects_of(tx, load, LoadChunk.from_row(row), header)
            validated, passed = validated + counts[0], passed + counts[1]
        use_pseudonyms(tx, load, load.staging_table)
        if passed and reject_conflicts(tx, load, find_records):
            passed = rejected - int(count_chunks(tx, load.load_id)["rejected"])
    return validated, passed


def _stage_rejects_of(tx: Transaction, load: Load, chunk: LoadChunk, header: Header) -> tuple[int, int]:
    place = {"load_id": load.load_id, "chunk_no": chunk.chunk_no}
    next_line, validated, passed = chunk.first_line, 0, 0
    while found := tx.run("ledger/chunk_rejects", **place, first_line=next_line, most=BATCH).rows:
        batches = [(row["line_no"], row["raw_record"]) for row in found]
        next_line = batches[-1][0] + 1
        tx.run("ledger/clear_rejects", load_id=load.load_id, first_line=batches[0][0], last_line=batches[-1][0])
        validated += len(batches)
        passed += stage_valid(tx, load, header, batches, load.staging_table)[1]
    counts = {"staged": (chunk.staged or 0) + passed, "rejected": (chunk.rejected or 0) - passed}
    tx.run("ledger/finish_chunk", **place, read=chunk.read, **counts)
    return validated, passed
