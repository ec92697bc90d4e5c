"""Files that grow, what follows them, rejects validated again, what depends on what: nothing is lost, nothing is read twice."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, InputError, connect
from dbsvc.engine import InputMissingError
from dbsvc.engine.loads import ledger as loads_ledger
from dbsvc.engine.loads import lifecycle, operations
from dbsvc.engine.loads import register as registering
from dbsvc.engine.loads import stage as staging
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.model import Load, Outcome
from dbsvc.engine.loads.operations import discard, find_retryable, release, retry
from dbsvc.engine.loads.prepare import Preparing
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.scan import Scan, scan
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import (
    HEADER,
    Known,
    bills,
    buckets,
    history,
    ledger,
    load,
    pretend,
    query,
    register,
    rejects,
    stage,
    statuses,
    usage_csv,
    whole,
    write,
)
from tests.helpers.growing import (
    INVERTERS,
    ON_ONE,
    append,
    event,
    events,
    following,
    ids,
    know,
    lines_of,
    names,
    reading,
    run,
    words,
)
from tests.helpers.processes import Instance, await_blocked, holding, succeed, together

Tables = dict[str, list[tuple[Any, ...]]]

KILLS = 4  # on each database
SMALL = 700  # bytes of a chunk: a few events

PLANTS = b"plant_id,name,location,timezone\np1,Sunfield,Beersheba,Asia/Jerusalem\np2,Hill,Lyon,Europe/Paris\n"


#: appends a file's bytes to another one, in pieces of any length
WRITER = """
import random, sys, time
draw, data = random.Random(7), open(sys.argv[1], "rb").read()
with open(sys.argv[2], "ab", buffering=0) as file:
    while data:
        size = draw.choice((1, 30, 150, 400, 1500))
        file.write(data[:size])
        data = data[size:]
        time.sleep(draw.uniform(0, float(sys.argv[3])))
"""


def begin(db: Database, source: Path, chunk_bytes: int = SMALL) -> Load:
    """Register what was appended to a file, and stage none of it; returns the load."""
    with SourceFile(str(source)) as delivery:
        header = read_header(delivery, db.statements.datasets.values())
        known = db.run_transaction(lambda tx: loads_ledger.find_checkpoints(tx, delivery, header))
        scanned = scan(delivery, header, chunk_bytes, known)
        registered = db.run_transaction(lambda tx: registering.register(tx, delivery, header, scanned, known))
    assert registered is not None
    return registered


def stage_one(db: Database, source: Path, registered: Load) -> None:
    """Stage one chunk of a load."""
    with SourceFile(str(source)) as delivery:
        header = read_header(delivery, db.statements.datasets.values())
        db.run_transaction(lambda tx: staging.stage_chunk(tx, registered, Preparing(delivery, header)))


def retry_all(db: Database) -> list[tuple[int, int, int]]:
    """What `dbsvc rejects retry` does; returns each load's number, its rejects tried, and passed."""
    done = [retry(db, load_id, Settings(max_contradicting_share=1)) for load_id in find_retryable(db)]
    return [(one.load.load_id, one.tried, one.passed) for one in done]


def published(db: Database, *more: str) -> Tables:
    """Everything public of telemetry, the same values on every database."""
    with db.snapshot() as tx:
        columns = "event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit"
        columns = ", ".join([columns, "energy_wh_total, temperature_c, status", *more])
        statements = {
            "raw": f"SELECT {columns} FROM inverter_telemetry_raw ORDER BY event_id",
            "clean": "SELECT inverter_id, event_time, plant_id, day, event_id, ac_power_w, energy_wh_total "
            "FROM inverter_telemetry_clean ORDER BY inverter_id, event_time",
            "summary": "SELECT plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, "
            "first_event_time, last_event_time FROM inverter_daily_summary ORDER BY inverter_id, day, plant_id",
        }
        return {name: [tuple(row.values()) for row in tx.execute(sql).rows] for name, sql in statements.items()}


def everything(db: Database) -> Tables:
    """What is public, where it came from, what is in quarantine, and how the ledger counts it."""
    found = published(db, "load_id", "line_no")
    found["history"] = query(
        db,
        "SELECT event_id, event_time, ac_power, load_id, line_no, replaced_by_load_id "
        "FROM inverter_telemetry_raw_history ORDER BY event_id, load_id, line_no",
    )
    found["rejects"] = query(db, "SELECT load_id, line_no, reasons, raw_record FROM rejects ORDER BY load_id, line_no")
    found["loads"] = query(
        db,
        "SELECT load_id, dataset, sha256, bytes, status, read, inserted, updated, unchanged, duplicate, superseded, rejected "
        "FROM loads ORDER BY load_id",
    )
    found["chunks"] = query(
        db,
        "SELECT load_id, chunk_no, byte_start, byte_end, first_line, read, staged, rejected "
        "FROM load_chunks ORDER BY load_id, chunk_no",
    )
    return found


def assert_adds_up(db: Database) -> None:
    """Each load's buckets, its chunks and its quarantine tell the same; nothing is left of its staging."""
    rows = query(
        db,
        "SELECT read, inserted + updated + unchanged + duplicate + superseded + rejected AS in_buckets, "
        "(SELECT sum(c.read) FROM load_chunks AS c WHERE c.load_id = loads.load_id) AS in_chunks, rejected, "
        "(SELECT sum(c.rejected) FROM load_chunks AS c WHERE c.load_id = loads.load_id) AS of_chunks, "
        "(SELECT count(*) FROM rejects AS r WHERE r.load_id = loads.load_id) AS in_quarantine, "
        "(SELECT sum(c.staged) FROM load_chunks AS c WHERE c.load_id = loads.load_id) + rejected AS staged, bytes, "
        "(SELECT max(c.byte_end) FROM load_chunks AS c WHERE c.load_id = loads.load_id) AS byte_end "
        "FROM loads WHERE status = 'published'",
    )
    for read, in_buckets, in_chunks, rejected, of_chunks, in_quarantine, staged, size, end in rows:
        assert read == in_buckets == in_chunks == staged
        assert rejected == of_chunks == in_quarantine
        assert size == end
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
    held = query(db, "SELECT dataset, load_id FROM loads WHERE status = 'held'")
    opened = {f"staged_{dataset}_{load_id}" for dataset, load_id in held}
    assert {table for table in tables if table.startswith(("staged", "raw", "verdicts", "touched"))} == opened


def assert_read_once(db: Database, source: Path, since: int = 1) -> None:
    """The chunks of all loads since that one are the file, each byte once and each line under its number.

    Up to what is blank: nothing waits.
    """
    assert_adds_up(db)
    content, position = source.read_bytes(), 0
    chunks = query(
        db,
        "SELECT c.byte_start, c.byte_end, c.first_line, c.read FROM load_chunks AS c "
        "INNER JOIN loads AS l ON l.load_id = c.load_id WHERE l.dataset = 'telemetry' AND l.load_id >= :since "
        "ORDER BY c.byte_start, c.byte_end",
        since=since,
    )
    for start, end, first_line, _read in chunks:
        assert start == position
        assert first_line == content.count(b"\n", 0, start) + 1
        position = end
    assert not content[position:].strip()
    records = sum(bool(line.strip()) for line in content.split(b"\n"))
    assert sum(read for *_, read in chunks) == records
    in_all = "SELECT sum(read) FROM loads WHERE dataset = 'telemetry' AND load_id >= :since"
    assert query(db, in_all, since=since) == [(records,)]


@pytest.fixture
def calm(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """Another one, to compare with: on SQLite, for all databases must hold the same."""
    shutil.copy(sqlite_template, tmp_path / "calm.db")
    with connect(f"sqlite:///{tmp_path}/calm.db") as database:
        know(database, "i1", "i2")
        yield database


# Reading on ----------------------------------------------------------------------------------------------------------------


def test_reads_on_from_where_the_last_run_ended(solar: Database, url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", events(range(5)) + b"one bad line\n" + events(range(6, 12)))
    first = file.stat().st_size
    assert words(run(solar, file, chunk_bytes=SMALL)) == [(1, "published")]

    # more comes, and is read under another name by another instance
    append(file, b"\n" + events([12]) + b"another\n" + events(range(14, 20)))
    second = file.stat().st_size
    file = file.rename(tmp_path / "b.jsonl")
    with connect(url) as other:
        (outcome,) = run(other, file, chunk_bytes=SMALL)
    assert words([outcome]) == [(2, "published")]
    assert outcome.scan.replaced is None
    assert (outcome.load.read, outcome.load.bytes, outcome.load.source) == (8, second, str(file))

    # nothing came; blank lines came; more came after them
    assert words(run(solar, file)) == [(2, "already")]
    append(file, b"\n  \r\n\t\n")
    (outcome,) = run(solar, file)
    assert (words([outcome]), outcome.more) == ([(2, "already")], False)
    append(file, b"bad too\r\n" + event(26))
    third = file.stat().st_size
    assert words(run(solar, file, chunk_bytes=SMALL)) == [(3, "published")]

    assert [(line, raw) for line, _, raw in rejects(solar)] == [(6, b"one bad line"), (15, b"another"), (25, b"bad too")]
    lines = query(solar, "SELECT line_no FROM inverter_telemetry_raw WHERE event_id IN ('e0', 'e12', 'e19', 'e26') ORDER BY 1")
    assert lines == [(1,), (14,), (21,), (26,)]
    ends = query(solar, "SELECT load_id, max(byte_end) FROM load_chunks GROUP BY load_id ORDER BY load_id")
    assert ends == [(1, first), (2, second), (3, third)]
    assert query(solar, "SELECT min(c) FROM (SELECT count(*) AS c FROM load_chunks GROUP BY load_id) AS n") == [(1,)]
    assert query(solar, "SELECT count(*) FROM load_chunks") > [(4,)]
    assert_read_once(solar, file)


def test_the_parts_make_the_same_as_the_whole(solar: Database, calm: Database, tmp_path: Path) -> None:
    """Events sent again in a later part, late ones, new ones of a day summed up already."""
    draw = random.Random(3)
    parts = []
    for round_number in range(4):
        lines = [
            event(draw.randrange(400), inverter_id=draw.choice(("i1", "i2", "ix")), ac_power=round_number) for _ in range(25)
        ]
        parts.append(b"".join(lines) + b"bad\n")
    file = write(tmp_path / "t.jsonl", b"")
    for part in parts:
        append(file, part)
        run(solar, file, chunk_bytes=SMALL)
    assert_read_once(solar, file)
    load(calm, file, max_rejected_share=1)
    assert published(calm) == published(solar)
    assert rejects(calm) == rejects(solar)


def test_a_line_cut_anywhere_waits_for_its_rest(solar: Database, dialect: str, tmp_path: Path) -> None:
    """A file grows by one line after another, each cut in two at another byte."""
    file = write(tmp_path / "t.jsonl", event(99, status="für ☀"))
    run(solar, file)
    length = len(event(100, status="für ☀"))
    cuts = range(0, length, 9 if dialect == "sqlite" else 50)
    for number, cut in enumerate([*cuts, length - 2, length - 1, length], 100):
        line = event(number, status="für ☀")
        assert len(line) == length
        whole = cut >= length - 1  # an object is, without the line end too
        append(file, line[:cut])
        assert words(run(solar, file)) == [(number - 98, "published") if whole else (number - 99, "already")]
        append(file, line[cut:])
        assert words(run(solar, file)) == [(number - 98, "already" if whole else "published")]
    assert_read_once(solar, file)
    assert ids(solar) == names(range(99, number + 1))
    assert rejects(solar) == []


@ON_ONE
def test_a_first_line_cut_anywhere_loads_nothing(solar: Database, tmp_path: Path) -> None:
    file, line = write(tmp_path / "t.jsonl", b""), event(1, status="für ☀")
    for cut in range(len(line) - 1):
        with pytest.raises(InputError):
            run(solar, file)
        append(file, line[cut : cut + 1])
    assert statuses(solar) == []
    assert words(run(solar, file)) == [(1, "published")]
    append(file, b"\n" + event(2))
    assert words(run(solar, file)) == [(2, "published")]
    assert_read_once(solar, file)


@pytest.mark.parametrize(("mark", "chunk_bytes"), [(b"", 100), (b"\xef\xbb\xbf", 8 * 2**20)])
def test_cut_in_two_at_every_byte(tmp_path: Path, mark: bytes, chunk_bytes: int) -> None:
    """All that a scan does, with odd lines, and without a database: what the ledger knows is made up."""
    content = event(1) + b"\n \n" + event(2)[:-1] + b"\r\n" + b'{"not": "whole\n' + event(3, status="☀") + b"[1]\n\xff\n12"
    content = mark + content + b"\n\n" + event(4)
    whole = [(n, raw.rstrip(b"\r")) for n, raw in enumerate(content.removeprefix(mark).split(b"\n"), 1) if raw.strip()]
    with SourceFile(str(write(tmp_path / "t.jsonl", content))) as delivery:
        header = read_header(delivery, Statements(("sqlite",)).datasets.values())
        scanned = scan(delivery, header, chunk_bytes)
        assert lines_of(content, scanned) == whole
        for cut in range(len(mark), len(content)):
            pretend(delivery, cut)
            before = scan(delivery, header, chunk_bytes)
            known = Known(1, delivery.source, before.end.end, before.sha256)
            pretend(delivery, len(content))
            after = scan(delivery, header, chunk_bytes, [known] if before.chunks else [])
            assert lines_of(content, before) + lines_of(content, after) == whole, cut
            assert after.replaced is None
            assert before.end.end + before.waiting == cut
            if after.chunks:
                assert after.sha256 == scanned.sha256
                assert after.chunks[0].byte_start == before.end.end


@ON_ONE
def test_a_whole_object_does_not_wait_for_its_line_end(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", event(1) + event(2)[:-1])
    assert words(run(solar, file)) == [(1, "published")]
    assert ids(solar) == ["e1", "e2"]
    before = everything(solar)
    append(file, b"\n")
    assert words(run(solar, file)) == [(1, "already")]
    assert everything(solar) == before
    append(file, b"bad\n" + event(4))
    run(solar, file)
    assert rejects(solar)[0][0] == 3
    assert_read_once(solar, file)


@ON_ONE
def test_what_waits_is_told(solar: Database, tmp_path: Path) -> None:
    line = event(2, status="long " * 10)
    run(solar, write(tmp_path / "t.jsonl", event(1)))
    for cut in (1, 100, 160):
        file = write(tmp_path / "t.jsonl", event(1) + line[:cut])
        assert [run(solar, file, chunk_bytes=size)[-1].scan.waiting for size in (64, Settings.chunk_bytes)] == [cut, cut]


@ON_ONE
def test_a_name_may_be_written_in_many_ways(solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for number, name in enumerate(["./t.jsonl", "sub/../t.jsonl", ".//t.jsonl"]):
        file = write(tmp_path / "t.jsonl", event(10 * number) + event(10 * number + 1)[:40])
        run(solar, name)
        write(file, events(range(10 * number, 10 * number + 3)))
        assert words(run(solar, name)) == [(2 * number + 2, "published")]
        assert_read_once(solar, file, since=2 * number + 1)
    assert ids(solar) == names([0, 1, 2, 10, 11, 12, 20, 21, 22])


@ON_ONE
@pytest.mark.parametrize("kind", ["gz", "stdin"])
def test_what_cannot_grow_does_not_wait(solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def deliver(content: bytes) -> list[Outcome]:
        if kind == "gz":
            return run(solar, write(tmp_path / "t.jsonl.gz", gzip.compress(content)))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        return run(solar, "-")

    (outcome,) = deliver(event(1) + event(2)[:40])
    assert words([outcome]) == [(1, "published")]
    assert outcome.scan.waiting == 0
    assert buckets(outcome.load) == {"inserted": 1, "rejected": 1}
    assert rejects(solar) == [(2, "invalid_json", event(2)[:40])]
    # what was read before is known, in whatever wrapping it comes
    (outcome,) = deliver(event(1) + event(2)[:40])
    assert words([outcome]) == [(1, "already")]
    assert outcome.scan.replaced is None


@ON_ONE
def test_a_line_that_did_not_wait_is_read_when_it_is_whole(solar: Database, tmp_path: Path) -> None:
    run(solar, write(tmp_path / "t.jsonl.gz", gzip.compress(event(1) + event(2)[:40])))
    run(solar, write(tmp_path / "t.jsonl", events(range(1, 4))))
    assert ids(solar) == ["e1", "e2", "e3"]
    assert [raw for _, _, raw in rejects(solar)] == [event(2)[:40]]


@ON_ONE
def test_a_packed_copy_of_what_was_read_brings_only_the_rest(solar: Database, tmp_path: Path) -> None:
    run(solar, write(tmp_path / "t.jsonl", events(range(5))))
    (outcome,) = run(solar, write(tmp_path / "t.jsonl.1.gz", gzip.compress(events(range(8)))))
    assert (outcome.load.read, outcome.load.inserted) == (3, 3)
    assert_read_once(solar, write(tmp_path / "t.jsonl", events(range(8))))


# Truncated, replaced -------------------------------------------------------------------------------------------------------

#: what becomes of a file of 20 events, 10 of them read by each of two runs; and how many records are read of that
REPLACED: dict[str, tuple[Callable[[int], bytes], int]] = {
    "another first line": (lambda n: events(range(n + 100, n + 105)), 5),
    "truncated within a line": (lambda n: events(range(n, n + 7)) + event(n + 7)[:30], 7),
    "truncated to what the first run read": (lambda n: events(range(n, n + 10)), 0),
    "truncated to that and regrown": (lambda n: events([*range(n, n + 10), *range(n + 60, n + 80)]), 20),
    "truncated and regrown": (lambda n: events([*range(n, n + 7), *range(n + 50, n + 70)]), 27),
    "same first line and size": (lambda n: events([n, *range(n + 200, n + 219)]), 20),
    "changed in the first part": (lambda n: events(range(n, n + 20)).replace(b'"e%d5"' % (n // 10), b'"x%d5"' % (n // 10)), 20),
    "changed in the second part": (lambda n: events(range(n, n + 20)).replace(b'"e%d"' % (n + 15), b'"x%d"' % (n + 15)), 10),
}


@pytest.mark.one_database
def test_a_replaced_file_is_noticed(solar: Database, calm: Database, dialect: str, tmp_path: Path) -> None:
    cases = list(REPLACED.items())[:: 1 if dialect == "sqlite" else 4]
    for place, (case, (new, of_it_read)) in enumerate(cases, 1):
        n = 1000 * place
        file = write(tmp_path / f"{place}.jsonl", events(range(n, n + 10)))
        ((first, _),) = words(run(solar, file))
        append(file, events(range(n + 10, n + 20)))
        load(calm, file)
        assert words(run(solar, file, chunk_bytes=SMALL)) == [(first + 1, "published")]

        write(file, new(n))
        (outcome,) = run(solar, file, chunk_bytes=SMALL)
        assert outcome.scan.replaced is not None, case
        assert outcome.scan.replaced.load_id == first + 1, case
        assert words([outcome]) == [(first + 2, "published") if of_it_read else (first, "already")], case
        assert of_it_read in (0, outcome.load.read), case
        append(file, b"\n" + event(n + 500))
        (outcome,) = run(solar, file)
        waited = not new(n).endswith(b"\n")  # and was never whole
        assert (outcome.load.status, outcome.load.read, outcome.load.rejected) == ("published", 1 + waited, waited), case
        if of_it_read:  # then that is not said again
            assert outcome.scan.replaced is None, case

        load(calm, file.rename(tmp_path / "renamed"))  # which is told from the old one by no name
    assert_adds_up(solar)
    assert published(calm) == published(solar)
    assert [raw for _, _, raw in rejects(calm)] == [raw for _, _, raw in rejects(solar)]


@ON_ONE
def test_files_that_begin_alike_do_not_replace_each_other(solar: Database, tmp_path: Path) -> None:
    first = write(tmp_path / "1.jsonl", event(0) + events(range(10, 15)))
    second = write(tmp_path / "2.jsonl", event(0) + events(range(20, 25)))
    for _ in range(2):
        for file in (first, second):
            (outcome,) = run(solar, file)
            assert outcome.scan.replaced is None
            append(file, event(sum(map(len, query(solar, "SELECT load_id FROM loads"))) + 100))
    assert statuses(solar) == ["published"] * 4
    assert_adds_up(solar)


@ON_ONE
def test_a_file_replaced_while_it_is_read_stops_the_load(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(20)))
    with SourceFile(str(file)) as delivery:
        header = read_header(delivery, solar.statements.datasets.values())
        with pytest.MonkeyPatch.context() as patch:
            register_load = registering.register

            def overwrite(*arguments: Any, **named: Any) -> Load | None:
                write(file, events(range(100, 120)))
                return register_load(*arguments, **named)

            patch.setattr(lifecycle, "register", overwrite)
            with pytest.raises(InputError, match="changed while load 1 was reading it"):
                list(ingest_all(solar, delivery, header, Settings()))
    (outcome,) = run(solar, file)
    assert words([outcome]) == [(2, "published")]
    assert outcome.scan.replaced is not None
    assert ids(solar) == names(range(100, 120))


# Killed, then grown --------------------------------------------------------------------------------------------------------


def test_killed_and_then_the_file_grew(solar: Database, url: str, tmp_path: Path) -> None:
    cases = [("registered", "first"), ("one chunk staged", "first"), ("one chunk staged", "second"), ("staged", "second")]
    for place, (state, part) in enumerate(cases, 1):
        n = 100 * place
        file = write(tmp_path / f"{place}.jsonl", events(range(n, n + 20)))
        before = 0
        if part == "second":
            run(solar, file, chunk_bytes=SMALL)
            append(file, events(range(n + 20, n + 40)))
            before = 20
        registered = begin(solar, file)
        number = registered.load_id
        if state == "one chunk staged":
            stage_one(solar, file, registered)
        if state == "staged":
            assert stage(solar, file, registered).status == "staged"

        append(file, b"bad\n" + events(range(n + 50, n + 60)) + event(n + 60)[:20])
        file = file.rename(tmp_path / "renamed.jsonl")
        with connect(url) as other:
            outcomes = run(other, file, chunk_bytes=SMALL)
        assert words(outcomes) == [(number, "published"), (number + 1, "published")], (state, part)
        assert [outcome.load.read for outcome in outcomes] == [20, 11], (state, part)
        append(file, event(n + 60)[20:])
        run(solar, file)
        assert rejects(solar)[-1][0] == before + 21
        assert_read_once(solar, file, since=number - (part == "second"))


@ON_ONE
def test_killed_and_nothing_came(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(20)))
    register(solar, file, chunk_bytes=SMALL)
    append(file, b"\n" + event(20)[:10])
    (outcome,) = run(solar, file)
    assert (words([outcome]), outcome.more) == ([(1, "published")], False)


@ON_ONE
def test_killed_and_then_the_file_was_truncated(solar: Database, tmp_path: Path) -> None:
    """What is never whole again stays open; it stands in nobody's way."""
    file = write(tmp_path / "t.jsonl", events(range(20)))
    register(solar, file, chunk_bytes=SMALL)
    write(file, events(range(10)))
    (outcome,) = run(solar, file)
    assert words([outcome]) == [(2, "published")]
    assert outcome.scan.replaced is not None
    append(file, events(range(10, 20)))  # as it was
    (outcome,) = run(solar, file)
    assert words([outcome]) == [(1, "published")]
    assert buckets(outcome.load) == {"inserted": 10, "unchanged": 10}
    assert ids(solar) == names(range(20))
    assert_adds_up(solar)


def test_held_and_discarded_loads_stand_in_nobodys_way(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(5)))
    parts = [events(range(100, 220), inverter_id="ix"), events(range(5, 8)), events(range(300, 420), inverter_id="iy")]
    assert words(run(solar, file)) == [(1, "published")]
    append(file, parts[0])
    assert words(run(solar, file)) == [(2, "held")]
    assert words(run(solar, file)) == [(2, "held")]
    append(file, parts[1])
    assert words(run(solar, file)) == [(3, "published")]
    assert words(run(solar, file)) == [(3, "already")]
    discard(solar, 2)
    append(file, parts[2])
    assert words(run(solar, file)) == [(4, "held")]
    discard(solar, 4)
    assert words(run(solar, file)) == [(4, "discarded")]
    append(file, event(8) + b"bad\n")
    assert words(run(solar, file)) == [(5, "published")]
    assert ids(solar) == names(range(9))
    assert rejects(solar)[-1][0] == 5 + 120 + 3 + 120 + 2
    ranges = query(
        solar, "SELECT load_id, min(byte_start) AS a, max(byte_end) AS b FROM load_chunks GROUP BY load_id ORDER BY load_id"
    )
    assert [start for _, start, _ in ranges] == [0, *(end for *_, end in ranges[:-1])]


def test_a_small_piece_of_bad_lines_is_not_held(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(5)))
    run(solar, file)
    for number in range(3):
        append(file, b"bad\n" * (1 + 49 * (number == 2)))
        (outcome,) = run(solar, file)
        assert words([outcome]) == [(number + 2, "published")]
    append(file, event(5))
    assert words(run(solar, file)) == [(5, "published")]
    assert_read_once(solar, file)


@pytest.mark.parametrize("reason", ["discarded", "staging lost"])
def test_a_load_released_after_more_was_read_can_be_loaded(solar: Database, tmp_path: Path, reason: str) -> None:
    file = write(tmp_path / "t.jsonl", events(range(120), inverter_id="ix"))
    assert words(run(solar, file)) == [(1, "held")]
    append(file, event(200))
    assert words(run(solar, file)) == [(2, "published")]
    know(solar, "ix")
    if reason == "discarded":
        discard(solar, 1)
    else:  # the server crashed; a load with some good events
        solar.run_transaction(
            lambda tx: tx.execute("UPDATE load_chunks SET staged = 1, rejected = rejected - 1 WHERE load_id = 1")
        )
        solar.run_transaction(lambda tx: tx.execute("UPDATE loads SET rejected = rejected - 1 WHERE load_id = 1"))
    assert release(solar, 1).status == "staging"
    run(solar, file)  # "The file is needed again: `dbsvc ingest …` loads it"
    assert ids(solar) == names([*range(120), 200])


@pytest.mark.parametrize("part", ["first", "second"])
def test_somebody_who_saw_less_of_the_file_reads_nothing_twice(solar: Database, tmp_path: Path, part: str) -> None:
    file = write(tmp_path / "t.jsonl", events(range(5)))
    if part == "second":
        run(solar, file)
        append(file, events(range(5, 10)))
    with SourceFile(str(file)) as delivery:
        append(file, events(range(10, 20)))
        run(solar, file)  # somebody else
        (outcome,) = reading(solar, delivery)
        assert outcome.already
        assert outcome.scan.replaced is None
    assert_read_once(solar, file)


@ON_ONE
def test_somebody_who_saw_more_of_the_file_reads_nothing_twice(solar: Database, tmp_path: Path) -> None:
    """Two have scanned different sizes of a file, and register one after the other."""
    file = write(tmp_path / "t.jsonl", events(range(5)))
    with SourceFile(str(file)) as less:
        append(file, events(range(5, 10)))
        with SourceFile(str(file)) as more, pytest.MonkeyPatch.context() as patch:

            def let_the_other_go_first(*arguments: Any) -> Scan:
                patch.undo()
                scanned = scan(*arguments)
                reading(solar, less)
                return scanned

            patch.setattr(lifecycle, "scan", let_the_other_go_first)
            (outcome,) = reading(solar, more)
    assert outcome.already
    assert_read_once(solar, file)


# Follow --------------------------------------------------------------------------------------------------------------------


@contextmanager
def soon(*steps: Callable[[], object]) -> Iterator[None]:
    """Do something a little later, one after the other."""

    def work() -> None:
        for step in steps:
            time.sleep(0.06)
            step()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@ON_ONE
def test_follows_what_is_appended(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", b"")
    outcomes = following(solar, file)
    pieces = [event(0)[:30], event(0)[30:] + event(1)[:-1], b"\n" + event(2)[:50], event(2)[50:]]
    with soon(*[lambda piece=piece: append(file, piece) for piece in pieces]):
        assert words([next(outcomes), next(outcomes)]) == [(1, "published"), (2, "published")]
    # a bad line, and many of them, hold nothing up
    append(file, b"bad\n")
    assert next(outcomes).load.rejected == 1
    append(file, b"bad\n" * 100)
    assert words([next(outcomes)]) == [(4, "held")]
    append(file, event(3))
    assert words([next(outcomes)]) == [(5, "published")]
    assert ids(solar) == names(range(4))


@ON_ONE
def test_follow_ends_when_nothing_comes(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(3)))
    began = time.monotonic()
    with soon(*[lambda: append(file, b"{")] * 3):  # half a line is nothing
        assert words(following(solar, file, idle=0.25)) == [(1, "published")]
    assert time.monotonic() - began >= 0.25


@ON_ONE
@pytest.mark.parametrize("how", ["truncated", "replaced", "away for a while"])
def test_follows_a_file_that_is_replaced(solar: Database, tmp_path: Path, how: str) -> None:
    file = write(tmp_path / "t.jsonl", events(range(10)))
    outcomes = following(solar, file)
    assert words([next(outcomes)]) == [(1, "published")]
    append(file, events(range(10, 15)))
    assert words([next(outcomes)]) == [(2, "published")]
    new = events(range(20, 25))
    match how:
        case "truncated":
            write(file, new)
            outcome = next(outcomes)
        case "replaced":
            write(tmp_path / "new", new).rename(file)
            outcome = next(outcomes)
        case _:
            file.rename(tmp_path / "t.jsonl.1")
            with soon(lambda: write(file, new[:30]), lambda: append(file, new[30:])):
                outcome = next(outcomes)
    assert words([outcome]) == [(3, "published")]
    assert outcome.scan.replaced is not None
    assert outcome.scan.replaced.load_id == 2
    append(file, event(25))
    assert words([next(outcomes)]) == [(4, "published")]
    assert ids(solar) == names([*range(15), *range(20, 26)])
    assert_adds_up(solar)


@ON_ONE
def test_follows_what_somebody_else_reads_too(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(3)))
    outcomes = following(solar, file)
    assert words([next(outcomes)]) == [(1, "published")]
    append(file, events(range(3, 6)))
    assert words(run(solar, file)) == [(2, "published")]
    append(file, events(range(6, 9)))
    assert words([next(outcomes)]) == [(3, "published")]
    assert_read_once(solar, file)


@ON_ONE
def test_follow_finishes_what_was_left(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(10)))
    register(solar, file, chunk_bytes=SMALL)
    append(file, events(range(10, 20)))
    assert words(following(solar, file, idle=0)) == [(1, "published"), (2, "published")]
    assert_read_once(solar, file)


@ON_ONE
def test_what_cannot_be_followed(db: Database, tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        next(following(db, tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="delivered whole"):
        next(following(db, write(tmp_path / "usage.csv", usage_csv([("2021-10-01", 1, "USD", "A", 1, 1)]))))
    assert statuses(db) == []


@ON_ONE
def test_follow_reads_a_renamed_file_to_its_end(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(3)))
    outcomes = following(solar, file, idle=0.2)
    next(outcomes)
    append(file, events(range(3, 6)))
    file.rename(tmp_path / "t.jsonl.1")
    write(file, events(range(10, 13)))
    list(outcomes)
    assert ids(solar) == names([*range(6), *range(10, 13)])


@ON_ONE
def test_follow_outlives_a_bad_first_line(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", b"")
    outcomes = following(solar, file)
    for line in (b"bad\n", b"\n"):
        write(file, line)
        with soon(lambda: append(file, event(1))):
            next(outcomes)
    assert ids(solar) == ["e1"]


@ON_ONE
def test_follow_has_read_a_packed_file_that_came_instead(
    solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "t.jsonl", event(0))
    outcomes = following(solar, file, idle=0.2)
    next(outcomes)
    write(tmp_path / "new", gzip.compress(events(range(3)))).rename(file)
    opened: list[Path] = []

    def look(*arguments: Any) -> tuple[int, int | str]:
        opened.append(file)
        assert len(opened) < 100
        return looked(*arguments)

    looked = SourceFile.refresh_size
    monkeypatch.setattr(SourceFile, "refresh_size", look)
    assert words(outcomes) == [(2, "published")]


@ON_ONE
def test_follow_as_people_type_it(url: str, tmp_path: Path) -> None:
    """Options that do not go together, files that cannot be followed, then one that can."""
    usage = write(tmp_path / "usage.csv", usage_csv([("2021-10-01", 1, "USD", "A", 1, 1)]))
    cases: list[tuple[int, tuple[str | Path, ...]]] = [
        (65, ("--follow", usage, "--idle", "1")),
        (66, ("--follow", tmp_path / "none.jsonl", "--idle", "1")),
        (2, ("--idle", "1", usage)),
    ]
    file = write(tmp_path / "t.jsonl", events(range(3)))
    with connect(url) as db:
        know(db, "i1")
    with ExitStack() as stack:
        refused = [(code, stack.enter_context(Instance(url, "ingest", *arguments))) for code, arguments in cases]
        instance = stack.enter_context(Instance(url, "ingest", "--follow", file, "--every", "0.1", "--idle", "0.6"))
        instance.await_event("published")
        append(file, event(3) + event(4)[:20])
        instance.await_event("published", 2)
        append(file, event(4)[20:])
        instance.await_event("published", 3)
        write(file, events(range(10, 12)))
        instance.await_event("published", 4)
        write(tmp_path / "new", events(range(20, 23))).rename(file)
        objects = [json.loads(line) for line in instance.succeed().output().splitlines()]
        for code, other in refused:
            assert other.await_end() == code, other.events
            if code != 2:
                (error,) = other.logged("error")
                assert error["error"].endswith(".")
                assert "\n" not in error["error"]
    told = [(one["outcome"], one["read"], one["replaced_load_id"]) for one in objects[:-1]]
    assert told == [("published", read, replaced) for read, replaced in ((3, None), (1, None), (1, None), (2, 3), (3, 4))]
    assert (objects[-1]["event"], objects[-1]["published"], objects[-1]["read"]) == ("ingested", 5, 10)
    with connect(url) as db:
        assert ids(db) == names([*range(5), *range(10, 12), *range(20, 23)])
        assert_adds_up(db)


# Rejects, validated again -------------------------------------------------------------------------------------------------


def test_events_of_an_inverter_that_comes_later(solar: Database, calm: Database, tmp_path: Path) -> None:
    content = b"".join(
        [
            events(range(10)),
            event(10, inverter_id="ix"),
            b"no json\n",
            event(12, inverter_id="ix", ac_power=-9000),
            events(range(13, 20), inverter_id="ix", status="☀"),
            event(20, inverter_id="iy"),
            events(range(21, 40)),
        ]
    )
    file = write(tmp_path / "t.jsonl", content)
    run(solar, file, chunk_bytes=SMALL)
    append(file, event(40, inverter_id="ix") + event(41))
    run(solar, file)
    assert retry_all(solar) == [(1, 11, 0), (2, 1, 0)]  # nothing is known yet
    before = everything(solar)
    assert retry_all(solar) == [(1, 11, 0), (2, 1, 0)]
    assert everything(solar) == before

    know(solar, "ix")
    assert retry_all(solar) == [(1, 11, 8), (2, 1, 1)]
    assert buckets(ledger(solar, 1)) == {"inserted": 37, "rejected": 3}
    assert buckets(ledger(solar, 2)) == {"inserted": 2}
    assert [row[:2] for row in rejects(solar)] == [
        (12, "invalid_json"),
        (13, "ac_power_negative"),
        (21, "inverter_unknown"),
    ]
    assert_read_once(solar, file)
    before = everything(solar)
    assert retry_all(solar) == [(1, 3, 0)]
    assert everything(solar) == before
    know(calm, "ix")
    run(calm, file, chunk_bytes=SMALL)
    assert published(calm, "line_no") == published(solar, "line_no")
    assert rejects(calm) == rejects(solar)


@ON_ONE
def test_an_event_of_another_plant_is_told_by_todays_rules(solar: Database, tmp_path: Path) -> None:
    run(solar, write(tmp_path / "t.jsonl", events(range(5)) + event(5, plant_id="p3", inverter_id="ix")))
    assert rejects(solar)[0][1] == "plant_unknown inverter_unknown"
    know(solar, "ix")
    assert retry_all(solar) == [(1, 1, 0)]
    assert rejects(solar)[0][1] == "plant_unknown inverter_of_another_plant"


def test_registries_are_retried_before_what_depends_on_them(db: Database, tmp_path: Path) -> None:
    """Delivered in the wrong order, each in a file of its own."""
    know(db, "i9")
    run(db, write(tmp_path / "t.jsonl", events(range(5), inverter_id="i9") + event(5, plant_id="p7", inverter_id="i7")))
    rows = b"i7,p7,a,b,1,\ni8,p1,a,b,1,\ni5,p1,a,b,1,\n"
    run(db, write(tmp_path / "inverters.csv", INVERTERS.splitlines()[0] + b"\n" + rows))
    run(db, write(tmp_path / "plants.csv", PLANTS.splitlines()[0] + b"\np7,a,b,UTC\n"))
    assert statuses(db) == ["published"] * 3
    assert retry_all(db) == [(2, 1, 1), (1, 1, 1)]
    assert ids(db) == names(range(6))
    assert rejects(db) == []
    assert_adds_up(db)


def test_a_held_load_is_published_by_a_retry(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(60), inverter_id="ix") + events(range(60, 120), inverter_id="iy"))
    assert words(run(solar, file, chunk_bytes=4000)) == [(1, "held")]
    append(file, event(120))
    assert words(run(solar, file)) == [(2, "published")]
    found = ledger(solar, 1)
    assert retry_all(solar) == [(1, 120, 0)]
    assert ledger(solar, 1) == found

    know(solar, "ix")  # half of them
    assert retry_all(solar) == [(1, 120, 60)]
    found = ledger(solar, 1)
    assert (found["status"], found["rejected"], ids(solar)) == ("held", 60, ["e120"])
    assert found["held_because"].startswith("60 of 120 records are rejected")
    assert {reasons for _, reasons, _ in rejects(solar)} == {"inverter_unknown"}

    know(solar, "iy")
    assert retry_all(solar) == [(1, 60, 60)]
    assert buckets(ledger(solar, 1)) == {"inserted": 120}
    assert ids(solar) == names(range(121))
    assert_read_once(solar, file)
    assert retry_all(solar) == []


def know_currency(db: Database) -> None:
    """XXX is no currency of today."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")


#: versions of one bill, as (currency, name): a list for each delivery; XXX is rejected, until it is a currency
Versions = list[list[tuple[str, str]]]

#: what becomes of a bill that was rejected
CASES: dict[str, Versions] = {
    "alone": [[("XXX", "B")]],
    "wins over a line of its own file": [[("USD", "A"), ("XXX", "B")]],
    "loses against a line of its own file": [[("XXX", "B"), ("USD", "A")]],
    "between lines of its own file": [[("USD", "A"), ("XXX", "B"), ("USD", "C")]],
    "between equal lines of its own file": [[("USD", "A"), ("XXX", "B"), ("USD", "A")]],
    "equals a reject of its own file": [[("XXX", "B"), ("XXX", "B")]],
    "loses against a reject of its own file": [[("XXX", "B"), ("XXX", "C")]],
    "updates an older load": [[("USD", "A")], [("XXX", "B")]],
    "superseded by a later load": [[("XXX", "B")], [("USD", "A")]],
    "between loads": [[("USD", "A")], [("XXX", "B")], [("USD", "C")]],
    "the same in two loads": [[("XXX", "B")], [("XXX", "B")]],
    "the same again after another": [[("XXX", "B")], [("USD", "C")], [("XXX", "B")]],
    "three versions, all rejected": [[("XXX", "A")], [("XXX", "B")], [("XXX", "C")]],
}
#: ... when the values stored are delivered again
REPEATED: dict[str, Versions] = {
    "between equal loads": [[("USD", "A")], [("XXX", "B")], [("USD", "A")]],
    "before a load that repeats": [[("USD", "A"), ("XXX", "B")], [("USD", "A")]],
    "before a line that repeats": [[("USD", "A")], [("XXX", "B"), ("USD", "A")]],
}


def deliveries(cases: Sequence[Versions]) -> list[bytes]:
    """Usage files: each case has a bill of its own, and there are enough others that an audit is content."""
    files = []
    for number in range(max(map(len, cases))):
        rows = [
            ("2021-10-01", bill, currency, name, 1, 1)
            for bill, versions in enumerate(cases)
            for currency, name in (versions[number] if number < len(versions) else [])
        ]
        files.append(usage_csv([*rows, *(("2021-10-02", n, "USD", f"other {number}", 1, 1) for n in range(len(rows) + 1))]))
    return files


def retry_bills(db: Database, calm: Database, tmp_path: Path, cases: Sequence[Versions]) -> None:
    """Deliver bills before their currency is known, and retry; and to ``calm`` when it is."""
    know_currency(calm)
    for number, content in enumerate(deliveries(cases)):
        file = write(tmp_path / f"{number}.csv", content)
        for database in (db, calm):
            assert load(database, file, max_rejected_share=1).load.status == "published"
    know_currency(db)
    retry_all(db)
    assert rejects(db) == []
    assert_adds_up(db)


@pytest.mark.parametrize(
    "cases",
    [pytest.param(CASES, id="others"), pytest.param(REPEATED, id="repeated")],
)
def test_bills_in_a_currency_that_comes_later(db: Database, calm: Database, tmp_path: Path, cases: dict[str, Versions]) -> None:
    retry_bills(db, calm, tmp_path, list(cases.values()))
    for bill, case in enumerate(cases):
        columns = "customer_name, currency, load_id, line_no"
        current = f"SELECT {columns} FROM bills WHERE bill_date = '2021-10-01' AND bill_id = :bill"
        past = f"SELECT {columns}, replaced_by_load_id FROM bills_history WHERE bill_id = :bill AND bill_date = '2021-10-01'"
        for sql in (current, f"{past} ORDER BY load_id, line_no"):
            assert query(db, sql, bill=bill) == query(calm, sql, bill=bill), case
    assert bills(db) == bills(calm)
    assert history(db) == history(calm)


def test_bills_of_any_past(db: Database, calm: Database, tmp_path: Path) -> None:
    """What is current does not depend on when a currency came: 400 bills, each with another past."""
    draw = random.Random(1)
    values = [("USD", "A"), ("USD", "B"), ("XXX", "A"), ("XXX", "B")]
    cases = [[draw.choices(values, k=draw.randrange(4)) for _ in range(3)] for _ in range(400)]
    retry_bills(db, calm, tmp_path, cases)
    current = "SELECT bill_id, customer_name, currency FROM bills WHERE bill_date = '2021-10-01' ORDER BY bill_id"
    assert query(db, current) == query(calm, current)


def test_records_of_any_shape_are_validated_again(db: Database, tmp_path: Path) -> None:
    lines = [
        b'"NAME",product2 REVENUE,currency,Date_,Bill_ID,"Product1 revenue"'
        + HEADER.encode().partition(b"Product2 revenue")[2],
        whole(b'"A, ""B""\nC",1,XXX,31/10/2021,1,2.50'),
        whole(b"  D\xc2\xa0, 1 ,xxx,2021-10-31, 002 ,.5"),
        whole(b"\xff,1,XXX,2021-10-31,3,1"),
        whole(b'stray"quote,1,XXX,2021-10-31,4,1'),
        b"too,few",
        whole(b'"x,1,XXX,2021-10-31,5,1'),
        *(whole(b"E,1,USD,2021-10-31,%d,1" % number) for number in range(10, 20)),
        whole(b'"last",1,XXX,2021-10-31,6,1'),
    ]
    file = write(tmp_path / "u.csv", b"\xef\xbb\xbf" + b"".join(line + b"\r\r\n" for line in lines))
    outcome = load(db, file, chunk_bytes=60, max_rejected_share=1)
    assert outcome.load.status == "published"
    before = rejects(db)
    know_currency(db)
    assert retry_all(db) == [(1, 7, 3)]
    found = query(db, "SELECT bill_id, customer_name FROM bills WHERE bill_id < 10 ORDER BY bill_id")
    assert found == [(1, 'A, "B"\nC'), (2, "D"), (6, "last")]
    today = [row for row in before if "currency_unknown" not in row[1].split()]
    assert [row[0] for row in today] == [6, 7, 8]
    after = rejects(db)
    assert [row for row in after if row[0] in (6, 7, 8)] == today
    assert after[0][:2] == (5, "invalid_utf8")
    assert_adds_up(db)
    assert retry_all(db) == [(1, 4, 0)]
    assert rejects(db) == after


def test_a_retry_that_fails_changes_nothing(solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(solar, write(tmp_path / "t.jsonl", events(range(30)) + events(range(30, 60), inverter_id="ix")), chunk_bytes=SMALL)
    know(solar, "ix")
    before = everything(solar)
    merge: Callable[..., object] = getattr(operations, "merge")  # noqa: B009

    def break_down(*arguments: Any) -> dict[str, int]:
        merge(*arguments)
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(operations, "merge", break_down)
        with pytest.raises(RuntimeError, match="broken"):
            retry_all(solar)
    assert everything(solar) == before
    assert retry_all(solar) == [(1, 30, 30)]
    assert_adds_up(solar)


def test_a_retry_killed_before_it_publishes(solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(solar, write(tmp_path / "t.jsonl", events(range(120), inverter_id="ix")), chunk_bytes=4000)
    know(solar, "ix")

    def die(*_arguments: Any, **_options: Any) -> Load:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(operations, "publish_in", die)
        with pytest.raises(KeyboardInterrupt):
            retry_all(solar)
    assert ids(solar) == []
    retry_all(solar)  # the same command again
    assert ids(solar) == names(range(120))
    assert_adds_up(solar)


def test_two_retries_at_once(solar: Database, url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(30)) + events(range(30, 60), inverter_id="ix"))
    run(solar, file, chunk_bytes=SMALL)
    know(solar, "ix")
    passed: list[int] = []
    barrier = threading.Barrier(3)

    def work() -> None:
        with connect(url) as other:
            barrier.wait()
            passed.append(retry(other, 1, Settings()).passed)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed) == [0, 0, 30]
    assert buckets(ledger(solar, 1)) == {"inserted": 60}
    assert_read_once(solar, file)


@ON_ONE
def test_a_retry_of_no_load(url: str) -> None:
    with connect(url) as db, pytest.raises(InputError, match="no load 7"):
        retry(db, 7, Settings())
    with Instance(url, "rejects", "retry", "7") as instance:
        assert instance.await_end() == 65
    assert [logged["error"] for logged in instance.logged("error")] == ["There is no load 7. `dbsvc loads` lists them."]


@ON_ONE
def test_only_what_is_done_is_retried(solar: Database, tmp_path: Path) -> None:
    content = events(range(30), inverter_id="ix")
    registered = register(solar, write(tmp_path / "t.jsonl", content), chunk_bytes=SMALL)
    stage_one(solar, tmp_path / "t.jsonl", registered)
    run(solar, write(tmp_path / "held.jsonl", events(range(100, 220), inverter_id="ix")))
    discard(solar, 2)
    know(solar, "ix")
    before = everything(solar)
    assert retry_all(solar) == []
    assert [retry(solar, load_id, Settings()).tried for load_id in (1, 2)] == [0, 0]
    assert everything(solar) == before


# Dependencies --------------------------------------------------------------------------------------------------------------


def deliver(folder: Path) -> Path:
    """A delivery of everything, and of something else; its names are in no useful order."""
    folder.mkdir()
    write(folder / "4_plants.csv", PLANTS)
    write(folder / "3_inverters.csv", INVERTERS)
    write(folder / "2_telemetry.jsonl", events(range(20)) + events(range(20, 30), inverter_id="i3", plant_id="p2") + b"bad\n")
    write(folder / "1_usage.csv", usage_csv([("2021-10-01", n, "USD", "A", n, 1) for n in range(5)]))
    write(folder / "notes.txt", b"Dear all,\nthe files of today.\n")
    write(folder / ".hidden.csv", b"plant_id\n")
    return folder


@ON_ONE
def test_a_folder_loads_in_the_order_of_dependencies(empty_url: str, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "delivery")
    with Instance(empty_url, "ingest", folder) as instance:
        *reports, last = [json.loads(line) for line in instance.succeed().output().splitlines()]
    order = [(Path(report["source"]).name, report["outcome"]) for report in reports]
    assert sorted(order) == [
        ("1_usage.csv", "published"),
        ("2_telemetry.jsonl", "published"),
        ("3_inverters.csv", "published"),
        ("4_plants.csv", "published"),
        ("notes.txt", "skipped"),
    ]
    loaded = [name for name, _ in order]
    assert loaded.index("4_plants.csv") < loaded.index("3_inverters.csv") < loaded.index("2_telemetry.jsonl")
    (skipped,) = [report for report in reports if report["outcome"] == "skipped"]
    assert skipped["because"].startswith(f"{folder}/notes.txt: the header is that of no dataset")
    assert (last["published"], last["skipped"], last["failed"]) == (4, 1, 0)
    with connect(empty_url) as db:
        assert ids(db) == names(range(30))
        assert [row[1] for row in rejects(db)] == ["invalid_json"]
        before = everything(db)
        for name, _ in reversed(order[1:]):
            if name != "notes.txt":
                assert [word for _, word in words(run(db, folder / name))] == ["already"]
        assert everything(db) == before


@ON_ONE
def test_what_a_person_is_told(url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(10)))
    with connect(url) as db:
        know(db, "i1")
        run(db, file)
    write(file, events(range(20, 25)) + event(25)[:30])
    with Instance(url, "--output", "table", "ingest", file, COLUMNS=500) as instance:
        printed = instance.succeed().output()
    assert f"{file} was replaced or truncated since load 1" in printed
    assert f"{file}: the last line is incomplete (30 bytes); it waits for the next run." in printed


# Real processes that are killed, and set on the same work -------------------------------------------------------------------


@pytest.fixture
def solar_url(url: str) -> str:
    """The URL of a database that knows two inverters."""
    with connect(url) as db:
        know(db, "i1", "i2")
    return url


@contextmanager
def writer(content: Path, file: Path, pause: float) -> Iterator[subprocess.Popen[bytes]]:
    """A process that appends in odd pieces."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(content), str(file), str(pause)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_killed_while_staging_and_then_the_file_grew(solar_url: str, calm: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(2000)))
    with Instance(solar_url, "ingest", file, DBSVC_CHUNK_BYTES=8000) as instance:
        instance.await_event("staged", 10)
        instance.kill()
        instance.await_end()
    with connect(solar_url) as db:
        assert statuses(db) == ["staging"]
        ((chunks,),) = query(db, "SELECT count(*) FROM load_chunks WHERE read IS NOT NULL")
        assert chunks >= 10
        append(file, events(range(2000, 3000)) + b"bad\n")
        again = succeed(solar_url, "ingest", file, DBSVC_CHUNK_BYTES="50000")
        staged = [logged for logged in again if logged["event"] == "staged" and logged["load_id"] == 1]
        assert len(staged) == query(db, "SELECT count(*) FROM load_chunks WHERE load_id = 1")[0][0] - chunks
        assert statuses(db) == ["published"] * 2
        assert_read_once(db, file)
        assert rejects(db)[0][0] == 3001
        load(calm, file)
        assert published(calm) == published(db)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 events of two inverters: some sent again, some with other values, some bad."""
    draw = random.Random(11)
    path = tmp_path_factory.mktemp("large") / "large.jsonl"
    with path.open("wb") as file:
        for line in range(20_000):
            number = line if draw.random() < 0.9 else draw.randrange(line + 1)
            inverter = "ix" if number % 40 == 0 else ("i1", "i2")[number % 2]
            unit, power = draw.choice((("W", number), ("kW", f"{number / 1000}")))
            written = event(number, inverter_id=inverter, ac_power=power, ac_power_unit=unit, temperature_c=number % 60 - 10)
            chance = draw.random()
            if chance < 0.01:
                written = draw.choice((b"bad\n", written[:40] + b"\n", written.replace(b"Wh", b"").replace(b'"W"', b'"mW"')))
            file.write(written)
    return path


@pytest.fixture(scope="module")
def calm_large(large: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What an undisturbed process makes of it."""
    path = tmp_path_factory.mktemp("calm") / "calm.db"
    shutil.copy(sqlite_template, path)
    with connect(f"sqlite:///{path}") as db:
        know(db, "i1", "i2")
        assert load(db, large, chunk_bytes=100_000).load.status == "published"
        return everything(db)


@pytest.mark.slow
def test_telemetry_killed_at_random(solar_url: str, large: Path, calm_large: Tables) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    draw = random.Random(seed)
    killed = 0
    for attempt in count():
        with Instance(solar_url, "ingest", large, DBSVC_CHUNK_BYTES=100_000, DBSVC_MAX_CONTRADICTING_SHARE=1) as instance:
            if attempt < KILLS:
                match attempt % 3:
                    case 0:
                        instance.await_event("staged", draw.randrange(1, 15))
                    case 1:
                        instance.await_event("audited")
                        instance.await_event("statement", len(instance.logged("statement")) + draw.randrange(1, 25))
                    case 2:
                        with suppress(subprocess.TimeoutExpired):
                            instance.process.wait(draw.uniform(0.2, 1.5))
                time.sleep(draw.uniform(0, 0.01))
                instance.kill()
            code = instance.await_end()
            if code == 0:
                break
            assert code == -signal.SIGKILL, instance.events[-5:]
            killed += 1
        with connect(solar_url) as db:
            assert ids(db) == [] or statuses(db) == ["published"]
    assert killed > 1
    with connect(solar_url) as db:
        assert_adds_up(db)
        found = everything(db)
        for name, rows in calm_large.items():
            assert found[name] == rows, name


@pytest.mark.slow
def test_a_retry_killed_at_random(solar_url: str, tmp_path: Path) -> None:
    again = events(range(250, 300), ac_power=7) + events(range(300, 350), ac_power=7, inverter_id="ix")
    lines = events(range(300)) + events(range(300, 600), inverter_id="ix") + again
    with connect(solar_url) as db:
        file = write(tmp_path / "t.jsonl", lines)
        outcome = load(db, file, chunk_bytes=2000)
        if outcome.load.status == "held":
            release(db, 1)
        before = everything(db)
        know(db, "ix")
        draw = random.Random(time.time_ns())
        killed = 0
        for moment in (draw.randrange(1, 10), draw.randrange(10, 60), draw.randrange(60, 130)):
            with Instance(solar_url, "rejects", "retry", DBSVC_MAX_CONTRADICTING_SHARE=1) as instance:
                instance.await_event("statement", moment)
                instance.kill()
                if instance.await_end() == 0:
                    break
            killed += 1
            if everything(db) != before:  # it died after its commit
                break
            assert_adds_up(db)
        assert killed
        with ExitStack() as stack:
            retrying = [
                stack.enter_context(Instance(solar_url, "rejects", "retry", "1", DBSVC_MAX_CONTRADICTING_SHARE=1))
                for _ in range(2)
            ]
            for instance in retrying:
                instance.succeed()
        assert rejects(db) == []
        assert ids(db) == names(range(600))
        assert_read_once(db, file)


@pytest.mark.slow
def test_a_retry_killed_in_its_middle(server: Any, tmp_path: Path) -> None:
    url = server.create()
    with connect(url) as db:
        know(db, "i1")
        run(db, write(tmp_path / "t.jsonl", events(range(60)) + events(range(60, 100), inverter_id="ix")), chunk_bytes=2000)
        know(db, "ix")
        before = everything(db)
        last = "SELECT 1 FROM load_chunks WHERE load_id = 1 ORDER BY chunk_no DESC LIMIT 1 FOR SHARE"
        assert query(db, "SELECT count(*) FROM load_chunks WHERE rejected > 0") > [(2,)]
        with holding(url, last), Instance(url, "rejects", "retry") as instance:
            await_blocked(url)
            assert len(instance.logged("statement")) > 3
            instance.kill()
            assert instance.await_end() == -signal.SIGKILL
        assert everything(db) == before
        assert retry_all(db) == [(1, 40, 40)]
        assert_adds_up(db)


@pytest.mark.slow
def test_two_instances_on_a_folder(empty_url: str, fresh_url: Callable[[], str], tmp_path: Path) -> None:
    folder = deliver(tmp_path / "delivery")
    with ExitStack() as stack:
        instances = [stack.enter_context(Instance(empty_url, "ingest", folder)) for _ in range(2)]
        for instance in instances:
            instance.succeed()
    with connect(empty_url) as db, connect(fresh_url()) as calm:
        for name in ("4_plants.csv", "3_inverters.csv", "2_telemetry.jsonl", "1_usage.csv"):
            load(calm, folder / name)
        assert published(db) == published(calm)
        assert rejects(db) == rejects(calm)
        tables = ("plants", "inverters", "bills")
        for table, key in zip(tables, ("plant_id", "inverter_id", "bill_date, bill_id"), strict=True):
            columns = {"plants": "plant_id, name, timezone", "inverters": "inverter_id, plant_id, capacity_kw"}
            sql = f"SELECT {columns.get(table, 'bill_date, bill_id, customer_name, line_no')} FROM {table} ORDER BY {key}"
            assert query(db, sql) == query(calm, sql)
        counts = "SELECT dataset, status, read, inserted, unchanged, rejected FROM loads ORDER BY dataset"
        assert query(db, counts) == query(calm, counts)
        assert_adds_up(db)
        before = everything(db)
        files = sorted(folder.glob("[1-4]*"))
        succeed(empty_url, "ingest", *files)
        succeed(empty_url, "ingest", *reversed(files), folder)
        assert everything(db) == before


@pytest.mark.slow
def test_instances_register_the_same_part_at_once(solar_url: str, tmp_path: Path) -> None:
    """Each begins when the file is longer; they register one after the other, and share what there is."""
    file = write(tmp_path / "t.jsonl", events(range(200)))
    with ExitStack() as stack:
        instances = []
        with together(solar_url, 2):
            for number in range(2):
                instances.append(stack.enter_context(Instance(solar_url, "ingest", file, DBSVC_CHUNK_BYTES=3000)))
                time.sleep(0.6)  # it has opened the file, and waits to register
                append(file, events(range(200 + number * 100, 300 + number * 100)))
        for instance in instances:
            instance.succeed()
    succeed(solar_url, "ingest", file)
    with connect(solar_url) as db:
        assert ids(db) == names(range(400))
        if not solar_url.startswith("sqlite"):  # who waits first goes first; SQLite promises no order
            assert_read_once(db, file)


@pytest.mark.slow
def test_many_instances_on_a_file_that_grows(solar_url: str, tmp_path: Path) -> None:
    content = write(tmp_path / "content", events(range(900)))
    file = write(tmp_path / "t.jsonl", event(5000))
    codes: list[int] = []
    with writer(content, file, 0.005) as appending:

        def work() -> None:
            while appending.poll() is None:
                with Instance(solar_url, "ingest", file) as instance:
                    codes.append(instance.await_end())

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(codes) == {0}
    succeed(solar_url, "ingest", file)
    with connect(solar_url) as db:
        assert ids(db) == names([*range(900), 5000])
        assert rejects(db) == []
        assert_read_once(db, file)


@pytest.mark.slow
def test_follows_a_writer(solar_url: str, calm: Database, tmp_path: Path) -> None:
    content = write(tmp_path / "content", events(range(500)) + b"bad\n" + events(range(501, 800), status="für ☀"))
    file = write(tmp_path / "t.jsonl", b"")
    with (
        Instance(solar_url, "ingest", "--follow", file, "--every", "0.1", "--idle", "0.9") as instance,
        writer(content, file, 0.008) as appending,
    ):
        assert appending.wait() == 0
        instance.succeed()
    assert len(instance.logged("published")) > 3
    with connect(solar_url) as db:
        assert_read_once(db, file)
        load(calm, file)
        assert published(calm, "line_no") == published(db, "line_no")
        assert rejects(calm) == rejects(db)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["waiting", "working"])
def test_follow_stops_when_told(solar_url: str, tmp_path: Path, moment: str) -> None:
    file = write(tmp_path / "t.jsonl", events(range(100)))
    with Instance(solar_url, "ingest", "--follow", file, "--every", "0.1", DBSVC_CHUNK_BYTES=2000) as instance:
        instance.await_event("published")
        if moment == "working":
            append(file, events(range(100, 3000)))
            instance.await_event("staged", len(instance.logged("staged")) + 5)
        else:
            time.sleep(0.3)
        instance.kill(signal.SIGTERM)
        told = time.monotonic()
        assert instance.await_end(10) == 143
        assert time.monotonic() - told < 5
        printed = [json.loads(line) for line in instance.output().splitlines()]
    assert [report["outcome"] for report in printed] == ["published"]
    with connect(solar_url) as db:
        assert len(ids(db)) == 100
        assert statuses(db) == (["published", "staging"] if moment == "working" else ["published"])
        run(db, file)
        assert_read_once(db, file)


@pytest.mark.slow
def test_follow_killed_again_and_again(solar_url: str, tmp_path: Path) -> None:
    content = write(tmp_path / "content", events(range(900)))
    file = write(tmp_path / "t.jsonl", event(5000))
    draw = random.Random(5)
    with writer(content, file, 0.005) as appending:
        while appending.poll() is None:
            command = ("ingest", "--follow", file, "--every", "0.1", "--idle", "0.5")
            with Instance(solar_url, *command, DBSVC_CHUNK_BYTES=1000) as instance:
                instance.await_event("registered", draw.randrange(1, 4))  # or the end
                time.sleep(draw.uniform(0, 0.05))
                instance.kill()
    succeed(solar_url, "ingest", file)
    with connect(solar_url) as db:
        assert statuses(db) == ["published"] * len(statuses(db))
        assert_read_once(db, file)
        assert ids(db) == names([*range(900), 5000])
        assert rejects(db) == []
