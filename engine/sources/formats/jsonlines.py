"""JSON lines as bytes: one object a line, fields as texts.

Numbers keep their digits, whether they come as numbers or as texts; an exponent is written out. What is neither text nor
number arrives as the replacement character, which no rule accepts, unless the type of its column takes it. A byte order mark at
the start of a line is no part of it.

A file may have holes: NULs where a writer went on at its old place after the file was truncated, or where a crash lost what was
written. They are no part of any record. Where one breaks a line, what follows counts as the next line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from itertools import chain
from types import MappingProxyType
from typing import Any

from dbsvc.engine.db.batches import slices
from dbsvc.engine.sources.formats.delimited import is_utf8
from dbsvc.engine.sources.formats.fast_json import fast_forms
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK, LONGEST_READ, NOTHING, FastRecords, Record

_NO_TEXT = "\ufffd"
#: what JSON can express and a database's text cannot hold: half a character, and NUL
_UNSTORABLE = {"invalid_utf8": re.compile("[\ud800-\udfff]"), "nul_byte": re.compile("\0")}
_MARK = "\ufeff"
#: A line with more values is not read: each becomes an object. Only asked of lines that are long enough.
_MOST_VALUES, _LONG = 100_000, 2**17  # bytes
#: So much is taken apart at once: each line of it is an object.
_PART = 64 * 1024  # bytes
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*+)"')
_KEY = re.compile(r'[ \t\n\r]*+,?[ \t\n\r]*+"')
_COLON = re.compile(r"[ \t\n\r]*+:[ \t\n\r]*+")
_NOTHING_ELSE: Mapping[str, str] = MappingProxyType({})
_LARGEST_EXPONENT = 30  # beyond, a number stays as it is written, which no rule accepts


#: A hole: NULs before or after an object, or more of them than a mistake puts into a text.
_HOLE = re.compile(rb"(?<!\0)\0++(?=[ \t]*+(?:\xef\xbb\xbf)?\{)|(?<=\})\0++|\0{64,}+")
_LONGEST_GAP = 1024  # bytes: more of a hole need not be remembered


def is_hole(before: bytes, length: int, after: bytes) -> bool:
    """Whether ``length`` NULs are nothing, given what stands around them."""
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
    start, number = 0, 1
    for part in slices(data, _PART):
        for line in part.removesuffix(b"\n").split(b"\n"):
            if b"\0" in line:
                for nth, (begin, end) in enumerate(_pieces(line)):
                    number += nth > 0
                    if not is_blank(line[begin:end]):
                        yield Record(start + begin, start + end, number, too_long(line[begin:end]))
            elif not is_blank(line):
                yield Record(start, start + len(line.rstrip(b"\r")), number, too_long(line))
            start, number = start + len(line) + 1, number + 1


def whole_record(data: bytes, start: int) -> tuple[int, str]:
    """Return where the line that begins at ``start`` ends, with its line end; there is nothing to be wrong with it."""
    return data.find(b"\n", start) + 1 or len(data), ""


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing, but for a byte order mark."""
    while line.startswith(BYTE_ORDER_MARK):
        line = line.removeprefix(BYTE_ORDER_MARK)
    return not line or line.isspace()


def too_long(line: bytes) -> str:
    """Return the fault of a line that is not read, as that may take many times its size: too many bytes, or too many values."""
    too_many = len(line) > _LONG and sum(map(line.count, (b",", b"[", b"{"))) > _MOST_VALUES
    return "record_too_long" if too_many or len(line) > LONGEST_READ else ""


def count_lines(data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
    """Return how many lines end in ``data``, and what to give along with what follows it."""
    seen = carry + data
    count = seen.count(b"\n")
    if b"\0" in seen:
        lines = (line for part in slices(seen, _PART) for line in part.split(b"\n") if b"\0" in line)
        count += sum(max(0, sum(1 for _ in _pieces(line)) - 1) for line in lines)
    tail = seen[seen.rfind(b"\n") + 1 :]
    text = tail.rstrip(NOTHING)
    if not text and len(tail) > _LONGEST_GAP and next(_pieces(tail), None):  # a few NULs alone are a record, too
        text = b"x"
    return count, text[-1:] + tail[len(text) :][-_LONGEST_GAP:]


def _pieces(line: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the texts between the holes of a line begin and end, without the blanks around them."""
    start = 0
    for end, next_start in chain((hole.span() for hole in _HOLE.finditer(line)), [(len(line), len(line))]):
        piece = line[start:end]
        if text := piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            yield begin, begin + len(text)
        start = next_start


def to_clean_csv(_data: bytes) -> bytes | None:
    """Return None: an object has to be looked at."""
    return None


def fast_records(data: bytes, names: Sequence[str], patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
    """Return the forms of the objects of some lines, unless there may be holes, or the bytes are no text."""
    if b"\0" in data or not (data.isascii() or is_utf8(data)):
        return []
    return fast_forms(data, names, patterns, lambda line: not too_long(line) and not fields(line, names)[0])


def mentions_header(_data: bytes, _names: Sequence[str]) -> bool:
    """Return False: there are no headers."""
    return False


def find_value(found: Mapping[str, Any], path: str) -> Any:
    """Return the value of a name, or of a path of names and of places in arrays, as ``meter.values.0``; else an empty text."""
    if path in found:
        return found[path]
    value: Any = tuple(found.items())
    for step in path.split("."):
        if isinstance(value, tuple):
            values = [each for name, each in value if name == step]
        else:
            values = value[int(step) :][:1] if isinstance(value, list) and step.isascii() and step.isdigit() else []
        if len(values) != 1:
            return values or ""  # a name that stands twice is no value
        value = values[0]
    return value


def _find_named(found: Mapping[str, Any], name: str) -> Any:
    return found.get(name, "")


def fields(
    raw: bytes,
    names: Sequence[str],
    takes: Mapping[str, str] = _NOTHING_ELSE,
    find: Callable[[Mapping[str, Any], str], Any] = _find_named,
) -> tuple[str, list[str]]:
    """Return the faults of one line, and the values of these names; none if it is no object, or has a name twice.

    ``takes``: the names of values that may be something else than texts and numbers: ``booleans``, or any ``values``, which
    are kept as they are written. ``find`` finds the value of a name. What a database's text cannot hold is replaced in the
    values, and named as a fault.
    """
    faults, nothing = [], [""] * len(names)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        faults.append("invalid_utf8")
        text = raw.decode(errors="replace")
    try:
        value = _read(text.lstrip(_MARK))
    except (ValueError, RecursionError):
        return " ".join([*faults, "invalid_json"]), nothing
    if not isinstance(value, tuple):
        return " ".join([*faults, "not_an_object"]), nothing
    found: dict[str, Any] = dict(value)
    if len(found) != len(value):
        return " ".join([*faults, "duplicate_key"]), nothing
    values = [find(found, name) for name in names]
    if takes:
        written = _written(text.lstrip(_MARK)) if "values" in takes.values() else {}
        values = [_taken(value, takes.get(name, ""), written.get(name, "")) for name, value in zip(names, values, strict=True)]
    if set(map(type, values)) != {str}:
        values = [value if isinstance(value, str) else "" if value is None else _NO_TEXT for value in values]
    if "\\u" in text:
        for fault, characters in _UNSTORABLE.items():
            if any(characters.search(value) for value in values):
                faults.append(fault)
                values = [characters.sub(_NO_TEXT, value) for value in values]
    return " ".join(faults), values


def _taken(value: Any, what: str, written: str) -> Any:
    """Return a value that may be something else than a text or a number; as text, if it is that."""
    if what == "booleans" and isinstance(value, bool):
        return "true" if value else "false"
    return written if what == "values" and value is not None else value


def _written(text: str) -> dict[str, str]:
    """Return the values of an object, as they are written."""
    found: dict[str, str] = {}
    position = text.index("{") + 1
    while key := _KEY.match(text, position):
        name, position = _decoder.raw_decode(text, key.end() - 1)
        start = _COLON.match(text, position).end()  # type: ignore[union-attr]  # it was read before
        _, position = _decoder.raw_decode(text, start)
        found[name] = text[start:position]
    return found


def texts(raw: bytes, _names: Sequence[str], _wanted: Sequence[str]) -> Iterator[tuple[int, int, bytes]]:
    """Yield where texts stand in a record, and what they say."""
    for found in _TEXT.finditer(raw):
        with suppress(ValueError):
            yield *found.span(1), str(json.loads(found[0])).strip().encode(errors="replace")


def read_object(raw: bytes) -> dict[str, Any] | None:
    """Return the object that a line holds, or None; also if it is longer than a line that is read."""
    if too_long(raw):
        return None
    try:
        value = _read(raw.decode().lstrip(_MARK))
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
_decoder = json.JSONDecoder(object_pairs_hook=tuple, parse_float=_plain, parse_int=str, parse_constant=float)
_read: Callable[[str], Any] = _decoder.decode
