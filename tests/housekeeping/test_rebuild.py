"""Rebuilding: whatever somebody did to what is derived, it is again what loading made of the events."""

from __future__ import annotations

import datetime
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import Database, InputError
from dbsvc.engine.housekeeping.rebuild import Rebuilt, rebuild
from tests.helpers import load, query, write
from tests.helpers.check_case import execute, find
from tests.helpers.cli import Cli
from tests.helpers.growing import event, events, know
from tests.helpers.processes import Instance, succeed

READINGS, SUMMARIES = "inverter_telemetry_clean", "inverter_daily_summary"
#: what somebody may do to the tables
DAMAGES = (
    f"DELETE FROM {READINGS}",
    f"DELETE FROM {READINGS} WHERE inverter_id = 'i1' AND ac_power_w < 250",
    f"UPDATE {READINGS} SET ac_power_w = ac_power_w + 0.001 WHERE event_id IN ('e7', 'e300', 'f9')",
    f"UPDATE {READINGS} SET status = 'odd', source = 'x' WHERE inverter_id = 'i2'",
    f"UPDATE {READINGS} SET day = '2031-01-01' WHERE event_id IN ('e7', 'e300')",
    f"UPDATE {READINGS} SET event_time = '2024-05-02 17:00:00' WHERE event_id = 'e8'",
    f"UPDATE {READINGS} SET inverter_id = 'i2', plant_id = 'p2' WHERE event_id = 'e10'",
    f"""INSERT INTO {READINGS} (inverter_id, event_time, plant_id, day, event_id, ac_power_w)
        VALUES ('i1', '1999-01-01 00:00:00', 'p1', '1999-01-01', 'none', 1),
        ('i2', '2040-01-01 00:00:00', 'p1', '2040-01-01', 'a', 1)""",
    f"DELETE FROM {SUMMARIES}",
    f"DELETE FROM {SUMMARIES} WHERE inverter_id = 'i2'",
    f"UPDATE {SUMMARIES} SET avg_ac_power_w = 1, energy_wh = 0 WHERE inverter_id = 'i1'",
    f"UPDATE {SUMMARIES} SET counter_faults = 3",
    f"""INSERT INTO {SUMMARIES} (plant_id, inverter_id, day, points, first_event_time, last_event_time)
        SELECT plant_id, inverter_id, '1999-01-01', 1, '2030-01-01 00:00:00', '2030-01-01 00:00:00' FROM inverters""",
    f"""INSERT INTO {SUMMARIES} (plant_id, inverter_id, day, points, first_event_time, last_event_time)
        SELECT plant_id, inverter_id, '2099-01-01', 1, '2020-01-01 00:00:00', '2020-01-01 00:00:00' FROM inverters""",
)
FILE = b"".join(
    [
        events(range(0, 400, 3)),
        events(range(1, 400, 7), ac_power_unit="kW", temperature_c=-3.1415, status="ok", source="gateway"),
        *(event(n, event_id=f"f{n}", inverter_id="i2", energy_wh_total=5 * n) for n in range(0, 4000, 90)),
        event(3, event_id="e30", ac_power=9),
        event(3, event_id="e4000", ac_power=None, dc_power=7.77, dc_power_unit="W"),
    ]
)


def derived(db: Database) -> list[list[tuple[object, ...]]]:
    return [query(db, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in (READINGS, SUMMARIES)]


@pytest.fixture
def sunny(db: Database, tmp_path: Path) -> Database:
    """Two inverters' days, each event in one of two loads, some moments with several events."""
    know(db, "i1", "i2")
    load(db, write(tmp_path / "one.jsonl", FILE))
    load(db, write(tmp_path / "two.jsonl", events(range(5, 600, 11), ac_power=55.5005)))
    return db


@given(
    damages=st.lists(st.sampled_from(DAMAGES), max_size=3, unique=True),
    batch=st.integers(20, 300),
    what=st.sampled_from([None, "readings"]),
    dies=st.integers(0, 4),
)
def test_what_is_derived_is_what_loading_made(
    sunny: Database, damages: list[str], batch: int, what: str | None, dies: int
) -> None:
    before = derived(sunny)
    execute(sunny, *damages)
    damaged = derived(sunny)
    would = rebuild(sunny, what, dry_run=True, batch=batch)
    assert derived(sunny) == damaged
    assert any(one.corrected for one in would) == (damaged != before)

    calls = 0

    def die(phase: str, done: int = 0, total: int = 0) -> None:
        nonlocal calls
        calls += 1
        if calls > dies:
            raise KeyboardInterrupt

    if dies:
        with pytest.raises(KeyboardInterrupt):
            rebuild(sunny, what, batch=min(batch, 20), progress=die)
    done = rebuild(sunny, what, batch=batch)
    assert derived(sunny) == before
    if not dies:
        assert done[0].corrected == would[0].corrected  # the days are compared with other readings by then
    assert [one.corrected for one in rebuild(sunny, what)] == [0, 0]
    for check in ("readings_wrong", "daily_summaries_wrong", "telemetry_orphaned"):
        assert find_all(sunny, check) == []


def find_all(db: Database, check: str) -> list[object]:
    return list(find(db, check, datetime.date.min, datetime.date(2030, 1, 1)))


def test_summaries_alone(sunny: Database) -> None:
    before = derived(sunny)
    execute(sunny, DAMAGES[8])
    (done,) = rebuild(sunny, "summaries")
    assert (done.name, done.table, done.corrected) == ("summaries", SUMMARIES, len(before[1]))
    assert derived(sunny) == before
    with pytest.raises(InputError, match="called weather, only readings, summaries"):
        rebuild(sunny, "weather")


def test_nothing_was_ever_derived(db: Database) -> None:
    assert rebuild(db) == [Rebuilt("readings", READINGS, 0, 0), Rebuilt("summaries", SUMMARIES, 0, 0)]


def test_the_command(sunny: Database, cli_on: Cli) -> None:
    before = derived(sunny)
    execute(sunny, DAMAGES[0], DAMAGES[12])
    damaged = derived(sunny)
    ran = cli_on("db", "rebuild", "--dry-run")
    assert ran.code == 0
    assert [(row["table"], row["corrected"] > 0, row["dry_run"]) for row in ran.objects] == [
        (READINGS, True, True),
        (SUMMARIES, True, True),
    ]
    assert derived(sunny) == damaged
    ran = cli_on("db", "rebuild")
    assert [(row["rows"], row["dry_run"]) for row in ran.objects] == [(len(rows), False) for rows in before]
    assert derived(sunny) == before
    ran = cli_on("db", "rebuild", "weather")
    assert (ran.code, ran.error[:30]) == (65, "Nothing that is derived is cal")


@pytest.mark.long  # it kills processes
def test_killed_and_run_again(sunny: Database, url: str, tmp_path: Path, cli_on: Callable[..., object]) -> None:
    """Beside a load that publishes; whatever is killed, the same command again gives what loading gives."""
    load(sunny, write(tmp_path / "many.jsonl", events(range(10_000, 20_000))))
    before = derived(sunny)
    execute(sunny, DAMAGES[2], DAMAGES[8])
    chance = random.Random(15)
    for _ in range(4):
        with Instance(url, "db", "rebuild") as instance:
            time.sleep(chance.uniform(0.4, 1.6))
            instance.kill(signal.SIGKILL)
            instance.await_end()
    path = write(tmp_path / "later.jsonl", events(range(20_000, 21_000)))
    with Instance(url, "db", "rebuild") as instance, Instance(url, "ingest", path) as ingesting:
        ingesting.succeed()
        instance.succeed()
    succeed(url, "db", "rebuild")
    readings, days = derived(sunny)
    assert [row for row in readings if row in set(before[0])] == before[0]
    assert len(readings) == len(before[0]) + 1000
    assert find_all(sunny, "daily_summaries_wrong") == []
    assert {row[2] for row in before[1]} <= {row[2] for row in days}
