"""Delivered, held, discarded, retried and delivered again, in any order: the last delivery wins, and no check finds harm."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine import ingest
from dbsvc.engine.ingest import discard, publish, release, retry
from dbsvc.engine.settings import Settings
from tests.check_case import find
from tests.helpers import Bill, Past, bills, history, ledger, load, query, register, stage, usage_csv, write

DAY = datetime.date(2021, 10, 1)
#: what "restore from a backup" is said for: nothing of the program may make these find anything
INTEGRITY = [
    *("history_broken", "rows_unaccounted", "ledger_buckets_wrong", "bills_total_changed", "bills_orphaned"),
    *("registries_orphaned", "telemetry_orphaned", "readings_wrong", "daily_summaries_wrong", "staging_left_behind"),
]

#: a record: which bill, in which currency (XXX and QQQ are none, until somebody says so), of whom
Record = tuple[int, str, str]
#: what is done, and with which file or load
Step = tuple[str, int]


def harm(db: Database) -> dict[str, int]:
    """What the checks of integrity find."""
    found = {name: len(find(db, name, datetime.date.min, datetime.date(2030, 1, 1))) for name in INTEGRITY}
    return {name: findings for name, findings in found.items() if findings}


def as_file(records: list[Record], number: int) -> bytes:
    """A file; no two are the same bytes."""
    rows = [("2021-10-01", bill, currency, name, 1, 1) for bill, currency, name in records]
    return usage_csv(rows) + b"\n" * number


class World:
    """A database, and a plain model of what is in it: loads in their order, and which currencies each was judged by."""

    def __init__(self, db: Database, folder: Path, files: list[list[Record]]) -> None:
        self.db = db
        self.files = {str(write(folder / f"{n}.csv", as_file(file, n))): file for n, file in enumerate(files)}
        self.known = {"USD"}
        self.judged: dict[int, set[str]] = {}

    def take(self, step: Step) -> None:
        """Do something, if it can be done now."""
        act, number = step
        path = Path(list(self.files)[number % len(self.files)])
        match act:
            case "load":
                load(self.db, path)
            case "begin":
                if (now := register(self.db, path))["status"] == "staging":
                    stage(self.db, path, now)
            case "register":
                register(self.db, path)
            case "finish":
                for load_id in self.some(number, "staged", "held"):
                    if (now := ledger(self.db, load_id))["status"] == "held":
                        release(self.db, load_id)
                    else:
                        publish(self.db, now)
            case "discard":
                for load_id in self.some(number, "staging", "staged", "held"):
                    discard(self.db, load_id)
            case "revive":
                for load_id in self.some(number, "discarded"):
                    load(self.db, release(self.db, load_id)["source"])
            case "know":
                code = ("XXX", "QQQ")[number % 2]
                with self.db.transaction() as tx:
                    tx.execute("INSERT INTO currencies (code) VALUES (:code) ON CONFLICT DO NOTHING", code=code)
                self.known.add(code)
            case "retry":
                for load_id in self.some(number, "held", "published"):
                    retry(self.db, load_id, Settings())
                    self.judged[load_id] |= self.known
        for load_id, status in query(self.db, "SELECT load_id, status FROM loads"):
            if status in ("staging", "discarded"):
                self.judged.pop(load_id, None)
            else:
                self.judged.setdefault(load_id, set(self.known))

    def some(self, number: int, *states: str) -> list[int]:
        """One of the loads in these states, or none."""
        found = [n for n, status in query(self.db, "SELECT load_id, status FROM loads ORDER BY load_id") if status in states]
        return found[number % len(found) :][:1] if found else []

    def expected(self) -> tuple[list[Bill], list[Past]]:
        """One delivery after the other, each line by line."""
        current: dict[int, Bill] = {}
        past: list[Past] = []
        published = "SELECT load_id, source FROM loads WHERE status = 'published' ORDER BY load_id"
        for load_id, source in query(self.db, published):
            of_bill: dict[int, list[Bill]] = {}
            for line_no, (bill, currency, name) in enumerate(self.files[source], 2):
                if currency in self.judged[load_id]:
                    delivered = (DAY, bill, name, currency, Decimal(1), Decimal(1), load_id, line_no)
                    of_bill.setdefault(bill, []).append(delivered)
            for number, lines in of_bill.items():
                later = [line[2:6] for line in lines]
                for line in lines[:-1]:
                    later.pop(0)
                    if line[2:6] not in later:
                        past.append((*line, load_id))
                before = current.setdefault(number, lines[-1])
                if before[2:6] != lines[-1][2:6]:
                    past.append((*before, load_id))
                    current[number] = lines[-1]
        return sorted(current.values()), sorted(past, key=lambda found: (found[:2], found[6:8]))

    def check(self) -> None:
        """The tables are what the model says, and no check finds harm."""
        assert (bills(self.db), [found for found in history(self.db) if found[8]]) == self.expected()
        assert harm(self.db) == {}


RECORD: st.SearchStrategy[Record] = st.tuples(
    st.sampled_from([1, 1, 2]), st.sampled_from(["USD", "USD", "XXX", "QQQ"]), st.sampled_from(["A", "B"])
)
FILES = st.lists(st.lists(RECORD, min_size=1, max_size=4), min_size=2, max_size=4)
ACTS = ["load", "load", "load", "begin", "register", "finish", "discard", "revive", "know", "retry", "retry"]
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5)), min_size=3, max_size=12)

X, A, B = (1, "XXX", "B"), (1, "USD", "A"), (1, "USD", "B")
LOAD_ALL: list[Step] = [("load", n) for n in range(4)]
RETRIED: list[Step] = [*LOAD_ALL, ("know", 0), ("retry", 0), ("retry", 1), ("retry", 2)]
LATE: list[Step] = [("begin", 0), ("load", 1), ("load", 2), ("load", 3), ("finish", 0)]


@example([[A], [A, X, (1, "XXX", "A")], [B], [A]], RETRIED)
@example([[A, (2, "XXX", "A")], [(2, "USD", "A"), X], [X, B, (2, "USD", "B")]], [*RETRIED, ("load", 1)])
@example([[A], [X, (2, "USD", "A")], [X], [B]], [*LOAD_ALL[:2], ("know", 0), *LOAD_ALL[2:], ("retry", 1)])
@example([[A], [B], [A], [B]], LATE)
@example([[A], [A], [B], [A]], [("register", 0), *LATE, ("discard", 0)])
@settings(max_examples=25)
@given(FILES, STEPS)
def test_no_check_finds_harm_where_there_is_none(
    fresh_url: Callable[[], str], tmp_path: Path, files: list[list[Record]], steps: list[Step]
) -> None:
    with connect(fresh_url()) as db:
        world = World(db, tmp_path, files)
        for step in steps:
            world.take(step)
            world.check()


@pytest.mark.slow
@settings(max_examples=150)
@given(FILES, STEPS)
def test_no_check_finds_harm_where_there_is_none_often(
    fresh_url: Callable[[], str], tmp_path: Path, files: list[list[Record]], steps: list[Step]
) -> None:
    with connect(fresh_url()) as db:
        world = World(db, tmp_path, files)
        for step in steps:
            world.take(step)
        world.check()


def test_a_discard_waits_for_a_publish_that_remembers_repeats_for_it(db: Database, url: str, tmp_path: Path) -> None:
    load(db, write(tmp_path / "0.csv", as_file([A], 0)))
    register(db, write(tmp_path / "1.csv", as_file([B], 1)))
    path = write(tmp_path / "2.csv", as_file([A], 2))
    staged = stage(db, path, register(db, path))

    def give_up() -> None:
        with connect(url) as other:
            discard(other, 2)

    discarding = threading.Thread(target=give_up)
    with db.transaction() as tx:
        ingest._publish(tx, staged)
        discarding.start()
        time.sleep(0.3)
    discarding.join()
    assert history(db) == []
    assert harm(db) == {}


def test_a_bill_of_the_future_is_mended_as_the_runbook_says(db: Database, tmp_path: Path) -> None:
    wrong = ("2099-10-01", 7, "USD", "A", 1, 1)
    load(db, write(tmp_path / "wrong.csv", usage_csv([wrong, ("2021-10-01", 1, "USD", "A", 1, 1)])))
    today = datetime.date(2021, 10, 2)

    def found() -> list[str]:
        names = ["currencies_unknown", "bill_days_missing", "bill_ids_on_several_dates", *INTEGRITY]
        return [name for name in names if find(db, name, datetime.date.min, today)]

    assert found() == ["currencies_unknown"]
    load(db, write(tmp_path / "right.csv", usage_csv([("2021-10-01", *wrong[1:])])))
    load(db, write(tmp_path / "zero.csv", usage_csv([(*wrong[:4], 0, "0.00")])))
    assert found() == []
