"""Rows of a dataset of one's own are placed before their load is published, and merged where they meet others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect, migrate
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.loads import lifecycle
from dbsvc.engine.loads.ledger import find_load
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.operations import discard
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.loads.revert import revert
from tests.helpers import buckets, load, query, write
from tests.helpers.crash import everything
from tests.helpers.project import STAYS, declare

#: staged where rows will stay, however few they are, in chunks of some records
IN_PLACE: dict[str, Any] = {"month_records": 1, "chunk_bytes": 40}


@pytest.fixture
def _places(dialect: str) -> None:
    if dialect == "citus":
        pytest.skip("on Citus nothing but usage is placed: what is staged of others is merged")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that declares stays."""
    folder = declare(tmp_path / "ours", "stays", STAYS)
    monkeypatch.setenv("DBSVC_PROJECT", str(folder))
    return folder


def stays(folder: Path, name: str, records: Iterable[tuple[int, int]]) -> Path:
    """A file: the number of a stay, and its guests."""
    lines = "".join(f"{n},{guests}\n" for n, guests in records)
    return write(folder / name, f"stay_id,guests\n{lines}".encode())


def rows(db: Database, table: str = "stays") -> dict[int, int]:
    return dict(query(db, f"SELECT stay_id, guests FROM {table}"))


def stage(db: Database, file: Path) -> Load:
    """Load a file until it is to be published."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "publish", lambda db, load, **_: replace(load, status=LoadStatus.HELD))
        found = load(db, file, **IN_PLACE).load
    return found_again(db, found.load_id)


def found_again(db: Database, load_id: int) -> Load:
    with db.snapshot() as tx:
        return find_load(tx, load_id)


def wrong(db: Database) -> set[str]:
    return {one.check.name for one in run(db, load_checks(db.statements), 28) if one.state != "ok"}


@pytest.mark.usefixtures("_places")
def test_placed_rows_are_seen_when_their_load_is_published(ours: Database, tmp_path: Path) -> None:
    staged = stage(ours, stays(tmp_path, "one", [(n, 1) for n in range(40)]))
    assert staged.in_place
    assert (len(rows(ours, "stays_stored")), rows(ours)) == (40, {})
    assert query(ours, "SELECT count(*) FROM staged_stays_1") == [(0,)]
    assert wrong(ours) <= {"loads_unfinished"}
    assert buckets(publish(ours, staged)) == {"inserted": 40}
    assert len(rows(ours)) == 40
    assert wrong(ours) == set()
    assert query(ours, "SELECT count(*) FROM load_keys") == [(0,)]


@pytest.mark.usefixtures("_places")
def test_what_meets_a_stored_key_is_merged(ours: Database, dialect: str, tmp_path: Path) -> None:
    """Where a sample did not tell; and what stands twice in the file."""
    load(ours, stays(tmp_path, "one", [(7, 1), (100, 1), (109, 1)]), **IN_PLACE)
    records = [(n, 2) for n in (*range(200, 240), 7, *range(240, 280))]
    records += [(205, 3), (281, 2), (281, 2), *((n, 2) for n in range(290, 300))]
    records = records if dialect == "postgresql" else [one for one in sorted(records) if one[0] != 7]
    staged = stage(ours, stays(tmp_path, "two", records))
    assert staged.in_place
    assert 0 < query(ours, "SELECT count(*) FROM staged_stays_2")[0][0] < len(records)
    done = buckets(publish(ours, staged))
    assert done == {"inserted": 91, "duplicate": 1, "superseded": 1} | ({"updated": 1} if dialect == "postgresql" else {})
    assert rows(ours) == {7: 1, 100: 1, 109: 1} | dict(records)
    assert wrong(ours) == set()
    revert(ours, 2)
    assert rows(ours) == {7: 1, 100: 1, 109: 1}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_unpublished_rows_make_way(ours: Database, tmp_path: Path, order: Sequence[int]) -> None:
    files = stays(tmp_path, "one", [(n, 1) for n in range(30)]), stays(tmp_path, "two", [(n, 2) for n in range(20, 60)])
    loads = {number: stage(ours, file) for number, file in enumerate(files, 1)}
    assert rows(ours) == {}
    for number in order:
        publish(ours, loads[number])
        assert wrong(ours) <= {"loads_unfinished"}
    assert rows(ours) == {n: 1 if n < 20 else 2 for n in range(60)}
    assert wrong(ours) == set()


def test_a_load_that_is_given_up_leaves_nothing(ours: Database, tmp_path: Path) -> None:
    staged = stage(ours, stays(tmp_path, "one", [(n, 1) for n in range(30)]))
    assert query(ours, "SELECT count(*) FROM load_keys") == [(1,)]
    discard(ours, staged.load_id)
    assert query(ours, "SELECT count(*) FROM load_keys") == [(0,)]
    assert rows(ours, "stays_stored") == {}
    assert buckets(load(ours, stays(tmp_path, "two", [(n, 2) for n in range(30)]), **IN_PLACE).load) == {"inserted": 30}


@pytest.mark.usefixtures("_places")
def test_nobody_places_while_another_merges(ours: Database, dialect: str, tmp_path: Path) -> None:
    """It waits for none, and is staged apart."""
    if dialect == "sqlite":
        pytest.skip("One writes at a time")
    merging, done = threading.Event(), threading.Event()

    def merge() -> None:
        with ours.transaction() as tx:
            tx.run("ledger/queue_to_merge", dataset="stays")
            merging.set()
            done.wait(30)

    other = threading.Thread(target=merge)
    other.start()
    merging.wait(30)
    staged = stage(ours, stays(tmp_path, "one", [(n, 1) for n in range(30)]))
    assert (staged.in_place, rows(ours, "stays_stored")) == (True, {})
    done.set()
    other.join()
    assert buckets(publish(ours, staged)) == {"inserted": 30}
    assert wrong(ours) == set()


FILES = st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=20), min_size=1, max_size=5)


@pytest.mark.parametrize("most", [1, pytest.param(100, marks=pytest.mark.long)])
def test_whatever_is_placed_it_is_as_if_all_was_merged(
    project: Path, fresh_url: Callable[[], str], tmp_path: Path, most: int
) -> None:
    @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FILES, st.booleans(), st.data())
    def check(files: list[list[tuple[int, int]]], ordered: bool, data: st.DataObject) -> None:
        came: list[Any] = []
        paths = [stays(tmp_path, f"{n}.csv", sorted(file) if ordered else file) for n, file in enumerate(files)]
        paths = list({path.read_bytes(): path for path in paths}.values())
        turns = data.draw(st.permutations(range(1, len(paths) + 1)))
        for how in (IN_PLACE, {"month_records": 10**6, "chunk_bytes": 40}):
            with connect(fresh_url()) as db, pytest.MonkeyPatch.context() as patch:
                migrate(db)
                patch.setitem(IN_PLACE, "month_records", how["month_records"])
                staged = [stage(db, path) for path in paths]
                assert rows(db) == {}
                for number in turns:
                    publish(db, staged[number - 1])
                assert wrong(db) <= {"records_contradict", "duplicates_share_high"}
                one = everything(db)
                came.append([one[table] for table in ("stays_stored", "stays_history", "load_days", "replacements")])
        assert came[0] == came[1]

    check()
