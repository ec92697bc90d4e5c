"""Readers whose driver prepares statements, as most do by themselves after some runs, and who stay in one transaction.

Such a transaction looks at no message of the server when it runs a statement again: the plan may be older than a partition that
was attached meanwhile, and the snapshot newer than the load that came with it. When messages pile up it hears of all, so tests
say what may be seen, and not what will be.
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
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.settings import Settings
from tests.helpers import ROOT, load, usage_csv, write
from tests.helpers.server import Server, driver

#: how many bills there are, what they come to, and of how many loads they are
SUMS = "SELECT count(*), sum(product1_revenue), count(DISTINCT load_id) FROM bills"
SEPTEMBER = [("2021-09-01", n, "USD", "a", 1, 0) for n in range(3)]
OCTOBER = [("2021-10-01", n, "USD", "a", 1, 0) for n in range(20)]
ONE_MORE = [("2021-09-01", 9, "USD", "a", 1, 0)]
CORRECTED = [("2021-09-01", 2, "USD", "a", 5, 0)]
REJECTED = [("2021-10-02", 1, "QQQ", "a", 1, 0)]

REFUSED = "Load {} was published, and a month was added, since this statement was planned: run the transaction again."

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
    """Sums the bills up, within one transaction unless it begins none."""

    def __init__(self, url: str, *, prepare: bool = True, begin: str = "BEGIN") -> None:
        self.connection = driver(url, autocommit=True, prepare_threshold=0 if prepare else None)
        # a plan that is kept, whatever it would be worth to make another one
        self.connection.execute("SET plan_cache_mode = force_generic_plan")
        self.connection.execute(begin.encode())

    def look(self, sql: str = SUMS) -> tuple[int, ...] | str:
        """What is there, or the error that says to try again."""
        try:
            row = self.connection.execute(sql.encode()).fetchone()
        except psycopg.errors.SerializationFailure as error:
            return str(error.diag.message_primary)
        assert row is not None
        return tuple(map(int, row))

    def begin_again(self) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN")

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def fresh(url: str) -> Iterator[Reader]:
    """Someone whose plans are always new."""
    with closing(Reader(url, prepare=False, begin="SELECT 1")) as reader:
        yield reader


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ"])
@pytest.mark.parametrize("prepare", [False, True])
@MONTHS
def test_a_new_month_beside_an_open_transaction(
    db: Database, url: str, tmp_path: Path, month_records: int, prepare: bool, begin: str
) -> None:
    """The load brings bills of a month that is there, and of one that is new: a reader sees both, or neither."""
    another = f"{SUMS} WHERE bill_id >= 0"
    before, after = (3, 3, 1), (24, 24, 2)
    with closing(Reader(url, prepare=prepare, begin=begin)) as reader:
        assert reader.look() == before
        bring(db, tmp_path, [*ONE_MORE, *OCTOBER], month_records)
        # one that is planned now shows all, if its snapshot does
        possible = [(before, before)] if "REPEATABLE" in begin else [(before, after), (after, after)]
        assert (reader.look(), reader.look(another)) in possible
        reader.begin_again()
        assert [reader.look(), reader.look(another), reader.look()] == [after] * 3


@MONTHS
def test_plans_of_before(db: Database, url: str, tmp_path: Path, month_records: int, fresh: Reader) -> None:
    """They leave a load out that only adds; where it replaced what the reader saw, they say to try again."""
    left_out = False
    with closing(Reader(url)) as reader:
        for month in range(1, 13):
            before = reader.look()
            added = [(f"2022-{month:02}-01", n, "USD", "a", 1, 0) for n in range(20)]
            replaced = [("2021-09-01", 2, "USD", "a", month, 5)] if left_out else []
            # merging sends fewer messages, and when too many pile up a reader hears of all
            number = bring(db, tmp_path, [*added, *replaced], 10**9 if left_out else month_records)
            seen, after = reader.look(), fresh.look()
            assert seen in ((REFUSED.format(number) if left_out else before), after)
            if left_out and seen != after:
                break
            left_out |= seen == before
            reader.begin_again()
            assert reader.look() == after
        else:
            raise AssertionError("no plan was ever older than a month")


def test_later_loads(db: Database, url: str, tmp_path: Path, fresh: Reader) -> None:
    """They are seen as far as the plan knows all that came before them."""
    with closing(Reader(url)) as reader, closing(Reader(url)) as younger:
        states = [reader.look()]
        bring(db, tmp_path, OCTOBER)
        states.append(younger.look())
        # it brings one bill, and repeats some that the reader must not see
        bring(db, tmp_path, [*OCTOBER[:5], *ONE_MORE])
        states.append(fresh.look())
        assert states == [(3, 3, 1), (23, 23, 2), (24, 24, 3)]
        assert reader.look() in states
        assert younger.look() == states[-1]
        number = bring(db, tmp_path, CORRECTED)
        assert younger.look() == fresh.look() == (24, 28, 4)
        assert reader.look() in (REFUSED.format(number), (24, 28, 4))


def test_replacing_without_a_new_month(db: Database, url: str, tmp_path: Path) -> None:
    with closing(Reader(url)) as reader:
        reader.look()
        bring(db, tmp_path, [*CORRECTED, *ONE_MORE])
        assert reader.look() == (4, 8, 2)


@MONTHS
def test_taking_back(db: Database, url: str, tmp_path: Path, month_records: int) -> None:
    with closing(Reader(url)) as reader, closing(Reader(url)) as younger:
        reader.look()
        number = bring(db, tmp_path, [*CORRECTED, *OCTOBER], month_records)
        assert younger.look() == (23, 27, 2)
        revert(db, number)
        assert younger.look() == (3, 3, 1)
        assert reader.look() in (REFUSED.format(number), (3, 3, 1))
        reader.begin_again()
        assert reader.look() == (3, 3, 1)


def test_a_retry_into_a_new_month(db: Database, url: str, tmp_path: Path, fresh: Reader) -> None:
    """The reader saw the other records of that load: they cannot be left out."""
    number = bring(db, tmp_path, [*ONE_MORE, *REJECTED])
    with closing(Reader(url)) as reader:
        assert reader.look() == fresh.look() == (4, 4, 2)
        with db.transaction() as tx:
            tx.execute("INSERT INTO currencies (code) VALUES ('QQQ')")
        assert retry(db, number, Settings()).passed == 1
        assert fresh.look() == (5, 5, 2)
        assert reader.look() in (REFUSED.format(number), (5, 5, 2))


def test_a_load_that_was_held(db: Database, url: str, tmp_path: Path, fresh: Reader) -> None:
    path = write(tmp_path / "held.csv", usage_csv([*ONE_MORE, *OCTOBER, *(REJECTED * 50)]))
    with closing(Reader(url)) as reader:
        reader.look()
        held = load(db, path, month_records=1).load
        assert (held.status, reader.look()) == ("held", (3, 3, 1))
        assert publish(db, release(db, held.load_id)).status == "published"
        assert fresh.look() == (24, 24, 2)
        assert reader.look() in ((3, 3, 1), (24, 24, 2))


def test_a_cursor(db: Database, url: str, tmp_path: Path) -> None:
    """It shows what was published when it was opened."""
    with closing(Reader(url)) as reader:
        reader.look()
        with psycopg.ServerCursor(reader.connection, "early") as early, psycopg.ServerCursor(reader.connection, "late") as late:
            early.itersize = 1
            early.execute("SELECT bill_id FROM bills")
            assert early.fetchone()
            bring(db, tmp_path, [*ONE_MORE, *OCTOBER])
            late.execute("SELECT bill_id FROM bills")
            assert (len(early.fetchall()), len(late.fetchall())) == (2, 24)


@MONTHS
def test_killed_before_plans_count_the_month(
    db: Database, url: str, tmp_path: Path, month_records: int, monkeypatch: pytest.MonkeyPatch, fresh: Reader
) -> None:
    """The months are attached, and no plan knows of it; whoever publishes sees to that."""
    records = [*ONE_MORE, *OCTOBER]
    with closing(Reader(url)) as old, closing(Reader(url)) as between:
        old.look()
        with monkeypatch.context() as patch:
            patch.setattr(place, "plan_months", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                bring(db, tmp_path, records, month_records)
        between.look()
        bring(db, tmp_path, records, month_records)
        assert fresh.look() == (24, 24, 2)
        for reader in (old, between):
            assert reader.look() in ((3, 3, 1), (24, 24, 2))
            reader.begin_again()
            assert reader.look() == (24, 24, 2)


def test_who_may_read_nothing_but_bills(db: Database, server: Server, url: str, tmp_path: Path) -> None:
    role = f"reader_{url.partition('?')[0].rpartition('/')[2]}"
    with driver(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role}".encode())
        admin.execute(f"GRANT SELECT ON bills TO {role}".encode())
    try:
        with closing(Reader(url)) as reader:
            reader.connection.execute(f"SET ROLE {role}".encode())
            reader.connection.execute("SET search_path = ''")
            sums = SUMS.replace("FROM bills", "FROM public.bills")
            assert reader.look(sums) == (3, 3, 1)
            with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.connection.transaction():
                reader.look("SELECT count(*) FROM public.loads")
            bring(db, tmp_path, [*ONE_MORE, *OCTOBER])
            assert reader.look(sums) in ((3, 3, 1), (24, 24, 2))
            bring(db, tmp_path, CORRECTED)
            assert reader.look(sums) in (REFUSED.format(3), (24, 28, 3))
            reader.connection.execute("ROLLBACK")
            assert reader.look(sums) == (24, 28, 3)
    finally:
        with driver(url, autocommit=True) as admin:
            admin.execute(f"DROP OWNED BY {role}".encode())
            admin.execute(f"DROP ROLE {role}".encode())


def test_a_month_that_comes_by_hand_waits_for_its_readers(db: Database, url: str) -> None:
    """So no plan of theirs can be older than it."""
    with closing(Reader(url)) as reader, driver(url, autocommit=True) as writer:
        reader.look()
        writer.execute("SET lock_timeout = '50ms'")
        by_hand = "INSERT INTO bills VALUES ('2031-01-01', 1, 'a', 'USD', 1, 0, 1, 0)"
        with pytest.raises(psycopg.errors.LockNotAvailable):
            writer.execute(by_hand)
        reader.connection.execute("COMMIT")
        writer.execute(by_hand)
        assert reader.look() == (4, 4, 1)


def test_migrating_a_database_with_bills(db: Database, url: str, tmp_path: Path, fresh: Reader) -> None:
    """Again, after a migrator died; back; and forth."""
    forth = ROOT / "migrations" / "postgresql" / "0020_plans_of_before.sql"
    bring(db, tmp_path, OCTOBER)
    with driver(url, autocommit=True) as admin:
        for file in (forth, forth.with_suffix(".rollback.sql"), forth):
            admin.execute(file.read_bytes())
            assert fresh.look() == (23, 23, 2)
    with closing(Reader(url)) as reader:
        assert reader.look() == (23, 23, 2)
        bring(db, tmp_path, [*ONE_MORE, ("2021-11-01", 1, "USD", "a", 1, 0)])
        assert reader.look() in ((23, 23, 2), (25, 25, 3))
        assert fresh.look() == (25, 25, 3)
