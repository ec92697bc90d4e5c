"""The fast path of JSON lines gives what validation gives: the same rows, the same rejects, for any bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.loads import fast_path
from dbsvc.engine.loads.fast_path import find_patterns, split_chunk
from dbsvc.engine.sources.formats.delimited import is_utf8
from tests.helpers import load, query, rejects, validating_all, write
from tests.helpers.telemetry import BLANK, BROKEN, KEPT, REJECTED, event, register_inverters

#: the spellings of sources: one may send no power at night, its names in another order, some that are ignored
LAYOUTS: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda fields: fields,
    lambda fields: {name: fields[name] for name in fields if not name.startswith("ac_power")},
    lambda fields: {"seq": 7, **dict(reversed(fields.items())), "tags": None, "site": "é"},
]
BLANKS = [(",", ":"), (", ", ": "), (" , ", " : ")]


def sound(number: int) -> bytes:
    """An event that takes the fast path, in one of the layouts."""
    fields = LAYOUTS[number % 3](json.loads(event(number, {})))
    return json.dumps(fields, separators=BLANKS[number % 3], ensure_ascii=False).encode()


def found(db: Database) -> Any:
    """All that a load of telemetry leaves behind."""
    tables = ("raw", "raw_history", "clean")
    rows = [sorted(map(repr, query(db, f"SELECT * FROM inverter_telemetry_{table}"))) for table in tables]
    loads = query(db, "SELECT status, held_because, read, inserted, duplicate, superseded, rejected FROM loads")
    days = sorted(map(repr, query(db, "SELECT * FROM inverter_daily_summary")))
    return rows, days, rejects(db), query(db, "SELECT record_key FROM rejects ORDER BY line_no"), loads


def assert_same_as_validated(fresh_url: Callable[[], str], path: Path, chunk_bytes: int) -> None:
    results = []
    for validated in (False, True):
        with connect(fresh_url()) as db, validating_all() if validated else nullcontext():
            register_inverters(db)
            load(db, path, chunk_bytes=chunk_bytes, max_rejected_share=1.0)
            results.append(found(db))
    assert results[0] == results[1]


def test_every_event_of_the_contract(fresh_url: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each between sound ones; and nearly all chunks take the fast path, else validation is compared with itself."""
    odd = [event(10_000 + n, written) for n, (written, _) in enumerate(chain(KEPT, BROKEN))]
    odd += [*(line for line, _ in REJECTED), *BLANK]
    odd = [line for line in odd if len(line) < 2**16]
    random.Random(1).shuffle(odd)
    odd.sort(key=lambda line: b"\0" in line or not is_utf8(line))  # of their chunks all is validated
    lines = [line for n, one in enumerate(odd) for line in (sound(2 * n), one, sound(2 * n + 1))]
    fast = []

    def split(*given: Any) -> Any:
        fast.append(split_chunk(*given))
        return fast[-1]

    monkeypatch.setattr(fast_path, "split_chunk", split)
    assert_same_as_validated(fresh_url, write(tmp_path / "events.jsonl", b"\n".join(lines)), 50_000)
    assert sum(1 for parts in fast if parts and parts[0]) > 0.8 * len(fast)


PIECES = [
    *(
        b'"',
        b"\\",
        b",",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b"\0",
        b"\x7f",
        b"\x1f",
        b"\xff",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
        b"\xef\xbf\xbd",
    ),
    *(b"{", b"}", b"[", b":", b"0", b"-", b"-0", b".", b"e5", b"9" * 20, b"null", b"true", b'""', b"\\u0041", b"\\ud800"),
    *(b'"status":"x",', b',"a":1', b'"x":{},', b"Z", b"+05:30", b".5", b"9999", b"02-30", b"2", b"kW"),
]


@st.composite
def odd_line(draw: Callable[[Any], Any]) -> bytes:
    """A sound event, of which something is replaced."""
    line: bytes = sound(draw(st.integers(0, 8)))
    for _ in range(draw(st.integers(0, 2))):
        at, size = draw(st.integers(0, len(line))), draw(st.sampled_from([0, 0, 1, 2, 5]))
        line = line[:at] + draw(st.sampled_from(PIECES)) + line[at + size :]
    return line


@given(st.lists(odd_line(), min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([1, 700, 10**6]))
@example([sound(0).replace(b'"mqtt"', '"�"'.encode())], b"\n", 10**6)
@example([sound(0).replace(b"2025-", b"9999-12-31T00:00:00Z")], b"\n", 10**6)
@pytest.mark.one_database
def test_any_bytes(fresh_url: Callable[[], str], tmp_path: Path, odd: list[bytes], end: bytes, chunk_bytes: int) -> None:
    lines = [line for n, one in enumerate(odd) for line in (sound(10 + 2 * n), one, sound(11 + 2 * n))]
    assert_same_as_validated(fresh_url, write(tmp_path / "events.jsonl", end.join(lines)), chunk_bytes)


@pytest.mark.one_database
def test_what_takes_the_fast_path(db: Database) -> None:
    """Lines of several layouts, alternating; numbers as texts and texts as numbers; and nothing but these."""
    with db.transaction() as tx:
        dataset = db.statements.datasets["telemetry"]
        patterns = find_patterns(tx, dataset)
    assert patterns
    names, fields = list(dataset.columns), list(patterns.values())
    good = [
        *map(sound, range(6)),
        sound(6).replace(b'"mqtt"', b"17"),
        sound(9).replace(b"14.2", b'"14.2"') + b"\r",
        sound(12).replace(b'"mqtt"', b"null"),
        sound(15).replace(b"18:25:15Z", b"18:25:15.25+05:30"),
    ]
    assert len({json.loads(line)["event_id"] for line in good}) == len(good)
    odd = [
        sound(0).replace(*change)
        for change in [
            (b'"mqtt"', b'"a,b"'),
            (b'"mqtt"', b'"a\\tb"'),
            (b'"mqtt"', b'" a"'),
            (b"14.2", b"1.42e1"),
            (b"14.2", b"014.2"),
            (b"14.2", b"-0"),
            (b"14.2", b"true"),
            (b'"P1"', b"null"),
            (b'"source"', b'"status"'),
            (b"{", b"\xef\xbb\xbf{"),
        ]
    ]
    parts = split_chunk(dataset.format, b"\n".join([*good, *odd, *good]), names, fields)
    assert parts
    assert parts[1] == [(len(good) + 1 + n, line + b"\n") for n, line in enumerate(odd)]
    rows = [(first + n, row) for first, csv in parts[0] for n, row in enumerate(csv.splitlines())]
    assert [line for line, _ in rows] == [
        *range(1, len(good) + 1),
        *range(len(good) + len(odd) + 1, 2 * len(good) + len(odd) + 1),
    ]
    assert rows[0][1] == b"e0,P1,I1,2025-04-01T18:25:00Z,mqtt,14.2,kW,15.5,kW,120045.75,31.5,OK"
    assert rows[1][1] == b"e1,P1,I1,2025-04-01T18:25:01Z,mqtt,,,15.5,kW,120045.75,31.5,OK"
    assert rows[6][1] == b"e6,P1,I1,2025-04-01T18:25:06Z,17,14.2,kW,15.5,kW,120045.75,31.5,OK"
    assert not of_holes(dataset.format, good, names, fields)


def of_holes(of: Any, lines: list[bytes], *given: Any) -> Any:
    """Where a hole may be, lines are told otherwise."""
    return split_chunk(of, b"\n".join([*lines, b"\0" * 99, *lines]), *given)
