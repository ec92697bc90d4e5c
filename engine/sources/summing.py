"""Several lines a record, as a profile says: lines that follow each other and have the same key are one record.

Amounts are added up, exactly; all else must agree. A line that cannot be read belongs to the record before it, so that nothing
is summed without it: a record is rejected as a whole, with all of its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.functions import decimals
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.formats.record import LONGEST_READ, UNREADABLE, Record
from dbsvc.engine.sources.spellings import PLAIN, WRONG
from dbsvc.engine.sources.translation import Translation

_TAIL = 64 * 1024  # bytes, in which the last record is looked for


class Summing(Translation):
    """A profile whose records may have several lines."""

    def __init__(
        self, profile: Profile, dataset: Dataset, names: Sequence[str], columns: Sequence[str | None], raw: bytes
    ) -> None:
        super().__init__(profile, dataset, names, columns, raw)
        self._key = [at for at, column in enumerate(self.columns) if column in dataset.key]
        types = {name: column.type.name for name, column in dataset.columns.items()}
        self._whole = {at for at in self._key if types[str(self.columns[at])] == "whole"}
        self._summed = [at for at, column in enumerate(self.columns) if column in profile.sum]

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield records of all their lines."""
        record: Record | None = None
        record_key: list[str] | None = None
        for line in super().records(data):
            faults, fields = (line.fault, []) if line.fault else super().fields(data[line.start : line.end], ())
            readable = UNREADABLE.isdisjoint(faults.split())
            key = [self._as_key(at, fields[at]) for at in self._key] if readable else None
            if record and (key is None or key == record_key):
                too_long = "record_too_long" if line.end - record.start > LONGEST_READ else ""
                record = Record(record.start, line.end, record.line, too_long)
                continue
            if record:
                yield record
            record, record_key = line, key
        if record:
            yield record

    def _as_key(self, at: int, text: str) -> str:
        """Return a field of the key as it will be stored, whatever else it may be written as."""
        return text.lstrip("0") if at in self._whole else text

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last record ends that surely has no more lines."""
        end = super().cut(data, final)
        if final and end == len(data):
            return end
        tail = data.rfind(b"\n", 0, max(0, end - _TAIL)) + 1
        starts = [tail, 0] if tail and not self._has_quotes(data[:end]) else [0]
        for start in starts:
            found = [record.start for record in self.records(data[start:end])]
            if len(found) > 1:
                return start + found[-1]
        return 0

    def _has_quotes(self, data: bytes) -> bool:
        return bool(self.profile.quote) and self.profile.quote.encode() in data

    def whole_record(self, data: bytes, start: int) -> tuple[int, str]:
        """Return where the record that begins at ``start`` ends, with all of its lines, and its structural fault."""
        found = self.records(data[start:])
        first, second = next(found, None), next(found, None)
        return (start + second.start if second else len(data)), first.fault if first else ""

    def fields(self, raw: bytes, _names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of a record, and its fields; amounts are the sums of those of its lines."""
        lines: list[list[str]] = []
        for line in super().records(raw):
            faults, fields = (line.fault, []) if line.fault else super().fields(raw[line.start : line.end], ())
            if faults:
                return faults, fields or [""] * len(self.columns)
            lines.append(fields)
        first = lines[0]
        same = [at for at in range(len(first)) if at not in self._summed]
        if any(self._as_key(at, line[at]) != self._as_key(at, first[at]) for line in lines[1:] for at in same):
            return "lines_differ", [""] * len(first)
        for at in self._summed if len(lines) > 1 else ():
            first[at] = _add([line[at] for line in lines])
        return "", first

    def texts(self, raw: bytes, names: Sequence[str], wanted: Sequence[str], /) -> Iterator[tuple[int, int, bytes]]:
        """Yield where the fields that are wanted may stand in the lines of a record, and what they say."""
        for line in super().records(raw):
            for start, end, text in super().texts(raw[line.start : line.end], names, wanted):
                yield line.start + start, line.start + end, text

    def _translate(self, block: bytes) -> bytes:
        return self._translate_each(block)


def _add(amounts: list[str]) -> str:
    """Return the sum of plain decimals; nothing if one of them is missing."""
    if not all(amounts):
        return ""
    if not all(map(PLAIN.fullmatch, amounts)):
        return WRONG
    total = "0"
    for amount in amounts:
        total = decimals.add(total, amount) or total
    return total
