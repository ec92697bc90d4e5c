"""JSON lines as bytes: one object a line, fields as texts.

Numbers keep their digits, whether they come as numbers or as texts; an exponent is written out. What is neither text nor
number arrives as the replacement character, which no rule accepts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from dbsvc.engine.formats.record import Record

_NO_TEXT = "\ufffd"
#: what JSON can express and a database's text cannot hold: half a character, and NUL
_UNSTORABLE = {"invalid_utf8": re.compile("[\ud800-\udfff]"), "nul_byte": re.compile("\0")}
_LARGEST_EXPONENT = 30  # beyond, a number stays as it is written, which no rule accepts


def cut(data: bytes, final: bool) -> int:
    """Return where the last complete line ends. At the end of the file a whole object is one, though no line end follows."""
    end = data.rfind(b"\n") + 1
    if final and end < len(data) and read_object(data[end:]) is not None:
        return len(data)
    return end


def records(data: bytes) -> Iterator[Record]:
    """Yield the lines that are not blank."""
    start = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if line and not line.isspace():
            yield Record(start, start + len(line.rstrip(b"\r")), number, "")
        start += len(line) + 1


def tidy(_data: bytes) -> bytes | None:
    """Return None: an object has to be looked at."""
    return None


def fields(raw: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the faults of one line, and the values of these names; none if it is no object, or has a name twice.

    What a database's text cannot hold is replaced in the values, and named as a fault.
    """
    faults, nothing = [], [""] * len(names)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        faults.append("invalid_utf8")
        text = raw.decode(errors="replace")
    try:
        value = _read(text)
    except (ValueError, RecursionError):
        return " ".join([*faults, "invalid_json"]), nothing
    if not isinstance(value, tuple):
        return " ".join([*faults, "not_an_object"]), nothing
    found: dict[str, Any] = dict(value)
    if len(found) != len(value):
        return " ".join([*faults, "duplicate_key"]), nothing
    values = [found.get(name, "") for name in names]
    if set(map(type, values)) != {str}:
        values = [value if isinstance(value, str) else "" if value is None else _NO_TEXT for value in values]
    if "\\u" in text:
        for fault, characters in _UNSTORABLE.items():
            if any(characters.search(value) for value in values):
                faults.append(fault)
                values = [characters.sub(_NO_TEXT, value) for value in values]
    return " ".join(faults), values


def read_object(raw: bytes) -> dict[str, Any] | None:
    """Return the object that a line holds, or None."""
    try:
        value = _read(raw.decode())
    except (ValueError, RecursionError):
        return None
    return dict(value) if isinstance(value, tuple) else None


def _plain(number: str) -> str:
    """Write out the exponent of a number."""
    if "e" not in number and "E" not in number:
        return number
    try:
        written = Decimal(number)
    except InvalidOperation:
        return number
    return format(written, "f") if abs(written.adjusted()) <= _LARGEST_EXPONENT else number


# objects become tuples of pairs, which tells them from arrays and keeps every key
_read: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=_plain, parse_int=str, parse_constant=float
).decode
