"""The quarantine has an end: a reject is open until a later load has mended it, it passes a retry, or it is dismissed."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbsvc import Database, InputError, connect
from dbsvc.engine.loads.corrections import reopen_mended
from dbsvc.engine.loads.operations import discard, dismiss, find_retryable, release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.reports import rejects as reports
from dbsvc.engine.reports.revenue import revenue
from dbsvc.engine.settings import Settings
from tests.helpers import HEADER, bills, history, load, query, register, stage, usage_csv, whole, write
from tests.helpers.check_case import deliver, find
from tests.helpers.citus import at_most
from tests.helpers.cli import Cli
from tests.helpers.counters import PLANTS, events, inverters
from tests.helpers.processes import Instance, holding, observing

#: what a retry, a correction or an operator may never make these find
INTEGRITY = ["history_broken", "rows_unaccounted", "ledger_buckets_wrong", "bills_total_changed", "bills_orphaned"]

Row = tuple[object, ...]
GOOD: list[Row] = [("2021-10-01", n, "USD", "A", 1, 1) for n in range(100, 120)]


def usage(*records: Row, good: bool = True) -> bytes:
    return usage_csv([*records, *(GOOD if good else [])])


def export(db: Database, load_id: int) -> bytes:
    return b"".join(record + b"\n" for record in reports.export_rejects(db, load_id))


def states(db: Database, load_id: int | None = None) -> dict[str, int]:
    return dict(reports.count_rejects(db, load_id))


def closings(db: Database) -> list[tuple[Any, ...]]:
    columns = "load_id, line_no, state, mended_by_load_id, mended_by_line_no"
    return query(db, f"SELECT {columns} FROM reject_closings ORDER BY load_id, line_no")


def harm(db: Database) -> dict[str, int]:
    found = {name: len(find(db, name, datetime.date.min, datetime.date(2030, 1, 1))) for name in INTEGRITY}
    return {name: findings for name, findings in found.items() if findings}


def know(db: Database, code: str = "XXX") -> None:
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES (:code) ON CONFLICT DO NOTHING", code=code)


# --- mended


BAD = {
    b"31/02/2021,1,USD,A,1,1": b"28/02/2021,1,USD,A,1,1",
    b"2021-10-02,2,EURO,B,1,1": b"2021-10-02,2,EUR,B,1,1",
    b"2021-10-02,3,USD,C,-5,1": b"2021-10-02,3,USD,C,5,1",
    b"2021-10-02,x4,USD,D,1,fifty": b"2021-10-02,4,USD,D,1,50",
    b"2021-10-02,5,USD,\xff,1,1": "2021-10-02,5,USD,É,1,1".encode(),
    b"2921-10-02,6,USD,F,1,1": b"2021-10-02,6,USD,F,1,1",
}
UNREADABLE = {
    b"2021-10-02,7,USD,G, Inc.,1,1": b'2021-10-02,7,USD,"G, Inc.",1,1',
    b'2021-10-02,8,USD,"H,1,1': b'2021-10-02,8,USD,"H",1,1',
}


def corrected(content: bytes, corrections: dict[bytes, bytes]) -> bytes:
    for wrong, right in corrections.items():
        content = content.replace(whole(wrong), whole(right))
    return content


def bad_file(*records: bytes) -> bytes:
    return usage() + b"".join(whole(record) + b"\n" for record in records)


@pytest.mark.parametrize("unreadable", [{}, UNREADABLE], ids=["readable", "unreadable as well"])
def test_a_corrected_export_closes_its_rejects(db: Database, unreadable: dict[bytes, bytes]) -> None:
    bad = {**BAD, **unreadable}
    first = deliver(db, bad_file(*bad)).load
    assert (first.status, first.rejected) == ("published", len(bad))
    exported = export(db, 1)
    assert exported == HEADER.encode() + b"\n" + b"".join(whole(record) + b"\n" for record in bad)
    second = deliver(db, corrected(exported, bad)).load
    assert (second.status, second.inserted) == ("published", len(bad))
    lines = range(22, 22 + len(bad))
    assert closings(db) == [(1, line, "mended", 2, at) for at, line in enumerate(lines, 2)]
    assert states(db) == {"mended": len(bad)}
    assert list(reports.list_rejects(db, None, 50)) == []
    assert export(db, 1) == HEADER.encode() + b"\n"
    everything = b"".join(record + b"\n" for record in reports.export_rejects(db, 1, closed=True))
    assert everything == exported
    uncounted = revenue(db).uncounted
    assert (uncounted.quarantined, uncounted.quarantined_of_unknown_day) == (0, 0)
    assert query(db, "SELECT rejected FROM loads WHERE load_id = 1") == [(len(bad),)]
    assert harm(db) == {}


def test_records_that_are_left_out_or_still_wrong_stay_open(db: Database) -> None:
    deliver(db, bad_file(*BAD))
    # the first is corrected, the second still wrong, the others are left for another day
    second = deliver(db, usage(("28/02/2021", 1, "USD", "A", 1, 1), ("2021-10-02", 2, "EU", "B", 1, 1), good=False))
    release(db, second.load.load_id) if second.load.status == "held" else None
    assert second.load.rejected == 1
    assert closings(db) == [(1, 22, "mended", 2, 2)]
    assert states(db, 1) == {"mended": 1, "open": 5}
    # that one is corrected by the export of the second load, or of the first: both are closed by it
    deliver(db, usage_csv([]) + whole(b"2021-10-02,2,EUR,B,1,1") + b"\n")
    assert closings(db) == [(1, 22, "mended", 2, 2), (1, 23, "mended", 3, 2), (2, 3, "mended", 3, 2)]
    assert harm(db) == {}


def test_a_later_delivery_of_the_record_closes_it(db: Database) -> None:
    """Whatever else comes with it; also where it repeats what was stored before the reject came."""
    deliver(db, usage(("2021-10-01", 1, "USD", "A", 5, 1)))
    deliver(db, usage(("2021-10-01", 1, "USD", "A", "5x", 1), ("2021-10-01", 2, "USD", "A", "x", 1)))
    deliver(db, usage(("2021-10-01", 2, "USD", "A", 6, 1), ("2021-10-01", 2, "USD", "A", 7, 1)))
    assert closings(db) == [(2, 3, "mended", 3, 3)]
    deliver(db, usage(("2021-10-01", 1, "USD", "A", 5, 1), ("2021-10-01", 3, "USD", "A", 1, 1)))
    assert closings(db) == [(2, 2, "mended", 4, 2), (2, 3, "mended", 3, 3)]
    assert harm(db) == {}


def test_a_load_that_is_published_late_finds_who_has_mended_it(db: Database) -> None:
    wrong = usage(("2021-10-01", 1, "USD", "A", "x", 1), ("31/02/2021", 2, "USD", "B", 1, 1), good=False)
    assert deliver(db, wrong).load.status == "held"
    deliver(db, usage(("2021-10-01", 1, "USD", "A", 1, 1), ("2021-02-28", 2, "USD", "B", 1, 1), good=False))
    assert closings(db) == []
    release(db, 1)
    assert closings(db) == [(1, 2, "mended", 2, 2), (1, 3, "mended", 2, 3)]
    assert harm(db) == {}


def test_a_correction_closes_when_it_is_published(db: Database, tmp_path: Path) -> None:
    """Not while it is held or after it is discarded; released with a new number it does."""
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", "x", "USD", "B", 1, 1)))
    content = usage(("28/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", "x", "USD", "B", 1, 1), good=False)
    path = write(tmp_path / "correction.csv", content)
    registered = register(db, path)
    held = stage(db, path, registered)
    assert held.status == "staged"
    discard(db, held.load_id)
    assert states(db, 1) == {"open": 2}
    revived = release(db, held.load_id)
    assert load(db, path).load.load_id == revived.load_id > held.load_id
    assert closings(db) == [(1, 2, "mended", revived.load_id, 2)]


def test_what_a_reverted_load_mended_is_open_unless_another_one_did_too(db: Database) -> None:
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", 2, "USD", "B", "x", 1)))
    deliver(db, usage(("28/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", 2, "USD", "B", 1, 1), good=False))
    deliver(db, usage(("2021-10-01", 2, "USD", "B", 3, 1), ("2021-10-01", 3, "USD", "B", 3, 1)))
    assert closings(db) == [(1, 2, "mended", 2, 2), (1, 3, "mended", 2, 3)]
    revert(db, 2)
    assert closings(db) == [(1, 3, "mended", 3, 2)]
    assert states(db) == {"open": 1, "mended": 1}
    revert(db, 1)
    assert states(db) == {"reverted": 2}
    assert harm(db) == {}


def test_what_a_load_mended_is_opened_again_with_it(db: Database) -> None:
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", 2, "USD", "B", "x", 1)))
    deliver(db, usage(("28/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", 2, "USD", "B", 1, 1), good=False))
    assert states(db) == {"mended": 2}
    db.run_transaction(lambda tx: reopen_mended(tx, 2))
    assert states(db) == {"open": 2}


@pytest.mark.parametrize("other", [("28/02/2021", 1, "USD", "B", 1, 1), ("30/02/2021", 1, "USD", "A", 1, 1)])
def test_nothing_is_guessed(db: Database, other: Row) -> None:
    """Another record, and one that is wrong still."""
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1)))
    if (loaded := deliver(db, usage(other, good=False)).load).status == "held":
        release(db, loaded.load_id)
    assert closings(db) == []


def test_a_record_that_cannot_be_read_is_not_corrected_by_any_other(db: Database) -> None:
    deliver(db, bad_file(b"2021-10-02,7,USD"))
    deliver(db, usage(("2021-11-01", 9, "EUR", "Z", 3, 4), good=False))
    assert closings(db) == []
    deliver(db, usage(("2021-10-02", 7, "USD", "Z", 3, 4), good=False))
    assert closings(db) == [(1, 22, "mended", 3, 2)]


def test_a_larger_file_is_compared_by_key_alone(db: Database) -> None:
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1)))
    deliver(db, usage(("28/02/2021", 1, "USD", "A", 1, 1)))
    assert closings(db) == []


def test_events_are_corrected_by_their_id_and_time_or_by_what_was_right(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    wrong = events([(0, 5)], "i1", ac_power=-9999) + events([(2, 5)], "i1", event_time="never")
    first = deliver(db, events([(n, 5) for n in range(10, 20)]) + wrong, "a.jsonl").load
    assert first.rejected == 2
    exported = export(db, first.load_id)
    right = exported.replace(b"-9999", b"99").replace(b'"never"', b'"2021-10-01T00:00:00Z"')
    second = deliver(db, right, "corrected.jsonl").load
    assert (second.read, second.rejected) == (2, 0)
    assert [row[2:] for row in closings(db)] == [("mended", second.load_id, 1), ("mended", second.load_id, 2)]


# --- dismissed


def some_rejects(db: Database) -> None:
    """Load 2 has rejects on lines 2 to 4."""
    deliver(db, usage(("2021-10-01", 3, "USD", "C", 1, 1)))
    unknown: list[Row] = [("2021-10-01", "x", "?", "B", 1, 1), ("2021-10-01", 3, "XXX", "C", 1, 1)]
    deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1), *unknown))


def test_rejects_are_dismissed(db: Database) -> None:
    some_rejects(db)
    done = dismiss(db, 2, [3], "a test record")
    assert (done.records, done.left) == (1, 2)
    assert [(row["line_no"], row["state"], row["reason"]) for row in reports.list_rejects(db, 2, 9, closed=True)] == [
        (2, "open", None),
        (3, "dismissed", "a test record"),
        (4, "open", None),
    ]
    assert b",x," not in export(db, 2)
    again = dismiss(db, 2, [3], "another reason")
    assert (again.records, again.left) == (0, 2)
    assert query(db, "SELECT reason FROM reject_closings") == [("a test record",)]
    assert (dismiss(db, 2).records, states(db)) == (2, {"dismissed": 3})
    know(db)
    assert find_retryable(db) == []
    assert (retry(db, 2, Settings()).tried, states(db)) == (0, {"dismissed": 3})
    uncounted = revenue(db).uncounted
    assert (uncounted.quarantined, uncounted.quarantined_of_unknown_day) == (0, 0)
    assert harm(db) == {}


def test_nobody_remembers_anything_for_what_is_dismissed(db: Database) -> None:
    some_rejects(db)
    with db.transaction() as tx:  # by its key it would be mended
        tx.execute("UPDATE rejects SET record_key = NULL WHERE line_no = 4")
    deliver(db, usage(("2021-10-01", 3, "USD", "C", 1, 1), ("2021-10-01", 4, "USD", "C", 1, 1)))
    with db.transaction() as tx:
        tx.execute("UPDATE rejects SET record_key = '2021-10-01 3' WHERE line_no = 4")
        columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue"
        remembered = f"SELECT {columns}, 3, 2 FROM bills WHERE bill_id = 3"
        tx.execute(f"INSERT INTO bills_history ({columns}, load_id, line_no) {remembered}")
    assert (len(history(db)), harm(db)) == (1, {})
    dismiss(db, 2)
    assert (history(db), harm(db)) == ([], {})


def test_what_cannot_be_dismissed(db: Database) -> None:
    with pytest.raises(InputError, match="There is no load 7"):
        dismiss(db, 7)
    some_rejects(db)
    with pytest.raises(InputError, match=r"Load 2 has no reject on line 9: `dbsvc rejects show 2 --all`"):
        dismiss(db, 2, [2, 9])
    assert states(db) == {"open": 3}
    held = deliver(db, usage(("31/02/2021", 1, "USD", "A", 1, 1), good=False)).load
    with pytest.raises(InputError, match=r"Load 3 is held: only rejects of a published load"):
        dismiss(db, held.load_id)
    discard(db, held.load_id)
    assert states(db, held.load_id) == {"discarded": 1}


# --- retried


def test_what_is_retried_is_known(db: Database) -> None:
    """A mended reject may pass as well: then it is history."""
    some_rejects(db)
    deliver(db, usage(("2021-10-01", 5, "XXX", "C", 1, 1), ("2021-10-01", 6, "XXX", "C", 1, 1)))
    deliver(db, usage(("2021-10-01", 3, "USD", "E", 1, 1), ("2021-10-01", 5, "USD", "C", 2, 1)))
    assert states(db) == {"open": 3, "mended": 2}
    assert [retry(db, load_id, Settings()).tried for load_id in find_retryable(db)] == [2, 1]
    know(db)
    retried = [retry(db, load_id, Settings()) for load_id in find_retryable(db)]
    assert [(one.tried, one.passed) for one in retried] == [(3, 1), (2, 2)]
    assert states(db) == {"open": 2, "retried": 3}
    assert [row[1:4:2] + row[6:] for row in history(db) if row[3] == "XXX"] == [(3, "XXX", 2, 4, 4), (5, "XXX", 3, 2, 4)]
    assert harm(db) == {}


# --- the command line


def said(cli: Cli, *arguments: str) -> str:
    ran = cli("--output", "table", *arguments)
    assert ran.code == 0, ran.err
    return " ".join((ran.out + ran.err).decode().split())


@pytest.mark.one_database
def test_what_the_command_line_says(cli_on: Cli, db: Database) -> None:
    assert "No record was rejected." in said(cli_on, "rejects")
    some_rejects(db)
    assert "2 1 currency_unknown 1 1 bill_date_invalid 1 1 bill_id_invalid" in said(cli_on, "rejects")
    assert cli_on("rejects", "reasons").objects[:1] == [{"reason": "currency_unknown", "records": 2, "loads": 1}]
    assert "Load 2: 1 dismissed, 2 open." in said(cli_on, "rejects", "dismiss", "2", "--line", "3", "--reason", "a test")
    assert "nothing of that is open, so nothing was dismissed; 2 open" in said(cli_on, "rejects", "dismiss", "2", "--line", "3")
    assert "Not shown: 1 dismissed. `dbsvc rejects show --all` shows them." in said(cli_on, "rejects")
    cli_on.write("corrected.csv", usage_csv([("28/02/2021", 1, "USD", "A", 1, 1)]))
    assert "Load 3 mended 1 reject of load 2." in said(cli_on, "ingest", "corrected.csv")
    assert "mended by 3:2" in said(cli_on, "rejects", "--all")
    found = cli_on("rejects", "show", "2", "--all").objects
    assert [(row["state"], row["mended_by_load_id"], row["mended_by_line_no"]) for row in found if "state" in row] == [
        ("mended", 3, 2),
        ("dismissed", None, None),
        ("open", None, None),
    ]
    assert [row["line_no"] for row in cli_on("rejects", "--limit", "1").objects if "line_no" in row] == [4]
    assert "Rejects: " in said(cli_on, "loads", "show", "2")
    assert cli_on("loads", "show", "2").objects[0]["rejects"] == {"open": 1, "mended": 1, "dismissed": 1}
    exported = cli_on("rejects", "export", "2")
    assert exported.out == HEADER.encode() + b"\n" + whole(b"2021-10-01,3,XXX,C,1,1") + b"\n"
    assert b"closed_rejects_left_out" in exported.err
    whole_export = cli_on("rejects", "export", "2", "--all")
    assert whole_export.out.count(b"\n") == 4
    assert b"closed_rejects_left_out" not in whole_export.err
    dismissed = cli_on("rejects", "dismiss", "2", "--yes").objects[0]
    assert dismissed == {"load_id": 2, "dismissed": 1, "open": 0, "reason": None}
    assert "No reject is open. Not shown: 1 mended, 2 dismissed." in said(cli_on, "rejects")
    assert "There is nothing to retry." in said(cli_on, "rejects", "retry", "2")
    assert cli_on("rejects", "dismiss", "9").code == 65


def test_a_person_is_asked_before_rejects_are_dismissed(cli: Cli) -> None:
    cli.write("usage.csv", usage(("31/02/2021", 1, "USD", "A", 1, 1)))
    cli("ingest", "usage.csv")
    assert "Dismiss all open rejects of load 1" in cli.on_a_terminal("rejects", "dismiss", "1", types=b"y\n")
    assert [row["state"] for row in cli("rejects", "--all").objects if "state" in row] == ["dismissed"]


def test_a_registry_names_who_waits_for_it_however_it_comes(db: Database, cli_on: Cli) -> None:
    """By a file, and by a retry or a release of its load."""
    held = deliver(db, inverters(5, 5)).load  # for nobody knows the plants
    deliver(db, PLANTS)
    waits = deliver(db, events([(0, 1)], "i2") + events([(n, 1) for n in range(3)], "i1"), "a.jsonl").load
    assert (held.status, waits.rejected) == ("held", 4)
    hint = "4 rejected records wait for what load {} brought, of load 3: `dbsvc rejects retry 3`."
    assert hint.format(1) in said(cli_on, "rejects", "retry", "1")
    cli_on.write("inverters.csv", inverters(6, 6))
    assert hint.format(4) in said(cli_on, "ingest", "inverters.csv")
    cli_on.write("bad.csv", inverters(7, 7).replace(b"7", b"0", 1) + b",,,,,\n" * 3)
    cli_on("ingest", "bad.csv")
    assert "1 rejected record waits for what load 5 brought, of load 3" in said(cli_on, "loads", "release", "5")


# --- killed


Act = Callable[[Database], object]


def prepared(db: Database) -> None:
    some_rejects(db)
    deliver(db, usage(("2021-10-01", 5, "XXX", "C", 1, 1), ("2021-10-01", "y", "USD", "C", 1, 1)))
    deliver(db, usage(("2021-10-01", 3, "USD", "E", 1, 1)))
    know(db)


def everything(db: Database) -> list[Any]:
    quarantine = query(db, "SELECT load_id, line_no, reasons, record_key FROM rejects ORDER BY load_id, line_no")
    counts = "load_id, status, read, inserted, updated, unchanged, duplicate, superseded, rejected"
    loads = query(db, f"SELECT {counts} FROM loads ORDER BY load_id")
    matches = query(db, "SELECT load_id, line_no, reject_load_id, reject_line_no FROM reject_matches ORDER BY 1, 3, 4")
    return [bills(db), history(db), quarantine, closings(db), matches, loads]


CORRECTION = usage_csv([("28/02/2021", 1, "USD", "A", 1, 1), ("2021-10-01", 5, "USD", "C", 1, 1)])
ACTS: dict[str, Act] = {
    "dismiss": lambda db: dismiss(db, 2),
    "retry": lambda db: [retry(db, load_id, Settings(max_contradicting_share=1)) for load_id in find_retryable(db)],
    "correct": lambda db: deliver(db, CORRECTION),
}


@pytest.mark.long
@pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
def test_a_crash_at_any_statement_changes_nothing_in_the_end(
    fresh_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    """What is not committed is taken back, however a process ends; the same command again gives the undisturbed result."""

    class Crash(BaseException):
        pass

    left = [0]

    def crash_in(db: Database) -> None:
        execute = db.dialect.execute

        def crash(connection: Any, statement: Any, parameters: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                raise Crash
            return execute(connection, statement, parameters)

        monkeypatch.setattr(db.dialect, "execute", crash)

    with connect(fresh_url()) as db:
        prepared(db)
        act(db)
        undisturbed = everything(db)
    at, crashed = 0, True
    with connect(fresh_url()) as db:
        prepared(db)
        crash_in(db)
        while crashed:  # ever later, in one database: what a crash leaves is what the next one begins with
            at, crashed = at + 1, False
            left[0] = at
            try:
                act(db)
            except Crash:
                crashed = True
                assert harm(db) == {}
        left[0] = 0
        assert everything(db) == undisturbed
        assert harm(db) == {}
    assert at > 8


@pytest.mark.long
@pytest.mark.parametrize("command", ["rejects dismiss 2", "rejects retry", "ingest {correction}"])
def test_a_killed_command_is_run_again(fresh_url: Callable[[], str], tmp_path: Path, command: str) -> None:
    """Killed while it waits, and at moments after."""
    words = command.format(correction=write(tmp_path / "correction.csv", CORRECTION)).split()
    results = []
    for killed in (False, True):
        url = fresh_url()
        with connect(url) as db:
            prepared(db)
        for n in range(4 if killed else 0):
            with Instance(url, *words) as instance:
                time.sleep(0.25 + 0.1 * n)
                instance.kill()
        with Instance(url, *words) as instance:
            instance.succeed()
        with connect(url) as db:
            results.append(everything(db))
            assert harm(db) == {}
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_dismissal_killed_in_its_middle(url: str, dialect: str) -> None:
    with connect(url) as db:
        prepared(db)
        before = everything(db)
        row = "SELECT 1 FROM loads WHERE load_id = 2 FOR UPDATE"
        with observing(url) if dialect == "sqlite" else holding(url, row) as connection:
            if dialect == "sqlite":
                connection.execute("BEGIN IMMEDIATE")
            with Instance(url, "rejects", "dismiss", "2") as instance:
                time.sleep(1)
                instance.kill()
            if dialect == "sqlite":
                connection.execute("ROLLBACK")
        assert everything(db) == before
        assert dismiss(db, 2).records > 0


# --- whatever happens

#: a record: which bill, its currency (XXX is none until somebody says so), whether its amount is a number
Record = tuple[int, str, bool]
RECORDS: st.SearchStrategy[Record] = st.tuples(st.integers(1, 3), st.sampled_from(["USD", "XXX", "?"]), st.booleans())
ACTIONS = ["load", "load", "correct", "know", "retry", "dismiss", "release", "discard", "revert"]
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9)), min_size=3, max_size=10)


def take(db: Database, path: Path, files: list[list[Record]], step: tuple[str, int]) -> None:
    """Do something, if it can be done now."""
    act, number = step
    loads = query(db, "SELECT load_id, status FROM loads ORDER BY load_id")
    all_published, held = ([load_id for load_id, is_now in loads if is_now == wanted] for wanted in ("published", "held"))
    published = all_published[number % max(1, len(all_published)) :][:1]
    match act:
        case "load":
            records = enumerate(files[number % len(files)])
            rows = [("2021-10-01", bill, code, "A", n if is_right else "x", 1) for n, (bill, code, is_right) in records]
            load(db, write(path, usage_csv(rows)))
        case "correct" if published:
            load(db, write(path, export(db, published[0]).replace(b"?", b"USD").replace(b",x,", b",7,")))
        case "know":
            know(db)
        case "retry":
            for load_id in find_retryable(db):
                retry(db, load_id, Settings(max_contradicting_share=1))
        case "dismiss" if published:
            dismiss(db, published[0])
        case "revert" if published:
            revert(db, published[0])
        case "release" if held:
            release(db, held[0])
        case "discard" if held:
            discard(db, held[0])


@settings(max_examples=at_most(12))
@given(st.lists(st.lists(RECORDS, min_size=1, max_size=5), min_size=1, max_size=4), STEPS)
@example([[(1, "USD", True), (2, "?", True), (3, "USD", True)]], [("load", 0), ("correct", 0), ("dismiss", 0)])
@example([[(1, "USD", True), (2, "XXX", True)], [(2, "USD", True)]], [("load", 0), ("load", 1), ("know", 0), ("retry", 0)])
def test_the_ledger_stays_true(
    fresh_url: Callable[[], str], tmp_path: Path, files: list[list[Record]], steps: list[tuple[str, int]]
) -> None:
    """Every record is in one bucket, every reject in one state, and no check finds harm."""
    with connect(fresh_url()) as db:
        for step in steps:
            take(db, tmp_path / "usage.csv", files, step)
            assert harm(db) == {}
            for load_id, status, rejected in query(db, "SELECT load_id, status, rejected FROM loads WHERE status <> 'staging'"):
                found = Counter(states(db, load_id))
                if status == "reverted":
                    assert set(found) <= {"reverted", "retried"}
                    continue
                retried = found.pop("retried", 0)
                assert found.total() == rejected
                assert set(found) <= ({"open", "mended", "dismissed"} if status == "published" else {"open", "discarded"})
                assert status == "published" or not retried
        closed = "reject_closings LEFT JOIN rejects USING (load_id, line_no)"
        assert query(db, f"SELECT count(*) FROM {closed} WHERE (state = 'retried') <> (reasons IS NULL)") == [(0,)]
