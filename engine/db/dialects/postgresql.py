"""PostgreSQL 15 or newer, by psycopg 3: the database in production."""

from __future__ import annotations

import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.rows import dict_row, tuple_row

from dbsvc.engine.db.batches import Batch, slices
from dbsvc.engine.db.dialect import Blocker, Dialect, Result, Row
from dbsvc.engine.errors import (
    ConfigurationError,
    ContentionError,
    DatabaseError,
    IntegrityError,
    LockedError,
    MalformedCsvError,
    UnavailableError,
    UnusableError,
)
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.statement import Statement

Connection = psycopg.Connection[Row]

_OLDEST = 150000
#: The driver would take a part of the password for the host.
_UNENCODED = re.compile(r"[^?]*://[^?]*[@/#][^?]*@")
_FIRST_WITHOUT_END_MARK = 180000
#: Before that a record of nothing but this ends the copy, unless it is quoted.
_END_MARK = re.compile(rb"^\\\.$", re.MULTILINE)
_numbers = itertools.count()
#: Settings that only a superuser can change, and how they must be: otherwise keys are not checked, or damage is not seen.
_SOUND = {"session_replication_role": "origin", "ignore_checksum_failure": "off", "zero_damaged_pages": "off"}
_CANCEL_TIMEOUT = 2.0  # seconds
_SLICE = 256 * 1024  # bytes handed to the driver at once
_MOST_ROWS = 1000  # fetched at once from a stream, fewer where they are large

#: How the driver connects, unless the URL says otherwise: a server that fell silent is noticed within 30 seconds, also in the
#: middle of a statement. A statement that merely takes long is not: its server's machine still answers.
_CONNECTING = {
    "connect_timeout": "10",  # seconds, as are the next two
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",  # milliseconds
}

#: What a transaction sets for itself, so that no default of the server, the role, the database or the environment changes what
#: we store, what we read, or how we fail; and so that a pooler may lend each transaction another session.
SETTINGS = {
    # first, before it strikes: a statement takes as long as it takes; who reads waits for locks, and says for whom
    "statement_timeout": "0",
    "lock_timeout": "0",
    # how values are written and read
    "timezone": "UTC",
    "timezone_abbreviations": "Default",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",  # all digits that a float needs to come back as it was
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    "xmloption": "content",
    "xmlbinary": "base64",
    "lc_numeric": "C",
    "lc_time": "C",
    "lc_monetary": "C",
    # policies that would hide rows from us are an error
    "row_security": "off",
    # what was reported as published survives a crash of the server
    "synchronous_commit": "on",
    "exit_on_error": "off",
    # a claim dies with its connection, so the server must notice that a client is gone, also in the middle of a statement ...
    "client_connection_check_interval": "1s",
    # ... and also when its machine vanished without a word ...
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
    # ... or when the client froze, and its machine lives; who reads holds no claim, and may be read slowly
    "idle_in_transaction_session_timeout": "15min",
    # how plans are made
    "jit": "off",  # compiling costs more than it saves at chunk size
    "work_mem": "64MB",  # sorting and hashing staged rows
    "default_statistics_target": "10",  # a coarse look at what was just staged or placed; autovacuum takes a closer one
    "maintenance_work_mem": "128MB",  # sorting the key of a staged month
}
#: What opens a transaction last, by what opens it.
_DOORS = {"session/begin": "session/enter", "session/begin_alone": "session/enter_alone"}
#: Settings that not all servers know, and the first that does.
_YOUNGER_SETTINGS = {"transaction_timeout": ("0", 170000)}

#: What the driver raises by itself, without a code of the server, when there was no answer; and a DatabaseError of no kind.
_LOST = (psycopg.OperationalError, psycopg.InternalError)
#: How the server's codes of a kind begin.
_CONNECTION, _ROLLED_BACK, _RESOURCES, _SYSTEM = "08", "40", "53", "58"
#: What it says when somebody changed or dropped a table while we looked it up.
_MOVED = re.compile("tuple concurrently|cache lookup failed|could not open relation with OID")
_AWAY = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.TooManyConnections,
    errors.IdleInTransactionSessionTimeout,
    errors.IdleSessionTimeout,
)
#: What only a change of configuration can solve, and which one: by the server's code ...
_UNUSABLE: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], str], ...] = (
    (errors.InvalidSchemaName, "The search path names no schema that exists: create it, or correct DATABASE_URL"),
    (errors.InvalidCatalogName, "Create that database, or correct DATABASE_URL"),
    (
        (errors.InvalidPassword, errors.InvalidAuthorizationSpecification),
        "Correct the user or the password in DATABASE_URL",
    ),
    (errors.InsufficientPrivilege, "Grant that right, or name another role in DATABASE_URL"),
    (errors.ConfigurationLimitExceeded, "Raise the role's limit"),
)
#: ... and by what is said while connecting, where the driver is not told the code. All else may pass by itself.
_CANNOT_CONNECT = tuple(
    (re.compile(said), advice)
    for said, advice in (
        (
            r'database "[^"]*" does not exist|no such database|not currently accepting connections',
            "Create that database, or correct DATABASE_URL",
        ),
        (
            r"authentication failed|auth failed|no password supplied|no such user"
            r'|role "[^"]*" (does not exist|is not permitted to log in)',
            "Correct the user or the password in DATABASE_URL",
        ),
        (r"no encryption|SSL was required|SSL required|certificate", "Correct sslmode and its certificates in DATABASE_URL"),
        (r"pg_hba\.conf", "Have the server's administrator let us in, or correct DATABASE_URL"),
        (r"permission denied for database", "Grant CONNECT on it, or name another role in DATABASE_URL"),
        (
            r"unsupported startup parameter",
            "A pooler is in between: set for the role what it does not let through (ALTER ROLE … SET …), and not in "
            "DATABASE_URL or the environment",
        ),
        (r"Name or service not known|nodename nor servname|No address associated", "Correct the host in DATABASE_URL"),
        (r'failed: Permission denied|\binvalid [^"]*"|unrecognized configuration parameter', "Correct DATABASE_URL"),
    )
)
_SOCKET = re.compile(r'on socket "(.*)/\.s\.PGSQL\.\d+" failed')
#: What stands before the cause in what the driver says when it cannot connect.
_PREFACE = re.compile(r"^connection (failed|is bad): |connection to server (at|on socket) .*? failed: (\w+:  )?")
_BAD_CSV = (
    errors.BadCopyFileFormat,
    errors.CharacterNotInRepertoire,
    errors.UntranslatableCharacter,
)


def message_of(error: psycopg.Error) -> str:
    """Return what a server says of an error, as a part of a sentence of ours."""
    return (error.diag.message_primary or str(error)).strip().rstrip(".").replace("\n", " ")


class Driver:
    """A PostgreSQL database."""

    family: tuple[str, ...] = ("postgresql",)
    #: what a transaction sets for itself
    settings: Mapping[str, str] = SETTINGS
    jobs = 2
    gap = 0.0  # a lock has a queue

    def __init__(self, url: str, settings: Settings, *, name: str, create: bool) -> None:
        known = None if _UNENCODED.match(url) else _parse(url)
        if known is None:
            raise ConfigurationError(
                "DATABASE_URL is no valid PostgreSQL URL: postgresql://user:password@host:port/name, with special "
                "characters of the password percent-encoded."
            )
        self._url = url
        self._freeze_seconds = settings.freeze_seconds
        #: who writes waits for a lock in slices, and must not freeze while it holds any
        self._when_writing = {
            "lock_timeout": f"{settings.lock_seconds}s",
            "idle_in_transaction_session_timeout": f"{settings.freeze_seconds}s",
        }
        self.patience = (min(3.0, settings.lock_seconds / 2), max(min(60.0, settings.freeze_seconds / 2), 1.0))
        #: where those in the way are stuck, and since when
        self._stuck: dict[str, float] = {}
        ours = {**_CONNECTING, "fallback_application_name": _process_name(name)}
        self._connecting: dict[str, Any] = {keyword: value for keyword, value in ours.items() if keyword not in known}
        self._search_path = _search_path(str(known.get("options", os.environ.get("PGOPTIONS", ""))))
        self.label = f"postgresql://{known.get('host', '')}:{known.get('port', 5432)}/{known.get('dbname', '')}"
        self.address = (
            f"postgres://{known.get('host') or 'localhost'}:{known.get('port', 5432)}",
            str(known.get("dbname", "")),
        )

    def absent(self) -> str | None:
        """Return why there is no database to look at; None, for a server says it when it is asked."""
        return None

    def folder(self) -> Path | None:
        """Return None: a server keeps it."""
        return None

    def connect(self, statements: Statements) -> Connection:
        """Open a connection."""
        connection: Connection = psycopg.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,  # a pooler lends each transaction another session, which knows no statement of ours
            client_encoding="UTF8",
            **self._connecting,
        )
        try:
            self._look(connection, statements)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look(self, connection: Connection, statements: Statements) -> None:
        """See that the session can be trusted. Raises UnusableError."""
        info = connection.info
        if info.server_version < _OLDEST:
            raise UnusableError(f"{self.label} is PostgreSQL {info.server_version // 10000}: 15 or newer is needed.")
        encoding = info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise UnusableError(
                f"{self.label} stores texts as {encoding}, which cannot hold every name: create the database with "
                "ENCODING 'UTF8', and name that one in DATABASE_URL."
            )
        self.begin(connection, statements, "session/begin_snapshot")
        row = self.execute(connection, statements["session/open"], {"pid": info.backend_pid}).rows[0]
        connection.commit()
        if self._search_path and _bare(row["search_path"]) != _bare(self._search_path):
            raise UnusableError(
                f"{self.label} does not follow options in DATABASE_URL, because a pooler is in between: set search_path for "
                "the role (ALTER ROLE … SET search_path …), and not in DATABASE_URL."
            )
        if odd := [setting for setting, sound in _SOUND.items() if row[setting] != sound]:
            raise UnusableError(
                f"{self.label} has {odd[0]} = {row[odd[0]]} for our role, which lets damage in unnoticed: "
                f"ALTER ROLE … RESET {odd[0]}, or name another role in DATABASE_URL."
            )

    def begin(self, connection: Connection, statements: Statements, begin: str) -> None:
        """Open a transaction with its settings, all in one message. They are set by commands that take no snapshot yet."""
        version = connection.info.server_version
        door = statements[_DOORS[begin]] if begin in _DOORS else None
        settings = {**self.settings, **{name: value for name, (value, since) in _YOUNGER_SETTINGS.items() if version >= since}}
        if door:
            settings |= self._when_writing
        try:
            connection.execute(_opening(statements[begin], statements["session/configure"], door, tuple(settings.items())))
        except errors.FeatureNotSupported as error:  # there is no writing to a standby
            raise self._read_only() from error
        except errors.ProtocolViolation as error:
            if "pooling" not in str(error):
                raise
            raise UnusableError(
                f"{self.label} is a pooler that lends sessions for single statements: set its pool_mode to transaction."
            ) from error

    def blockers(self, _connection: Connection, statements: Statements) -> list[Blocker]:
        """Ask, through another connection, whom this process's connections wait for; end who froze in the middle of COPY.

        Frozen is one of ours that has not moved since we first looked, that long ago.
        """
        aside = self.connect(statements)
        try:
            return self._blockers(aside, statements)
        finally:
            aside.close()

    def _blockers(self, aside: Connection, statements: Statements) -> list[Blocker]:
        now = time.monotonic()
        frozen = [where for where, since in self._stuck.items() if now - since >= self._freeze_seconds]
        rows = self.execute(aside, statements["session/blockers"], {"frozen": frozen}).rows
        self._stuck = {row["stuck_at"]: self._stuck.get(row["stuck_at"], now) for row in rows if row["stuck_at"]}
        return [Blocker(_describe(row), bool(row["is_ours"])) for row in rows]

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
            cursor.execute(_render(statement, parameters), statement.bind(parameters) or None)
            wanted = 1
            while rows := cursor.fetchmany(wanted):
                yield from rows
                size = sum(len(value) for row in rows for value in row.values() if isinstance(value, bytes | str))
                wanted = min(2 * wanted, _MOST_ROWS) if size < _SLICE else max(wanted // 2, 1)

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

    def copy_batches(
        self,
        connection: Connection,
        copy: Statement,
        table: str,
        columns: Sequence[str],
        batches: Iterable[Batch],
        constants: Sequence[int],
        _apart: str | None,
    ) -> int:
        """Put the numbers and the constants before the records, slice by slice, and hand them to COPY."""
        before = b"%%d,%s" % b"".join(b"%d," % constant for constant in constants)
        with connection.cursor() as cursor:
            with cursor.copy(_copy(copy, table, columns)) as stream:
                for line, data in batches:
                    for part in slices(data, _SLICE):
                        after = line + part.count(b"\n")
                        # one string that takes all the numbers: no string a record
                        text = part.replace(b"%", b"%%").removesuffix(b"\n").replace(b"\n", b"\n" + before)
                        stream.write(b"%b%b\n" % (before, text) % tuple(range(line, after)))
                        line = after
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

    def translate(self, error: Exception, connection: Connection | None = None) -> DatabaseError | None:
        """Return the engine's error for one of psycopg's, and for any on a connection that is lost by now.

        The driver may find two answers where it wants one, or none, and raise whatever that gives.
        """
        translated = self._translate(error) if isinstance(error, psycopg.Error) else None
        if connection and connection.closed and not isinstance(translated, UnavailableError | UnusableError):
            return self._unreachable("the connection was lost")
        return translated

    def _translate(self, error: psycopg.Error) -> DatabaseError:
        if error.sqlstate is None and (isinstance(error, _LOST) or type(error) is psycopg.DatabaseError):
            return self._translate_lost(str(error))
        message = message_of(error)
        kind = (error.sqlstate or "")[:2]
        if "query_wait_timeout" in message:
            return UnavailableError(
                f"{self.label} is a pooler that had no session to lend: it needs at least two for each of us. Run the same "
                "command again later."
            )
        if isinstance(error, _AWAY) or kind == _CONNECTION:
            return self._unreachable(message)
        if error.sqlstate is None and isinstance(error, psycopg.ProgrammingError) and message.startswith("bad value for"):
            return UnusableError(f"DATABASE_URL or the environment has a {message}. Correct it.")
        for kinds, advice in _UNUSABLE:
            if isinstance(error, kinds):
                return UnusableError(f"{self.label} refused us: {message}. {advice}.")
        if kind == _RESOURCES:
            return UnavailableError(
                f"{self.label} is out of room: {message}. Make room and run the same command again.", retryable=False
            )
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return self._read_only()
        if isinstance(error, errors.QueryCanceled):
            return UnavailableError(
                f"{self.label}: somebody cancelled our statement. Run the same command again.", retryable=False
            )
        if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted) or kind == _SYSTEM:
            return UnavailableError(f"{self.label} is damaged: {message}. See the server's log.", retryable=False)
        if isinstance(error, errors.LockNotAvailable):
            return LockedError(f"{self.label}: somebody's lock was not free in time. Run the same command again later.")
        if kind == _ROLLED_BACK or (isinstance(error, errors.InternalError_) and _MOVED.search(message)):
            return ContentionError(f"{self.label}: {message}. Run the same command again.")
        if isinstance(error, psycopg.IntegrityError):
            return IntegrityError(f"The database refused a row: {message}.")
        return DatabaseError(f"The database refused: {message}.")

    def copy_to(self, _connection: Connection, _target: Path, _progress: Callable[[int, int], None]) -> None:
        """Refuse: a server has tools of its own for that."""
        raise UnusableError(
            f"{self.label} lies on a server, whose own tool makes its backup: pg_dump. How to, and how to restore it: "
            "docs/how-to/back-up-and-restore.md."
        )

    def is_stored_in(self, _file: Path) -> bool:
        """Whether that file is the database: it lies on a server."""
        return False

    def elsewhere(self) -> list[Dialect[Any]]:
        """Return none: there is one server."""
        return []

    def nodes(self, _connection: Connection, _statements: Statements) -> Iterable[tuple[Dialect[Any], str]]:
        """Return none: there is one server."""
        return []

    def migrations(self) -> list[str]:
        """Folders with migrations."""
        return ["postgresql"]

    def migrator(self, statements: Statements) -> Any:
        """Return yoyo's backend, on connections like all others: whatever it does is a transaction with our settings."""
        from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
        from yoyo.connections import parse_uri
        from yoyo.migrations import default_migration_table

        driver = self

        class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
            def connect(self, _uri: Any) -> Any:
                return driver.connect(statements)

            def cursor(self) -> Any:
                return self.connection.cursor(row_factory=tuple_row)  # which is what yoyo reads

            def begin(self) -> None:
                driver.begin(self.connection, statements, "session/begin_alone")
                self._in_transaction = True

            @contextmanager
            def copy(self) -> Iterator[Any]:
                yield self  # a migration is a part of our transaction

        return Backend(parse_uri("postgresql:///"), default_migration_table)

    def _translate_lost(self, said: str) -> DatabaseError:
        """Return the error for a connection that cannot be made, or was lost."""
        lines = [_PREFACE.sub("", line).strip() for line in said.splitlines() if "Is the server running" not in line]
        message = " ".join(dict.fromkeys(lines)).strip().rstrip(".")
        for pattern, advice in _CANNOT_CONNECT:
            if pattern.search(said):
                return UnusableError(f"{self.label} cannot be used: {message}. {advice}.")
        if (socket_at := _SOCKET.search(said)) and not Path(socket_at[1]).is_dir():
            return UnusableError(
                f"{self.label}: there is no folder {socket_at[1]} for a server's socket. Correct DATABASE_URL."
            )
        return self._unreachable(message)

    def _unreachable(self, message: str) -> UnavailableError:
        return UnavailableError(f"{self.label} is not reachable: {message}. Run the same command again later.")

    def _read_only(self) -> UnusableError:
        return UnusableError(f"{self.label} is read-only, as a standby is: point DATABASE_URL at the primary.")


@lru_cache
def _opening(begin: Statement, configure: Statement, door: Statement | None, settings: tuple[tuple[str, str], ...]) -> bytes:
    """Return how a server is told to open a transaction, with its settings, and to queue at its door."""
    parts = [configure.render(str, {"setting": setting, "value": value}) for setting, value in settings]
    return "\n;\n".join([begin.text, *parts, *([door.text] if door else [])]).encode()


def _search_path(options: str) -> str | None:
    """Return the search path that connection options name last."""
    named = re.findall(r"(?:-c\s*|--)search[_-]path=((?:\\.|\S)*)", options, re.IGNORECASE)
    return named[-1] if named else None


def _bare(search_path: str) -> str:
    return re.sub(r"[\s\"\\]", "", search_path)


def _process_name(name: str) -> str:
    """Return how the server lists our connections: whose they are is what others who wait for us are told."""
    return f"{name} {os.getpid()}@{socket.gethostname()}"[:63]


def _describe(row: Row) -> str:
    facts = [f"process {row['pid']}", row["client"] and f"from {row['client']}", row["state"], row["ended"] and "frozen: ended"]
    return f"{row['application_name'] or 'somebody'} ({', '.join(fact for fact in facts if fact)})"


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
