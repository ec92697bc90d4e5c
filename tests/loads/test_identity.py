"""Whose record is it? Records of a file that contradict each other hold the load; an event id belongs to one inverter."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.loads.operations import discard, release, retry
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.settings import Settings
from tests.helpers import ROOT, bills, buckets, load, query, register, rejects, stage, tables, usage_csv, write
from tests.helpers.check_case import find
from tests.helpers.citus import at_most

CASE = ROOT.parent / "shared" / "cases" / "30_ids_per_device.jsonl"
STRICT: Any = {"max_contradicting_share": 0.05}
REASON = "event_id_of_another_inverter"
EVER = (datetime.date.min, datetime.date(2030, 1, 1))


@pytest.fixture
def solar(db: Database, tmp_path: Path) -> Database:
    """A database that knows three inverters of one plant."""
    return knowing_inverters(db, tmp_path)


def knowing_inverters(db: Database, folder: Path) -> Database:
    load(db, write(folder / "plants.csv", b"plant_id,name,location,timezone\np1,Roof,Bergen,Europe/Oslo\n"))
    rows = "".join(f"i{n},p1,Acme,A5,5.0,2024-01-01\n" for n in range(1, 4))
    load(db, write(folder / "inverters.csv", f"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n{rows}".encode()))
    return db


def event(event_id: str, inverter_id: str, minute: int, power: int = 100) -> bytes:
    return json.dumps(
        {
            "event_id": event_id,
            "plant_id": "p1",
            "inverter_id": inverter_id,
            "event_time": f"2025-06-01T{10 + minute // 60}:{minute % 60:02}:00Z",
            "ac_power": power,
            "ac_power_unit": "W",
        }
    ).encode()


def telemetry(folder: Path, *events: bytes) -> Path:
    return write(folder / "t.jsonl", b"".join(line + b"\n" for line in events))


def owners(db: Database) -> dict[str, str]:
    return dict(query(db, "SELECT event_id, inverter_id FROM inverter_telemetry_raw"))


# --- records of a file that contradict each other


def lines(*amounts: Sequence[int]) -> bytes:
    """A file with a bill for each of these, and a line of it for each amount."""
    return usage_csv([("2021-10-01", n, "USD", "A", amount, 0) for n, bill in enumerate(amounts) for amount in bill])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(lines(*[[1, 2]] * 3), "held", id="two lines a bill"),
        pytest.param(lines([1, 2]), "held", id="nothing else"),
        pytest.param(lines([1, 2], *[[1]] * 4), "published", id="one pair"),
        pytest.param(lines([1, 2, 3], *[[1]] * 4), "held", id="three lines"),
        pytest.param(lines(*[[1, 1]] * 20), "published", id="duplicates agree"),
        pytest.param(lines(*[[1, 2]] * 5, *[[1]] * 190), "published", id="five in a hundred"),
        pytest.param(lines(*[[1, 2]] * 6, *[[1]] * 190), "held", id="more than five in a hundred"),
        pytest.param(lines([1, 1, 2], [3, 3], *[[1]] * 70), "published", id="few, with duplicates"),
    ],
)
def test_a_file_that_contradicts_itself(db: Database, tmp_path: Path, content: bytes, status: str) -> None:
    found = load(db, write(tmp_path / "usage.csv", content), **STRICT).load
    assert found.status == status
    if status == "published":
        return
    assert "records contradict another record of the file" in str(found.held_because)
    assert "bill_date and bill_id" in str(found.held_because)
    assert (bills(db), query(db, "SELECT * FROM bills_history")) == ([], [])
    assert load(db, tmp_path / "usage.csv", **STRICT).load.status == "held"
    released = release(db, found.load_id)
    assert released.status == "published"
    assert len(bills(db)) == released.inserted


def test_a_large_file_of_several_months_is_held_as_well(db: Database, tmp_path: Path) -> None:
    """Also where months could be exchanged: one of them cannot."""
    days = [f"2021-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 29)]
    rows = [
        (day, n, "USD", "A", amount, 0) for day in days for n in range(4) for amount in ([1, 2] if day > "2021-10" else [1])
    ]
    held = load(db, write(tmp_path / "usage.csv", usage_csv(rows)), month_records=50, **STRICT).load
    assert held.status == "held"
    assert bills(db) == []
    assert buckets(release(db, held.load_id)) == {"inserted": 224, "superseded": 112}


def test_a_held_load_can_be_given_up(db: Database, tmp_path: Path) -> None:
    held = load(db, write(tmp_path / "usage.csv", lines(*[[1, 2]] * 3)), **STRICT).load
    assert discard(db, held.load_id).status == "discarded"
    assert bills(db) == []


# --- events


@pytest.mark.parametrize("chunk_bytes", [Settings.chunk_bytes, 400])
def test_inverters_that_count_by_themselves(solar: Database, tmp_path: Path, chunk_bytes: int) -> None:
    sent = [event(str(n), f"i{i}", n, 10 * i) for n in range(1, 31) for i in (1, 3)]
    found = load(solar, telemetry(tmp_path, *sent), chunk_bytes=chunk_bytes, jobs=2, **STRICT).load
    assert (found.status, found.rejected, owners(solar)) == ("held", 30, {})
    assert "30 of 60 events carry the event_id of another inverter" in str(found.held_because)
    assert rejects(solar) == [(line, REASON, sent[line - 1]) for line in range(2, 61, 2)]
    assert buckets(release(solar, found.load_id)) == {"inserted": 30, "rejected": 30}
    assert owners(solar) == {str(n): "i1" for n in range(1, 31)}
    retried = retry(solar, found.load_id, Settings())
    assert (retried.tried, retried.passed, len(rejects(solar))) == (30, 0, 30)


@pytest.mark.skipif(not CASE.exists(), reason="the shared cases are not beside this checkout")
def test_the_case(db: Database, tmp_path: Path) -> None:
    for name in ("plants.csv", "inverters.csv"):
        load(db, CASE.with_name(name))
    assert load(db, CASE, **STRICT).load.status == "held"


def test_an_event_of_a_stored_id_belongs_to_the_same_inverter(solar: Database, tmp_path: Path) -> None:
    load(solar, telemetry(tmp_path, *(event(f"e{n}", "i1", n) for n in range(30))))
    resent = [event("e0", "i1", 0, 200), event("e1", "i2", 1), *(event(f"f{n}", "i2", n) for n in range(30))]
    found = load(solar, telemetry(tmp_path, *resent)).load
    assert buckets(found) == {"inserted": 30, "updated": 1, "rejected": 1}
    assert rejects(solar) == [(2, REASON, resent[1])]
    assert owners(solar)["e1"] == "i1"


def test_ids_that_start_again(solar: Database, tmp_path: Path) -> None:
    """A file of events whose ids were those of other moments would overwrite them: it is held; one moved event is not."""
    assert load(solar, telemetry(tmp_path, *(event(f"e{n}", "i1", n) for n in range(40))), **STRICT).load.status == "published"
    moved = [event("e0", "i1", 100), *(event(f"e{n}", "i1", n, 200) for n in range(1, 40))]
    assert buckets(load(solar, telemetry(tmp_path, *moved), **STRICT).load) == {"updated": 40}
    again = [event(f"e{n}", "i1", 110 + n) for n in range(40)]
    held = load(solar, telemetry(tmp_path, *again), **STRICT).load
    assert held.status == "held"
    assert "40 of 40 events carry the event_id of an earlier event of another time" in str(held.held_because)
    assert buckets(release(solar, held.load_id)) == {"updated": 40}


def test_events_that_contradict_each_other_hold_their_load(solar: Database, tmp_path: Path) -> None:
    """What was looked up for that is nobody's afterwards: the next load finds its own."""
    twice = [event(f"e{n // 2}", "i1", n // 2, 100 + n) for n in range(40)]
    held = load(solar, telemetry(tmp_path, *twice), **STRICT).load
    assert (held.status, owners(solar)) == ("held", {})
    more = [event("f0", "i1", 50), event("f0", "i1", 50), *(event(f"f{n}", "i2", n) for n in range(1, 30))]
    assert buckets(load(solar, telemetry(tmp_path, *more), **STRICT).load) == {"inserted": 30, "duplicate": 1}
    assert buckets(release(solar, held.load_id)) == {"inserted": 20, "superseded": 20}


def test_two_loads_staged_at_the_same_time(solar: Database, tmp_path: Path) -> None:
    """Whoever publishes first has the id; the other finds that out when it publishes, and needs its file to keep the bytes."""
    sent = {i: [event(f"{i}-{n}", f"i{i}", n) for n in range(20)] + [event("x", f"i{i}", 40)] for i in (1, 2)}
    files = {i: write(tmp_path / f"{i}.jsonl", b"\n".join(lines) + b"\n") for i, lines in sent.items()}
    staged = {i: stage(solar, files[i], register(solar, files[i])) for i in (1, 2)}
    assert publish(solar, staged[1]).status == "published"
    waiting = publish(solar, staged[2])
    assert waiting.status == "staging"
    assert owners(solar)["x"] == "i1"
    found = load(solar, files[2]).load
    assert (found.load_id, buckets(found)) == (waiting.load_id, {"inserted": 20, "rejected": 1})
    assert rejects(solar) == [(21, REASON, sent[2][20])]
    assert owners(solar)["x"] == "i1"


@settings(max_examples=at_most(10))
@given(
    sent=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["i1", "i2", "i3"]), st.integers(0, 59)), min_size=1, max_size=12
    ),
    cut=st.integers(0, 12),
    chunk_bytes=st.sampled_from([1, 300, Settings.chunk_bytes]),
)
def test_the_first_inverter_owns_an_id(
    fresh_url: Callable[[], str], tmp_path: Path, sent: list[tuple[str, str, int]], cut: int, chunk_bytes: int
) -> None:
    """Two files of any events: of each id the inverter that came first is kept, and the others are rejects."""
    with connect(fresh_url()) as db:
        knowing_inverters(db, tmp_path)
        for number, part in enumerate([sent[:cut], sent[cut:]]):
            if part:
                file = write(tmp_path / f"{number}.jsonl", b"".join(event(*one) + b"\n" for one in part))
                outcome = load(db, file, chunk_bytes=chunk_bytes, jobs=2)
                if outcome.load.status == "held":
                    release(db, outcome.load.load_id)
        first: dict[str, str] = {}
        for event_id, inverter_id, _ in sent:
            first.setdefault(event_id, inverter_id)
        assert owners(db) == first
        conflicts = [event(*one) for one in sent if first[one[0]] != one[1]]
        assert sorted(raw for _, _, raw in rejects(db)) == sorted(conflicts)
        for check in ("ledger_buckets_wrong", "rows_unaccounted", "history_broken", "readings_wrong"):
            assert find(db, check, *EVER) == [], check


def test_what_a_retry_brings_is_asked_as_well(db: Database, tmp_path: Path) -> None:
    """Records that contradict each other, or what their load has published."""
    wanted = [(n, "USD", 1) for n in range(30)] + [(n, "XXQ", 2) for n in range(30)]
    wanted += [(n, "XXQ", amount) for n in range(30, 50) for amount in (1, 2)]
    content = usage_csv([("2021-10-01", n, currency, "A", amount, 0) for n, currency, amount in wanted])
    row = load(db, write(tmp_path / "usage.csv", content), max_rejected_share=1).load
    assert buckets(row) == {"inserted": 30, "rejected": 70}
    before = tables(db), rejects(db)
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXQ')")
    retried = retry(db, 1, Settings(max_rejected_share=1))
    assert (retried.tried, retried.passed, retried.load) == (70, 0, row)
    assert [finding[:33] for finding in retried.findings] == ["100 of 100 records contradict ano"]
    assert (tables(db), rejects(db)) == before
    retried = retry(db, 1, Settings(max_rejected_share=1, max_contradicting_share=1))
    assert (retried.passed, retried.findings) == (70, ())
    assert buckets(retried.load) == {"inserted": 50, "updated": 30, "superseded": 20}


def test_a_held_load_that_is_retried_is_asked_as_well(db: Database, tmp_path: Path) -> None:
    rows = [("2021-10-01", n, code, "A", amount, 0) for n, code in enumerate(["USD", "XXQ"] * 60) for amount in (1, 2)]
    held = load(db, write(tmp_path / "usage.csv", usage_csv(rows)), **STRICT).load
    assert "rejected" in str(held.held_because)
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXQ')")
    retried = retry(db, 1, Settings())
    assert retried.load.status == "held"
    assert [finding[:33] for finding in retried.findings] == ["240 of 240 records contradict ano"]
    assert bills(db) == []


def test_a_small_piece_of_a_file_that_grows_may_be_one_pair(solar: Database, tmp_path: Path) -> None:
    path = telemetry(tmp_path, event("e1", "i1", 1, 5), event("e1", "i1", 2, 6))
    assert buckets(load(solar, path, **STRICT).load) == {"inserted": 1, "superseded": 1}


def test_a_record_that_waited_for_its_inverter_finds_its_id_taken(solar: Database, tmp_path: Path) -> None:
    sent = [event("1", "new", 1), event("1", "i1", 2), event("2", "new", 3), event("3", "i1", 4)]
    row = load(solar, telemetry(tmp_path, *sent), max_rejected_share=1).load
    assert buckets(row) == {"inserted": 2, "rejected": 2}
    load(solar, write(tmp_path / "more.csv", (tmp_path / "inverters.csv").read_bytes().replace(b"i1,", b"new,")))
    retried = retry(solar, row.load_id, Settings(max_rejected_share=1, max_contradicting_share=1))
    assert (retried.tried, retried.passed, buckets(retried.load)) == (2, 1, {"inserted": 3, "rejected": 1})
    assert owners(solar) == {"1": "i1", "2": "new", "3": "i1"}
    assert rejects(solar) == [(1, REASON, sent[0])]


def test_a_held_load_needs_its_file_when_a_retried_record_owns_an_id(solar: Database, tmp_path: Path) -> None:
    sent = [event("1", "new", 1), event("1", "i1", 2), *(event(f"x{n}", "new", n) for n in range(200))]
    held = load(solar, telemetry(tmp_path, *sent)).load
    assert (held.status, held.rejected) == ("held", 201)
    load(solar, write(tmp_path / "more.csv", (tmp_path / "inverters.csv").read_bytes().replace(b"i1,", b"new,")))
    retried = retry(solar, held.load_id, Settings())
    assert (retried.load.status, retried.passed, rejects(solar)) == ("staging", 201, [])
    found = load(solar, tmp_path / "t.jsonl").load
    assert (found.status, buckets(found)) == ("published", {"inserted": 201, "rejected": 1})
    assert rejects(solar) == [(2, REASON, sent[1])]
