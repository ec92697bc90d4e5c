"""What a kind of database must be able to do, and what its answers look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.errors import DatabaseError
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.statement import Statement

Row = dict[str, Any]
#: a driver's connection
C = TypeVar("C")


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


@dataclass(frozen=True)
class Blocker:
    """Who is in the way of somebody who waits."""

    described: str
    #: it is a process like ours, so its transaction ends: it is at work, or is taken away from it
    is_ours: bool = False

    def __str__(self) -> str:
        return self.described


class Dialect(Protocol[C]):
    """One kind of database: knows its driver, and nothing of what is stored."""

    #: the dialect's name, then those it inherits statements from
    family: tuple[str, ...]
    #: the database as a person may see it: without secrets
    label: str
    #: what catalogs of data call it: a namespace, and the database within it, if there are several
    address: tuple[str, str]
    #: how many connections can usefully write at once
    jobs: int
    #: how many seconds are left between two of many transactions in a row, where others find their turn by looking
    gap: float
    #: how many seconds a wait may last before it is looked into, and how many may lie between later looks
    patience: tuple[float, float]

    def absent(self) -> str | None:
        """Return why there is no database to look at, or None if there may be one. Makes none."""

    def folder(self) -> Path | None:
        """Return the folder of this machine in which the database lies, if it does."""

    def connect(self, statements: Statements) -> C:
        """Open a connection, outside any transaction. Raises UnusableError for a database that is not as it must be."""

    def begin(self, connection: C, statements: Statements, begin: str) -> None:
        """Open a transaction by the statement of that name, with all that a transaction of its kind is to have."""

    def blockers(self, connection: C, statements: Statements) -> list[Blocker]:
        """Return whom a connection waits for, while it waits, from another thread. Who is frozen may be ended."""

    def close(self, connection: C) -> None:
        """Close a connection."""

    def is_usable(self, connection: C) -> bool:
        """Whether the connection is alive and outside any transaction."""

    def interrupt(self, connection: C) -> None:
        """Cancel, from another thread, what the connection is doing."""

    def execute(self, connection: C, statement: Statement, parameters: Mapping[str, Any]) -> Result:
        """Run a statement and fetch everything it returns."""

    def stream(self, connection: C, statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """Run a query and fetch its rows in bounded memory."""

    def sample(self, connection: C, statement: Statement, parameters: Mapping[str, Any], most: int) -> Result:
        """Run a query, count its rows in bounded memory, and keep the first of them."""

    def copy_csv(self, connection: C, copy: Statement, table: str, columns: Sequence[str], data: bytes) -> int:
        """Bulk-copy CSV records, each ended by LF, none with a lone CR or blank line. Raise MalformedCsvError."""

    def copy_batches(
        self,
        connection: C,
        copy: Statement,
        table: str,
        columns: Sequence[str],
        batches: Iterable[Batch],
        constants: Sequence[int],
        apart: str | None,
    ) -> int:
        """Bulk-copy batches of CSV records without quotes; before each record go the number of its line and the constants.

        They are known to keep the table's CHECK constraints, which may be left unasked. Those that meet a key may be copied
        into the table ``apart``, if there is one, instead of failing.
        """

    def insert(
        self, connection: C, insert: Statement, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Insert rows of values in bounded memory."""

    def translate(self, error: Exception, connection: C | None = None, /) -> DatabaseError | None:
        """Return the engine's error for a driver's, or None when it is not the driver's.

        Whatever a connection gives that is lost by then is that it is lost.
        """

    def copy_to(self, connection: C, target: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the database, as the open transaction sees it, into an empty file. ``progress`` may raise, and ends it.

        Raises UnusableError for a database that is not copied so, and OSError for a file that cannot be written.
        """

    def is_stored_in(self, file: Path) -> bool:
        """Whether that file is the database."""

    def elsewhere(self) -> list[Dialect[C]]:
        """Return the same database by the nodes that settings name, if any: records may be staged through them."""

    def nodes(self, connection: C, statements: Statements, /) -> Iterable[tuple[Dialect[C], str]]:
        """Yield the same database by the nodes that it knows itself, each with why it cannot be reached from here, if so."""

    def migrations(self) -> list[str]:
        """Folders with migrations, below ``migrations``, in the order they apply."""

    def migrator(self, statements: Statements) -> Any:
        """Return yoyo's backend, whose sessions are as all others, and whose transactions have the schema to themselves."""
