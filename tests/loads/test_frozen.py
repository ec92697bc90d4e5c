"""Instances that freeze while they hold claims: others go on after a stated time, and their late return does no harm."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dbsvc import connect
from dbsvc.engine import migrations
from tests.helpers import usage_csv
from tests.helpers.processes import Instance, await_blocked, holding, observing, query, succeed
from tests.helpers.server import Server

pytestmark = pytest.mark.slow

FREEZE = 2
#: what makes an instance give up a claim early, and look early who is in its way
QUICK: dict[str, Any] = {"DBSVC_FREEZE_SECONDS": FREEZE, "DBSVC_LOCK_SECONDS": 1}
#: ... within this many seconds: it is looked after twice, at most half a freeze too late, by a process that may wait its turn
SOON = 4 * FREEZE + 6

STATES = {
    "between statements": "state = 'idle in transaction'",
    "in the middle of a copy": "state = 'active' AND wait_event = 'ClientRead'",
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one chunk that takes a while."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    rows = (("2021-10-01", n, "EUR", f"Customer {n % 503} {'x' * 40}", f"{n % 997}.5", 1) for n in range(200_000))
    path.write_bytes(usage_csv(rows))
    return path


def freeze(instance: Instance, url: str, state: str) -> None:
    """Stop a process at a moment when a session of it stays in that state, and holds the lock of a chunk."""
    own = f"application_name LIKE '% {instance.pid}@%' AND ({state})"
    held = "SELECT count(*) FROM load_chunks WHERE read IS NULL"
    while True:
        assert instance.process.poll() is None, instance.events[-5:]
        instance.kill(signal.SIGSTOP)
        time.sleep(0.05)  # for what it has already sent
        ((open_chunks,),) = query(url, held)
        free = len(query(url, "SELECT 1 FROM load_chunks WHERE read IS NULL FOR UPDATE SKIP LOCKED"))
        if free < open_chunks and query(url, f"SELECT 1 FROM pg_stat_activity WHERE {own}"):
            return
        instance.kill(signal.SIGCONT)
        time.sleep(0.003)


@pytest.mark.parametrize("state", ["in the middle of a copy", pytest.param("between statements", marks=pytest.mark.long)])
def test_a_frozen_instance_loses_its_claim(server: Server, large: Path, state: str) -> None:
    url = server.create()
    chunks = {"DBSVC_CHUNK_BYTES": 4_000_000} | QUICK
    with Instance(url, "ingest", "--jobs", "1", large, **chunks) as frozen:
        freeze(frozen, url, STATES[state])
        began = time.monotonic()
        with Instance(url, "ingest", large, **chunks) as other:
            other.succeed()
            print(f"\n{state}: {time.monotonic() - began:.1f} s, {[e['behind'] for e in other.logged('waiting')]}")
            assert time.monotonic() - began < SOON + 10
            assert other.logged("published")
        frozen.kill(signal.SIGCONT)
        frozen.succeed()  # it finds that its load was published meanwhile
    assert query(url, "SELECT status, read, inserted FROM loads") == [("published", 200_000, 200_000)]
    assert query(url, "SELECT count(*), count(DISTINCT line_no) FROM bills") == [(200_000, 200_000)]


COMMANDS = {"discard": ("loads", "discard", "1", "--yes"), "reset": ("db", "reset", "--yes")}


@pytest.mark.long
@pytest.mark.parametrize("name", ["discard", "reset"])
def test_operators_need_not_wait_for_a_frozen_instance(server: Server, large: Path, name: str) -> None:
    url = server.create()
    with Instance(url, "ingest", "--jobs", "1", large, **QUICK) as frozen:
        freeze(frozen, url, " OR ".join(STATES.values()))
        began = time.monotonic()
        with Instance(url, *COMMANDS[name], **QUICK) as operator:
            operator.succeed()
        print(f"\n{name}: {time.monotonic() - began:.1f} s")
        frozen.kill(signal.SIGCONT)
        assert frozen.await_end() == {"discard": 65, "reset": 75}[name]
    assert query(url, "SELECT status FROM loads") == {"discard": [("discarded",)], "reset": []}[name]
    assert query(url, "SELECT count(*) FROM bills") == [(0,)]
    assert query(url, "SELECT relname FROM pg_class WHERE relname LIKE 'staged%'") == []


@pytest.mark.long
def test_a_frozen_migrator(server: Server, large: Path) -> None:
    """It froze before it could commit: it loses the schema's lock, and another one does the work."""
    url = server.create(migrated=False)
    with connect(url) as db, migrations.yoyo_migrations(db) as (backend, known):
        backend.apply_one(known[0])
    with Instance(url, "db", "migrate", **QUICK) as frozen:
        with holding(url, "LOCK TABLE loads IN SHARE MODE"):  # which what refers to it waits for
            await_blocked(url)
            frozen.kill(signal.SIGSTOP)
        with Instance(url, "ingest", large, **QUICK) as other:
            other.succeed()
        frozen.kill(signal.SIGCONT)
        frozen.succeed()
    assert query(url, "SELECT status, inserted FROM loads") == [("published", 200_000)]


@pytest.mark.long
def test_a_lock_of_somebody_else_ends_with_a_sentence(server: Server, large: Path) -> None:
    """Somebody left a transaction open in a client of his own: no time-out of ours ends that."""
    url = server.create()
    with holding(url, "SELECT 1 FROM load_sequence FOR UPDATE"), Instance(url, "ingest", large, **QUICK) as instance:
        assert instance.await_end() == 75
        (error,) = instance.logged("error")
        assert "lock was not free in time" in error["error"]
        assert "In the way: observer (process" in error["error"]
    succeed(url, "ingest", large)


@pytest.mark.long
def test_a_frozen_instance_on_sqlite(large: Path, sqlite_template: Path, tmp_path: Path) -> None:
    """Nobody can take its lock: the others say who holds it, and end; it goes on, or is killed, without harm."""
    shutil.copy(sqlite_template, tmp_path / "data.db")
    url = f"sqlite:///{tmp_path}/data.db"
    with Instance(url, "ingest", large, DBSVC_CHUNK_BYTES=4_000_000) as frozen:
        frozen.await_event("staged")
        while True:
            frozen.kill(signal.SIGSTOP)
            with observing(url) as connection, suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                frozen.kill(signal.SIGCONT)
                time.sleep(0.003)
                continue
            break
        with Instance(url, "ingest", large, DBSVC_LOCK_SECONDS=1) as other:
            assert other.await_end() == 75
            if sys.platform == "linux":
                assert f"process {frozen.pid}, which holds the write lock" in other.logged("waiting")[0]["behind"][0]
        assert query(url, "SELECT status FROM loads") == [("staging",)]
        frozen.kill(signal.SIGCONT)
        frozen.succeed()
    assert query(url, "SELECT status, inserted FROM loads") == [("published", 200_000)]
