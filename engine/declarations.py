"""Declarations of datasets: each ``sql/datasets/<name>/dataset.toml`` is read once, and every fault said with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from dbsvc.engine.columns import COMMON, KINDS, Column, ColumnType, complete
from dbsvc.engine.datasets import Dataset, Derived
from dbsvc.engine.errors import StatementError
from dbsvc.engine.toml import FLAG, Kind, check_keys, line_of, parse
from dbsvc.engine.words import or_nearest


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(text) for text in value) and len(set(value)) == len(value)


def _is_table(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(fits(entry) for entry in value.values())


_TEXT = Kind("a text", _is_text)
_LIST = Kind("a list of texts, none of them twice", _is_list)
_KEY = Kind("a list of columns, at least one and none of them twice", lambda value: bool(value) and _is_list(value))
_COLUMNS = Kind(
    "a table of columns, at least one, as [columns.amount]",
    lambda value: bool(value) and _is_table(value, lambda entry: isinstance(entry, dict)),
)
_PHASES = Kind("a table of lists of texts", lambda value: _is_table(value, _is_list))

_DERIVED = {"table": _TEXT, "key": _KEY, "batch": _TEXT, "phase": _TEXT, "leaves": _LIST}
_REBUILD = Kind(
    f"tables with {', '.join(_DERIVED)} each",
    lambda value: _is_table(
        value,
        lambda entry: (
            isinstance(entry, dict)
            and entry.keys() == _DERIVED.keys()
            and all(kind.fits(entry[name]) for name, kind in _DERIVED.items())
        ),
    ),
)

_REQUIRED = {"title": _TEXT, "format": _TEXT, "depends_on": _LIST, "table": _TEXT, "key": _KEY, "columns": _COLUMNS}
_OPTIONAL = {
    "grows": FLAG,
    "awaited_by": _TEXT,
    "precedence": _TEXT,
    "placed": FLAG,
    "behind_views": FLAG,
    "partition_by": _TEXT,
    "personal": _LIST,
    "derive": _LIST,
    "derive_after": _PHASES,
    "rebuild": _REBUILD,
}
_KINDS = _REQUIRED | _OPTIONAL

#: What a dataset, its table and its columns may be called; longer ones would be cut off where more is put to them.
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
#: What rows and landed records have besides their columns ...
RESERVED = ("load_id", "line_no", "line_in_chunk", "fault", "replaced_by_load_id")
#: ... and what is put to the name of a column.
ENDINGS = ("_value", "_wrong", "_given")


def read_declarations(
    files: Mapping[str, tuple[str, str]], types: Mapping[str, ColumnType], unused: Mapping[str, str], behind_view: str = ""
) -> dict[str, Dataset]:
    """Return the datasets, each after those it depends on. ``files``: a dataset's name → its file and the text of it.

    ``unused``: others that there are, and where it is said that they are not in use. ``behind_view``: what is put to the names
    of tables that lie behind views. Raises StatementError for what is not understood.
    """
    found = {name: _read(name, origin, text, types, behind_view) for name, (origin, text) in files.items()}
    for dataset in found.values():
        _check_others(dataset, found, unused)
    ordered = _in_order(found)
    return {name: replace(dataset, columns=_resolve(dataset, found)) for name, dataset in ordered.items()}


def place(dataset: Dataset, *keys: str) -> str:
    """Return where a key of a dataset's declaration stands, as ``file:line``. Further keys are those in a table."""
    return f"{dataset.origin}:{line_of(dataset.text, *keys)}"


def _read(name: str, origin: str, text: str, types: Mapping[str, ColumnType], behind_view: str) -> Dataset:
    def refuse(problem: str, *keys: str) -> StatementError:
        return StatementError(f"{origin}:{line_of(text, *keys)}: {problem}")

    declared = parse(origin, text)
    if not NAME.fullmatch(name):
        raise refuse(f"the dataset {name} must be named by small letters, digits and _, 30 at most")
    check_keys(declared, _KINDS, "there is", refuse)
    if missing := [key for key in _REQUIRED if key not in declared]:
        raise refuse(f"the key {missing[0]} is missing")
    if not NAME.fullmatch(declared["table"]):
        raise refuse(f"the table {declared['table']} must be named by small letters, digits and _, 30 at most", "table")
    from dbsvc.engine.sources.formats import FORMATS

    if declared["format"] not in FORMATS:
        raise refuse(f"there is no format {or_nearest(declared['format'], FORMATS)}", "format")
    for key in ("key", "precedence", "partition_by", "personal"):
        columns = declared.get(key, [])
        for column in [columns] if isinstance(columns, str) else columns:
            if column not in declared["columns"]:
                raise refuse(f"{key} names no column: {or_nearest(column, declared['columns'])}", key)
    for column in declared.get("personal", []):
        if column in (*declared["key"], declared.get("precedence"), declared.get("partition_by")):
            raise refuse(f"{column} decides which row it is, so it cannot be personal", "personal")
    if (day := declared.get("partition_by")) and (day not in declared["key"] or declared["columns"][day].get("type") != "date"):
        raise refuse(f"partition_by must be a date of the key: {day} is not", "partition_by")
    placed = declared.get("placed", "partition_by" in declared)
    if "partition_by" in declared and not placed:
        raise refuse("what is partitioned is placed: leave out placed, or partition_by", "placed")
    if placed and declared.get("derive"):  # what is placed is not looked at row by row
        raise refuse(f"a dataset with {'partition_by' if 'partition_by' in declared else 'placed'} cannot derive", "derive")
    return Dataset(
        name=name,
        title=declared["title"],
        format=FORMATS[declared["format"]],
        grows=declared.get("grows", False),
        depends_on=tuple(declared["depends_on"]),
        table=declared["table"],
        key=tuple(declared["key"]),
        awaited_by=declared.get("awaited_by"),
        precedence=declared.get("precedence"),
        placed=placed,
        behind_view=behind_view if declared.get("behind_views") else "",
        partition_by=declared.get("partition_by"),
        personal=tuple(declared.get("personal", ())),
        columns={
            name: _read_column(name, told, types, declared["columns"], refuse) for name, told in declared["columns"].items()
        },
        derive=tuple(declared.get("derive", ())),
        derive_after={after: tuple(phases) for after, phases in declared.get("derive_after", {}).items()},
        rebuild={name: _read_derived(derived) for name, derived in declared.get("rebuild", {}).items()},
        origin=origin,
        text=text,
    )


def _read_column(
    name: str,
    told: Mapping[str, Any],
    types: Mapping[str, ColumnType],
    others: Collection[str],
    refuse: Callable[..., StatementError],
) -> Column:
    """Read what a column says of itself; references are looked up later."""
    here = ("columns", name)
    if not KINDS["name"][1](name):
        raise refuse(f"the column {name} must be named by small letters, digits and _", *here)
    if name in RESERVED or any(name.removesuffix(ending) in others for ending in ENDINGS if name.endswith(ending)):
        raise refuse(f"{name} is the name of a column of ours: call it otherwise, and give its name in the file by name", *here)
    if "type" not in told:
        raise refuse(f"the column {name} has no type", *here)
    kind = types.get(told["type"]) if isinstance(told["type"], str) else None
    if kind is None:
        raise refuse(f"there is no type {or_nearest(str(told['type']), types)}", *here, "type")
    for key, value in told.items():
        if key in COMMON:
            if (key == "optional") != isinstance(value, bool) or not isinstance(value, bool | str):
                raise refuse(f"{key} must be {'true or false' if key == 'optional' else 'a text'}", *here, key)
        elif key not in kind.limits:
            raise refuse(f"a column of type {kind.name} has no {or_nearest(key, (*COMMON, *kind.limits))}", *here, key)
        else:
            limit = kind.limits[key]
            says, fits = KINDS[limit.kind]
            least, most = limit.least, limit.most
            if not fits(value) or (least is not None and value < least) or (most is not None and value > most):
                bounds = ("" if least is None else f", {least} at least") + ("" if most is None else f", {most} at most")
                raise refuse(f"{key} must be {says}{bounds}", *here, key)
    limits = {key: told.get(key, limit.default) for key, limit in kind.limits.items()}
    for key in ("to", "table", "column", "places"):
        if key in limits and limits[key] is None:
            raise refuse(f"a column of type {kind.name} needs {key}: {kind.limits[key].says}", *here)
    default = told.get("default")
    if default is not None and not kind.takes_default:
        raise refuse(f"a column of type {kind.name} takes no default: what is empty is null", *here, "default")
    if default is not None and not told.get("optional"):
        raise refuse("a default is for an optional column", *here, "default")
    return Column(
        name=name,
        written=told.get("name", name),
        type=kind,
        optional=told.get("optional", False),
        default=default,
        limits=complete(limits),
        told={key: value for key, value in told.items() if key not in ("name", "type")},
        reasons={},
    )


def _resolve(dataset: Dataset, known: Mapping[str, Dataset]) -> dict[str, Column]:
    """Return a dataset's columns, those that refer to another dataset with its table, its key, and its reason."""
    found = dict(dataset.columns)
    for name, column in found.items():
        if (to := column.limits.get("to")) is None:
            continue
        here = place(dataset, "columns", name, "to")
        if to not in known:
            raise StatementError(f"{here}: to names no dataset: {or_nearest(to, known)}")
        if to not in dataset.depends_on:
            raise StatementError(f"{here}: {dataset.name} refers to {to}, so it must depend on it: depends_on")
        other = known[to]
        if len(other.key) != 1:
            raise StatementError(f"{here}: {to} has a key of several columns, which no reference can be to")
        reasons = {"unknown": other.awaited_by} if other.awaited_by else {}
        found[name] = replace(column, limits={**column.limits, "table": other.table, "key": other.key[0]}, reasons=reasons)
    return found


def _read_derived(declared: Mapping[str, Any]) -> Derived:
    return Derived(
        table=declared["table"],
        key=tuple(declared["key"]),
        batch=declared["batch"],
        phase=declared["phase"],
        leaves=tuple(declared["leaves"]),
    )


def _check_others(dataset: Dataset, known: Mapping[str, Dataset], unused: Mapping[str, str]) -> None:
    """See that the other datasets that it names exist, and that its table is its own."""
    named: list[tuple[str, str, tuple[str, ...]]] = [("depends_on", name, ()) for name in dataset.depends_on]
    named += [("derive_after", name, (name,)) for name in dataset.derive_after]
    for key, name, entry in named:
        if name in unused:
            raise StatementError(
                f"{unused[name]}: {dataset.name} needs {name}, which is left out: leave out {dataset.name}, too"
            )
        if name not in known:
            raise StatementError(f"{place(dataset, key, *entry)}: {key} names no dataset: {or_nearest(name, known)}")
    for other in takewhile(lambda other: other is not dataset, known.values()):
        if shared := other.tables & dataset.tables:
            raise StatementError(f"{place(dataset, 'table')}: the table {min(shared)} is that of the dataset {other.name}")


def _in_order(known: Mapping[str, Dataset]) -> dict[str, Dataset]:
    ordered: dict[str, Dataset] = {}
    while waiting := [dataset for dataset in known.values() if dataset.name not in ordered]:
        ready = [dataset for dataset in waiting if ordered.keys() >= {*dataset.depends_on}]
        if not ready:
            circle = _circle(waiting[0], known, ordered)
            path = " → ".join(dataset.name for dataset in circle)
            raise StatementError(f"{place(circle[0], 'depends_on')}: the datasets depend on each other in a circle: {path}")
        ordered |= {dataset.name: dataset for dataset in ready}
    return ordered


def _circle(start: Dataset, known: Mapping[str, Dataset], ordered: Collection[str]) -> list[Dataset]:
    """Return datasets of which each waits for the next one, and the last is the first again."""
    path = [start]
    while True:
        following = known[next(other for other in path[-1].depends_on if other not in ordered)]
        path.append(following)
        if following in path[:-1]:
            return path[path.index(following) :]
