"""A dataset of one's own: its first files, made of what a sample tells. None is overwritten, and none is half written."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.connect import all_statements, scratch
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.declarations import NAME, read_declarations
from dbsvc.engine.errors import InputError
from dbsvc.engine.inference import Guess, Sample, infer
from dbsvc.engine.loads.fast_path import find_codes
from dbsvc.engine.migrations import make_schema
from dbsvc.engine.project import USUAL, find_project
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements import contract
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.toml import to_toml
from dbsvc.engine.words import SQL_WORDS, good_name

_LONGEST = 30


@dataclass(frozen=True)
class Made:
    """The files that were written for a dataset, and what is to be looked at in them."""

    dataset: str
    files: list[str]
    notes: list[str]


def make_dataset(name: str, source: str, settings: Settings, key: Sequence[str] = ()) -> Made:
    """Write a first version of a dataset's files into the project, as a sample shows it.

    Raises InputError for a name or a sample that cannot be, and for a file that is there already.
    """
    folder = Path(settings.project or USUAL)
    project = find_project(settings.project) if folder.is_dir() else None
    if folder.exists() and project is None:
        raise InputError(f"{folder} is no project of datasets: set DBSVC_PROJECT to a folder for one.")
    statements = all_statements(project)
    known = next(iter(statements.values()))
    with scratch(None) as db:
        make_schema(db)
        with db.snapshot() as tx:
            tables = {row["table_name"] for row in tx.run("schema/tables").rows}
            _refuse_name(name, known, tables)
            sample = infer(source, key)
            sample = replace(sample, columns=[_relate(tx, each, sample, known, tables) for each in sample.columns])
    files = dict(_write(name, sample, statements))
    _put(folder, files, last=f"datasets/{name}")
    notes = [f"{column.name}: {column.note}" for column in sample.columns if column.note]
    return Made(name, [str(folder / file) for file in files], [*sample.notes, *notes])


def _refuse_name(name: str, statements: Statements, tables: Set[str]) -> None:
    """Raise InputError for a name that a dataset and its table cannot have."""
    datasets = statements.datasets
    tables = {*tables, *chain.from_iterable(dataset.tables for dataset in datasets.values())}
    used = {*datasets, *datasets.unused}
    taken = {*used, *tables, *(table.removesuffix(ending) for table in tables for ending in ("_history", "_stored"))}
    why = None
    if name in used:
        why = "there is a dataset of that name"
    elif name in taken:
        why = "there is a table of that name"
    elif name in SQL_WORDS:
        why = "it is a word of SQL"
    elif not NAME.fullmatch(name):
        why = f"a dataset is named by small letters, digits and _, {_LONGEST} at most"
    if why:
        raise InputError(f"A dataset cannot be named {name}: {why}. {good_name(name, taken, _LONGEST)} would do.")


def _relate(tx: Transaction, guess: Guess, sample: Sample, statements: Statements, tables: Container[str]) -> Guess:
    """Return a column as a reference, if it is named as the key of another dataset; or a code, if all its values are known.

    What is the whole key refers to nothing. Codes are known where the column of another dataset, which ends alike, has them.
    """
    if guess.type == "text" and not guess.note and sample.key != (guess.name,):
        for dataset in statements.datasets.values():
            key = dataset.columns[dataset.key[0]]
            if len(dataset.key) == 1 and key.storage() == "text" and guess.name in (key.name, key.name.removesuffix("_id")):
                note = f"named as the key of {dataset.name}: what is not there is rejected, so load {dataset.name} before"
                return replace(guess, type="reference", limits={"to": dataset.name}, note=note)
    for column in (column for dataset in statements.datasets.values() for column in dataset.columns.values()):
        if column.type.lists_codes and guess.codes and guess.name.split("_")[-1] == column.name.split("_")[-1]:
            limits = {name: value for name, value in column.told.items() if name in column.type.limits}
            listed = find_codes(tx, column) if limits["table"] in tables else []
            if {code.upper() if limits.get("upper") else code for code in guess.codes} <= {*listed}:
                note = f"all are codes of the table {limits['table']}: what is not there is rejected"
                return replace(guess, type="code", limits=limits, note=note)
    return guess


def _write(name: str, sample: Sample, statements: dict[str, Statements]) -> Iterator[tuple[str, str]]:
    """Yield the files of a dataset: where in the project, and what stands in them."""
    declaration = _declare(name, sample)
    place = f"datasets/{name}"
    for kind, known in statements.items():
        dataset = _read(name, declaration, known)
        for folder, ending in (("scaffold/up", ".sql"), ("scaffold/down", ".rollback.sql")):
            yield f"migrations/{kind}/{name}_0001{ending}", ";\n\n".join(known.scaffold(folder, dataset)) + ";\n"
    yield f"{place}/checks/{name}_impossible.sql", contract.scaffold(dataset, known["scaffold/check"].text) + "\n"
    yield f"{place}/dataset.toml", declaration


def _read(name: str, declaration: str, statements: Statements) -> Dataset:
    files = {dataset.name: (dataset.origin, dataset.text) for dataset in statements.datasets.values()}
    return read_declarations({**files, name: (f"{name}/dataset.toml", declaration)}, statements.types, {})[name]


def _declare(name: str, sample: Sample) -> str:
    """Return a dataset.toml."""
    lines = [
        f"# {name.replace('_', ' ').capitalize()}: as {_one_line(Path(sample.source).name)} showed it. "
        "One record is one row of a key.",
        f"title = {to_toml(name.replace('_', ' '))}",
        f"format = {to_toml(sample.format)}",
        f"depends_on = {to_toml(sorted({each.limits['to'] for each in sample.columns if 'to' in each.limits}))}",
        f"table = {to_toml(name)}",
        f"key = {to_toml(list(sample.key))}",
        f"# rows lie in {name}_stored; {name} is a view of those whose load is published",
        "placed = true",
        "",
        "# the columns; name = what the file says, if it is not ours",
    ]
    for column in sample.columns:
        lines += [*_declare_column(column), ""]
    return "\n".join(lines)


def _declare_column(column: Guess) -> Iterator[str]:
    yield f"[columns.{column.name}]"
    if column.written != column.name:
        yield f"name = {to_toml(column.written)}"
    yield f"type = {to_toml(column.type)}" + (f"  # {_one_line(column.note)}" if column.note else "")
    for limit, value in column.limits.items():
        yield f"{limit} = {to_toml(value)}"
    if column.optional:
        yield "optional = true"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _put(folder: Path, files: dict[str, str], last: str) -> None:
    """Write files into a folder: all of them beside it first, then each to its place, one folder of them at once at the end.

    Who was killed in between begins again: a file that is there as it would be written is no other one.
    """
    for name, text in files.items():
        target = folder / name
        if target.exists() and (not target.is_file() or target.read_text(encoding="utf-8", errors="replace") != text):
            raise InputError(f"{target} is there already, and is not overwritten.")
    if (folder / last).exists():
        raise InputError(f"{folder / last} is there already, and is not overwritten.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(mkdtemp(prefix=".new-", dir=folder))
        try:
            for name, text in files.items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).write_text(text, encoding="utf-8")
            for name in [*(name for name in files if not name.startswith(f"{last}/")), last]:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).rename(folder / name)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror} ({error.filename}).") from error
