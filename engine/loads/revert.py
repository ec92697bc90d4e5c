"""Revert: a published load is taken back, in one transaction, also after later loads and retries.

What it had replaced stands again, what replaced it stays, and what is derived from its rows follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.account import add_changes
from dbsvc.engine.loads.corrections import close_mended, reopen_mended
from dbsvc.engine.loads.ledger import find_load, find_pruned, lock_load
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.phases import keep, parameters, run_phase, run_statement
from dbsvc.engine.loads.place import mark, withdraw
from dbsvc.engine.loads.reveal import conceal, lock_dataset, reveal, update_rows
from dbsvc.engine.log import event
from dbsvc.engine.openlineage.telling import tell_end


@dataclass(frozen=True)
class Reverted:
    """What taking a load back changes: the load, and how many rows go, and stand by another delivery again."""

    load: Load
    removed: int
    restored: int
    #: later loads that may have repeated rows of it, which go with it: ``load_id``, ``source``, ``records``
    perhaps_repeated_by: list[Row]


def revert(db: Database, load_id: int, *, dry_run: bool = False) -> Reverted:
    """Take a published load back. With ``dry_run`` change nothing, and return what would change.

    Raises InputError in other states, and when rows of other datasets refer to rows that would go.
    """
    reverted = db.run_transaction(lambda tx: _revert(tx, load_id, dry_run=dry_run))
    if not dry_run:
        reverted = replace(reverted, load=reveal(db, reverted.load))
        tell_end(db, reverted.load)
        event("reverted", load_id=load_id, removed=reverted.removed, restored=reverted.restored)
    return reverted


def _revert(tx: Transaction, load_id: int, *, dry_run: bool) -> Reverted:
    load = find_load(tx, load_id)
    lock_dataset(tx, load.dataset)
    load = lock_load(tx, load)
    if load.status is not LoadStatus.PUBLISHED:
        ways = "" if load.status is LoadStatus.REVERTED else f" `dbsvc loads show {load_id}` says what can be done."
        raise InputError(f"Load {load_id} is {load.status}: only a published load can be reverted.{ways}")
    _refuse_pruned(tx, load)
    keep(tx, load, "changes", "reverted")
    keep(tx, load, "delivered")
    run_phase(tx, load, "load/revert")
    keep(tx, load, "deliveries")
    run_phase(tx, load, "load/replay")
    update_rows(tx, load)
    _refuse_dependents(tx, load)
    restored = tx.run_with("ledger/count_restored", parameters(tx, load)).rows[0]["records"]
    add_changes(tx, load, inserted=False, replayed=True)
    removed = withdraw(tx, load)
    mark(tx, load, replaced=True)
    own, after = tx.statements.derivations(load.dataset)
    for phase in (*own, *after):
        run_phase(tx, load, phase)
    run_statement(tx, load, "load/merge/drop_deliveries")
    run_statement(tx, load, "load/merge/drop_changes")
    reopen_mended(tx, load_id)
    tx.run("ledger/forget_replacements", load_id=load_id)
    tx.run("ledger/forget_pruned", load_id=load_id)
    brought = removed or restored or load.inserted or load.updated or load.superseded
    repeating = tx.run("ledger/find_repeating", load_id=load_id).rows if brought else []
    tx.run("ledger/mark_later_loads", dataset=load.dataset, load_id=load_id)
    tx.run("ledger/revert_load", load_id=load_id, removed=removed)
    close_mended(tx, load)  # of what it mended, by other loads that did as well
    run_statement(tx, load, "load/merge/prune_reconfirmations")
    reverted = Reverted(find_load(tx, load_id), removed, restored, repeating)
    conceal(tx, load)
    if dry_run:
        raise TakenBackError(reverted)
    return reverted


def _refuse_pruned(tx: Transaction, load: Load) -> None:
    """Raise InputError if rows that would have to stand again were pruned."""
    if rows := find_pruned(tx, load.load_id):
        loads = ", ".join(f"load {row['load_id']} ({row['source']})" for row in rows)
        records = sum(row["records"] for row in rows)
        raise InputError(
            f"Load {load.load_id} replaced {records:,} rows of {loads}, whose old versions were pruned: they cannot stand "
            "again. Deliver them again instead: `dbsvc ingest --again FILE`."
        )


def _refuse_dependents(tx: Transaction, load: Load) -> None:
    """Raise InputError if rows of another dataset name rows that go."""
    key = list(tx.statements.datasets[load.dataset].key)
    for other in tx.statements.datasets.values():
        if load.dataset in other.depends_on and set(key) <= other.columns.keys():
            rows = tx.run("ledger/find_dependents", dependent=other.stored, key=key).rows
            if rows:
                loads = ", ".join(str(row["load_id"]) for row in rows)
                records = sum(row["records"] for row in rows)
                raise InputError(
                    f"Load {load.load_id} brought {load.dataset} that {records:,} rows of {other.title} refer to. Revert "
                    f"{'load' if len(rows) == 1 else 'loads'} {loads} before, or correct the registry by another file."
                )
