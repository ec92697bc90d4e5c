"""Telemetry files that grow, and what is made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database
from dbsvc.engine.loads.follow import follow
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.model import Outcome
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import jsonlines
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.scan import Scan
from tests.helpers import (
    query,
)

INVERTERS = (
    b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n"
    b"i1,p1,Volta,V100,100,2020-01-01\ni2,p1,Volta,V100,100,\ni3,p2,Helio,H7,55.5,2021-06-01T08:00:00Z\n"
)
START = datetime(2024, 5, 1, 18, tzinfo=UTC)  # midnight at the plant comes after 180 events
#: for what is the same whichever database there is
ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"])


def event(number: int, **values: object) -> bytes:
    """A line: one event a minute; a value of None is left out."""
    moment = START + timedelta(minutes=number)
    fields: dict[str, object] = {"event_id": f"e{number}", "plant_id": "p1", "inverter_id": "i1"}
    fields |= {"event_time": moment.isoformat(), "ac_power": number, "ac_power_unit": "W", "energy_wh_total": 1000 + number}
    fields |= values
    return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False).encode() + b"\n"


def events(numbers: Iterable[int], **values: object) -> bytes:
    """Lines."""
    return b"".join(event(number, **values) for number in numbers)


def append(path: Path, content: bytes) -> None:
    """Write at a file's end, as its writer does."""
    with path.open("ab") as file:
        file.write(content)


def reading(db: Database, delivery: SourceFile, **settings: Any) -> list[Outcome]:
    """What `dbsvc ingest` does with a file it has opened."""
    header = read_header(delivery, db.statements.datasets.values())
    return list(ingest_all(db, delivery, header, replace(Settings(), **{"max_contradicting_share": 1.0, **settings})))


def run(db: Database, source: Path | str, **settings: Any) -> list[Outcome]:
    """What `dbsvc ingest` does with one file."""
    with SourceFile(str(source)) as delivery:
        return reading(db, delivery, **settings)


def words(outcomes: Iterable[Outcome]) -> list[tuple[int, str]]:
    """What became of each load."""
    return [(o.load.load_id, "already" if o.already else str(o.load.status)) for o in outcomes]


def know(db: Database, *inverters: str, plants: Sequence[str] = ("p1", "p2")) -> None:
    """Put plants and inverters, those of the first plant, where their loads would have put them."""
    with db.transaction() as tx:
        tx.upsert_rows(
            "plants",
            ("plant_id", "name", "location", "timezone", "load_id", "line_no"),
            ("plant_id",),
            [(plant, "a plant", "", "Asia/Jerusalem" if plant == "p1" else "Europe/Paris", 0, 0) for plant in plants],
        )
        tx.upsert_rows(
            "inverters",
            ("inverter_id", "plant_id", "vendor", "model", "capacity_kw", "load_id", "line_no"),
            ("inverter_id",),
            [(inverter, plants[0], "", "", 100.0, 0, 0) for inverter in inverters],
        )


def ids(db: Database) -> list[str]:
    """The events that are public."""
    return [name for (name,) in query(db, "SELECT event_id FROM inverter_telemetry_raw ORDER BY event_id")]


def names(numbers: Iterable[int]) -> list[str]:
    """The events' names, in the database's order."""
    return sorted(f"e{number}" for number in numbers)


def lines_of(content: bytes, scanned: Scan) -> list[tuple[int, bytes]]:
    """The records of a scan's chunks, with their line numbers."""
    found: list[tuple[int, bytes]] = []
    for chunk in scanned.chunks:
        data = content[chunk.byte_start : chunk.byte_end]
        found += [(chunk.first_line + line - 1, data[start:end]) for start, end, line, _ in jsonlines.records(data)]
    return found


def following(db: Database, source: Path | str, *, idle: float = 10) -> Iterator[Outcome]:
    """`dbsvc ingest --follow`, driven step by step."""
    return follow(db, str(source), Settings(), jobs=1, every=0.01, idle=idle)
