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

    An error of one lets the others end what they are at. What is no Exception, such as Ctrl-C, stops them.
    """
    with Threads(number, thread_name_prefix=name) as pool:
        try:
            yield pool
        except Exception:
            raise
        except BaseException:
            db.interrupt()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
