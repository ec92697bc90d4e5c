"""The fast ways: plain records staged as they are, months exchanged in. Each gives what the slow way gives."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc import Database, connect, migrate
from dbsvc.engine import migrations
from dbsvc.engine.loads import lifecycle
from dbsvc.engine.loads.fast_path import find_patterns, split_chunk
from dbsvc.engine.loads.model import LoadStatus
from dbsvc.engine.loads.operations import discard, release
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.sources.formats import delimited
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import (
    bills,
    buckets,
    find_one,
    history,
    load,
    query,
    rejects,
    tables,
    usage_csv,
    validating_all,
    whole,
    write,
)
from tests.helpers.check_case import find
from tests.helpers.dirty import DIRTY_FILE
from tests.helpers.server import driver

#: every load is staged by months, and none is
BY_MONTH: dict[str, Any] = {"month_records": 1}
AS_ONE: dict[str, Any] = {"month_records": 10**9}

COLUMNS = tuple(load_statements(("sqlite",)).datasets["usage"].columns)


def months(db: Database) -> list[str]:
    """The partitions that hold bills, without the number that Citus gives to each shard of one."""
    found = query(db, "SELECT DISTINCT tableoid::regclass::text AS partition FROM bills_stored")
    return sorted({re.sub(r"_\d{6,}$", "", name) for (name,) in found})


def placed(db: Database) -> list[int]:
    """The loads that had bills in place before they were published."""
    return [load_id for (load_id,) in query(db, "SELECT load_id FROM loads WHERE in_place ORDER BY load_id")]


def all_of(db: Database) -> Any:
    """All that a load leaves behind."""
    columns = "status, held_because, control_total, read, inserted, updated, unchanged, duplicate, superseded, rejected"
    return tables(db), rejects(db), query(db, f"SELECT {columns} FROM loads ORDER BY load_id")


# --- plain records -------------------------------------------------------------------------------------------------------

DATES = [
    "31/10/2021",
    "2021-10-31",
    "29/02/2024",
    "2023-02-29",
    "1999-12-30",
    "30/02/2021",
    "0999-01-01",
    "1899-12-31",
    "1900-01-01",
    f"{datetime.date.today():%d/%m/%Y}",
    f"31/12/{datetime.date.today().year}",
    f"{datetime.date.today().year + 1}-01-01",
    f"{datetime.date.today().year + 2}-01-01",
    "2021-1-1",
    "9999-12-31",
]
FIELD = {
    "bill_date": st.sampled_from(DATES) | st.dates(datetime.date(1, 1, 1)).map(str) | st.from_regex(r"\A\d\d/\d\d/\d{4}\Z"),
    "bill_id": st.integers(0, 10**19).map(str) | st.sampled_from(["007", "+1", "-1", "1.0", "1_000", "0x10", "1 ", "٣"]),
    "currency": st.sampled_from(["USD", "ILS", "usd", "ZWL", "XXQ", " USD"]),
    "customer_name": st.text(max_size=8)
    | st.sampled_from(["a", " a", "a\u00a0", "\u00a0a", "à", "Â b", "א", "é" * 999, "x" * 1001]),
    "amount": st.decimals(0, 10**15, allow_nan=False, places=9).map(str)
    | st.from_regex(r"\A\d{0,16}\.?\d{0,10}\Z")
    | st.sampled_from(["NaN", "Infinity", "1e3", "+1", "1_0", "0x1", ".5", "5.", "00.1", "0.1", "1,5", "-0"]),
}
LINE = st.tuples(*(FIELD[name] for name in (*COLUMNS[:4], "amount", "amount"))).map(
    lambda fields: whole(",".join(fields).encode())
)
END = st.sampled_from([b"\n", b"\r\n", b"\r\r\n"])


@given(st.lists(LINE, max_size=8), END, st.integers(1, 400))
@example(
    [
        *map(
            whole, (b"2021-10-01,1,USD,a,1,1", b'2021-10-01,2,USD,"b\n2021-10-01,3,USD,c,1,1\n",2,x', b"2021-10-01,4,USD,d,1,1")
        )
    ],
    b"\r\n",
    4000,
)
def test_plain_records_are_what_the_judge_says(
    fresh_url: Callable[[], str], tmp_path: Path, lines: list[bytes], end: bytes, chunk_bytes: int
) -> None:
    path = write(tmp_path / "usage.csv", usage_csv([], end=end.decode()) + b"".join(line + end for line in lines))
    assert_same_without_plain(fresh_url, path, chunk_bytes)


def test_the_last_day_that_there_is(db: Database, tmp_path: Path) -> None:
    row = load(db, write(tmp_path / "usage.csv", usage_csv([("9999-12-31", 1, "USD", "a", 1, 0)])), **BY_MONTH).load
    assert (row.status, row.rejected) == ("held", 1)


@given(DIRTY_FILE, st.integers(1, 4000))
def test_odd_bytes_are_what_the_judge_says(
    fresh_url: Callable[[], str], tmp_path: Path, content: bytes, chunk_bytes: int
) -> None:
    assert_same_without_plain(fresh_url, write(tmp_path / "usage.csv", content), chunk_bytes)


def assert_same_without_plain(fresh_url: Callable[[], str], path: Path, chunk_bytes: int) -> None:
    found = []
    for validated, how in ((False, BY_MONTH), (True, AS_ONE)):
        with connect(fresh_url()) as db, validating_all() if validated else nullcontext():
            if load(db, path, chunk_bytes=chunk_bytes, **how).load.status == "held":
                release(db, 1)
            found.append(all_of(db))
            assert_constraints_kept(db)
    assert found[0] == found[1]


def assert_constraints_kept(db: Database) -> None:
    """No CHECK is violated. SQLite does not ask them of plain records, and PostgreSQL always."""
    if "sqlite" in db.dialect.family:
        assert query(db, "PRAGMA integrity_check(bills_stored)") == [("ok",)]


@pytest.mark.parametrize("odd", [2, 7, 150, 450, 10_000])
def test_many_runs_of_any_length(fresh_url: Callable[[], str], tmp_path: Path, odd: int) -> None:
    """Records travel in batches, whatever the lengths of the runs they stand in."""
    lines = [
        bill("2021-10-01", n) if n % odd else ("31/10/2021", n, "usd", '"b"', "x" if n % 2 else 7, 1) for n in range(1, 1001)
    ]
    assert_same_without_plain(fresh_url, write(tmp_path / "usage.csv", usage_csv(lines)), 20_000)


def test_plain_records_are_not_validated(db: Database) -> None:
    """Else the tests above compare validation with itself."""
    good = [
        whole(b"2021-10-31,1,USD,a b,1,0.12345678"),
        whole(b"31/10/2021,002,ILS,\xd7\x90,0,5") + b"\r",
        whole(b"2024-02-28,3,ZWL,x,10000000000000,1.5") + b"\r\r",
    ]
    odd = [b'2021-10-31,1,USD,"a",1,1', b"2021-10-31,1,usd,a,1,1", b"2021-10-31,1,USD, a,1,1", b"2021-10-31,1,USD,a,.5,1"]
    odd = [*map(whole, odd)]
    with db.transaction() as tx:
        patterns = find_patterns(tx, db.statements.datasets["usage"])
    assert patterns
    fields = [patterns[column] for column in COLUMNS]
    found = split_chunk(delimited, b"\n".join([*good, *odd, *good]), COLUMNS, fields)
    assert found is not None
    plain, others = found
    clean = b"".join(line.rstrip(b"\r") + b"\n" for line in good)
    assert plain == [(1, clean), (8, clean)]
    assert others == [(4 + n, line + b"\n") for n, line in enumerate(odd)]
    assert split_chunk(delimited, b"\n".join([*good, *odd, *odd]), COLUMNS, fields) is None  # few are plain


def test_days_take_the_fast_path_if_there_are_such(db: Database) -> None:
    """Also the 29th of February, but in a century's first year."""
    datasets = db.statements.datasets
    columns = {"": datasets["usage"].columns["bill_date"], "T12:00:00Z": datasets["telemetry"].columns["event_time"]}
    for after, column in columns.items():
        pattern = re.compile("|".join(column.patterns(datetime.date(2026, 6, 1))))
        for year, month, day in itertools.product((1900, 1996, 2000, 2018, 2023, 2024), range(14), range(33)):
            try:
                is_day = bool(datetime.date(year, month, day)) and (year, month, day) != (2000, 2, 29)
            except ValueError:
                is_day = False
            text = f"{year}-{month:02}-{day:02}{after}"
            assert bool(pattern.fullmatch(text)) == is_day, text


# --- months --------------------------------------------------------------------------------------------------------------

DAYS = ["2021-10-01", "2021-11-01", "2021-12-31", "2022-01-01"]
RECORD = st.tuples(
    st.sampled_from([*DAYS, "31/10/2021", "2021-02-30"]),
    st.sampled_from(["1", "02", "3"]),
    st.sampled_from(["USD", "usd"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["1", "1.0", "2", "x"]),
    st.just(0),
)
RECORDS = st.lists(RECORD, min_size=1, max_size=8)
#: as SQLite takes them in place
IN_ORDER = RECORDS.map(lambda records: [record for record in sorted(records, key=itemgetter(0)) if record[0] in DAYS])


@given(st.lists(RECORDS | IN_ORDER.filter(bool), min_size=1, max_size=4), st.integers(1, 400))
def test_exchanged_and_merged_are_the_same(
    fresh_url: Callable[[], str], tmp_path: Path, files: list[list[tuple[object, ...]]], chunk_bytes: int
) -> None:
    found = []
    for how in (BY_MONTH, AS_ONE):
        with connect(fresh_url()) as db:
            for records in files:
                path = write(tmp_path / "usage.csv", usage_csv(records))
                row = load(db, path, chunk_bytes=chunk_bytes, **how).load
                if row.status == "held":
                    release(db, row.load_id)
            found.append(all_of(db))
            assert_constraints_kept(db)
    assert found[0] == found[1]


def bill(date: str, bill_id: int, amount: object = 1) -> tuple[object, ...]:
    return date, bill_id, "USD", "a", amount, 0


@pytest.fixture
def pg(dialect: str, db: Database) -> Database:
    """A database with partitions."""
    if dialect == "sqlite":
        pytest.skip("SQLite has no partitions")
    return db


def test_a_month_is_exchanged_once_and_merged_from_then_on(pg: Database, tmp_path: Path) -> None:
    october = [bill(f"2021-10-{day:02}", day) for day in range(1, 32)]
    path = write(tmp_path / "october.csv", usage_csv(october))
    assert buckets(load(pg, path, **BY_MONTH).load) == {"inserted": 31}
    assert months(pg) == ["bills_2021_10"]
    more = [*october[1:], bill("2021-10-01", 1, 2), bill("2021-10-05", 99), bill("2021-11-01", 1), bill("2021-11-30", 2)]
    path = write(tmp_path / "more.csv", usage_csv(more))
    assert buckets(load(pg, path, **BY_MONTH).load) == {"inserted": 3, "updated": 1, "unchanged": 30}
    assert months(pg) == ["bills_2021_10", "bills_2021_11"]
    assert len(history(pg)) == 1
    # what became a partition is like one that was made as one
    assert query(pg, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE 'staged%'") == []
    assert query(pg, "SELECT relname FROM pg_class WHERE reloptions <> '{}' AND relname LIKE 'bills%'") == []
    constraints = "SELECT conname FROM pg_constraint WHERE conrelid = 'bills_2021_10'::regclass AND contype = 'c'"
    like = constraints.replace("bills_2021_10", "bills_stored")
    assert len(query(pg, constraints)) == len(query(pg, like))


def test_few_bills_a_month_are_merged(pg: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "usage.csv", usage_csv([bill("2021-10-01", 1), bill("2021-11-01", 2), bill("2021-12-01", 3)]))
    assert buckets(load(pg, path, month_records=2).load) == {"inserted": 3}
    assert placed(pg) == []
    assert months(pg) == ["bills_2021_10", "bills_2021_11", "bills_2021_12"]


def test_a_month_that_another_load_is_quicker_with_is_merged(pg: Database, tmp_path: Path) -> None:
    """It has its key and is accounted for, and then it is not where its rows will stay."""

    def die(phase: str, *_: object) -> None:
        if phase == "place":  # which is told of each month that has its key
            raise InterruptedError

    slow, quick = (
        write(tmp_path / f"{amount}.csv", usage_csv([("2021-10-31", n, "USD", "A", amount, 1) for n in range(60)]))
        for amount in (1, 2)
    )
    with suppress(InterruptedError):
        load(pg, slow, progress=die, **BY_MONTH)
    load(pg, quick, **BY_MONTH)
    load(pg, slow, **BY_MONTH)
    assert placed(pg) == [2]
    assert find(pg, "rows_differ", datetime.date.min, datetime.date.max) == []


def test_months_that_nobody_expected_are_merged(pg: Database, tmp_path: Path) -> None:
    """Months are guessed from the first records of the chunks and the last one of the file."""
    path = write(tmp_path / "usage.csv", usage_csv([bill("2021-10-01", 1), bill("2021-12-01", 2), bill("2021-11-01", 3)]))
    assert buckets(load(pg, path, **BY_MONTH).load) == {"inserted": 3}
    assert months(pg) == ["bills_2021_10", "bills_2021_11", "bills_2021_12"]
    assert placed(pg) == [1]
    assert len(bills(pg)) == 3


def test_a_month_with_rows_among_the_others_is_merged(pg: Database, tmp_path: Path) -> None:
    load(pg, write(tmp_path / "small.csv", usage_csv([bill("2021-10-01", 1)])))
    path = write(tmp_path / "large.csv", usage_csv([bill("2021-10-01", 1), bill("2021-10-02", 2), bill("2021-11-03", 3)]))
    assert buckets(load(pg, path, **BY_MONTH).load) == {"inserted": 2, "unchanged": 1}
    assert months(pg) == ["bills_2021_10", "bills_2021_11"]
    assert placed(pg) == [2]


@pytest.mark.parametrize("jobs", [1, 2])
def test_repeats_are_found_before_months_are_exchanged(pg: Database, tmp_path: Path, jobs: int) -> None:
    records = [
        bill("2021-10-01", 1),
        bill("2021-10-01", 1),
        bill("2021-11-01", 2),
        bill("2021-11-01", 2, 5),
        bill("2021-12-01", 3),
    ]
    row = load(pg, write(tmp_path / "usage.csv", usage_csv(records)), jobs=jobs, chunk_bytes=30, **BY_MONTH).load
    assert buckets(row) == {"inserted": 3, "duplicate": 1, "superseded": 1}
    assert months(pg) == ["bills_2021_10", "bills_2021_11", "bills_2021_12"]
    assert [past[6:] for past in history(pg)] == [(1, 4, 1)]


@pytest.mark.parametrize("end", [publish, lambda db, load: discard(db, load.load_id)])
def test_a_load_staged_by_months_ends_without_a_trace(pg: Database, tmp_path: Path, end: Callable[..., Any]) -> None:
    path = write(tmp_path / "usage.csv", usage_csv([bill("2021-10-01", 1), bill("2021-11-01", 2)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "publish", lambda db, load, **_: replace(load, status=LoadStatus.HELD))
        load(pg, path, **BY_MONTH)
    staged = "SELECT count(*) FROM pg_class WHERE relname LIKE 'staged%' AND relkind IN ('r', 'p')"
    assert query(pg, staged) == [(4,)]
    end(pg, find_one(pg, 1))
    assert query(pg, staged) == [(0,)]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("early", [False, True])
def test_nobody_waits_for_a_reader(pg: Database, url: str, tmp_path: Path, isolation: str, early: bool) -> None:
    """A load of two months, one placed and one merged, beside a reader who stays: all of it is there for others at once.

    He may have read bills before, or only hold a snapshot that is older than the load.
    """
    load(pg, write(tmp_path / "a.csv", usage_csv([bill("2021-10-01", 1)])), **BY_MONTH)
    path = write(tmp_path / "b.csv", usage_csv([bill("2021-10-02", 2), bill("2021-11-01", 3)]))
    counts = "SELECT count(*) AS bills FROM bills", "SELECT count(*) AS loads FROM loads WHERE status = 'published'"
    reading = f"SELECT bills, loads FROM ({counts[0]}) AS published CROSS JOIN ({counts[1]}) AS known"
    with driver(url) as reader:
        reader.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        reader.execute(reading if early else "SELECT 1 FROM loads")
        assert buckets(load(pg, path, **BY_MONTH).load) == {"inserted": 2}
        assert query(pg, reading) == [(3, 2)]
        seen = reader.execute(reading).fetchone()
        assert seen == ((1, 1) if isolation == "REPEATABLE READ" else (3, 2))


@pytest.mark.parametrize("chunk_bytes", [1, 70, 10**6])
def test_only_repeats_are_staged_apart(db: Database, dialect: str, tmp_path: Path, chunk_bytes: int) -> None:
    """Also of records that are validated: of all others each is written once."""
    if dialect != "sqlite":
        pytest.skip("PostgreSQL stages by months")
    records = [bill("2021-10-01", n) for n in (1, 2, 2, 3, 4)] + [("2021-10-02", n, "usd", "a", 1, 0) for n in (1, 2)]
    path = write(tmp_path / "usage.csv", usage_csv([*records, bill("2021-10-02", 1, 5)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "publish", lambda db, load, **_: replace(load, status=LoadStatus.HELD))
        load(db, path, chunk_bytes=chunk_bytes, **BY_MONTH)
    lines = "SELECT line_no FROM {} ORDER BY line_no"
    apart = [line for (line,) in query(db, lines.format("staged_usage_1"))]
    assert apart == ([4, 7, 8] if chunk_bytes == 10**6 else [4, 9])
    assert [line for (line,) in query(db, lines.format("bills_stored"))] == [n for n in range(2, 10) if n not in apart]
    assert buckets(publish(db, find_one(db, 1))) == {"inserted": 6, "duplicate": 1, "superseded": 1}
    assert_constraints_kept(db)


def test_a_file_out_of_order_is_sorted(db: Database, tmp_path: Path) -> None:
    records = [bill(f"2021-{month:02}-01", n) for n, month in enumerate([12, 3, 7, 1, 9])]
    row = load(db, write(tmp_path / "usage.csv", usage_csv(records)), chunk_bytes=1).load
    assert buckets(row) == {"inserted": 5}
    assert [found[1] for found in bills(db)] == [3, 1, 2, 4, 0]


# --- the migration -------------------------------------------------------------------------------------------------------


def test_the_migration_keeps_the_bills(empty_url: str, dialect: str) -> None:
    """From the schema before, with a month of many bills and one of few; and back."""
    if dialect == "citus":
        pytest.skip(
            "nothing moves to Citus from a schema that is older than Citus is here; bills of no load are not seen there"
        )
    with connect(empty_url) as db:
        migrate(db)
        with migrations.yoyo_migrations(db) as (backend, known):
            backend.rollback_migrations([one for one in backend.to_rollback(known) if one.id >= "0009"])
        days = [datetime.date(2021, 10, 1 + n % 31) for n in range(10_000)] + [datetime.date(2021, 11, 1)] * 5
        columns = [
            "bill_date",
            "bill_id",
            "customer_name",
            "currency",
            "product1_revenue",
            "product2_revenue",
            "load_id",
            "line_no",
        ]
        rows = [(day, n, "a", "USD", "1.50000000", "0.00000000", 1, n) for n, day in enumerate(days)]
        with db.transaction() as tx:
            tx.insert_rows("bills", columns, rows)
        before = bills(db)
        assert migrate(db)[0] == "0009_bills_by_month"
        assert bills(db) == before
        if dialect != "sqlite":
            assert months(db) == ["bills_2021_10", "bills_2021_11"]
        assert query(db, "SELECT count(*) FROM revenue_daily") == [(32,)]
        with migrations.yoyo_migrations(db) as (backend, known):
            backend.rollback_migrations([one for one in backend.to_rollback(known) if one.id >= "0009"])
        assert bills(db) == before


# --- plans ---------------------------------------------------------------------------------------------------------------


def plans(db: Database, dialect: str, first: datetime.date, last: datetime.date) -> Iterator[tuple[str, str]]:
    """Every statement of revenue and the checks that takes a range of days, with its plan."""
    given = {
        **db.statements.datasets["usage"].check_parameters(),
        "load_id": 1,
        "first": first,
        "last": last,
        "by": "currency",
        "since": first,
        "today": last,
        "points": 20,
    }
    given["staged"] = "bills"  # what a load has staged looks alike
    for name in db.statements.names:
        statement = db.statements[name]
        limits = dict(re.findall(r"^-- :(\w+) = ([\d.]+):", statement.text, re.MULTILINE))
        parameters = {**{key: float(value) for key, value in limits.items()}, **given}
        if (
            not re.match(r"reports/revenue/|(datasets/\w+/)?checks/", name)
            or not {"since", "first"} & statement.parameters.keys()
        ):
            continue
        if not re.search(r"\bbills(_in_usd)?\b|revenue_daily", re.sub("--.*", "", statement.text)):
            continue
        used = {key: parameters[key] for key in statement.parameters}
        with db.snapshot() as tx:
            explain = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN "
            rows = tx.execute(explain + re.sub("--.*", "", statement.text), **used).rows
        yield name, "\n".join(str(row["detail"] if dialect == "sqlite" else row["QUERY PLAN"]) for row in rows)


def test_a_range_of_days_reads_no_other_months(db: Database, dialect: str, tmp_path: Path) -> None:
    if dialect == "citus":
        pytest.skip("Citus shows the plan of one shard, whose months are so small that they are read whole")
    records = [
        bill(f"2021-{month:02}-{day:02}", 10000 * month + 300 * day + n)
        for month, day, n in itertools.product(range(1, 13), range(1, 29), range(300))
    ]
    load(db, write(tmp_path / "usage.csv", usage_csv(records)), **BY_MONTH)
    found = dict(plans(db, dialect, datetime.date(2021, 5, 3), datetime.date(2021, 5, 9)))
    assert len(found) > 5
    # by index they may look further: which day was the last?
    whole = r"SCAN bills_stored\b" if dialect == "sqlite" else r"Seq Scan on bills_2021_0[1-4]"
    for name, plan in found.items():
        assert not re.search(whole, plan), f"{name}\n{plan}"
