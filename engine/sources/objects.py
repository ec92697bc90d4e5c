"""A profile of JSON: values that lie deeper in an object, by their paths, spelled as the contract reads them.

The objects are lines, or the elements of an array.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.formats import Records, elements, jsonlines
from dbsvc.engine.sources.formats.record import FastRecords, Record
from dbsvc.engine.sources.translation import find_numbers, find_spelling, write_lines

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


class Objects:
    """A profile, on files of objects: a ``Format``."""

    def __init__(self, profile: Profile, dataset: Dataset) -> None:
        self.profile = profile
        self._of: Records = jsonlines if profile.array is None else elements
        self.columns = tuple(dataset.columns)
        columns = list(dataset.columns.values())
        named = {ours: path for path, ours in profile.names.items()}
        self._paths = [named.get(column.name, column.written) for column in columns]
        self._write = write_objects(columns)
        self._constants = [profile.constants.get(column.name) for column in columns]
        self._takes = {path: column.type.json for path, column in zip(self._paths, columns, strict=True) if column.type.json}
        numbers = find_numbers(profile)
        self._spell = [find_spelling(profile, column.name, column.type.name, numbers) for column in columns]

    def fits(self, found: Mapping[str, Any]) -> bool:
        """Whether an object has at least half of the values."""
        wanted = [path for path, constant in zip(self._paths, self._constants, strict=True) if constant is None]
        there = [path for path in wanted if jsonlines.find_value(found, path) != ""]
        return 2 * len(there) >= len(wanted)

    def begins_after_line_ends(self, _data: bytes) -> bool:
        """Whether a record begins after each line end."""
        return self.profile.array is None

    def fields(self, raw: bytes, _names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of one record, and its values by our columns, translated."""
        faults, values = jsonlines.fields(raw, self._paths, self._takes, jsonlines.find_value)
        return faults, [
            constant if constant is not None else spell(value) if spell and value else value
            for value, constant, spell in zip(values, self._constants, self._spell, strict=True)
        ]

    def translate(self, data: bytes) -> bytes:
        """Return a chunk as JSON lines with the dataset's names, every record on its line."""
        return write_lines(self, data, self._write)

    def find_footer(self, data: bytes) -> int:
        """Return the end: there is no footer."""
        return len(data)

    def is_hole(self, before: bytes, length: int, after: bytes, /) -> bool:
        """Whether ``length`` NULs are nothing, given what stands around them."""
        return self.profile.array is None and jsonlines.is_hole(before, length, after)

    def count_lines(self, data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
        """Return how many lines end in ``data``, and what to give along to count on."""
        return self._of.count_lines(data, carry)

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last complete record ends."""
        return self._of.cut(data, final)

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield the lines that are not blank, or the elements."""
        return self._of.records(data)

    def whole_record(self, data: bytes, start: int) -> tuple[int, str]:
        """Return where the record that begins at ``start`` ends."""
        return self._of.whole_record(data, start)

    def to_clean_csv(self, _data: bytes) -> bytes | None:
        """Return None: an object has to be looked at."""
        return None

    def fast_records(self, _data: bytes, _names: Sequence[str], _patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
        """Return none: what is fast is what they are translated to."""
        return []

    def mentions_header(self, _data: bytes, _names: Sequence[str]) -> bool:
        """Return False: there are no headers."""
        return False

    def texts(self, raw: bytes, names: Sequence[str], wanted: Sequence[str], /) -> Iterator[tuple[int, int, bytes]]:
        """Yield where texts stand in a record, and what they say."""
        return jsonlines.texts(raw, names, wanted)


def write_objects(columns: Sequence[Column]) -> Callable[[list[str]], str]:
    """Return what writes values as an object with the names of these columns.

    Values of JSON come not this way: their columns have no patterns, so nothing is translated for these.
    """
    names = [json.dumps(column.written, ensure_ascii=False) for column in columns]

    def write(values: list[str]) -> str:
        pairs = (
            f"{name}:{value if _NUMBER.fullmatch(value) else json.dumps(value, ensure_ascii=False)}"
            for name, value in zip(names, values, strict=True)
        )
        return "{" + ",".join(pairs) + "}"

    return write
