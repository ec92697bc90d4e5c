"""The schema: migrations, applied with yoyo, one migrator at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file
from typing import Any, NamedTuple

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.loads.operations import discard
from dbsvc.engine.log import event
from dbsvc.engine.statements.catalog import find_folder

_LEDGER = "loads"


class Schema(NamedTuple):
    """The migrations a database has been given, and those it still lacks."""

    applied: list[str]
    pending: list[str]


def read_schema(db: Database) -> Schema:
    """Compare the database's schema with the program's. Raises ConfigurationError if the database's is newer."""
    known = _known(db)
    if db.dialect.absent():
        return Schema([], known)
    with db.snapshot() as tx:
        tables = {row["table_name"] for row in tx.run("schema/tables").rows}
        rows = tx.run("schema/applied_migrations").rows if "_yoyo_migration" in tables else []
    applied = [row["migration_id"] for row in rows]
    if newer := sorted(set(applied) - set(known)):
        raise ConfigurationError(f"{db.dialect.label} has a newer schema than this program ({newer[-1]}): update dbsvc.")
    return Schema(applied, [name for name in known if name not in applied])


def ensure_schema(db: Database) -> None:
    """Give an empty database its schema. Raises ConfigurationError if there is one and it is not the program's."""
    schema = read_schema(db)
    if schema.pending:
        with _alone(db):  # wait for a migrator who may be at work
            schema = read_schema(db)
    if schema.pending and _is_new(db):
        migrate(db)
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


def _is_new(db: Database) -> bool:
    """Whether nothing was ever loaded; a migrator may have died half-way."""
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
        return _LEDGER not in tables or not tx.run("schema/count_rows", table=_LEDGER).rows[0]["row_count"]


def migrate(db: Database) -> list[str]:
    """Apply what is pending, in order. Returns the names of what was applied, by us or by a migrator just before us."""
    pending = read_schema(db).pending
    if pending:
        with yoyo_migrations(db) as (backend, migrations):
            backend.apply_migrations(backend.to_apply(migrations))
        event("migrated", applied=pending)
    return pending


def reset(db: Database) -> None:
    """Take back every migration, and with them all data, then apply them again."""
    if read_schema(db).applied:
        migrate(db)  # what gives up open loads is written for the schema of today
        with db.snapshot() as tx:
            open_loads = tx.run("ledger/open_loads").rows
        for load in open_loads:
            discard(db, load["load_id"])
        rollback(db)
    migrate(db)


def rollback(db: Database) -> None:
    """Take back every migration."""
    with yoyo_migrations(db) as (backend, migrations):
        backend.rollback_migrations(backend.to_rollback(migrations))


def _known(db: Database) -> list[str]:
    root = find_folder("migrations")
    return [
        name.removesuffix(".sql")
        for folder in db.dialect.migrations()
        for name in sorted(entry.name for entry in root.joinpath(folder).iterdir())
        if name.endswith(".sql") and not name.endswith(".rollback.sql")
    ]


@contextmanager
def _alone(db: Database) -> Iterator[None]:
    """Be the only migrator."""
    with db.connection() as connection, db.translating(), ExitStack() as stack:
        with db.watch.over(connection):
            stack.enter_context(db.dialect.migration_lock(connection, db.statements))
        yield


@contextmanager
def yoyo_migrations(db: Database) -> Iterator[tuple[Any, Any]]:
    """Yield yoyo's backend and migrations, alone: its own lock is a row that outlives a crash, so it is broken first."""
    from yoyo import read_migrations

    with (
        _alone(db),
        as_file(find_folder("migrations")) as root,
        db.dialect.migrator(db.statements) as backend,
    ):
        backend.init_database()
        backend.break_lock()
        migrations = read_migrations(*(str(root / folder) for folder in db.dialect.migrations()))
        with backend.lock():
            yield backend, migrations
