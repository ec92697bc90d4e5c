"""A crash at every statement of every command, and a lost answer to every commit: the same command again sets it right."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, DatabaseError, InputError, connect
from dbsvc.engine.housekeeping.erase import erase
from dbsvc.engine.housekeeping.prune import prune
from dbsvc.engine.housekeeping.rebuild import rebuild
from dbsvc.engine.loads.operations import discard, dismiss, publish_staged, release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.migrations import migrate, reset, rollback
from dbsvc.engine.settings import Settings
from tests.helpers import find_one, load, register, stage, usage_csv, write
from tests.helpers.check_case import execute
from tests.helpers.crash import COMMIT, everything, fragile, left_behind
from tests.helpers.growing import INVERTERS, append, events, run
from tests.helpers.rates import final, tell
from tests.helpers.server import Server

CHUNK_BYTES = 150
#: how many crashes of a command the fast suite tries
SOME = 1
#: commands of one transaction of hundreds of calls
SCHEMA = ("migrate", "reset")

Rows = list[tuple[object, ...]]
PLANTS = b"plant_id,name,location,timezone\np1,One,,Asia/Jerusalem\np2,Two,,Europe/Paris\n"


def bill(day: int, bill_id: int, amount: object = 1, *, currency: str = "USD", month: int = 10) -> tuple[object, ...]:
    return f"2021-{month:02}-{day:02}", bill_id, currency, "a", amount, 0


FIRST: Rows = [bill(day, n) for day in range(1, 4) for n in range(1, 4)]
MIXED: Rows = [
    *(bill(1, n) for n in range(1, 4)),  # unchanged
    *(bill(2, n, 2) for n in range(1, 4)),  # updated
    *(bill(4, n) for n in range(1, 5)),  # new
    bill(4, 1),  # duplicate
    bill(4, 2, 9),  # superseded
    bill(4, 3, 9),
    bill(5, 1, -1),
    bill(31, 1, month=11),
    bill(5, 1, currency="QQQ"),
    *(bill(day, day, month=12) for day in range(1, 5)),
]
NEW: Rows = [bill(day, n, month=9) for day in range(1, 6) for n in range(1, 3)]
REPEATING: Rows = [
    *NEW,
    bill(5, 1, month=9),
    bill(5, 2, 7, month=9),
    bill(4, 2, 7, month=9),
    bill(6, 1, -1, month=9),
    bill(6, 1, 2, month=8),
]
FILES = {
    "first.csv": usage_csv(FIRST),
    "mixed.csv": usage_csv(MIXED),
    "new.csv": usage_csv(NEW),
    "repeating.csv": usage_csv(REPEATING),
    "mended.csv": usage_csv([bill(5, 1, 1), bill(30, 1, month=11)]),
    "later.csv": usage_csv([bill(2, 1, 2), bill(2, 2, 3), bill(7, 1)]),
    "plants.csv": PLANTS,
    "inverters.csv": INVERTERS,
    "other_zone.csv": PLANTS.replace(b"Asia/Jerusalem", b"Europe/London"),
}


def ingest(db: Database, path: Path, **settings: Any) -> None:
    load(db, path, **{"chunk_bytes": CHUNK_BYTES, "max_rejected_share": 1.0, **settings})


def held(db: Database, path: Path, **settings: Any) -> None:
    """A load whose file says one thing in two ways."""
    ingest(db, path, max_contradicting_share=0.0, **settings)
    assert find_one(db, 2).status == "held"


def retry_all(db: Database, *load_ids: int) -> None:
    for load_id in load_ids:
        retry(db, load_id, Settings(max_contradicting_share=1.0, max_rejected_share=1.0))


def registries(db: Database, files: Path) -> None:
    ingest(db, files / "plants.csv")
    ingest(db, files / "inverters.csv")


def telemetry(db: Database, files: Path) -> None:
    registries(db, files)
    run(db, files / "grown.jsonl", chunk_bytes=1000)


def know(db: Database, code: str) -> None:
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES (:code) ON CONFLICT DO NOTHING", code=code)


def damage(db: Database) -> None:
    execute(
        db,
        "UPDATE inverter_daily_summary SET points = points + 1",
        "DELETE FROM inverter_telemetry_clean WHERE inverter_id = 'i1'",
    )


def age(db: Database) -> None:
    """What was done was done long ago, and no reject is open."""
    dismiss(db, 2)
    with db.transaction() as tx:
        tx.execute("UPDATE loads SET published_at = '2020-01-01 00:00:00'")
        tx.execute("UPDATE reject_closings SET closed_at = '2020-01-01 00:00:00'")


Work = Callable[[Database, Path], object]


@dataclass(frozen=True)
class Command:
    """A command, and what was done before it."""

    before: list[Work]
    work: Work


def first(db: Database, files: Path) -> None:
    ingest(db, files / "first.csv")


def mixed(db: Database, files: Path) -> None:
    ingest(db, files / "mixed.csv")


COMMANDS = {
    "ingest": Command([first], mixed),
    "ingest, by months": Command([first], lambda db, files: ingest(db, files / "mixed.csv", month_records=1)),
    "ingest, in place": Command([first], lambda db, files: ingest(db, files / "new.csv", month_records=1)),
    "ingest, in place, with repeats": Command([first], lambda db, files: ingest(db, files / "repeating.csv", month_records=1)),
    "ingest, held": Command([first], lambda db, files: held(db, files / "mixed.csv")),
    "ingest, what was rejected": Command([first, mixed], lambda db, files: ingest(db, files / "mended.csv")),
    "ingest, again": Command(
        [first, mixed], lambda db, files: load(db, files / "first.csv", again=True, chunk_bytes=CHUNK_BYTES)
    ),
    "ingest, a registry": Command([telemetry], lambda db, files: ingest(db, files / "other_zone.csv")),
    "ingest, a file that grows": Command([registries], lambda db, files: run(db, files / "grown.jsonl", chunk_bytes=2000)),
    "ingest, what was appended": Command(
        [registries, lambda db, files: run(db, files / "grown.jsonl", chunk_bytes=2000)],
        lambda db, files: run(db, files / "grown_on.jsonl", chunk_bytes=2000),
    ),
    "release": Command([first, lambda db, files: held(db, files / "mixed.csv")], lambda db, files: release(db, 2)),
    "release, by months": Command(
        [first, lambda db, files: held(db, files / "repeating.csv", month_records=1)], lambda db, files: release(db, 2)
    ),
    "release, what was discarded": Command(
        [first, lambda db, files: held(db, files / "mixed.csv"), lambda db, files: discard(db, 2)],
        lambda db, files: release(db, 2),
    ),
    "discard": Command([first, lambda db, files: held(db, files / "mixed.csv")], lambda db, files: discard(db, 2)),
    "discard, in place": Command(
        [first, lambda db, files: held(db, files / "repeating.csv", month_records=1)], lambda db, files: discard(db, 2)
    ),
    "publish": Command(
        [first, lambda db, files: stage(db, files / "mixed.csv", register(db, files / "mixed.csv"))],
        lambda db, files: publish_staged(db, 2, Settings(max_contradicting_share=1.0)),
    ),
    "retry": Command([first, mixed, lambda db, files: know(db, "QQQ")], lambda db, files: retry_all(db, 2)),
    "retry, what waits for a registry": Command(
        [
            lambda db, files: run(db, files / "grown.jsonl", chunk_bytes=2000, max_rejected_share=1.0),
            lambda db, files: release(db, 1) if find_one(db, 1).status == "held" else None,
            registries,
        ],
        lambda db, files: retry_all(db, 1),
    ),
    "retry, held": Command(
        [
            first,
            lambda db, files: held(db, files / "mixed.csv"),
            lambda db, files: know(db, "QQQ"),
        ],
        lambda db, files: retry_all(db, 2),
    ),
    "dismiss": Command([first, mixed], lambda db, files: dismiss(db, 2, reason="test")),
    "revert": Command([first, mixed, lambda db, files: ingest(db, files / "later.csv")], lambda db, files: revert(db, 2)),
    "revert, the first": Command([first, mixed], lambda db, files: revert(db, 1)),
    "revert, in place": Command(
        [first, lambda db, files: ingest(db, files / "repeating.csv", month_records=1)], lambda db, files: revert(db, 2)
    ),
    "revert, telemetry": Command([telemetry], lambda db, files: revert(db, 3)),
    "rebuild": Command([telemetry, lambda db, files: damage(db)], lambda db, files: rebuild(db, batch=50)),
    "erase": Command([first, mixed], lambda db, files: erase(db, "a")),
    "prune": Command([first, mixed, lambda db, files: age(db)], lambda db, files: prune(db, date(2021, 1, 1))),
    "fx": Command(
        [lambda db, files: tell(db, final("3.2"))], lambda db, files: tell(db, final("3.3"), final("0.8", currency="EUR"))
    ),
    "migrate": Command([lambda db, files: rollback(db)], lambda db, files: migrate(db)),
    "reset": Command([first, telemetry], lambda db, files: reset(db)),
}


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pseudonyms are the same in every run."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "5a" * size)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        write(folder / name, content)
    bad = events([5], inverter_id="nobody", event_id="x") + b"{}\n"
    write(folder / "grown.jsonl", events(range(40)) + bad + events(range(20, 25)) + events(range(170, 200), inverter_id="i2"))
    shutil.copy(folder / "grown.jsonl", folder / "grown_on.jsonl")
    append(folder / "grown_on.jsonl", events(range(100, 160)) + events([3], ac_power=7, event_id="e3b"))
    return folder


class Copies:
    """Copies of databases, of the kind that is tested."""

    def __init__(self, dialect: str, folder: Path, empty: Path, server: Callable[[], Server]) -> None:
        self._dialect, self._folder, self._empty, self._server = dialect, folder, empty, server
        self._made = 0

    @contextmanager
    def of(self, source: str | None = None) -> Iterator[str]:
        """A copy of a database, or an empty one with its schema, which is gone afterwards."""
        self._made += 1
        if self._dialect == "sqlite":
            path = self._folder / f"{self._made}.db"
            shutil.copy(source.removeprefix("sqlite:///") if source else self._empty, path)
            yield f"sqlite:///{path}"
            for left in self._folder.glob(f"{self._made}.db*"):
                left.unlink()
            return
        server = self._server()
        if source is None:
            yield server.create()
            return
        name = f"dbsvc_crash_{os.getpid()}_{self._made}"
        before = source.partition("?")[0].rpartition("/")[2]
        server.execute(f"CREATE DATABASE {name} TEMPLATE {before}")
        yield server.url(name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def copies(dialect: str, tmp_path: Path, sqlite_template: Path, request: pytest.FixtureRequest) -> Copies:
    return Copies(dialect, tmp_path, sqlite_template, lambda: request.getfixturevalue("server"))


def crash(copies: Copies, files: Path, command: Command, choose: Callable[[list[str]], list[tuple[int, str]]]) -> int:
    """Run a command undisturbed, then with each of the chosen faults, and once more; returns how many faults."""
    with copies.of() as prepared:
        with connect(prepared) as db:
            for work in command.before:
                work(db, files)
        with copies.of(prepared) as calm:
            with fragile(calm) as (db, counting):
                command.work(db, files)
            with connect(calm) as db:
                expected = everything(db)
                assert left_behind(db) == []
            with connect(prepared) as db:
                assert everything(db) != expected
        faults = choose(counting.calls)
        for at, fault in faults:
            with copies.of(prepared) as url:
                where = f"{fault} at call {at} of {len(counting.calls)}: {counting.calls[at - 1]}"
                with fragile(url, at, fault) as (db, breaks), suppress(DatabaseError, InputError):
                    command.work(db, files)
                assert breaks.calls[: at - 1] == counting.calls[: at - 1], where
                assert breaks.dead or fault == "unanswered", where
                with connect(url) as db:
                    with suppress(InputError):  # it is done already
                        command.work(db, files)
                    found = everything(db)
                    assert found.keys() == expected.keys(), where
                    for table, rows in expected.items():
                        assert found[table] == rows, f"{where}: {table}"
                    assert left_behind(db) == [], where
    return len(faults)


def every(calls: list[str]) -> list[tuple[int, str]]:
    """Each call, and each answer to a commit."""
    commits = [at for at, name in enumerate(calls, 1) if name == COMMIT]
    killed = [(at, "killed") for at in range(1, len(calls) + 1)]
    return killed + [(at, fault) for fault in ("answered", "unanswered") for at in commits]


def spread(calls: list[str], number: int) -> list[tuple[int, str]]:
    """As many of these, evenly spread, and what follows the last of them: a lost answer to the last commit."""
    faults = every(calls)
    step = max(len(faults) // number, 1)
    return sorted({*faults[step // 2 :: step], faults[-1]})


@pytest.mark.one_database
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in SCHEMA])
def test_some_crashes(copies: Copies, files: Path, name: str) -> None:
    assert crash(copies, files, COMMANDS[name], lambda calls: spread(calls, SOME))


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_every_crash(copies: Copies, files: Path, name: str) -> None:
    """But the schema is changed by one transaction of hundreds of calls, of which a part has to do."""
    choose = every if name not in SCHEMA else lambda calls: spread(calls, 10)
    assert crash(copies, files, COMMANDS[name], choose)
