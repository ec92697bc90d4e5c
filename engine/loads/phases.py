"""Running the phases of a load: every statement of a folder, logged, its records counted into buckets."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbsvc.engine.db.dialect import Result, Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load
from dbsvc.engine.log import step
from dbsvc.engine.statements.statement import Statement


def run_phase(tx: Transaction, load: Load, phase: str, **more: Any) -> Counter[str]:
    """Run a phase for a load, logging each statement; returns the records that they count into buckets."""
    counts = Counter[str]()
    started = time.perf_counter()
    for statement, result in tx.run_phase(phase, **parameters(tx, load, **more)):
        counts += _count(load, statement, result, started)
        started = time.perf_counter()
    return counts


def run_statement(tx: Transaction, load: Load, name: str, **more: Any) -> Counter[str]:
    """Run one statement for a load, as ``run_phase`` does those of a phase."""
    started = time.perf_counter()
    return _count(load, tx.statements[name], tx.run_with(name, parameters(tx, load, **more)), started)


def run_contract(tx: Transaction, load: Load, name: str, **more: Any) -> Counter[str]:
    """Run a statement that is made of the declaration of the load's dataset."""
    return run_statement(tx, load, own(load, f"contract/{name}"), **more)


def _count(load: Load, statement: Statement, result: Result, started: float) -> Counter[str]:
    """Log a statement; return the records it counts into buckets: by its header, or by rows with ``bucket`` and ``records``."""
    seconds = round(time.perf_counter() - started, 3)
    step("statement", load_id=load.load_id, statement=statement.name, rows=result.count, seconds=seconds)
    counts = Counter({bucket: result.count for bucket in [statement.header.get("count")] if bucket})
    for row in result.rows:
        if "bucket" in row:
            counts[row["bucket"]] += row["records"]
    return counts


def plan(tx: Transaction, load: Load) -> None:
    """Look at what is staged, and plan the comparing that follows by it, where a database has to be told."""
    run_phase(tx, load, "load/analyze")
    run_phase(tx, load, "load/plan")


@contextmanager
def seeking(tx: Transaction, load: Load) -> Iterator[None]:
    """Let a few staged rows seek theirs among the stored ones, where a database has to be told."""
    run_phase(tx, load, "load/seek")
    yield
    run_phase(tx, load, "load/plan")


def keep(tx: Transaction, load: Load, table: str, what: str | None = None) -> None:
    """Make a table that a merge keeps something in: ``changes``, ``delivered``, ``deliveries``; ``what`` tells its kind."""
    run_phase(tx, load, f"load/keep/{what or table}")
    run_phase(tx, load, "load/keep/spread", kept=_kept(load, table), named=table)


def _kept(load: Load, table: str) -> str:
    """Return what a merge keeps where that is no temporary table: a name as staging tables have, that no user's table has."""
    return f"staged_{table}_{load.dataset}_{load.load_id}"


def own(load: Load, phase: str) -> str:
    """Return the folder of a phase of the load's dataset."""
    return f"datasets/{load.dataset}/{phase}"


def find_rows(tx: Transaction, load: Load, phase: str, **more: Any) -> list[Row]:
    """Run a phase for a load; return the rows that its statements return: none where a database has no such phase."""
    return [row for _, result in tx.run_phase(phase, **parameters(tx, load, **more)) for row in result.rows]


def parameters(tx: Transaction, load: Load, **more: Any) -> dict[str, Any]:
    """Return what the phases of a load are given, and ``more``."""
    staged = load.staging_table
    temporary = {"landed": load.landing_table, "validated": load.validated_table}
    tables = {"staged": staged, "staged_name": staged, "rest": f"{staged}_rest", **temporary}
    tables |= {f"kept_{table}": _kept(load, table) for table in ("changes", "delivered", "deliveries")}
    return {"load_id": load.load_id, **tables, **tx.statements.datasets[load.dataset].merge_parameters(), **more}
