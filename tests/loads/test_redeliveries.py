"""Delivered, held, discarded, retried and delivered again, in any order: the last delivery wins, and no check finds harm."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbsvc import Database, InputError, connect, migrate
from dbsvc.engine import migrations
from dbsvc.engine.loads import lifecycle
from dbsvc.engine.loads.model import Outcome, Replaced
from dbsvc.engine.loads.operations import discard, release, retry
from dbsvc.engine.loads.publish import publish, publish_in
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from tests.helpers import Bill, Past, bills, find_one, history, ledger, load, query, register, stage, usage_csv, write
from tests.helpers.check_case import find
from tests.helpers.citus import at_most

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


def redeliver(db: Database, path: Path) -> Outcome:
    """What `dbsvc ingest --again` does with one file."""
    with SourceFile(str(path)) as delivery:
        header = read_header(delivery, db.statements.datasets.values())
        return lifecycle.ingest(db, delivery, header, Settings(), again=True)


class World:
    """A database, and a plain model of what is in it: loads in their order, and which currencies each was validated with."""

    def __init__(self, db: Database, folder: Path, files: list[list[Record]]) -> None:
        self.db = db
        self.files = {str(write(folder / f"{n}.csv", as_file(file, n))): file for n, file in enumerate(files)}
        self.known = {"USD"}
        self.validated: dict[int, set[str]] = {}

    def take(self, step: Step) -> None:
        """Do something, if it can be done now."""
        act, number = step
        path = Path(list(self.files)[number % len(self.files)])
        match act:
            case "load":
                load(self.db, path)
            case "again":
                redeliver(self.db, path)
            case "begin":
                if (now := register(self.db, path)).status == "staging":
                    stage(self.db, path, now)
            case "register":
                register(self.db, path)
            case "finish":
                for load_id in self.some(number, "staged", "held"):
                    if (found := find_one(self.db, load_id)).status == "held":
                        release(self.db, load_id)
                    else:
                        publish(self.db, found)
            case "discard":
                for load_id in self.some(number, "staging", "staged", "held"):
                    discard(self.db, load_id)
            case "revive":
                for load_id in self.some(number, "discarded"):
                    load(self.db, release(self.db, load_id).source)
            case "know":
                code = ("XXX", "QQQ")[number % 2]
                with self.db.transaction() as tx:
                    tx.execute("INSERT INTO currencies (code) VALUES (:code) ON CONFLICT DO NOTHING", code=code)
                self.known.add(code)
            case "retry":
                for load_id in self.some(number, "held", "published"):
                    retry(self.db, load_id, Settings(max_contradicting_share=1))
                    self.validated[load_id] |= self.known
        for load_id, status in query(self.db, "SELECT load_id, status FROM loads"):
            if status in ("staging", "discarded"):
                self.validated.pop(load_id, None)
            else:
                self.validated.setdefault(load_id, set(self.known))

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
                if currency in self.validated[load_id]:
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
ACTS = ["load", "load", "load", "again", "again", "begin", "register", "finish", "discard", "revive", "know", "retry", "retry"]
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5)), min_size=3, max_size=12)

X, A, B = (1, "XXX", "B"), (1, "USD", "A"), (1, "USD", "B")
LOAD_ALL: list[Step] = [("load", n) for n in range(4)]
RETRIED: list[Step] = [*LOAD_ALL, ("know", 0), ("retry", 0), ("retry", 1), ("retry", 2)]
LATE: list[Step] = [("begin", 0), ("load", 1), ("load", 2), ("load", 3), ("finish", 0)]


@pytest.mark.one_database
@pytest.mark.slow  # it starts many processes
@example([[A], [A, X, (1, "XXX", "A")], [B], [A]], RETRIED)
@example([[A, (2, "XXX", "A")], [(2, "USD", "A"), X], [X, B, (2, "USD", "B")]], [*RETRIED, ("load", 1)])
@example([[A], [X, (2, "USD", "A")], [X], [B]], [*LOAD_ALL[:2], ("know", 0), *LOAD_ALL[2:], ("retry", 1)])
@example([[A], [B], [A], [B]], LATE)
@example([[A], [A], [B], [A]], [("register", 0), *LATE, ("discard", 0)])
@example([[A], [B], [A, X]], [*LOAD_ALL[:2], ("again", 0), ("again", 0), ("again", 1), ("know", 0), ("load", 2)])
@settings(max_examples=at_most(12))
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
@pytest.mark.long
@settings(max_examples=60)
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
        publish_in(tx, staged)
        discarding.start()
        time.sleep(0.3)
    discarding.join()
    assert history(db) == []
    assert harm(db) == {}


def test_a_bill_of_the_future_is_mended_as_the_runbook_says(db: Database, tmp_path: Path) -> None:
    wrong = ("2099-10-01", 7, "USD", "A", 0, 0)
    load(db, write(tmp_path / "wrong.csv", usage_csv([wrong, ("2021-10-01", 1, "USD", "A", 1, 1)])))
    with db.transaction() as tx:  # as older versions let it in
        tx.execute("UPDATE bills_stored SET product1_revenue = '1.00000000' WHERE bill_id = 7")
        tx.execute("UPDATE loads SET control_total = control_total + 1")
    today = datetime.date(2021, 10, 2)

    def found() -> list[str]:
        names = ["currencies_unknown", "bill_days_missing", "bill_ids_on_several_dates", *INTEGRITY]
        return [name for name in names if find(db, name, datetime.date.min, today)]

    assert found() == ["currencies_unknown"]
    load(db, write(tmp_path / "right.csv", usage_csv([("2021-10-01", *wrong[1:])])))
    load(db, write(tmp_path / "zero.csv", usage_csv([(*wrong[:4], 0, "0.00")])))
    assert found() == []


def numbers(outcome: Outcome) -> tuple[int, str, bool]:
    """Which load it was, what became of it, and whether it was there before."""
    return outcome.load.load_id, outcome.load.status, outcome.already


def test_known_bytes_are_delivered_again(db: Database, tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.csv", as_file(file, n)) for n, file in enumerate([[A, (2, "USD", "A")], [B]]))
    load(db, first)
    assert load(db, first).replaced == Replaced([], [])
    assert numbers(redeliver(db, first)) == (1, "published", True)  # it stands
    load(db, second)
    outcome = load(db, first)
    assert (numbers(outcome), outcome.replaced) == ((1, "published", True), Replaced([{"load_id": 2, "records": 1}], []))
    outcome = redeliver(db, first)
    assert numbers(outcome) == (3, "published", False)
    assert (outcome.load.delivery, outcome.load.updated, outcome.load.unchanged) == (2, 1, 1)
    assert [(found[2], found[6]) for found in bills(db)] == [("A", 3), ("A", 1)]
    # both commands, twice, now that it stands
    for again in (redeliver, load, redeliver):
        assert numbers(again(db, first)) == (3, "published", True)
    # what it repeated stands under the load that had brought it, so that is not told of it for sure
    load(db, write(tmp_path / "2.csv", as_file([(2, "USD", "B")], 2)))
    outcome = load(db, first)
    assert outcome.replaced == Replaced([], [4])
    assert numbers(redeliver(db, first)) == (5, "published", False)
    assert numbers(redeliver(db, first)) == (5, "published", True)
    assert harm(db) == {}


def test_a_redelivery_is_resumed_held_and_discarded_like_any_load(db: Database, tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.csv", as_file(file, n)) for n, file in enumerate([[A], [B]]))
    load(db, first)
    load(db, second)

    def die(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    for function in ("stage", "publish"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, function, die)
            with pytest.raises(KeyboardInterrupt):
                redeliver(db, first)
        assert ledger(db, 3)["status"] == {"stage": "staging", "publish": "staged"}[function]
    # discarded, it stays out: what was published before is still there, and says so
    discard(db, 3)
    assert numbers(load(db, first)) == (1, "published", True)
    assert numbers(redeliver(db, first)) == (3, "discarded", False)
    assert release(db, 3).load_id == 4
    assert numbers(load(db, first)) == (4, "published", False)
    assert [(found[2], found[6]) for found in bills(db)] == [("A", 4)]
    assert harm(db) == {}


def test_what_grows_is_not_delivered_again(db: Database, tmp_path: Path) -> None:
    event = b'{"event_id": "e", "plant_id": "p", "inverter_id": "i", "event_time": "x", "ac_power": 1, "ac_power_unit": "W"}\n'
    with pytest.raises(InputError, match="--again is for files that are delivered whole"):
        redeliver(db, write(tmp_path / "t.jsonl", event))


def test_two_redeliver_at_once(db: Database, url: str, tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.csv", as_file(file, n)) for n, file in enumerate([[A], [B]]))
    load(db, first)
    load(db, second)
    barrier = threading.Barrier(3)

    def work() -> None:
        with connect(url) as other:
            barrier.wait()
            redeliver(other, first)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert query(db, "SELECT load_id, delivery FROM loads ORDER BY load_id") == [(1, 1), (2, 1), (3, 2)]
    assert harm(db) == {}


def run(url: str, *arguments: object, output: str = "table") -> tuple[int, str, str]:
    """Type a command; returns its exit code and what it wrote."""
    environment = {**os.environ, "DATABASE_URL": url, "COLUMNS": "500"}
    command = [sys.executable, "-m", "dbsvc", "--output", output, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow  # it starts many processes
@pytest.mark.one_database
def test_what_is_told_of_later_loads(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    a, b = (write(folder / f"{name}.csv", as_file(file, n)) for n, (name, file) in enumerate({"a": [A], "b": [B]}.items()))
    code, printed, _ = run(url, "ingest", folder)
    assert code == 0
    assert f"Load 2 ({b}) replaced 1 row of load 1 ({a}) of this run." in printed
    # the nightly run: one sentence, and nothing is done
    for _ in range(2):
        code, printed, _ = run(url, "ingest", folder)
        assert code == 0
        assert "2 files were published already; nothing changed. Later loads replaced rows of 1 of them" in printed
        assert printed.count("--again") == 1
    code, printed, _ = run(url, "ingest", a)
    assert f"{a}: since load 1, load 2 replaced 1 of its rows. `dbsvc ingest --again {a}` delivers it again." in printed
    code, printed, _ = run(url, "ingest", a, output="json")
    report = json.loads(printed.splitlines()[0])
    assert (report["outcome"], report["replaced_by"]) == ("already published", [{"load_id": 2, "records": 1}])
    assert report["perhaps_replaced_by"] == []
    code, printed, _ = run(url, "ingest", "--again", a)
    assert (code, "published" in printed) == (0, True)
    code, printed, _ = run(url, "ingest", "--again", a)
    assert code == 0
    assert "already published as load 3; nothing changed. No later load replaced any of its rows" in printed
    for refused in (["--again", folder], ["--again", Path(folder).absolute().as_uri()], ["--again", "--follow", a]):
        assert run(url, "ingest", *refused)[0] == 2
    with connect(url) as db:
        assert len(query(db, "SELECT load_id FROM loads")) == 3
        assert find(db, "files_alike", datetime.date.min, datetime.date(2030, 1, 1)) == []


def test_the_schema_goes_back_and_forth_with_redeliveries(db: Database, tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.csv", as_file(file, n)) for n, file in enumerate([[A], [B, X, (3, "USD", "A")]]))
    load(db, first)
    load(db, second)
    redeliver(db, first)
    kept = "SELECT load_id, delivery, sha256, status, inserted, updated, rejected FROM loads ORDER BY load_id"
    before = query(db, kept), bills(db), history(db), query(db, "SELECT * FROM replacements ORDER BY load_id")
    for _ in range(2):
        with migrations.yoyo_migrations(db) as (backend, known):
            backend.rollback_migrations([one for one in backend.to_rollback(known) if one.id >= "0011"])
        assert query(db, "SELECT count(*) FROM (SELECT DISTINCT sha256 FROM loads) AS digests") == [(3,)]
        migrate(db)
    after = query(db, kept), bills(db), history(db), query(db, "SELECT * FROM replacements ORDER BY load_id")
    assert after == before
    assert harm(db) == {}
    assert numbers(load(db, first)) == (3, "published", True)


def test_retried_records_are_audited(db: Database, url: str, tmp_path: Path) -> None:
    """What passes now was written in cents: it stays in quarantine, and nothing is half done; the next load's passes."""
    for n in range(5):
        load(db, write(tmp_path / f"{n}.csv", usage_csv([("2021-10-01", n, "USD", "A", 100, 0)])))
    cents = [("2021-10-01", 10, "USD", "A", 100, 0), ("2021-10-01", 11, "XXX", "A", 5000, 0)]
    load(db, write(tmp_path / "cents.csv", usage_csv(cents)))
    load(db, write(tmp_path / "good.csv", usage_csv([(*row[:1], row[1] + 10, *row[2:4], 90, 0) for row in cents])))
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")

    def everything() -> list[object]:
        columns = "load_id, status, control_total, read, inserted, rejected, out_of_turn"
        quarantine = query(db, "SELECT load_id, line_no, reasons, record_key FROM rejects")
        return [bills(db), history(db), query(db, f"SELECT {columns} FROM loads ORDER BY load_id"), quarantine]

    before = everything()
    retried = retry(db, 6, Settings())
    finding = "the total is 5100, the median of the recent loads 100: more than 10 times apart"
    assert (retried.tried, retried.passed, retried.findings) == (1, 0, (finding,))
    assert everything() == before
    code, printed, _ = run(url, "rejects", "retry")
    assert code == 65
    assert f"Load 6: the records that pass stay in quarantine, for with them {finding}." in printed
    assert query(db, "SELECT bill_id FROM bills WHERE currency = 'XXX'") == [(21,)]
    assert query(db, "SELECT load_id FROM rejects") == [(6,)]
    assert harm(db) == {}
