"""Holes of NULs in files that grow: after log rotation, or after a crash. No event is lost, and nothing waits for ever."""

from __future__ import annotations

import gzip
import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbsvc import Database, InputError
from dbsvc.engine.loads import follow as following_module
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import jsonlines
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.scan import Scan, scan
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT, Known, buckets, pretend, query, rejects, usage_csv, write
from tests.helpers.growing import ON_ONE, append, event, events, following, ids, know, lines_of, names, run, words
from tests.helpers.processes import Instance

CASES = ROOT.parent / "shared" / "cases"
PAGE = bytes(4096)
DATASETS = list(Statements(("sqlite",)).datasets.values())


def scanned(path: Path, chunk_bytes: int = 8 * 2**20, known: list[Known] | None = None, size: int | None = None) -> Scan:
    """What a scan finds in a file, as far as it is written."""
    with SourceFile(str(path)) as delivery:
        if size is not None:
            pretend(delivery, size)
        header = read_header(delivery, DATASETS)
        return scan(delivery, header, chunk_bytes, known or [])


@pytest.mark.parametrize("chunk_bytes", [50, 1000, 8 * 2**20])
@pytest.mark.parametrize(
    "content",
    [
        PAGE + events(range(3)),
        events([0]) + PAGE + events(range(1, 3)),
        events([0]) + b"\0" + events([1]) + b"\0\0\0" + events([2]),
        events([0])[:-1] + PAGE + events([1])[:-1] + b"\0\0" + events([2]),  # the line ends are gone
        events([0]) + event(9)[:40] + PAGE + events(range(1, 3)),
        PAGE + event(9)[40:] + events(range(3)),
        events([0])[:-1] + bytes(100) + b"\n" + PAGE + b"\r\n" + PAGE + events(range(1, 3)),
        events(range(3)) + PAGE,
        PAGE + b"\xef\xbb\xbf"[:0] + events(range(3)).replace(b"\n", b"\r\n"),
    ],
)
def test_no_event_is_lost(tmp_path: Path, content: bytes, chunk_bytes: int) -> None:
    path = write(tmp_path / "t.jsonl", content)
    for packed in (path, write(tmp_path / "t.gz", gzip.compress(content))):
        found = scanned(packed, chunk_bytes)
        records = lines_of(content, found)
        assert [raw for _, raw in records if raw.startswith(b"{") and raw.endswith(b"}")] == events(range(3)).splitlines()
        lines = [line for line, _ in records]
        assert lines == sorted(set(lines))
        assert found.waiting == 0


PIECES = [event(1), event(2), event(3)[:-1], event(4)[:30], event(5)[30:], b"\n", b" ", b"x\0y"]
PIECES += [bytes(length) for length in (1, 9, 70, 5000)]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from([30, 200, 3000, 8 * 2**20]), st.data())
def test_holes_anywhere(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], chunk_bytes: int, data: st.DataObject
) -> None:
    """However a file is cut into chunks, and however it grows: the records and their lines are those of the whole."""
    content = event(0) + b"".join(pieces) + event(9)
    path = write(tmp_path_factory.mktemp("holes") / "t.jsonl", content)

    def stripped(records: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return [(line, raw.strip(b"\0 ")) for line, raw in records]

    whole = stripped([(record.line, content[record.start : record.end]) for record in jsonlines.records(content)])
    assert len({line for line, _ in whole}) == len(whole)
    found = scanned(path, chunk_bytes)
    assert stripped(lines_of(content, found)) == whole
    assert found.lines == jsonlines.count_lines(content)[0]
    cut = data.draw(st.integers(len(event(0)), len(content)))
    before = scanned(path, chunk_bytes, size=cut)
    end = before.end.end
    assume(content[end - 1 : end] == b"\n" or content[end : end + 1] in (b"", b"\n", b"\0"))  # else two objects are one line
    known = Known(1, str(path), before.end.end, before.sha256)
    after = scanned(path, chunk_bytes, [known])
    assert after.replaced is None
    assert stripped(lines_of(content, before) + lines_of(content, after)) == whole


def test_the_case_of_a_small_hole(solar: Database, tmp_path: Path) -> None:
    know(solar, "i1")
    lines = [event(n, event_id=f"smanew{n}") for n in range(5)]
    (outcome,) = run(solar, write(tmp_path / "t.jsonl", bytes(2720) + b"".join(lines)))
    assert buckets(outcome.load) == {"inserted": 5}
    assert query(solar, "SELECT event_id, line_no FROM inverter_telemetry_raw ORDER BY 1") == [
        (f"smanew{n}", n + 1) for n in range(5)
    ]
    if (case := CASES / "18_copytruncate_hole_small.jsonl").exists():
        (outcome,) = run(solar, case)
        assert (outcome.load.read, outcome.load.rejected, outcome.scan.replaced) == (5, 0, None)


def test_a_file_that_was_truncated_under_its_writer(solar: Database, tmp_path: Path) -> None:
    """The writer goes on at its old place: with the rest of a line, then whole ones. Later runs read on behind the hole."""
    file = write(tmp_path / "t.jsonl", events(range(4)))
    run(solar, file)
    place = file.stat().st_size
    os.truncate(file, 0)
    with file.open("r+b") as writer:
        writer.seek(place)
        writer.write(event(4)[50:] + events([5, 6]) + event(7)[:20])
    (outcome,) = run(solar, file, chunk_bytes=300)
    assert (outcome.load.read, buckets(outcome.load), outcome.scan.waiting) == (3, {"inserted": 2, "rejected": 1}, 20)
    append(file, event(7)[20:] + PAGE + event(8)[:-1] + PAGE)
    (outcome,) = run(solar, file)
    assert buckets(outcome.load) == {"inserted": 2}
    append(file, b"\n" + event(9))
    (outcome,) = run(solar, file)
    assert buckets(outcome.load) == {"inserted": 1}
    assert words(run(solar, file)) == [(4, "already")]
    assert rejects(solar) == [(1, "invalid_json", event(4)[50:-1])]
    assert ids(solar) == names([*range(4), *range(5, 10)])
    numbered = query(solar, "SELECT event_id, load_id, line_no FROM inverter_telemetry_raw WHERE load_id > 1 ORDER BY 3")
    assert numbered == [("e5", 2, 2), ("e6", 2, 3), ("e7", 3, 4), ("e8", 3, 5), ("e9", 4, 6)]


def test_a_hole_may_be_of_any_size(tmp_path: Path) -> None:
    """It is larger than any record, and than memory; where it is sparse nothing is read of it."""
    path = tmp_path / "t.jsonl"
    size = 200 * 2**20
    for before in (b"", events([0]), event(0)[:30]):
        with path.open("wb") as file:
            file.write(before)
            file.truncate(size)
            file.seek(size)
            file.write(events([1, 2]))
        found = scanned(path)
        assert len(found.chunks) <= 3
        assert sum(chunk.byte_end - chunk.byte_start for chunk in found.chunks) < 17 * 2**20
        assert found.end.end == path.stat().st_size
    assert path.stat().st_blocks * 512 < 2**20


@ON_ONE
def test_follow_goes_on_behind_a_hole(solar: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", events(range(3)))
    outcomes = following(solar, file)
    assert words([next(outcomes)]) == [(1, "published")]
    os.truncate(file, 0)
    os.truncate(file, 50 * 2**20)
    append(file, events([3, 4]))
    outcome = next(outcomes)
    assert (words([outcome]), outcome.load.read) == ([(2, "published")], 2)
    append(file, events([5]))
    outcome = next(outcomes)
    assert (words([outcome]), outcome.scan.replaced) == ([(3, "published")], None)
    assert ids(solar) == names(range(6))


@ON_ONE
@pytest.mark.parametrize("content", [PAGE, b"rubbish\n" * 9, event(0)[:40], b"\xff" * 3000])
def test_follow_says_what_it_cannot_read(
    solar: Database, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "t.jsonl", content)
    with pytest.raises(InputError), caplog.at_level(logging.WARNING, "dbsvc"):
        list(following(solar, file, idle=0.1))
    assert sum("unreadable" in str(record.msg) for record in caplog.records) == 1
    # nothing came at all: that is no mistake; and once something is read, all is well
    write(file, b"")
    assert list(following(solar, file, idle=0.05)) == []
    outcomes = following(solar, write(file, content), idle=0.3)
    append(file, b"\n" + events([1]))
    assert words(outcomes) == [(1, "published")]


@ON_ONE
def test_follow_reads_a_renamed_file_until_its_writer_has_moved(
    solar: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, old = tmp_path / "t.jsonl", tmp_path / "t.jsonl.1"
    outcomes = following(solar, write(file, events(range(3))), idle=0.4)
    next(outcomes)
    file.rename(old)
    write(file, b"")
    append(old, events([3]))
    assert next(outcomes).load.read == 1
    append(old, events([4]))
    assert next(outcomes).load.read == 1
    append(file, events([10, 11]))
    outcome = next(outcomes)
    assert outcome.load.read == 2
    append(old, events([5]))  # the last of it, after the new one began
    append(file, events([12]))
    reports = [next(outcomes), next(outcomes)]
    assert [(one.load.read, one.scan.replaced) for one in reports] == [(1, None), (1, None)]
    assert ids(solar) == names([*range(6), *range(10, 13)])
    # by then it has moved
    monkeypatch.setattr(following_module, "LINGER", 0.0)
    assert list(outcomes) == []


def test_as_people_type_it(url: str, tmp_path: Path) -> None:
    """A file of NULs, with and without --follow; then a hole and an event."""
    file = write(tmp_path / "t.jsonl", PAGE)
    for options in (("--follow", "--every", "0.1", "--idle", "0.2"), ()):
        with Instance(url, "ingest", str(file), *options) as instance:
            assert instance.await_end() == 65
            (error,) = instance.logged("error")
            assert "nothing but NULs" in error["error"]
    write(tmp_path / "usage.csv", PAGE + usage_csv([("2021-10-01", 1, "USD", "A", 1, 1)]))
    with Instance(url, "ingest", str(tmp_path)) as instance:
        assert instance.await_end() == 65
        outcomes = [json.loads(line).get("outcome") for line in instance.output().splitlines()]
        assert outcomes.count("failed") == 2
