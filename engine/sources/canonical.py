"""Fields that will be stored as the same value, spelled the same: lines may write the key of their record differently.

What is no value of its type stays as it is written. A test compares this with what the databases store.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dbsvc.engine.columns import Column
from dbsvc.engine.functions import decimals
from dbsvc.engine.functions.times import utc_time
from dbsvc.engine.sources.spellings import PLAIN

_BLANKS = " \t\r\u00a0"
_WHOLE = re.compile(r"-?[0-9]{1,1000}")
_DAY_FIRST = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def canonical(column: Column, text: str) -> str:
    """Return how a field of a column is spelled, of all fields that are the same to it."""
    text = text.strip(_BLANKS)
    spell = _SPELL.get(column.type.name)
    return spell(column, text) if spell and text else text


def _whole(_column: Column, text: str) -> str:
    return str(int(text)) if _WHOLE.fullmatch(text) else text


def _decimal(column: Column, text: str) -> str:
    return decimals.round_to(text, column.limits["places"]) if PLAIN.fullmatch(text) else text


def _number(_column: Column, text: str) -> str:
    return str(float(text) + 0.0) if PLAIN.fullmatch(text) else text


def _date(column: Column, text: str) -> str:
    found = _DAY_FIRST.fullmatch(text) if column.limits.get("day_first") else None
    return f"{found[3]}-{found[2]}-{found[1]}" if found else text


def _timestamp(column: Column, text: str) -> str:
    return utc_time(text) or (utc_time(f"{text}T00:00:00Z") if column.limits.get("date_only") else None) or text


def _time(_column: Column, text: str) -> str:
    return f"{text}:00"[:8]


def _boolean(_column: Column, text: str) -> str:
    lowered = text.lower()
    return "true" if lowered in _TRUE else "false" if lowered in _FALSE else text


def _code(column: Column, text: str) -> str:
    return text.upper() if column.limits.get("upper") else text


def _uuid(_column: Column, text: str) -> str:
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    return bare.lower()


_SPELL: dict[str, Callable[[Column, str], str]] = {
    "whole": _whole,
    "decimal": _decimal,
    "number": _number,
    "date": _date,
    "timestamp": _timestamp,
    "time": _time,
    "boolean": _boolean,
    "code": _code,
    "uuid": _uuid,
}
