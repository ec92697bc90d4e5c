"""The fast path: records that surely keep the contract, by their dataset's patterns, are staged without being validated.

Nearly all records of nearly all files take it. The others are landed and validated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.batches import Batch, slice_end
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load, LoadChunk
from dbsvc.engine.loads.phases import own
from dbsvc.engine.loads.validate import DOUBTS, find_broken
from dbsvc.engine.sources.formats import Format, raw_records
from dbsvc.engine.sources.formats.record import FastRecords
from dbsvc.engine.sources.header import Header

#: This share of a chunk's records must take the fast path, or else none does: taking a chunk apart costs time.
_WORTH = 0.5
_BLANK = re.compile(rb"\n++")
#: With more other records than this in a chunk, none takes the fast path.
_MOST_OTHERS = 2**16
_SLICE = 64 * 1024  # bytes matched at once


def _go_on() -> None:
    pass


class NotWorthItError(Exception):
    """Most records of a chunk are to be validated after all: at once with the others, which is faster than one by one."""


#: Patterns of each column's fields.
Patterns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Prepared:
    """A chunk's bytes; and the batches of them that match the patterns, and the others, unless few do."""

    data: bytes
    split: tuple[list[Batch], list[Batch]] | None


def prepare(data: bytes, header: Header, patterns: Patterns | None, give_way: Callable[[], None] = _go_on) -> Prepared:
    """Take a chunk apart, as far as that needs no database. ``give_way`` is called again and again, for other threads."""
    if not patterns:
        return Prepared(data, None)
    plain = header.translation.translate(data) if header.translation else data
    fields = [patterns[column] for column in header.columns]
    return Prepared(data, split_chunk(header.dataset.format, plain, header.names, fields, give_way))


def stage_fast(
    tx: Transaction, load: Load, chunk: LoadChunk, header: Header, prepared: Prepared, table: str
) -> tuple[int, list[Batch]]:
    """Stage the records of a chunk that surely keep the contract into a table; or apart, where that is another one.

    Returns how many, and batches of the others. Raises NotWorthItError, and is to be taken back, if these are most.
    """
    before, data = chunk.first_line - 1, prepared.data
    if prepared.split is None:
        return 0, [(before + 1, data)]
    fast, others = ([(before + line, batch) for line, batch in batches] for batches in prepared.split)
    columns = ["line_no", "load_id", *header.columns]
    apart = load.staging_table if table != load.staging_table else None
    staged = tx.copy_batches(own(load, "contract/copy"), table, columns, fast, [load.load_id], apart)
    lines = {"first_line": chunk.first_line, "last_line": before + header.format.count_lines(data)[0] + 1}
    places = [place for place in (table, apart) if place]
    doubtful = {row["line_no"] for place in places for row in find_broken(tx, load, *DOUBTS, staged=place, **lines)}
    if len(doubtful) > staged * _WORTH:
        raise NotWorthItError
    looked_at = doubtful
    if header.translation:  # the others are looked at as they came
        looked_at, others = doubtful.union(line for line, _ in others), []
    if looked_at:
        others += raw_records(header.format, [(chunk.first_line, data)], looked_at)
    return staged - len(doubtful), sorted(others)


def find_patterns(tx: Transaction, dataset: Dataset) -> dict[str, list[str]] | None:
    """Return the patterns of each column's fields; None if a column has none."""
    today = datetime.now(UTC).date()
    found = {}
    for column in dataset.columns.values():
        codes = find_codes(tx, column) if column.type.lists_codes else ()
        found[column.name] = column.patterns(today, codes)
    return found if all(found.values()) else None


def find_codes(tx: Transaction, column: Column) -> list[str]:
    """Return the codes that a column may hold."""
    names = {"table": column.limits["table"], "column": column.limits["column"]}
    return [row["code"] for row in tx.run("schema/codes", **names).rows]


def split_chunk(
    of: Format,
    data: bytes,
    names: Sequence[str],
    patterns: Sequence[Sequence[str]],
    give_way: Callable[[], None] = _go_on,
) -> tuple[list[Batch], list[Batch]] | None:
    """Split a chunk into batches of CSV, each a run of records whose fields match their patterns, and the others, each a batch.

    Returns None if few records match.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    forms = of.fast_records(data, names, patterns)
    if not forms:
        return None
    fast: list[Batch] = []
    others: list[Batch] = []
    position, line = 0, 1
    while position < len(data):
        if blank := _BLANK.match(data, position):
            position, line = blank.end(), line + blank.end() - position
            continue
        start = position
        for form in forms:  # which may alternate
            if (end := _end_of_run(form, data, position, give_way)) > position:
                fast.append((line, form.to_csv(data[position:end])))
                line += data.count(b"\n", position, end)
                position = end
        if position == start:
            position, _ = of.whole_record(data, position)
            others.append((line, data[start:position]))
            line += data.count(b"\n", start, position)
            if len(others) > _MOST_OTHERS:
                return None
    return (fast, others) if len(others) < line * _WORTH else None


def _end_of_run(form: FastRecords, data: bytes, position: int, give_way: Callable[[], None]) -> int:
    """Return where the run of records of a form ends. In slices: while an expression matches, no other thread has its turn."""
    while position < len(data):
        end = slice_end(data, _SLICE, position, len(data))
        found = form.run.match(data, position, end)
        position = found.end() if found else position
        if position < end:
            break
        give_way()
    return position
