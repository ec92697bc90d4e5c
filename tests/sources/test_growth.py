"""Time and memory grow with the bytes, whatever they are: what is cheap to send is cheap to read.

Twice a size takes about twice the time. A pattern or a rule that tries again from every byte takes four times as long, which
shows at sizes where it is still a second, if they are compared by their CPU time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from dbsvc.engine import Database, InputError, connect
from dbsvc.engine.loads.fast_path import find_patterns, split_chunk
from dbsvc.engine.loads.operations import retry
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import Format, delimited, jsonlines, part, rows
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import HEADER, load, query, usage_csv, whole, write
from tests.helpers.processes import peak

COLUMNS = tuple(load_statements(("sqlite",)).datasets["usage"].columns)
EVENT = (
    b'{"event_id": "x", "plant_id": "P1", "inverter_id": "I1", "event_time": "2025-04-01T06:00:00Z", "ac_power": 1, '
    b'"ac_power_unit": "W"}\n'
)

#: what is repeated: anything that some pattern, loop or rule may look at twice
REPEATS = [
    *(b" ", b"\t", b"\r", b"\xc2\xa0", b"\xef\xbb\xbf", b"\xc2", b"\0", b",", b'"', b'""', b"\\", b"{", b"[", b"0", b"9", b"."),
    *(b" ,", b", ", b'" ', b' "', b'","', b'", "', b'"\n', b'\n"', b" \n", b"x\n", b"\r\n", b" \r", b'"\r', b'a"', b'"a,b"c\n'),
    *(b"-", b"1e999999,", b"\\u0000", b"\\ud800", b'"a":1,', b"[],", b'{"a":', b"9.9", b"2021-01-01,1,USD,a,0,0\nx\n"),
]
AROUND: list[tuple[Format, list[tuple[bytes, bytes]]]] = [
    (delimited, [(b"", b'"\n'), (b"x", b"x"), (b"a,", b"x"), (b'"', b'"\n')]),
    (jsonlines, [(b"", b"\n"), (b'{"a": "', b'"}\n')]),
]

SIZE = 20_000  # bytes, and four times as many
FAST = 0.04  # seconds: what takes no longer than that is in order
ALLOWED = 3.0  # times as much as in proportion


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def assert_in_proportion(
    work: Callable[[int], object], size: int, *, times: int = 4, clock: Callable[..., float] = cpu
) -> None:
    """For ``times`` the size it takes about ``times`` as long. The best of several tries counts."""
    large = clock(lambda: work(times * size))
    if large <= FAST:
        return
    for _ in range(3):
        small = max(clock(lambda: work(size)), FAST / times)
        if large <= times * ALLOWED * small:
            return
        large = min(large, clock(lambda: work(times * size)))
    pytest.fail(f"{small:.2f} s for {size:,} bytes, {large:.2f} s for {times} times as many")


def read_all(of: Format, data: bytes) -> None:
    """All that is done with the bytes of a chunk before a database sees them."""
    of.to_clean_csv(data)
    for _ in rows(of, data, COLUMNS):
        pass
    for _ in part(of, (1, data), 100):
        pass


@pytest.mark.parametrize(("of", "around"), [(of, around) for of, places in AROUND for around in places])
def test_reading_takes_time_in_proportion(of: Format, around: tuple[bytes, bytes]) -> None:
    before, after = around
    for repeated in REPEATS:
        assert_in_proportion(lambda size: read_all(of, before + repeated * (size // len(repeated)) + after), SIZE)  # noqa: B023


@pytest.mark.parametrize(("of", "around"), [(of, around) for of, places in AROUND for around in places])
def test_cutting_takes_time_in_proportion(of: Format, around: tuple[bytes, bytes]) -> None:
    before, after = around
    for repeated in REPEATS:
        for final in (False, True):
            assert_in_proportion(
                lambda size: of.cut(before + repeated * (size // len(repeated)) + after, final),  # noqa: B023
                5 * SIZE,
            )


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("usage", [b"2021-10-31,1,USD,", b"2021-10-31,", b""], whole(b",1,1") + b"\n"),
        ("telemetry", [EVENT, EVENT + EVENT[: EVENT.index(b"x") + 1], EVENT[:-2] + b', "extra": "'], b'"}\n' + EVENT),
    ],
)
def test_sifting_takes_time_in_proportion(sqlite_template: Path, name: str, before: list[bytes], after: bytes) -> None:
    with connect(f"sqlite:///{sqlite_template}") as db, db.snapshot() as tx:
        dataset = db.statements.datasets[name]
        found = find_patterns(tx, dataset)
    assert found
    names, fields = [column.written for column in dataset.columns.values()], list(found.values())
    for repeated, start in product(REPEATS, before):
        assert_in_proportion(
            lambda size: split_chunk(dataset.format, start + repeated * (size // len(repeated)) + after, names, fields),  # noqa: B023
            SIZE,
        )


@pytest.mark.parametrize("known", [b"", HEADER.encode() + b","])
def test_recognising_takes_time_in_proportion(tmp_path: Path, sqlite_template: Path, known: bytes) -> None:
    with connect(f"sqlite:///{sqlite_template}") as db:
        datasets = list(db.statements.datasets.values())

    def recognise(content: bytes) -> None:
        with SourceFile(str(write(tmp_path / "odd.csv", content))) as delivery, pytest.raises(InputError):
            read_header(delivery, datasets)

    for repeated in [*REPEATS, b"a,", b"ab,", b"{\n"]:
        assert_in_proportion(lambda size: recognise(known + repeated * (size // len(repeated)) + b"\n"), SIZE)  # noqa: B023


def seconds(work: Callable[[], object]) -> float:
    """A server's work is not in our CPU time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


FIELDS = [b"0", b".", b"-", b"9", b"-9", b"0.", b" a", b"'", b"%", b"\\", b"*", b"[", b"\xd7\x90", b"2021-01-01T00:00:00.0"]


def bills_of_long_fields(size: int) -> Iterator[bytes]:
    """Bills that each have one long field."""
    yield HEADER.encode() + b"\n"
    for repeated in FIELDS:
        for n in range(6):
            fields = [b"2021-10-31", b"1", b"USD", b"a", b"1", b"1"]
            fields[n] = repeated * (size // len(repeated))
            yield whole(b",".join(fields)) + b"\n"


def events_of_long_fields(size: int) -> Iterator[bytes]:
    """Events that each have one long field."""
    yield EVENT
    names = ("event_id", "plant_id", "inverter_id", "event_time", "ac_power", "ac_power_unit", "energy_wh_total")
    for repeated in FIELDS:
        for name in names:
            written = {**json.loads(EVENT), name: (repeated * (size // len(repeated))).decode()}
            yield json.dumps(written).encode() + b"\n"


def registry_of_long_fields(size: int) -> Iterator[bytes]:
    """Inverters that each have one long field."""
    yield b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n"
    for repeated in FIELDS:
        for n in range(6):
            fields = [b"I1", b"P1", b"v", b"m", b"5", b"2021-10-31"]
            fields[n] = repeated * (size // len(repeated))
            yield b",".join(fields) + b"\n"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("usage.csv", bills_of_long_fields),
        ("telemetry.jsonl", events_of_long_fields),
        ("inverters.csv", registry_of_long_fields),
    ],
)
def test_judging_takes_time_in_proportion(
    fresh_url: Callable[[], str], tmp_path: Path, name: str, made: Callable[[int], Iterator[bytes]]
) -> None:
    """The rules of a dataset, whichever field is long."""

    def validate(size: int) -> None:
        with connect(fresh_url()) as db:
            load(db, write(tmp_path / name, b"".join(made(size))))

    assert_in_proportion(validate, 2_000, times=8, clock=seconds)


@pytest.mark.one_database
def test_rejects_do_not_slow_down_comparing(fresh_url: Callable[[], str], tmp_path: Path) -> None:
    """A file that is delivered again, with one bill changed, while bills of the first delivery lie in the quarantine."""

    def publish(other: str) -> float:
        bills = [("2021-10-31", n, "USD" if n % 4 else other, "A", n, 1) for n in range(20_000)]
        with connect(fresh_url()) as db:
            for number in range(2):
                path = write(tmp_path / f"{number}.csv", usage_csv([("2021-10-01", 1, "USD", "A", 1, number), *bills]))
                outcome = load(db, path, max_rejected_share=1.0)
        assert outcome.load.status == "published"
        return outcome.seconds["publish"]

    usual = max(publish("EUR"), FAST)
    assert min(publish("???") for _ in range(2)) <= 10 * usual


def test_a_chunk_of_rejects_is_held_in_batches(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records are rejected: in batches, and the same ones, with their lines and bytes; retried alike."""
    for module in ("stage", "operations"):
        monkeypatch.setattr(f"dbsvc.engine.loads.{module}.BATCH", 7)
    lines = [b'x,"a\nb"', b"x", b"", b'"', whole(b"2021-10-31,1,USD,a,1,-1")] * 20 + [whole(b"2021-10-31,2,USD,a,1,1"), b"y"]
    path = write(tmp_path / "usage.csv", HEADER.encode() + b"\n" + b"\n".join(lines))
    held = load(db, path).load
    expected, line = [], 2
    for written in lines:
        if written and b",2," not in written:
            reason = "unterminated_quote" if written == b'"' else "too_few_fields" if b"USD" not in written else ""
            expected.append((line, reason or "product2_revenue_negative", written))
        line += 1 + written.count(b"\n")
    assert (held.status, held.read, held.rejected) == ("held", 82, 81)
    assert query(db, "SELECT line_no, reasons, raw_record FROM rejects ORDER BY line_no") == expected
    assert retry(db, held.load_id, Settings()).tried == 81
    assert query(db, "SELECT line_no, reasons, raw_record FROM rejects ORDER BY line_no") == expected


#: what makes many objects of few bytes, or one of many
DEAR = {
    "usage.csv of short lines": HEADER.encode() + b"\n" + b"x\n" * 2**19,
    "usage.csv of odd and plain lines": HEADER.encode() + b"\n" + (b"x\n" + whole(b"2021-01-01,1,USD,a,0,0") + b"\n") * 2**17,
    "usage.csv of a wide field": HEADER.encode()
    + b"\n2021-01-01,1,USD,\xf0\x9f\x98\x80"
    + b"a" * (15 * 2**20)
    + whole(b",1,1")
    + b"\n",
    "usage.csv of commas": HEADER.encode() + b"\n" + b"," * (15 * 2**20) + b"\n",
    "usage.csv of large records": HEADER.encode() + b"\n" + (b"x" * (5 * 2**20) + b"\n") * 12,
    "events.jsonl of nested lists": EVENT + b'{"a": [' + b"[]," * (5 * 2**20) + b"1]}\n",
    "events.jsonl of half as many": EVENT + b'{"a": [' + b"[]," * 2**20 + b"1]}\n",
    "events.jsonl of an open line": EVENT + b'{"a": [' + b"[]," * (5 * 2**20) + b"1]}",
}
#: these take half a minute each
DEAREST = [name for name in DEAR if "lines" in name or name.startswith("events")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in DEAREST else []) for name in DEAR], ids=list(DEAR)
)
@pytest.mark.one_database
def test_memory_is_bounded(url: str, tmp_path: Path, name: str) -> None:
    """Under 200 MB for whatever file, measured as the peak of a process of its own."""
    path = write(tmp_path / name.split()[0], DEAR[name])
    assert peak(url, "ingest", str(path)) < 200
    assert peak(url, "rejects", "retry") < 200
    assert peak(url, "rejects", "show", "--output", "table") < 200
    assert peak(url, "rejects", "export", "1", "--to", str(tmp_path / "exported")) < 200


@pytest.mark.slow
def test_a_signal_ends_it_also_within_a_dear_chunk(url: str, tmp_path: Path) -> None:
    path = write(tmp_path / "usage.csv", HEADER.encode() + b"\n" + b"x" + b" " * 2_000_000 + b"x\n" + b"x\n" * 2**20)
    process = subprocess.Popen(
        [sys.executable, "-m", "dbsvc", "ingest", str(path)],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    process.wait(30)
    assert time.monotonic() - started < 5
    assert process.returncode in (143, 65)
