"""Structured events, by structlog through the standard library's logger ``dbsvc``: a name and fields."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

_standard = logging.getLogger("dbsvc")


def event(name: str, /, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event."""
    if _standard.isEnabledFor(level):  # else structlog is not even imported
        _structured().log(level, name, **fields)


@cache
def _structured() -> Any:
    import structlog

    processors: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    return structlog.wrap_logger(_standard, processors=processors, wrapper_class=structlog.stdlib.BoundLogger)


class Formatter(logging.Formatter):
    """Formats an event as one JSON object, or as one line of logfmt, after ``redact``."""

    def __init__(self, redact: Callable[[str], str], *, as_json: bool) -> None:
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return self._redact(self._formatter.format(record))

    @cached_property
    def _formatter(self) -> logging.Formatter:
        import structlog

        order = ["time", "level", "event"]
        renderer: Any
        if self._as_json:
            renderer = structlog.processors.JSONRenderer(default=str)
        else:
            renderer = structlog.processors.LogfmtRenderer(key_order=order)
        return structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order(order), renderer]
        )


def _in_order(first: list[str]) -> Callable[[Any, str, Any], Any]:
    return lambda _logger, _method, fields: {name: fields[name] for name in (*first, *fields) if name in fields}
