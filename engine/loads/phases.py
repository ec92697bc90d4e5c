"""Running the phases of a load: every statement of a folder, logged, its records counted into buckets."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from dbsvc.engine.datasets import find_dataset
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load
from dbsvc.engine.log import event


def run_phase(tx: Transaction, load: Load, phase: str, **more: Any) -> Counter[str]:
    """Run a phase for a load, logging each statement; returns the records that they count into buckets."""
    counts = Counter[str]()
    started = time.perf_counter()
    for statement, result in tx.run_phase(phase, **parameters(tx, load) | more):
        if bucket := statement.header.get("count"):
            counts[bucket] += result.count
        for row in result.rows:
            if "bucket" in row:
                counts[row["bucket"]] += row["records"]
        ended = time.perf_counter()
        seconds = round(ended - started, 3)
        event("statement", load_id=load.load_id, statement=statement.name, rows=result.count, seconds=seconds)
        started = ended
    return counts


def run_own_phase(tx: Transaction, load: Load, phase: str, **more: Any) -> Counter[str]:
    """Run a phase of the load's dataset, as ``run_phase`` does."""
    return run_phase(tx, load, own(load, phase), **more)


def own(load: Load, phase: str) -> str:
    """Return the folder of a phase of the load's dataset."""
    return f"datasets/{load.dataset}/{phase}"


def parameters(tx: Transaction, load: Load) -> dict[str, Any]:
    """Return what the phases of a load are given."""
    tables = {"staged": load.staging_table, "landed": load.landing_table}
    return {"load_id": load.load_id, **tables, **find_dataset(tx.statements, load.dataset).merge_parameters()}
