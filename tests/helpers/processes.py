"""Processes that tests start, watch and kill, and locks that they wait for."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from tests.helpers import forked
from tests.helpers.server import driver

ROWS = int(os.environ.get("DBSVC_CHAOS_ROWS", 10_000))
CHUNK_BYTES = max(ROWS * 3 // 2, 15_000)  # some 30 chunks a file
PATIENCE = 60.0 + ROWS / 2_000  # seconds that anything may take, on a busy machine
Rows = list[tuple[Any, ...]]
STRIPPED = [name for name in os.environ if name.startswith(("DBSVC_", "DATABASE_URL"))]


class Instance:
    """A running `dbsvc`, and what it has logged so far."""

    def __init__(self, url: str, *arguments: str | Path, cwd: Path | None = None, **environment: str | Path | int) -> None:
        variables = {name: value for name, value in os.environ.items() if name not in STRIPPED}
        variables |= {"DATABASE_URL": url, "DBSVC_CHUNK_BYTES": str(CHUNK_BYTES), "DBSVC_LOG_LEVEL": "debug"}
        variables |= {name: str(value) for name, value in environment.items()}
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        self.process = forked.Process([str(argument) for argument in arguments], cwd or "/", variables, its_out, its_err)
        os.close(its_out)
        os.close(its_err)
        self._out, self._err = os.fdopen(out), os.fdopen(err)
        self.pid = self.process.pid
        self.events: list[dict[str, Any]] = []
        self._ended = False
        self._news = threading.Condition()
        self._pump = threading.Thread(target=self._listen)
        self._pump.start()

    def __enter__(self) -> Instance:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._pump.join()
        self._out.close()
        self._err.close()

    def _listen(self) -> None:
        for line in self._err:
            event = json.loads(line) if line.startswith("{") else {"event": line.rstrip()}
            with self._news:
                self.events.append(event)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def logged(self, name: str) -> list[dict[str, Any]]:
        """The events of that name."""
        return [event for event in self.events if event["event"] == name]

    def await_event(self, name: str, times: int = 1) -> None:
        """Wait until it has logged that often enough, or has ended."""
        with self._news:
            done = self._news.wait_for(lambda: self._ended or len(self.logged(name)) >= times, PATIENCE)
        assert done, self.events[-5:]

    def await_end(self, timeout: float = PATIENCE) -> int:
        """The exit code."""
        code = self.process.wait(timeout)
        self._pump.join()
        return code

    def output(self) -> str:
        """What it has printed. It has ended."""
        return self._out.read()

    def succeed(self) -> Instance:
        """Wait for the end, which is good."""
        assert self.await_end() == 0, self.events[-5:]
        return self

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)


def succeed(url: str, *arguments: str | Path, cwd: Path | None = None, **environment: str | Path) -> list[dict[str, Any]]:
    """Run a command that does; returns what it logged."""
    with Instance(url, *arguments, cwd=cwd, **environment) as instance:
        return instance.succeed().events


@contextmanager
def observing(url: str) -> Iterator[Any]:
    """A connection that is none of ours, in autocommit mode."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=PATIENCE, isolation_level=None)) as database:
            yield database
    else:
        with driver(url, autocommit=True, application_name="observer") as connection:
            yield connection


def query(url: str, sql: str) -> Rows:
    with observing(url) as connection:
        return [tuple(row) for row in connection.execute(sql).fetchall()]


@contextmanager
def holding(url: str, lock: str, **values: object) -> Iterator[psycopg.Connection]:
    """Hold a row lock on PostgreSQL."""
    with driver(url, application_name="observer") as connection:
        connection.execute(lock.encode(), values)
        yield connection
        with suppress(psycopg.OperationalError):  # the server may have gone in the meantime
            connection.rollback()


def await_blocked(url: str, number: int = 1) -> list[int]:
    """Wait until that many backends wait for a lock; returns their process ids."""
    deadline = time.monotonic() + PATIENCE
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while len(pids := [pid for (pid,) in query(url, waiting)]) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return pids


@contextmanager
def together(url: str, number: int) -> Iterator[None]:
    """Let instances that start inside register at the same moment."""
    if url.startswith("sqlite"):
        with observing(url) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            time.sleep(0.7)
            connection.execute("ROLLBACK")
    else:
        with holding(url, "SELECT 1 FROM load_sequence FOR UPDATE"):
            yield
            await_blocked(url, number)


def peak(url: str, *arguments: str) -> float:
    """The most memory that a command holds, in MB. Not started by us: a child's peak begins at its parent's."""
    measure = (
        "import os, sys; child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ);print(os.wait4(child, 0)[2].ru_maxrss)"
    )
    command = [sys.executable, "-S", "-c", measure, sys.executable, "-m", "dbsvc", *arguments]
    done = subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1]) / 1024
