"""What several test modules share: files of usage, loading them, and the tables as plain Python values."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from dbsvc.engine import Database
from dbsvc.engine.database import Row
from dbsvc.engine.datasets import load_datasets, read_header
from dbsvc.engine.delivery import Delivery
from dbsvc.engine.ingest import BUCKETS, Outcome, Progress, _audit, _register, _stage, find_load, ingest
from dbsvc.engine.scan import scan
from dbsvc.engine.settings import Settings

HEADER = "Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue"

#: what a row of bills_history has more than one of bills
Bill = tuple[datetime.date, int, str, str, Decimal, Decimal, int, int]
Past = tuple[datetime.date, int, str, str, Decimal, Decimal, int, int, int | None]


def usage_csv(rows: Iterable[Sequence[object]], *, header: str = HEADER, end: str = "\n") -> bytes:
    """A usage file of these records; fields are not quoted."""
    return "".join(f"{line}{end}" for line in [header, *(",".join(map(str, row)) for row in rows)]).encode()


def write(path: Path, content: bytes) -> Path:
    """A file of that content."""
    path.write_bytes(content)
    return path


def load(
    db: Database,
    source: Path | str,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
    **settings: Any,
) -> Outcome:
    """What ``dbsvc ingest`` does with one file; but a file that contradicts itself is held only if the settings say so."""
    chosen = replace(Settings(), **{"max_contradicting_share": 1.0, **settings})
    with Delivery(str(source)) as delivery:
        header = read_header(delivery, load_datasets(db.statements))
        return ingest(db, delivery, header, chosen, jobs=jobs, progress=progress)


def register(db: Database, source: Path, *, chunk_bytes: int = Settings.chunk_bytes) -> Row:
    """The first step of ``load`` alone; returns the ledger's row."""
    with Delivery(str(source)) as delivery:
        header = read_header(delivery, load_datasets(db.statements))
        scanned = scan(delivery, header, chunk_bytes)
        load = db.run_transaction(lambda tx: _register(tx, delivery, header, scanned, []))
        assert load is not None
        return load


def stage(db: Database, source: Path, registered: Row) -> Row:
    """The next steps, staging and audits; returns the ledger's row."""
    with Delivery(str(source)) as delivery:
        header = read_header(delivery, load_datasets(db.statements))
        _stage(db, registered, delivery, header, 1, lambda done: None)
    return db.run_transaction(lambda tx: _audit(tx, registered, Settings(max_contradicting_share=1.0)))


def query(db: Database, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a query, as tuples."""
    with db.transaction() as tx:
        return [tuple(row.values()) for row in tx.execute(sql, **parameters).rows]


def bills(db: Database) -> list[Bill]:
    """All bills: date, id, name, currency, amounts, load, line."""
    columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no"
    return sorted(query(db, f"SELECT {columns} FROM bills"))


def history(db: Database) -> list[Past]:
    """The bills' past: as bills, then the load that replaced them."""
    columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no"
    found = query(db, f"SELECT {columns}, replaced_by_load_id FROM bills_history")
    return sorted(found, key=lambda row: (row[:2], row[6:8]))


def tables(db: Database) -> tuple[list[Bill], list[Past]]:
    """What is published: the bills and their history."""
    return bills(db), history(db)


def rejects(db: Database) -> list[tuple[int, str, bytes]]:
    """The quarantine: line, reasons, raw record."""
    return query(db, "SELECT line_no, reasons, raw_record FROM rejects ORDER BY load_id, line_no")


def ledger(db: Database, load_id: int) -> Row:
    """A load's row."""
    with db.transaction() as tx:
        return find_load(tx, load_id)


def buckets(row: Row) -> dict[str, int]:
    """A load's buckets that are not empty."""
    return {bucket: row[bucket] for bucket in BUCKETS if row[bucket]}


def statuses(db: Database) -> list[str]:
    """The states of all loads, in their order."""
    return [status for (status,) in query(db, "SELECT status FROM loads ORDER BY load_id")]
