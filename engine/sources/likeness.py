"""Which dataset a file is most like that is of none: what it lacks of its columns, and what it has too many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.sources.formats import delimited, jsonlines
from dbsvc.engine.words import nearest

_NEAR = 0.75  # how alike two names are, of which one may be a slip of the pen
_MOST_NAMED = 6


def describe_nearest(head: bytes, datasets: Iterable[Dataset]) -> str:
    """Return a sentence more that compares a file with the dataset that it is most like; if it is like none, what to do."""
    names = _find_names(head)
    if not names:
        return ""
    written, score = [], 0
    for candidate in datasets:
        columns = [column.written for column in candidate.columns.values()]
        if (found := _likeness(names, columns)) > score:
            dataset, written, score = candidate, columns, found
    if not score:
        return " `dbsvc datasets` lists what can be loaded."
    lacking = [column for column in written if column.casefold() not in {name.casefold() for name in names}]
    odd = [name for name in names if name.casefold() not in {column.casefold() for column in written}]
    said = [f"{word} {_shown(listed)}" for word, listed in (("it lacks", lacking), ("it has too many", odd)) if listed]
    return f" The nearest is {dataset.title}: {', and '.join(said)}. `dbsvc datasets show {dataset.name}` says what it takes."


def _find_names(head: bytes) -> list[str]:
    """Return the names of a header, or of the first object."""
    for start, end, *_ in jsonlines.records(head):
        if found := jsonlines.read_object(head[start:end].strip()):
            return [str(name) for name in found]
        break
    first = next(delimited.records(head), None)
    try:
        return delimited.read_fields(head[first.start : first.end]) if first and not first.fault else []
    except ValueError:  # no text, or quotes that are out of place
        return []


def _likeness(names: Sequence[str], columns: Sequence[str]) -> int:
    """Return how many of the names are a column's, or nearly: a whole one counts twice."""
    folded = {column.casefold() for column in columns}
    return sum(2 if name.casefold() in folded else nearest(name, columns, _NEAR) is not None for name in names[:200])


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join("".join(c if c.isprintable() else "\ufffd" for c in name[:40]) for name in names[:_MOST_NAMED])
    return shown + (f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else "")
