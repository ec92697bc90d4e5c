"""The tables and views that others may rely on, as sources of dbt: what ``sources.yml`` says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.reports.meanings import Meaning, meanings_of
from dbsvc.engine.statements.catalog import Statements

#: Where our tables are is a variable of the dbt project: in PostgreSQL's usual schema, if it does not say.
_SCHEMA = "{{ var('dbsvc_schema', 'public') }}"


def write_sources(statements: Statements) -> str:
    """Return ``sources.yml``: the tables and views, what they and their columns mean, and tests of keys and references."""
    tables = {name: meaning for name, meaning in meanings_of(statements).items() if meaning.public}
    datasets = {dataset.table: dataset for dataset in statements.datasets.values()}
    lines = [
        "# What others may rely on. Written by `dbsvc datasets dbt`.",
        "version: 2",
        "sources:",
        "  - name: dbsvc",
        f"    schema: {_quoted(_SCHEMA)}",
        "    tables:",
    ]
    for name, meaning in tables.items():
        lines += [f"      - name: {_quoted(name)}", f"        description: {_quoted(meaning.says)}", "        columns:"]
        for column, says, tests in _columns(meaning, datasets.get(name), datasets):
            lines += [f"          - name: {_quoted(column)}", f"            description: {_quoted(says)}"]
            lines += [f"            data_tests: {json.dumps(tests, ensure_ascii=False)}"] if tests else []
    return "\n".join(lines) + "\n"


def _columns(
    meaning: Meaning, dataset: Dataset | None, datasets: Mapping[str, Dataset]
) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield the columns of a table, what they mean, and how dbt tests them."""
    by_name = {each.name: each for each in datasets.values()}
    for column, says in meaning.columns.items():
        tests: list[Any] = []
        if dataset and column in dataset.key:
            tests += ["not_null", *(["unique"] if len(dataset.key) == 1 else [])]
        to = dataset.columns[column].told.get("to") if dataset and column in dataset.columns else None
        if to in by_name:
            other = by_name[to]
            tests.append({"relationships": {"arguments": {"to": f"source('dbsvc', '{other.table}')", "field": other.key[0]}}})
        yield column, says, tests


def _quoted(text: str) -> str:
    """Return a text as YAML has it in double quotes, which is as JSON has it."""
    return json.dumps(text, ensure_ascii=False)
