"""Opening the database for a command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbsvc.cli import output

if TYPE_CHECKING:
    from dbsvc.engine import Database


@contextlib.contextmanager
def open_database(*, create: bool = False) -> Iterator[Database]:
    """Open the database that the settings name, and see to its schema; make what does not exist only if told to."""
    from dbsvc.engine.migrations import ensure_schema, require_schema

    with output.connect(create=create) as db:
        (ensure_schema if create else require_schema)(db)
        yield db
