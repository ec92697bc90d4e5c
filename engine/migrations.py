"""The schema: migrations, applied with yoyo, one migrator at a time: the built-in ones, then those of the project.

A project's migrations are called otherwise than the built-in ones, which begin with four digits, so that neither takes the
other's name. What was applied of them is kept by its digest: a file that changed since then changed nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from importlib.resources import as_file
from pathlib import Path
from typing import Any, NamedTuple

from dbsvc.engine.arguments import checked
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, DatabaseError, StatementError
from dbsvc.engine.log import event
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.project import Project
from dbsvc.engine.statements.catalog import find_folder
from dbsvc.engine.toml import read_text
from dbsvc.engine.words import or_nearest

_LEDGER = "loads"


_BUILT_IN = re.compile(r"\d{4}_")
_NAME = re.compile(r"[a-z]\w*")
_DEPENDS = re.compile(r"^\s*--\s*depends:(.*)$", re.MULTILINE)
_BACK = ".rollback.sql"


class Schema(NamedTuple):
    """The migrations a database has been given, and those it still lacks."""

    applied: list[str]
    pending: list[str]
    #: of those applied, a project's whose files are not here
    foreign: tuple[str, ...] = ()


def read_schema(db: Database) -> Schema:
    """Compare the database's schema with the program's and the project's. Raises ConfigurationError if they do not fit."""
    return _read_schema(db, _own(db))


def _read_schema(db: Database, own: Mapping[str, Path], *, changed: bool = False) -> Schema:
    """Compare schemas. ``changed``: a project's migration may have changed since it was applied."""
    known = [*_built_in(db), *own]
    if db.dialect.absent():
        return Schema([], known)
    with db.snapshot() as tx:
        tables = {row["table_name"] for row in tx.run("schema/tables").rows}
        rows = tx.run("schema/applied_migrations").rows if "_yoyo_migration" in tables else []
        digests = tx.run("schema/project_migrations").rows if "project_migrations" in tables else []
    applied = [row["migration_id"] for row in rows]
    foreign = sorted(set(applied) - set(known))
    if newer := [name for name in foreign if _BUILT_IN.match(name)]:
        raise ConfigurationError(f"{db.dialect.label} has a newer schema than this program ({newer[-1]}): update dbsvc.")
    for row in [] if changed else digests:
        name = row["migration_id"]
        if name in applied and name in own and row["sha256"] != _digest(own[name]):
            raise ConfigurationError(
                f"{own[name]}:1: changed since {db.dialect.label} was given it: put its text back, and write what is to change "
                "in one more migration."
            )
    return Schema(applied, [name for name in known if name not in applied], tuple(foreign))


def ensure_schema(db: Database, progress: Progress = unseen) -> None:
    """Give an empty database its schema. Raises ConfigurationError if there is one and it is not the program's."""
    schema = read_schema(db)
    if schema.pending:
        schema = db.run_transaction(lambda _: read_schema(db))  # waits for a migrator who may be at work
    if schema.pending and is_new(db):
        migrate(db, progress)
    else:
        _refuse_pending(db, schema)


def require_schema(db: Database) -> None:
    """Raise ConfigurationError unless there is a database whose schema is the program's. Makes none."""
    if absent := db.dialect.absent():
        raise ConfigurationError(absent)
    schema = read_schema(db)
    if not schema.applied:
        raise ConfigurationError(
            f"{db.dialect.label} has no tables of ours: nothing was loaded there yet, or DATABASE_URL should name another "
            "database. `dbsvc ingest FILE` makes them."
        )
    _refuse_pending(db, schema)


def _refuse_pending(db: Database, schema: Schema) -> None:
    if schema.pending:
        raise ConfigurationError(f"{db.dialect.label} lacks {len(schema.pending)} migration(s): run `dbsvc db migrate`.")


def is_new(db: Database) -> bool:
    """Whether nothing was ever loaded; a migrator may have died half-way."""
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
        return _LEDGER not in tables or not tx.run("schema/count_rows", table=_LEDGER).rows[0]["row_count"]


@checked
def migrate(db: Database, progress: Progress = unseen) -> list[str]:
    """Apply what is pending, all of it or nothing. Returns the names of what was, by us or by a migrator just before us.

    >>> with dbsvc.connect("sqlite:///example.db") as db:
    ...     dbsvc.migrate(db)
    []
    """
    pending = read_schema(db).pending
    if pending:
        db.retry(lambda: _migrate(db, progress))
        event("migrated", applied=pending)
    return pending


def make_schema(db: Database) -> None:
    """Give a new database its schema, as ``migrate`` does, without a word: it is nobody's."""
    db.retry(lambda: _migrate(db))


def _migrate(db: Database, progress: Progress = unseen) -> None:
    with yoyo_migrations(db) as (backend, migrations):
        _apply(db, backend, migrations, progress)


def _apply(db: Database, backend: Any, migrations: Any, progress: Progress = unseen) -> None:
    """Apply what is not applied yet, and keep what the project's migrations were."""
    own = _own(db)
    tx = Transaction(db.dialect, db.statements, backend.connection, db)
    pending = backend.to_apply(migrations)
    for done, migration in enumerate(pending):
        progress("migrate", done, len(pending))
        file = own.get(migration.id)
        try:
            backend.apply_one(migration)
        except Exception as error:
            refused = db.dialect.translate(error) if file else None
            if refused is None or refused.retryable or isinstance(refused, ConfigurationError):
                raise
            raise DatabaseError(f"{file}:1: {refused}") from error
        if file:
            tx.run("schema/keep_migration", migration_id=migration.id, sha256=_digest(file))


def reset(db: Database) -> None:
    """Take back every migration, and with them all data, then apply them again: all of it, or nothing.

    It waits for transactions that write. Instances at work find their load gone, and end.
    """
    if foreign := _read_schema(db, _own(db), changed=True).foreign:
        raise ConfigurationError(
            f"{db.dialect.label} has the migration {foreign[-1]} of a project, whose file says how it is taken back: set "
            "DBSVC_PROJECT to the folder that has it."
        )
    db.retry(lambda: _reset(db))
    event("reset")


def _reset(db: Database) -> None:
    from dbsvc.engine.loads.staging import drop_tables, find_staging  # all of loading: no other command needs it here

    with yoyo_migrations(db) as (backend, migrations):
        tx = Transaction(db.dialect, db.statements, backend.connection, db)
        for dataset in (*db.statements.datasets, *db.statements.datasets.unused):
            drop_tables(tx, find_staging(tx, dataset))
        backend.rollback_migrations(backend.to_rollback(migrations))
        _apply(db, backend, migrations)


def rollback(db: Database) -> None:
    """Take back every migration."""
    with yoyo_migrations(db) as (backend, migrations):
        backend.rollback_migrations(backend.to_rollback(migrations))


def _built_in(db: Database) -> list[str]:
    root = find_folder("migrations")
    return [
        name.removesuffix(".sql")
        for folder in db.dialect.migrations()
        for name in sorted(entry.name for entry in root.joinpath(folder).iterdir())
        if name.endswith(".sql") and not name.endswith(_BACK)
    ]


def _own(db: Database) -> dict[str, Path]:
    """Return the project's migrations, by their names, in the order of these."""
    project = db.statements.project
    return read_own(project, db.dialect.migrations(), _built_in(db)) if project else {}


def read_own(project: Project, folders: Iterable[str], known: Iterable[str]) -> dict[str, Path]:
    """Return a project's migrations for a database. ``known``: the built-in ones. Raises StatementError."""
    found: dict[str, Path] = {}
    for folder in folders:
        place = project.path("migrations", folder)
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            name = file.name.removesuffix(_BACK).removesuffix(".sql")
            if file.suffix != ".sql" and not file.name.startswith("."):
                raise StatementError(f"{file}:1: a migration is a file of SQL: {name}.sql, and {name}{_BACK} for the way back")
            if _BUILT_IN.match(file.name):
                raise StatementError(f"{file}:1: built-in migrations begin with four digits: call it {name[5:]}_{name[:4]}")
            if not _NAME.fullmatch(name):
                raise StatementError(f"{file}:1: a migration is named by small letters, digits and _, a letter first")
            if not (place / f"{name}.sql").exists():
                raise StatementError(f"{file}:1: there is no {name}.sql that this would take back")
            if not (place / f"{name}{_BACK}").exists():
                raise StatementError(f"{file}:1: there is no {name}{_BACK}, the way back")
            found[name] = place / f"{name}.sql"
    for file in found.values():
        for named in " ".join(_DEPENDS.findall(read_text(file))).split():
            if named not in (all_known := [*found, *known]):
                raise StatementError(f"{file}:1: depends on a migration that there is not: {or_nearest(named, all_known)}")
    return found


def _digest(file: Path) -> str:
    """Return what tells a migration's text from another, whatever its line ends."""
    return hashlib.sha256("\n".join(read_text(file).splitlines()).encode()).hexdigest()


@contextmanager
def yoyo_migrations(db: Database) -> Iterator[tuple[Any, Any]]:
    """Yield yoyo's backend and migrations in one transaction, alone with the schema: who writes waits, and we for them.

    Yoyo's own lock is a row that outlives a crash. Ours is the transaction's, and so is all that is done.
    """
    from yoyo import internalmigrations, read_migrations

    with (
        as_file(find_folder("migrations")) as root,
        db.translating(),
        db.dialect.migrator(db.statements) as backend,
        db.minding(backend.connection),
        backend.transaction(),
    ):
        if internalmigrations.needs_upgrading(backend):
            internalmigrations.upgrade(backend)
        own = dict.fromkeys(file.parent for file in _own(db).values())
        folders = [*(root / folder for folder in db.dialect.migrations()), *own]
        yield backend, read_migrations(*(escape(str(folder)) for folder in folders))
