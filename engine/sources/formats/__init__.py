"""The formats of deliveries, one module each: where records begin and end, and what fields one has."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.sources.formats import delimited, jsonlines
from dbsvc.engine.sources.formats.record import FastRecords, Record


class Records(Protocol):
    """How the bytes of a delivery become records."""

    def count_lines(self, data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
        """Return how many lines end in ``data``, and what to give along (``carry``) to count on in what follows it."""

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last complete record of ``data`` ends; ``data`` begins with one. ``final``: the file ends here."""

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield the records of a chunk, all of them complete. Blank lines are no records."""

    def whole_record(self, data: bytes, start: int) -> tuple[int, str]:
        """Return where the record that begins at ``start`` of a chunk ends, with its line end, and its structural fault."""


class Format(Records, Protocol):
    """How the bytes of a delivery become records, and records become fields."""

    def is_hole(self, before: bytes, length: int, after: bytes, /) -> bool:
        """Whether ``length`` NULs are nothing, given what stands around them (nothing after them: the file ends)."""

    def to_clean_csv(self, data: bytes) -> bytes | None:
        """Return a chunk as clean CSV, its records on the same lines, if that needs no look at single records; else None."""

    def fast_records(self, data: bytes, names: Sequence[str], patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
        """Return the forms that records of a chunk have whose fields of these names match their patterns; perhaps none."""

    def mentions_header(self, data: bytes, names: Sequence[str]) -> bool:
        """Whether a record may name the columns, as a header does that stands inside: cheap, and never wrongly no."""

    def fields(self, raw: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of one record, separated by blanks, and its fields of these names; what is not there is empty."""

    def texts(self, raw: bytes, names: Sequence[str], wanted: Sequence[str], /) -> Iterator[tuple[int, int, bytes]]:
        """Yield where the fields that are wanted may stand in a record, and what they say, longer ones first."""


#: The name in ``dataset.toml`` → the format.
FORMATS: Mapping[str, Format] = {"csv": delimited, "jsonl": jsonlines}


def raw_records(of: Format, batches: Iterable[Batch], lines: Container[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the records that begin on these lines, each with its line and its bytes."""
    for first_line, data in batches:
        for record in of.records(data):
            if (line := first_line + record.line - 1) in lines:
                yield line, data[record.start : record.end]


#: Where the fields begin in a row: after the line and the faults.
FIELDS_BEGIN = 2


def rows(
    of: Format, data: bytes, names: Sequence[str], first_line: int = 1, takes: Mapping[str, str] | None = None
) -> Iterator[list[int | str]]:
    """Yield a row for each record: its line, counted on from the first, its faults, its fields.

    ``takes``: what of JSON is accepted under which names besides texts and numbers.
    """
    nothing = [""] * len(names)
    read = partial(jsonlines.fields, takes=takes) if takes and of is jsonlines else of.fields
    for start, end, line, fault in of.records(data):
        faults, fields = (fault, nothing) if fault else read(data[start:end], names)
        yield [first_line + line - 1, faults, *fields]


def part(of: Format, batch: Batch, most: int) -> Iterator[Batch]:
    """Part a batch into batches of whole records, each of at most ``most`` lines or of one record."""
    line, data = batch
    lines = re.compile(rb"(?:[^\n]*+\n){0,%d}+" % most)
    start = 0
    while start < len(data):
        found = lines.match(data, start)
        end = found.end() if found and found.end() > start else len(data)
        if end < len(data):
            end = start + of.cut(data[start:end], final=False)
            if end == start:
                end, _ = of.whole_record(data, start)
        yield line, data[start:end]
        line += of.count_lines(data[start:end])[0]
        start = end
