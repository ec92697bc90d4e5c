"""The elements of one JSON array as bytes: pretty-printed, or on one line. What stands between two of them is nothing.

A record has the number of the line that it begins on. Where several begin on one line, each counts as a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbsvc.engine.sources.formats.jsonlines import too_long
from dbsvc.engine.sources.formats.record import Record

#: A text has no line end in it: a quote that is missing is noticed in its line.
TEXT = rb'"(?:[^"\\\n]++|\\.)*+"'
_BARE = rb"[^\s,\[\]{}\"]++"
#: How deep in each other values may be that one expression finds; what is deeper is taken apart.
_DEPTH = 3


def _nested(depth: int) -> bytes:
    inner = rb"[^\"\[\]{}]++|" + TEXT + (b"|" + _nested(depth - 1) if depth else b"")
    return rb"\{(?:%b)*+\}|\[(?:%b)*+\]" % (inner, inner)


_BETWEEN = re.compile(rb"(?:[\s,]|\xef\xbb\xbf)*+")
_NESTED = re.compile(_nested(_DEPTH))
_OTHER = re.compile(rb"%b|%b" % (TEXT, _BARE))
_MARKS = re.compile(rb"[\[\]{}]|" + TEXT + rb'|"')
_CLOSES = {b"{": b"}", b"[": b"]"}


class BrokenError(ValueError):
    """Brackets or quotes that do not fit: nobody knows where the element ends. ``at`` is where that is seen."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def skip_between(data: bytes, start: int) -> int:
    """Return where the next element begins, or the array ends."""
    return found.end() if (found := _BETWEEN.match(data, start)) else start


def find_end(data: bytes, start: int, final: bool) -> int | None:
    """Return where the element that begins at ``start`` ends; None while the bytes do not tell. Raises BrokenError."""
    if found := _NESTED.match(data, start):
        return found.end()
    if data[start : start + 1] not in _CLOSES:
        found = _OTHER.match(data, start)
        if found and (final or found.end() < len(data)):
            return found.end()
        if final or (not found and (b"\n" in data[start:] or data[start : start + 1] != b'"')):
            raise BrokenError(start)
        return None
    opened = []
    for found in _MARKS.finditer(data, start):
        mark = found[0]
        if mark in _CLOSES:
            opened.append(_CLOSES[mark])
        elif mark == b'"':
            if final or data.find(b"\n", found.start()) >= 0:
                raise BrokenError(found.start())
            return None
        elif len(mark) == 1:
            if mark != opened.pop():
                raise BrokenError(found.start())
            if not opened:
                return found.end()
    if final:
        raise BrokenError(len(data))
    return None


def find_elements(data: bytes, final: bool = True) -> Iterator[tuple[int, int]]:
    """Yield where elements begin and end, until the bytes or the array ends. Raises BrokenError."""
    position = skip_between(data, 0)
    while position < len(data) and data[position : position + 1] not in (b"]", b"}"):
        end = find_end(data, position, final)
        if end is None:
            return
        yield position, end
        position = skip_between(data, end)


def cut(data: bytes, final: bool) -> int:
    """Return where the last element begins that may not be whole: what is before it is."""
    last = 0
    for start, end in find_elements(data, final):
        last = len(data) if final and skip_between(data, end) == len(data) else start
        following = skip_between(data, end)
        if following < len(data):
            last = following
    return last


def records(data: bytes) -> Iterator[Record]:
    """Yield the elements of a chunk; what cannot be taken apart is one record to its end."""
    line, position, begun = 1, 0, False
    elements = find_elements(data)
    while True:
        try:
            found = next(elements, None)
            fault = ""
        except BrokenError:
            found, fault = (skip_between(data, position), len(data.rstrip())), "invalid_json"
        if found is None:
            return
        start, end = found
        passed = data.count(b"\n", position, start)
        line += passed or begun
        yield Record(start, end, line, fault or too_long(data[start:end]))
        if fault:
            return
        within = data.count(b"\n", start, end)
        line, position, begun = line + within, end, not within


def count_lines(data: bytes, _carry: bytes = b"") -> tuple[int, bytes]:
    """Return how many lines end in ``data``; one that a record began on ends where another one begins on it."""
    lines, end, begun = 0, 0, False
    for start, stop, *_ in records(data):
        lines += data.count(b"\n", end, start) or begun
        within = data.count(b"\n", start, stop)
        lines, end, begun = lines + within, stop, not within
    return lines + (data.count(b"\n", end) or begun), b""


def whole_record(data: bytes, start: int) -> tuple[int, str]:
    """Return where the next element begins after the one at ``start``, and its fault."""
    found = records(data[start:])
    first, second = next(found, None), next(found, None)
    return (start + second.start if second else len(data)), first.fault if first else ""
