"""Opening the database that a URL names."""

from __future__ import annotations

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialects import dialect_for
from dbsvc.engine.project import find_project
from dbsvc.engine.settings import read_settings


def connect(url: str | None = None, *, create: bool = True, name: str = "dbsvc") -> Database:
    """Open the database at ``url``, by default the one that the settings name.

    ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user:password@host:port/name``.
    Nothing is contacted before the first transaction, which makes a file that does not exist; with ``create=False`` it raises
    UnusableError instead. ``name`` says to others who are connected what we are. Raises ConfigurationError for a URL that
    cannot be, and for a project that is none.
    """
    settings = read_settings()
    dialect = dialect_for(settings.database_url if url is None else url, settings, name=name, create=create)
    return Database(dialect, find_project(settings.project))
