"""A merge on Citus is seen whole or not at all, by whoever reads on any node, whatever is killed meanwhile."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import IsolationLevel

from dbsvc import connect
from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import UnavailableError
from dbsvc.engine.loads import publish as publishing
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.revert import revert
from tests.helpers import buckets, load, usage_csv, write
from tests.helpers.citus import Cluster

pytestmark = pytest.mark.skipif(
    not os.environ.get("DBSVC_TEST_CITUS_URLS"),
    reason="no Citus cluster: set DBSVC_TEST_CITUS_URLS to the URL of its coordinator, then those of its workers",
)

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


def look_everywhere(cluster: Cluster, dbname: str) -> set[State]:
    """What is seen on any node."""
    seen = set()
    for url in cluster.urls(dbname):
        with psycopg.connect(url) as connection:
            seen.add(look(connection))
    return seen


class KilledError(Exception):
    """Stands for SIGKILL."""


@contextmanager
def killed_before_it_shows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who merges is killed when that is written, and nobody sees it yet."""

    def die(_db: Database, _load: Load) -> Load:
        raise KilledError

    with monkeypatch.context() as patch, suppress(KilledError):
        patch.setattr(publishing, "reveal", die)
        patch.setattr("dbsvc.engine.loads.revert.reveal", die)
        yield


def test_what_is_written_and_not_shown_is_shown_by_whoever_comes_next(
    cluster: Cluster, dbname: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = State(1, 1), State(2, 1, BILLS + MORE), State(2, 3, BILLS + MORE)
    paths = [state.write(tmp_path / f"{state.even}{state.odd}.csv") for state in (one, two, three)]
    with connect(cluster.url(dbname)) as db:
        load(db, paths[0])
        with killed_before_it_shows(monkeypatch):
            load(db, paths[1])
        assert look_everywhere(cluster, dbname) == {one}
        again = load(db, paths[1])  # the same command
        assert buckets(again.load) == {"inserted": MORE, "updated": BILLS // 2, "unchanged": BILLS // 2}
        assert look_everywhere(cluster, dbname) == {two}
        with killed_before_it_shows(monkeypatch):
            revert(db, again.load.load_id)
        assert look_everywhere(cluster, dbname) == {two}
        load(db, paths[2])  # another one
        assert look_everywhere(cluster, dbname) == {three}
        revert(db, 3)
        assert look_everywhere(cluster, dbname) == {one}


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
        assert look_everywhere(cluster, dbname) == {one}
        assert buckets(load(db, paths[1]).load) == {"inserted": MORE, "updated": BILLS // 2, "unchanged": BILLS // 2}
        assert look_everywhere(cluster, dbname) == {two}


@dataclass
class Readers:
    """Readers on every node, at both levels of isolation."""

    urls: list[str]
    #: all that was public once, or is about to be
    known: set[State]
    looks: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ)
        threads = [threading.Thread(target=self._read, args=(url, level)) for url in self.urls for level in levels]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.done.set()
            for thread in threads:
                thread.join()

    def _read(self, url: str, level: IsolationLevel) -> None:
        who = f"{level.name} {url.rpartition('/')[0].rpartition(':')[2]}"
        while not self.done.is_set():
            try:
                with psycopg.connect(url) as connection:
                    connection.isolation_level = level
                    while not self.done.is_set():
                        self._look(connection, level, who)
                        self.done.wait(random.uniform(0, 0.1))
            except psycopg.errors.SerializationFailure:
                self.refused[who] += 1
            except psycopg.Error:  # the node, or another one, is away
                self.done.wait(0.1)

    def _look(self, connection: psycopg.Connection, level: IsolationLevel, who: str) -> None:
        try:
            with connection.transaction():
                first = None
                if level is IsolationLevel.REPEATABLE_READ:
                    key = random.randint(1, BILLS)
                    amount = connection.execute(
                        "SELECT product1_revenue FROM bills WHERE bill_id = %s AND bill_date = %s",
                        (key, f"2021-10-{1 + key % 28:02}"),
                    ).fetchall()
                    time.sleep(random.uniform(0, 0.5))
                    first = look(connection)
                    assert amount == [((first.even, first.odd)[key % 2],)], f"{key}: {amount}, and then {first}"
                seen = look(connection)
                assert first in (None, seen), f"{first}, and then {seen}"
                assert seen in self.known, f"never public: {seen}"
                self.looks[who] += 1
        except AssertionError as wrong:
            self.wrong.append(f"{who}: {wrong}")


def crash_when_prepared(url: str, dbname: str, done: threading.Event, crashes: list[bool]) -> None:
    """Crash a server as soon as a transaction is prepared there: its other processes go with the one that is killed."""
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        pid = connection.info.backend_pid
        while not done.is_set():
            found = connection.execute("SELECT 1 FROM pg_prepared_xacts WHERE database = %s", (dbname,)).fetchone()
            if found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                    crashes.append(True)
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


@pytest.mark.long
def test_none_ever_sees_a_part(cluster: Cluster, dbname: str, tmp_path: Path) -> None:
    """Loads that change half of the rows, and bring some, are merged and taken back; some are killed, and so are workers."""
    url, workers = cluster.url(dbname), cluster.urls(dbname)[1:]
    states = [State(1, 1)]
    assert run(["ingest", str(states[0].write(tmp_path / "0.csv"))], url) == 0
    readers = Readers(cluster.urls(dbname), {*states})
    kills: Counter[str] = Counter()
    seconds = 5.0
    with readers.at_work():
        for number in range(1, ROUNDS + 1):
            now = states[-1]
            if number % 4 == 0 and len(states) > 1:
                states.pop()
                arguments = ["loads", "revert", str(newest(url)), "--yes"]
            else:
                more = MORE * (number % 2)
                states.append(
                    State(number + 1, now.odd, BILLS + more) if number % 2 else State(now.even, number + 1, now.bills)
                )
                path = states[-1].write(tmp_path / f"{number}.csv")
                arguments = ["ingest", str(path)]
            readers.known.add(states[-1])
            done = threading.Event()
            crashes: list[bool] = []
            crash = threading.Thread(target=crash_when_prepared, args=(random.choice(workers), dbname, done, crashes))
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
            assert look_everywhere(cluster, dbname) == {states[-1]}, f"after round {number}, {arguments}"
    print(f"{ROUNDS} rounds, killed: {dict(kills)}; looks: {dict(readers.looks)}, refused: {dict(readers.refused)}")
    assert not readers.wrong, "\n".join(readers.wrong[:20])
    assert min(readers.looks.values()) > ROUNDS, readers.looks


def newest(url: str) -> int:
    """The load that was published last."""
    with psycopg.connect(url.replace("citus://", "postgresql://")) as connection:
        found = connection.execute("SELECT max(load_id) FROM loads WHERE status = 'published'").fetchone()
    assert found
    return int(found[0])
