"""Audit: one transaction that looks at a load as a whole. What is found holds it, for an operator to decide."""

from __future__ import annotations

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.ledger import count_chunks, find_load, lock_load, reset_lost_chunks
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.phases import own
from dbsvc.engine.loads.pseudonyms import use_pseudonyms
from dbsvc.engine.settings import Settings

#: Files with fewer records than this are only held when more than half of them is rejected.
SMALL_FILE = 100


def audit(tx: Transaction, load: Load, settings: Settings) -> Load:
    """Count what was read, and audit it. Returns the load: staged or held, or as it was if not all of it is staged."""
    load = lock_load(tx, load)
    if load.status is not LoadStatus.STAGING:
        return load
    reset_lost_chunks(tx, load)
    state = count_chunks(tx, load.load_id)
    if state["staged_chunks"] < state["chunks"]:
        return load
    use_pseudonyms(tx, load, load.staging_table)
    tx.run("ledger/count_read", load_id=load.load_id)
    add_control_total(tx, load)
    findings = [] if load.released else find_faults(tx, load, settings)
    if findings:
        tx.run("ledger/hold_load", load_id=load.load_id, held_because="\n".join(finding for _, finding in findings))
    return find_load(tx, load.load_id)


def find_faults(tx: Transaction, load: Load, settings: Settings) -> list[tuple[str, str]]:
    """Return what audits find, each with the audit's name. Those of the dataset are not asked of a load that was released."""
    limits = {
        "max_rejected_share": settings.max_rejected_share,
        "max_contradicting_share": settings.max_contradicting_share,
        "small_file": SMALL_FILE,
        "total_factor": settings.total_factor,
        "total_min_loads": settings.total_min_loads,
    }
    return [
        (statement.name, row["finding"])
        for folder in ("load/audit", *(() if load.released else (own(load, "audit"),)))
        for statement, result in tx.run_phase(folder, load_id=load.load_id, staged=load.staging_table, **limits)
        for row in result.rows
    ]


def add_control_total(tx: Transaction, load: Load) -> None:
    """Add what is staged to the load's control total, if its dataset has one."""
    for _, result in tx.run_phase(own(load, "control_total"), staged=load.staging_table, load_id=load.load_id):
        tx.run("ledger/add_to_total", load_id=load.load_id, **result.rows[0])
