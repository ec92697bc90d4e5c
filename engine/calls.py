"""A call of a function that others import: where it works, whom it tells, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from dbsvc.engine import log
from dbsvc.engine.errors import Stopped, UsageError
from dbsvc.engine.progress import unseen

if TYPE_CHECKING:
    from dbsvc.engine.db.database import Database
    from dbsvc.engine.log import Event
    from dbsvc.engine.progress import Progress
    from dbsvc.engine.settings import Settings

T = TypeVar("T")


class Call:
    """One call: the database it works on, and whom it tells.

    A function of the caller that raises stops it, as ``stop`` does: statements are cancelled, transactions rolled back, its
    threads end.
    """

    def __init__(self, db: Database, progress: Progress, on_event: Callable[[Event], object] | None) -> None:
        self.db = db
        self._databases = [db]
        self._progress = progress
        self._on_event = on_event
        self._lock = threading.Lock()
        #: why it was stopped
        self.reason: BaseException | None = None

    def stop(self, reason: BaseException) -> None:
        """Let it end soon, and raise that."""
        with self._lock:
            self.reason = self.reason or reason
            databases = [*self._databases]
        for db in databases:
            db.interrupt()

    @contextmanager
    def on(self, db: Database) -> Iterator[None]:
        """Work on another database for a while."""
        with self._lock:
            self._databases.append(db)
        if self.reason:
            raise Stopped
        yield
        with self._lock:
            self._databases.remove(db)

    def show(self, _name: str) -> AbstractContextManager[Progress]:
        """Lend what is told how far a file is."""
        return nullcontext(self.progress)

    def progress(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Tell the caller how far it is. Raises Stopped."""
        self._tell(self._progress, phase, done, total)

    def note(self, event: Event) -> None:
        """Tell the caller what happened. Raises Stopped."""
        if self._on_event:
            self._tell(self._on_event, event)

    def _tell(self, whom: Callable[..., object], *what: Any) -> None:
        if self.reason:
            raise Stopped
        try:
            whom(*what)
        except BaseException as error:
            self.stop(error)
            raise Stopped from error


class Stop:
    """Stops the calls that one function makes, those that are to come as well."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._reason: BaseException | None = None
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Take note of a call that begins."""
        with self._lock:
            self._calls.append(call)
            reason = self._reason
        if reason:
            call.stop(reason)

    def __call__(self, reason: BaseException) -> None:
        """Stop them."""
        with self._lock:
            self._reason = reason
            calls = [*self._calls]
        for call in calls:
            call.stop(reason)


#: Is given each call that begins.
on_begin: ContextVar[Callable[[Call], None] | None] = ContextVar("on_begin", default=None)


def run(
    work: Callable[[Call], T],
    database: str | Database | None,
    settings: Settings | None,
    progress: Progress | None,
    on_event: Callable[[Event], object] | None,
    *,
    create: bool = False,
    ready: bool = True,
) -> T:
    """Open the database, and do some work there, after its schema was seen to; if it was stopped, raise why.

    A database that is open already lends its connections, and stays open. Raises UsageError if the caller's thread has a
    transaction of it open: what is done here is done in others.
    """
    from dbsvc.engine.db.connect import connect
    from dbsvc.engine.reports.datasets import make_ready

    with ExitStack() as opened:
        if database is None or isinstance(database, str):
            db = opened.enter_context(connect(database, create=create, settings=settings))
        elif database.in_transaction:
            raise UsageError("This thread has a transaction of the database open: end it before the call, which has its own.")
        else:
            db = database.branch()
        call = Call(db, progress or unseen, on_event)
        try:
            if told := on_begin.get():
                told(call)
            with log.listening(call.note):
                if ready:
                    make_ready(db, create=create)
                result = work(call)
        except (Exception, Stopped):  # work that is interrupted may end with whatever error
            if call.reason is None:
                raise
    if call.reason:
        raise call.reason
    return result
