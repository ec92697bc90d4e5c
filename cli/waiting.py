"""What is said of rejects that wait for what a load has brought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.loads.model import Load


def find_hints(db: Database, loads: Iterable[Load]) -> list[str]:
    """Name the rejects that wait for what each of these loads has brought."""
    from dbsvc.engine.loads.waiting import find_waiting

    found = {load.load_id: find_waiting(db, load) for load in loads if load.status == "published"}
    return [hint(load_id, waiting) for load_id, waiting in found.items() if waiting]


def hint(load_id: int, waiting: Mapping[int, int]) -> str:
    """Say how many rejects, of which loads, wait for what a load has brought, and what to type."""
    records, loads = sum(waiting.values()), ", ".join(map(str, waiting))
    wait, whose, which = ("record waits" if records == 1 else "records wait"), "loads", ""
    if len(waiting) == 1:
        whose, which = "load", f" {loads}"
    return f"{records:,} rejected {wait} for what load {load_id} brought, of {whose} {loads}: `dbsvc rejects retry{which}`."
