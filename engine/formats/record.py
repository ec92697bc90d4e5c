"""What all formats mean by a record."""

from __future__ import annotations

from typing import NamedTuple

#: A record of more bytes than this is taken for a fault: an unclosed quote, or no text at all.
LONGEST_RECORD = 16 * 2**20


class Record(NamedTuple):
    """A record's place ``[start, end)`` without its line end, its line in the chunk (from 1), its structural fault or ''."""

    start: int
    end: int
    line: int
    fault: str
