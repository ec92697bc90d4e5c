"""Backups: one state of the database, beside whoever writes; restored, everything goes on."""

from __future__ import annotations

import errno
import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from dbsvc import DbsvcError, InputError, UnusableError, connect
from dbsvc.engine.errors import ContentionError
from dbsvc.engine.housekeeping.backup import back_up
from tests.helpers import ROOT, bills, load, query, statuses, usage_csv, write
from tests.helpers.cli import Cli
from tests.helpers.processes import Instance, succeed
from tests.helpers.server import Server
from tests.helpers.shell import run

SAMPLES = ROOT / "samples"
PAGE = (ROOT / "docs" / "how-to" / "back-up-and-restore.md").read_text()


def usage(days: int, each: int = 1000) -> bytes:
    return usage_csv(
        [(f"2021-10-{day:02}", n, "USD", f"customer {n}", n, 1) for day in range(1, days + 1) for n in range(each)]
    )


def found(cli: Cli) -> list[tuple[str, int]]:
    """What each check finds."""
    ran = cli("check", "--no-record", "--output", "json")
    return [(row["check"], row["findings"]) for row in ran.objects if row.get("check")]


@pytest.fixture
def source(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a migrated database in a file."""
    path = tmp_path / "source.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.iterdump())


def test_a_backup_is_the_database(source: str, tmp_path: Path) -> None:
    cli = Cli(tmp_path, source)
    assert cli("ingest", str(SAMPLES)).code in (0, 65)
    before = os.umask(0)
    try:
        ran = cli("db", "backup", "backup.db")
    finally:
        os.umask(before)
    backup = tmp_path / "backup.db"
    assert ran.objects == [{"database": source, "file": "backup.db", "bytes": backup.stat().st_size}]
    assert oct(backup.stat().st_mode & 0o777) == "0o600"
    assert dump(backup) == dump(tmp_path / "source.db")
    assert found(Cli(tmp_path, f"sqlite:///{backup}")) == found(cli)
    assert not list(tmp_path.glob(".*"))
    assert not list(tmp_path.glob("backup.db-*"))


@pytest.mark.parametrize("there", ["backup.db", "backup.db-wal"])
def test_what_is_there_stays(source: str, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"precious")
    with connect(source) as db, pytest.raises(InputError, match=re.escape(there)):
        back_up(db, tmp_path / "backup.db")
    assert (tmp_path / there).read_bytes() == b"precious"
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} <= {"source.db", "backup.db"}


def test_it_may_be_overwritten_and_is_never_the_database(source: str, tmp_path: Path) -> None:
    backup = write(tmp_path / "backup.db", b"old")
    with connect(source) as db:
        back_up(db, backup, overwrite=True)
        for same in (tmp_path / "source.db", tmp_path / "link.db"):
            if same.name == "link.db":
                same.symlink_to(tmp_path / "source.db")
            with pytest.raises(InputError, match="the database itself"):
                back_up(db, same, overwrite=True)
        with pytest.raises(InputError, match="is no file"):
            back_up(db, tmp_path, overwrite=True)
    assert dump(backup) == dump(tmp_path / "source.db")


def test_beside_writers_each_backup_has_whole_loads(source: str, tmp_path: Path) -> None:
    """And a load that is open in it goes on from there."""
    path = write(tmp_path / "usage.csv", usage(20))
    backups: list[Path] = []
    with Instance(source, "ingest", path, DBSVC_CHUNK_BYTES=20_000) as instance:
        instance.await_event("registered")
        with connect(source) as db:
            while instance.process.poll() is None:
                backups.append(tmp_path / f"{len(backups)}.backup")
                back_up(db, backups[-1])
        instance.succeed()
    with connect(source) as db:
        end = bills(db)
    open_ones = 0
    for backup in backups[:: max(1, len(backups) // 6)]:
        dump(backup)
        with connect(f"sqlite:///{backup}") as db:
            assert len(bills(db)) == (20_000 if statuses(db) == ["published"] else 0)
            open_ones += statuses(db) == ["staging"]
            load(db, path, chunk_bytes=20_000)
            assert (bills(db), statuses(db)) == (end, ["published"])
    assert open_ones


def test_nobody_waits_for_a_backup(source: str, tmp_path: Path) -> None:
    """In the middle of it somebody publishes, and what he publishes is not in it."""
    with connect(source) as db, connect(source) as other:
        load(db, write(tmp_path / "one.csv", usage(9)))
        loaded: list[int] = []

        def meanwhile(_done: int, _total: int) -> None:
            if not loaded:
                loaded.append(load(other, write(tmp_path / "two.csv", usage(10))).load.load_id)

        back_up(db, tmp_path / "backup.db", progress=meanwhile)
    with connect(f"sqlite:///{tmp_path}/backup.db") as copy:
        assert (loaded, statuses(copy), len(bills(copy))) == ([2], ["published"], 9_000)


def test_two_backups_to_one_file_take_no_turns(source: str, tmp_path: Path) -> None:
    with connect(source) as db, connect(source) as other:
        caught: list[str] = []

        def meanwhile(_done: int, _total: int) -> None:
            with pytest.raises(ContentionError) as error:
                back_up(other, tmp_path / "backup.db")
            caught.append(str(error.value))

        back_up(db, tmp_path / "backup.db", progress=meanwhile)
    assert "Another backup" in caught[0]
    assert dump(tmp_path / "backup.db") == dump(tmp_path / "source.db")


@pytest.mark.slow  # it kills processes
def test_a_killed_backup_leaves_nothing_that_counts(source: str, tmp_path: Path) -> None:
    with connect(source) as db:
        load(db, write(tmp_path / "usage.csv", usage(28, 5_000)))
    killed = 0
    folder = tmp_path / "backups"
    folder.mkdir()
    for _ in range(8):
        with Instance(source, "db", "backup", folder / "b.db", "--overwrite") as instance:
            while instance.process.poll() is None and not (folder / ".b.db.part").exists():
                time.sleep(0.001)
            instance.kill(signal.SIGKILL)
            killed += instance.await_end() == -signal.SIGKILL
        assert not (folder / "b.db").exists() or dump(folder / "b.db")
    assert killed
    succeed(source, "db", "backup", folder / "b.db", "--overwrite")
    assert [path.name for path in folder.iterdir()] == ["b.db"]
    assert dump(folder / "b.db") == dump(tmp_path / "source.db")


def test_no_room_for_a_backup(source: str, tmp_path: Path) -> None:
    def full(_done: int, _total: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with connect(source) as db, pytest.raises(DbsvcError, match=r"No space left on device\. There is no new backup"):
        back_up(db, tmp_path / "backup.db", progress=full)
    assert not list(tmp_path.glob("*backup*"))


# --- a server


def test_a_server_has_its_own_tool(server: Server, tmp_path: Path) -> None:
    with connect(server.create()) as db, pytest.raises(UnusableError, match=r"pg_dump.*back-up-and-restore\.md"):
        back_up(db, tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []


#: What the page types on a server.
BACK_UP, RESTORE, LOOK = re.findall(r"^<!-- not run: it needs a server.*?\n```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.long
@pytest.mark.slow  # it starts many processes
@pytest.mark.parametrize("options", ["", "--no-unlogged-table-data"])
def test_the_page_restores_a_server(server: Server, tmp_path: Path, options: str) -> None:
    """Checks find what they found, the open load goes on, the next loads go in."""
    programs = {server.program(name).parent for name in ("pg_dump", "pg_restore")}
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    old, new = server.create(), server.create(migrated=False)
    assert Cli(tmp_path, old)("ingest", str(SAMPLES)).code in (0, 65)
    usage_file = write(tmp_path / "usage.csv", usage(20))
    with Instance(old, "ingest", usage_file, "--jobs", "1", DBSVC_CHUNK_BYTES=20_000) as instance:
        instance.await_event("staged", 3)
        instance.kill()
        instance.await_end()
    (tmp_path / "var").mkdir()
    expected = found(Cli(tmp_path, old))

    for command, url in ((BACK_UP.replace("pg_dump", f"pg_dump {options}"), old), (RESTORE, new), (LOOK, new)):
        shell = f"set -e\nexport PATH='{path}':$PATH\n{command}"
        ran = run(shell, tmp_path, DATABASE_URL=url, NEW_URL=new)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    assert found(Cli(tmp_path, new)) == expected
    for url in (old, new):
        succeed(url, "ingest", usage_file, DBSVC_CHUNK_BYTES="20000")
        succeed(url, "ingest", write(tmp_path / "later.csv", usage(21)))
    with connect(old) as before, connect(new) as after:
        assert statuses(before) == statuses(after)
        assert bills(before) == bills(after)
        for table in ("inverter_telemetry_clean", "inverter_daily_summary", "bills_history"):
            select = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
            assert query(before, select) == query(after, select)
    assert found(Cli(tmp_path, new)) == found(Cli(tmp_path, old))
