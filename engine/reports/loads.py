"""The ledger, as ``dbsvc loads`` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError, UsageError
from dbsvc.engine.loads.ledger import count_chunks, count_states, find_load, find_past
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.words import or_nearest

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LoadList:
    """The newest loads, and how many there are in all."""

    loads: list[Load]
    total: int
    #: how many records of each dataset were read on each of the last days
    activity: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadDetails:
    """One load: how far staging has come, which rules its rejects broke, and its first records that are not current."""

    load: Load
    chunks: int
    staged_chunks: int
    #: ``reasons`` and how many ``records`` broke them
    reasons: list[Row]
    #: ``line_no``, the key, and ``replaced_by_load_id``
    past: list[Row]
    #: how many rejects are in which state; ``retried`` have left the quarantine
    rejects: Counter[str]
    #: the profile that it was read by, if it was one
    profile: str | None
    #: of an object of a store, which one it was of all that had its name
    version: str | None


@dataclass(frozen=True)
class Wanted:
    """Which loads to list: those of a dataset, in a state, since a moment, of files whose name has a text in it; or any."""

    dataset: str = ""
    status: str = ""
    since: datetime = _EVER
    name_part: str = ""


def wanted(dataset: str = "", status: str = "", since: datetime | None = None, name_part: str = "") -> Wanted:
    """Return which loads to list. Raises UsageError for a state that there is not."""
    if status not in ("", *LoadStatus):
        raise UsageError(f"There is no state {or_nearest(status, list(LoadStatus))}.")
    return Wanted(dataset, status, since or _EVER, name_part)


def list_loads(db: Database, most: int, wanted: Wanted | None = None) -> LoadList:
    """Return the newest loads first. Raises InputError for a dataset that there is not, and never was."""
    with db.snapshot() as tx:
        found = newest_loads(tx, most, wanted)
    if wanted and wanted.dataset not in ("", *db.statements.datasets) and not found.loads:
        raise InputError(f"There is no dataset {or_nearest(wanted.dataset, db.statements.datasets)}")
    return found


def newest_loads(tx: Transaction, most: int, wanted: Wanted | None = None) -> LoadList:
    """Return the newest loads first, as an open transaction sees them."""
    rows = tx.run("ledger/list_loads", most=most, **asdict(wanted or Wanted())).rows
    return LoadList([Load.from_row(row) for row in rows], rows[0]["in_all"] if rows else 0, read_activity(tx) if rows else {})


def read_activity(tx: Transaction, days: int = 28) -> dict[str, list[int]]:
    """Return how many records of each dataset's published loads were read on each of the last days, today included."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days - 1)
    since = datetime.combine(first, time.min, UTC)
    found: dict[str, list[int]] = {}
    for row in tx.run("reports/overview/load_days", since=since).rows:
        numbers = found.setdefault(row["dataset"], [0] * days)
        if (place := (date.fromisoformat(row["day"]) - first).days) < days:  # a clock may run ahead
            numbers[place] = row["read"]
    return dict(sorted(found.items()))


def show_load(db: Database, load_id: int, *, most_past: int) -> LoadDetails:
    """Return one load, with its first ``most_past`` records that are not current. Raises InputError if there is none."""
    with db.snapshot() as tx:
        load = find_load(tx, load_id)
        chunks = count_chunks(tx, load_id)
        past = find_past(tx, load, most_past)
        states = count_states(tx, load_id)
        profile = next((row["name"] for row in tx.run("ledger/find_profile", load_id=load_id).rows), None)
        version = next((row["version"] for row in tx.run("ledger/find_version", load_id=load_id).rows), None)
        reasons = count_reasons(tx, load_id)
        return LoadDetails(load, chunks["chunks"], chunks["staged_chunks"], reasons, past, states, profile, version)


def count_reasons(tx: Transaction, load_id: int) -> list[Row]:
    """Return which rules a load's rejects broke: ``reasons``, ``records``."""
    return tx.run("ledger/count_reasons", load_id=load_id).rows


def count_rows(tx: Transaction, table: str) -> int:
    """Return how many rows a table has."""
    return int(tx.run("schema/count_rows", table=table).rows[0]["row_count"])
