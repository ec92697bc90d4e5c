"""A project on Citus: its table lies on the coordinator, or a migration spreads it and lets its merges be seen at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from psycopg.errors import SerializationFailure

from dbsvc import Database, connect, migrate
from dbsvc.engine.loads import publish, revert
from dbsvc.engine.loads.model import Load
from tests.helpers import buckets, load, write
from tests.helpers.citus import NODES, Cluster
from tests.helpers.project import declare, make_project
from tests.helpers.server import driver

pytestmark = pytest.mark.skipif(
    not NODES, reason="no Citus cluster: set DBSVC_TEST_CITUS_URLS to the URL of its coordinator, then those of its workers"
)

DECLARATION = """title = "stays"
format = "csv"
depends_on = []
table = "stays"
key = ["stay_id"]
placed = true
[columns.stay_id]
type = "whole"
[columns.guests]
type = "whole"
"""
SPREAD = """-- depends: stays_1
DO $$
BEGIN
    PERFORM create_distributed_table('stays_stored', 'stay_id', colocate_with => 'none');
    PERFORM create_distributed_table('stays_history', 'stay_id', colocate_with => 'stays_stored');
    PERFORM see_merges_at_once('stays', 'stays');
END
$$;
"""
STAYS = 200
#: what is public, one after the other: the guests of a stay
ONE, TWO = dict.fromkeys(range(STAYS), 1), {n: 1 + n % 2 for n in range(STAYS + 20)}
State = dict[int, int]


@pytest.fixture
def db(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    folder = declare(tmp_path / "ours", "stays", DECLARATION)
    spread = {"migrations/citus/stays_2.sql": SPREAD, "migrations/citus/stays_2.rollback.sql": "SELECT 1;\n"}
    monkeypatch.setenv("DBSVC_PROJECT", str(make_project(folder, spread)))
    with connect(cluster.create()) as opened:
        migrate(opened)
        yield opened


class KilledError(Exception):
    """Stands for SIGKILL."""


@contextmanager
def killed_before_it_shows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who merges is killed when that is written, and nobody sees it yet."""

    def die(_db: Database, _load: Load) -> Load:
        raise KilledError

    with monkeypatch.context() as patch, suppress(KilledError):
        for module in (publish, revert):
            patch.setattr(module, "reveal", die)
        yield
        pytest.fail("nobody was killed")


class Readers:
    """Readers on every node, who note all that they see."""

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self.seen: list[State] = []
        self.looks = 0
        self._done = threading.Event()

    def look(self, url: str, until: threading.Event | None = None) -> None:
        with closing(driver(url, autocommit=True)) as connection:
            while True:
                with suppress(SerializationFailure):  # told to run it again
                    state: State = dict(connection.execute("SELECT stay_id, guests FROM stays").fetchall())
                    self.looks += 1
                    if state not in self.seen:
                        self.seen.append(state)
                if until is None or until.wait(0.02):
                    return

    def now(self) -> list[State]:
        """What is seen on any node at this moment."""
        before, self.seen = self.seen, []
        for url in self.urls:
            self.look(url)
        now, self.seen = self.seen, before
        return now

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.look, args=(url, self._done)) for url in self.urls]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()


def stays(path: Path, state: State) -> Path:
    lines = "".join(f"{n},{guests}\n" for n, guests in state.items())
    return write(path, f"stay_id,guests\n{lines}".encode())


def test_a_merge_is_seen_at_once_on_every_node(
    db: Database, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = stays(tmp_path / "one.csv", ONE), stays(tmp_path / "two.csv", TWO)
    load(db, one)
    readers, glance = (Readers(cluster.urls(db.dialect.address[1])) for _ in range(2))
    with readers.at_work():
        with killed_before_it_shows(monkeypatch):
            load(db, two)
        assert glance.now() == [ONE]
        again = load(db, two)  # the same command
        assert buckets(again.load) == {"inserted": 20, "updated": STAYS // 2, "unchanged": STAYS // 2}
        assert glance.now() == [TWO]
        with killed_before_it_shows(monkeypatch):
            revert.revert(db, again.load.load_id)
        assert glance.now() == [TWO]
        load(db, stays(tmp_path / "three.csv", {0: 5}))  # another one, which shows it first
        assert glance.now() == [ONE | {0: 5}]
    assert readers.looks > 3 * len(readers.urls)
    assert [state for state in readers.seen if state not in (ONE, TWO, ONE | {0: 5})] == []


def test_what_lies_on_the_coordinator_is_staged_there(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSVC_PROJECT", str(declare(tmp_path / "ours", "stays", DECLARATION)))
    with connect(cluster.create()) as db:
        migrate(db)
        loaded = load(db, stays(tmp_path / "one.csv", ONE), chunk_bytes=200, jobs=2).load
        assert (buckets(loaded), len(db.elsewhere)) == ({"inserted": STAYS}, len(NODES) - 1)
