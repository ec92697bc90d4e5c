"""Readers whose driver prepares statements, as most do by themselves after some runs, and who stay in one transaction."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from dbsvc import connect
from tests.helpers import load, usage_csv, write
from tests.helpers.server import Server

#: how many bills there are, and how many the ledger says there are
COUNTED = "SELECT (SELECT count(*) FROM bills), (SELECT COALESCE(sum(inserted), 0) FROM loads WHERE status = 'published')"
STALE = (
    "A transaction that holds its locks looks at no message of the server when it runs a prepared statement again. So its plan "
    "may be older than a partition that was attached meanwhile, and its snapshot newer than the load that came with it."
)


@pytest.mark.parametrize("prepare", [False, pytest.param(True, marks=pytest.mark.xfail(reason=STALE, strict=True))])
@pytest.mark.parametrize("month_records", [1, 10**9], ids=["placed", "merged"])
def test_a_new_month_beside_an_open_transaction(server: Server, tmp_path: Path, prepare: bool, month_records: int) -> None:
    """The load brings bills of a month that is there, and of one that is new: a reader sees both, or neither."""
    old = write(tmp_path / "old.csv", usage_csv([("2021-09-01", 1, "USD", "a", 1, 0)]))
    records = [("2021-09-01", 2, "USD", "a", 1, 0), *(("2021-10-01", n, "USD", "a", 1, 0) for n in range(20))]
    path = write(tmp_path / "usage.csv", usage_csv(records))
    url = server.create()
    with connect(url) as db, psycopg.connect(url, autocommit=True, prepare_threshold=0 if prepare else None) as reader:
        load(db, old)
        reader.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        assert reader.execute(COUNTED).fetchone() == (1, 1)
        load(db, path, month_records=month_records)
        assert reader.execute(COUNTED).fetchone() in ((1, 1), (22, 22))
        reader.execute("COMMIT")
        assert reader.execute(COUNTED).fetchone() == (22, 22)
