"""What a caller gives a function, as it can be used. Each raises UsageError for what cannot be, by the argument's name."""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from typing import Any

from dbsvc.engine.errors import UsageError


def names(what: str, given: Collection[str] | None) -> list[str] | None:
    """Return names, of which a plain text is one; None stands for all, and is not the same as no name."""
    found = [given] if isinstance(given, str) else given
    if found is not None and not found:
        raise UsageError(f"{what} names nothing: name something, or leave it out.")
    return None if found is None else list(found)


def day(what: str, given: Any) -> date | None:
    """Return a day."""
    if given is not None and not isinstance(given, date):
        raise UsageError(f"{what} is a date, such as date(2021, 10, 1).")
    return given.date() if isinstance(given, datetime) else given


def moment(what: str, given: Any) -> datetime | None:
    """Return a moment; a day stands for its midnight, in UTC."""
    found = day(what, given)
    if isinstance(given, datetime):
        return given
    return None if found is None else datetime.combine(found, time.min, UTC)


def number(what: str, given: Any, least: int, most: int, more: str = "") -> int:
    """Return a whole number."""
    if not isinstance(given, int) or not least <= given <= most:
        raise UsageError(f"{what} is {least} to {most:,}{more}.")
    return given


def limit(given: Any, most: int = sys.maxsize) -> int:
    """Return how many rows are wanted, of which 0 means all."""
    if not isinstance(given, int) or not 0 <= given <= most:
        raise UsageError(f"limit is 0, for all, or more{f', up to {most:,}' if most < sys.maxsize else ''}.")
    return given or most
