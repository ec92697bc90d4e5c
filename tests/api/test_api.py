"""The functions that others import: they do what the commands do, return values, raise errors, and stop when told to."""

from __future__ import annotations

import doctest
import inspect
import itertools
import math
import pickle
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import dbsvc
from dbsvc import Database, Event, Ingested, Settings
from dbsvc.engine import api, calls, errors
from tests.helpers import ROOT, bills, rejects, statuses, usage_csv, write

FUNCTIONS = [name for name, value in vars(api).items() if inspect.isfunction(value) and value.__module__ == api.__name__]
FUNCTIONS = [name for name in FUNCTIONS if not name.startswith("_")]
OTHERS = ["connect", "migrate", "read_settings"]
GOOD = [("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 41)]
ANY: Any = dbsvc  # what no type checker lets through
HOURS = "DBSVC_CHECK_LOADS_UNFINISHED_HOURS"
WEST = timezone(timedelta(hours=-1))
SMALL = Settings(chunk_bytes=200, max_rejected_share=0.05)


class NoDay(datetime):
    """As pandas' NaT."""

    def toordinal(self) -> int:
        raise ValueError("not a day")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "usage.csv", usage_csv(GOOD))


def test_every_public_function_has_an_example_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = [name for name in dbsvc.__all__ if inspect.isfunction(getattr(dbsvc, name))]
    assert {*public} == {*FUNCTIONS, *OTHERS}
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    runner, given = doctest.DocTestRunner(), {"dbsvc": dbsvc, "date": date, "Decimal": Decimal}
    for name in [*FUNCTIONS, *OTHERS]:
        (test,) = doctest.DocTestFinder(recurse=False).find(getattr(dbsvc, name), name, globs={**given})
        assert test.examples, name
        runner.run(test)
    assert runner.summarize().failed == 0


def test_of_several_files_one_fails(url: str, tmp_path: Path, file: Path) -> None:
    wrong = write(tmp_path / "bills.csv", b"a,b\n1,2\n")
    nowhere = tmp_path / "nowhere.csv"
    with pytest.raises(dbsvc.InputMissingError) as raised:
        dbsvc.ingest(nowhere, wrong, file, database=url)
    assert raised.value.ingested
    assert sorted(one.outcome.value for one in raised.value.ingested.files) == ["failed", "failed", "published"]
    (note,) = raised.value.__notes__
    assert "bills.csv" in note
    done = dbsvc.ingest(nowhere, file, database=url, raise_failed=False)
    assert [type(one.error) for one in done.failures] == [dbsvc.InputMissingError]
    assert [one.outcome.value for one in done.files if one.load] == ["already published"]
    assert done.exit_code == 66
    with pytest.raises(dbsvc.InputMissingError):
        done.raise_for_failures()


def test_a_held_load_is_a_result(db: Database, tmp_path: Path) -> None:
    half = write(tmp_path / "usage.csv", usage_csv([*GOOD, *[("never", n, "USD", "", 1, 0) for n in range(60)]]))
    (held,) = dbsvc.ingest(half, database=db).withheld
    assert held.load
    assert held.load.held_because
    with pytest.raises(dbsvc.HeldError, match="is held") as raised:
        dbsvc.ingest(half, database=db, raise_held=True)
    assert raised.value.ingested
    assert dbsvc.release(held.load.load_id, database=db).status is dbsvc.LoadStatus.PUBLISHED
    found = dbsvc.rejects(held.load.load_id, database=db, limit=3)
    assert (found.total, len(found.rejects), found.reasons[0].records) == (60, 3, 60)
    assert len(dbsvc.rejects(database=db, limit=0).rejects) == 60
    assert dbsvc.retry(database=db).loads[0].tried == 60
    assert dbsvc.dismiss(held.load.load_id, lines=[], database=db).left == 60
    with pytest.raises(dbsvc.InputError, match="no reject on line 0"):
        dbsvc.dismiss(held.load.load_id, lines=[0], database=db)
    assert dbsvc.dismiss(held.load.load_id, lines=[found.rejects[0].line_no], database=db).left == 59
    assert dbsvc.revert(held.load.load_id, database=db).removed == 40
    assert dbsvc.load(held.load.load_id, database=db).load.status == "reverted"
    assert [load.status for load in dbsvc.loads(database=db, dataset="usage", since=date(2021, 1, 1)).loads] == ["reverted"]
    with pytest.raises(dbsvc.UsageError):
        dbsvc.loads(database=db, status="hold")


def test_a_dry_run_stores_nothing(empty_url: str, file: Path) -> None:
    found = dbsvc.ingest(file, database=empty_url, dry_run=True)
    assert (found.files[0].outcome, found.in_temporary_database) == (dbsvc.FileOutcome.PUBLISHED, True)
    with pytest.raises(dbsvc.ConfigurationError):
        dbsvc.status(database=empty_url)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (dbsvc.ingest, "There is nothing to load"),
        (lambda **given: dbsvc.ingest("a.csv", jobs=5, **given), "jobs is 1 to 4"),
        (lambda **given: dbsvc.ingest("/tmp/", again=True, **given), "is a folder"),
        (lambda **given: dbsvc.check(limit=-1, **given), "limit is 0 to 10,000, and 0 is all"),
        (lambda **given: dbsvc.loads(limit=10**30, **given), f"limit is 0 to {sys.maxsize:,}, and 0 is all"),
        (lambda **given: dbsvc.check(only="loads_hold", **given), "There is no check loads_hold; did you mean loads_held"),
        (lambda **given: dbsvc.check(only=[], **given), "only names nothing"),
        (lambda **given: ANY.check(since="2021-10-01", **given), "since is a date"),
        (lambda **given: dbsvc.check(thresholds={HOURS: math.nan}, **given), f"{HOURS} must be a number"),
        (lambda **given: ANY.check(thresholds={HOURS: "abc"}, **given), f"{HOURS} must be a number"),
        (lambda **given: dbsvc.check(thresholds={HOURS: -1}, **given), "a number from 0 to below 1,000,000,000,000"),
        (lambda **given: ANY.check(thresholds={1: 2}, **given), "by the names of settings, not dict of int"),
        (lambda **given: dbsvc.revenue(NoDay(2021, 1, 1), **given), "first is a date, .*, not NoDay"),
        (lambda **given: dbsvc.revenue(date(2021, 1, 2), date(2021, 1, 1), **given), "first is after last"),
        (lambda **given: dbsvc.loads(since=datetime.max.replace(tzinfo=WEST), **given), "since is in no year from 1 to 9999"),
        (lambda **given: dbsvc.lineage("usage", "2021-11-01", "1\0", **given), "has no NUL"),
        (lambda **given: dbsvc.fx(last=date(2021, 1, 2), **given), "last goes with first"),
        (lambda database: ANY.connect(5), "url is text, not int"),
        (lambda database: dbsvc.connect("sqlite:////x\0.db"), "url is text, without NUL"),
        (lambda database: dbsvc.connect("sqlite:////x%00.db"), "must name a file"),
        (lambda database: ANY.migrate("sqlite:///a.db"), "db is an open Database, not str"),
        (lambda **given: ANY.report(days="7", **given), "days is a whole number, not str"),
        (lambda **given: ANY.loads(limit="7", **given), "limit is a whole number, not str"),
        (lambda **given: ANY.loads(since="today", **given), "since is a date"),
        (lambda **given: dbsvc.revenue(by="days", **given), "did you mean day"),
        (lambda **given: dbsvc.fx(**given), "Name the days by one of"),
        (lambda **given: dbsvc.fx(date(2021, 1, 2), date(2021, 1, 1), **given), "first is after last"),
        (lambda **given: dbsvc.load(17, **given), "There is no load 17"),
        (lambda **given: dbsvc.load(2**70, **given), f"There is no load {2**70}"),
        (lambda **given: dbsvc.release(2**70, **given), f"There is no load {2**70}"),
        (lambda **given: ANY.load("17", **given), "load_id is a whole number, not str"),
        (lambda **given: ANY.dismiss(1, lines=10, **given), "lines is a list of whole numbers, not int"),
        (lambda **given: ANY.dismiss(1, lines="10", **given), "lines is a list of whole numbers, not str"),
        (lambda **given: ANY.dismiss(True, **given), "load_id is a whole number, not bool"),
        (lambda **given: ANY.dismiss(**given), "missing a required argument: 'load_id'; it takes load_id, database"),
        (lambda **given: ANY.ingest(5, **given), "sources is a name or a path, not int"),
        (lambda **given: dbsvc.ingest("\0", **given), "sources is a name or a path, without NUL"),
        (lambda **given: ANY.fx(date=3, **given), "unexpected keyword argument 'date'; it takes first, last"),
        (lambda **given: ANY.fx(3, **given), "first is a date"),
        (lambda **given: dbsvc.fx(date(2021, 1, 2), time_frames=True, **given), "time_frames is for several days"),
        (lambda **given: dbsvc.fx(date(2021, 1, 2), currencies=","), "currencies names currencies by their codes"),
        (lambda **given: dbsvc.loads(status="no", **given), "There is no state no, only staging"),
        (lambda **given: dbsvc.loads(source="\ud800", **given), "source is text"),
        (lambda **given: dbsvc.loads(dataset="x" * 10_000, **given), "There is no dataset x{200}\u2026"),
        (lambda **given: ANY.check(notify=5, **given), "notify is a text or a list of texts, not int"),
        (lambda **given: dbsvc.check(notify="http://hooks.example.com/x", **given), "use https"),
        (lambda **given: dbsvc.check(notify="https://a.example/x", record=False, **given), "nothing is written"),
        (lambda **given: ANY.status(settings={}, **given), "settings is what read_settings\\(\\) returns, not dict"),
        (lambda **given: ANY.report(progress="x", **given), "progress is a function"),
        (lambda **given: ANY.status(**{**given, "database": 5}), "database is a URL"),
        (lambda **given: dbsvc.status(**{**given, "database": "mysql://x"}), "must begin with one of"),
    ],
)
def test_what_cannot_be_is_one_sentence(db: Database, call: Callable[..., object], says: str) -> None:
    with pytest.raises(dbsvc.DbsvcError, match=says) as raised:
        call(database=db)
    assert "\n" not in str(raised.value)


def test_settings_are_given(url: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    chosen = Settings(database_url=url, chunk_bytes=200)
    (done,) = dbsvc.ingest(file, settings=chosen).files
    assert done.load
    assert dbsvc.load(done.load.load_id, settings=chosen).chunks > 3
    thresholds = {HOURS: 1}
    assert dbsvc.check(settings=chosen, only="loads_unfinished", thresholds=thresholds).state == "ok"
    with pytest.raises(dbsvc.ConfigurationError, match="DBSVC_CHECK_LOADS_UNFINISHED_HOURS"):
        dbsvc.check(settings=chosen, only=["loads_unfinished"], thresholds={"DBSVC_CHECK_LOADS_UNFINISHED_HOUR": 1})


def test_a_transaction_of_the_caller_is_refused(db: Database, file: Path) -> None:
    with db.transaction(), pytest.raises(dbsvc.UsageError, match="end it before"):
        dbsvc.ingest(file, database=db)
    assert dbsvc.ingest(file, database=db).files[0].outcome == "published"


# --- who is told, and what stops it


def test_who_is_told_what(url: str, tmp_path: Path, file: Path) -> None:
    told: list[Event] = []
    phases: list[str] = []
    dbsvc.ingest(
        file,
        tmp_path / "nowhere.csv",
        database=url,
        settings=SMALL,
        raise_failed=False,
        on_event=told.append,
        progress=lambda phase, done=0, total=0: phases.append(phase),
    )
    events = {event.name: event for event in told}
    assert events["load"].fields["inserted"] == 40
    assert (events["failed"].level, events["failed"].fields["exit_code"]) == ("error", 66)
    assert {"scan", "stage", "audit", "publish"} <= {*phases}


ERRORS: list[Callable[[], BaseException]] = [
    lambda: ValueError("mine"),
    lambda: KeyboardInterrupt("mine"),
    lambda: StopIteration("mine"),
    lambda: dbsvc.InputError("mine"),
    lambda: dbsvc.ContentionError("mine"),
    lambda: dbsvc.CancelledError("mine"),
]


def failure_of(work: Callable[[], object]) -> BaseException | None:
    try:
        work()
    except BaseException as error:
        return error
    return None


@pytest.mark.parametrize("teller", ["progress", "on_event"])
def test_what_a_callback_raises_comes_through_and_nothing_is_half_done(
    fresh_url: Callable[[], str], file: Path, teller: str
) -> None:
    """Wherever it raises, whatever it is, in whichever thread: the next call goes on, and ends as if nothing had been."""
    url, kinds = fresh_url(), itertools.cycle(ERRORS)
    for number in itertools.count():
        error, calls = next(kinds)(), itertools.count()

        def tell(*_: Any, error: BaseException = error, number: int = number, calls: Any = calls) -> None:
            if next(calls) == number:
                raise error

        told: dict[str, Any] = {teller: tell}
        with dbsvc.connect(url) as db:
            raised = failure_of(partial(dbsvc.ingest, file, database=db, settings=SMALL, jobs=2, **told))
            if raised is None:
                break
            assert raised is error
            assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("stage", "place"))] == []
            assert len(bills(db)) in (0, 40)
    assert number >= 1
    with dbsvc.connect(url) as db:
        assert (len(bills(db)), statuses(db), rejects(db)) == (40, ["published"], [])


@pytest.mark.one_database
def test_what_stopped_a_call_comes_through_whatever_it_ended_with(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was opened is closed, also if it was stopped before it began."""
    closed: list[Database] = []
    monkeypatch.setattr(Database, "close", lambda db: closed.append(db))

    def stop(call: calls.Call) -> None:
        call.stop(ValueError("mine"))
        raise dbsvc.UnavailableError("gone")

    with pytest.raises(ValueError, match="mine"):
        calls.run(stop, url, None, None, None, ready=False)
    calls.on_begin.set(stop)
    with pytest.raises(ValueError, match="mine"):
        calls.run(stop, url, None, None, None)
    calls.on_begin.set(None)
    assert len(closed) == 2


def test_a_stopped_call_leaves_an_open_database_as_it_is(db: Database, file: Path) -> None:
    def stop(phase: str, done: int = 0, total: int = 0) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        dbsvc.ingest(file, database=db, progress=stop)
    assert dbsvc.ingest(file, database=db).files[0].outcome == "published"


# --- from threads, and to other processes


def test_from_several_threads_at_once(url: str, tmp_path: Path) -> None:
    """Each is told its own; what they share is done once."""
    files = [write(tmp_path / f"{day}.csv", usage_csv([(f"2021-10-{day:02}", 1, "USD", "x", 1, 0)])) for day in range(1, 4)]
    told: dict[int, list[Event]] = {number: [] for number in range(4)}
    with dbsvc.connect(url) as db, ThreadPoolExecutor(4) as pool:
        databases: list[str | Database] = [url, db, db, url]

        def work(number: int) -> Ingested:
            return dbsvc.ingest(*files, database=databases[number], on_event=told[number].append)

        done = list(pool.map(work, range(4)))
        assert len(bills(db)) == 3
        assert statuses(db) == ["published"] * 3
    assert sum(one.count()["files"] for one in done) == 12
    assert all(one.count()["failed"] == one.count()["held"] == 0 for one in done)
    for number, events in told.items():
        loads = [event.fields["outcome"] for event in events if event.name == "load"]
        assert sorted(loads) == sorted(file.outcome.value for file in done[number].files)


def test_results_and_errors_reach_other_processes(db: Database, tmp_path: Path, file: Path) -> None:
    with pytest.raises(dbsvc.DbsvcError) as raised:
        dbsvc.ingest(file, tmp_path / "nowhere.csv", database=db)
    results = [
        raised.value.ingested,
        dbsvc.check(database=db, only=["loads_held", "bills_orphaned"]),
        dbsvc.fx(date(2021, 10, 1), database=db, dry_run=True),
        dbsvc.revenue(database=db),
        dbsvc.rejects(database=db),
        dbsvc.retry(database=db),
        dbsvc.loads(database=db),
        dbsvc.load(1, database=db),
        dbsvc.status(database=db),
        dbsvc.revert(1, database=db, dry_run=True),
    ]
    for result in results:
        again = pickle.loads(pickle.dumps(result))
        assert type(again) is type(result)
        assert "object at" not in repr(again) or isinstance(result, dbsvc.Checked)
    arrived = pickle.loads(pickle.dumps(raised.value))
    assert (str(arrived), arrived.exit_code) == (str(raised.value), 66)
    assert [one.outcome for one in arrived.ingested.files] == [one.outcome for one in raised.value.ingested.files]  # type: ignore[union-attr]
    for error in (
        errors.ChangedError("a.csv"),
        errors.NoRatesError("none", reason="no_rates", currencies=["EUR"]),
        errors.ProviderBusyError("busy", retry_after=3.0),
        errors.UnavailableError("full", retryable=False),
    ):
        arrived = pickle.loads(pickle.dumps(error))
        assert (type(arrived), str(arrived), vars(arrived)) == (type(error), str(error), vars(error))
