"""Structured events, through the standard library's logger ``dbsvc``: a name and fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

_LOGGER = logging.getLogger("dbsvc")
_LOGGER.addHandler(logging.NullHandler())  # a program that configures no logging is not written to


@dataclass(frozen=True)
class Event:
    """What happened in the whole, as the log says it."""

    name: str
    time: datetime
    #: ``info``, ``warning`` or ``error``
    level: str
    fields: Mapping[str, Any]


_least: ContextVar[int] = ContextVar("least", default=logging.NOTSET)
_listener: ContextVar[Callable[[Event], None] | None] = ContextVar("listener", default=None)


class _Said(dict[str, Any]):
    """What is logged, as a program's own formatter writes it."""

    def __str__(self) -> str:
        return " ".join([str(self["event"]), *(f"{name}={value}" for name, value in self.items() if name != "event")])


def event(name: str, /, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event: what happened in the whole."""
    if level >= _least.get():
        _LOGGER.log(level, _Said({"event": name, **fields}), stacklevel=2)
        if level >= logging.INFO:
            tell(name, level, **fields)


def tell(name: str, level: int = logging.INFO, /, **fields: Any) -> None:
    """Tell whoever listens, and nobody else, what happened."""
    if listener := _listener.get():
        listener(Event(name, datetime.now(UTC), logging.getLevelName(level).lower(), fields))


@contextmanager
def listening(listener: Callable[[Event], None]) -> Iterator[None]:
    """Let somebody listen to what happens in this thread, and in those that work for it."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def step(name: str, /, **fields: Any) -> None:
    """Log one of the many steps that lead there, for whoever wants to know."""
    event(name, logging.DEBUG, **fields)


@contextmanager
def only_warnings() -> Iterator[None]:
    """Log no event of this thread that is no warning: what happens is taken back."""
    token = _least.set(logging.WARNING)
    try:
        yield
    finally:
        _least.reset(token)


class Formatter(logging.Formatter):
    """Formats an event as one JSON object, or as one line of logfmt, after ``redact``."""

    def __init__(self, redact: Callable[[str], str], *, as_json: bool) -> None:
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        fields = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        time = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), **fields}
        return self._redact(json.dumps(line, default=str) if self._as_json else self._logfmt(None, "", line))

    @cached_property
    def _logfmt(self) -> Callable[[Any, str, Any], str]:
        # importing structlog takes a third of a short command's time, so only who reads the log as text pays for it
        import structlog

        return structlog.processors.LogfmtRenderer()
