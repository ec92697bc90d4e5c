"""Every command of an operator is killed at every statement that it logs: done again, it ends as an undisturbed run does."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import pytest

from dbsvc import Database, InputError, connect
from dbsvc.engine.loads.operations import discard, find_retryable, publish_staged, release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.migrations import read_schema, reset, yoyo_migrations
from dbsvc.engine.settings import Settings
from tests.helpers import load, register, stage, usage_csv, write
from tests.helpers.check_case import deliver
from tests.helpers.counters import PLANTS, inverters
from tests.helpers.processes import Instance, await_blocked, holding, query, succeed
from tests.helpers.published import TABLES, stream
from tests.helpers.server import Server

pytestmark = pytest.mark.slow

GOOD = [("2021-10-01", n, "USD", "A", n, 0) for n in range(1, 6)]
HELD = usage_csv([*GOOD, *[("x", 1, "USD", "A", 1, 0)] * 9])
STATES = [*TABLES.values(), "SELECT inverter_id FROM inverters ORDER BY 1", "SELECT old_load_id, load_id FROM renumbered_loads"]


def hold(db: Database, folder: Path) -> None:
    load(db, write(folder / "before.csv", usage_csv([("2021-10-01", 1, "USD", "Before", 7, 0)])))
    load(db, write(folder / "held.csv", HELD))


def hold_and_discard(db: Database, folder: Path) -> None:
    hold(db, folder)
    discard(db, 2)


def stage_all(db: Database, folder: Path) -> None:
    file = write(folder / "staged.csv", usage_csv(GOOD))
    stage(db, file, register(db, file))


def publish_two(db: Database, folder: Path) -> None:
    """The second repeats, changes and adds bills."""
    load(db, write(folder / "1.csv", usage_csv(GOOD)))
    load(
        db,
        write(
            folder / "2.csv", usage_csv([*GOOD[:2], ("2021-10-01", 3, "EUR", "B", 7, 0), ("2021-11-01", 9, "USD", "A", 1, 0)])
        ),
    )


def await_a_plant(db: Database, _folder: Path) -> None:
    deliver(db, inverters(5, 6), "inverters.csv")
    deliver(db, PLANTS, "plants.csv")


Again = Callable[[Database], object]
#: what fills a database, the command, and what it does when it is given again
COMMANDS: dict[str, tuple[Callable[[Database, Path], None], tuple[str, ...], Again]] = {
    "release": (hold, ("loads", "release", "2"), lambda db: release(db, 2)),
    "release of a discarded load": (hold_and_discard, ("loads", "release", "2"), lambda db: release(db, 2)),
    "discard": (hold, ("loads", "discard", "2", "--yes"), lambda db: discard(db, 2)),
    "publish": (stage_all, ("loads", "publish", "1"), lambda db: publish_staged(db, 1, Settings())),
    "revert": (publish_two, ("loads", "revert", "1", "--yes"), lambda db: revert(db, 1)),
    "retry": (await_a_plant, ("rejects", "retry"), lambda db: [retry(db, one, Settings()) for one in find_retryable(db)]),
}


def state(url: str) -> list[Any]:
    """All that is stored, staging tables included."""
    with connect(url) as db, db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
    return [sorted(name for name in tables if name.startswith("staged")), *([*stream(url, sql)] for sql in STATES)]


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_every_statement(
    fresh_url: Callable[[], str], dialect: str, server: Server, tmp_path: Path, name: str
) -> None:
    fill, command, again = COMMANDS[name]
    filled = fresh_url()
    with connect(filled) as db:
        fill(db, tmp_path)

    @contextmanager
    def copied() -> Iterator[str]:
        if dialect == "sqlite":
            shutil.copy(filled.removeprefix("sqlite:///"), tmp_path / "copied.db")
            yield f"sqlite:///{tmp_path}/copied.db"
            for file in tmp_path.glob("copied.db*"):
                file.unlink()
        else:
            original = filled.partition("?")[0].rpartition("/")[2]
            server.execute(f"CREATE DATABASE {original}_copied TEMPLATE {original}")
            yield server.url(f"{original}_copied")
            server.execute(f"DROP DATABASE {original}_copied WITH (FORCE)")

    with copied() as url:
        statements = sum(event["event"] == "statement" for event in succeed(url, *command))
        expected, killed = state(url), 0
    for moment in range(statements + 1):
        with copied() as url:
            with Instance(url, *command) as instance:
                instance.await_event("statement", moment)
                instance.kill()
                killed += instance.await_end() == -signal.SIGKILL
            with connect(url) as db, suppress(InputError):  # it is done already
                again(db)
            assert state(url) == expected, moment
    print(f"\n{name}: {killed} of {len(range(statements + 1))} were killed in time")


def test_release_is_killed_between_its_two_transactions(server: Server, tmp_path: Path) -> None:
    url = server.create()
    with connect(url) as db:
        hold(db, tmp_path)
    with Instance(url, "loads", "release", "2") as instance, holding(url, "SELECT 1 FROM datasets FOR NO KEY UPDATE"):
        await_blocked(url)
        assert query(url, "SELECT status, released FROM loads WHERE load_id = 2") == [("staged", True)]
        instance.kill()
        instance.await_end()
    succeed(url, "loads", "release", "2")
    assert query(url, "SELECT status, inserted + updated FROM loads WHERE load_id = 2") == [("published", 5)]


# --- the schema


def rows(url: str) -> tuple[int, int, int]:
    """How many loads, bills, and migrations there are."""
    ((loads,), (bills,), (migrations,)) = (
        *query(url, "SELECT count(*) FROM loads"),
        *query(url, "SELECT count(*) FROM bills"),
        *query(url, "SELECT count(*) FROM _yoyo_migration"),
    )
    return loads, bills, migrations


def test_reset_is_killed_at_any_moment(url: str, tmp_path: Path) -> None:
    """It is all of it or nothing, and nothing is discarded on the way."""
    with connect(url) as db:
        hold(db, tmp_path)
        migrations = len(read_schema(db).applied)
    file, states = tmp_path / "held.csv", set()
    for number in count():
        before = rows(url)
        assert before == (2, 1, migrations)
        with Instance(url, "db", "reset", "--yes") as instance:
            with suppress(TimeoutExpired):
                instance.process.wait(0.2 + 0.1 * number)
            instance.kill()
            code = instance.await_end()
        after = rows(url)
        assert after in (before, (0, 0, migrations))
        states.add(after)
        assert code == -signal.SIGKILL or after[0] == 0
        if after == (0, 0, migrations):
            break
        assert query(url, "SELECT status FROM loads ORDER BY load_id") == [("published",), ("held",)]
    with Instance(url, "ingest", file) as instance:
        assert instance.await_end() == 65
    assert query(url, "SELECT load_id, status FROM loads") == [(1, "held")]
    print(f"\nkilled {number} times before it was done")


def test_reset_is_killed_while_it_waits_for_a_reader(server: Server, tmp_path: Path) -> None:
    """It has dropped most of the tables by then."""
    url = server.create()
    with connect(url) as db:
        hold(db, tmp_path)
    before = state(url)
    with holding(url, "SELECT 1 FROM datasets"), Instance(url, "db", "reset", "--yes") as instance:
        await_blocked(url)
        instance.kill()
        instance.await_end()
    assert state(url) == before
    succeed(url, "db", "reset", "--yes")
    assert rows(url)[:2] == (0, 0)


def test_reset_stops_instances(url: str, tmp_path: Path) -> None:
    """They find their load gone, and say so; the next one finds an empty database."""
    file = write(tmp_path / "usage.csv", usage_csv(("2021-10-01", n, "EUR", "A", n % 997, 1) for n in range(40_000)))
    with ExitStack() as stack:
        run = [stack.enter_context(Instance(url, "ingest", file, DBSVC_CHUNK_BYTES="8000")) for _ in range(2)]
        for instance in run:
            instance.await_event("staged", 5)
        with connect(url) as db:
            began = time.monotonic()
            reset(db)
            print(f"\nreset after {time.monotonic() - began:.2f} s")
        for instance in run:
            assert instance.await_end() == 75
            assert "is there no more" in instance.logged("error")[0]["error"]
    assert rows(url)[:2] == (0, 0)
    assert state(url)[0] == []
    succeed(url, "ingest", file)
    assert rows(url)[:2] == (1, 40_000)


def test_migrate_is_killed_at_any_moment(empty_url: str) -> None:
    """A database with data of an earlier version: all that is pending is applied, or nothing."""
    with connect(empty_url) as db:
        reset(db)
        with yoyo_migrations(db) as (backend, known):
            backend.rollback_migrations([one for one in backend.to_rollback(known) if one.id >= "0012"])
        with db.transaction() as tx:
            tx.execute(
                "INSERT INTO loads (load_id, dataset, source, sha256, bytes, header, rules) VALUES "
                "(1, 'usage', 'a', 'b', 1, :h, 'c')",
                h=b"",
            )
        applied = read_schema(db).applied
        for number in count():
            with Instance(empty_url, "db", "migrate") as instance:
                with suppress(TimeoutExpired):
                    instance.process.wait(0.2 + 0.1 * number)
                instance.kill()
                instance.await_end()
            schema = read_schema(db)
            if not schema.pending:
                break
            assert schema.applied == applied
    assert query(empty_url, "SELECT source FROM loads") == [("a",)]
    print(f"\nkilled {number} times before it was done")


def test_reset_is_stopped_while_it_waits(server: Server, tmp_path: Path) -> None:
    url = server.create()
    with connect(url) as db:
        hold(db, tmp_path)
    before = state(url)
    with holding(url, "SELECT 1 FROM datasets"), Instance(url, "db", "reset", "--yes") as instance:
        await_blocked(url)
        instance.kill(signal.SIGTERM)
        assert instance.await_end(10) == 143
    assert state(url) == before
