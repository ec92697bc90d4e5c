"""Readers whose driver prepares statements, as most do by themselves after some runs, and who stay in one transaction.

Such a transaction looks at no message of the server when it runs a statement again: the plan may be older than a partition that
was attached meanwhile, and the snapshot newer than the load that came with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbsvc import Database, connect
from dbsvc.engine.loads import place
from dbsvc.engine.loads.operations import release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.settings import Settings
from tests.helpers import load, usage_csv, write
from tests.helpers.server import Server

#: how many bills there are, what they come to, and of how many loads they are
SUMS = "SELECT count(*), sum(product1_revenue), count(DISTINCT load_id) FROM bills"
SEPTEMBER = [("2021-09-01", n, "USD", "a", 1, 0) for n in range(3)]
OCTOBER = [("2021-10-01", n, "USD", "a", 1, 0) for n in range(20)]
ONE_MORE = [("2021-09-01", 9, "USD", "a", 1, 0)]
CORRECTED = [("2021-09-01", 2, "USD", "a", 5, 0)]
REJECTED = [("2021-10-02", 1, "???", "a", 1, 0)]

MONTHS = pytest.mark.parametrize("month_records", [1, 10**9], ids=["placed", "merged"])


@pytest.fixture
def url(server: Server) -> str:
    return server.create()


@pytest.fixture
def db(url: str, tmp_path: Path) -> Iterator[Database]:
    """A database with September in it."""
    with connect(url) as db:
        bring(db, tmp_path, SEPTEMBER)
        yield db


def bring(db: Database, folder: Path, records: list[Any], month_records: int = 10**9) -> int:
    """Load these records; returns the load's number."""
    path = write(folder / f"{abs(hash(tuple(records)))}.csv", usage_csv(records))
    return load(db, path, month_records=month_records).load.load_id


class Reader:
    """Sums the bills up, within one transaction."""

    def __init__(self, url: str, *, prepare: bool = True, begin: str = "BEGIN") -> None:
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=0 if prepare else None)
        # a plan that is kept, whatever it would be worth to make another one
        self.connection.execute("SET plan_cache_mode = force_generic_plan")
        self.connection.execute(begin.encode())

    def look(self, sql: str = SUMS) -> tuple[int, ...]:
        row = self.connection.execute(sql.encode()).fetchone()
        assert row is not None
        return tuple(map(int, row))

    def close(self) -> None:
        self.connection.close()


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ"])
@pytest.mark.parametrize("prepare", [False, True])
@MONTHS
def test_a_new_month_beside_an_open_transaction(
    db: Database, url: str, tmp_path: Path, month_records: int, prepare: bool, begin: str
) -> None:
    """The load brings bills of a month that is there, and of one that is new: a reader sees both, or neither."""
    with closing(Reader(url, prepare=prepare, begin=begin)) as reader:
        assert reader.look() == (3, 3, 1)
        bring(db, tmp_path, [*ONE_MORE, *OCTOBER], month_records)
        # a plan that was kept shows none of it; one that is made now shows all, if the snapshot does
        assert reader.look() == ((3, 3, 1) if prepare or "REPEATABLE" in begin else (24, 24, 2))
        assert reader.look(f"{SUMS} WHERE bill_id >= 0") == ((3, 3, 1) if "REPEATABLE" in begin else (24, 24, 2))
        reader.connection.execute("COMMIT")
        assert reader.look() == (24, 24, 2)
        reader.connection.execute("BEGIN")
        assert [reader.look(), reader.look()] == [(24, 24, 2)] * 2
