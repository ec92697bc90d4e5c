"""How a file ends that lacks its last line end: it may have been cut off while it was sent."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dbsvc.engine.sources.header import Header

#: At most _MOST records before the last one tell how long its last field should be; one in _ODD may be shorter than usual.
_MOST, _ODD = 1000, 20
_DECIMALS = re.compile(r"\.(\d*)$")


@dataclass(frozen=True)
class Ending:
    """The line of the last record; how many decimals its last field has, and nearly all of those before it at least."""

    last_line: int
    last_decimals: int
    usual_decimals: int | None


def find_ending(header: Header, parts: Iterable[tuple[int, bytes]]) -> Ending | None:
    """Return how a file ends, or None if its last line is whole. ``parts`` are its last chunks, each with its first line."""
    of = header.format
    last: deque[tuple[int, str, bytes]] = deque(maxlen=_MOST)
    whole = True
    for first_line, data in parts:
        for record in of.records(data):
            last.append((first_line + record.line - 1, record.fault, data[record.start : record.end]))
            whole = data.find(b"\n", record.end) >= 0
    if whole:
        return None
    shown = [(line, *(of.fields(raw, header.names) if not fault else (fault, [""]))) for line, fault, raw in last]
    line, _, fields = shown.pop()
    usual = [_decimals(fields) for _, faults, fields in shown if not faults]
    return Ending(line, _decimals(fields), sorted(usual)[len(usual) // _ODD] if usual else None)


def _decimals(fields: list[str]) -> int:
    """Return how many decimals the last field has; -1 if it is empty."""
    found = _DECIMALS.search(fields[-1])
    return len(found[1]) if found else 0 if fields[-1] else -1
