"""Threads that work for somebody: they log and tell as their caller does, and stop when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dbsvc.engine.db.database import Database

T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """A pool of threads whose work knows the context of whoever gave it."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Give it some work."""
        return super().submit(copy_context().run, fn, *args, **kwargs)


@contextmanager
def workers(db: Database, number: int, name: str) -> Iterator[Threads]:
    """Lend threads that work on a database.

    An error of one lets the others end what they are at. What is no Exception, such as Ctrl-C, stops them, and waits for none:
    one may be waiting for a store.
    """
    pool, wait = Threads(number, thread_name_prefix=name), True
    try:
        yield pool
    except BaseException as error:
        if not isinstance(error, Exception):
            db.interrupt()
            wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=not wait)
