"""Which records of a file are rejects of an earlier load, mended: told by their text alone."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.sources.formats.record import UNREADABLE
from dbsvc.engine.sources.header import Header

_NO_TEXT = "\ufffd"  # stands for bytes that are no text


@dataclass(frozen=True)
class Written:
    """A record as it is written: where it begins, its bytes, and its fields by our columns; none if it cannot be read."""

    line: int
    raw: bytes
    fields: dict[str, str]


@dataclass(frozen=True)
class Rejected:
    """A reject: its record, the rules it broke, and whether its key could be told."""

    record: Written
    reasons: str
    has_key: bool


def read_written(header: Header, data: bytes, first_line: int) -> Iterator[Written]:
    """Yield the records of a chunk, or of one record's bytes."""
    of = header.format
    for start, end, line, fault in of.records(data):
        raw = data[start:end]
        faults, fields = (fault, []) if fault else of.fields(raw, header.names)
        readable = UNREADABLE.isdisjoint(faults.split())
        yield Written(first_line + line - 1, raw, dict(zip(header.columns, fields, strict=True)) if readable else {})


@lru_cache(maxsize=1024)
def named_columns(reasons: str, columns: tuple[str, ...]) -> frozenset[str]:
    """Return the columns that broken rules are about.

    A rule begins with the column's name; one that does not (``inverter_of_another_plant``) names those whose name without
    ``_id`` stands in it.
    """
    named = set[str]()
    for reason in reasons.split():
        begins = [column for column in columns if f"{reason}_".startswith(f"{column}_")]
        named |= {max(begins, key=len)} if begins else {c for c in columns if f"_{c.removesuffix('_id')}_" in f"_{reason}_"}
    return frozenset(named)


def match(dataset: Dataset, records: Sequence[Written], rejects: Iterable[Rejected], count: int) -> list[tuple[int, int]]:
    """Return the lines of the records that are mended rejects, each with the reject's line. There are ``count`` rejects.

    A record stands for one reject, and has its values in the columns that tell (``telling_columns``), in the order of lines.
    Where nothing tells, its place does, if there is a record for each reject, and all others match at their places; if there
    are no others, at least half of what stands between a reject's commas has to stand in the record.
    """
    unused = _Unused(records)
    matched: list[tuple[int, int]] = []
    in_place: list[tuple[int, int]] = []
    all_in_place = len(records) == count
    told = untold = half_shared = 0
    for at, reject in enumerate(rejects):
        columns = telling_columns(dataset, reject)
        if columns and (record := unused.take(reject.record, columns)):
            matched.append((record.line, reject.record.line))
        if all_in_place and at < count:
            here = records[at]
            in_place.append((here.line, reject.record.line))
            told += bool(columns)
            untold += not columns
            all_in_place = not columns or _values(here, columns) == _values(reject.record, columns)
            half_shared += not columns and _shares_half(reject.record.raw, here.raw)
    return in_place if all_in_place and untold and (told or half_shared == untold) else matched


def telling_columns(dataset: Dataset, reject: Rejected) -> tuple[str, ...]:
    """Return the columns that its mended record shares with a reject; none if too few are left to tell.

    These are the columns that no broken rule is about; of a dataset whose deliveries have an order of their own, the key and
    that order, if no broken rule is about these.
    """
    columns = tuple(dataset.columns)
    named = named_columns(reject.reasons, columns)
    if not reject.record.fields:
        return ()
    if reject.has_key and dataset.precedence and named.isdisjoint(identity := (*dataset.key, dataset.precedence)):
        return identity
    left = tuple(column for column in columns if column not in named and _NO_TEXT not in reject.record.fields[column])
    return left if 2 * len(left) >= len(columns) else ()


class _Unused:
    """The records that stand for no reject yet, found by their values."""

    def __init__(self, records: Sequence[Written]) -> None:
        self._records = records
        self._used = set[int]()
        self._places: dict[tuple[str, ...], defaultdict[tuple[str, ...], deque[int]]] = {}

    def take(self, reject: Written, columns: tuple[str, ...]) -> Written | None:
        """Return the first record that has the reject's values in these columns, once."""
        if columns not in self._places:
            places = self._places[columns] = defaultdict[tuple[str, ...], deque[int]](deque)
            for at, record in enumerate(self._records):
                places[_values(record, columns)].append(at)
        waiting = self._places[columns].get(_values(reject, columns), deque())
        while waiting:
            if (at := waiting.popleft()) not in self._used:
                self._used.add(at)
                return self._records[at]
        return None


def _values(record: Written, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(record.fields[column] for column in columns) if record.fields else ()


def _shares_half(reject: bytes, record: bytes) -> bool:
    """Whether at least half of what stands between the commas of a reject stands between those of a record as well."""
    parts, known = _parts(reject), set(_parts(record))
    return bool(parts) and 2 * sum(part in known for part in parts) >= len(parts)


def _parts(raw: bytes) -> list[bytes]:
    return [stripped for part in raw.split(b",") if (stripped := part.strip(b' \t\r\n"{}'))]
