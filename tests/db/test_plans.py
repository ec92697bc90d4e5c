"""What PostgreSQL expects, which decides how it goes about a query."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbsvc import Database
from tests.helpers import load, query, usage_csv, write


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_month_of_one_load_is_not_taken_for_empty(db: Database, tmp_path: Path) -> None:
    """Else a check that joins it takes minutes, where it takes a tenth of a second."""
    load(db, write(tmp_path / "usage.csv", usage_csv([("2021-10-01", n, "USD", f"A{n}", 1, 1) for n in range(1_000)])))
    with db.transaction() as tx:
        tx.execute("ANALYZE bills_stored")
    plan = query(db, "EXPLAIN SELECT * FROM bills")[0][0]
    (expected,) = re.findall(r"rows=(\d+)", plan)
    assert 300 <= int(expected) <= 1_500
