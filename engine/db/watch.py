"""Calls of a driver that take long, looked into from aside: who waits for somebody else says for whom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from typing import Any

from dbsvc.engine.db.dialect import Blocker
from dbsvc.engine.errors import Stopped
from dbsvc.engine.log import event

TICK = 1.0  # seconds


class Watch:
    """Watches calls; its thread lives for as long as there are any."""

    def __init__(self, find_blockers: Callable[[Any], list[Blocker]], patience: tuple[float, float]) -> None:
        self._find_blockers = find_blockers
        #: seconds before we look for the first time; then the pauses double, up to the longest
        self.patience, self._longest_pause = patience
        #: whom we found at the last look
        self.behind: list[Blocker] = []
        #: connection -> since when it is in a call, when to look next, and the context of who called
        self._calls: dict[Any, tuple[float, float, Context]] = {}
        self._lock = threading.Lock()
        self._running = False

    @contextmanager
    def over(self, connection: Any) -> Iterator[None]:
        """Watch a call on a connection."""
        now = time.monotonic()
        with self._lock:
            outermost = connection not in self._calls
            if outermost:
                self._calls[connection] = (now, now + self.patience, copy_context())
            if not self._running:
                threading.Thread(target=self._run, daemon=True, name="watch").start()
                self._running = True
        try:
            yield
        finally:
            if outermost:
                with self._lock:
                    self._calls.pop(connection, None)

    def _run(self) -> None:
        while True:
            time.sleep(min(TICK, self.patience / 2))
            now = time.monotonic()
            with self._lock:
                if not self._calls:
                    self._running = False
                    return
                late = [(connection, since, context) for connection, (since, due, context) in self._calls.items() if due <= now]
                for connection, since, context in late:
                    self._calls[connection] = (since, now + min(now - since, self._longest_pause), context)
            for connection, since, context in late:
                context.copy().run(self._look, connection, round(now - since))

    def _look(self, connection: Any, seconds: int) -> None:
        with suppress(Exception, Stopped):  # whoever cannot be asked may be the one we wait for
            if blockers := self._find_blockers(connection):
                self.behind = blockers
                event("waiting", logging.WARNING, seconds=seconds, behind=[str(blocker) for blocker in blockers])
