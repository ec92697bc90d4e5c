"""Datasets: what their deliveries look like, and which one a file is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dbsvc.engine import records
from dbsvc.engine.delivery import Delivery
from dbsvc.engine.errors import InputError, UnrecognisedError
from dbsvc.engine.statements import Statements

_LONGEST_HEADER = 64 * 1024  # bytes


@dataclass(frozen=True)
class Dataset:
    """One ``sql/<name>/dataset.toml``."""

    name: str
    title: str
    depends_on: tuple[str, ...]
    table: str
    key: tuple[str, ...]
    #: the column whose greatest value wins among deliveries of one key, before the order of delivery does
    precedence: str | None
    #: the phases that bring up to date what is derived from the table
    derive: tuple[str, ...]
    #: our column → its name in the file's header
    columns: Mapping[str, str]

    def merge_parameters(self) -> dict[str, Any]:
        """Return what the statements of ``sql/merge`` need to know: the names of tables and columns."""
        columns = list(self.columns)
        values = [column for column in columns if column not in self.key]
        return {
            "dataset": self.name,
            "table": self.table,
            "history": f"{self.table}_history",
            "key": list(self.key),
            "columns": columns,
            # within one key all values of a key column are equal, so it has no say
            "precedence": self.precedence or self.key[0],
            "staged_values": [("staged", column) for column in values],
            "stored_values": [("stored", column) for column in values],
            "staged_key": [("staged", column) for column in self.key],
            "stored_key": [("stored", column) for column in self.key],
            "newest_key": [("newest", column) for column in self.key],
            "assignments": {column: ("newest", column) for column in [*values, "load_id", "line_no"]},
        }


@dataclass(frozen=True)
class Header:
    """A file's header: whose it is, our columns in the file's order, its bytes, and where the records begin."""

    dataset: Dataset
    columns: tuple[str, ...]
    raw: bytes
    end: int
    next_line: int


@cache
def load_datasets(statements: Statements) -> list[Dataset]:
    """Return the datasets, each after those it depends on."""
    found = {}
    for name, text in statements.datasets.items():
        description = tomllib.loads(text)
        found[name] = Dataset(
            name=name,
            title=description["title"],
            depends_on=tuple(description["depends_on"]),
            table=description["table"],
            key=tuple(description["key"]),
            precedence=description.get("precedence"),
            derive=tuple(description.get("derive", ())),
            columns=description["columns"],
        )
    ordered: list[Dataset] = []
    while len(ordered) < len(found):
        placed = {dataset.name for dataset in ordered}
        ordered += [d for d in found.values() if d.name not in placed and placed.issuperset(d.depends_on)]
    return ordered


def find_dataset(statements: Statements, name: str) -> Dataset:
    """Return the dataset of that name."""
    return next(dataset for dataset in load_datasets(statements) if dataset.name == name)


def read_header(delivery: Delivery, datasets: Iterable[Dataset]) -> Header:
    """Read a file's header and find its dataset. Raises InputError when it has none, or columns miss or are unknown."""
    source = delivery.source
    head = delivery.read(0, _LONGEST_HEADER)
    if not head:
        raise InputError(f"{source}: the file is empty.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{source}: the file is UTF-16 text; save it as UTF-8.")
    mark = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    head = head[mark:]
    first = next(records.records(head), None)
    if b"\0" in head[:1024] and (first is None or b"\0" in head[: first.end]):
        utf16 = head[1:2] == b"\0" or head[:1] == b"\0"
        raise UnrecognisedError(f"{source}: " + ("looks like UTF-16; save it as UTF-8." if utf16 else "is not a text file."))
    if first is None:
        raise InputError(f"{source}: the file holds nothing but blank lines.")
    raw = head[first.start : first.end]
    if b"\r" in raw:
        raise InputError(f"{source}: its lines end in CR alone; convert them to LF.")
    try:
        if first.fault:
            raise ValueError(first.fault)
        names = records.read_fields(raw)
    except UnicodeDecodeError:
        raise UnrecognisedError(f"{source}: the header is not UTF-8 text.") from None
    except ValueError:
        raise UnrecognisedError(f"{source}: the header has a quote that is out of place.") from None
    line_end = head.find(b"\n", first.end)
    end = len(head) if line_end < 0 else line_end + 1
    dataset, columns = _recognise(source, names, list(datasets))
    return Header(dataset, columns, raw, mark + end, first.line + head.count(b"\n", first.start, end))


def _recognise(source: str, names: list[str], datasets: list[Dataset]) -> tuple[Dataset, tuple[str, ...]]:
    folded = [name.casefold() for name in names]

    def known(dataset: Dataset) -> dict[str, str]:
        return {written.casefold(): ours for ours, written in dataset.columns.items()}

    dataset = max(datasets, key=lambda candidate: len(known(candidate).keys() & set(folded)))
    ours = known(dataset)
    if 2 * len(ours.keys() & set(folded)) < len(ours):
        raise UnrecognisedError(f"{source}: the header is that of no dataset: {_shown(names)}.")
    missing = [dataset.columns[column] for written, column in ours.items() if written not in folded]
    unknown = [name for name in names if name.casefold() not in ours]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    for problem, columns in (("lacks", missing), ("has unknown", unknown), ("repeats", twice)):
        if columns:
            raise InputError(
                f"{source}: a file of {dataset.title} that {problem} column(s): {_shown(columns)}. Nothing was loaded."
            )
    return dataset, tuple(ours[name] for name in folded)


def _shown(names: list[str]) -> str:
    text = ", ".join(f"'{name}'" for name in names)
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text if len(text) <= 200 else text[:200] + "…"
