"""What is published, as the same values on every database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from tests.helpers.processes import observing

#: what is published, as the same values on every database
TABLES = {
    "bills": "SELECT CAST(bill_date AS text), bill_id, customer_name, currency, CAST(product1_revenue AS text), "
    "CAST(product2_revenue AS text), load_id, line_no FROM bills ORDER BY bill_date, bill_id",
    "history": "SELECT CAST(bill_date AS text), bill_id, customer_name, currency, CAST(product1_revenue AS text), "
    "CAST(product2_revenue AS text), load_id, line_no, replaced_by_load_id FROM bills_history "
    "ORDER BY bill_date, bill_id, load_id, line_no",
    "rejects": "SELECT load_id, line_no, reasons, raw_record FROM rejects ORDER BY load_id, line_no",
    "chunks": "SELECT load_id, chunk_no, byte_start, byte_end, first_line, read, staged, rejected FROM load_chunks "
    "ORDER BY load_id, chunk_no",
    "sums": "SELECT load_id, status, read, rejected, CAST(control_total AS text) FROM loads ORDER BY load_id",
    "buckets": "SELECT load_id, inserted, updated, unchanged, duplicate, superseded FROM loads ORDER BY load_id",
}


def stream(url: str, sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows, in bounded memory."""
    with observing(url) as connection:
        if isinstance(connection, psycopg.Connection):
            with connection.transaction(), connection.cursor("rows") as cursor:
                yield from cursor.execute(sql.encode())
        else:
            yield from connection.execute(sql)
