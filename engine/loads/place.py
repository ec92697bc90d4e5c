"""Place: rows that meet no stored ones are put where they will stay, before they are public, in small transactions.

Where a database has partitions, a staged month becomes one. Readers see it when its load is published, and wait for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import IntegrityError
from dbsvc.engine.loads.account import add_rows, count_days, forget
from dbsvc.engine.loads.ledger import lock_load, share_load
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.phases import find_rows, run_phase
from dbsvc.engine.loads.reveal import withdraw_rows
from dbsvc.engine.log import step
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.threads import workers

T = TypeVar("T")


class MonthsMissingError(Exception):
    """Rows are to be merged of months that the table has no partitions for."""

    def __init__(self, load: Load, months: list[Row]) -> None:
        self.load = load
        self.months = months
        super().__init__(f"{load.dataset}: {len(months)} months have no partition yet")


def place(db: Database, load: Load, jobs: int = 1, progress: Progress = unseen) -> None:
    """Place the staged months that the table holds no rows of; the load stays staged. May be run again at any time."""
    partitioned = db.statements.datasets[load.dataset].partition_by and db.statements.phase("load/place/find")
    if not partitioned:  # a transaction is not opened for nothing
        return
    months = db.run_transaction(lambda tx: _find_months(tx, load))
    if not months:
        return
    repeats = threading.Event()
    with workers(db, jobs, "place") as pool:
        for done, _ in enumerate(pool.map(lambda month: _add_key(db, load, month["month"], repeats), months), 1):
            progress("place", done, len(months))
        late = db.run_transaction(partial(_attach_staged, load=load))
        db.run_transaction(partial(plan_months, load=load))
        for _ in pool.map(lambda month: db.run_transaction(partial(_account, load=load, month=month)), late):
            pass


def with_months(db: Database, work: Callable[[Transaction], T]) -> T:
    """Run work that merges in a transaction; in one of their own before, add the months that it misses."""
    while True:
        try:
            return db.run_transaction(work)
        except MonthsMissingError as missing:
            db.run_transaction(partial(_add_months, load=missing.load, months=missing.months))
            db.run_transaction(partial(plan_months, load=missing.load))


def require_months(tx: Transaction, load: Load) -> None:
    """Raise MonthsMissingError if the table has no partition for rows that are staged."""
    partitioned = tx.statements.datasets[load.dataset].partition_by
    if partitioned and (months := find_rows(tx, load, "load/place/missing")):
        raise MonthsMissingError(load, months)


def make_way(tx: Transaction, load: Load) -> None:
    """Stage again what lies in the way of staged rows without being public, of other loads and of this one.

    Their rows in place are accounted for again when they are published.
    """
    for row in tx.run("ledger/find_in_place", dataset=load.dataset).rows:
        other = Load.from_row(row)
        places = {"others_load_id": other.load_id, "others_staged": other.staging_table}
        if run_phase(tx, load, "load/make_way", **places)["moved"]:
            run_phase(tx, load, "load/leave_place", **places)
            forget(tx, other)


def mark(tx: Transaction, load: Load, *, replaced: bool) -> None:
    """Keep plans that are older than a month from showing a part of what a load changes, now that it changes it.

    They leave it out as a whole, or refuse to show anything if it has ``replaced`` rows that they may have shown.
    """
    if tx.statements.datasets[load.dataset].partition_by:
        plan_months(tx, load)
        run_phase(tx, load, "load/place/mark", replaced=replaced)


def withdraw(tx: Transaction, load: Load) -> int:
    """Delete the rows that stand by a load; returns how many."""
    removed = withdraw_rows(tx, load)
    forget(tx, load)
    return removed


def _find_months(tx: Transaction, load: Load) -> list[Row]:
    return find_rows(tx, load, "load/place/find") if tx.statements.datasets[load.dataset].partition_by else []


def _add_key(db: Database, load: Load, month: str, repeats: threading.Event) -> None:
    """Give a staged month its key, unless it has one. Where a file repeats keys, that is left for later."""
    if repeats.is_set():
        return
    try:
        db.run_transaction(lambda tx: _add_key_in(tx, load, month))
    except IntegrityError:
        repeats.set()


def _add_key_in(tx: Transaction, load: Load, month: str) -> None:
    if share_load(tx, load).status is not LoadStatus.STAGED or not _keyless(tx, load, month):
        return
    run_phase(tx, load, "load/place/lock", month=month)
    if _keyless(tx, load, month):
        run_phase(tx, load, "load/place/key", month=month)
        run_phase(tx, load, "load/place/analyze", month=month)
        add_rows(tx, load, month)


def _keyless(tx: Transaction, load: Load, month: str) -> bool:
    return any(row["month"] == month and not row["keyed"] for row in find_rows(tx, load, "load/place/find"))


def _attach_staged(tx: Transaction, load: Load) -> list[Row]:
    """Attach the staged months, in one transaction that writes no rows but those that repeat a key.

    Returns the months that are to be accounted for yet.
    """
    tx.run("ledger/lock_dataset", dataset=load.dataset)
    load = lock_load(tx, load)
    months = _find_months(tx, load) if load.status is LoadStatus.STAGED else []
    months = [month for month in months if tx.run("ledger/any_staged", staged=month["month"]).rows]
    for month in months:
        run_phase(tx, load, "load/place/detach", **month)
        if not month["keyed"]:
            run_phase(tx, load, "load/place/set_aside", **month)
            run_phase(tx, load, "load/place/key", **month)
        run_phase(tx, load, "load/place/attach", **month)
        run_phase(tx, load, "load/place/take_over", **month)
    if months:
        first_day, last_day = months[0]["first_day"], months[-1]["next_day"]
        tx.run("ledger/mark_in_place", load_id=load.load_id, first_day=first_day, last_day=last_day)
        step("placed", load_id=load.load_id, months=len(months))
    return [month for month in months if not month["keyed"]]


def _account(tx: Transaction, load: Load, month: Row) -> None:
    """Account for the rows of a month that was just attached. Publishing does what is left of that."""
    if share_load(tx, load).status is LoadStatus.STAGED:
        run_phase(tx, load, "load/place/analyze", month=month["partition"])  # which one of us does at a time
        if not count_days(tx, load, month["first_day"], month["next_day"]):
            add_rows(tx, load, month["partition"])


def _add_months(tx: Transaction, load: Load, months: list[Row]) -> None:
    """Add partitions without rows, as far as they are still missing."""
    tx.run("ledger/lock_dataset", dataset=load.dataset)
    for month in months:
        if not find_rows(tx, load, "load/place/known", partition_name=month["partition"]):
            made = {**month, "month": month["partition"]}
            run_phase(tx, load, "load/place/create", **made)
            run_phase(tx, load, "load/place/attach", **made)


def plan_months(tx: Transaction, load: Load) -> None:
    """Let plans count the months that were attached, by transactions that have committed: before, no plan has them."""
    tx.run("ledger/lock_dataset", dataset=load.dataset)
    for row in find_rows(tx, load, "load/place/planned"):
        run_phase(tx, load, "load/place/plan", **row)
