"""What is in the database, as ``dbsvc status`` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.notify.undelivered import Undelivered, find_undelivered
from dbsvc.engine.reports.loads import LoadList, count_rows, newest_loads

_MOST = 5  # loads, and days


@dataclass(frozen=True)
class Status:
    """The tables and how many rows each has, the newest loads, the newest days of inverters, notices that are owed."""

    #: ``table``, ``rows``; without empty ones of datasets that are not in use
    tables: list[Row]
    newest: LoadList
    days: list[Row]
    #: whom of those that are told something is not told yet
    undelivered: list[Undelivered]


def read_status(db: Database) -> Status:
    """Return what is in the database."""
    return db.read(lambda tx: _read(db, tx))


def _read(db: Database, tx: Transaction) -> Status:
    read_as = {stored: shown for dataset in db.statements.datasets.values() for stored, shown in dataset.read_as.items()}
    tables = [str(row["table_name"]) for row in tx.run("schema/tables").rows]
    names = sorted(read_as.get(table, table) for table in tables)
    counted = [{"table": name, "rows": count_rows(tx, name)} for name in names if "yoyo" not in name]
    left_out = db.statements.tables_left_out()
    counted = [row for row in counted if row["rows"] or row["table"] not in left_out]
    days = tx.run("reports/newest_summaries", most=_MOST).rows
    return Status(counted, newest_loads(tx, _MOST), days, find_undelivered(tx))
