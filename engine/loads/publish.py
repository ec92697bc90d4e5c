"""Publish: rows that meet none are placed beforehand; one transaction merges the others and makes the load public."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import nullcontext

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import IntegrityError
from dbsvc.engine.loads.account import account_again, add_changes, add_rows, forget, require_rows
from dbsvc.engine.loads.corrections import close_mended
from dbsvc.engine.loads.identity import FindRecords, has_identity, reject_conflicts
from dbsvc.engine.loads.in_place import count_in_place
from dbsvc.engine.loads.ledger import find_load, lock_load, reset_lost_chunks, restage
from dbsvc.engine.loads.model import BUCKETS, FindingsError, Load, LoadChunk, LoadStatus
from dbsvc.engine.loads.phases import find_rows, keep, own, parameters, plan, run_phase, run_statement, seeking
from dbsvc.engine.loads.place import make_way, mark, place, require_months, with_months
from dbsvc.engine.loads.repeats import repeated_keys
from dbsvc.engine.loads.reveal import conceal, hides_inserted, lock_dataset, mark_inserted, reveal, update_rows
from dbsvc.engine.log import step
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.reports.loads import count_rows


def _find_nothing(_chunk: LoadChunk, _lines: Collection[int]) -> Iterable[tuple[int, bytes]]:
    """Find no record: the file is not at hand."""
    return ()


def publish(
    db: Database,
    load: Load,
    *,
    max_contradicting_share: float = 1.0,
    find_records: FindRecords = _find_nothing,
    jobs: int = 1,
    progress: Progress = unseen,
) -> Load:
    """Publish a staged load, at one instant. Returns it as it is now: unchanged if somebody else was faster.

    Any instance may go on with what another one left. Without ``jobs`` nothing is placed beforehand.

    It is ``held`` if a larger share of its records than that contradict another record of the file, and ``staging`` if records
    of it turn out to be rejects, which are then audited; ``find_records`` reads them from the file.
    """
    if jobs:
        place(db, load, jobs, progress)
    progress("publish")
    load, ours = with_months(db, lambda tx: publish_in(tx, load, max_contradicting_share, find_records))
    if ours:
        load = reveal(db, load)
        step("published", load_id=load.load_id, read=load.read, **load.buckets)
    return load


def publish_in(
    tx: Transaction, load: Load, max_contradicting_share: float = 1.0, find_records: FindRecords = _find_nothing
) -> tuple[Load, bool]:
    """Do in an open transaction what ``publish`` does last. Returns the load, and whether it was published now.

    Raises MonthsMissingError.
    """
    lock_dataset(tx, load.dataset)
    load = lock_load(tx, load)
    if load.status is not LoadStatus.STAGED:
        return load, False
    lent = has_identity(tx, load)  # which asks for repeated keys, as merging does
    if lent:
        plan(tx, load)
    with repeated_keys(tx, load) if lent else nullcontext():
        if reset_lost_chunks(tx, load) or reject_conflicts(tx, load, find_records, lent=lent):
            return restage(tx, load), False
        try:
            with tx.transaction():
                counts = merge(tx, load, max_contradicting_share, lent=lent)
        except FindingsError as found:
            tx.run("ledger/hold_load", load_id=load.load_id, held_because=str(found))
            return find_load(tx, load.load_id), False
    tx.run("ledger/publish_load", load_id=load.load_id, **counts)
    close_mended(tx, load)
    close(tx, load)
    published = find_load(tx, load.load_id)
    conceal(tx, load)
    return published, True


def close(tx: Transaction, load: Load) -> None:
    """Prune what was kept for this load, and drop its staging table."""
    if tx.statements.datasets[load.dataset].placed:
        tx.run("ledger/forget_keys", dataset=load.dataset)
    run_statement(tx, load, "load/merge/prune_reconfirmations")
    run_statement(tx, load, "load/staging/drop")


def merge(tx: Transaction, load: Load, max_contradicting_share: float, *, lent: bool = False) -> dict[str, int]:
    """Make the staged records public, with all that is derived from them; returns how many went into each bucket.

    ``lent``: it is planned, and repeated keys are known. Raises FindingsError if a larger share of them than that contradict
    each other, unless the load was released; and MonthsMissingError.
    """
    counts = Counter[str]()
    any_staged = bool(tx.run("ledger/any_staged", staged=load.staging_table).rows)
    if any_staged:
        if tx.statements.datasets[load.dataset].placed:
            tx.run("ledger/queue_to_merge", dataset=load.dataset)
        if not lent:
            plan(tx, load)
        require_months(tx, load)
        with seeking(tx, load):
            make_way(tx, load)
        _match_months(tx, load)
    if load.in_place and load.status is not LoadStatus.PUBLISHED:
        counts["inserted"] += count_in_place(tx, load)
        require_rows(tx, load, counts["inserted"])
    elif load.status is not LoadStatus.PUBLISHED:  # a month that had its key, and found another one in its place
        forget(tx, load)
    if any_staged:
        inserted = _insert_vacant(tx, load)
        counts += inserted or Counter()
        if not inserted:
            counts += _dedupe(tx, load, 1.0 if load.released else max_contradicting_share, lent)
            if inserted is None:  # a key stood there twice, which none does now
                counts += _insert_vacant(tx, load) or Counter()
            counts += _merge_rows(tx, load)
    mark(tx, load, replaced=counts["replay"] > 0 or load.status is LoadStatus.PUBLISHED)
    return {bucket: counts[bucket] for bucket in BUCKETS if bucket != "rejected"}


def _match_months(tx: Transaction, load: Load) -> None:
    """Drop the part of a load staged by months that is for all other months, if it is empty: no stored one is like it.

    Then each month is compared with the stored one by itself, on all cores and in little memory.
    """
    rest = parameters(tx, load)["rest"]
    if find_rows(tx, load, "load/by_month") and not tx.run("ledger/any_staged", staged=rest).rows:
        tx.run("load/staging/drop", staged=rest)


def _dedupe(tx: Transaction, load: Load, max_contradicting_share: float, lent: bool) -> Counter[str]:
    """Leave each key once in the staging table; returns what became of the others. Raises FindingsError."""
    with repeated_keys(tx, load, lent=lent):
        counts = run_phase(tx, load, "load/find_duplicates")
    if counts or load.status is LoadStatus.PUBLISHED:  # retried records must not contradict what is published of their load
        given = parameters(tx, load, max_contradicting_share=max_contradicting_share)
        if findings := [row["finding"] for row in tx.run_with("load/merge/find_contradictions", given).rows]:
            raise FindingsError(findings)
    if counts:
        run_phase(tx, load, "load/dedupe")
    run_statement(tx, load, "load/merge/drop_duplicates")
    return counts


def _merge_rows(tx: Transaction, load: Load) -> Counter[str]:
    """Merge staged rows with stored ones, and derive what depends on them; phases with nothing to do are left out."""
    derive, after = tx.statements.derivations(load.dataset)
    all_new = bool(derive) and not _count_known(tx, load)
    if all_new:
        run_statement(tx, load, "load/merge/view_changes")
        counts = Counter(new=1)  # or more: inserting counts them
    else:
        keep(tx, load, "changes")
        with seeking(tx, load):
            run_statement(tx, load, "load/merge/find_changes")
        run_statement(tx, load, "load/merge/leave_unchanged")
        counts = run_statement(tx, load, "load/merge/count_changes")
    changed = counts["new"] + counts["replay"] > 0
    replays = counts["replay"] > 0 or (changed and bool(derive))  # what derives reads the deliveries as well
    if replays:
        keep(tx, load, "deliveries")
    if counts["replay"]:
        keep(tx, load, "delivered")
        run_phase(tx, load, "load/gather")
        run_phase(tx, load, "load/replay")
        update_rows(tx, load)
        counts = run_statement(tx, load, "load/merge/count_changes")
    add_changes(tx, load, inserted=counts["new"] > 0, replayed=counts["replay"] > 0)
    if counts["new"]:
        counts += _insert_rows(tx, load)
        mark_inserted(tx, load)
    if counts["reconfirmed"]:
        run_statement(tx, load, "load/merge/write_reconfirmations")
    if changed and derive:
        with seeking(tx, load):
            for phase in derive:
                run_phase(tx, load, phase)
    for phase in after if counts["replay"] else []:
        run_phase(tx, load, phase)
    if replays:
        run_statement(tx, load, "load/merge/drop_deliveries")
    if all_new:
        run_statement(tx, load, "load/delivered/drop", view="changes")
    else:
        run_statement(tx, load, "load/merge/drop_changes")
    return counts


def _insert_rows(tx: Transaction, load: Load) -> Counter[str]:
    """Insert new rows. Where they are most of the table's, an index of it is built again after them, if the database may."""
    unindex, index = own(load, "unindex"), own(load, "index")
    rebuilt = all(map(tx.statements.phase, (unindex, index))) and bool(find_rows(tx, load, "load/outgrow"))
    if rebuilt:
        run_phase(tx, load, unindex)
    counts = run_statement(tx, load, "load/merge/insert_rows")
    if rebuilt:
        run_phase(tx, load, index)
    return counts


def _count_known(tx: Transaction, load: Load) -> int:
    """Return how many staged records have a key that is stored."""
    with seeking(tx, load):
        return int(tx.run_with("load/merge/find_known", parameters(tx, load)).rows[0]["known"])


def _insert_vacant(tx: Transaction, load: Load) -> Counter[str] | None:
    """Insert all that is staged without comparing it, if the table holds nothing from its first day to its last, or at all.

    Returns how many, or None if a key stands twice in the file.
    """
    of = tx.statements.datasets[load.dataset]
    if of.derive or hides_inserted(tx, load):  # what derives looks at the changes, and so does what hides them
        return Counter()
    if not find_rows(tx, load, "load/vacant" if of.partition_by else "load/empty"):
        return Counter()
    staged = Counter() if of.partition_by else Counter(inserted=count_rows(tx, load.staging_table))
    try:
        with tx.transaction():
            in_order = bool(find_rows(tx, load, "load/order"))
            counts = run_statement(tx, load, f"load/merge/{'insert_all' if in_order else 'insert_all_sorted'}")
    except IntegrityError:
        return None
    if of.partition_by:
        add_rows(tx, load, load.staging_table)
    else:  # all there is
        account_again(tx, of)
    run_statement(tx, load, "load/merge/clear_staged")
    return staged or counts
