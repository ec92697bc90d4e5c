"""Plain records: those that a dataset's own patterns tell to be good, so that they are staged as they are, judged by nobody.

Nearly all records of nearly all files are plain. The others, and what makes no sense at all, go the long way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dbsvc.engine.database import Row, Run
from dbsvc.engine.formats import delimited

#: So many records of a chunk must be plain that it pays to take it apart.
_WORTH = 0.5
#: Of more odd records no one keeps a list.
_MOST_ODD = 2**16
_LINE_END = re.compile(rb"\r+\n")


def sift(data: bytes, columns: Sequence[str], patterns: Iterable[Row]) -> tuple[list[Run], list[Run]] | None:
    """Part a chunk into runs of plain records, each a line, and the other records, each a run. None if few are plain."""
    if not data.endswith(b"\n"):
        data += b"\n"
    if not (data.isascii() or delimited.is_utf8(data)):
        return None
    guard = "" if data.isascii() or not delimited.begins_with_mark(data) else "(?!\\xef\\xbb\\xbf)"
    records = _compile(tuple(columns), tuple((row["field"], row["pattern"]) for row in patterns), guard)
    plain: list[Run] = []
    others: list[Run] = []
    position, line = 0, 1
    returns = b"\r" in data
    while position < len(data):
        found = records.match(data, position)
        end = found.end() if found else position
        if end > position:
            plain.append((line, _LINE_END.sub(b"\n", data[position:end]) if returns else data[position:end]))
            line += data.count(b"\n", position, end)
        if end < len(data):
            position = end
            end, _ = delimited.whole_record(data, position)
            others.append((line, data[position:end]))
            line += data.count(b"\n", position, end)
            if len(others) > _MOST_ODD:
                return None
        position = end
    return (plain, others) if len(others) < line * _WORTH else None


@lru_cache(maxsize=8)
def _compile(columns: tuple[str, ...], patterns: tuple[tuple[str, str], ...], guard: str) -> re.Pattern[bytes]:
    """Compile the patterns of fields, and what no record begins with, to one of a run of records.

    What matched is never tried another way.
    """
    fields = ("|".join(pattern for field, pattern in patterns if field == column) for column in columns)
    record = ",".join(f"(?:{field})" for field in fields)
    return re.compile(rf"(?>{guard}{record}\r*+\n)*+".encode())
