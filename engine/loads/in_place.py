"""In place: the rows of a load that lie in its dataset's table before it is published, where they stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import own, parameters


def count_in_place(tx: Transaction, load: Load) -> int:
    """Return how many records of a load, all of which are staged, lie in place."""
    return int(tx.run("ledger/count_in_place", load_id=load.load_id, staged=load.staging_table).rows[0]["records"])


@contextmanager
def rows_in_place(tx: Transaction, load: Load, *, ranged: bool) -> Iterator[str]:
    """Lend a view of a load's rows in place; ``ranged``: as far as they lie where a sample tells, to find them sooner."""
    placed = f"placed_{load.dataset}"
    span = _find_span(tx, load) if ranged else None
    if span:
        first, last = span
        given = parameters(tx, load, placed=placed, first_part=first, last_part=last)
        tx.run_with("load/delivered/create_placed_between", given)
    else:
        tx.run_with("load/delivered/create_placed", parameters(tx, load, placed=placed))
    yield placed
    tx.run("load/delivered/drop", view=placed)


def _find_span(tx: Transaction, load: Load) -> tuple[Any, Any] | None:
    """Return between which parts of the key a load's rows lie, where that is of use: the first and the last one."""
    if load.first_day and load.last_day:
        return load.first_day, load.last_day
    statement = own(load, "contract/10_span")
    if statement not in tx.statements:
        return None
    row = tx.run_with(statement, parameters(tx, load)).rows[0]
    return None if row["first_part"] is None else (row["first_part"], row["last_part"])
