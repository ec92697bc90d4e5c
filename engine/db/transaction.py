"""A transaction: named statements and batches that all happen, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.db.dialect import Dialect, Result, Row
from dbsvc.engine.errors import DatabaseError
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.statement import Statement


class TakenBackError(Exception):
    """Raised by work in a transaction that is to leave nothing: it is taken back, and this is what the work returns."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class Session(Protocol):
    """What a transaction needs of the database that it is in."""

    def translating(self, connection: Any) -> AbstractContextManager[None]:
        """Raise the driver's errors, on a connection, as the engine's."""

    def calling(self, connection: Any) -> AbstractContextManager[None]:
        """Guard a call of the driver: translated, watched while it waits, and not begun after an interrupt."""

    def pause(self, seconds: float) -> None:
        """Wait. Raises CancelledError after an interrupt."""


class Transaction:
    """An open transaction. Everything in it happens, or nothing."""

    def __init__(self, dialect: Dialect[Any], statements: Statements, connection: Any, session: Session) -> None:
        self.statements = statements
        self._dialect = dialect
        self._connection = connection
        self._session = session
        self._depth = 0
        self._failed: DatabaseError | None = None

    def pause(self, seconds: float) -> None:
        """Wait, with the transaction open. Raises CancelledError after an interrupt."""
        self._session.pause(seconds)

    def run(self, name: str, /, **parameters: Any) -> Result:
        """Run a named statement, such as ``run("ledger/show_load", load_id=3)``."""
        return self._execute(self.statements[name], parameters)

    def run_with(self, name: str, given: Mapping[str, Any]) -> Result:
        """Run a named statement, giving it those of the parameters that it uses."""
        return self._run_with(self.statements[name], given)

    def _run_with(self, statement: Statement, given: Mapping[str, Any]) -> Result:
        return self._execute(statement, {name: given[name] for name in statement.parameters})

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
        """Run every statement of a phase in order, giving each the parameters it uses."""
        for statement in self.statements.phase(folder):
            yield statement, self._run_with(statement, parameters)

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

    def copy_batches(
        self,
        name: str,
        table: str,
        columns: Sequence[str],
        batches: Iterable[Batch],
        constants: Sequence[int],
        apart: str | None = None,
    ) -> int:
        """Bulk-copy batches of CSV records without quotes by a named statement; returns how many records.

        The first of the ``columns`` takes the number of the record's line, counted on from each batch's first. The next ones
        take the ``constants``, the others the record's fields. Those that meet a key go to the table ``apart``, if one is named
        and the database can tell them; else raises IntegrityError.
        """
        with self._driver():
            copy = self.statements[name]
            return self._dialect.copy_batches(self._connection, copy, table, columns, batches, constants, apart)

    def copy_to(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the database, as this transaction sees it, into an empty file."""
        with self._driver():
            self._dialect.copy_to(self._connection, target, progress)

    def begin(self, name: str) -> None:
        """Open the transaction by a named statement."""
        with self._driver():
            self._dialect.begin(self._connection, self.statements, name)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction inside this one: on an exception only what was done inside is taken back."""
        self._depth += 1
        name = f"level_{self._depth}"
        self.run("session/savepoint", name=name)
        try:
            yield self
            self.run("session/release_savepoint", name=name)
        except BaseException as error:
            failure = self.end("session/rollback_to_savepoint", "session/release_savepoint", name=name)
            expected = isinstance(error, Exception) and not getattr(error, "retryable", False)
            if expected and failure and failure.retryable:
                raise failure from error  # whoever expects the error would go on; but all is lost, not only what was inside
            raise
        finally:
            self._depth -= 1

    def _execute(self, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        _check(statement, parameters)
        with self._driver():
            return self._dialect.execute(self._connection, statement, parameters)

    def end(self, *names: str, **parameters: Any) -> DatabaseError | None:
        """Take back by named statements; what fails at that leaves the whole transaction failed, and is returned."""
        failed, self._failed = self._failed, None
        try:
            with self._session.translating(self._connection):
                for name in names:
                    self._dialect.execute(self._connection, self.statements[name], parameters)
        except DatabaseError as error:  # a lost connection took everything back already
            self._failed = failed or error
            return error
        return None

    @contextmanager
    def _driver(self) -> Iterator[None]:
        """Guard a call of the driver. After an error a transaction can only be taken back, on every database."""
        if self._failed:
            raise DatabaseError("The transaction was taken back, because a statement in it had failed.") from self._failed
        try:
            with self._session.calling(self._connection):
                yield
        except DatabaseError as error:
            self._failed = error
            raise


def _check(statement: Statement, parameters: Mapping[str, Any]) -> None:
    if odd := parameters.keys() ^ statement.parameters.keys():
        raise TypeError(f"{statement.name}: parameters missing or not used: {', '.join(sorted(odd))}")
