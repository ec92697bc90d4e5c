"""Files that were joined: a byte order mark and a header stand inside.

No value gets the mark, and no record is read by the wrong header.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc.engine import Database
from dbsvc.engine.loads.operations import retry
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.formats import delimited, jsonlines, rows
from tests.helpers import HEADER, OTHERS, bills, buckets, load, query, rejects, usage_csv, whole, write

MARK = b"\xef\xbb\xbf"
NAMES = HEADER.split(",")
SWAPPED = ",".join([*NAMES[:4], NAMES[5], NAMES[4], *NAMES[6:]])
SOME = [("2021-10-31", "1", "USD", "a", "1", "2"), ("31/10/2021", "2", "ILS", "Bé", "3", "4.5")]


def lines(records: Sequence[tuple[str, ...]], end: bytes = b"\n") -> bytes:
    return b"".join(whole(",".join(record).encode()) + end for record in records)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("quoted", [False, True])
def test_joined_bills_lose_nothing(db: Database, tmp_path: Path, end: bytes, quoted: bool) -> None:
    """The header inside is a reject of its own kind, with its mark; the record after a mark alone is a bill."""
    again = (HEADER.upper() if quoted else HEADER).encode()
    again = MARK + (b",".join(b'"%b"' % name for name in again.split(b",")) if quoted else again)
    third = ("2021-10-30", '"3"' if quoted else "3", "USD", "c", "1", "1")
    fourth = ('"2021-10-30"', "4", "USD", "c", "1", "1") if quoted else ("2021-10-30", "4", "USD", "c", "1", "1")
    content = MARK + HEADER.encode() + end + lines(SOME, end) + again + end + lines([third], end) + MARK + lines([fourth], end)
    outcome = load(db, write(tmp_path / "usage.csv", content + MARK + end + MARK))
    assert buckets(outcome.load) == {"inserted": 4, "rejected": 1}
    assert rejects(db) == [(4, "header_repeated", again)]
    assert [(str(bill[0]), bill[1], bill[7]) for bill in bills(db)] == [
        ("2021-10-30", 3, 5),
        ("2021-10-30", 4, 6),
        ("2021-10-31", 1, 2),
        ("2021-10-31", 2, 3),
    ]
    assert retry(db, 1, Settings()).passed == 0
    assert rejects(db) == [(4, "header_repeated", again)]


@pytest.mark.parametrize(
    "header", [SWAPPED, HEADER.replace("Product2 revenue", "Tax"), f"{HEADER},Tax", HEADER.rpartition(",")[0]]
)
def test_a_header_with_other_columns_holds_the_load(db: Database, tmp_path: Path, header: str) -> None:
    content = HEADER.encode() + b"\n" + lines(SOME * 20) + MARK + header.encode() + b"\n" + lines(SOME)
    outcome = load(db, write(tmp_path / "usage.csv", content), chunk_bytes=200)
    assert outcome.load.status == "held"
    assert "line 42 is a header with other columns" in str(outcome.load.held_because)
    assert rejects(db) == [(42, "header_differs", MARK + header.encode())]
    assert bills(db) == []


def test_registries_are_joined_too(db: Database, tmp_path: Path) -> None:
    """Their records do not take the fast path, but are copied as a whole if they are clean."""
    header, one = b"plant_id,name,location,timezone\n", b"P%d,x,y,UTC\n"
    content = header + one % 1 + header + one % 2 + MARK + one % 3
    assert buckets(load(db, write(tmp_path / "plants.csv", content)).load) == {"inserted": 3, "rejected": 1}
    assert rejects(db) == [(3, "header_repeated", header.strip())]
    assert query(db, "SELECT plant_id FROM plants ORDER BY plant_id") == [("P1",), ("P2",), ("P3",)]
    other = b"name,plant_id,location,timezone\n"
    outcome = load(db, write(tmp_path / "plants.csv", header + one % 4 + other + b"x,P5,y,UTC\n"))
    assert outcome.load.status == "held"


@pytest.mark.parametrize("order", [(3, 0, 1, 2, 4, 5), (0, 1, 2, 3, 4, 5)])
def test_a_mark_is_no_part_of_a_name(db: Database, tmp_path: Path, order: tuple[int, ...]) -> None:
    """Whichever column is the first; within a line it stays what it is."""
    record = ("2021-10-31", "{}", "USD", "Acme\ufeff", "1", "1")
    header, written = (",".join([*(fields[n] for n in order), *fields[6:]]) for fields in (NAMES, [*record, *OTHERS]))
    content = "".join(
        [f"{header}\n", *(f"{mark}{written}\n".format(n) for n, mark in enumerate(["", "\ufeff", "\ufeff\ufeff"]))]
    )
    load(db, write(tmp_path / "usage.csv", content.encode()))
    assert [bill[1:3] for bill in bills(db)] == [(n, "Acme\ufeff") for n in range(3)]


def test_utf_16_inside_is_rejected(db: Database, tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16"):
        inside = usage_csv([("2021-10-31", 1, "USD", "a", 1, 1)]).decode().encode(encoding)
        content = HEADER.encode() + b"\n" + lines(SOME) + inside + b"\n" + lines([("2021-10-30", "3", "USD", "c", "1", "1")])
        load(db, write(tmp_path / "usage.csv", content), max_rejected_share=1.0)
    assert {(str(bill[0]), bill[1]) for bill in bills(db)} <= {("2021-10-31", 1), ("2021-10-31", 2), ("2021-10-30", 3)}
    assert all("nul_byte" in reasons or "fields" in reasons for _, reasons, _ in rejects(db))


@pytest.mark.parametrize("header", [list(order) for order in list(permutations(range(len(NAMES))))[1:720:71]])
def test_any_other_order_is_another_header(header: list[int]) -> None:
    raw = ",".join(NAMES[n] for n in header).encode()
    assert delimited.fields(raw, NAMES) == ("header_differs", [""] * len(NAMES))


@given(st.lists(st.sampled_from([b"\xef\xbb\xbf", b" ", b"\t", b"{", b'{"a": 1}', b"\r", b"x"]), max_size=5).map(b"".join))
def test_a_mark_at_the_start_of_a_line_changes_nothing(line: bytes) -> None:
    for of in (delimited, jsonlines):
        assert list(rows(of, MARK + line + b"\n", ("a",))) == list(rows(of, line + b"\n", ("a",)))


def test_events_after_a_mark_are_read(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "plants.csv", b"plant_id,name,location,timezone\nP1,x,y,UTC\n"))
    registry = b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\nI1,P1,v,m,5,\n"
    load(db, write(tmp_path / "inverters.csv", registry))
    event = {"plant_id": "P1", "inverter_id": "I1", "event_time": "2025-04-01T06:00:00Z", "ac_power": 1, "ac_power_unit": "W"}
    written = [json.dumps({"event_id": f"\ufeffe{n}", **event}, ensure_ascii=False).encode() for n in range(3)]
    content = MARK + written[0] + b"\r\n" + MARK + written[1] + b"\r\n" + MARK + b"\r\n" + MARK * 2 + written[2]
    assert buckets(load(db, write(tmp_path / "events.jsonl", content)).load) == {"inserted": 3}
    assert query(db, "SELECT event_id, line_no FROM inverter_telemetry_raw ORDER BY line_no") == [
        ("\ufeffe0", 1),
        ("\ufeffe1", 2),
        ("\ufeffe2", 4),
    ]
