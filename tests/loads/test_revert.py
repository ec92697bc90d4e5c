"""Taking a load back: as if it had never come, also after later loads and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import Database, InputError, connect, migrate
from dbsvc.engine import migrations
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.loads import lifecycle
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.operations import discard, release
from dbsvc.engine.loads.place import place
from dbsvc.engine.loads.revert import revert
from tests.helpers import bills, buckets, find_one, history, load, query, usage_csv, write


def bill(date: str, bill_id: int, amount: object = 1) -> tuple[object, ...]:
    return date, bill_id, "USD", "a", amount, 0


def deliver(db: Database, folder: Path, records: list[tuple[object, ...]]) -> int:
    """Load a file of its own; returns the load's number."""
    path = write(folder / f"{len(list(folder.glob('*.csv')))}.csv", usage_csv(records))
    found = load(db, path).load
    if found.status == "held":
        release(db, found.load_id)
    return found.load_id


def values(db: Database) -> list[tuple[object, ...]]:
    """What bills say, without where it is from."""
    return [row[:6] for row in bills(db)]


def test_what_was_replaced_stands_again(db: Database, tmp_path: Path) -> None:
    deliver(db, tmp_path, [bill("2021-10-01", 1), bill("2021-10-01", 2)])
    before = bills(db)
    second = deliver(db, tmp_path, [bill("2021-10-01", 2, 5), bill("2021-10-01", 3)])
    done = revert(db, second)
    assert (done.removed, done.restored, done.perhaps_repeated_by) == (1, 1, [])
    assert bills(db) == before
    assert history(db) == []
    assert find_one(db, second).status == "reverted"


def test_what_replaced_it_stays(db: Database, tmp_path: Path) -> None:
    deliver(db, tmp_path, [bill("2021-10-01", 1)])
    second = deliver(db, tmp_path, [bill("2021-10-01", 1, 2), bill("2021-10-02", 2, 2)])
    deliver(db, tmp_path, [bill("2021-10-01", 1, 3), bill("2021-10-02", 2, 3)])
    before = bills(db)
    done = revert(db, second)
    assert (done.removed, done.restored) == (0, 0)
    assert bills(db) == before
    assert [row[6:] for row in history(db)] == [(1, 2, 3)]


def test_a_dry_run_changes_nothing(db: Database, tmp_path: Path) -> None:
    first = deliver(db, tmp_path, [bill("2021-10-01", 1)])
    before = bills(db)
    done = revert(db, first, dry_run=True)
    assert (done.removed, done.load.status) == (1, "reverted")
    assert bills(db) == before
    assert find_one(db, first).status == "published"


def test_its_bytes_may_come_again(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "usage.csv", usage_csv([bill("2021-10-01", 1)]))
    load(db, path)
    revert(db, 1)
    assert bills(db) == []
    again = load(db, path).load
    assert (again.load_id, again.status, again.delivery, buckets(again)) == (2, "published", 2, {"inserted": 1})
    assert load(db, path).load.load_id == 2
    with pytest.raises(InputError, match="Load 1 is reverted: only a published load can be reverted"):
        revert(db, 1)
    with pytest.raises(InputError, match="Load 1 is reverted: only a load that is not published can be discarded"):
        discard(db, 1)
    with pytest.raises(InputError, match="Load 1 is reverted: only a held or discarded load can be released"):
        release(db, 1)


def test_later_loads_that_repeated_it_are_named(db: Database, tmp_path: Path) -> None:
    deliver(db, tmp_path, [bill("2021-10-01", 1)])
    path = write(tmp_path / "later.csv", usage_csv([bill("2021-10-01", 1), bill("2021-10-02", 2)]))
    load(db, path)
    assert load(db, path).replaced is not None
    assert not load(db, path).replaced
    done = revert(db, 1)
    assert [(row["load_id"], row["records"]) for row in done.perhaps_repeated_by] == [(2, 1)]
    assert [row[1] for row in bills(db)] == [2]
    known = load(db, path)
    assert known.replaced
    assert known.replaced.perhaps_by == [1]
    assert buckets(load(db, path, again=True).load) == {"inserted": 1, "unchanged": 1}
    assert [row[1] for row in bills(db)] == [1, 2]


def test_they_are_named_also_where_another_load_had_replaced_it(db: Database, tmp_path: Path) -> None:
    """They are of use when that one is taken back as well: what they repeated does not stand again."""
    deliver(db, tmp_path, [bill("2021-10-01", 1)])
    repeating = deliver(db, tmp_path, [bill("2021-10-01", 1), bill("2021-10-01", 2)])
    third = deliver(db, tmp_path, [bill("2021-10-01", 1, 3)])
    done = revert(db, 1)
    assert (done.removed, done.restored) == (0, 0)
    assert [row["load_id"] for row in done.perhaps_repeated_by] == [repeating]
    revert(db, third)
    assert [row[1] for row in bills(db)] == [2]
    load(db, tmp_path / "1.csv", again=True)
    assert [row[1] for row in bills(db)] == [1, 2]


def test_the_migration_goes_back(db: Database, tmp_path: Path) -> None:
    """What is published stays; what lies in place without being public, and what was taken back, is given up."""
    deliver(db, tmp_path, [bill("2021-10-01", 1), bill("2021-10-02", 2)])
    reverted = deliver(db, tmp_path, [bill("2021-10-01", 1, 7), bill("2021-10-03", 3)])
    revert(db, reverted)
    before = bills(db)
    path = write(tmp_path / "placed.csv", usage_csv([bill(f"2021-11-{day:02}", day) for day in range(1, 5)]))

    def place_alone(db: Database, placed: Load, **_: object) -> Load:
        place(db, placed)
        return replace(placed, status=LoadStatus.HELD)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "publish", place_alone)
        load(db, path, month_records=1)
    assert (find_one(db, 3).status, find_one(db, 3).in_place) == ("staged", True)
    assert query(db, "SELECT count(*) > 0 FROM bills_stored WHERE load_id = 3") == [(True,)]
    assert bills(db) == before
    with migrations.yoyo_migrations(db) as (backend, known):
        backend.rollback_migrations([one for one in backend.to_rollback(known) if one.id >= "0015"])
    assert bills(db) == before
    statuses = "SELECT status FROM loads ORDER BY load_id"
    assert query(db, statuses) == [("published",), ("discarded",), ("discarded",)]
    migrate(db)
    assert bills(db) == before
    assert query(db, "SELECT sum(records) FROM load_days") == [(2,)]
    release(db, 3)
    assert load(db, path, month_records=1).load.status == "published"
    found = run(db, load_checks(db.statements), days=10**4)
    assert [result for result in found if result.state in ("critical", "unknown")] == []


RECORD = st.tuples(st.sampled_from(["2021-10-01", "2021-11-01"]), st.integers(1, 2), st.sampled_from([1, 2, 3])).map(
    lambda known: bill(*known)
)


@pytest.mark.one_database
@given(
    st.lists(st.lists(RECORD, min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), unique=True),
    st.sampled_from([1, 10**9]),
)
def test_reverted_loads_never_came(
    fresh_url: Callable[[], str], tmp_path: Path, files: list[list[tuple[object, ...]]], reverted: list[int], month_records: int
) -> None:
    """Values and history are what they are where those loads never came; what later ones had only repeated is brought again."""
    paths = [
        write(tmp_path / f"{n}.csv", usage_csv([*records, bill(f"2020-01-{n + 1:02}", 9)])) for n, records in enumerate(files)
    ]
    stay = [n for n in range(len(files)) if n not in reverted]

    def deliver_all(db: Database, numbers: list[int]) -> None:
        for number in numbers:
            found = load(db, paths[number], month_records=month_records).load
            if found.status == "held":
                release(db, found.load_id)

    with connect(fresh_url()) as db, connect(fresh_url()) as model:
        deliver_all(db, list(range(len(files))))
        repeating: set[int] = set()
        for number in reverted:
            if number < len(files):
                repeating |= {row["load_id"] - 1 for row in revert(db, number + 1).perhaps_repeated_by}
        found = run(db, load_checks(db.statements), days=10**4)
        assert [result for result in found if result.state in ("critical", "unknown")] == []
        deliver_all(model, stay)
        if not repeating & set(stay):
            assert values(db) == values(model)
            assert len(history(db)) == len(history(model))
        for number in sorted(repeating & set(stay)):
            load(db, paths[number], month_records=month_records, again=True)
        if repeating & set(stay):
            assert query(db, "SELECT count(*) FROM bills") == query(model, "SELECT count(*) FROM bills")
