"""The schema: migrations, applied with yoyo, one migrator at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file
from typing import Any, NamedTuple

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.loads.staging import drop_tables, find_staging
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
        schema = db.run_transaction(lambda _: read_schema(db))  # waits for a migrator who may be at work
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
    """Apply what is pending, all of it or nothing. Returns the names of what was, by us or by a migrator just before us."""
    pending = read_schema(db).pending
    if pending:
        db.retry(lambda: _migrate(db))
        event("migrated", applied=pending)
    return pending


def _migrate(db: Database) -> None:
    with yoyo_migrations(db) as (backend, migrations):
        backend.apply_migrations(backend.to_apply(migrations))


def reset(db: Database) -> None:
    """Take back every migration, and with them all data, then apply them again: all of it, or nothing.

    It waits for transactions that write. Instances at work find their load gone, and end.
    """
    read_schema(db)
    db.retry(lambda: _reset(db))
    event("reset")


def _reset(db: Database) -> None:
    with yoyo_migrations(db) as (backend, migrations):
        tx = Transaction(db.dialect, db.statements, backend.connection, db)
        for dataset in db.statements.datasets:
            drop_tables(tx, find_staging(tx, dataset))
        backend.rollback_migrations(backend.to_rollback(migrations))
        backend.apply_migrations(backend.to_apply(migrations))


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
        yield backend, read_migrations(*(str(root / folder) for folder in db.dialect.migrations()))
