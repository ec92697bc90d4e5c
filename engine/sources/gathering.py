"""Several lines a record: lines that follow each other and have the same key are one record, as a profile says.

A line that cannot be read belongs to the record before it, so that no record is made without it: a record is rejected as a
whole, with all of its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.canonical import canonical
from dbsvc.engine.sources.formats.record import LONGEST_READ, UNREADABLE, FastRecords, Record
from dbsvc.engine.sources.objects import Objects
from dbsvc.engine.sources.translation import Translation, write_read

TAIL = 64 * 1024  # bytes, in which the last record is looked for
#: The faults of a line, and its fields.
Line = tuple[str, list[str]]
#: What makes one record of the fields of its lines: its faults, and its fields.
Join = Callable[[list[list[str]]], tuple[str, list[str]]]


class Gathering:
    """A profile whose records may have several lines: a ``Format``, of which ``lines`` reads one line each."""

    def __init__(
        self,
        lines: Translation | Objects,
        dataset: Dataset,
        columns: Sequence[str],
        join: Join,
        write: Callable[[list[str]], str],
        also: Sequence[str] = (),
    ) -> None:
        self.profile: Profile = lines.profile
        self.columns = tuple(columns)
        self.lines = lines
        self._join, self._write = join, write
        #: what may be a text of any column, beside those that are wanted
        self._also = also
        self._key = [(lines.columns.index(column), dataset.columns[column]) for column in dataset.key]

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield records of all their lines."""
        for record, _ in self.keyed(data):
            yield record

    def keyed(self, data: bytes) -> Iterator[tuple[Record, list[str] | None]]:
        """Yield records of all their lines, each with its key; without one if its first line cannot be read."""
        for record, key, _ in self._gather(data):
            yield record, key

    def _gather(self, data: bytes) -> Iterator[tuple[Record, list[str] | None, list[Line]]]:
        """Yield records, each with its key, and with its lines as they were read."""
        record: Record | None = None
        record_key: list[str] | None = None
        written: list[str] | None = None
        lines: list[Line] = []
        for line in self.lines.records(data):
            faults, fields = self._read(data, line)
            readable = UNREADABLE.isdisjoint(faults.split())
            here = [fields[at] for at, _ in self._key] if readable else None
            key = None if here is None else record_key if here == written else as_key(self._key, fields)
            if record and (key is None or key == record_key):
                too_long = "record_too_long" if line.end - record.start > LONGEST_READ else ""
                record = Record(record.start, line.end, record.line, too_long)
                lines.append((faults, fields))
                continue
            if record:
                yield record, record_key, lines
            record, record_key, written, lines = line, key, here, [(faults, fields)]
        if record:
            yield record, record_key, lines

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last record ends that surely has no more lines."""
        end = self.lines.cut(data, final)
        if final and end == len(data):
            return end
        tail = data.rfind(b"\n", 0, max(0, end - TAIL)) + 1
        starts = [tail, 0] if tail and self.lines.begins_after_line_ends(data[:end]) else [0]
        for start in starts:
            found = list(self.keyed(data[start:end]))
            if start and found and found[0][1] is None:  # of a record that begins before
                del found[0]
            if len(found) > 1:
                return start + found[-1][0].start
        return 0

    def whole_record(self, data: bytes, start: int) -> tuple[int, str]:
        """Return where the record that begins at ``start`` ends, with all of its lines, and its structural fault."""
        found = self.records(data[start:])
        first, second = next(found, None), next(found, None)
        return (start + second.start if second else len(data)), first.fault if first else ""

    def fields(self, raw: bytes, _names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of a record, and its fields."""
        return self._as_one([self._read(raw, line) for line in self.lines.records(raw)])

    def _read(self, data: bytes, line: Record) -> Line:
        return (line.fault, []) if line.fault else self.lines.fields(data[line.start : line.end], ())

    def _as_one(self, lines: list[Line]) -> tuple[str, list[str]]:
        nothing = [""] * len(self.columns)
        if faults := next((faults for faults, _ in lines if faults), ""):
            return faults, nothing
        faults, fields = self._join([fields for _, fields in lines])
        return faults, nothing if faults else fields

    def translate(self, data: bytes) -> bytes:
        """Return a chunk as the dataset's own format has it: every record on the line that it begins on."""
        found = (
            (record.line, *((record.fault, []) if record.fault else self._as_one(lines)))
            for record, _, lines in self._gather(data)
        )
        return write_read(found, self.count_lines(data)[0], self._write)

    def texts(self, raw: bytes, names: Sequence[str], wanted: Sequence[str], /) -> Iterator[tuple[int, int, bytes]]:
        """Yield where the fields that are wanted may stand in the lines of a record, and what they say."""
        for line in self.lines.records(raw):
            for start, end, text in self.lines.texts(raw[line.start : line.end], names, (*wanted, *self._also)):
                yield line.start + start, line.start + end, text

    def is_hole(self, before: bytes, length: int, after: bytes, /) -> bool:
        """Whether ``length`` NULs are nothing, given what stands around them."""
        return self.lines.is_hole(before, length, after)

    def count_lines(self, data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
        """Return how many lines end in ``data``, and what to give along to count on."""
        return self.lines.count_lines(data, carry)

    def mentions_header(self, data: bytes, names: Sequence[str]) -> bool:
        """Whether a record may name the columns."""
        return self.lines.mentions_header(data, names)

    def find_footer(self, data: bytes) -> int:
        """Return where the last lines begin that are no records, as the profile says."""
        return self.lines.find_footer(data)

    def to_clean_csv(self, _data: bytes) -> bytes | None:
        """Return None: single records have to be looked at."""
        return None

    def fast_records(self, _data: bytes, _names: Sequence[str], _patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
        """Return none: what is fast is what they are translated to."""
        return []


def as_key(key: Sequence[tuple[int, Column]], fields: Sequence[str]) -> list[str]:
    """Return the key of a line as it will be stored, whatever else it may be written as."""
    return [canonical(column, fields[at]) for at, column in key]
