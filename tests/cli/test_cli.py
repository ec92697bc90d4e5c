"""The command line as people and programs meet it: real processes, their exit codes and every byte they write."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from dbsvc import connect, migrate
from dbsvc.engine import Database
from dbsvc.engine.loads.model import BUCKETS
from dbsvc.engine.reports.loads import Wanted, list_loads
from tests.helpers import HEADER, ROOT, bills, load, query, rejects, usage_csv, whole, write
from tests.helpers.cli import COLOUR, DBSVC, GOOD, Cli, normal, obey_file_modes, summary

SAMPLE = ROOT / "samples" / "usage.csv"


def as_dict(**counters: int) -> dict[str, int]:
    """Every counter of the final line but the seconds."""
    words = ("files", "published", "already_published", "held", "discarded", "skipped", "failed", "read", *BUCKETS, "retries")
    return {word: counters.get(word, 0) for word in words}


# The main job ----------------------------------------------------------------------------------------------------


@pytest.mark.slow  # it starts many processes
def test_load_mend_and_load_the_rest(cli_on: Cli, db: Database) -> None:
    bad = [b"31/02/2021,7,USD,no such day,1,1", b'"2021-10-02",8,USD,"\xff,\0",1,1', b'2021-10-02,9,USD,"open,1,1']
    bad = [*map(whole, bad)]
    content = b"\r\r\n".join([GOOD.rstrip().replace(b"\n", b"\r\r\n"), *bad, b""])
    name = cli_on.write("usage.csv", content)

    ran = cli_on("ingest", name, env={"DBSVC_LOG_LEVEL": "debug"})
    assert ran.code == 0
    assert summary(ran) == as_dict(files=1, published=1, read=6, inserted=3, rejected=3)
    (report,) = ran.objects[:-1]
    assert (report["source"], report["outcome"], report["load_id"], report["exit_code"]) == (name, "published", 1, 0)
    assert {"registered", "staged", "audited", "published", "run"} <= {line["event"] for line in ran.logs}
    assert all({"time", "level", "event"} <= line.keys() for line in ran.logs)

    for again in (name, cli_on.write("copy.csv", content)):
        ran = cli_on("ingest", again)
        assert (ran.code, ran.objects[0]["outcome"]) == (0, "already published")
        assert summary(ran) == as_dict(files=1, already_published=1)

    exported = cli_on("rejects", "export", "1").out
    assert exported == b"\n".join([HEADER.encode(), *bad, b""])
    assert cli_on("rejects", "export", "1", "--to", "rejects.csv").out == b""
    assert (cli_on.folder / "rejects.csv").read_bytes() == exported
    shown = cli_on("rejects", "show", "1").objects
    reasons = ["bill_date_invalid", "invalid_utf8 nul_byte", "unterminated_quote"]
    assert [(row["line_no"], row["reasons"]) for row in shown] == list(enumerate(reasons, 5))

    # brings in the rest, and what is still wrong stays in quarantine
    corrected = exported.replace(b"31/02", b"28/02").replace(b"\xff,\0", b"\xc3\xbf,")
    ran = cli_on("ingest", cli_on.write("corrected.csv", corrected))
    assert summary(ran) == as_dict(files=1, published=1, read=3, inserted=2, rejected=1)
    assert [found[1] for found in bills(db)] == [7, 1, 2, 3, 8]
    assert [line for line, _, _ in rejects(db)] == [5, 6, 7, 4]


@pytest.mark.slow  # it starts many processes
def test_a_held_load(cli_on: Cli, db: Database) -> None:
    name = cli_on.write("usage.csv", GOOD + b"x\n" * 4)
    ran = cli_on("ingest", name)
    assert (ran.code, ran.objects[0]["outcome"]) == (65, "held")
    assert summary(ran) == as_dict(files=1, held=1)
    (shown,) = cli_on("loads", "show", "1").objects
    assert (shown["status"], shown["reasons"]) == ("held", [{"records": 4, "reasons": "too_few_fields"}])
    assert cli_on("loads", "discard", "1").objects[0]["status"] == "discarded"
    ran = cli_on("ingest", name)
    assert (ran.code, summary(ran)) == (65, as_dict(files=1, discarded=1))
    assert cli_on("loads", "release", "1").objects[0]["status"] == "staging"
    assert summary(cli_on("ingest", name))["inserted"] == 3
    assert [row["load_id"] for row in cli_on("loads").objects] == [2]
    assert "published" in cli_on("loads", "release", "2").error
    assert len(bills(db)) == 3


def test_status(cli_on: Cli) -> None:
    cli_on("ingest", cli_on.write("usage.csv", GOOD))
    (shown,) = cli_on("status").objects
    assert {"table": "bills", "rows": 3} in shown["tables"]
    assert [load["inserted"] for load in shown["loads"]] == [3]


def test_settings_come_from_the_environment_then_from_a_file(cli: Cli) -> None:
    cli.write(".env", b"DATABASE_URL=sqlite:///from_file.db\nDBSVC_MAX_REJECTED_SHARE=0\n")
    rows = GOOD + usage_csv([(0,)] + [("2021-10-02", n, "USD", "a", n, 0) for n in range(200)], header="").lstrip()
    cli.write("usage.csv", rows)
    assert (cli("ingest", "usage.csv").code, (cli.folder / "from_file.db").exists()) == (65, True)
    assert cli("ingest", "usage.csv", env={"DATABASE_URL": "sqlite:///given.db", "DBSVC_MAX_REJECTED_SHARE": "1"}).code == 0
    assert (cli.folder / "given.db").exists()


@pytest.mark.one_database
def test_a_run_off_a_terminal_says_what_matters(cli_on: Cli) -> None:
    ran = cli_on("ingest", str(ROOT / "samples"))
    loads = [line for line in ran.logs if line["event"] == "load"]
    assert [(line["dataset"], line["outcome"]) for line in loads] == [
        (name, "published") for name in ("plants", "usage", "inverters", "telemetry")
    ]
    assert all(line["read"] == sum(line[bucket] for bucket in BUCKETS) and line["seconds"] > 0 for line in loads)
    assert (len(ran.logs) <= 12, ran.logs[-1]["event"]) == (True, "run")
    assert "statement" not in {line["event"] for line in ran.logs}
    again = cli_on("ingest", cli_on.write("usage.csv", GOOD), "-v")
    assert {"registered", "statement", "staged", "run"} <= {line["event"] for line in again.logs}
    ran = cli_on("ingest", str(ROOT / "samples"))
    assert [line["event"] for line in ran.logs] == ["run"]
    assert cli_on("ingest", "usage.csv", env={"DBSVC_LOG_LEVEL": "error"}).err == b""
    assert cli_on("ingest", "usage.csv", env={"DBSVC_LOG_LEVEL": "loud"}).code == 78


def test_loads_can_be_chosen(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "north.csv", GOOD))
    load(db, write(tmp_path / "south.csv", f"{HEADER}\nx\n".encode()))
    load(db, ROOT / "samples" / "plants.csv")
    for wanted, most, expected, in_all in (
        (Wanted(), sys.maxsize, [3, 2, 1], 3),
        (Wanted(status="held"), 9, [2], 1),
        (Wanted(dataset="usage"), 1, [2], 2),
        (Wanted(name_part="nort", since=datetime(2021, 1, 1, tzinfo=UTC)), 9, [1], 1),
        (Wanted(since=datetime(2100, 1, 1, tzinfo=UTC)), 9, [], 0),
    ):
        found = list_loads(db, most, wanted)
        assert ([one.load_id for one in found.loads], found.total) == (expected, in_all)


def test_a_list_that_is_cut_says_how_to_see_all(cli: Cli) -> None:
    cli("ingest", cli.write("north.csv", GOOD), cli.write("south.csv", GOOD.replace(b"2021", b"2022")))
    shown = cli("loads", "--dataset", "usage", "--since", "2021-01-01", "--limit", "1", "--output", "table").out.decode()
    command = "dbsvc loads --dataset usage --since 2021-01-01T00:00:00Z --limit 0"
    assert f"Showing 1 of 2 loads; `{command}` shows all." in " ".join(shown.split())
    cli(
        "ingest",
        cli.write("my file.csv", GOOD.replace(b"2021", b"2020")),
        cli.write("my file 2.csv", GOOD.replace(b"2021", b"2019")),
    )
    shown = cli("loads", "--source", "my file", "--limit", "1", "--output", "table").out.decode()
    assert "`dbsvc loads --source 'my file' --limit 0`" in " ".join(shown.split())
    shown = cli("revenue", "--by", "customer", "--from", "2019-01-01", "--top", "1", "--output", "table").out.decode()
    assert "`dbsvc revenue --from 2019-01-01 --by customer --limit 0`" in " ".join(shown.split())
    assert "There is no such load" in cli("loads", "--status", "held", "--output", "table").out.decode()


def test_a_folder_of_which_nothing_is_loaded_may_be_an_error(cli: Cli) -> None:
    cli.write("empty/.hidden", b"")
    cli.write("notes/notes.txt", b"Remember the milk.\n")
    cli.write("good/usage.csv", GOOD)
    assert cli("ingest", "empty", "notes").code == 0
    ran = cli("ingest", "empty", "good/", "./notes", "--require-files")
    assert (ran.code, summary(ran)) == (66, as_dict(files=4, published=1, skipped=1, failed=2, read=3, inserted=3))
    failed = [report["because"] for report in ran.objects[:-1] if report["outcome"] == "failed"]
    assert failed == [f"{folder}: there is no file to load in it." for folder in ("empty", "./notes")]
    assert cli("ingest", "good", "--require-files").code == 0
    for more in ((), ("--dry-run",)):
        ran = cli("ingest", "--require-files", *more, f"file://{cli.folder}/empty", "good", "notes")
        assert ran.code == 66
        failed = [report["source"] for report in ran.objects[:-1] if report["outcome"] == "failed"]
        assert failed == [f"{cli.folder}/empty", "notes"]
        told = {line["event"] for line in ran.logs}
        assert {"left_out", "empty"} <= told


def test_a_dry_run_says_what_it_leaves_out(cli: Cli) -> None:
    bad = b"".join(b"x,%d,%s,a,1,1\n" % (n, b"y" * 200) for n in range(10))
    cli.write("usage.csv", GOOD + bad)
    shown = cli("ingest", "--dry-run", "usage.csv", "-o", "table").out.decode()
    assert "Showing 5 of 10 rejects." in shown
    assert "y…" in shown
    cli.write("empty/.hidden", b"")
    ran = cli("ingest", "--dry-run", "empty")
    assert [line["event"] for line in ran.logs if line["event"] != "run"] == ["left_out", "empty", "nothing_to_load"]


# What may be named -----------------------------------------------------------------------------------------------


def test_folders_globs_and_several_files(cli: Cli) -> None:
    for n, name in enumerate(["in/a.csv", "in/b.csv", "in/.hidden.csv", "in/deeper/c.csv", "d.csv", "e.csv"]):
        cli.write(name, GOOD.replace(b"2021", b"201%d" % n))
    cli.write("in/notes.txt", b"Remember the milk.\n")
    cli.write("in/picture.png", b"\x89PNG\r\n\x1a\n\0\0")
    cli.write("in/events.jsonl", b'{"event_id":"t_0001","ac_power":12.5}\n')
    ran = cli("ingest", "in", "[de].csv", "in/a.csv")
    assert ran.code == 65
    outcomes = {report["source"]: report["outcome"] for report in ran.objects[:-1]}
    published = ["in/a.csv", "in/b.csv", "d.csv", "e.csv"]
    skipped = ["in/notes.txt", "in/picture.png"]
    expected = {**dict.fromkeys(published, "published"), **dict.fromkeys(skipped, "skipped"), "in/events.jsonl": "failed"}
    assert outcomes == expected
    assert summary(ran) == as_dict(files=7, published=4, skipped=2, failed=1, read=12, inserted=12)
    # named by itself it is an error
    assert "no dataset" in cli("ingest", "in/notes.txt").error


def test_a_bad_file_does_not_keep_out_the_good_ones(cli: Cli) -> None:
    cli.write("a.csv", b"")
    ran = cli("ingest", "a.csv", cli.write("b.csv", GOOD))
    assert ran.code == 65
    assert summary(ran) == as_dict(files=2, published=1, failed=1, read=3, inserted=3)


@pytest.mark.parametrize("content", [GOOD, gzip.compress(GOOD)], ids=["plain", "gzip"])
def test_standard_input(cli: Cli, content: bytes) -> None:
    ran = cli("ingest", "-", stdin=content)
    assert (ran.code, ran.objects[0]["source"], summary(ran)["inserted"]) == (0, "-", 3)


@pytest.mark.slow  # it starts many processes
def test_gzip(cli: Cli) -> None:
    packed = gzip.compress(GOOD[:60]) + gzip.compress(GOOD[60:])  # of two members
    assert summary(cli("ingest", cli.write("usage.csv.gz", packed)))["inserted"] == 3
    for name, content in (("usage", packed), ("usage.csv", GOOD), ("other.gz", gzip.compress(GOOD, 1)), ("plain.gz", GOOD)):
        assert summary(cli("ingest", cli.write(name, content))) == as_dict(files=1, already_published=1)
    damaged = gzip.compress(GOOD.replace(b"2021", b"2022"))
    for content in (damaged[:-9], damaged[:30], damaged[:20] + b"\0\0\0" + damaged[23:], damaged + b"rubbish"):
        ran = cli("ingest", cli.write("damaged.csv.gz", content))
        assert (ran.code, summary(ran)) == (65, as_dict(files=1, failed=1))
        assert "gzip data is damaged" in ran.error


# Exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["fly"], ["ingest"], ["ingest", "usage.csv", "--jobs", "0"], ["status", "--what"], ["--output", "xml", "status"]),
        *(["loads", "show", "one"], ["loads", "list", "--limit", "-1"]),
    ],
)
def test_a_command_line_that_is_not_understood(tmp_path: Path, arguments: list[str]) -> None:
    ran = Cli(tmp_path)(*arguments)
    assert ran.code == 2
    assert b"Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ingest", "nothing.csv"], 66, r"nothing.csv: no such file or folder\."),
        (["ingest", "nothing*.csv"], 66, r"nothing\*.csv: no such file or folder\."),
        (["ingest", "good.csv", "nothing.csv"], 66, r"nothing.csv: no such file or folder\."),
        (["ingest", "empty.csv"], 65, r"empty.csv: the file is empty\."),
        (["loads", "show", "9"], 65, r"There is no load 9\. `dbsvc loads` lists them\."),
        (["loads", "release", "9"], 65, "There is no load 9"),
        (["loads", "discard", "9"], 65, "There is no load 9"),
        (["rejects", "show", "9"], 65, "There is no load 9"),
        (["rejects", "export", "9"], 65, "There is no load 9"),
    ],
)
def test_what_cannot_be_done(cli: Cli, arguments: list[str], code: int, says: str) -> None:
    cli.write("empty.csv", b"")
    cli.write("good.csv", GOOD)
    ran = cli(*arguments)
    assert ran.code == code
    assert re.match(says, ran.error)


@pytest.mark.parametrize(
    "env",
    [
        {"DATABASE_URL": ""},
        {"DATABASE_URL": "data.db"},
        {"DATABASE_URL": "mysql://h/x"},
        {"DATABASE_URL": "sqlite://"},
        {"DATABASE_URL": "sqlite:///:memory:"},
        {"DATABASE_URL": "postgresql://h:port/x?nonsense"},
        {"DBSVC_CHUNK_BYTES": "0"},
        {"DBSVC_MAX_REJECTED_SHARE": "5 %"},
        {"DBSVC_MAX_REJECTED_SHARE": "nan"},
        {"DBSVC_TOTAL_FACTOR": "-1"},
        {"DBSVC_TOTAL_MIN_LOADS": "many"},
        {"DBSVC_LOCK_SECONDS": "0.5"},
    ],
)
def test_a_setting_that_cannot_be(cli: Cli, env: dict[str, str]) -> None:
    ran = cli("ingest", cli.write("usage.csv", GOOD), env=env)
    assert ran.code == 78
    assert next(iter(env)) in ran.error


@pytest.mark.parametrize(("migration", "says"), [("9999_future", "newer schema.*update dbsvc"), ("0002_usage", "db migrate")])
def test_a_schema_of_another_version(cli_on: Cli, db: Database, migration: str, says: str) -> None:
    assert cli_on("ingest", cli_on.write("usage.csv", GOOD)).code == 0
    with db.transaction() as tx:
        if migration == "9999_future":
            tx.execute("INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', :id)", id=migration)
        else:
            tx.execute("DELETE FROM _yoyo_migration WHERE migration_id = :id", id=migration)
    for arguments in (["ingest", cli_on.write("more.csv", GOOD + whole(b"2021-10-02,1,USD,a,1,1") + b"\n")], ["status"]):
        ran = cli_on(*arguments)
        assert ran.code == 78
        assert re.search(says, ran.error)
    assert len(bills(db)) == 3


def test_an_unreachable_database(cli: Cli) -> None:
    started = time.monotonic()
    ran = cli("ingest", cli.write("usage.csv", GOOD), env={"DATABASE_URL": "postgresql://u@127.0.0.1:1/x"})
    assert (ran.code, time.monotonic() - started < 10) == (69, True)
    assert ran.error.startswith("postgresql://127.0.0.1:1/x is not reachable")


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("sqlite:////proc/nowhere/data.db", None),
        ("sqlite:///folder", None),
        ("sqlite:///usage.csv/data.db", None),
        ("sqlite:///other.db", b"no database at all\n" * 99),
    ],
)
def test_a_database_file_that_cannot_be(cli: Cli, url: str, content: bytes | None) -> None:
    (cli.folder / "folder").mkdir()
    if content:
        cli.write("other.db", content)
    ran = cli("ingest", cli.write("usage.csv", GOOD), env={"DATABASE_URL": url})
    assert ran.code == 78
    assert url in ran.error


@pytest.mark.parametrize("folder_mode", [0o755, 0o555])
def test_a_read_only_database(cli: Cli, folder_mode: int) -> None:
    assert cli("ingest", cli.write("usage.csv", GOOD)).code == 0
    database = cli.folder / "var" / "data.db"
    database.chmod(0o444)
    database.parent.chmod(folder_mode)
    try:
        probe = [sys.executable, "-c", f"open({str(database)!r}, 'ab')"]
        if subprocess.run(probe, preexec_fn=obey_file_modes, capture_output=True, check=False).returncode == 0:
            pytest.skip("this user may write whatever the modes say")
        ran = cli("ingest", cli.write("more.csv", GOOD + whole(b"2021-10-02,1,USD,a,1,1") + b"\n"), preexec_fn=obey_file_modes)
    finally:
        database.parent.chmod(0o755)
    assert ran.code == 78
    assert "sqlite:///var/data.db" in ran.error


BIG = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(40_000)])


def test_a_full_disk(cli: Cli) -> None:
    disk = cli.folder / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=1m none {disk} && exec "
    wrapper = ("unshare", *(() if os.getuid() == 0 else ("-r",)), "-m", "sh", "-c", f'{script} "$0" "$@"')
    if not shutil.which("unshare") or subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    ran = cli("ingest", cli.write("usage.csv", BIG), wrapper=wrapper, env={"DATABASE_URL": "sqlite:///disk/data.db"})
    assert ran.code == 69
    assert "disk is full: make room and run the same command again" in ran.error


def test_out_of_room_and_then_not(cli: Cli) -> None:
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (2**20, 2**20))
    ran = cli("ingest", cli.write("usage.csv", BIG), preexec_fn=limit)
    assert (ran.code, ran.error.startswith("sqlite:///var/data.db can")) == (69, True)
    assert query_sqlite(cli, "SELECT count(*) FROM bills") == [(0,)]
    ran = cli("ingest", "usage.csv")
    assert (ran.code, summary(ran)["inserted"]) == (0, 40_000)


def query_sqlite(cli: Cli, sql: str) -> list[tuple[Any, ...]]:
    with connect(f"sqlite:///{cli.folder}/var/data.db") as db:
        return query(db, sql)


@pytest.mark.long
@pytest.mark.slow  # it waits for all tries
def test_a_locked_database(cli: Cli) -> None:
    assert cli("ingest", cli.write("usage.csv", GOOD)).code == 0
    holder = sqlite3.connect(cli.folder / "var" / "data.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    cli.write("more.csv", GOOD + whole(b"2021-10-02,1,USD,a,1,1") + b"\n")
    ran = cli("ingest", "more.csv", env={"DBSVC_LOCK_SECONDS": "1"})
    assert ran.code == 75
    assert ran.error == "sqlite:///var/data.db is locked by another process: try again later."
    holder.close()
    assert cli("ingest", "more.csv").code == 0


def test_a_locked_database_can_be_read(cli: Cli) -> None:
    assert cli("ingest", cli.write("usage.csv", GOOD)).code == 0
    holder = sqlite3.connect(cli.folder / "var" / "data.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for command in ("status", "loads", "loads show 1", "rejects", "db status"):
        assert cli(*command.split(), env={"DBSVC_LOCK_SECONDS": "1"}).code == 0, command
    holder.close()


# Secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:Geheim%23Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim#Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim@Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim/Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim?Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim:Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim Wort@127.0.0.1:1/x",
        "postgresql://u:Geheim%zzWort@127.0.0.1:1/x",
        "postgresql://u:GeheimWort@127.0.0.1:port/x",
        "postgresql://u:GeheimWort@[::1/x",
        "postgresql://u:GeheimWort@127.0.0.1:1/x?nonsense=1",
        "postgresql://127.0.0.1:1/x?user=u&password=Geheim%23Wort",
        "postgresql://127.0.0.1:1/x?password=Geheim#Wort&sslmode=nonsense",
        "postgresql://:GeheimWort@/x",
        "postgres://u:GeheimWort@127.0.0.1:1/x",
        "postgresql+psycopg://u:GeheimWort@127.0.0.1:1/x",
        "POSTGRESQL://u:GeheimWort@127.0.0.1:1/x",
        "mysql://u:GeheimWort@127.0.0.1/x",
        "postgresql:/u:GeheimWort@127.0.0.1:1/x",
        "u:GeheimWort@127.0.0.1:1/x",
        "host=127.0.0.1 port=1 password=GeheimWort",
    ],
)
def test_no_secret_in_any_output(cli: Cli, url: str) -> None:
    ran = cli("ingest", cli.write("usage.csv", GOOD), "--debug", "--log-format", "json", env={"DATABASE_URL": url})
    assert ran.code in (69, 78)
    assert not re.search(r"Geheim|Wort", secret := (ran.out + ran.err).decode()), secret


@pytest.mark.parametrize("command", ["status", "loads", "db status", "db migrate", "db reset --yes", "rejects export 1"])
def test_no_secret_from_a_settings_file(cli: Cli, command: str) -> None:
    cli.write(".env", b"DATABASE_URL=postgresql://u:GeheimWort@127.0.0.1:1/x\n")
    ran = cli(*command.split(), "--debug", "--log-format", "text", "--output", "table")
    assert (ran.code, b"Geheim" in ran.out + ran.err) == (69, False)


# What people read ------------------------------------------------------------------------------------------------


@pytest.mark.slow  # it starts many processes
def test_tables(cli: Cli, snapshot: SnapshotAssertion) -> None:
    cli.write("usage.csv", SAMPLE.read_bytes())
    cli.write("bad.csv", usage_csv([("yesterday", "x", "USD", "\0\U0001f98a", -1, "")]))
    cli.write("long.csv", GOOD.replace(b"name", b"Sonnenschein Photovoltaikanlagenbetriebsgesellschaft".ljust(90, b"z")))
    commands = ["status", "loads", "rejects", "db status", "ingest usage.csv", "ingest usage.csv", "ingest bad.csv", "status"]
    commands += ["loads", "loads show 1", "loads show 2", "loads discard 2", "loads release 2", "rejects", "rejects show 1"]
    for command in commands:
        ran = cli(*command.split(), "--output", "table", env={"COLUMNS": "80"})
        assert f"$ dbsvc {command}\n{normal(ran.out)}" == snapshot


@pytest.mark.long
@pytest.mark.parametrize("width", [40, 80, 100, 140])
def test_tables_of_every_command(cli: Cli, snapshot: SnapshotAssertion, width: int) -> None:
    """What a person sees of a full database, with names of customers that fit nowhere."""
    rows = [("2021-10-01", n, "EUR" if n % 2 else "USD", "Sonnenschein " + "z" * 30 * n, n * 10**9, 0) for n in range(1, 4)]
    shutil.copytree(ROOT / "samples", cli.folder / "samples")
    cli("ingest", cli.write("a-quarterly-report-of-the-northern-region.csv", usage_csv(rows)), "samples")
    for command in (
        "status",
        "loads",
        "loads --dataset usage --status published --source northern",
        "rejects reasons",
        "revenue",
        "revenue --by customer --explain --top 2",
        "revenue --by product",
        "check --only loads_held --only fx_rates_missing --no-record",
        "check --explain loads_held",
        "lineage bill 2021-10-01 3",
        "lineage reading inv_kent_1 2025-03-30T08:00:00Z",
        "datasets",
        "datasets show usage",
        "fx --missing --dry-run",
        "loads revert 1 --dry-run",
        "rejects retry",
        "rejects dismiss 2 --reason test",
        "db migrate",
        "db rebuild --dry-run",
        "db reconcile --dry-run",
        "db prune --before 2000-01-01 --dry-run",
        "db erase --customer nobody --dry-run",
        "db backup copy.db",
    ):
        ran = cli(*command.split(), "--output", "table", env={"COLUMNS": str(width)})
        shown = normal(ran.out)
        shown = shown[shown.index("column") :] if "datasets show" in command else shown  # before it is where it is installed
        shown = re.sub(r"(pseudonym:?\s+|erased-)[0-9a-f]{8,}", r"\g<1>0", shown)
        shown = re.sub(r"(duration: +)\d s", r"\g<1>< 1 s", shown)  # of a machine that is busy
        shown = re.sub(r"(copy\.db +)[\d,]+", r"\g<1>0", re.sub(r"  \d s(?=  |\n)", "< 1 s", shown))
        assert f"$ dbsvc {command}\n{shown}" == snapshot


@pytest.mark.parametrize(
    ("content", "env"),
    [
        pytest.param(b"Date_,Bill_ID\n", {}, id="another header"),
        pytest.param(HEADER.encode() + b",VAT\n", {}, id="unknown column"),
        pytest.param(HEADER.replace(",Name", "").encode() + b"\n", {}, id="missing column"),
        pytest.param("\ufeffDate_".encode("utf-16-le"), {}, id="UTF-16"),
        pytest.param(b"", {}, id="empty"),
        pytest.param(GOOD, {"DATABASE_URL": "oracle://u:p@h/x"}, id="unknown database"),
        pytest.param(GOOD, {"DBSVC_CHUNK_BYTES": "lots"}, id="setting"),
    ],
)
def test_errors(cli: Cli, content: bytes, env: dict[str, str], snapshot: SnapshotAssertion) -> None:
    ran = cli("ingest", cli.write("usage.csv", content), "--log-format", "text", "--output", "table", env=env)
    said = [line for line in ran.err.splitlines() if line.startswith(b"dbsvc:")]
    assert (ran.code, normal(b"\n".join([*said, ran.out]))) == snapshot


def test_every_finding_of_a_held_load_is_readable(cli: Cli) -> None:
    cli("ingest", cli.write("bad.csv", f"{HEADER}\nx\n".encode()))
    shown = cli("loads", "show", "1", "--output", "table").out.decode()
    assert "more than half" in shown
    assert "\ufffd" not in shown


@pytest.mark.parametrize("command", ["status", "loads", "rejects"])
def test_a_narrow_terminal_cuts_no_file_name_off(cli: Cli, command: str) -> None:
    cli("ingest", cli.write("usage.csv", SAMPLE.read_bytes()))
    assert "usage.csv" in cli(command, "--output", "table", env={"COLUMNS": "80"}).out.decode()


def test_a_traceback_only_when_asked_for(cli: Cli) -> None:
    for debug, expected in ((["--debug"], True), ([], False)):
        assert (b"Traceback" in cli("loads", "show", "9", *debug).err) is expected


def test_a_terminal_shows_progress_and_tables(cli: Cli) -> None:
    cli.write("usage.csv", BIG)
    cli.write("bad.csv", b"x\n")
    narrow, logs = b"of 40,000 rows", ("--log-format", "text")
    seen = cli.on_a_terminal("ingest", "usage.csv", "bad.csv", *logs, narrows=narrow, ok=(65,), DBSVC_CHUNK_BYTES="50000")
    before, _, after = seen.partition("<narrow>")
    assert re.search(r"\r\x1b\[K(scan|open|stage) 2/2 usage.csv", before)
    assert "rows/s" in before
    drawn = [line for line in after.split("\r\x1b[K") if line.startswith(("stage", "audit", "publish"))]
    assert len(drawn) > 1
    assert all(len(line) < 20 and "100 %" not in line and "\n" not in line for line in drawn[1:]), drawn
    # what is said stands in lines of its own
    assert all(
        line.startswith(("time=", "dbsvc: "))
        for line in re.findall(r"^.*(?:event=|dbsvc: ).*$", re.sub(r".*\r\x1b\[K", "", seen), re.M)
    )
    assert COLOUR.search(seen)
    plain = re.sub(r"\x1b\[[\d;]*m", "", seen)
    assert re.search(r"1 +published +40,000 read = 40,000 inserted +usage.csv", plain)
    assert '"event"' not in seen


@pytest.mark.parametrize("command", ["ingest", "status"])
def test_no_color_is_honoured(cli: Cli, command: str) -> None:
    cli.write("usage.csv", SAMPLE.read_bytes())
    arguments = ["ingest", "usage.csv"] if command == "ingest" else [command]
    assert not COLOUR.search(cli.on_a_terminal(*arguments, NO_COLOR="1"))


def test_nothing_but_json_where_nobody_looks(cli: Cli) -> None:
    ran = cli("ingest", cli.write("usage.csv", GOOD))
    assert ran.objects
    assert ran.logs
    assert b"\x1b" not in ran.out + ran.err


def test_a_load_whose_columns_are_not_known_any_more_keeps_no_other_from_being_retried(cli_on: Cli, url: str) -> None:
    for name, line in (("a.csv", b"2021-10-01,1,XXX,A,1,1\n"), ("b.csv", b"2021-10-01,2,XXX,A,1,1\n")):
        cli_on("ingest", cli_on.write(name, GOOD + line))
    with connect(url) as db, db.transaction() as tx:
        tx.execute(
            "UPDATE loads SET header = :header WHERE load_id = 1", header=b"Date_,Bill_ID,Currency,Name,Product1 revenue"
        )
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")
    ran = cli_on("rejects", "retry")
    assert ran.code == 65
    assert [(row["load_id"], row["passed"]) for row in ran.objects] == [(2, 1)]
    assert "Load 1: a file of bills that lacks column(s): 'Product2 revenue'." in ran.err.decode()
    assert "`dbsvc rejects export 1`" in ran.err.decode()


def test_a_person_is_asked_before_a_load_is_discarded(cli: Cli) -> None:
    cli("ingest", cli.write("usage.csv", GOOD.replace(b"USD", b"???")))
    with pytest.raises(AssertionError, match="Aborted"):
        cli.on_a_terminal("loads", "discard", "1", types=b"n\n")
    assert cli("loads", "show", "1").objects[0]["status"] == "held"
    assert "discarded" in cli.on_a_terminal("loads", "discard", "1", types=b"y\n")


def test_json_on_a_terminal(cli: Cli) -> None:
    seen = cli.on_a_terminal("ingest", cli.write("usage.csv", GOOD), "--output=json", "--log-format", "json")
    assert all(json.loads(line) for line in seen.splitlines())


def test_a_reader_that_leaves(cli: Cli) -> None:
    rows = io.StringIO()
    csv.writer(rows).writerows([["x" * 2000]] * 2000)
    cli("ingest", cli.write("usage.csv", GOOD + rows.getvalue().encode()))
    with subprocess.Popen(
        [*DBSVC, "rejects", "export", "1"], cwd=cli.folder, env=cli.env({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.slow  # it starts many processes
def test_reset_asks(cli: Cli) -> None:
    cli("ingest", cli.write("usage.csv", GOOD))
    assert cli("db", "reset", stdin=b"n\n").code == 1
    assert query_sqlite(cli, "SELECT count(*) FROM bills") == [(3,)]
    assert cli("db", "reset", "--yes").code == 0
    assert query_sqlite(cli, "SELECT count(*) FROM bills") == [(0,)]


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        ("--help", {"httpx", "yoyo", "psycopg", "prometheus_client", "dbsvc.engine.fx.providers"}),
        ("status", {"httpx", "yoyo", "psycopg", "isal", "backports.zstd", "pyarrow"}),
    ],
)
def test_what_a_command_does_not_need_is_not_imported(tmp_path: Path, command: str, not_needed: set[str]) -> None:
    """Half a second for a library that is not used is too much for a process that lives a second."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with connect(url) as db:
        migrate(db)
    script = f"import sys\nfrom dbsvc.cli.main import main\nsys.argv = ['dbsvc', {command!r}]\ntry:\n    main()\n"
    script += "finally:\n    print('\\n'.join(sys.modules), file=sys.stderr)"
    environment = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "dbsvc.cli.main" in loaded
    assert not loaded & not_needed
