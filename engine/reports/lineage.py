"""Where a row came from: file, line, load, rules, earlier versions, and what of its key lies in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.reports.datasets import find_dataset
from dbsvc.engine.words import nearest

#: As many versions of a row are shown, the newest, and as many rejects.
MOST = 1000
_AROUND = 500  # keys before and after one that is not there are looked at for what may be meant
_BLANKS = " \t\r\n\u00a0"


@dataclass(frozen=True)
class Lineage:
    """The versions of a row, and what became of it."""

    #: oldest first: ``state``, ``load_id``, ``source``, ``line_no``, ``published_at``, ``replaced_by_load_id``, ``rules``,
    #: ``sha256``, and ``values`` by columns
    versions: list[Row]
    #: how many older ones there are besides
    left_out: int
    #: the columns to look at
    values: list[str]
    #: open rejects of its key, as far as that could be told: ``load_id``, ``source``, ``line_no``, ``reasons``
    rejects: list[Row] = field(default_factory=list)
    #: what is made of it: at most one row
    results: list[Row] = field(default_factory=list)

    @property
    def replaced(self) -> Row:
        """What the current version replaced: the values that were others."""
        now = self.current
        before: Row = next((row["values"] for row in self.versions if row["replaced_by_load_id"] == now["load_id"]), {})
        return {name: value for name, value in before.items() if value != now["values"][name]}

    @property
    def current(self) -> Row:
        """The version that counts, or else the last one that did."""
        return next((version for version in self.versions if version["state"] == "current"), self.versions[-1])


def trace_row(db: Database, dataset: str, key: Sequence[str]) -> Lineage:
    """Return the versions of a row. ``key``: its values in the order of the dataset's key, as files or tables have them.

    Raises InputError for a dataset or a key that cannot be, and if there never was such a row.
    """
    with db.snapshot() as tx:
        return _trace(tx, find_dataset(db.statements, dataset), key)


def trace_bill(db: Database, bill_date: date, bill_id: int) -> Lineage:
    """Return the versions of a bill, and what it is in USD at which rate. Raises InputError if there never was one."""
    with db.snapshot() as tx:
        found = _trace(tx, db.statements.datasets["usage"], [str(bill_date), str(bill_id)])
        in_usd = tx.run("reports/lineage/bill_in_usd", bill_date=bill_date, bill_id=bill_id).rows
    return replace(found, results=in_usd)


def trace_reading(db: Database, inverter_id: str, event_time: datetime) -> Lineage:
    """Return the versions of the events that carried a reading, and the reading. Raises InputError if there never was one.

    ``event_time`` has a zone.
    """
    key = {"inverter_id": inverter_id, "event_time": event_time.astimezone(UTC)}
    with db.snapshot() as tx:
        dataset = db.statements.datasets["telemetry"]
        events = [row["event_id"] for row in tx.run("reports/lineage/reading_events", **key).rows]
        found = [_trace(tx, dataset, [event]) for event in events]
        readings = tx.run("reports/lineage/reading", **key).rows
        inverters = db.statements.datasets.get("inverters")
        near = _find_near(tx, inverters, [inverter_id], inverter_id) if inverters and not found else None
    if not found:
        raise _absent(f"reading of {inverter_id} at {event_time.isoformat()}", (), near if near != inverter_id else None)
    return Lineage(
        sorted((version for each in found for version in each.versions), key=lambda row: (row["load_id"], row["line_no"])),
        sum(each.left_out for each in found),
        ["event_id", "ac_power", "ac_power_unit", "energy_wh_total"],
        [reject for each in found for reject in each.rejects],
        readings,
    )


def _trace(tx: Transaction, dataset: Dataset, written: Sequence[str]) -> Lineage:
    if len(written) != len(dataset.key):
        wanted = f"{', '.join(dataset.key)}: {len(dataset.key)} in all"
        raise InputError(f"A row of {dataset.name} is found by the value of {wanted}, not {len(written)}.")
    texts = [text.encode(errors="replace").decode().strip(_BLANKS) for text in written]
    key = _read_key(tx, dataset, texts)
    of_key = {f"key_{nth}": key[name] for nth, name in enumerate(dataset.key, 1)}
    rejects = tx.sample("reports/lineage/rejects", MOST, dataset=dataset.name, record_key=key["record_key"]).rows
    tables = {"table": dataset.table, "history": f"{dataset.table}_history", "columns": list(dataset.columns)}
    found = tx.sample(f"datasets/{dataset.name}/contract/lineage/versions", MOST, **tables, **of_key)
    if not found.rows:
        near = _find_near(tx, dataset, texts, key[dataset.key[0]])
        raise _absent(f"row {' '.join(texts)} of {dataset.name}", rejects, near)
    for row in found.rows:  # columns may be called as ours
        row["values"] = {name: row.pop(f"{name}_value") for name in dataset.columns}
    values = [name for name in dataset.columns if name not in dataset.key]
    return Lineage(found.rows[::-1], found.count - len(found.rows), values, rejects)


def _read_key(tx: Transaction, dataset: Dataset, texts: Sequence[str]) -> Row:
    """Return the values of a key, and how rejects have it. A time without a zone is by the clock of UTC, as it is stored."""
    for zone in ("", "Z"):
        named = {f"key_{nth}": text for nth, text in enumerate(texts, 1)}
        (key,) = tx.run(f"datasets/{dataset.name}/contract/lineage/key", **named).rows
        if not zone:
            texts = [text if key[name] is not None else f"{text}Z" for name, text in zip(dataset.key, texts, strict=True)]
    for name, text in zip(dataset.key, texts, strict=True):
        if key[name] is None:
            is_a, _, _ = dataset.columns[name].type.says.partition(". ")
            raise InputError(f"{text[:-1] or 'Nothing'} is no {name}, which is {is_a[0].lower()}{is_a[1:].rstrip('.')}.")
    return key


def _find_near(tx: Transaction, dataset: Dataset, written: Sequence[str], value: Any) -> str | None:
    """Return the key of a row that may be meant, of those around a value of its first column; None if none is like it."""
    about = {"table": dataset.table, "key": list(dataset.key), "first_key": dataset.key[0], "value": value, "most": _AROUND}
    around = ("reports/lineage/keys_after", "reports/lineage/keys_before")
    rows = [row for statement in around for row in tx.run(statement, **about).rows]
    keys = [[str(row[name]) for name in dataset.key] for row in rows]
    # each part must be like what was written: a number of the same day is not
    like = [" ".join(key) for key in keys if all(map(lambda text, part: nearest(text, [part]), written, key))]
    return nearest(" ".join(written), like)


def _absent(what: str, rejects: Sequence[Row] = (), near: str | None = None) -> InputError:
    """Return the error that there is no such row, which one may be meant, and where else its records may be."""
    if not rejects:
        meant = f" Did you mean {near}?" if near else ""
        return InputError(f"There is no {what}, and never was; `dbsvc rejects` shows what was not accepted.{meant}")
    newest = rejects[0]
    place = f"load {newest['load_id']}, line {newest['line_no']} ({newest['reasons']})"
    return InputError(f"There is no {what}, and never was: its record lies in quarantine, {place}.")
