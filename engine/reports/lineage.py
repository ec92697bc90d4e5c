"""Where a row came from: file, line, load, rules, earlier versions, and what of its key lies in quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, InputError
from dbsvc.engine.reports.datasets import find_dataset
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.statement import Statement
from dbsvc.engine.words import nearest

#: As many versions of a row are shown, the newest, and as many rejects.
MOST = 1000
_AROUND = 500  # keys before and after one that is not there are looked at for what may be meant
_BLANKS = " \t\r\n\u00a0"


@dataclass(frozen=True)
class Lineage:
    """The versions of a row, and what became of it."""

    #: oldest first: ``state``, ``load_id``, ``source``, ``line_no``, ``published_at``, ``replaced_by_load_id``, ``rules``,
    #: ``sha256``, and ``values`` by columns
    versions: list[Row]
    #: how many older ones there are besides
    left_out: int
    #: the columns to look at
    values: list[str]
    #: open rejects of its key, as far as that could be told: ``load_id``, ``source``, ``line_no``, ``reasons``
    rejects: list[Row] = field(default_factory=list)
    #: what is made of it: at most one row
    results: list[Row] = field(default_factory=list)

    @property
    def replaced(self) -> Row:
        """What the current version replaced: the values that were others."""
        now = self.current
        before: Row = next((row["values"] for row in self.versions if row["replaced_by_load_id"] == now["load_id"]), {})
        return {name: value for name, value in before.items() if value != now["values"][name]}

    @property
    def current(self) -> Row:
        """The version that counts, or else the last one that did."""
        return next((version for version in self.versions if version["state"] == "current"), self.versions[-1])


def trace_row(db: Database, dataset: str, key: Sequence[str]) -> Lineage:
    """Return the versions of a row. ``key``: its values in the order of the dataset's key, as files or tables have them.

    Raises InputError for a dataset or a key that cannot be, and if there never was such a row.
    """
    return db.read(lambda tx: _trace(tx, find_dataset(db.statements, dataset), key))


def list_words(statements: Statements) -> dict[str, tuple[str, ...]]:
    """Return the words that datasets declare, in their folders ``lineage``, and the columns of the key of each."""
    paths = (path for name in statements.datasets for path in statements.phase(f"datasets/{name}/lineage"))
    return {path.name.rpartition("/")[2]: columns_of(path, "key") for path in paths}


def trace_word(db: Database, word: str, key: Sequence[str]) -> Lineage:
    """Return the versions of what a word means, a bill or a reading, and what is made of it.

    A dataset says it by ``lineage/<word>.sql``: by which key, and what is shown of it; and where that is not the dataset's own
    key, by ``lineage/rows/<word>.sql``: which of its rows it is about. Raises InputError for a key that cannot be, and if there
    never was such a row, ConfigurationError if no dataset that is in use has the word.
    """
    datasets = db.statements.datasets.values()
    dataset = next((each for each in datasets if f"datasets/{each.name}/lineage/{word}" in db.statements), None)
    if dataset is None:
        raise ConfigurationError(
            f"No dataset that is in use says what a {word} is: `dbsvc lineage row DATASET KEY...` shows rows."
        )
    shown = db.statements[f"datasets/{dataset.name}/lineage/{word}"]
    columns = columns_of(shown, "key")
    if len(key) != len(columns):
        raise InputError(f"A {word} is found by the value of {', '.join(columns)}: {len(columns)} in all, not {len(key)}.")
    return db.read(lambda tx: _trace_word(tx, dataset, word, shown, dict(zip(columns, key, strict=True))))


def _trace_word(tx: Transaction, dataset: Dataset, word: str, shown: Statement, key: Mapping[str, str]) -> Lineage:
    rows = f"datasets/{dataset.name}/lineage/rows/{word}"
    if rows in tx.statements:
        texts = {name: text.encode(errors="replace").decode().strip(_BLANKS) for name, text in key.items()}
        values = [_read_value(dataset.columns[name], text) for name, text in texts.items()]
        numbered = {f"key_{nth}": value for nth, value in enumerate(values, 1)}
        about = [[str(row[name]) for name in dataset.key] for row in tx.run(rows, **numbered).rows]
        found = [_trace(tx, dataset, each) for each in about]
        if not found:
            first, text = next(iter(texts.items()))
            raise _absent(f"{word} {' '.join(texts.values())}", (), _find_reference(tx, dataset.columns[first], text))
    else:
        found = [_trace(tx, dataset, list(key.values()))]
        current = found[0].current["values"]
        numbered = {f"key_{nth}": current[name] for nth, name in enumerate(key, 1)}
    results = tx.run(shown.name, **numbered).rows
    return Lineage(
        sorted((version for each in found for version in each.versions), key=lambda row: (row["load_id"], row["line_no"])),
        sum(each.left_out for each in found),
        [*columns_of(shown, "values")] or found[0].values,
        [reject for each in found for reject in each.rejects],
        results,
    )


def columns_of(statement: Statement, what: str) -> tuple[str, ...]:
    """Return the columns that a statement's leading comment names: of its ``key``, or the ``values`` to look at."""
    return tuple(name.strip() for name in statement.header.get(what, "").split(",") if name.strip())


def _read_value(column: Column, text: str) -> Any:
    """Return the value of a column that is no key of its dataset. A time without a zone is by the clock of UTC."""
    try:
        if column.type.name == "timestamp":
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _refuse(column, text) from error
    return text


def _refuse(column: Column, text: str) -> InputError:
    is_a, _, _ = column.type.says.partition(". ")
    return InputError(f"{text or 'Nothing'} is no {column.name}, which is {is_a[0].lower()}{is_a[1:].rstrip('.')}.")


def _find_reference(tx: Transaction, column: Column, text: str) -> str | None:
    """Return the key that may be meant where a column refers to another dataset's."""
    other = tx.statements.datasets.get(column.limits.get("to") or "")
    near = _find_near(tx, other, [text], text) if other else None
    return near if near != text else None


def _trace(tx: Transaction, dataset: Dataset, written: Sequence[str]) -> Lineage:
    if len(written) != len(dataset.key):
        wanted = f"{', '.join(dataset.key)}: {len(dataset.key)} in all"
        raise InputError(f"A row of {dataset.name} is found by the value of {wanted}, not {len(written)}.")
    if any("\0" in text for text in written):
        raise InputError(f"A key of {dataset.name} has no NUL in it.")
    texts = [text.encode(errors="replace").decode().strip(_BLANKS) for text in written]
    key = _read_key(tx, dataset, texts)
    of_key = {f"key_{nth}": key[name] for nth, name in enumerate(dataset.key, 1)}
    rejects = tx.sample("reports/lineage/rejects", MOST, dataset=dataset.name, record_key=key["record_key"]).rows
    tables = {"table": dataset.table, "history": f"{dataset.table}_history", "columns": list(dataset.columns)}
    found = tx.sample(f"datasets/{dataset.name}/contract/lineage/versions", MOST, **tables, **of_key)
    if not found.rows:
        near = _find_near(tx, dataset, texts, key[dataset.key[0]])
        raise _absent(f"row {' '.join(texts)} of {dataset.name}", rejects, near)
    for row in found.rows:  # columns may be called as ours
        row["values"] = {name: row.pop(f"{name}_value") for name in dataset.columns}
    values = [name for name in dataset.columns if name not in dataset.key]
    return Lineage(found.rows[::-1], found.count - len(found.rows), values, rejects)


def _read_key(tx: Transaction, dataset: Dataset, texts: Sequence[str]) -> Row:
    """Return the values of a key, and how rejects have it. A time without a zone is by the clock of UTC, as it is stored."""
    for zone in ("", "Z"):
        named = {f"key_{nth}": text for nth, text in enumerate(texts, 1)}
        (key,) = tx.run(f"datasets/{dataset.name}/contract/lineage/key", **named).rows
        if not zone:
            texts = [text if key[name] is not None else f"{text}Z" for name, text in zip(dataset.key, texts, strict=True)]
    for name, text in zip(dataset.key, texts, strict=True):
        if key[name] is None:
            raise _refuse(dataset.columns[name], text[:-1])
    return key


def _find_near(tx: Transaction, dataset: Dataset, written: Sequence[str], value: Any) -> str | None:
    """Return the key of a row that may be meant, of those around a value of its first column; None if none is like it."""
    about = {"table": dataset.table, "key": list(dataset.key), "first_key": dataset.key[0], "value": value, "most": _AROUND}
    around = ("reports/lineage/keys_after", "reports/lineage/keys_before")
    rows = [row for statement in around for row in tx.run(statement, **about).rows]
    keys = [[str(row[name]) for name in dataset.key] for row in rows]
    # each part must be like what was written: a number of the same day is not
    like = [" ".join(key) for key in keys if all(map(lambda text, part: nearest(text, [part]), written, key))]
    return nearest(" ".join(written), like)


def _absent(what: str, rejects: Sequence[Row] = (), near: str | None = None) -> InputError:
    """Return the error that there is no such row, which one may be meant, and where else its records may be."""
    if not rejects:
        meant = f" Did you mean {near}?" if near else ""
        return InputError(f"There is no {what}, and never was; `dbsvc rejects` shows what was not accepted.{meant}")
    newest = rejects[0]
    place = f"load {newest['load_id']}, line {newest['line_no']} ({newest['reasons']})"
    return InputError(f"There is no {what}, and never was: its record lies in quarantine, {place}.")
