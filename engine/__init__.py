"""The engine: connections, transactions, statements, chunks, and the orchestration of a load.

What is public is imported when it is used: a command that only shows its help needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbsvc.engine.db.connect import connect
    from dbsvc.engine.db.database import Database
    from dbsvc.engine.db.dialect import Result
    from dbsvc.engine.db.transaction import Transaction
    from dbsvc.engine.errors import (
        CancelledError,
        ConfigurationError,
        ContentionError,
        DatabaseError,
        DbsvcError,
        InputError,
        InputMissingError,
        IntegrityError,
        MalformedCsvError,
        StatementError,
        UnavailableError,
        UnusableError,
    )
    from dbsvc.engine.migrations import migrate

__all__ = [
    "CancelledError",
    "ConfigurationError",
    "ContentionError",
    "Database",
    "DatabaseError",
    "DbsvcError",
    "InputError",
    "InputMissingError",
    "IntegrityError",
    "MalformedCsvError",
    "Result",
    "StatementError",
    "Transaction",
    "UnavailableError",
    "UnusableError",
    "connect",
    "migrate",
]

#: where they are defined, if they are no errors
_HOMES = {
    "Database": "db.database",
    "Result": "db.dialect",
    "Transaction": "db.transaction",
    "connect": "db.connect",
    "migrate": "migrations",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    return found
