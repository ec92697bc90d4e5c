"""Opening the database that a URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dbsvc.engine.arguments import checked
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialects import SCRATCH, dialect_for, families
from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.project import Project, find_project
from dbsvc.engine.settings import Settings, read_settings
from dbsvc.engine.statements.catalog import Statements, load_statements


@checked
def connect(
    url: str | None = None,
    *,
    create: bool = True,
    name: str = "dbsvc",
    lock_seconds: int | None = None,
    settings: Settings | None = None,
) -> Database:
    """Open the database at ``url``, by default the one that the settings name.

    ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user:password@host:port/name``.
    Nothing is contacted before the first transaction, which makes a file that does not exist; with ``create=False`` it raises
    UnusableError instead. ``name`` says to others who are connected what we are; ``lock_seconds`` is how long we wait for them,
    at most. ``settings`` are what the environment and ``.env`` say, unless they are given. Raises ConfigurationError for a URL
    that cannot be, and for a project that is none.

    >>> with dbsvc.connect("sqlite:///example.db") as db, db.snapshot() as tx:
    ...     tx.execute("SELECT count(*) AS bills FROM bills").rows
    [{'bills': 6}]
    """
    settings = settings or read_settings()
    if lock_seconds is not None:
        settings = replace(settings, lock_seconds=min(settings.lock_seconds, lock_seconds))
    dialect = dialect_for(settings.database_url if url is None else url, settings, name=name, create=create)
    if settings.stage_urls and url is None and not dialect.elsewhere():
        raise ConfigurationError(f"DBSVC_STAGE_URLS names nodes, and {dialect.label} has none: leave it out.")
    return Database(dialect, find_project(settings.project))


@contextmanager
def scratch(project: Project | None) -> Iterator[Database]:
    """Lend an empty database that is gone afterwards, to try things out."""
    with TemporaryDirectory(prefix="dbsvc-", ignore_cleanup_errors=True) as folder:  # threads may still be rolling back
        url = SCRATCH.format(path=Path(folder) / "scratch.db")
        with Database(dialect_for(url, Settings(), name="dbsvc", create=True), project) as db:
            yield db


def all_statements(project: Project | None) -> dict[str, Statements]:
    """Return the statements of each kind of database that inherits from no other. Raises StatementError."""
    return {name: load_statements(family, project) for name, family in families().items()}
