"""JSON lines as bytes: one object a line, fields as texts.

Numbers keep their digits, whether they come as numbers or as texts; an exponent is written out. What is neither text nor
number arrives as the replacement character, which no rule accepts.

A file may have holes: NULs where a writer went on at its old place after the file was truncated, or where a crash lost what was
written. They are no part of any record. Where one breaks a line, what follows counts as the next line.
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


#: A hole: NULs before or after an object, or more of them than a mistake puts into a text.
_HOLE = re.compile(rb"(?<!\0)\0++(?=[ \t]*+(?:\xef\xbb\xbf)?\{)|(?<=\})\0++|\0{64,}+")
_NOTHING = b"\0 \t\n\r\v\f"
_LONGEST_GAP = 1024  # bytes: more of a hole need not be remembered


def is_hole(before: bytes, length: int, after: bytes) -> bool:
    """Whether so many NULs are nothing, given what stands around them."""
    return not after or _HOLE.match(before + bytes(min(length, _LONGEST_GAP)) + after, len(before)) is not None


def cut(data: bytes, final: bool) -> int:
    """Return where the last complete line ends. At the end of the file a whole object is one, though no line end follows."""
    end = data.rfind(b"\n") + 1
    if data.find(b"\0", end) >= 0:
        end = max((hole.start() for hole in _HOLE.finditer(data, end)), default=end)
    if final and end < len(data) and read_object(data[end:]) is not None:
        return len(data)
    return end


def records(data: bytes) -> Iterator[Record]:
    """Yield the lines that are not blank."""
    start, number = 0, 0
    for line in data.split(b"\n"):
        number += 1
        if b"\0" in line:
            for nth, (begin, end) in enumerate(_pieces(line)):
                number += nth > 0
                yield Record(start + begin, start + end, number, "")
        elif line and not line.isspace():
            yield Record(start, start + len(line.rstrip(b"\r")), number, "")
        start += len(line) + 1


def count_lines(data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
    """Return how many lines end in ``data``, and what to give along with what follows it."""
    seen = carry + data
    count = seen.count(b"\n")
    if b"\0" in seen:
        count += sum(max(0, len(_pieces(line)) - 1) for line in seen.split(b"\n") if b"\0" in line)
    tail = seen[seen.rfind(b"\n") + 1 :]
    text = tail.rstrip(_NOTHING)
    return count, text[-1:] + tail[len(text) :][-_LONGEST_GAP:]


def _pieces(line: bytes) -> list[tuple[int, int]]:
    """Return where the texts between the holes of a line begin and end, without the blanks around them."""
    borders = [0, *(place for hole in _HOLE.finditer(line) for place in hole.span()), len(line)]
    found = []
    for start, end in zip(borders[::2], borders[1::2], strict=True):
        piece = line[start:end]
        if text := piece.strip():
            start += len(piece) - len(piece.lstrip())
            found.append((start, start + len(text)))
    return found


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
