"""Records in long form: a line has the key, the name of one column, and its value; a record is all lines of its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.profiles import Long, Profile
from dbsvc.engine.sources.canonical import canonical
from dbsvc.engine.sources.gathering import Gathering
from dbsvc.engine.sources.objects import Objects, write_objects
from dbsvc.engine.sources.spellings import Spelling
from dbsvc.engine.sources.translation import Translation, find_numbers, find_spelling, write_csv

#: What the fields of a line are called that hold the name of a column, and its value.
NAME, VALUE = "?name", "?value"


def lines_of(dataset: Dataset, long: Long) -> Dataset:
    """Return what a line holds: the columns that no pair names, and a pair."""
    columns = {ours: column for ours, column in dataset.columns.items() if ours not in long.columns.values()}
    like = next(iter(dataset.columns.values()))
    takes_booleans = any(dataset.columns[ours].type.json for ours in long.columns.values())
    for ours, written, json in ((NAME, long.name, ""), (VALUE, long.value, "booleans" if takes_booleans else "")):
        columns[ours] = replace(like, name=ours, written=written, type=replace(like.type, name="text", json=json))
    return replace(dataset, columns=columns)


def pairing(lines: Translation | Objects, dataset: Dataset, long: Long) -> Gathering:
    """Return what makes records of lines."""
    write = write_csv if isinstance(lines, Translation) else write_objects(list(dataset.columns.values()))
    return Gathering(lines, dataset, tuple(dataset.columns), Joining(lines, dataset, long), write, (VALUE,))


class Joining:
    """Makes the fields of a record of those of its lines, in the order of the dataset's columns."""

    def __init__(self, lines: Translation | Objects, dataset: Dataset, long: Long) -> None:
        self._columns = lines.columns
        self._dataset, self._long = dataset, long
        self._spell = _find_spellings(lines.profile, dataset, long.columns)
        self._own = [column for ours, column in dataset.columns.items() if ours not in long.columns.values()]

    def __call__(self, lines: list[list[str]]) -> tuple[str, list[str]]:
        """Return the faults of a record, and its fields."""
        first = dict(zip(self._columns, lines[0], strict=True))
        values: dict[str, str] = {}
        for line in lines:
            fields = dict(zip(self._columns, line, strict=True))
            if any(canonical(column, fields[column.name]) != canonical(column, first[column.name]) for column in self._own):
                return "lines_differ", []
            if (name := fields[NAME].strip()) in self._long.ignore:
                continue
            ours = self._long.columns.get(name)
            if ours is None:
                return "pair_unknown", []
            spell = self._spell[ours]
            value = spell(fields[VALUE]) if spell and fields[VALUE] else fields[VALUE]
            column = self._dataset.columns[ours]
            if canonical(column, values.setdefault(ours, value)) != canonical(column, value):
                return "pair_repeated", []
        return "", [values.get(ours, "") if ours in self._spell else first[ours] for ours in self._dataset.columns]


def _find_spellings(profile: Profile, dataset: Dataset, named: Mapping[str, str]) -> dict[str, Spelling | None]:
    numbers = find_numbers(profile)
    return {ours: find_spelling(profile, ours, dataset.columns[ours].type.name, numbers) for ours in named.values()}
