"""Access to a database: pooled connections, explicit transactions, named statements, batches. Any dialect behind it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

from dbsvc.engine.errors import CancelledError, DatabaseError, DbsvcError, UnavailableError
from dbsvc.engine.log import event
from dbsvc.engine.statements import Statement, Statements
from dbsvc.engine.watch import Watch

Row = dict[str, Any]
#: Records that follow each other, one a line: the number of the line that the first is on, and their bytes.
Run = tuple[int, bytes]
T = TypeVar("T")

_ATTEMPTS = 8
_LONGEST_PAUSE = 5.0  # seconds


@dataclass(frozen=True)
class Result:
    """What a statement gave: its rows, and how many rows it touched."""

    rows: list[Row]
    row_count: int

    @property
    def count(self) -> int:
        """How many records the statement moved: by its own count (a single ``records``), else by the driver's."""
        if len(self.rows) == 1 and "records" in self.rows[0]:
            return int(self.rows[0]["records"])
        return self.row_count


class Dialect(Protocol):
    """One kind of database: knows its driver, and nothing of what is stored."""

    #: the dialect's name, then those it inherits statements from
    family: tuple[str, ...]
    #: the database as a person may see it: without secrets
    label: str
    #: how many connections can usefully write at once
    jobs: int

    def absent(self) -> str | None:
        """Return why there is no database to look at, or None if there may be one. Makes none."""

    def connect(self, statements: Statements) -> Any:
        """Open a connection, outside any transaction. Raises UnusableError for a database that is not as it must be."""

    def begin(self, connection: Any, begin: Statement, configure: Statement) -> None:
        """Open a transaction by the one statement, with the settings that the other one sets."""

    def blockers(self, connection: Any, statements: Statements) -> list[str]:
        """Return whom a connection waits for, while it waits, from another thread."""

    def close(self, connection: Any) -> None:
        """Close a connection."""

    def is_usable(self, connection: Any) -> bool:
        """Whether the connection is alive and outside any transaction."""

    def interrupt(self, connection: Any) -> None:
        """Cancel, from another thread, what the connection is doing."""

    def execute(self, connection: Any, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        """Run a statement and fetch everything it returns."""

    def stream(self, connection: Any, statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """Run a query and fetch its rows in bounded memory."""

    def sample(self, connection: Any, statement: Statement, parameters: Mapping[str, Any], most: int) -> Result:
        """Run a query, count its rows in bounded memory, and keep the first of them."""

    def copy_csv(self, connection: Any, copy: Statement, table: str, columns: Sequence[str], data: bytes) -> int:
        """Bulk-copy CSV records, each ended by LF, none with a lone CR or blank line. Raise MalformedCsvError."""

    def copy_runs(
        self, connection: Any, copy: Statement, table: str, columns: Sequence[str], runs: Iterable[Run], load_id: int
    ) -> int:
        """Bulk-copy runs of CSV records without quotes, each record with the number of its line and the load's before it."""

    def insert(
        self, connection: Any, insert: Statement, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Insert rows of values in bounded memory."""

    def translate(self, error: Exception) -> DatabaseError | None:
        """Return the engine's error for a driver's, or None when it is not the driver's."""

    def migrations(self) -> list[str]:
        """Folders with migrations, below ``migrations``, in the order they apply."""

    def migrator(self, statements: Statements) -> Any:
        """Return yoyo's backend, whose sessions are as all others."""

    def migration_lock(self, connection: Any, statements: Statements) -> AbstractContextManager[None]:
        """Hold a lock, one holder at a time among all processes, that dies with the process."""


class Transaction:
    """An open transaction. Everything in it happens, or nothing."""

    def __init__(self, database: Database, connection: Any) -> None:
        self._database = database
        self._dialect = database.dialect
        self.statements = database.statements
        self._connection = connection
        self._depth = 0
        self._failed: DatabaseError | None = None

    def run(self, name: str, /, **parameters: Any) -> Result:
        """Run a named statement, such as ``run("ledger/show_load", load_id=3)``."""
        return self._execute(self.statements[name], parameters)

    def execute(self, sql: str, /, **parameters: Any) -> Result:
        """Run SQL of your own. ``:name`` is a value, ``:"name"`` an identifier, on every database."""
        return self._execute(Statement("<string>", sql), parameters)

    def stream(self, name: str, /, **parameters: Any) -> Iterator[Row]:
        """Run a named query and yield its rows in bounded memory."""
        statement = self.statements[name]
        _check(statement, parameters)
        with self._driver():
            yield from self._dialect.stream(self._connection, statement, parameters)

    def sample(self, name: str, most: int, /, **parameters: Any) -> Result:
        """Run a named query; keep the first rows, and count all of them, in bounded memory."""
        statement = self.statements[name]
        _check(statement, parameters)
        with self._driver():
            return self._dialect.sample(self._connection, statement, parameters, most)

    def run_phase(self, folder: str, /, **parameters: Any) -> Iterator[tuple[Statement, Result]]:
        """Run every statement of a phase in order, giving each the parameters it uses.

        What a statement with the header ``returns: statements`` returns is run as well, in that order.
        """
        for statement in self.statements.phase(folder):
            used = {name: parameters[name] for name in statement.parameters}
            result = self._execute(statement, used)
            yield statement, result
            if statement.header.get("returns") == "statements":
                for row in result.rows:
                    written = Statement(statement.name, row["statement"])
                    yield written, self._execute(written, {})

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert any number of rows in bounded memory. Returns how many."""
        with self._driver():
            insert = self.statements["rows/insert"]
            return self._dialect.insert(self._connection, insert, table, columns, rows)

    def upsert_rows(self, table: str, columns: Sequence[str], key: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows, replacing those with the same ``key``; of several with one key the last wins. Returns how many.

        ``key`` names the columns of a primary key or unique constraint.
        """
        incoming = f"incoming_{table}"
        self.run("rows/create_incoming", incoming=incoming, table=table, columns=list(columns))
        numbered = ((arrival, *row) for arrival, row in enumerate(rows))
        self.insert_rows(incoming, ["arrival", *columns], numbered)
        result = self.run(
            "rows/upsert_incoming",
            table=table,
            incoming=incoming,
            columns=list(columns),
            key=list(key),
            assignments={column: ("excluded", column) for column in columns if column not in key}
            or {key[0]: ("excluded", key[0])},
        )
        self.run("rows/drop_incoming", incoming=incoming)
        return result.count

    def copy_csv(self, table: str, columns: Sequence[str], data: bytes) -> int:
        """Bulk-copy CSV text of those columns, the fastest way in; returns how many records.

        Records end in LF; no header, no blank lines. Raises MalformedCsvError, and copies nothing, when a record has another
        number of fields.
        """
        with self.transaction(), self._driver():
            return self._dialect.copy_csv(self._connection, self.statements["rows/copy"], table, columns, data)

    def copy_runs(self, name: str, table: str, columns: Sequence[str], runs: Iterable[Run], load_id: int) -> int:
        """Bulk-copy runs of plain CSV records by a named statement; returns how many records.

        ``columns`` are those of the records; before them come ``line_no``, counted on from each run's first, and ``load_id``.
        """
        numbered = ["line_no", "load_id", *columns]
        with self._driver():
            return self._dialect.copy_runs(self._connection, self.statements[name], table, numbered, runs, load_id)

    def begin(self, name: str) -> None:
        """Open the transaction by a named statement."""
        with self._driver():
            self._dialect.begin(self._connection, self.statements[name], self.statements["session/configure"])

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction inside this one: on an exception only what was done inside is taken back."""
        self._depth += 1
        name = f"level_{self._depth}"
        self.run("session/savepoint", name=name)
        try:
            yield self
            self.run("session/release_savepoint", name=name)
        except BaseException:
            self._end("session/rollback_to_savepoint", "session/release_savepoint", name=name)
            raise
        finally:
            self._depth -= 1

    def _execute(self, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        _check(statement, parameters)
        with self._driver():
            return self._dialect.execute(self._connection, statement, parameters)

    def _end(self, *names: str, **parameters: Any) -> None:
        """Take back; what fails at that leaves the whole transaction failed."""
        failed, self._failed = self._failed, None
        try:
            with self._database.translating():
                for name in names:
                    self._dialect.execute(self._connection, self.statements[name], parameters)
        except DatabaseError as error:  # a lost connection took everything back already
            self._failed = failed or error

    @contextmanager
    def _driver(self) -> Iterator[None]:
        """Guard a call of the driver. After an error a transaction can only be taken back, on every database."""
        if self._failed:
            raise DatabaseError("The transaction was taken back, because a statement in it had failed.") from self._failed
        self._database.raise_if_stopping()
        try:
            with self._database.translating(), self._database.watch.over(self._connection):
                yield
        except DatabaseError as error:
            self._failed = error
            raise


class Database:
    """A database, whichever it is. Thread-safe: each thread's transaction has a connection of its own."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.statements = Statements(dialect.family)
        self._idle: list[Any] = []
        self._busy: set[Any] = set()
        self._lock = threading.Lock()
        self._current = threading.local()
        self._stopping = threading.Event()
        #: looks into calls that take long
        self.watch = Watch(lambda connection: dialect.blockers(connection, self.statements))
        #: how many transactions were run again after an error that a retry can help
        self.retries = 0

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: commits on success, rolls back on any exception.

        Inside an open transaction of the same thread it is a savepoint of that one.
        """
        return self._transaction("session/begin")

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """Open a transaction for reading only: it sees one state of the database, and waits for no writer."""
        return self._transaction("session/begin_snapshot")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        outer: Transaction | None = getattr(self._current, "transaction", None)
        if outer is not None:
            with outer.transaction():
                yield outer
            return
        with self.connection() as connection:
            transaction = Transaction(self, connection)
            transaction.begin(begin)
            self._current.transaction = transaction
            try:
                yield transaction
                transaction.run("session/commit")
            except BaseException:
                transaction._end("session/rollback")
                raise
            finally:
                self._current.transaction = None

    def run_transaction(self, work: Callable[[Transaction], T], attempts: int = _ATTEMPTS) -> T:
        """Run ``work`` in a transaction; on an error that a retry can help, run the whole of it again.

        Pauses grow from 50 ms to 5 s, with jitter. ``work`` must have no effect outside the transaction.
        """
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction() as transaction:
                    return work(transaction)
            except DatabaseError as error:
                nested = getattr(self._current, "transaction", None) is not None
                if not error.retryable or attempt == attempts or nested or self._stopping.is_set():
                    raise
                self.retries += 1
                pause = min(_LONGEST_PAUSE, 0.05 * 3 ** (attempt - 1)) * random.uniform(0.5, 1.0)
                level = logging.WARNING if isinstance(error, UnavailableError) else logging.INFO
                event("retry", level, attempt=attempt, because=str(error), pause=round(pause, 3))
                self.pause(pause)
        raise AssertionError("attempts must be at least 1")

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Lend a driver's connection from the pool, outside any transaction; it returns if it is still usable."""
        self.raise_if_stopping()
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None or not self.dialect.is_usable(connection):
            with self.translating():
                connection = self.dialect.connect(self.statements)
        with self._lock:
            self._busy.add(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._busy.discard(connection)
                keep = self.dialect.is_usable(connection) and not self._stopping.is_set()
                if keep:
                    self._idle.append(connection)
            if not keep:
                with suppress(Exception):
                    self.dialect.close(connection)

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Raise the driver's errors as the engine's, which keep them as their cause."""
        try:
            yield
        except DbsvcError:
            raise
        except Exception as error:
            if translated := self.dialect.translate(error):
                if self._stopping.is_set():
                    raise CancelledError("Stopped before it was done.") from error
                raise translated from error
            raise

    def interrupt(self) -> bool:
        """Cancel every running statement and start no more; returns whether a transaction was open. For signal handlers."""
        self._stopping.set()
        with self._lock:
            busy = list(self._busy)
        for connection in busy:
            with suppress(Exception):
                self.dialect.interrupt(connection)
        return bool(busy)

    def pause(self, seconds: float) -> None:
        """Wait. Raises CancelledError after interrupt()."""
        self._stopping.wait(seconds)
        self.raise_if_stopping()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            with suppress(Exception):
                self.dialect.close(connection)

    def raise_if_stopping(self) -> None:
        """Raise CancelledError after interrupt()."""
        if self._stopping.is_set():
            raise CancelledError("Stopped before it was done.")


def slices(data: bytes, size: int, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Cut lines into slices of about so many bytes, each of whole lines."""
    stop = len(data) if stop is None else stop
    while start < stop:
        most = min(start + size, stop)
        end = data.rfind(b"\n", start, most) + 1 or data.find(b"\n", most, stop) + 1 or stop
        yield data[start:end]
        start = end


def _check(statement: Statement, parameters: Mapping[str, Any]) -> None:
    if odd := parameters.keys() ^ statement.parameters.keys():
        raise TypeError(f"{statement.name}: parameters missing or not used: {', '.join(sorted(odd))}")


def connect(url: str | None = None, *, create: bool = True, name: str = "dbsvc") -> Database:
    """Open the database at ``url``, by default the one that the settings name.

    ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user:password@host:port/name``.
    Nothing is contacted before the first transaction, which makes a file that does not exist; with ``create=False`` it raises
    UnusableError instead. ``name`` says to others who are connected what we are. Raises ConfigurationError for a URL that
    cannot be.
    """
    from dbsvc.engine.dialects import dialect_for
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    return Database(dialect_for(settings.database_url if url is None else url, settings, name=name, create=create))
