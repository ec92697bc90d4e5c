"""Datasets, as ``dbsvc datasets`` shows them: what is declared, what may be in a file, and the SQL that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import InputError
from dbsvc.engine.log import event
from dbsvc.engine.migrations import ensure_schema, require_schema
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.words import or_nearest


@dataclass(frozen=True)
class ColumnContract:
    """What a field may hold."""

    column: str
    #: its name in the file
    written: str
    type: str
    optional: bool
    #: what its declaration says itself
    limits: Mapping[str, Any]
    #: how it is stored
    stored: str
    #: the reasons of rejects, but for those of rules.sql
    reasons: list[str]


@dataclass(frozen=True)
class Contract:
    """What a dataset's deliveries may hold, and where their rows go."""

    name: str
    title: str
    format: str
    table: str
    #: the table beneath that one, where rows are placed before their load is published; else the same
    stored: str
    key: tuple[str, ...]
    depends_on: tuple[str, ...]
    #: the file that declares it
    origin: str
    columns: list[ColumnContract]
    #: whether there are rules that are about several columns
    rules: bool
    #: the SQL that is made of the declaration: the names of statements, and their texts
    statements: Mapping[str, str]


def list_datasets(statements: Statements) -> list[dict[str, Any]]:
    """Return the datasets in use, each after those it depends on."""
    return [
        {
            "dataset": dataset.name,
            "format": format_of(dataset),
            "table": dataset.table,
            "key": ", ".join(dataset.key),
            "columns": len(dataset.columns),
            "declared_in": "built in" if dataset.origin.startswith(str(statements.root)) else dataset.origin,
        }
        for dataset in statements.datasets.values()
    ]


def find_dataset(statements: Statements, name: str) -> Dataset:
    """Return a dataset that somebody names. Raises InputError if there is none."""
    if name in statements.datasets.unused:
        raise InputError(f"{statements.datasets.absent(name)}.")
    if name not in statements.datasets:
        raise InputError(f"There is no dataset {or_nearest(name, statements.datasets)}")
    return statements.datasets[name]


def show_dataset(statements: Statements, name: str) -> Contract:
    """Return the contract of a dataset. Raises InputError if there is none."""
    dataset = find_dataset(statements, name)
    own = f"datasets/{name}/contract/"
    texts = {path.removeprefix(own): statements[path].text for path in statements.names if path.startswith(own)}
    return Contract(
        name=name,
        title=dataset.title,
        format=format_of(dataset),
        table=dataset.table,
        stored=dataset.stored,
        key=dataset.key,
        depends_on=dataset.depends_on,
        origin=dataset.origin,
        columns=[_column(column) for column in dataset.columns.values()],
        rules="rules_landed" in texts,
        statements=texts,
    )


def find_undeclared(db: Database) -> list[str]:
    """Say of which datasets there are loads, and no declaration."""
    with db.snapshot() as tx:
        loaded = [row["dataset"] for row in tx.run("reports/loaded_datasets").rows]
    return [db.statements.datasets.absent(name) for name in loaded if name not in db.statements.declared]


def make_ready(db: Database, *, create: bool = False) -> None:
    """See to the schema, made where there is none only if told to; log the loads whose datasets are declared no more.

    Raises ConfigurationError if the schema is not the program's.
    """
    (ensure_schema if create else require_schema)(db)
    for sentence in find_undeclared(db):
        event("undeclared", logging.WARNING, says=sentence)


def format_of(dataset: Dataset) -> str:
    """Return what a dataset's format is called."""
    from dbsvc.engine.sources.formats import FORMATS

    return next(name for name, kind in FORMATS.items() if kind is dataset.format)


def reasons_of(column: Column) -> list[str]:
    """Return the reasons of rejects that are about a column: it is missing, or breaks a rule of its type."""
    missing = [] if column.optional else [column.reason("missing")]
    return list(dict.fromkeys([*missing, *(column.reason(wrong) for wrong, _ in column.wrong("", ""))]))


def _column(column: Column) -> ColumnContract:
    return ColumnContract(
        column=column.name,
        written=column.written,
        type=column.type.name,
        optional=column.optional,
        limits={name: value for name, value in column.told.items() if name != "optional"},
        stored=column.storage(),
        reasons=reasons_of(column),
    )
