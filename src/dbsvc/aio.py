"""The functions of ``dbsvc``, to be awaited: they block no loop.

``await dbsvc.aio.ingest(...)`` takes what ``dbsvc.ingest`` takes, and works in a thread of its own. When it is cancelled,
statements are cancelled and transactions rolled back; it ends when that is done. ``progress`` and ``on_event`` are called in
threads, not in the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from dbsvc.engine import api
from dbsvc.engine.calls import Stop, on_begin

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the function, to be awaited."""

    @wraps(function)
    async def work(*args: P.args, **kwargs: P.kwargs) -> T:
        stop, context = Stop(), copy_context()
        context.run(on_begin.set, stop.add)
        threads = ThreadPoolExecutor(2, thread_name_prefix="aio")  # one works, one stops it, which may take a while
        working = asyncio.wrap_future(threads.submit(context.run, lambda: _result(function, *args, **kwargs)))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError as cancelled:
            await _ended(asyncio.wrap_future(threads.submit(stop, cancelled)))
            await _ended(working)
            raise
        finally:
            threads.shutdown(wait=False)

    return work


def _result(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function: what it raises is what a future can hold."""
    try:
        return function(*args, **kwargs)
    except StopIteration as error:  # whoever awaits it would wait for ever
        raise RuntimeError("A callback raised StopIteration.") from error


async def _ended(future: asyncio.Future[Any]) -> None:
    """Wait for the end of what cannot be left alone, however often that is cancelled."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()


ingest = _awaited(api.ingest)
check = _awaited(api.check)
fx = _awaited(api.fx)
revenue = _awaited(api.revenue)
rejects = _awaited(api.rejects)
retry = _awaited(api.retry)
dismiss = _awaited(api.dismiss)
release = _awaited(api.release)
discard = _awaited(api.discard)
revert = _awaited(api.revert)
loads = _awaited(api.loads)
load = _awaited(api.load)
lineage = _awaited(api.lineage)
status = _awaited(api.status)
report = _awaited(api.report)
