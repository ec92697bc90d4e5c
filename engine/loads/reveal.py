"""Reveal: where a merge is not seen at one moment, it is written unseen, and shown by a step of its own.

One machine commits a merge at once, and has no statements for this. Nodes of a cluster commit one after the other: there rows
carry the number of the merge that wrote them, and what they were before; readers go by one number, that of the last merge
shown.
"""

from __future__ import annotations

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import UnavailableError
from dbsvc.engine.loads.ledger import find_load
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.phases import find_rows, run_phase, run_statement
from dbsvc.engine.log import step

#: Seconds that a commit may take from node to node.
_MOMENT = 0.5


def lock_dataset(tx: Transaction, dataset: str) -> None:
    """Let nobody else publish loads of a dataset until we commit, to change rows of it: all that is seen at one moment.

    Raises UnavailableError as ``lock_loads`` does. Where readers go by a number that is raised now, they begin again even if
    nothing changes in the end: that is known only when rows are compared, and none may be before nodes have the last merge.
    """
    lock_loads(tx, dataset)
    _run_all(tx, "ledger/begin_merge", {"dataset": dataset})


def lock_loads(tx: Transaction, dataset: str) -> None:
    """Let nobody else publish loads of a dataset until we commit; what was written of one and is not seen yet, show it first.

    Who does this alone changes no row that is public. Raises UnavailableError while nodes have yet to commit what was written.
    """
    for merge in _show_unseen(tx, dataset):
        _run_all(tx, "ledger/sweep", merge)


def show_written(tx: Transaction, dataset: str) -> None:
    """Show what was written of a dataset and is not seen yet, if that is a step of its own. Raises UnavailableError."""
    if tx.statements.phase("ledger/unseen"):
        lock_loads(tx, dataset)


def conceal(tx: Transaction, load: Load) -> None:
    """Show what was written of a load in this transaction later; until then the ledger has its ``status`` of before."""
    run_phase(tx, load, "load/conceal", status=load.status)


def reveal(db: Database, load: Load) -> Load:
    """Show what was written of a load, if that is a step of its own. Returns the load as it is then."""
    if not db.statements.phase("ledger/unseen"):
        return load

    def find(tx: Transaction) -> Load:
        return find_load(tx, load.load_id)

    if db.run_transaction(lambda tx: _show_unseen(tx, load.dataset)):  # then by one that begins when all have been shown it
        db.run_transaction(lambda tx: lock_loads(tx, load.dataset))
    return db.run_transaction(find)


def _show_unseen(tx: Transaction, dataset: str) -> list[Row]:
    """Show what was written of a dataset and is not seen yet, behind its lock. Returns the merges that took rows away."""
    tx.run("ledger/lock_dataset", dataset=dataset)
    unseen = [row for _, found in tx.run_phase("ledger/unseen", dataset=dataset) for row in found.rows]
    for merge in unseen:
        if merge["load_id"] is not None:
            _show(tx, merge)
    return [merge for merge in unseen if merge["takes_away"]]


def require_staged(tx: Transaction, load: Load) -> None:
    """Raise UnavailableError while nodes have yet to commit what is staged of a load, and nobody stages any more."""
    _require_all(tx, f"Load {load.load_id} is staged, and goes on when all nodes have it")


def _show(tx: Transaction, merge: Row) -> None:
    _require_all(tx, f"Load {merge['load_id']} is written, and is shown when all nodes have it")
    _run_all(tx, "ledger/reveal", merge)
    step("shown", load_id=merge["load_id"], status=merge["becomes"])


def _require_all(tx: Transaction, what: str) -> None:
    doubts = _find_doubts(tx)
    gids = {gid for _, gid in doubts}
    if gids and None not in gids:  # others commit all the time, and what was not in doubt before is none of what we ask about
        tx.pause(_MOMENT)
        doubts = {(node, gid) for node, gid in _find_doubts(tx) if gid in {*gids, None}}
    if nodes := sorted({node for node, _ in doubts}):
        have = "has" if len(nodes) == 1 else "have"
        raise UnavailableError(f"{what}: {', '.join(nodes)} {have} not said so yet. Run the same command again later.")


def _find_doubts(tx: Transaction) -> set[tuple[str, str | None]]:
    """Return the nodes that have yet to commit a transaction, each with its name; or do not answer, without one."""
    return {(row["node"], row["gid"]) for _, found in tx.run_phase("ledger/doubts") for row in found.rows}


def _run_all(tx: Transaction, phase: str, merge: Row) -> None:
    for _ in tx.run_phase(phase, **merge):
        pass


def update_rows(tx: Transaction, load: Load) -> None:
    """Write the newest version of each replayed row, beside the one that readers see meanwhile if they have to."""
    merges = find_rows(tx, load, "load/merge_number")
    for merge in merges:
        run_phase(tx, load, "load/update_seen", **merge)
    if not merges:
        run_phase(tx, load, "load/update_rows")


def hides_inserted(tx: Transaction, load: Load) -> bool:
    """Whether rows that are inserted have to be hidden: readers see the load already."""
    return bool(_merge_of_seen(tx, load))


def mark_inserted(tx: Transaction, load: Load) -> None:
    """Hide rows that were inserted for a load which readers see already."""
    for merge in _merge_of_seen(tx, load):
        run_phase(tx, load, "load/mark_inserted", **merge)


def withdraw_rows(tx: Transaction, load: Load) -> int:
    """Delete the rows that stand by a load, or mark those that readers see until that is shown; returns how many."""
    removed = 0
    merges = _merge_of_seen(tx, load)
    for merge in merges:
        removed = run_phase(tx, load, "load/withdraw_seen", **merge)["removed"]
        if removed:
            run_phase(tx, load, "load/sweep_later")
    if not merges:
        removed = run_statement(tx, load, "load/withdraw/10_withdraw")["removed"]
    run_statement(tx, load, "load/withdraw/20_mark")
    return removed


def rename_unseen(tx: Transaction, dataset: Dataset, name: str, pseudonym: str) -> None:
    """Put a pseudonym in the place of a name in what rows were before, where that is kept."""
    given = {"table": dataset.stored, "name": name, "pseudonym": pseudonym}
    for _, found in tx.run_phase("load/merge_number", dataset=dataset.name):
        for column in dataset.personal if found.rows else ():
            for _ in tx.run_phase("housekeeping/erase/before", column_name=column, **given):
                pass


def _merge_of_seen(tx: Transaction, load: Load) -> list[Row]:
    return find_rows(tx, load, "load/merge_number") if load.status is LoadStatus.PUBLISHED else []
