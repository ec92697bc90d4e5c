"""A process that is gone at a chosen call of its driver, or whose answer to a commit is lost, without starting processes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from dbsvc import Database, connect
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.statements.statement import Statement

COMMIT = "session/commit"
#: what stands in a database without being what was loaded: when something was done, and how long it took
_TIMES = {"registered_at", "published_at", "reverted_at", "closed_at", "recorded_at", "fetched_at", "checked_at", "seconds"}
_STAGING = ("staged_", "raw_", "verdicts")


class KilledError(BaseException):
    """The process is gone: no handler of errors, and no retry, goes on after it."""


class Fragile:
    """A dialect that counts the calls of its driver, and at one of them does what a crash does.

    ``killed``: every connection is gone before the call. ``answered``: it is a commit, and they are gone after it.
    ``unanswered``: the commit happens, but its answer is lost, and the driver says so.
    """

    def __init__(self, dialect: Any, at: int | None = None, fault: str = "killed", before: Callable[[str], None] | None = None):
        self._dialect = dialect
        self._at = at
        self._fault = fault
        self._before = before
        self._connections: list[Any] = []
        self.gap = 0.0
        self.dead = False
        #: the calls so far, by the names of their statements
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def connect(self, statements: Any) -> Any:
        self._connections.append(self._dialect.connect(statements))
        return self._connections[-1]

    def is_usable(self, connection: Any) -> bool:
        return not self.dead and self._dialect.is_usable(connection)

    def begin(self, connection: Any, statements: Any, begin: str) -> None:
        with self._call(begin):
            self._dialect.begin(connection, statements, begin)

    def execute(self, connection: Any, statement: Statement, parameters: Any) -> Any:
        with self._call(statement.name):
            return self._dialect.execute(connection, statement, parameters)

    def stream(self, connection: Any, statement: Statement, parameters: Any) -> Iterator[Row]:
        with self._call(statement.name):
            yield from self._dialect.stream(connection, statement, parameters)

    def sample(self, connection: Any, statement: Statement, *more: Any) -> Any:
        with self._call(statement.name):
            return self._dialect.sample(connection, statement, *more)

    def copy_csv(self, connection: Any, copy: Statement, *more: Any) -> Any:
        with self._call("copy_csv"):
            return self._dialect.copy_csv(connection, copy, *more)

    def copy_batches(self, connection: Any, copy: Statement, *more: Any) -> Any:
        with self._call("copy_batches"):
            return self._dialect.copy_batches(connection, copy, *more)

    def insert(self, connection: Any, insert: Statement, table: str, *more: Any) -> Any:
        with self._call(f"insert into {table}"):
            return self._dialect.insert(connection, insert, table, *more)

    def migrator(self, statements: Any) -> Any:
        """What a migration does is counted as well; its connection is one of ours."""
        backend = self._dialect.migrator(statements)
        self._connections.append(backend.connection)
        execute, commit = backend.execute, backend.commit

        def execute_counted(sql: str, params: Any = None) -> Any:
            with self._call("migration: " + re.sub(r"sp_\d+", "sp", sql.strip())[:60]):
                return execute(sql, params)

        def commit_counted() -> None:
            with self._call(COMMIT):
                commit()

        backend.execute, backend.commit = execute_counted, commit_counted
        return backend

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        if self.dead:
            raise KilledError
        if self._before:
            self._before(name)
        self.calls.append(name)
        now = len(self.calls) == self._at
        if now and self._fault == "killed":
            self.die()
        yield
        if now and self._fault == "answered":
            self.die()
        if now and self._fault == "unanswered":
            self._lose()

    def die(self) -> None:
        """Be gone: the system closes what was open, and the database takes back what was not committed."""
        self.dead = True
        self._lose_connections()
        raise KilledError

    def _lose(self) -> None:
        if self.family[0] == "sqlite":  # which has no connection to lose: it may fail to read on
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        self._lose_connections()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def _lose_connections(self) -> None:
        for connection in self._connections:
            with suppress(Exception):
                connection.close()


@contextmanager
def fragile(url: str, at: int | None = None, fault: str = "killed") -> Iterator[tuple[Database, Fragile]]:
    """A database that breaks at that call; by itself it only counts."""
    with connect(url) as db:
        breaks = Fragile(db.dialect, at, fault)
        db.dialect = breaks
        with suppress(KilledError):
            yield db, breaks


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All tables and their rows, but for times of ours."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with db.snapshot() as tx:
        for table in [row["table_name"] for row in tx.run("schema/tables").rows]:
            if not table.startswith("_yoyo"):
                rows = tx.execute('SELECT * FROM :"table"', table=table).rows
                values = [tuple((k, v) for k, v in row.items() if k not in _TIMES) for row in rows]
                found[table] = sorted(values, key=repr)
    return found


def left_behind(db: Database) -> list[str]:
    """Staging tables of loads that need none, and rows in place of loads that will not come."""
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
        status = {row["load_id"]: row["status"] for row in tx.execute("SELECT load_id, status FROM loads").rows}
        in_place = {row["load_id"] for row in tx.execute("SELECT DISTINCT load_id FROM bills_stored").rows}
    unfinished = {load_id for load_id, known in status.items() if known in ("staging", "staged", "held")}
    staging = [table for table in tables if table.startswith(_STAGING)]
    needed = [table for table in staging if table.startswith("staged") and int(table.split("_")[2]) in unfinished]
    stray = [load_id for load_id in in_place - unfinished if status.get(load_id) != "published"]
    return [*sorted(set(staging) - set(needed)), *(f"rows of load {load_id}" for load_id in stray)]
