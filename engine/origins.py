"""Where the columns of derived tables and views come from, as ``sql/datasets/<name>/lineage.toml`` says it.

A file is read when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import StatementError
from dbsvc.engine.toml import Kind, check_keys, line_of, parse
from dbsvc.engine.words import or_nearest

#: It lies in the dataset's folder.
FILE = "lineage.toml"
#: What a table of a dataset has besides its columns.
_OURS = ("load_id", "line_no")
_NAMED = re.compile(r"[a-z][a-z0-9_]*")


class Field(NamedTuple):
    """A column of a table or view."""

    table: str
    column: str


@dataclass(frozen=True)
class Origins:
    """A table or view that is derived, and what each of its columns is made of."""

    table: str
    columns: Mapping[str, tuple[Field, ...]]
    #: its columns by which rows are put together in one
    grouped_by: tuple[str, ...]
    #: its file, and the text of it
    file: str
    text: str

    def place(self, *keys: str) -> str:
        """Return where something is said of it, as ``file:line``."""
        return f"{self.file}:{line_of(self.text, self.table, *keys)}"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value) and len(set(value)) == len(value)


_KINDS = {
    "from": Kind("the name of a table or view", lambda value: isinstance(value, str) and bool(_NAMED.fullmatch(value))),
    "grouped_by": Kind("a list of columns, none of them twice", _are_texts),
    "columns": Kind(
        'a table of lists, as day = ["event_time", "sites.timezone"]',
        lambda value: isinstance(value, dict) and bool(value) and all(map(_are_texts, value.values())),
    ),
}


def read_origins(dataset: Dataset, known: Mapping[str, Dataset], file: str, text: str) -> dict[str, Origins]:
    """Return what is derived from a dataset, by tables, each after those it is made of.

    ``known``: all datasets. Of their tables, and of those that are derived here, the columns must be there. Raises
    StatementError with file and line.
    """

    def refuse(problem: str, *keys: str) -> StatementError:
        return StatementError(f"{file}:{line_of(text, *keys)}: {problem}")

    told = parse(file, text)
    columns = {each.table: (*each.columns, *_OURS) for each in known.values()}
    taken = {table: each.name for each in known.values() for table in each.tables}
    found: dict[str, Origins] = {}
    for table, entry in told.items():
        if not isinstance(entry, dict) or not _NAMED.fullmatch(table):
            raise refuse(f"{table} must be a table or view, with from and columns: [{table}]", table)
        if table in taken:
            raise refuse(f"{table} is a table of the dataset {taken[table]}, and derived from none", table)
        check_keys(entry, _KINDS, f"{table} has", refuse, table)
        if missing := [key for key in ("from", "columns") if key not in entry]:
            raise refuse(f"{table} lacks {missing[0]}", table)
        later = set(told) - set(found)
        made = {}
        for column, texts in entry["columns"].items():
            made[column] = tuple(_read_field(text, entry["from"]) for text in texts)
            for field in made[column]:
                if field.table in later:
                    raise refuse(f"{table} comes after what it is made of: {field.table} does not stand before it", table)
                there = columns.get(field.table)
                if there is not None and field.column not in there:
                    said = or_nearest(field.column, there)
                    raise refuse(f"{column} names no column of {field.table}: {said}", table, "columns", column)
        for column in entry.get("grouped_by", ()):
            if column not in made:
                raise refuse(f"grouped_by names no column: {or_nearest(column, made)}", table, "grouped_by")
        found[table] = Origins(table, made, tuple(entry.get("grouped_by", ())), file, text)
        columns[table] = tuple(made)
    return found


def _read_field(text: str, table: str) -> Field:
    """Return the column that is named: of the table before the dot, or else of the one that all are from."""
    named, _, column = text.rpartition(".")
    return Field(named or table, column)


def follow(field: Field, derived: Mapping[str, Origins], *, added_up: bool = False) -> Iterator[tuple[Field, bool]]:
    """Yield the columns that one is made of in the end, of no derived table, and whether their values are added up."""
    origins = derived.get(field.table)
    if origins is None:
        yield field, added_up
        return
    grouped = added_up or bool(origins.grouped_by and field.column not in origins.grouped_by)
    for each in origins.columns[field.column]:
        yield from follow(each, derived, added_up=grouped)
