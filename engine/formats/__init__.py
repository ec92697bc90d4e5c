"""The formats of deliveries, one module each: where records begin and end, and what fields one has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from dbsvc.engine.formats import delimited, jsonlines
from dbsvc.engine.formats.record import Record


class Format(Protocol):
    """How the bytes of a delivery become records, and records become fields."""

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last complete record of ``data`` ends; ``data`` begins with one. ``final``: the file ends here."""

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield the records of a chunk, all of them complete. Blank lines are no records."""

    def tidy(self, data: bytes) -> bytes | None:
        """Return a chunk as clean CSV, its records on the same lines, if that needs no look at single records; else None."""

    def fields(self, raw: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of one record, separated by blanks, and its fields of these names; what is not there is empty."""


#: The name in ``dataset.toml`` → the format.
FORMATS: Mapping[str, Format] = {"csv": delimited, "jsonl": jsonlines}


def raw_records(of: Format, data: bytes, lines: Collection[int]) -> dict[int, bytes]:
    """Return the bytes of the records that begin on these lines of the chunk."""
    return {record.line: data[record.start : record.end] for record in of.records(data) if record.line in lines}


def rows(of: Format, data: bytes, names: Sequence[str]) -> Iterator[list[int | str]]:
    """Yield a row for each record of a chunk: its line in the chunk, its faults, its fields."""
    nothing = [""] * len(names)
    for start, end, line, fault in of.records(data):
        faults, fields = (fault, nothing) if fault else of.fields(data[start:end], names)
        yield [line, faults, *fields]
