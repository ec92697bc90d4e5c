"""Rebuild what is derived from a dataset's table, with the statements that loading uses, as if all of it had just come.

Batch by batch, a transaction each: loads take their turns in between, and a rebuild that was killed is begun again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from dbsvc.engine.datasets import Dataset, Derived
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.reveal import lock_dataset
from dbsvc.engine.log import event
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.reports.loads import count_rows
from dbsvc.engine.words import or_nearest

#: As many rows are found for one batch, from which others may be derived.
BATCH = 20_000


@dataclass(frozen=True)
class Rebuilt:
    """What became of a derived table: how many rows it has, and how many are other than before: added, removed or corrected."""

    name: str
    table: str
    rows: int
    corrected: int


@dataclass(frozen=True)
class _Batch:
    corrected: int
    #: where the next one begins; None after the last
    end: Row | None


def rebuild(
    db: Database,
    name: str | None = None,
    *,
    dry_run: bool = False,
    batch: int = BATCH,
    progress: Progress = unseen,
) -> list[Rebuilt]:
    """Derive again what has that name, and what follows from it; by default all. Returns what became of each table.

    With ``dry_run`` nothing is changed: what is returned is what would be. Raises InputError if nothing has that name.
    """
    known = {name for dataset in db.statements.datasets.values() for name in dataset.rebuild}
    if name is not None and name not in known:
        raise InputError(f"Nothing that is derived is called {or_nearest(name, sorted(known))}")
    return [_rebuild(db, *one, dry_run=dry_run, most=batch, progress=progress) for one in _find_derived(db, name)]


def _find_derived(db: Database, first: str | None) -> Iterator[tuple[Dataset, str]]:
    """Yield what is derived of each dataset, from one on; all of it without."""
    for dataset in db.statements.datasets.values():
        names = list(dataset.rebuild)
        if first is None or first in names:
            yield from ((dataset, name) for name in names[names.index(first) if first else 0 :])


def _rebuild(db: Database, dataset: Dataset, name: str, *, dry_run: bool, most: int, progress: Progress) -> Rebuilt:
    derived, corrected = dataset.rebuild[name], 0
    after: Row | None = None
    while True:
        done = db.run_transaction(partial(_rebuild_batch, dataset=dataset, name=name, after=after, most=most, dry_run=dry_run))
        corrected, after = corrected + done.corrected, done.end
        progress(f"rebuild {name}")
        if after is None:
            break
    rows = db.read(lambda tx: count_rows(tx, derived.table))
    event("rebuilt", table=derived.table, rows=rows, corrected=corrected, dry_run=dry_run)
    return Rebuilt(name, derived.table, rows, corrected)


def _rebuild_batch(tx: Transaction, *, dataset: Dataset, name: str, after: Row | None, most: int, dry_run: bool) -> _Batch:
    """Derive the next rows again. Raises TakenBackError if they are as they were, or nothing is to be changed."""
    lock_dataset(tx, dataset.name)
    of, derived = f"datasets/{dataset.name}/rebuild", dataset.rebuild[name]
    begin = after or tx.run(f"{of}/first").rows[0]
    for _ in tx.run_phase(f"{of}/{name}", **begin, most=most):
        pass
    end = tx.run(f"{of}/last", most=most).rows
    corrected = _derive(tx, dataset, derived)
    batch = _Batch(corrected, end[0] if end else None)
    if dry_run or not corrected:
        raise TakenBackError(batch)
    for table in ("rebuilt", "kept", *derived.leaves):
        tx.run("housekeeping/drop", table=table)
    return batch


def _derive(tx: Transaction, dataset: Dataset, derived: Derived) -> int:
    """Derive the rows of a batch; returns how many are other than before."""
    names = {"table": derived.table, "key": list(derived.key)}
    tx.run("housekeeping/rebuild/find_rows", key=names["key"], batch=derived.batch)
    tx.run("housekeeping/rebuild/keep_rows", **names)
    for _ in tx.run_phase(f"datasets/{dataset.name}/derive/{derived.phase}", **dataset.merge_parameters()):
        pass
    return tx.run("housekeeping/rebuild/compare_rows", **names).count
