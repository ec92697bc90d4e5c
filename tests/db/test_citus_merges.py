"""A merge on Citus is seen whole or not at all, by whoever reads on any node, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from dbsvc import connect
from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import UnavailableError
from dbsvc.engine.housekeeping.prune import prune
from dbsvc.engine.loads.revert import revert
from tests.helpers import buckets, load, usage_csv, write
from tests.helpers.citus import Cluster, killed_before_it_shows
from tests.helpers.readers import Readers, look_everywhere
from tests.helpers.trouble import Node

S = TypeVar("S")

BILLS = 400
MORE = 100  # that come and go
ROUNDS = int(os.environ.get("DBSVC_TEST_ROUNDS", 12))
#: of even and odd bills the amounts there are, and how many bills
LOOK = """
    SELECT
        min(product1_revenue) FILTER (WHERE bill_id % 2 = 0), max(product1_revenue) FILTER (WHERE bill_id % 2 = 0),
        min(product1_revenue) FILTER (WHERE bill_id % 2 = 1), max(product1_revenue) FILTER (WHERE bill_id % 2 = 1),
        count(*)
    FROM bills
"""


@dataclass(frozen=True)
class State:
    """What is public: the amounts of even and of odd bills, and how many bills."""

    even: int
    odd: int
    bills: int = BILLS

    def write(self, path: Path) -> Path:
        amounts = (self.even, self.odd)
        rows = [(f"2021-10-{1 + n % 28:02}", n, "USD", "Acme", amounts[n % 2], 0) for n in range(1, self.bills + 1)]
        return write(path, usage_csv(rows))


def look(connection: psycopg.Connection) -> State:
    """What a reader sees. Fails if that is a part of something."""
    least_even, most_even, least_odd, most_odd, bills = connection.execute(LOOK).fetchone() or ()
    assert (least_even, least_odd) == (most_even, most_odd), f"a part: {least_even} {most_even} {least_odd} {most_odd} {bills}"
    return State(int(least_even), int(least_odd), bills)


@pytest.fixture
def dbname(cluster: Cluster) -> str:
    """A migrated, empty database of the cluster."""
    return cluster.create().rpartition("/")[2]


def test_what_is_written_and_not_shown_is_shown_by_whoever_comes_next(
    cluster: Cluster, dbname: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = State(1, 1), State(2, 1, BILLS + MORE), State(2, 3, BILLS + MORE)
    paths = [state.write(tmp_path / f"{state.even}{state.odd}.csv") for state in (one, two, three)]
    with connect(cluster.url(dbname)) as db:
        load(db, paths[0])
        with killed_before_it_shows(monkeypatch):
            load(db, paths[1])
        assert look_everywhere(cluster, dbname, look) == {one}
        again = load(db, paths[1])  # the same command
        assert buckets(again.load) == {"inserted": MORE, "updated": BILLS // 2, "unchanged": BILLS // 2}
        assert look_everywhere(cluster, dbname, look) == {two}
        with killed_before_it_shows(monkeypatch):
            revert(db, again.load.load_id)
        assert look_everywhere(cluster, dbname, look) == {two}
        load(db, paths[2])  # another one
        assert look_everywhere(cluster, dbname, look) == {three}
        with killed_before_it_shows(monkeypatch):
            revert(db, 3)
        prune(db, date(2021, 1, 1))  # somebody who changes no rows
        assert look_everywhere(cluster, dbname, look) == {one}


def amount(connection: psycopg.Connection) -> Callable[[State], bool]:
    """Look at one bill; tells whether it is so in a state."""
    key = random.randint(1, BILLS)
    statement = "SELECT product1_revenue FROM bills WHERE bill_id = %s AND bill_date = %s"
    found = connection.execute(statement, (key, f"2021-10-{1 + key % 28:02}")).fetchall()
    return lambda state: found == [((state.even, state.odd)[key % 2],)]


@contextmanager
def in_doubt(cluster: Cluster, dbname: str, beginner: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker has prepared a transaction, and was not told that the node that began it has committed it.

    Meanwhile Citus does not end it: one with its number is at work. Nor is anything waited for.
    """
    urls = cluster.urls(dbname)
    with psycopg.connect(urls[beginner]) as at_work, psycopg.connect(urls[2], autocommit=True) as worker:
        at_work.execute("SELECT count(*) FROM bills_stored")
        told = "SELECT groupid, transaction_number FROM pg_dist_local_group CROSS JOIN get_current_transaction_id()"
        group, number = at_work.execute(told).fetchone() or (0, 0)
        gid = f"citus_{group}_{os.getpid()}_{number}_0"
        worker.execute(f"BEGIN; CREATE TABLE doubtful (); PREPARE TRANSACTION '{gid}'")
        (other,) = worker.execute("SELECT groupid FROM pg_dist_local_group").fetchone() or (0,)
        with psycopg.connect(urls[beginner], autocommit=True) as beginning:
            beginning.execute("INSERT INTO pg_dist_transaction VALUES (%s, %s)", (other, gid))
        with monkeypatch.context() as patch:
            patch.setattr(Database, "pause", lambda *_: None)
            yield
        at_work.rollback()
        for _ in range(60):
            if not worker.execute("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", (gid,)).fetchone():
                worker.execute("DROP TABLE doubtful")
                return
            time.sleep(0.5)
        raise AssertionError(f"Citus does not end {gid}")


@pytest.mark.parametrize("beginner", [0, 1])
def test_nothing_goes_on_while_a_node_has_yet_to_commit_it(
    cluster: Cluster, dbname: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginner: int
) -> None:
    """What is staged is not counted, and what is merged is not shown; when Citus has ended the transaction, both are."""
    one, two = State(1, 1), State(2, 1, BILLS + MORE)
    paths = [state.write(tmp_path / f"{state.even}.csv") for state in (one, two)]
    with connect(cluster.url(dbname)) as db:
        load(db, paths[0])
        with in_doubt(cluster, dbname, beginner, monkeypatch), pytest.raises(UnavailableError) as said:
            load(db, paths[1])
        assert re.fullmatch(
            r"Load 2 is staged, and goes on when all nodes have it: \S+:\d+ has not said so yet. "
            "Run the same command again later.",
            str(said.value),
        )
        with killed_before_it_shows(monkeypatch):
            load(db, paths[1])
        with in_doubt(cluster, dbname, beginner, monkeypatch), pytest.raises(UnavailableError) as said:
            load(db, paths[1])
        assert str(said.value).startswith("Load 2 is written, and is shown when all nodes have it: ")
        assert look_everywhere(cluster, dbname, look) == {one}
        assert buckets(load(db, paths[1]).load) == {"inserted": MORE, "updated": BILLS // 2, "unchanged": BILLS // 2}
        assert look_everywhere(cluster, dbname, look) == {two}


def crash_when_prepared(node: Node, url: str, done: threading.Event, crashes: list[bool]) -> None:
    """Crash a server as soon as a transaction is prepared there: its other processes go with the one that is killed."""
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        while not done.is_set():
            if connection.execute("SELECT 1 FROM pg_prepared_xacts WHERE database = current_database()").fetchone():
                crashes.append(True)
                node.crash_process(connection)
                return


def run(arguments: list[str], url: str, kill_after: float | None = None) -> int:
    """Run the program, killed after some seconds; returns how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dbsvc", *arguments],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    if process.returncode not in (0, 65, 69, 75, -signal.SIGKILL):
        pytest.fail(f"{arguments}: {process.returncode}: {said.decode()[-600:]}")
    return process.returncode


def disturb(cluster: Cluster, dbname: str, readers: Readers[S], steps: Iterable[tuple[list[str], S]]) -> None:
    """Run commands, each with the state that is public then; some are killed, and so are workers. None ever sees a part."""
    url = cluster.url(dbname)
    workers = [(Node(server.admin_url), server.url(dbname)) for server in cluster.nodes[1:]]
    kills: Counter[str] = Counter()
    seconds = 5.0
    with readers.at_work():
        for number, (arguments, state) in enumerate(steps, 1):
            readers.known.add(state)
            done = threading.Event()
            crashes: list[bool] = []
            crash = threading.Thread(target=crash_when_prepared, args=(*random.choice(workers), done, crashes))
            if number % 3 == 0:
                crash.start()
            began = time.monotonic()
            code = run(arguments, url, kill_after=random.uniform(0.3, 1) * seconds if number % 3 == 1 else None)
            kills["clients"] += code == -signal.SIGKILL
            if code == 0:
                seconds = time.monotonic() - began
            done.set()
            if number % 3 == 0:
                crash.join()
                kills["workers"] += len(crashes)
            for _ in range(20):
                if code in (0, 65):  # 65: what was killed had taken the load back already
                    break
                time.sleep(1)
                code = run(arguments, url)
            assert code == 0 or (code == 65 and arguments[0] == "loads"), f"{arguments}: {code}"
            assert look_everywhere(cluster, dbname, readers.look) == {state}, f"after round {number}, {arguments}"
    print(f"{number} rounds, killed: {dict(kills)}; looks: {dict(readers.looks)}, refused: {dict(readers.refused)}")
    readers.assert_whole(number)
    assert kills["workers"] or number < 12, "no worker was crashed"


def newest(url: str, dataset: str) -> str:
    """The load of a dataset that was published last."""
    with psycopg.connect(url.replace("citus://", "postgresql://")) as connection:
        found = connection.execute(
            "SELECT max(load_id) FROM loads WHERE status = 'published' AND dataset = %s", (dataset,)
        ).fetchone()
    assert found
    return str(found[0])


@pytest.mark.long
def test_none_ever_sees_a_part(cluster: Cluster, dbname: str, tmp_path: Path) -> None:
    """Loads that change half of the rows, and bring some, are merged and taken back."""
    url, states = cluster.url(dbname), [State(1, 1)]
    assert run(["ingest", str(states[0].write(tmp_path / "0.csv"))], url) == 0

    def steps() -> Iterator[tuple[list[str], State]]:
        for number in range(1, ROUNDS + 1):
            now = states[-1]
            if number % 4 == 0:
                states.pop()
                yield ["loads", "revert", newest(url, "usage"), "--yes"], states[-1]
                continue
            more = MORE * (number % 2)
            states.append(State(number + 1, now.odd, BILLS + more) if number % 2 else State(now.even, number + 1, now.bills))
            yield ["ingest", str(states[-1].write(tmp_path / f"{number}.csv"))], states[-1]

    disturb(cluster, dbname, Readers(cluster.urls(dbname), {*states}, look, amount), steps())


INVERTERS = 24
DAY = "2024-05-{:02}T23:30:00Z"  # in Jerusalem it is the next day
ZONES = ("UTC", "Asia/Jerusalem")


@dataclass(frozen=True)
class Sun:
    """What is public of plants, inverters and telemetry: each inverter has some events, a day each, all of one power."""

    kilowatts: int = 1
    events: int = 3
    capacity: int = 100
    zone: str = "UTC"

    def write_events(self, path: Path) -> Path:
        fields = {"plant_id": "p1", "ac_power": self.kilowatts, "ac_power_unit": "kW"}
        named = [(f"i{n}", day) for n in range(INVERTERS) for day in range(1, self.events + 1)]
        lines = [
            {"event_id": f"{one}-{day}", "inverter_id": one, "event_time": DAY.format(day), **fields} for one, day in named
        ]
        return write(path, "".join(f"{json.dumps(line)}\n" for line in lines).encode())

    def write_inverters(self, path: Path) -> Path:
        rows = "".join(f"i{n},p1,Volta,V{self.capacity},{self.capacity},\n" for n in range(INVERTERS))
        return write(path, f"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n{rows}".encode())

    def write_plants(self, path: Path) -> Path:
        rows = "".join(f"p{n},{path.stem},,{self.zone}\n" for n in range(1, 9))
        return write(path, f"plant_id,name,location,timezone\n{rows}".encode())


#: what each table of telemetry says, a view of them, their join with the registries, and these by themselves
LOOK_AT_SUN = """
    SELECT raw.*, clean.*, days.*, latest.*, joined.*, plants.*, inverters.*
    FROM (SELECT min(ac_power), max(ac_power), count(*) FROM inverter_telemetry_raw) AS raw (least, most, number)
    CROSS JOIN
        (SELECT min(ac_power_w), max(ac_power_w), count(*), min(day) FROM inverter_telemetry_clean)
            AS clean (least, most, number, day)
    CROSS JOIN
        (SELECT min(avg_ac_power_w), max(max_ac_power_w), sum(points), min(day) FROM inverter_daily_summary)
            AS days (least, most, number, day)
    CROSS JOIN (SELECT min(ac_power_w), max(ac_power_w), count(*) FROM inverter_latest_state) AS latest (least, most, number)
    CROSS JOIN
        (
            SELECT min(plants.timezone), max(plants.timezone), min(inverters.capacity_kw), max(inverters.capacity_kw), count(*)
            FROM inverter_daily_summary
            INNER JOIN inverters ON inverter_daily_summary.inverter_id = inverters.inverter_id
            INNER JOIN plants ON inverter_daily_summary.plant_id = plants.plant_id
        ) AS joined (first_zone, last_zone, least, most, number)
    CROSS JOIN (SELECT min(timezone), max(timezone), count(*) FROM plants) AS plants (first_zone, last_zone, number)
    CROSS JOIN (SELECT min(capacity_kw), max(capacity_kw), count(*) FROM inverters) AS inverters (least, most, number)
"""


def look_at_sun(connection: psycopg.Connection) -> Sun:
    """What a reader sees. Fails if that is a part of something."""
    row = [*(connection.execute(LOOK_AT_SUN).fetchone() or ())]
    seen = Sun(int(row[0]), row[2] // INVERTERS, int(row[-3]), row[-6])
    watts, days = 1000.0 * seen.kilowatts, INVERTERS * seen.events
    day = date(2024, 5, 1 + ZONES.index(seen.zone))
    whole = [seen.kilowatts, seen.kilowatts, days, watts, watts, days, day, watts, watts, days, day, watts, watts, INVERTERS]
    whole += [seen.zone, seen.zone, seen.capacity, seen.capacity, days, seen.zone, seen.zone, 8]
    assert row == [*whole, seen.capacity, seen.capacity, INVERTERS], f"a part: {row}"
    return seen


#: of each table a column that has one value in all its rows, and that value
EVERYWHERE: dict[tuple[str, str], Callable[[Sun], object]] = {
    ("inverters", "capacity_kw"): lambda sun: sun.capacity,
    ("plants", "timezone"): lambda sun: sun.zone,
    ("inverter_telemetry_raw", "ac_power"): lambda sun: sun.kilowatts,
    ("inverter_telemetry_clean", "ac_power_w"): lambda sun: 1000 * sun.kilowatts,
    ("inverter_daily_summary", "avg_ac_power_w"): lambda sun: 1000 * sun.kilowatts,
}


def glance_at_sun(connection: psycopg.Connection) -> Callable[[Sun], bool]:
    """Look at one table; tells whether it is so in a state. Fails if that is a part of something."""
    table, column = random.choice([*EVERYWHERE])
    least, most = connection.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchone() or ()
    assert least == most, f"a part of {table}: {least} {most}"
    return lambda sun: least == EVERYWHERE[table, column](sun)


@pytest.mark.long
def test_none_ever_sees_a_part_of_telemetry(cluster: Cluster, dbname: str, tmp_path: Path) -> None:
    """All events change, or get more; capacities and zones change, and with them days; loads are taken back."""
    url, states = cluster.url(dbname), [Sun()]
    files = [states[0].write_plants(tmp_path / "plants.csv"), states[0].write_inverters(tmp_path / "inverters.csv")]
    assert run(["ingest", *map(str, files), str(states[0].write_events(tmp_path / "0.jsonl"))], url) == 0

    def steps() -> Iterator[tuple[list[str], Sun]]:
        for number in range(1, ROUNDS + 1):
            now = states[-1]
            if number % 5 == 4:
                states.pop()
                yield ["loads", "revert", newest(url, "telemetry"), "--yes"], states[-1]
                continue
            if number % 5 in (1, 2):  # one that brings more events is taken back
                states.append(replace(now, kilowatts=number + 1, events=now.events + (number % 5 == 2)))
                path = states[-1].write_events(tmp_path / f"{number}.jsonl")
            elif number % 5 == 3:
                states[:] = [replace(state, capacity=100 + number) for state in states]
                path = states[-1].write_inverters(tmp_path / f"inverters{number}.csv")
            else:
                zone = ZONES[now.zone == "UTC"]
                states[:] = [replace(state, zone=zone) for state in states]
                path = states[-1].write_plants(tmp_path / f"plants{number}.csv")
            yield ["ingest", str(path)], states[-1]

    disturb(cluster, dbname, Readers(cluster.urls(dbname), {*states}, look_at_sun, glance_at_sun), steps())
