"""Real processes that are killed, stopped, cut off and set on the same work: they end as one undisturbed process does.

`python tests/helpers/chaos.py` runs the first test for as long as you like.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from itertools import count, zip_longest
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pytest

from dbsvc import connect, migrate
from dbsvc.engine.loads.operations import release
from tests.helpers import HEADER, load, whole
from tests.helpers.processes import (
    CHUNK_BYTES,
    ROWS,
    STRIPPED,
    Instance,
    await_blocked,
    holding,
    observing,
    query,
    succeed,
    together,
)
from tests.helpers.published import TABLES, stream
from tests.helpers.server import Server

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("DBSVC_CHAOS_KILLS", 5))  # on each database
MEMORY = 200 * 2**20


#: what is published, in one snapshot: how much each load has of it
PUBLIC = (
    "SELECT 'bills', load_id, count(*) FROM bills GROUP BY load_id UNION ALL "
    "SELECT 'history', replaced_by_load_id, count(*) FROM bills_history GROUP BY replaced_by_load_id UNION ALL "
    "SELECT status, load_id, inserted + updated FROM loads WHERE status = 'published'"
)
#: ... in one statement: the bills there are, as many as the ledger accounts for, and their sums; then whose they may be
ACCOUNTED = (
    "SELECT (SELECT count(*) FROM bills), (SELECT COALESCE(sum(inserted - removed), 0) FROM loads WHERE status IN "
    "('published', 'reverted')), (SELECT sum(bill_id * load_id) FROM bills), (SELECT sum(CAST(replace(CAST(product1_revenue "
    "AS text), '.', '') AS bigint)) FROM bills), (SELECT sum(load_id * (1 + inserted + updated)) FROM loads WHERE status = "
    "'published')"
)
#: ... of bills alone
OF_LOADS = "SELECT load_id, count(*) FROM bills GROUP BY load_id"
STAGED = "SELECT load_id, count(read) FROM load_chunks GROUP BY load_id"


def write_delivery(path: Path, number: int, rows: int, *, bad: float = 0.01, name: str = "Customer") -> Path:
    """A file of bills. Three quarters of its keys are in the file before it too, some of these with other values."""
    draw = random.Random(number)
    recent = deque[bytes](maxlen=rows // 8)  # so that a record and its repetition are in different chunks
    with path.open("wb") as file:
        file.write(f"{HEADER}\n".encode())
        for bill in range(number * rows // 4, number * rows // 4 + rows):
            version = number if draw.random() < 0.1 else 0
            customer = f"{name} {bill % 503}"
            day = date(2021, 1, 1) + timedelta(bill * 100 // rows)
            amounts = f"{bill % 9973}.{bill * 7919 % 10**8:08}", f"{bill % 997}.{version:07}"
            line = whole(f"{day},{bill},{('usd', 'EUR')[bill % 2]},{customer},{','.join(amounts)}".encode()) + b"\n"
            chance = draw.random()
            if chance < bad:
                line = draw.choice((line.replace(b",", b",-", 1), line.replace(b"20", b"31/02/20", 1), b"," + line[11:]))
            elif chance < bad + 0.04 and recent:
                line = recent[0] if chance < bad + 0.02 else recent[0].replace(b"\n", b"1\n")
            elif chance > 0.9998:  # what makes the reader take a chunk apart
                line = draw.choice((b"too,few\n", b"\xff" + line, line.replace(customer.encode(), b'"A,\nB"')))
            else:
                recent.append(line)
            file.write(line)
    return path


def assert_same(url: str, expected_url: str, *, but: str = "") -> None:
    """Both databases, of any kind, hold the same; neither holds anything staged."""
    for table, sql in TABLES.items():
        if table != but:
            for row, expected in zip_longest(stream(url, sql), stream(expected_url, sql)):
                assert row == expected, table
    with connect(url) as db, db.transaction() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
    assert [table for table in tables if table.startswith(("staged", "raw", "verdicts"))] == []


def public(connection: Any, url: str) -> tuple[tuple[str, int, int], ...]:
    """What is published; on Citus without the history, which changes when a merge is written, a moment before it is shown."""
    rows = sorted(tuple(row) for row in connection.execute(PUBLIC).fetchall())
    return tuple(row for row in rows if row[0] != "history" or not url.startswith("citus"))


class Reader(threading.Thread):
    """Looks at a database all the time."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._done = threading.Event()
        #: the different states of what is published, in their order
        self.states: list[tuple[tuple[str, int, int], ...]] = []
        self.looks = 0
        #: chunks that were staged, and then no longer
        self.lost: list[tuple[int, int, int]] = []
        self._staged = Counter[int]()

    def run(self) -> None:
        with observing(self._url) as connection:
            last = False
            while not last:
                last = self._done.wait(0.03)
                state = public(connection, self._url)
                if self.states[-1:] != [state]:
                    self.states.append(state)
                for load_id, staged in connection.execute(STAGED).fetchall():
                    if staged < self._staged[load_id]:
                        self.lost.append((load_id, self._staged[load_id], staged))
                    self._staged[load_id] = staged
                self.looks += 1

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self.join()


class Accountant(threading.Thread):
    """Sums all bills up, twice in a transaction, all the time."""

    def __init__(self, url: str, begin: str) -> None:
        super().__init__()
        self._url, self._begin = url, begin
        self._done = threading.Event()
        self.looks = 0
        #: what was summed up, where it was not as it must be
        self.wrong: list[tuple[str, Any]] = []

    def run(self) -> None:
        with observing(self._url) as connection:
            if isinstance(connection, psycopg.Connection):
                # a plan that is kept may leave a load out that the ledger shows: see Rereader
                connection.prepare_threshold = None
            while not self._done.wait(0.01):
                connection.execute(self._begin)
                first, _, second = self._look(connection), self._done.wait(random.uniform(0, 0.3)), self._look(connection)
                connection.execute("COMMIT")
                # who sees one state all the time sees the same; who does not, as long as the ledger is the same
                if first != second and ("READ COMMITTED" not in self._begin or first[4] == second[4]):
                    self.wrong.append((self._begin, (first, second)))
                self.looks += 1

    def _look(self, connection: Any) -> tuple[Any, ...]:
        found = tuple(connection.execute(ACCOUNTED).fetchone())
        if found[0] != found[1]:
            self.wrong.append((self._begin, found))
        return found

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self.join()


class Rereader(Accountant):
    """Counts the bills of each load by a plan that it keeps, some times in a transaction, all the time."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "BEGIN ISOLATION LEVEL READ COMMITTED")
        #: what it saw: how much of each load
        self.states: set[frozenset[tuple[int, int]]] = set()

    def run(self) -> None:
        with observing(self._url) as connection:
            connection.prepare_threshold = 0
            connection.execute("SET plan_cache_mode = force_generic_plan")
            while not self._done.wait(0.01):
                connection.execute(self._begin)
                with suppress(psycopg.errors.SerializationFailure):  # its plan is too old
                    for _ in range(4):
                        self.states.add(frozenset(connection.execute(OF_LOADS).fetchall()))
                        self._done.wait(random.uniform(0, 0.3))
                connection.execute("ROLLBACK")
                self.looks += 1


#: how transactions of readers begin
BEGINS = {
    "sqlite": ["BEGIN"],
    "postgresql": ["BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN ISOLATION LEVEL REPEATABLE READ"],
    "citus": [],  # whose readers have tests of their own, for the ledger has a merge a moment before they do
}


@contextmanager
def accounting(dialect: str, url: str) -> Iterator[None]:
    """Let readers sum the bills up at each level of isolation: nothing is ever wrong."""
    with ExitStack() as stack:
        readers = [stack.enter_context(Accountant(url, begin)) for begin in BEGINS[dialect]]
        yield
    assert [reader.wrong for reader in readers if reader.wrong] == []
    assert all(reader.looks for reader in readers)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three deliveries: each has most keys of the one before it."""
    folder = tmp_path_factory.mktemp("deliveries")
    return [write_delivery(folder / f"{number}.csv", number, 10_000) for number in range(3)]


@pytest.fixture(scope="module")
def calm(files: list[Path], sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Load deliveries, undisturbed, in that order, into a database of their own; returns its URL."""
    made: dict[tuple[int, ...], str] = {}
    folder = tmp_path_factory.mktemp("calm")

    def make(*numbers: int) -> str:
        if numbers not in made:
            path = folder / f"{'-'.join(map(str, numbers))}.db"
            shutil.copy(sqlite_template, path)
            with connect(f"sqlite:///{path}") as db:
                for number in numbers:
                    assert load(db, files[number], chunk_bytes=CHUNK_BYTES).load.status == "published"
            made[numbers] = f"sqlite:///{path}"
        return made[numbers]

    return make


@pytest.fixture(scope="module")
def template(server: Server, files: list[Path]) -> Iterator[str]:
    """A PostgreSQL database with the first delivery in it."""
    name = f"dbsvc_chaos_{os.getpid()}"
    server.execute(f"CREATE DATABASE {name}")
    with connect(server.url(name)) as db:
        migrate(db)
        load(db, files[0], chunk_bytes=CHUNK_BYTES)
    yield name
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(server: Server, template: str) -> Iterator[str]:
    """A PostgreSQL database with the first delivery in it, to work on."""
    server.execute(f"CREATE DATABASE {template}_copy TEMPLATE {template}")
    yield server.url(f"{template}_copy")
    server.execute(f"DROP DATABASE {template}_copy WITH (FORCE)")


@pytest.fixture
def started_url(dialect: str, calm: Callable[..., str], request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the first delivery in it, to work on."""
    if dialect == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    if dialect == "citus":
        url: str = request.getfixturevalue("cluster").create()
        with connect(url) as db:
            load(db, request.getfixturevalue("files")[0], chunk_bytes=CHUNK_BYTES)
        return url
    shutil.copy(calm(0).removeprefix("sqlite:///"), tmp_path / "started.db")
    return f"sqlite:///{tmp_path}/started.db"


def cut(url: str) -> None:
    """Terminate the connections of every `dbsvc`."""
    query(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND application_name <> 'observer'",
    )


#: on PostgreSQL: a lock that each phase must wait for, and no phase before it
LOCKS = {
    "stage": "SELECT 1 FROM load_chunks WHERE load_id = %(load_id)s AND chunk_no = "
    "(SELECT max(chunk_no) FROM load_chunks WHERE load_id = %(load_id)s) FOR UPDATE",
    "audit": "SELECT 1 FROM loads WHERE load_id = %(load_id)s FOR SHARE",
    "publish": "SELECT 1 FROM datasets FOR NO KEY UPDATE",
}


@contextmanager
def stuck(instance: Instance, url: str, phase: str) -> Iterator[None]:
    """Let a process that loads the second delivery wait in that phase."""
    instance.await_event("registered")
    with holding(url, LOCKS[phase], load_id=2):
        await_blocked(url)
        yield


def test_killed_at_random(dialect: str, fresh_url: Callable[[], str], tmp_path: Path) -> None:
    seed = int(os.environ.get("DBSVC_CHAOS_SEED", time.time_ns()))
    print(f"\n{dialect}: seed {seed}")
    draw = random.Random(seed)
    url, calm_url = fresh_url(), fresh_url()
    killed = Counter[str]()
    with observing(calm_url) as connection:
        expected = [public(connection, calm_url)]
    with accounting(dialect, url), Reader(url) as reader, ExitStack() as stack:
        rereaders = [stack.enter_context(Rereader(url)) for _ in range(dialect != "sqlite")]
        for number in count():
            if killed.total() >= KILLS:
                break
            file = write_delivery(tmp_path / f"{number}.csv", number, ROWS)
            began = time.monotonic()
            with connect(calm_url) as db:
                load(db, file, chunk_bytes=CHUNK_BYTES)
            duration = time.monotonic() - began
            with observing(calm_url) as connection:
                expected.append(public(connection, calm_url))
            for attempt in count():
                # staged by months, or as one
                with Instance(url, "ingest", file, DBSVC_MONTH_RECORDS=draw.choice([ROWS // 20, ROWS])) as instance:
                    if attempt < max(5, KILLS // 2) and killed.total() < KILLS:
                        match draw.randrange(3):
                            case 0:
                                with suppress(subprocess.TimeoutExpired):
                                    instance.process.wait(draw.uniform(0, 0.4 + duration))
                            case 1:
                                instance.await_event("registered")
                                time.sleep(draw.uniform(0, duration / 2))
                            case 2:
                                instance.await_event("statement", draw.randrange(1, 12))
                        time.sleep(draw.uniform(0, 0.01))
                        if draw.random() < 0.3:
                            freeze(instance, draw)
                        else:
                            instance.kill()
                    code = instance.await_end()
                    if code == 0:
                        break
                    assert code == -signal.SIGKILL, instance.events[-5:]
                    killed[phase_of(instance)] += 1
            file.unlink()
            print(f"{dialect}: file {number} done, {killed.total()} kills: {dict(killed)}, {reader.looks} looks")
    assert_same(url, calm_url)
    # all or nothing: only states in which every load is there with all of its rows, or none
    assert [state for state in expected if state in reader.states] == reader.states
    assert reader.states[-1] == expected[-1]
    whole_loads = {frozenset((load, rows) for kind, load, rows in state if kind == "bills") for state in expected}
    for rereader in rereaders:
        assert rereader.looks
        assert rereader.states <= whole_loads
    assert reader.lost == []
    assert killed.total() >= KILLS


def freeze(instance: Instance, draw: random.Random) -> None:
    """Stop a process for a while; then it goes on, or is killed."""
    instance.kill(signal.SIGSTOP)
    time.sleep(draw.uniform(0, 0.5))
    instance.kill(draw.choice([signal.SIGCONT, signal.SIGKILL]))


def disturbed(url: str, draw: random.Random, *arguments: str | Path, **environment: Any) -> list[int]:
    """Run a command, killed and frozen at random, until it ends by itself. Returns how it ended each time.

    What it had done before it was killed is no error of the data: it says that it is done.
    """
    codes: list[int] = []
    while not codes or codes[-1] < 0:
        with Instance(url, *arguments, **environment) as instance:
            if len(codes) < 3:
                match draw.randrange(3):
                    case 0:
                        with suppress(subprocess.TimeoutExpired):
                            instance.process.wait(draw.uniform(0.3, 1.5))
                    case _:
                        instance.await_event("statement", draw.randrange(1, 40))
                if draw.random() < 0.4:
                    freeze(instance, draw)
                else:
                    instance.kill()
            codes.append(instance.await_end())
            assert codes[-1] in (0, -signal.SIGKILL, 65), instance.events[-5:]
    return codes


@pytest.mark.long
def test_every_command_is_killed(dialect: str, fresh_url: Callable[[], str], tmp_path: Path) -> None:
    """Loads, releases, retries and reverts, killed and frozen at random: all as if nothing had been, and all sums right."""
    seed = int(os.environ.get("DBSVC_CHAOS_SEED", time.time_ns()))
    print(f"\n{dialect}: seed {seed}")
    draw = random.Random(seed)
    url, calm_url = fresh_url(), fresh_url()
    ended = Counter[int]()

    def both(*arguments: str | Path, **environment: Any) -> None:
        began = time.monotonic()
        with Instance(calm_url, *arguments, **environment) as calm:
            assert calm.await_end() in (0, 65), calm.events[-5:]
        codes = disturbed(url, draw, *arguments, **environment)
        ended.update(codes)
        print(f"{dialect}: {' '.join(map(str, arguments[:3]))}: {codes}, {time.monotonic() - began:.1f} s")
        assert query(url, LEDGER) == query(calm_url, LEDGER)

    with accounting(dialect, url):
        for number in range(2):
            first, second = 2 * number + 1, 2 * number + 2
            unknown = f"QQ{'AB'[number]}"
            path = write_delivery(tmp_path / f"{first}.csv", first, ROWS // 4, bad=0.3)
            path.write_bytes(path.read_bytes().replace(b"usd", unknown.encode(), 200))
            both("ingest", path, DBSVC_MONTH_RECORDS=draw.choice([ROWS // 50, ROWS]))
            both("loads", "release", str(first))
            for each in (url, calm_url):
                query(each, f"INSERT INTO currencies (code) VALUES ('{unknown}') RETURNING code")
            both("rejects", "retry", str(first))
            both("ingest", write_delivery(tmp_path / f"{second}.csv", second, ROWS // 4), DBSVC_MONTH_RECORDS=ROWS // 50)
            both("loads", "revert", str(first if number else second), "--yes")
    assert_same(url, calm_url)
    assert ended[-signal.SIGKILL] > 2


LEDGER = "SELECT load_id, status, read, rejected, removed FROM loads ORDER BY load_id"


def phase_of(instance: Instance) -> str:
    """Where a process died, by the last it logged."""
    last = instance.events[-1] if instance.events else {"event": "start"}
    return str(last["statement"].split("/")[1] if last["event"] == "statement" else last["event"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal(
    started_url: str, files: list[Path], calm: Callable[..., str], number: signal.Signals, code: int
) -> None:
    with Reader(started_url) as reader, Instance(started_url, "ingest", files[1]) as instance:
        instance.await_event("staged", 5)
        instance.kill(number)
        assert instance.await_end(8) == code
        assert 5 <= len(instance.logged("staged")) < 25
    assert len(reader.states) == 1
    assert [status for (status,) in query(started_url, "SELECT status FROM loads ORDER BY load_id")] == [
        "published",
        "staging",
    ]
    again = succeed(started_url, "ingest", files[1])
    ((chunks,),) = query(started_url, "SELECT count(*) FROM load_chunks WHERE load_id = 2")
    assert sum(event["event"] == "staged" for event in again) <= chunks - 3  # two were logged, not committed
    assert_same(started_url, calm(0, 1))


@pytest.mark.one_database
def test_stopped_while_it_waits_for_somebody_else(
    dialect: str, started_url: str, files: list[Path], calm: Callable[..., str]
) -> None:
    if dialect != "sqlite":
        with Instance(started_url, "ingest", files[1]) as instance, stuck(instance, started_url, "publish"):
            instance.kill(signal.SIGTERM)
            assert instance.await_end(8) == 143
    else:
        with Instance(started_url, "ingest", files[1]) as instance, observing(started_url) as other:
            other.execute("PRAGMA busy_timeout = 0")
            instance.await_event("registered")
            while not other.in_transaction:  # waiting politely, we would hardly get the lock
                with suppress(sqlite3.OperationalError):
                    other.execute("BEGIN IMMEDIATE")
            time.sleep(0.3)
            instance.kill(signal.SIGTERM)
            assert instance.await_end(8) == 143
            other.execute("ROLLBACK")
    succeed(started_url, "ingest", files[1])
    assert_same(started_url, calm(0, 1))


@pytest.mark.parametrize("phase", LOCKS)
def test_connection_cut_in_each_phase(postgres_url: str, files: list[Path], calm: Callable[..., str], phase: str) -> None:
    with Reader(postgres_url) as reader, Instance(postgres_url, "ingest", files[1]) as instance:
        with stuck(instance, postgres_url, phase):
            cut(postgres_url)
            await_blocked(postgres_url)  # it tries again, and waits again
            cut(postgres_url)
        instance.succeed()
        assert instance.logged("run")[0]["retries"] >= 2
    assert_same(postgres_url, calm(0, 1))
    assert len(reader.states) == 2
    assert reader.lost == []


def test_connection_cut_again_and_again(postgres_url: str, files: list[Path], calm: Callable[..., str]) -> None:
    codes: list[int] = []
    with Reader(postgres_url) as reader:
        while codes[-1:] != [0]:
            with Instance(postgres_url, "ingest", files[1]) as instance:
                instance.await_event("registered")
                for _ in range(0 if len(codes) > 3 else 8):
                    with suppress(subprocess.TimeoutExpired):
                        instance.process.wait(random.uniform(0, 0.2))
                    cut(postgres_url)
                codes.append(instance.await_end())
                assert codes[-1] in (0, 69, 75), instance.events[-6:]
    assert_same(postgres_url, calm(0, 1))
    assert len(reader.states) == 2
    assert reader.lost == []


@pytest.mark.parametrize("phase", ["middle", "publish"])
def test_server_crashes_while_loading(
    server: Server, postgres_url: str, files: list[Path], calm: Callable[..., str], phase: str
) -> None:
    with Instance(postgres_url, "ingest", files[1]) as instance:
        if phase == "middle":
            instance.await_event("staged", 8)
            server.restart_immediate()
        else:
            with stuck(instance, postgres_url, phase):
                server.restart_immediate()
        code = instance.await_end()
        assert code in (0, 69, 75), instance.events[-5:]
        again = succeed(postgres_url, "ingest", files[1]) if code else []
        assert [event for event in instance.events + again if event["event"] == "staging rows lost in a crash"]
    assert_same(postgres_url, calm(0, 1))


def test_server_crashes_while_a_load_is_held(server: Server, tmp_path: Path) -> None:
    file = write_delivery(tmp_path / "1.csv", 1, 5_000, bad=0.2)
    url, calm_url = server.create(), server.create()
    for database_url in (calm_url, url):
        with connect(database_url) as db:
            assert load(db, file, chunk_bytes=CHUNK_BYTES).load.status == "held"
    with connect(calm_url) as db:
        release(db, 1)

    server.restart_immediate()
    with Instance(url, "--output", "table", "loads", "release", "1", COLUMNS=500) as instance:
        assert f"The file is needed again: `dbsvc ingest {file}`" in instance.succeed().output()
    assert query(url, "SELECT status, released FROM loads") == [("staging", True)]
    assert query(url, "SELECT count(*) FROM bills") == [(0,)]
    succeed(url, "ingest", file)
    assert_same(url, calm_url)


@pytest.mark.parametrize("number", [2, 4])
def test_instances_share_a_file(
    dialect: str, started_url: str, files: list[Path], calm: Callable[..., str], number: int
) -> None:
    with ExitStack() as stack:
        reader = stack.enter_context(Reader(started_url))
        with together(started_url, number):
            run = [stack.enter_context(Instance(started_url, "ingest", files[1])) for _ in range(number)]
        for instance in run:
            instance.succeed()
    assert_same(started_url, calm(0, 1))
    assert len(reader.states) == 2
    staged = [[event["chunk_no"] for event in instance.logged("staged")] for instance in run]
    ((chunks,),) = query(started_url, "SELECT count(*) FROM load_chunks WHERE load_id = 2")
    assert sorted(chunk for by_one in staged for chunk in by_one) == list(range(chunks))
    assert sum(len(instance.logged("published")) for instance in run) == 1
    if dialect != "sqlite":  # there one may write all the time
        assert sum(bool(by_one) for by_one in staged) > 1


def in_order_of_registration(url: str) -> list[int]:
    return [int(Path(source).stem) for (source,) in query(url, "SELECT source FROM loads ORDER BY load_id")]


def test_instances_with_overlapping_files(started_url: str, files: list[Path], calm: Callable[..., str]) -> None:
    with ExitStack() as stack:
        with together(started_url, 2):
            run = [stack.enter_context(Instance(started_url, "ingest", file)) for file in files[1:]]
        for instance in run:
            instance.succeed()
    # which records count as superseded depends on who published first; what is stored does not
    assert_same(started_url, calm(*in_order_of_registration(started_url)), but="buckets")


@pytest.mark.one_database
def test_the_later_file_is_published_first(started_url: str, files: list[Path], calm: Callable[..., str]) -> None:
    with Instance(started_url, "ingest", files[1]) as instance:
        instance.await_event("registered")
        instance.kill()
    succeed(started_url, "ingest", files[2])
    assert query(started_url, "SELECT status FROM loads ORDER BY load_id")[1:] == [("staging",), ("published",)]
    succeed(started_url, "ingest", files[1])
    assert_same(started_url, calm(0, 1, 2), but="buckets")


@contextmanager
def paused(instance: Instance, when: Callable[[], bool]) -> Iterator[None]:
    """Stop a process at a moment when that is so."""
    while True:
        instance.kill(signal.SIGSTOP)
        time.sleep(0.02)  # for what it has already sent
        if when():
            break
        instance.kill(signal.SIGCONT)
        assert instance.process.poll() is None
        time.sleep(0.001)
    yield
    instance.kill(signal.SIGCONT)


def holds_a_claim(url: str) -> bool:
    """Whether somebody stages a chunk on PostgreSQL."""
    open_chunks = query(url, "SELECT 1 FROM load_chunks WHERE read IS NULL")
    return query(url, "SELECT 1 FROM load_chunks WHERE read IS NULL FOR UPDATE SKIP LOCKED") != open_chunks


def test_a_claim_dies_with_its_process(postgres_url: str, files: list[Path], calm: Callable[..., str]) -> None:
    with Instance(postgres_url, "ingest", files[1]) as holder:
        holder.await_event("staged", 2)
        with paused(holder, lambda: holds_a_claim(postgres_url)), Instance(postgres_url, "ingest", files[1]) as other:
            await_blocked(postgres_url)  # it has done all the rest
            assert other.process.poll() is None
            holder.kill()
            killed_at = time.monotonic()
            other.succeed()
            assert time.monotonic() - killed_at < 15
            assert other.logged("staged")
            assert other.logged("published")
    assert_same(postgres_url, calm(0, 1))


@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGTERM])
def test_killed_while_a_month_is_placed(
    server: Server, files: list[Path], calm: Callable[..., str], signalled: signal.Signals
) -> None:
    """Somebody holds the placing up: the keys are built, the first month waits to be attached."""
    url = server.create()
    holding_up = "LOCK TABLE bills_stored IN SHARE UPDATE EXCLUSIVE MODE"
    by_month: dict[str, Any] = {"DBSVC_MONTH_RECORDS": ROWS // 20}
    with Instance(url, "ingest", files[0], **by_month) as instance, holding(url, holding_up):
        instance.await_event("audited")  # workers may wait for each other while they stage
        await_blocked(url)
        assert query(url, "SELECT count(*) FROM pg_class WHERE relname LIKE 'staged_usage_1_2021%' AND relkind = 'r'") == [(4,)]
        instance.kill(signalled)
        assert instance.await_end() in (-signalled, 128 + signalled)
    assert query(url, "SELECT count(*) FROM bills") == [(0,)]
    events = succeed(url, "ingest", files[0])
    assert not [event for event in events if event["event"] == "staged"]
    assert_same(url, calm(0))
    assert query(url, "SELECT count(*) FROM pg_class WHERE relname LIKE 'bills_2021%' AND relkind = 'r'") == [(4,)]


def test_nothing_is_left_but_the_database(
    started_url: str, files: list[Path], calm: Callable[..., str], tmp_path: Path
) -> None:
    packed = tmp_path / "1.csv.gz"
    packed.write_bytes(gzip.compress(files[1].read_bytes(), 1))
    before = sorted(tmp_path.iterdir())
    places = [tmp_path / "places" / name for name in ("home", "temporary", "here", "elsewhere")]
    for place in places:
        place.mkdir(parents=True)
    home, temporary, here, elsewhere = places
    with Instance(started_url, "ingest", packed, cwd=here, HOME=home, TMPDIR=temporary) as instance:
        instance.await_event("staged", 3)
        instance.kill()
        instance.await_end()
    assert [list(place.iterdir()) for place in places] == [[]] * 4
    succeed(started_url, "ingest", packed, cwd=elsewhere, HOME=home, TMPDIR=temporary)
    assert [list(place.iterdir()) for place in places] == [[]] * 4
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "places"])
    assert_same(started_url, calm(0, 1))


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("large")
    # many short records in a chunk, among them odd ones
    path = write_delivery(folder / "large.csv", 1, 200_000, name="Aurora Freight")
    rest = write_delivery(folder / "rest.csv", 5, 90_000, name="A customer whose name makes the file large " * 9)
    with path.open("ab") as file, rest.open("rb") as more:
        more.readline()
        shutil.copyfileobj(more, file)
    rest.unlink()
    yield path
    path.unlink()


@pytest.mark.long
def test_memory(url: str, large_file: Path) -> None:
    assert large_file.stat().st_size > 48_000_000
    # a small process starts it: whoever forks lends a child its own size
    measure = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", measure, sys.executable, "-m", "dbsvc", "ingest", str(large_file)]
    variables = {name: value for name, value in os.environ.items() if name not in STRIPPED} | {"DATABASE_URL": url}
    run = subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, check=True)
    code, peak = map(int, run.stdout.split())
    assert code == 0
    assert peak * (1 if sys.platform == "darwin" else 1024) < MEMORY
    assert query(url, "SELECT status, read FROM loads") == [("published", 290_000)]
