"""SQLite, by the standard library's driver: the embedded default."""

from __future__ import annotations

import csv
import datetime
import errno
import io
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from dbsvc.engine.db.batches import Batch, slices
from dbsvc.engine.db.dialect import Blocker, Dialect, Result, Row
from dbsvc.engine.errors import (
    ConfigurationError,
    ContentionError,
    DatabaseError,
    IntegrityError,
    MalformedCsvError,
    UnavailableError,
    UnusableError,
)
from dbsvc.engine.functions import AGGREGATES, SCALARS
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.statement import Statement

_OLDEST = (3, 39, 0)  # compares rows by IS NOT DISTINCT FROM
_SETTINGS = {
    "synchronous": "full",  # what was reported as published survives a power cut
    "foreign_keys": "on",
    "cache_size": "-16000",  # KiB a connection
}
#: What whoever makes the file sets for all: readers never wait for a writer, nor a writer for them.
_MAKING = {"journal_mode": "wal"}
_LOCK_SLICE = 0.25  # seconds SQLite itself waits for a lock, during which nothing can interrupt it
_LOOK = 0.001  # seconds between two looks whether a lock is free
_WRITE_LOCK = 120  # the byte of the file beside the database that stands for the write lock
_ROWS_PER_INSERT = 200  # a multi-row insert costs a third of single ones; more rows gain nothing
_MOST_PARAMETERS = 32_000  # SQLite allows 32766
_PART = 256 * 1024  # bytes of CSV split at once
_PAGES_PER_STEP = 4096  # copied at once, between looks at whether to go on
_OTHER_WIDTH = "Not every record has {width} fields."


def _register_types() -> None:
    """Teach Python's driver, for the whole process, what the names of declared types mean."""
    sqlite3.register_converter("date", lambda raw: datetime.date.fromisoformat(raw.decode()))
    sqlite3.register_converter(
        "utc_timestamp", lambda raw: datetime.datetime.fromisoformat(raw.decode()).replace(tzinfo=datetime.UTC)
    )
    sqlite3.register_converter("boolean", lambda raw: raw != b"0")
    sqlite3.register_converter("decimal_text", lambda raw: Decimal(raw.decode()))


_register_types()


def _stored(value: Any) -> Any:
    """Return a value as it is stored. The driver is not taught that: others in this process may store otherwise."""
    match value:
        case Decimal():
            return format(value, "f")
        case datetime.datetime():
            return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(" ")
        case datetime.date():
            return value.isoformat()
    return value


def _all_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _stored(value) for name, value in values.items()}


class _Cursor(sqlite3.Cursor):
    """A cursor that stores values as we do."""

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        """Run a statement."""
        values = _all_stored(parameters) if isinstance(parameters, Mapping) else tuple(map(_stored, parameters))
        super().execute(sql, values)
        return self


def _equip(connection: sqlite3.Connection) -> None:
    """Teach a connection the functions that our statements, views and migrations use, and SQLite lacks."""
    for name, (arguments, function) in SCALARS.items():
        connection.create_function(name, arguments, function, deterministic=True)
    for name, (arguments, aggregate) in AGGREGATES.items():
        connection.create_aggregate(name, arguments, aggregate)
    if sqlite3.sqlite_version_info < (3, 44):  # which has it built in
        connection.create_function("concat_ws", -1, _concat_ws, deterministic=True)


class Driver:
    """A SQLite database file."""

    family: tuple[str, ...] = ("sqlite",)
    jobs = 1
    gap = 2 * _LOOK

    def __init__(self, url: str, settings: Settings, *, name: str, create: bool) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise ConfigurationError(f"This Python has SQLite {sqlite3.sqlite_version}: 3.39 or newer is needed.")
        path = unquote(url.removeprefix("sqlite://")).removeprefix("/")
        if not path or path.endswith("/") or path.startswith(":") or "?" in url or "#" in url or "\0" in path:
            raise ConfigurationError("DATABASE_URL must name a file and no more, such as sqlite:///var/data.db.")
        self.path = Path(path)
        self.label = f"sqlite:///{path}"
        try:
            self.path.absolute()
        except OSError as error:
            raise ConfigurationError(
                f"{self.label} is relative to the working directory, which is gone: go to one that is there."
            ) from error
        self.address = (f"sqlite://{self.path.absolute()}", "")
        self._create = create
        self._lock_seconds = settings.lock_seconds
        self.patience = (min(3.0, settings.lock_seconds / 2), 60.0)
        self._interrupted = False
        self._configure: Statement
        self._blockers: Statement
        #: connections that wait for another process, and what that holds
        self._waiting: dict[sqlite3.Connection, str] = {}

    def absent(self) -> str | None:
        """Return why there is no database to look at, or None if there is one."""
        if self.path.exists():
            return None
        return (
            f"There is no database {self.path.absolute()}. Is this the right folder, and {self.label} the right DATABASE_URL? "
            "Loading makes one: `dbsvc ingest FILE`."
        )

    def folder(self) -> Path | None:
        """Return the folder of the file."""
        return self.path.absolute().parent

    def connect(self, statements: Statements) -> sqlite3.Connection:
        """Open the file. If it does not exist, make it and its folder, for us alone to read; or refuse."""
        if absent := self.absent():
            if not self._create:
                raise UnusableError(absent)
            self._make()
        connection = sqlite3.connect(
            self._uri(),
            uri=True,
            timeout=_LOCK_SLICE,
            isolation_level=None,
            check_same_thread=False,
            detect_types=sqlite3.PARSE_DECLTYPES,
        )
        try:
            _equip(connection)
            configure = self._use(statements)
            encoding = self.execute(connection, statements["session/open"], {}).rows[0]["encoding"]
            if encoding != "UTF-8":
                raise UnusableError(
                    f"{self.label} stores texts as {encoding}, where we count in UTF-8: name another file in DATABASE_URL."
                )
            for setting, value in {**(_MAKING if self._create else {}), **_SETTINGS}.items():
                self._patiently(connection, _render(configure, {"setting": setting, "value": value}), {})
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self) -> None:
        """Make the file, which its journals take their mode from, and the folders it lacks."""
        path = self.path.resolve()
        try:
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileExistsError):  # another one has just made it
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            message = f"{self.label} cannot be made: {error.strerror} ({error.filename})."
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE):
                raise UnavailableError(message, retryable=False) from error
            raise UnusableError(f"{message} Give write access to its folder, or correct DATABASE_URL.") from error

    def _uri(self) -> str:
        """Return how SQLite is told to open the file: never to make it.

        Reading takes a file of its own beside it. Where none can be made, and no writer has made one, nobody is at work on it.
        """
        path = self.path.absolute()
        closed = not self._create and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
        return f"file:{quote(str(path))}?mode=rw{'&immutable=1' if closed else ''}"

    def _use(self, statements: Statements) -> Statement:
        self._configure, self._blockers = statements["session/configure"], statements["session/blockers"]
        return self._configure

    def begin(self, connection: sqlite3.Connection, statements: Statements, begin: str) -> None:
        """Open a transaction. Its settings are the connection's.

        SQLite's own pauses between two looks are longer than those that others leave between two transactions.
        """
        self._use(statements)  # another one of us may have opened the connection
        self._set_busy(connection, 0)
        try:
            self.execute(connection, statements[begin], {})
        finally:
            self._set_busy(connection, _LOCK_SLICE)

    def blockers(self, connection: sqlite3.Connection, statements: Statements) -> list[Blocker]:
        """Say what is locked, and by whom if the operating system tells."""
        held = self._waiting.get(connection)
        if not held:
            return []
        with closing(sqlite3.connect(self._uri(), uri=True)) as aside:
            (row,) = _rows(aside.execute(statements["session/blockers"].text))
        holders = [f"process {holder}" for holder in _lock_holders(row["path"])]
        return [Blocker(f"{holder}, which holds {held}") for holder in holders or ["another process"]]

    def close(self, connection: sqlite3.Connection) -> None:
        """Close a connection."""
        connection.close()

    def is_usable(self, connection: sqlite3.Connection) -> bool:
        """Whether the connection is outside any transaction."""
        return not connection.in_transaction

    def interrupt(self, connection: sqlite3.Connection) -> None:
        """Cancel what the connection is doing."""
        self._interrupted = True
        connection.interrupt()

    def execute(self, connection: sqlite3.Connection, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        """Run a statement and fetch everything it returns."""
        cursor = self._patiently(connection, _render(statement, parameters), _all_stored(statement.bind(parameters)))
        rows = list(_rows(cursor))
        return Result(rows, len(rows) if cursor.description else max(cursor.rowcount, 0))

    def stream(self, connection: sqlite3.Connection, statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """Run a query and fetch its rows one by one."""
        yield from _rows(connection.execute(_render(statement, parameters), _all_stored(statement.bind(parameters))))

    def sample(self, connection: sqlite3.Connection, statement: Statement, parameters: Mapping[str, Any], most: int) -> Result:
        """Run a query, count its rows, and keep the first of them."""
        rows = self.stream(connection, statement, parameters)
        kept = list(islice(rows, most))
        return Result(kept, len(kept) + sum(1 for _ in rows))

    def copy_csv(self, connection: sqlite3.Connection, copy: Statement, table: str, columns: Sequence[str], data: bytes) -> int:
        """Split CSV text into fields and insert many rows a statement."""
        width, inserted = len(columns), 0
        step = _step(width)
        try:
            for fields in _split_quoted(data, width) if b'"' in data else _split(data, width):
                for start in range(0, len(fields), step):
                    batch = fields[start : start + step]
                    connection.execute(_many_rows(copy, table, tuple(columns), len(batch) // width), batch)
                inserted += len(fields) // width
        except (csv.Error, UnicodeDecodeError) as error:
            raise MalformedCsvError(f"The CSV cannot be read: {error}.") from error
        return inserted

    def copy_batches(
        self,
        connection: sqlite3.Connection,
        copy: Statement,
        table: str,
        columns: Sequence[str],
        batches: Iterable[Batch],
        constants: Sequence[int],
        apart: str | None,
    ) -> int:
        """Split the records into fields, number them, and insert many rows a statement, however short the batches are.

        CHECK constraints would cost nearly as much as all the rest, and asking which rows were inserted a third.
        """
        before, width, inserted, repeats = 1 + len(constants), len(columns), 0, False
        left: list[Any] = []

        def insert(into: str, values: list[Any], leaving: str = "") -> Iterator[tuple[Any, ...]]:
            return connection.execute(_many_rows(copy, into, tuple(columns), len(values) // width) + leaving, values)

        def insert_run(into: str, first: int, fields: list[Any]) -> None:
            sql = _many_rows(copy, into, tuple(columns), len(fields) // (width - before), before)
            connection.execute(sql, [first, *constants, *fields])

        with self._unchecked(connection):
            for first, fields in _runs(batches, width - before, constants):
                inserted += len(fields) // (width if first is None else width - before)
                if not repeats:
                    try:
                        insert(table, fields) if first is None else insert_run(table, first, fields)
                        continue
                    except sqlite3.IntegrityError:
                        if not (repeats := apart is not None):
                            raise
                values = fields if first is None else _numbered(first, fields, width - before, constants)
                kept = {line for (line,) in insert(table, values, f"\n{copy.header['repeats']}")}
                for start in range(0, len(values), width):
                    if values[start] not in kept:
                        left += values[start : start + width]
            for start in range(0, len(left), _step(width)):
                insert(str(apart), left[start : start + _step(width)])
        return inserted

    def insert(
        self,
        connection: sqlite3.Connection,
        insert: Statement,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
    ) -> int:
        """Insert rows of values as they come."""
        sql = insert.render(lambda _: ", ".join("?" * len(columns)), {"table": table, "columns": list(columns)})
        return max(connection.executemany(sql, (list(map(_stored, row)) for row in rows)).rowcount, 0)

    def _patiently(self, connection: sqlite3.Connection, sql: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
        """Execute; outside a transaction wait for others' transactions, in slices, so that we can be interrupted.

        We give up when none has ended for so long. Where many wait, on a machine that is busy, each turn may be another one's.
        """
        give_up = time.monotonic() + self._lock_seconds
        changes: int | None = None
        try:
            while True:
                try:
                    return connection.execute(sql, values)
                except sqlite3.OperationalError as error:
                    busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                    if not busy or connection.in_transaction or self._interrupted:
                        raise
                    late = time.monotonic() > give_up
                    if late or changes is None:
                        before, changes = changes, self._count_changes(connection)
                        if late and changes == before:
                            raise
                        give_up = time.monotonic() + self._lock_seconds
                    self._waiting[connection] = f"the write lock of {self.label}"
                    time.sleep(_LOOK)
        finally:
            self._waiting.pop(connection, None)

    def _count_changes(self, connection: sqlite3.Connection) -> int:
        """Return what changes when others commit; 0 if it cannot be asked for now."""
        with suppress(sqlite3.OperationalError):
            (row,) = _rows(connection.execute(self._blockers.text))
            return int(row["data_version"])
        return 0

    def _set_busy(self, connection: sqlite3.Connection, seconds: float) -> None:
        """Say how long SQLite itself waits for a lock."""
        self._set(connection, "busy_timeout", str(int(seconds * 1000)))

    @contextmanager
    def _unchecked(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Have CHECK constraints not asked. Keys are unique all the same, and nothing is missing."""
        self._set(connection, "ignore_check_constraints", "on")
        try:
            yield
        finally:
            self._set(connection, "ignore_check_constraints", "off")

    def _set(self, connection: sqlite3.Connection, setting: str, value: str) -> None:
        connection.execute(_render(self._configure, {"setting": setting, "value": value}))

    def translate(self, error: Exception, _connection: sqlite3.Connection | None = None) -> DatabaseError | None:
        """Return the engine's error for one of sqlite3's."""
        if isinstance(error, OverflowError):
            return DatabaseError(f"The database refused a value: {error}.")
        if not isinstance(error, sqlite3.Error):
            return None
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        match code:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return ContentionError(f"{self.label} is locked by another process: try again later.")
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return UnusableError(f"{self.label} is read-only: give write access to it and to its folder.")
            case sqlite3.SQLITE_FULL:
                return UnavailableError(
                    f"{self.label} cannot grow, the disk is full: make room and run the same command again.",
                    retryable=False,
                )
            case sqlite3.SQLITE_CANTOPEN if closed := self._closed():
                return UnusableError(f"{self.label} {closed}.")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
                return UnavailableError(f"{self.label} cannot be opened or written: {error}.", retryable=False)
            case sqlite3.SQLITE_NOTADB:
                return UnusableError(f"{self.label} is no SQLite database: name another file in DATABASE_URL.")
            case sqlite3.SQLITE_CORRUPT:
                return UnavailableError(f"{self.label} is damaged: {error}. Restore it from a backup.", retryable=False)
            case sqlite3.SQLITE_CONSTRAINT:
                return IntegrityError(f"The database refused a row: {error}.")
            case _:
                return DatabaseError(f"The database refused: {error}.")

    def copy_to(self, connection: sqlite3.Connection, target: Path, progress: Callable[[int, int], None]) -> None:
        """Copy page by page. The transaction keeps the pages as they were when it began, whoever writes meanwhile."""
        try:
            with closing(sqlite3.connect(f"file:{quote(str(target))}?mode=rw", uri=True, isolation_level=None)) as copy:
                connection.backup(
                    copy, pages=_PAGES_PER_STEP, progress=lambda _status, left, total: progress(total - left, total)
                )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error

    def is_stored_in(self, file: Path) -> bool:
        """Whether that file is the database."""
        return file.exists() and self.path.exists() and file.samefile(self.path)

    def elsewhere(self) -> list[Dialect[Any]]:
        """Return none: there is one file."""
        return []

    def nodes(self, _connection: sqlite3.Connection, _statements: Statements) -> Iterable[tuple[Dialect[Any], str]]:
        """Return none: there is one file."""
        return []

    def migrations(self) -> list[str]:
        """Folders with migrations."""
        return ["sqlite"]

    def _closed(self) -> str | None:
        """Return what is in the way of opening the file, and what to do, if it is something that stays."""
        if self.path.is_dir():
            return "is a folder: DATABASE_URL must name a file"
        if not os.access(self.path, os.R_OK):
            return "may not be read: give access to it, or correct DATABASE_URL"
        if not os.access(self.path.absolute().parent, os.W_OK):
            return "is in a folder that may not be written, which SQLite needs: give write access to the folder"
        return None

    def migrator(self, statements: Statements) -> Any:
        """Return yoyo's backend, whose transaction is one like all others: whoever migrates or writes waits for the other."""
        from yoyo.backends.base import DatabaseBackend
        from yoyo.backends.core.sqlite3 import SQLiteBackend
        from yoyo.connections import parse_uri
        from yoyo.migrations import default_migration_table

        driver = self

        class Backend(SQLiteBackend):  # type: ignore[misc]  # yoyo has no types
            def connect(self, _uri: Any) -> sqlite3.Connection:
                connection = driver.connect(statements)
                # tables are made again, and what refers to them stays; it cannot be set within a transaction
                connection.execute(_render(statements["session/configure"], {"setting": "foreign_keys", "value": "off"}))
                return connection

            def begin(self) -> None:
                driver.begin(self.connection, statements, "session/begin_alone")
                self._in_transaction = True

            @contextmanager
            def copy(self) -> Iterator[Any]:
                yield self  # a migration is a part of our transaction

            def cursor(self) -> Any:
                return self.connection.cursor(_Cursor)

            def __enter__(self) -> Any:
                return DatabaseBackend.__enter__(self)  # yoyo's own teaches the driver, for the whole process

            def __exit__(self, *error: Any) -> None:
                DatabaseBackend.__exit__(self, *error)

        return Backend(parse_uri("sqlite:///"), default_migration_table)


def _concat_ws(separator: str, *values: object) -> str:
    return separator.join(str(value) for value in values if value is not None)


def _render(statement: Statement, parameters: Mapping[str, Any]) -> str:
    return statement.render(lambda name: f":{name}", parameters)


def _lock_holders(path: str) -> list[int]:
    """Return the processes that hold the write lock of a file in write-ahead mode, as far as Linux lists them."""
    found = []
    with suppress(OSError):
        inode = f":{os.stat(f'{path}-shm').st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            match line.split():
                case [_, "POSIX", _, "WRITE", pid, file, first, _] if file.endswith(inode) and int(first) <= _WRITE_LOCK:
                    found.append(int(pid))
    return [pid for pid in found if pid > 0]


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    names = [column[0] for column in cursor.description or ()]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


@lru_cache(maxsize=64)
def _many_rows(copy: Statement, table: str, columns: tuple[str, ...], rows: int, shared: int = 0) -> str:
    """Return how many rows are inserted at once.

    If the first values are ``shared``, they come once: the first one, to which the number of the row is added, and constants.
    """
    if shared:
        more = "".join(f", ?{place}" for place in range(2, shared + 1)) + ", ?" * (len(columns) - shared)
        values = ", ".join(f"(?1 + {row}{more})" for row in range(rows))
    else:
        values = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return copy.render(lambda _: values, {"table": table, "columns": list(columns)})


def _step(width: int) -> int:
    """Return how many values an insert takes, of rows that wide."""
    return width * min(_ROWS_PER_INSERT, _MOST_PARAMETERS // width)


def _runs(batches: Iterable[Batch], width: int, constants: Sequence[int]) -> Iterator[tuple[int | None, list[Any]]]:
    """Split records without quotes into flat lists of values, of as many rows as are inserted at once but for the last ones.

    Fields of records that follow each other come with the first one's line, so that no value is made for the others' lines.
    What is left of them goes with its lines and the constants, and without a first line, however short the batches are.
    """
    step = _step(width)
    row = 1 + len(constants) + width
    left: list[Any] = []
    for line, data in batches:
        fields: list[Any] = []
        for part in slices(data, _PART):
            fields += part.decode().replace("\n", ",").split(",")
            fields.pop()  # after the last line end comes nothing
            if left:
                lacking = step - len(left) // row * width
                left += _numbered(line, fields[:lacking], width, constants)
                line += len(fields[:lacking]) // width
                del fields[:lacking]
                if len(left) < step // width * row:
                    continue
                yield None, left
                left = []
            whole = len(fields) - len(fields) % step
            for start in range(0, whole, step):
                yield line + start // width, fields[start : start + step]
            line += whole // width
            del fields[:whole]
        left += _numbered(line, fields, width, constants)
    if left:
        yield None, left


def _numbered(line: int, fields: Sequence[Any], width: int, constants: Sequence[int]) -> list[Any]:
    """Return a flat list of values: before the fields of each record go its line and the constants."""
    before = 1 + len(constants)
    records = len(fields) // width
    values: list[Any] = [None] * (records * (before + width))
    values[:: before + width] = range(line, line + records)
    for place, constant in enumerate(constants, 1):
        values[place :: before + width] = [constant] * records
    for field in range(width):
        values[before + field :: before + width] = fields[field::width]
    return values


def _split(data: bytes, width: int) -> Iterator[list[str]]:
    """Split records without quotes into flat lists of fields: no list a record, no loop a record in Python.

    In parts that stay in the processor's cache.
    """
    for part in slices(data, _PART):
        text = part.decode()
        records = text.count("\n")
        fields = text.replace("\n", ",\n,").split(",")
        # every field number `width` must be the mark of a record's end, and no other field may be one
        marks = slice(width, None, width + 1)
        if fields.pop() or fields[marks] != ["\n"] * records or len(fields) != records * (width + 1):
            raise MalformedCsvError(_OTHER_WIDTH.format(width=width))
        del fields[marks]
        yield fields


def _split_quoted(data: bytes, width: int) -> Iterator[list[str]]:
    """Split records with quotes into flat lists of fields, some records at a time."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""), strict=True)
    while records := list(islice(reader, _ROWS_PER_INSERT)):
        if any(len(record) != width for record in records):
            raise MalformedCsvError(_OTHER_WIDTH.format(width=width))
        yield list(chain.from_iterable(records))


csv.field_size_limit(2**31 - 1)
