"""The fast path: records that surely keep the contract, by their dataset's patterns, are staged without being validated.

Nearly all records of nearly all files take it. The others are landed and validated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load, LoadChunk
from dbsvc.engine.loads.phases import own
from dbsvc.engine.sources.formats import delimited
from dbsvc.engine.sources.header import Header

#: This share of a chunk's records must take the fast path, or else none does: taking a chunk apart costs time.
_WORTH = 0.5
#: With more other records than this in a chunk, none takes the fast path.
_MOST_OTHERS = 2**16
_LINE_END = re.compile(rb"\r+\n")


def stage_fast(
    tx: Transaction, load: Load, chunk: LoadChunk, header: Header, data: bytes, table: str
) -> tuple[int, list[Batch]]:
    """Stage the records of a chunk that surely keep the contract into a table; or apart, where that is another one.

    Returns how many, and batches of the others.
    """
    before, phase = chunk.first_line - 1, own(load, "fast_path")
    split = split_chunk(data, header.columns, tx.run(f"{phase}/patterns").rows) if tx.statements.phase(phase) else None
    if split is None:
        return 0, [(before + 1, data)]
    fast, others = ([(before + line, batch) for line, batch in batches] for batches in split)
    columns = ["line_no", "load_id", *header.columns]
    apart = load.staging_table if table != load.staging_table else None
    return tx.copy_batches(f"{phase}/copy", table, columns, fast, [load.load_id], apart), others


def split_chunk(data: bytes, columns: Sequence[str], patterns: Iterable[Row]) -> tuple[list[Batch], list[Batch]] | None:
    """Split a chunk into batches that match the patterns, each record a line, and the other records, each a batch.

    Returns None if few records match.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    if not (data.isascii() or delimited.is_utf8(data)):
        return None
    guard = "" if data.isascii() or not delimited.begins_with_mark(data) else "(?!\\xef\\xbb\\xbf)"
    records = _compile(tuple(columns), tuple((row["field"], row["pattern"]) for row in patterns), guard)
    fast: list[Batch] = []
    others: list[Batch] = []
    position, line = 0, 1
    returns = b"\r" in data
    while position < len(data):
        found = records.match(data, position)
        end = found.end() if found else position
        if end > position:
            fast.append((line, _LINE_END.sub(b"\n", data[position:end]) if returns else data[position:end]))
            line += data.count(b"\n", position, end)
        if end < len(data):
            position = end
            end, _ = delimited.whole_record(data, position)
            others.append((line, data[position:end]))
            line += data.count(b"\n", position, end)
            if len(others) > _MOST_OTHERS:
                return None
        position = end
    return (fast, others) if len(others) < line * _WORTH else None


@lru_cache(maxsize=8)
def _compile(columns: tuple[str, ...], patterns: tuple[tuple[str, str], ...], guard: str) -> re.Pattern[bytes]:
    """Compile the patterns of fields, and what no record begins with, to one of a batch of records.

    What matched is never tried another way.
    """
    fields = ("|".join(pattern for field, pattern in patterns if field == column) for column in columns)
    record = ",".join(f"(?:{field})" for field in fields)
    return re.compile(rf"(?>{guard}{record}\r*+\n)*+".encode())
