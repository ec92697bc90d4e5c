"""Access to a database: pooled connections, explicit transactions, retries. Any dialect behind it."""

from __future__ import annotations

import copy
import logging
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakSet

from dbsvc.engine.db.dialect import Blocker, Dialect
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.db.watch import Watch
from dbsvc.engine.errors import CancelledError, ContentionError, DatabaseError, DbsvcError, LockedError, UnavailableError
from dbsvc.engine.log import event
from dbsvc.engine.project import Project
from dbsvc.engine.statements.catalog import load_statements

T = TypeVar("T")

_ATTEMPTS = 8
_LONGEST_PAUSE = 5.0  # seconds


class _Pool:
    """Connections that nobody uses. Before a process forks they are closed: two cannot share one, nor close it twice."""

    def __init__(self, close: Callable[[Any], None]) -> None:
        self.lock = threading.Lock()
        self.idle: list[Any] = []
        self._close = close
        _pools.add(self)

    def empty(self) -> None:
        """Close them."""
        with self.lock:
            connections = [*self.idle]
            self.idle.clear()
        for connection in connections:
            with suppress(Exception):
                self._close(connection)

    def begin_anew(self) -> None:
        """Take those that a process was forked with for its parent's."""
        self.lock = threading.Lock()
        _parents.extend(self.idle)
        self.idle.clear()


_pools: WeakSet[_Pool] = WeakSet()
#: what is not ours to close
_parents: list[Any] = []


def _before_fork() -> None:
    for pool in [*_pools]:
        pool.empty()


def _after_fork() -> None:
    for pool in [*_pools]:
        pool.begin_anew()


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


class Database:
    """A database, whichever it is. Thread-safe: each thread's transaction has a connection of its own."""

    def __init__(self, dialect: Dialect[Any], project: Project | None = None) -> None:
        self.dialect = dialect
        self.statements = load_statements(dialect.family, project)
        self._pool = _Pool(dialect.close)
        self._project = project
        #: the same database by other nodes of it, where records may be staged: those that the settings name, or that were found
        self.elsewhere = [Database(other, project) for other in dialect.elsewhere()]
        self._knows_nodes = bool(self.elsewhere) or not self.statements.phase("session/nodes")
        self._begin()

    def _begin(self) -> None:
        self._busy: set[Any] = set()
        self._current = threading.local()
        self._stopping = threading.Event()
        #: looks into calls that take long
        self.watch = Watch(lambda connection: self.dialect.blockers(connection, self.statements), self.dialect.patience)
        #: whether a transaction was opened that may write
        self.wrote = False
        #: how many transactions were run again after an error that a retry can help
        self.retries = 0

    def branch(self) -> Database:
        """Return the same database, with the same connections to lend, as one that ``interrupt`` stops by itself."""
        other = copy.copy(self)
        other.dialect = copy.copy(self.dialect)
        other.elsewhere = [each.branch() for each in self.elsewhere]
        other._begin()
        return other

    def find_nodes(self) -> None:
        """Find the nodes that the database knows and that can be reached from here, unless the settings name some; once."""
        if self._knows_nodes:
            return
        self._knows_nodes = True
        with self.connection() as connection, self.calling(connection):
            for other, lost in self.dialect.nodes(connection, self.statements):
                if lost:
                    event("staged without a node", logging.WARNING, node=other.label, because=lost)
                else:
                    self.elsewhere.append(Database(other, self._project))
                self.raise_if_stopping()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open."""
        return getattr(self._current, "transaction", None) is not None

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
            transaction = Transaction(self.dialect, self.statements, connection, self)
            transaction.begin(begin)
            self.wrote = self.wrote or begin == "session/begin"
            self._current.transaction = transaction
            try:
                yield transaction
                transaction.run("session/commit")
            except BaseException:
                transaction.end("session/rollback")
                raise
            finally:
                self._current.transaction = None

    def run_transaction(self, work: Callable[[Transaction], T], attempts: int = _ATTEMPTS) -> T:
        """Run ``work`` in a transaction; on an error that a retry can help, run the whole of it again, as ``retry`` does.

        ``work`` must have no effect outside the transaction. If it raises TakenBackError, what it did is taken back, and the
        error's result returned.
        """

        def run() -> T:
            with self.transaction() as transaction:
                return work(transaction)

        try:
            return self.retry(run, attempts)
        except TakenBackError as taken_back:
            result: T = taken_back.result
            return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a snapshot; again, as ``retry`` does, if what it reads was changed too much meanwhile."""

        def run() -> T:
            with self.snapshot() as transaction:
                return work(transaction)

        return self._retry(run, ContentionError)

    def retry(self, work: Callable[[], T], attempts: int = _ATTEMPTS) -> T:
        """Run what opens a transaction; on an error that a retry can help, again, with pauses from 50 ms to 5 s, with jitter.

        Waiting behind one of ours costs no attempt: that one is at work, or its transaction is taken away from it.
        """
        return self._retry(work, DatabaseError, attempts)

    def _retry(self, work: Callable[[], T], on: type[DatabaseError], attempts: int = _ATTEMPTS) -> T:
        attempt = 1
        while True:
            try:
                return work()
            except on as error:
                if not error.retryable or self.in_transaction or self._stopping.is_set():
                    raise
                behind, self.watch.behind = self.watch.behind, []
                if attempt >= attempts:
                    raise _name_them(error, behind) from error
                self.retries += 1
                pause = min(_LONGEST_PAUSE, 0.05 * 3 ** (attempt - 1)) * random.uniform(0.5, 1.0)
                level = logging.WARNING if isinstance(error, UnavailableError) else logging.DEBUG
                event("retry", level, attempt=attempt, because=str(error), pause=round(pause, 3))
                self.pause(pause)
                if not (isinstance(error, LockedError) and any(blocker.is_ours for blocker in behind)):
                    attempt += 1

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Lend a driver's connection from the pool, outside any transaction; it returns if it is still usable."""
        self.raise_if_stopping()
        with self._pool.lock:
            connection = self._pool.idle.pop() if self._pool.idle else None
        if connection is None or not self.dialect.is_usable(connection):
            with self.translating():
                connection = self.dialect.connect(self.statements)
        with self._pool.lock:
            self._busy.add(connection)
        try:
            yield connection
        finally:
            with self._pool.lock:
                self._busy.discard(connection)
                keep = self.dialect.is_usable(connection) and not self._stopping.is_set()
                if keep:
                    self._pool.idle.append(connection)
            if not keep:
                with suppress(Exception):
                    self.dialect.close(connection)

    @contextmanager
    def minding(self, connection: Any) -> Iterator[None]:
        """Watch a connection that is not from the pool, and cancel what it does on interrupt()."""
        self.wrote = True
        with self._pool.lock:
            self._busy.add(connection)
        try:
            with self.watch.over(connection):
                yield
        finally:
            with self._pool.lock:
                self._busy.discard(connection)

    @contextmanager
    def translating(self, connection: Any | None = None) -> Iterator[None]:
        """Raise the driver's errors, on a connection, as the engine's, which keep them as their cause."""
        try:
            yield
        except DbsvcError:
            raise
        except Exception as error:
            if translated := self.dialect.translate(error, connection):
                if self._stopping.is_set():
                    raise CancelledError("Stopped before it was done.") from error
                raise translated from error
            raise

    @contextmanager
    def calling(self, connection: Any) -> Iterator[None]:
        """Guard a call of the driver. Raises CancelledError after interrupt()."""
        self.raise_if_stopping()
        with self.translating(connection), self.watch.over(connection):
            yield

    def copy_to(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the database, as it is now, into an empty file. Raises CancelledError after interrupt()."""

        def go_on(done: int, total: int) -> None:
            self.raise_if_stopping()
            progress(done, total)

        with self.snapshot() as transaction:
            transaction.run("schema/tables")  # from here on it sees one state
            transaction.copy_to(target, go_on)

    def interrupt(self) -> bool:
        """Cancel every running statement and start no more; returns whether a transaction was open. For signal handlers."""
        self._stopping.set()
        interrupted = [other.interrupt() for other in self.elsewhere]
        with self._pool.lock:
            busy = list(self._busy)
        for connection in busy:
            with suppress(Exception):
                self.dialect.interrupt(connection)
        return bool(busy) or any(interrupted)

    def pause(self, seconds: float) -> None:
        """Wait. Raises CancelledError after interrupt()."""
        self._stopping.wait(seconds)
        self.raise_if_stopping()

    def give_way(self) -> None:
        """Let others have their turn, between two of many transactions in a row."""
        self.pause(self.dialect.gap)

    def close(self) -> None:
        """Close the idle connections."""
        for other in self.elsewhere:
            other.close()
        self._pool.empty()

    def raise_if_stopping(self) -> None:
        """Raise CancelledError after interrupt()."""
        if self._stopping.is_set():
            raise CancelledError("Stopped before it was done.")


def _name_them(error: DatabaseError, behind: list[Blocker]) -> DatabaseError:
    """Return the error with who was in the way, if it was somebody's lock."""
    if not (isinstance(error, LockedError) and behind):
        return error
    return LockedError(f"{error} In the way: {', '.join(map(str, behind))}.")
