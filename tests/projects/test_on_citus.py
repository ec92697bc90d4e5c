"""A project on Citus: its table lies on the coordinator, or a migration spreads it and lets its merges be seen at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dbsvc import Database, connect, migrate
from dbsvc.engine.loads.revert import revert
from tests.helpers import buckets, load, write
from tests.helpers.citus import NODES, Cluster, killed_before_it_shows
from tests.helpers.project import STAYS, declare, make_project
from tests.helpers.readers import Readers, look_everywhere

SPREAD = """-- depends: stays_1
DO $$
BEGIN
    PERFORM create_distributed_table('stays_stored', 'stay_id', colocate_with => 'none');
    PERFORM create_distributed_table('stays_history', 'stay_id', colocate_with => 'stays_stored');
    PERFORM see_merges_at_once('stays', 'stays');
END
$$;
"""
NUMBER_OF_STAYS = 200
#: what is public, one after the other: the guests of a stay
State = frozenset[tuple[int, int]]
ONE = frozenset((n, 1) for n in range(NUMBER_OF_STAYS))
TWO = frozenset((n, 1 + n % 2) for n in range(NUMBER_OF_STAYS + 20))
THREE = ONE - {(0, 1)} | {(0, 5)}


@pytest.fixture
def db(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    folder = declare(tmp_path / "ours", "stays", STAYS)
    spread = {"migrations/citus/stays_2.sql": SPREAD, "migrations/citus/stays_2.rollback.sql": "SELECT 1;\n"}
    monkeypatch.setenv("DBSVC_PROJECT", str(make_project(folder, spread)))
    with connect(cluster.create()) as opened:
        migrate(opened)
        yield opened


def look(connection: psycopg.Connection) -> State:
    """What a reader sees."""
    return frozenset(connection.execute("SELECT stay_id, guests FROM stays").fetchall())


def glance(connection: psycopg.Connection) -> Callable[[State], bool]:
    """Look at one stay; tells whether it is so in a state."""
    key = random.randrange(NUMBER_OF_STAYS)
    found = connection.execute("SELECT stay_id, guests FROM stays WHERE stay_id = %s", (key,)).fetchall()
    return lambda state: found == [stay for stay in state if stay[0] == key]


def stays(path: Path, state: State) -> Path:
    lines = "".join(f"{n},{guests}\n" for n, guests in state)
    return write(path, f"stay_id,guests\n{lines}".encode())


def test_a_merge_is_seen_at_once_on_every_node(
    db: Database, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = stays(tmp_path / "one.csv", ONE), stays(tmp_path / "two.csv", TWO)
    load(db, one)
    dbname = db.dialect.address[1]
    readers = Readers(cluster.urls(dbname), {ONE, TWO, THREE}, look, glance)
    with readers.at_work():
        with killed_before_it_shows(monkeypatch):
            load(db, two)
        assert look_everywhere(cluster, dbname, look) == {ONE}
        again = load(db, two)  # the same command
        assert buckets(again.load) == {"inserted": 20, "updated": NUMBER_OF_STAYS // 2, "unchanged": NUMBER_OF_STAYS // 2}
        assert look_everywhere(cluster, dbname, look) == {TWO}
        with killed_before_it_shows(monkeypatch):
            revert(db, again.load.load_id)
        assert look_everywhere(cluster, dbname, look) == {TWO}
        load(db, stays(tmp_path / "three.csv", THREE - ONE))  # another one, which shows it first
        assert look_everywhere(cluster, dbname, look) == {THREE}
    readers.assert_whole(1)


def test_what_lies_on_the_coordinator_is_staged_there(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSVC_PROJECT", str(declare(tmp_path / "ours", "stays", STAYS)))
    with connect(cluster.create()) as db:
        migrate(db)
        loaded = load(db, stays(tmp_path / "one.csv", ONE), chunk_bytes=200, jobs=2).load
        assert (buckets(loaded), len(db.elsewhere)) == ({"inserted": NUMBER_OF_STAYS}, len(NODES) - 1)
