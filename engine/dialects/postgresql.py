"""PostgreSQL 15 or newer, by psycopg 3: the database in production."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.rows import dict_row

from dbsvc.engine.database import Result, Row, Run, slices
from dbsvc.engine.errors import (
    ConfigurationError,
    ContentionError,
    DatabaseError,
    IntegrityError,
    MalformedCsvError,
    UnavailableError,
)
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements import Statement, Statements

Connection = psycopg.Connection[Row]

_OLDEST = 150000
#: The driver would take a part of the password for the host.
_UNENCODED = re.compile(r"[^?]*://[^?]*[@/#][^?]*@")
_FIRST_WITHOUT_END_MARK = 180000
#: Before that a record of nothing but this ends the copy, unless it is quoted.
_END_MARK = re.compile(rb"^\\\.$", re.MULTILINE)
_numbers = itertools.count()
_CONNECT_TIMEOUT = 10  # seconds
_CANCEL_TIMEOUT = 2.0  # seconds
_SLICE = 256 * 1024  # bytes handed to the driver at once

_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, DMY",  # how the casts of the usage files read 31/10/2021
    "jit": "off",  # compiling costs more than it saves at chunk size
    "work_mem": "64MB",  # sorting and hashing staged rows
    "temp_buffers": "32MB",  # a chunk's raw records
    "default_statistics_target": "10",  # a coarse look at what was just staged or exchanged; autovacuum takes a closer one
    "maintenance_work_mem": "128MB",  # sorting the key of a staged month
    # A claim dies with its connection, so the server must notice that a client is gone, also in the middle of a statement ...
    "client_connection_check_interval": "1s",
    # ... and also when its machine vanished without a word.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_AWAY = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.TooManyConnections,
    errors.IdleInTransactionSessionTimeout,
)
_REFUSED = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification, errors.InvalidCatalogName)
_BAD_CSV = (
    errors.BadCopyFileFormat,
    errors.CharacterNotInRepertoire,
    errors.UntranslatableCharacter,
)


class Driver:
    """A PostgreSQL database."""

    family: tuple[str, ...] = ("postgresql",)
    jobs = 2

    def __init__(self, url: str, _settings: Settings) -> None:
        known = None if _UNENCODED.match(url) else _parse(url)
        if known is None:
            raise ConfigurationError(
                "DATABASE_URL is no valid PostgreSQL URL: postgresql://user:password@host:port/name, with special "
                "characters of the password percent-encoded."
            )
        self._url = url
        self.label = f"postgresql://{known.get('host', '')}:{known.get('port', 5432)}/{known.get('dbname', '')}"

    def connect(self, statements: Statements) -> Connection:
        """Open a connection."""
        connection: Connection = psycopg.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_TIMEOUT
        )
        try:
            if connection.info.server_version < _OLDEST:
                raise ConfigurationError(
                    f"{self.label} is PostgreSQL {connection.info.server_version // 10000}: 15 or newer is needed."
                )
            configure = statements["session/configure"]
            for setting, value in _SETTINGS.items():
                self.execute(connection, configure, {"setting": setting, "value": value})
        except BaseException:
            connection.close()
            raise
        return connection

    def equip(self, connection: Connection) -> None:
        """Nothing: the functions that we use are in the schema."""

    def close(self, connection: Connection) -> None:
        """Close a connection."""
        connection.close()

    def is_usable(self, connection: Connection) -> bool:
        """Whether the connection is alive and outside any transaction."""
        return connection.info.transaction_status == pq.TransactionStatus.IDLE

    def interrupt(self, connection: Connection) -> None:
        """Cancel what the connection is doing."""
        connection.cancel_safe(timeout=_CANCEL_TIMEOUT)

    def execute(self, connection: Connection, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        """Run a statement and fetch everything it returns."""
        with connection.cursor() as cursor:
            cursor.execute(_render(statement, parameters), statement.bind(parameters) or None)
            rows = cursor.fetchall() if cursor.description else []
            return Result(rows, max(cursor.rowcount, 0))

    def stream(self, connection: Connection, statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """Run a query through a cursor on the server."""
        with connection.cursor(name=f"stream_{next(_numbers)}") as cursor:
            cursor.itersize = 1000
            cursor.execute(_render(statement, parameters), statement.bind(parameters) or None)
            yield from cursor

    def sample(self, connection: Connection, statement: Statement, parameters: Mapping[str, Any], most: int) -> Result:
        """Run a query, and take its rows as they come: a cursor on the server would rule out parallel plans."""
        kept, count = [], 0
        with connection.cursor() as cursor:
            for count, row in enumerate(cursor.stream(_render(statement, parameters), statement.bind(parameters) or None), 1):
                if count <= most:
                    kept.append(row)
        return Result(kept, count)

    def copy_csv(self, connection: Connection, copy: Statement, table: str, columns: Sequence[str], data: bytes) -> int:
        """Hand the bytes to COPY."""
        if b"\\." in data and connection.info.server_version < _FIRST_WITHOUT_END_MARK and _END_MARK.search(data):
            if b'"' in data:  # it may stand within a quoted field, where nothing protects it
                raise MalformedCsvError("A line of nothing but \\. cannot be copied next to quotes; PostgreSQL 18 can.")
            data = _END_MARK.sub(rb'"\g<0>"', data)
        view = memoryview(data)
        try:
            with connection.cursor() as cursor:
                with cursor.copy(_copy(copy, table, columns)) as stream:
                    for start in range(0, len(data), _SLICE):
                        stream.write(view[start : start + _SLICE])
                return cursor.rowcount
        except _BAD_CSV as error:
            raise MalformedCsvError(f"The database refused the CSV: {error.diag.message_primary}.") from error

    def copy_runs(
        self,
        connection: Connection,
        copy: Statement,
        table: str,
        columns: Sequence[str],
        runs: Iterable[Run],
        load_id: int,
    ) -> int:
        """Put the numbers before the records, slice by slice, and hand them to COPY."""
        number = b"%%d,%d," % load_id
        with connection.cursor() as cursor:
            with cursor.copy(_copy(copy, table, columns)) as stream:
                for line, data in runs:
                    for part in slices(data, _SLICE):
                        records = part.splitlines(keepends=True)
                        numbered = [b""] * (2 * len(records))
                        numbered[::2] = map(number.__mod__, range(line, line + len(records)))
                        numbered[1::2] = records
                        stream.write(b"".join(numbered))
                        line += len(records)
            return cursor.rowcount

    def insert(
        self,
        connection: Connection,
        insert: Statement,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
    ) -> int:
        """Insert rows of values through COPY."""
        with connection.cursor() as cursor:
            with cursor.copy(_copy(insert, table, columns)) as stream:
                for row in rows:
                    stream.write_row(row)
            return cursor.rowcount

    def translate(self, error: Exception) -> DatabaseError | None:
        """Return the engine's error for one of psycopg's."""
        if not isinstance(error, psycopg.Error):
            return None
        message = (error.diag.message_primary or str(error)).strip().rstrip(".").replace("\n", " ")
        if isinstance(error, _AWAY) or (error.sqlstate is None and isinstance(error, psycopg.OperationalError)):
            return UnavailableError(f"{self.label} is not reachable: {message}. Run the same command again later.")
        if isinstance(error, _REFUSED):
            return UnavailableError(f"{self.label} refused us: {message}. Check DATABASE_URL.", retryable=False)
        if isinstance(error, errors.DiskFull | errors.InsufficientResources):
            return UnavailableError(
                f"{self.label} is out of room: {message}. Make room and run the same command again.", retryable=False
            )
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return UnavailableError(
                f"{self.label} is read-only (a standby?): point DATABASE_URL at the primary.", retryable=False
            )
        if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable):
            return ContentionError(f"{self.label}: {message}. Run the same command again.")
        if isinstance(error, psycopg.IntegrityError):
            return IntegrityError(f"The database refused a row: {message}.")
        return DatabaseError(f"The database refused: {message}.")

    def migrations(self) -> list[str]:
        """Folders with migrations."""
        return ["postgresql"]

    def migration_url(self) -> str:
        """Where yoyo finds the database; it knows psycopg 3 by this scheme."""
        return f"postgresql+psycopg://{self._url.partition('://')[2]}"

    @contextmanager
    def migration_lock(self, connection: Connection, lock: Statement) -> Iterator[None]:
        """Hold an advisory lock of this session, which ends with the connection."""
        self.execute(connection, lock, {})
        try:
            yield
        finally:
            connection.close()


def _parse(url: str) -> dict[str, Any] | None:
    try:
        return psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:  # whose message quotes the URL, password and all
        return None


def _render(statement: Statement, parameters: Mapping[str, Any]) -> Any:
    if not statement.values:
        return statement.render(str, parameters).encode()
    return statement.render(lambda name: f"%({name})s", parameters, lambda text: text.replace("%", "%%")).encode()


def _copy(statement: Statement, table: str, columns: Sequence[str]) -> bytes:
    return statement.render(str, {"table": table, "columns": list(columns)}).encode()
