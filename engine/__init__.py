"""The engine: connections, transactions, statements, chunks, and the orchestration of a load."""

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
