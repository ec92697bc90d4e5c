"""Records whose lines are added up: amounts exactly, and all else must agree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.functions import decimals
from dbsvc.engine.sources.canonical import canonical
from dbsvc.engine.sources.gathering import Gathering
from dbsvc.engine.sources.spellings import PLAIN, WRONG
from dbsvc.engine.sources.translation import Translation, write_csv


def summing(lines: Translation, dataset: Dataset) -> Gathering:
    """Return what adds up the lines of a record."""
    columns = [dataset.columns[column] for column in lines.columns]
    return Gathering(lines, dataset, lines.columns, partial(_sum, columns, lines.profile.sum), write_csv)


def _sum(columns: Sequence[Column], summed: frozenset[str], lines: list[list[str]]) -> tuple[str, list[str]]:
    first, *others = lines
    for at, column in enumerate(columns):
        if column.name in summed:
            first[at] = _add([line[at] for line in lines]) if others else first[at]
        elif any(canonical(column, line[at]) != canonical(column, first[at]) for line in others):
            return "lines_differ", []
    return "", first


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
