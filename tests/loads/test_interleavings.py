"""Two commands at once on SQLite, in every order in which their transactions can follow each other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, connect
from dbsvc.engine.checks import load_checks
from dbsvc.engine.checks import run as run_checks
from dbsvc.engine.loads.operations import release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.settings import Settings
from tests.helpers import find_one, load, query, usage_csv, write
from tests.helpers.crash import Fragile, everything, left_behind

Rows = list[tuple[object, ...]]
Work = Callable[[Database, Path], object]
PATIENCE = 60.0  # seconds
#: what does not depend on who published first; which bucket a record counted in may
STORED = ("bills_stored", "bills_history", "rejects", "reject_closings", "load_chunks", "currencies")
LEDGER = "SELECT load_id, source, status, read, rejected, CAST(control_total AS text) FROM loads ORDER BY load_id"


def bill(bill_id: int, amount: object, day: int = 1, currency: str = "USD") -> tuple[object, ...]:
    return f"2021-10-{day:02}", bill_id, currency, "a", amount, 0


FILES: dict[str, Rows] = {
    "base.csv": [bill(1, 1), bill(2, 1), bill(9, 1, currency="QQQ"), bill(8, 1)],
    # both have what the base has, what the other one has, and what nobody else has
    "one.csv": [bill(1, 2), bill(2, 1), bill(3, 1), bill(4, 1), bill(4, 2), bill(5, 1), bill(6, -1)],
    "two.csv": [bill(1, 1), bill(2, 3), bill(3, 1), bill(4, 3), bill(7, 1), bill(7, 1)],
    # of days that are vacant
    "new_one.csv": [bill(n, 1, day) for day in (5, 6, 7) for n in (1, 2)] + [bill(1, 2, 7)],
    "new_two.csv": [bill(n, n, day) for day in (6, 7, 8) for n in (1, 2)],
}


#: most of a file that has these
REFUSED = [bill(n, -1, 6) for n in range(20, 30)]


class Actor(threading.Thread):
    """One of two commands. It begins a transaction when it is its turn, and not before."""

    def __init__(self, url: str, folder: Path, work: Work) -> None:
        super().__init__()
        self._url, self._folder, self._work = url, folder, work
        self._turn, self._ready = threading.Semaphore(0), threading.Semaphore(0)
        self.done = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with connect(self._url) as db:
                db.dialect = Fragile(db.dialect, before=self._await_turn)
                self._work(db, self._folder)
        except BaseException as error:
            self.error = error
        finally:
            self.done = True
            self._ready.release()

    def _await_turn(self, name: str) -> None:
        if name.startswith("session/begin"):
            self._ready.release()
            assert self._turn.acquire(timeout=PATIENCE)

    def begin(self) -> None:
        """Go as far as the first transaction."""
        self.start()
        assert self._ready.acquire(timeout=PATIENCE)

    def step(self) -> None:
        """Do one transaction, and what follows until the next."""
        self._turn.release()
        assert self._ready.acquire(timeout=PATIENCE)
        if self.error:
            raise self.error


def run_in_order(url: str, folder: Path, works: tuple[Work, Work], order: list[int]) -> list[tuple[int, list[int]]]:
    """Let two commands take turns, as the order says, and then the first that can. Returns who did, of whom it could be."""
    actors = [Actor(url, folder, work) for work in works]
    for actor in actors:
        actor.begin()
    taken: list[tuple[int, list[int]]] = []
    while able := [number for number, actor in enumerate(actors) if not actor.done]:
        chosen = order[len(taken)] if len(taken) < len(order) else able[0]
        taken.append((chosen, able))
        actors[chosen].step()
    for actor in actors:
        actor.join()
    return taken


def every_order(run: Callable[[list[int]], list[tuple[int, list[int]]]]) -> Iterator[list[int]]:
    """Run with every order there is; yields each."""
    order: list[int] | None = []
    while order is not None:
        taken = run(order)
        yield [chosen for chosen, _ in taken]
        order = None
        for place in reversed(range(len(taken))):
            chosen, able = taken[place]
            if later := [other for other in able if other > chosen]:
                order = [chosen for chosen, _ in taken[:place]] + later[:1]
                break


def stored(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    tables = everything(db)
    return {"loads": query(db, LEDGER), **{table: tables[table] for table in STORED}}


def ingest(db: Database, path: Path, **settings: Any) -> None:
    load(db, path, **{"max_rejected_share": 1.0, **settings})


def loading(name: str, **settings: Any) -> Work:
    return lambda db, folder: ingest(db, folder / name, **settings)


def know(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('QQQ')")


def retrying(db: Database, _: Path) -> None:
    retry(db, 1, Settings(max_contradicting_share=1.0))


PAIRS: dict[str, tuple[list[Work], Work, Work]] = {
    "loads": ([], loading("one.csv"), loading("two.csv")),
    "loads of vacant days": ([], loading("new_one.csv", month_records=1), loading("new_two.csv", month_records=1)),
    "the same file": ([], loading("one.csv", chunk_bytes=150), loading("one.csv", chunk_bytes=150)),
    "a load and a revert": ([], loading("two.csv"), lambda db, folder: revert(db, 1)),
    "a load and a retry": ([lambda db, folder: know(db)], loading("two.csv"), retrying),
    "a load and a release": (
        [lambda db, folder: hold(db, folder / "new_one.csv")],
        loading("new_two.csv", month_records=1),
        lambda db, folder: release(db, 2),
    ),
}


def hold(db: Database, path: Path) -> None:
    """A load in place that is held."""
    ingest(db, write(path, usage_csv([*FILES[path.name], *REFUSED])), month_records=1, max_rejected_share=0.0)
    assert find_one(db, 2).status == "held"


#: pairs of which there are hundreds of orders, and those of which there are hundreds more
MANY = {"loads": "long", "a load and a release": "long", "loads of vacant days": "long", "the same file": "long"}


@pytest.mark.parametrize(
    "pair", [pytest.param(pair, marks=[getattr(pytest.mark, MANY[pair])] if pair in MANY else []) for pair in PAIRS]
)
def test_every_order(sqlite_template: Path, tmp_path: Path, pair: str) -> None:
    """What is stored is what one command after the other would have stored; for loads in the order of their numbers."""
    for name, rows in FILES.items():
        write(tmp_path / name, usage_csv(rows))
    before, *works = PAIRS[pair]
    names = count()

    def copy(of: Path) -> str:
        path = tmp_path / f"{next(names)}.db"
        shutil.copy(of, path)
        return f"sqlite:///{path}"

    prepared = copy(sqlite_template)
    with connect(prepared) as db:
        for work in [loading("base.csv"), *before]:
            work(db, tmp_path)
    start = Path(prepared.removeprefix("sqlite:///"))

    def in_turn(*order: Work) -> dict[str, list[tuple[Any, ...]]]:
        with connect(copy(start)) as db:
            for work in order:
                work(db, tmp_path)
            return stored(db)

    possible = [in_turn(*works), in_turn(*reversed(works))]
    urls: list[str] = []

    def run(order: list[int]) -> list[tuple[int, list[int]]]:
        urls.append(copy(start))
        return run_in_order(urls[-1], tmp_path, (works[0], works[1]), order)

    for number, order in enumerate(every_order(run)):
        with connect(urls[-1]) as db:
            found = stored(db)
            expected = [one for one in possible if one["loads"] == found["loads"]]
            assert expected, order
            assert any(found == one for one in expected), order
            assert left_behind(db) == [], order
            if number % 50 == 0:
                results = run_checks(db, load_checks(db.statements), days=10**4)
                broken = [one.check.name for one in results if one.state in ("critical", "unknown")]
                assert set(broken) <= {"fx_rates_missing"}, order
        for path in tmp_path.glob(f"{Path(urls[-1]).name}*"):
            path.unlink()
    print(f"{pair}: {len(urls)} orders of {len(order)} transactions")
    assert len(urls) > 1
