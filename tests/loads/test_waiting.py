"""What waits in quarantine for a registry is said when the registry brings it."""

from __future__ import annotations

from pathlib import Path

from dbsvc import Database
from dbsvc.engine.loads.operations import retry
from dbsvc.engine.loads.waiting import find_waiting
from dbsvc.engine.settings import Settings
from tests.helpers.check_case import deliver
from tests.helpers.cli import Cli
from tests.helpers.counters import PLANTS, events, inverters


def test_what_a_registry_brings_is_waited_for(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    late = events([(0, 1), (1, 2)], "i2") + events([(0, 1)], "i3") + events([(0, 5)], "i2", ac_power=-9999)
    first = deliver(db, events([(0, 1)]) + late, "a.jsonl").load
    second = deliver(db, events([(5, 1)], "i2"), "b.jsonl").load
    # the registry comes again, and brings nothing that anybody waits for
    row = deliver(db, inverters(6)).load
    assert row.updated == 1
    assert find_waiting(db, row) == {}
    row = deliver(db, inverters(6, 6)).load
    assert row.inserted == 1
    assert find_waiting(db, row) == {first.load_id: 3, second.load_id: 1}
    retry(db, second.load_id, Settings())
    assert find_waiting(db, row) == {first.load_id: 3}


def test_plants_are_waited_for(db: Database) -> None:
    waits = deliver(db, inverters(5, 5)).load
    row = deliver(db, PLANTS).load
    assert find_waiting(db, row) == {waits.load_id: 2}


def test_ingest_says_it(db: Database, url: str, tmp_path: Path) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    load_id = deliver(db, events([(0, 1), (1, 2)]) + events([(0, 1)], "i2"), "a.jsonl").load.load_id
    cli = Cli(tmp_path, url)
    cli.write("inverters.csv", inverters(5, 5))
    ran = cli("--output", "table", "ingest", "inverters.csv")
    said = " ".join((ran.out + ran.err).decode().split())
    assert f"1 rejected record waits for what load {load_id + 1} brought, of load {load_id}" in said
    assert f"`dbsvc rejects retry {load_id}`" in said
