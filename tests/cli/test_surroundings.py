"""Streams that are closed, broken, full or of an old terminal, names that deceive, places that cannot be written."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dbsvc import connect
from dbsvc.cli.files import written_whole
from tests.helpers import bills, load, usage_csv, whole, write

pytestmark = pytest.mark.slow  # it starts many processes

GOOD = usage_csv([("2021-10-01", n, "USD", f"Müller משה {n}", n, 0) for n in range(1, 4)])
DECEIT = "a\x1b[31m\x9b\u202e[red]:bee:\nx.csv"
ASCII = {"PYTHONIOENCODING": "ascii"}
OLD = [
    pytest.param(ASCII, id="ascii"),
    pytest.param({"PYTHONIOENCODING": "latin-1"}, id="latin-1", marks=pytest.mark.long),
    pytest.param({"PYTHONIOENCODING": "cp1252"}, id="cp1252", marks=pytest.mark.long),
    pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="C", marks=pytest.mark.long),
    pytest.param({"LANG": "C", "LC_ALL": ""}, id="LANG=C", marks=pytest.mark.long),
]


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: bytes


@dataclass(frozen=True)
class Cli:
    folder: Path

    def __call__(self, command: str, redirected: str = "", **env: str) -> Ran:
        """Run a command as a shell does; the code is that of the command, also in a pipe."""
        script = f"set -o pipefail; {shlex.quote(sys.executable)} -m dbsvc {command} {redirected}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "DBSVC_", "PYTHON"))}
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**clean, "COLUMNS": "100", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/var/data.db"


@pytest.fixture
def cli(tmp_path: Path, sqlite_template: Path) -> Cli:
    (tmp_path / "var").mkdir()
    shutil.copy(sqlite_template, tmp_path / "var" / "data.db")
    write(tmp_path / "usage.csv", GOOD)
    return Cli(tmp_path)


@pytest.fixture
def loaded(cli: Cli) -> Cli:
    """... with three bills, rejects, and a file of a name that is made to deceive."""
    write(
        cli.folder / DECEIT,
        usage_csv([("2021-10-02", 9, "USD", "\x1b[2J\u202e", 1, 1), ("2021-10-02", "x", "QQQ", "Zoë…\x9b", 1, 1)]),
    )
    with connect(cli.url) as db:
        load(db, cli.folder / "usage.csv")
        load(db, cli.folder / DECEIT)
    return cli


# Streams ---------------------------------------------------------------------------------------------------------

SAID = b"Not all results could be written to standard output ("


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">&-", 1, b"bad file descriptor"),
        (">/dev/full", 1, b"no space left on device"),
        ("| true", 141, b""),
        ("2>&-", 0, b""),
        ("2>/dev/full", 0, b""),
        ("2> >(exec <&-)", 0, b""),
        ("<&-", 0, b""),
        ("<&- >&- 2>&-", 1, b""),
        (">/dev/full 2>&1", 1, b""),
    ],
)
def test_a_stream_changes_nothing_of_what_is_done(cli: Cli, redirected: str, code: int, said: bytes) -> None:
    ran = cli("ingest usage.csv --output json --log-format text", redirected)
    assert ran.code == code
    assert (SAID + said in ran.err) == bool(said)
    with connect(cli.url) as db:
        assert len(bills(db)) == 3
    assert ran.out.count(b"\n") == (2 if code == 0 else 0)


@pytest.mark.parametrize(
    ("command", "code"), [("check --only bills_orphaned", 3), ("check --only nothing", 3), ("--version", 1), ("status", 1)]
)
def test_results_that_cannot_be_delivered_are_never_a_success(loaded: Cli, command: str, code: int) -> None:
    for redirected in (">&-", ">/dev/full"):
        ran = loaded(command, redirected)
        assert (ran.code, SAID in ran.err) == (code, True), command


def test_standard_input_that_is_closed(cli: Cli) -> None:
    ran = cli("ingest - --log-format text", "<&-")
    assert (ran.code, b"dbsvc: -: standard input is closed." in ran.err) == (66, True)
    assert cli("db reset", "<&-").code == 1


def test_an_export_is_whole_or_not_there(cli: Cli) -> None:
    write(cli.folder / "bad.csv", GOOD + b"\n".join(b"x" * 2000 for _ in range(200)))
    with connect(cli.url) as db:
        load(db, cli.folder / "bad.csv")
    whole = cli("rejects export 1").out
    assert len(whole) > 400_000
    for redirected in (">&-", ">/dev/full"):
        ran = cli("rejects export 1", redirected)
        assert (ran.code, SAID in ran.err) == (1, True), redirected
    ran = cli("rejects export 1", "| head -c 10")
    assert (ran.code, ran.err) == (141, b""), "who has read enough is told nothing"

    (cli.folder / "link").symlink_to("target")
    for name in ("corrected.csv", "link"):
        assert cli(f"rejects export 1 --to {name}").code == 0
        assert (cli.folder / name).read_bytes() == whole
    assert (cli.folder / "link").is_symlink()
    write(cli.folder / "corrected.csv", b"as it was")
    before = sorted(os.listdir(cli.folder))
    script = (
        f"ulimit -f 100; trap '' XFSZ; {shlex.quote(sys.executable)} -m dbsvc rejects export 1 --to half.csv --log-format text"
    )
    done = subprocess.run(["bash", "-c", script], cwd=cli.folder, capture_output=True, check=False)
    assert (done.returncode, b"dbsvc: half.csv cannot be written: File too large." in done.stderr) == (1, True)
    for name in ("var", "nowhere/corrected.csv", "/proc/corrected.csv"):
        ran = cli(f"rejects export 1 --to {name} --log-format text")
        assert (ran.code, f"dbsvc: {name} cannot be written: ".encode() in ran.err) == (1, True)
    assert sorted(os.listdir(cli.folder)) == before
    ran = cli("rejects export 1 --to /dev/full --log-format text")
    assert (ran.code, b"dbsvc: /dev/full cannot be written: No space left" in ran.err) == (1, True)
    assert cli("rejects export 1 --to /dev/stdout").out == whole
    assert cli("rejects export 1 --to /dev/stdout", "> out.csv").code == 0
    assert (cli.folder / "out.csv").read_bytes() == whole


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def fail() -> None:
        with written_whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    for content in (None, b"before"):
        if content:
            path.write_bytes(content)
            path.chmod(0o640)
        with pytest.raises(KeyboardInterrupt):
            fail()
        assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [content][: content is not None]
    with written_whole(path) as file:
        file.write(b"after")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode), os.listdir(tmp_path)) == (b"after", 0o640, ["a"])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"), written_whole(tmp_path / "pipe"):
        pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    ("place", "code"), [("/dev/null", 0), ("new.prom", 0), ("link", 0), ("var", 1), ("nowhere/a.prom", 1), ("/proc/a.prom", 1)]
)
def test_places_for_metrics(cli: Cli, place: str, code: int) -> None:
    (cli.folder / "link").symlink_to("target")
    ran = cli(f"ingest usage.csv --log-format text --metrics-file {place}")
    assert (ran.code, f"{place}: the metrics cannot be written there".encode() in ran.err) == (code, bool(code))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert (cli.folder / "link").is_symlink()
    assert ("target" in os.listdir(cli.folder)) == (place == "link")
    with connect(cli.url) as db:
        assert len(bills(db)) == 3


def test_a_home_and_a_working_directory_that_are_not_there(loaded: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    for env in ({"HOME": "/nowhere"}, {"HOME": ""}, {"HOME": "/proc", "XDG_CACHE_HOME": "/proc", "XDG_CONFIG_HOME": "/proc"}):
        assert loaded("status", **env).code == 0
    gone = Cli(tmp_path_factory.mktemp("gone"))
    ran = gone("status", DATABASE_URL=loaded.url)
    assert ran.code == 0
    here = f"rmdir {gone.folder}; cd . 2>/dev/null; {shlex.quote(sys.executable)} -m dbsvc"
    for url, code in ((loaded.url, 0), ("sqlite:///var/data.db", 78)):
        gone.folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["bash", "-c", f"{here} ingest {loaded.folder}/usage.csv --log-format text"],
            cwd=gone.folder,
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr


def test_a_terminal_that_goes_ends_the_run_like_any_signal(cli: Cli) -> None:
    """Unless it was started with nohup: then it goes on."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "DBSVC_", "PYTHON"))}
    for ignored, code in (("", 129), ("trap '' HUP; ", 0)):
        script = f"{ignored}exec {shlex.quote(sys.executable)} -m dbsvc ingest - --log-format text"
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=cli.folder,
            env=clean,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin
            process.stdin.write(GOOD[:20])
            process.stdin.flush()
            while not (
                ready := subprocess.run(["grep", "-q", "SigCgt", f"/proc/{process.pid}/status"], check=False)
            ).returncode:
                caught = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigCgt" in line)
                if int(caught.split()[1], 16) & (1 << 14):  # SIGTERM is handled: so are the others
                    break
            assert ready.returncode == 0
            process.send_signal(signal.SIGHUP)
            _, err = process.communicate(GOOD[20:])
        assert (process.returncode, b"Stopped by SIGHUP" in err, b"Traceback" in err) == (code, bool(code), False), err


# Old terminals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", OLD)
def test_nothing_dies_of_a_character(loaded: Cli, env: dict[str, str]) -> None:
    commands = ["status", "loads", "loads show 2", "rejects", "revenue --by customer", "trace bill 2021-10-02 9", "db status"]
    commands += ["check --only bills_orphaned", "ingest usage.csv", "ingest *x.csv", "ingest é.csv", "fx --missing"]
    for command in commands:
        ran = loaded(f"{command} --output table --log-format text --debug", **env)
        assert ran.code == (66 if "é" in command else 0), (command, ran.err)
        assert b"\x1b" not in ran.out + ran.err
        if env == ASCII:
            assert (ran.out + ran.err).isascii()


def test_tables_and_bars_have_simpler_shapes(loaded: Cli) -> None:
    shown = loaded("revenue --output table", **ASCII).out.decode()
    assert "####################" in shown
    assert "---" in shown
    assert "?" not in shown
    assert "M?ller ??? 1" in loaded("revenue --by customer --output table", **ASCII).out.decode()


@pytest.mark.parametrize("env", [pytest.param({}, id="utf-8"), *OLD])
def test_what_programs_read_is_exact_on_every_terminal(loaded: Cli, env: dict[str, str]) -> None:
    ran = loaded("rejects --output json", **env)
    (row,) = [json.loads(line) for line in ran.out.splitlines()]
    assert row["source"].endswith(DECEIT)
    assert row["raw_record"] == whole("2021-10-02,x,QQQ,Zoë…\x9b,1,1".encode()).decode()
    written_as_utf8 = not env or "LANG" in env  # Python takes the locale C for one that does not know better
    assert ran.out.decode("utf-8" if written_as_utf8 else "ascii").rstrip("\n").isprintable()
    ran = loaded("revenue --by customer --output csv", **env)
    assert "Müller משה 1" in ran.out.decode("utf-8")
    junit = loaded("check --output junit --only bills_orphaned", **env)
    ElementTree.fromstring(junit.out)


# Names that deceive ----------------------------------------------------------------------------------------------


def test_no_name_reaches_a_terminal_raw(loaded: Cli) -> None:
    name = shlex.quote(DECEIT)
    commands: list[str] = [f"ingest {name}", f"ingest {name}.gone", "loads", "rejects", "status", "trace bill 2021-10-02 9"]
    for command in commands:
        ran = loaded(f"{command} --output table --log-format text --debug")
        shown = (ran.out + ran.err).decode()
        assert all(character.isprintable() or character == "\n" for character in shown), (command, shown)
        assert not any(line.startswith("x.csv") for line in shown.splitlines())


def test_a_progress_bar_bears_every_name(loaded: Cli) -> None:
    write(loaded.folder / DECEIT, usage_csv([("2021-10-03", n, "USD", "a", n, 0) for n in range(20_000)]))
    typed = f"{shlex.quote(sys.executable)} -m dbsvc ingest {shlex.quote(DECEIT)}"
    done = subprocess.run(
        ["script", "-qec", typed, "/dev/null"],
        cwd=loaded.folder,
        env={**os.environ, "DBSVC_CHUNK_BYTES": "100000", "TERM": "xterm", "DATABASE_URL": loaded.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert b"[red]:bee:" in done.stdout
    assert "\u202e".encode() not in done.stdout


# What is left out ------------------------------------------------------------------------------------------------


def test_what_is_not_shown_is_said(cli: Cli) -> None:
    write(cli.folder / "usage.csv", GOOD + b"x\n" * 60)
    with connect(cli.url) as db:
        load(db, cli.folder / "usage.csv")
        for n in range(1, 8):
            load(db, write(cli.folder / f"{n}.csv", GOOD.replace(b"2021", b"201%d" % n) + b"x\n"))
    for command, shown, total, more in (
        ("rejects", 50, 67, "rejects; `dbsvc rejects show --limit 0` shows all."),
        ("rejects show 1 --limit 7", 7, 60, "rejects; `dbsvc rejects show 1 --limit 0` shows all."),
        ("rejects show 2", 1, 1, ""),
        ("rejects show --limit 67", 67, 67, ""),
        ("loads list --limit 3", 3, 8, "loads; `dbsvc loads --limit 0` shows all."),
        ("loads --limit 0", 8, 8, ""),
        ("status", 5, 8, "loads; `dbsvc loads --limit 0` shows all."),
    ):
        said = " ".join(cli(f"{command} --output table").out.decode().split())
        assert (f"Showing {shown} of {total} {more}" in said) == bool(more), command
        assert ("Showing" in said) == bool(more), command
        if command != "status":
            *rows, last = [json.loads(line) for line in cli(f"{command} --output json").out.splitlines()]
            assert len(rows) == (shown if more else shown - 1)
            assert (last.get("in_all"), last.get("shown")) == ((total, shown) if more else (None, None))


def test_a_spreadsheet_gets_no_formulas(cli: Cli) -> None:
    names = ["=HYPERLINK(1)", "+1-2", "-cmd|' /C calc'!A0", "@SUM(1)", "\uff1d1", "-5", "+7.25", "a=b", "'quoted"]
    rows = [("2021-10-01", n, "USD", name, n, 0) for n, name in enumerate(names, 1)]
    write(cli.folder / "usage.csv", usage_csv(rows) + b"=1,x\n")
    with connect(cli.url) as db:
        load(db, cli.folder / "usage.csv", max_rejected_share=1)
    shown = list(csv.reader(io.StringIO(cli("revenue --by customer --output csv").out.decode())))
    assert {row[0] for row in shown[1:]} == {*(f"'{name}" for name in names[:5]), *names[5:]}
    assert cli("rejects export 1").out.endswith(b"\n=1,x\n")


def test_metrics_replace_nothing_but_metrics(cli: Cli) -> None:
    """A forgotten value makes a delivery, or the database, the metrics file: it is refused, and nothing is lost."""
    assert cli("ingest usage.csv --metrics-file new.prom").code == 0
    assert cli("loads --metrics-file new.prom").code == 0
    for taken in ("usage.csv", "new.db"):
        file = cli.folder / taken
        if not file.exists():
            file.write_bytes(b"SQLite format 3")
        before = file.read_bytes()
        ran = cli(f"loads --metrics-file {taken}")
        assert ran.code == 2
        assert b"something else than metrics" in ran.err
        assert file.read_bytes() == before
