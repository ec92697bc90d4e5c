"""Structured events: a name and fields, as one JSON object or one readable line. Through the standard library's logging."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable
from typing import Any

_logger = logging.getLogger("dbsvc")


def event(name: str, /, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event."""
    _logger.log(level, name, extra={"fields": fields})


class Formatter(logging.Formatter):
    """Formats a record as JSON or as text, after ``redact``."""

    def __init__(self, redact: Callable[[str], str], *, as_json: bool) -> None:
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = getattr(record, "fields", {})
        if self._as_json:
            line = json.dumps(
                {"time": time, "level": record.levelname.lower(), "event": record.getMessage(), **fields}, default=str
            )
        else:
            line = " ".join([time, record.getMessage(), *(f"{name}={value}" for name, value in fields.items())])
        return self._redact(line)
