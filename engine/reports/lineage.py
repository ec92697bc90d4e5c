"""Where a value came from: file, line, load, rules, earlier versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.errors import InputError


@dataclass(frozen=True)
class Lineage:
    """Every version of a value, and what became of it."""

    #: oldest first: ``state``, ``load_id``, ``source``, ``line_no``, ``published_at``, ``rules``, ``sha256``, and the values
    versions: list[Row]
    #: what is made of it: at most one row
    results: list[Row]
    #: the columns of a version that are values of the file
    values: list[str]

    @property
    def current(self) -> Row:
        """The version that counts, or else the last one that did."""
        return next((version for version in self.versions if version["state"] == "current"), self.versions[-1])


def trace_bill(db: Database, bill_date: date, bill_id: int) -> Lineage:
    """Return every version of a bill, and what it is in USD at which rate. Raises InputError if there never was one."""
    key = {"bill_date": bill_date, "bill_id": bill_id}
    with db.snapshot() as tx:
        merged = db.statements.datasets["usage"].merge_parameters()
        names = {name: merged[name] for name in ("columns", "stored_values")}
        versions = tx.run("reports/lineage/bill", **key, **names).rows
        results = tx.run("reports/lineage/bill_in_usd", **key).rows
    return _lineage(f"bill {bill_id} of {bill_date}", versions, results, [column for _, column in names["stored_values"]])


def trace_reading(db: Database, inverter_id: str, event_time: datetime) -> Lineage:
    """Return every version of the events that carried a reading, and the reading. Raises InputError if there never was one.

    ``event_time`` has a zone.
    """
    key = {"inverter_id": inverter_id, "event_time": event_time.astimezone(UTC)}
    with db.snapshot() as tx:
        versions = tx.run("reports/lineage/reading_events", **key).rows
        readings = tx.run("reports/lineage/reading", **key).rows
    values = ["event_id", "ac_power", "ac_power_unit", "energy_wh_total"]
    return _lineage(f"reading of {inverter_id} at {event_time.isoformat()}", versions, readings, values)


def _lineage(what: str, versions: list[Row], results: list[Row], values: list[str]) -> Lineage:
    if not versions:
        raise InputError(f"There is no {what}, and never was; `dbsvc rejects` shows what was not accepted.")
    return Lineage(versions, results, values)
