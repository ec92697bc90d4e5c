"""Whether a project fits: its declarations and statements, for each kind of database; its migrations, tried out in a new one.

No database of anybody's is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from dbsvc.engine.checks import Check, find, load_checks
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.connect import all_statements, scratch
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import DbsvcError
from dbsvc.engine.migrations import make_schema, rollback
from dbsvc.engine.origins import Origins
from dbsvc.engine.profiles import find_profiles
from dbsvc.engine.project import Project
from dbsvc.engine.words import or_nearest

#: What each table of a dataset has besides its columns.
_OURS = {"load_id", "line_no"}


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong: each a sentence, with the file and the line."""

    datasets: list[str]
    migrations: list[str]
    problems: list[str]


def check_project(project: Project) -> Checked:
    """Look for what is wrong with a project. What keeps all else from being read is the one problem."""
    try:
        return _check(project)
    except DbsvcError as error:
        return Checked([], [], [str(error)])


def _check(project: Project) -> Checked:
    kinds = all_statements(project)
    for statements in kinds.values():
        statements.check()
    pairs = _pair(project, kinds)
    problems = [
        f"{project.path('migrations', kind, name)}:1: has no pair in {project.path('migrations', other)}"
        for name, there in pairs.items()
        for kind in there
        for other in kinds
        if other not in there
    ]
    with scratch(project) as db:
        make_schema(db)
        own = [dataset for dataset in db.statements.datasets.values() if project.holds(dataset.origin)]
        for dataset in own:
            problems += db.run_transaction(lambda tx, of=dataset: [*_check_tables(tx, of)])  # type: ignore[misc]
            if not problems:
                problems += _try_contract(db, dataset)
        origins = [each for name in db.statements.datasets for each in db.statements.origins(name).values()]
        problems += db.run_transaction(lambda tx: [*check_origins(tx, [e for e in origins if project.holds(e.file)])])
        find_profiles(project, db.statements.datasets)
        if not problems:
            problems += [problem for check in load_checks(db.statements) for problem in _try_check(db, project, check)]
        rollback(db)
    names = sorted({name.partition(".")[0] for name in pairs})
    return Checked([dataset.name for dataset in own], names, problems)


def _pair(project: Project, kinds: Iterable[str]) -> dict[str, list[str]]:
    """Return the files of migrations, and for which kinds of database each is there."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        place = project.path("migrations", kind)
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            found.setdefault(file.name, []).append(kind)
    return found


def _check_tables(tx: Transaction, dataset: Dataset) -> Iterator[str]:
    """Yield where the tables that the migrations make are not those that a dataset needs."""
    ours = {f"{dataset.table}_history": {*_OURS, "replaced_by_load_id"}, dataset.stored: _OURS, dataset.table: _OURS}
    for table, more in ours.items():
        needed = {*dataset.columns, *more}
        found = {row["column_name"]: row["is_required"] for row in tx.run("schema/columns", table=table).rows}
        if not found:
            yield f"{dataset.origin}:1: no migration makes the table {table}"
            continue
        if missing := [name for name in (*dataset.columns, *sorted(more)) if name not in found]:
            yield f"{dataset.origin}:1: the table {table} that the migrations make lacks {', '.join(missing)}"
        if unknown := [name for name, required in found.items() if required and name not in needed]:
            yield f"{dataset.origin}:1: the table {table} needs {', '.join(unknown)}, which the dataset does not declare"


def check_origins(tx: Transaction, origins: Iterable[Origins]) -> Iterator[str]:
    """Yield where what is said of derived tables is not so: their columns, and those that these are made of."""
    for each in origins:
        found = _columns_of(tx, each.table)
        if not found:
            yield f"{each.place()}: no migration makes the table or view {each.table}"
            continue
        for name in each.columns:
            if name not in found:
                yield f"{each.place('columns', name)}: {each.table} has no column {or_nearest(name, found)}"
        if untold := [name for name in found if name not in each.columns]:
            yield f"{each.place('columns')}: it is not said what {each.table}.{untold[0]} is made of; [] if of no column"
        for name, fields in each.columns.items():
            for field in fields:
                there = _columns_of(tx, field.table)
                if field.column not in there:
                    said = f"no column {or_nearest(field.column, there)}" if there else "no such table"
                    yield f"{each.place('columns', name)}: {name} is made of {field.table}.{field.column}: there is {said}"


def _columns_of(tx: Transaction, table: str) -> list[str]:
    return [row["column_name"] for row in tx.run("schema/columns", table=table).rows]


def _try_contract(db: Database, dataset: Dataset) -> list[str]:
    """Run a dataset's statements on no record at all."""
    own = f"datasets/{dataset.name}/contract"
    tables = {"landed": f"tried_{dataset.name}_landed", "validated": f"tried_{dataset.name}_validated"}

    def run(tx: Transaction) -> None:
        for name in ("land", "validate", "rules_landed"):
            if f"{own}/{name}" in tx.statements:
                statement = tx.statements[f"{own}/{name}"]
                tx.run(f"{own}/{name}", **{key: value for key, value in tables.items() if key in statement.parameters})

    try:
        db.run_transaction(run)
    except DbsvcError as error:
        rules = f"{own}/rules_landed"
        origin = db.statements[rules].origin if rules in db.statements else dataset.origin
        return [f"{origin}:1: {error}"]
    return []


def _try_check(db: Database, project: Project, check: Check) -> list[str]:
    """Run a check of the project on no data."""
    if not project.holds(check.statement.origin):
        return []
    try:
        with db.snapshot() as tx:
            find(tx, check, date.min, date.max, {name: float(default) for name, (default, _) in check.thresholds.items()})
    except DbsvcError as error:
        return [f"{check.statement.origin}:1: {error}"]
    return []
