"""What all formats mean by a record."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

#: A line of more bytes than this is taken for a fault of the whole file: no text at all. No quotes hold more together.
LONGEST_RECORD = 16 * 2**20
#: A record of more bytes than this is a reject that nobody reads: reading takes many times its size.
LONGEST_READ = 4 * 2**20

#: Some programs begin a file with it, and joined files have it inside. At the start of a line it belongs to no value.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: The faults that leave nothing to read: no rule says more about such a record.
UNREADABLE = frozenset(
    {
        *("record_too_long", "stray_quote", "unterminated_quote", "too_few_fields", "too_many_fields"),
        *(
            "header_repeated",
            "header_differs",
            "lines_differ",
            "pair_unknown",
            "pair_repeated",
            "invalid_json",
            "not_an_object",
            "duplicate_key",
        ),
    }
)

#: Blanks, and the NULs of holes.
NOTHING = b"\0 \t\n\r\v\f"


class Record(NamedTuple):
    """A record's place ``[start, end)`` without its line end, its line in the chunk (from 1), its structural fault or ''."""

    start: int
    end: int
    line: int
    fault: str


class FastRecords(NamedTuple):
    """Records of one form that surely keep the contract: an expression that matches a run of them, and what makes CSV of it.

    That is one line a record, of fields without quotes, in the order of the dataset's columns in the file.
    """

    run: re.Pattern[bytes]
    to_csv: Callable[[bytes], bytes]
