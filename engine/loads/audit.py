"""Audit: one transaction that looks at a load as a whole. What is found holds it, for an operator to decide."""

from __future__ import annotations

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.in_place import rows_in_place
from dbsvc.engine.loads.ledger import count_chunks, find_load, lock_load, reset_lost_chunks
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.phases import own, parameters, seeking
from dbsvc.engine.loads.pseudonyms import use_pseudonyms
from dbsvc.engine.loads.reveal import require_staged
from dbsvc.engine.reports.loads import count_rows
from dbsvc.engine.settings import Settings

#: Files with fewer records than this are only held when more than half of them is rejected.
SMALL_FILE = 100


def audit(tx: Transaction, load: Load, settings: Settings) -> Load:
    """Count what was read, and audit it. Returns the load: staged or held, or as it was if not all of it is staged.

    Raises UnavailableError while nodes have yet to commit what is staged.
    """
    load = lock_load(tx, load)
    if load.status is not LoadStatus.STAGING:
        return load
    require_staged(tx, load)
    reset_lost_chunks(tx, load)
    state = count_chunks(tx, load.load_id)
    if state["staged_chunks"] < state["chunks"]:
        return load
    stored = [tx.statements.datasets[load.dataset].stored] if load.in_place else []
    use_pseudonyms(tx, load, load.staging_table, *stored)
    findings = _look(tx, load, settings)
    if findings:
        tx.run("ledger/hold_load", load_id=load.load_id, held_because="\n".join(findings))
    return find_load(tx, load.load_id)


def _look(tx: Transaction, load: Load, settings: Settings) -> list[str]:
    """Measure all that is staged of a load, apart or in place, and return what audits find."""
    has_total = bool(tx.statements.phase(own(load, "control_total")))
    looks = [True, False] if load.in_place and (has_total or tx.statements.phase(own(load, "audit"))) else []
    for ranged in looks:
        tx.run("ledger/count_read", load_id=load.load_id)
        load = find_load(tx, load.load_id)
        with rows_in_place(tx, load, ranged=ranged) as placed:
            parts = (load.staging_table, placed)
            seen = sum(add_control_total(tx, load, part) if has_total else count_rows(tx, part) for part in parts)
            if ranged and seen != load.read - load.rejected:
                continue  # some lie elsewhere than a sample told
            rows = f"delivered_{load.dataset}"
            tx.run_with("load/delivered/create_delivered", parameters(tx, load, placed=placed, delivered=rows))
            findings = [] if load.released else [finding for _, finding in find_faults(tx, load, settings, rows)]
            tx.run("load/delivered/drop", view=rows)
            return findings
    tx.run("ledger/count_read", load_id=load.load_id)
    load = find_load(tx, load.load_id)
    add_control_total(tx, load, load.staging_table)
    return [] if load.released else [finding for _, finding in find_faults(tx, load, settings, load.staging_table)]


def find_faults(tx: Transaction, load: Load, settings: Settings, staged: str) -> list[tuple[str, str]]:
    """Return what audits find in a load and what is staged, each with the audit's name.

    Those of the dataset are not asked of a load that was released.
    """
    limits = {
        "max_rejected_share": settings.max_rejected_share,
        "max_contradicting_share": settings.max_contradicting_share,
        "small_file": SMALL_FILE,
        "total_factor": settings.total_factor,
        "total_min_loads": settings.total_min_loads,
    }
    with seeking(tx, load):
        return [
            (statement.name, row["finding"])
            for folder in ("load/audit", *(() if load.released else (own(load, "audit"),)))
            for statement, result in tx.run_phase(folder, load_id=load.load_id, staged=staged, **limits)
            for row in result.rows
        ]


def add_control_total(tx: Transaction, load: Load, staged: str) -> int:
    """Add what is staged to the load's control total, if its dataset has one; returns of how many records."""
    records = 0
    for _, result in tx.run_phase(own(load, "control_total"), staged=staged, load_id=load.load_id):
        records = result.rows[0]["records"]
        tx.run("ledger/add_to_total", load_id=load.load_id, control_total=result.rows[0]["control_total"])
    return records
