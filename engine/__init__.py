"""The engine: connections, transactions, statements, chunks, and the orchestration of a load."""

from .database import Database, Result, Transaction, connect
from .errors import (
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
)
from .migrations import migrate

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
    "connect",
    "migrate",
]
