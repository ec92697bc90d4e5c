"""Threads that work for somebody: they log and tell as their caller does, and stop when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from dbsvc.engine.db.database import Database

T = TypeVar("T")


#: How long those who are stopped may take, in seconds: a process that is stopped has five.
_GRACE = 3.0


class Threads(ThreadPoolExecutor):
    """A pool of threads whose work knows the context of whoever gave it."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, thread_name_prefix=name)
        self._given = WeakSet[Future[Any]]()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Give it some work."""
        given = super().submit(copy_context().run, fn, *args, **kwargs)
        self._given.add(given)
        return given

    def end(self) -> bool:
        """Let no work begin that has not begun. Returns whether all that had begun ends in time."""
        self.shutdown(wait=False, cancel_futures=True)
        return not wait(self._given, _GRACE).not_done


@contextmanager
def workers(db: Database, number: int, name: str) -> Iterator[Threads]:
    """Lend threads that work on a database.

    An error of one lets the others end what they are at. What is no Exception, such as Ctrl-C, stops them, and does not wait
    long for them: one may be waiting for a store.
    """
    pool, ends = Threads(number, name), True
    try:
        yield pool
    except BaseException as error:
        if not isinstance(error, Exception):
            db.interrupt()
            ends = pool.end()
        raise
    finally:
        pool.shutdown(wait=ends)
