"""What tables and columns mean: of the program's own as a file says it, of a project's as they are declared."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.statements.catalog import Statements, find_folder

_KEYS = ("says", "group", "public", "like", "also")


@dataclass(frozen=True)
class Meaning:
    """What a table means, and its columns."""

    says: str
    #: what it belongs to
    group: str
    #: whether others may rely on it; then these are all of its columns
    public: bool
    #: column → what it means
    columns: Mapping[str, str]

    def of_column(self, name: str) -> str | None:
        """Return what a column means; None if nobody says it."""
        return self.columns.get(name) or _read_file()[0].get(name)


@cache
def read_meanings() -> Mapping[str, Meaning]:
    """Return what the tables and views mean that come with the program."""
    found: dict[str, Meaning] = {}
    of_rows, told = _read_file()
    for name, table in told.items():
        columns = dict(found[table["like"]].columns) if "like" in table else {}
        columns |= {column: text for column, text in table.items() if column not in _KEYS}
        columns |= {column: of_rows[column] for column in table.get("also", ())}
        found[name] = Meaning(table["says"], table["group"], bool(table.get("public")), columns)
    return found


@cache
def _read_file() -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Return what columns mean that many tables have, and what each table says. A table is like one above it."""
    told = tomllib.loads(find_folder("sql").joinpath("schema", "meanings.toml").read_text("utf-8"))
    return told.pop("of_rows"), told


def meanings_of(statements: Statements) -> dict[str, Meaning]:
    """Return what the tables mean that there are, those of a project's datasets included."""
    found = dict(read_meanings())
    for dataset in statements.datasets.values():
        if dataset.table not in found:
            found |= _declared(dataset)
    return found


def _declared(dataset: Dataset) -> dict[str, Meaning]:
    """Return what the tables of a declared dataset mean, as far as its declaration tells."""
    of_rows = _read_file()[0]
    columns = {name: column.type.says.partition(". ")[0].rstrip(".") for name, column in dataset.columns.items()}
    columns |= {name: of_rows[name] for name in ("load_id", "line_no")}
    title = dataset.title[:1].upper() + dataset.title[1:]
    newest = Meaning(f"{title}: one row a {' and '.join(dataset.key)}, its newest delivery.", dataset.name, True, columns)
    name = "replaced_by_load_id"
    older = Meaning(f"{title}: deliveries that are not the newest.", dataset.name, True, {**columns, name: of_rows[name]})
    return {dataset.table: newest, f"{dataset.table}_history": older}
