"""The contract of telemetry: for every way a value, an event or a line can be right or wrong, what becomes of it."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dbsvc.engine import Database, InputError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import buckets, load, query, rejects, write
from tests.helpers.order import natural
from tests.helpers.telemetry import (
    BLANK,
    BROKEN,
    KEPT,
    REJECTED,
    SECOND,
    START,
    STORED,
    UNITS,
    ZONES,
    event,
    register_inverters,
)

DATASETS = list(Statements(("sqlite",)).datasets.values())


def raw_row(number: int, line: int, stored: dict[str, Any]) -> tuple[Any, ...]:
    """The row that such a line becomes, in load 1."""
    own = {"event_id": f"e{number}", "event_time": START + number * SECOND}
    return (*(STORED | own | stored).values(), 1, line)


def clean_row(raw: tuple[Any, ...]) -> tuple[Any, ...]:
    """The reading of an event: in watts, to three places, on the plant's day."""
    event_id, plant, inverter, time, source, ac_power, ac_unit, dc_power, dc_unit, energy, temperature, status = raw[:12]
    day = time.astimezone(ZoneInfo(ZONES[plant])).date()
    power = (to_three_places(ac_power, UNITS.get(ac_unit, 1)), to_three_places(dc_power, UNITS.get(dc_unit, 1)))
    return (inverter, time, plant, day, event_id, source, *power, to_three_places(energy), to_three_places(temperature), status)


def to_three_places(number: float | None, factor: int = 1) -> float | None:
    return None if number is None else float((Decimal(repr(number)) * factor).quantize(Decimal("0.001"), ROUND_HALF_UP))


@pytest.mark.parametrize(("start", "end", "chunk_bytes"), [(b"", b"\n", 8 * 2**20), (b"\xef\xbb\xbf", b"\r\n", 20_000)])
def test_every_event_is_kept_normalised_or_rejected_with_all_reasons(
    db: Database, tmp_path: Path, start: bytes, end: bytes, chunk_bytes: int
) -> None:
    register_inverters(db)
    lines: list[tuple[bytes, dict[str, Any] | None, str]] = []
    lines += [(event(number, written), stored | {"number": number}, "") for number, (written, stored) in enumerate(KEPT)]
    lines += [(event(9999, written), None, reasons) for written, reasons in BROKEN]
    lines += [(raw, None, reasons) for raw, reasons in REJECTED]
    lines += [(raw, None, "") for raw in BLANK]
    # good and bad ones alternate, so that a wrong line number or a swallowed neighbour shows
    random.Random(1).shuffle(lines)
    lines.sort(key=lambda line: len(line[0]) > 2**20)  # a file is recognised by its first MiB
    lines.append((event(7777, {}), {"number": 7777}, ""))
    raw_rows = [raw_row(kept.pop("number"), line, kept) for line, (_, kept, _) in enumerate(lines, 1) if kept]
    expected_rejects = [(line, reasons, raw) for line, (raw, _, reasons) in enumerate(lines, 1) if reasons]
    content = start + end.join(raw for raw, _, _ in lines)
    if chunk_bytes > 2**20:
        content += end + b'{"event_id": "half a line'  # somebody is still writing it
    outcome = load(db, write(tmp_path / "events.jsonl", content), chunk_bytes=chunk_bytes, max_rejected_share=1.0)
    assert outcome.load.status == "published"
    found = rejects(db)
    assert [reject for reject in found if reject not in expected_rejects] == []
    assert found == expected_rejects
    columns = tuple(STORED)
    rows = query(db, f"SELECT {', '.join(columns)}, load_id, line_no FROM inverter_telemetry_raw")
    assert sorted(rows) == sorted(raw_rows)
    assert [row for row in rows if "-0.0" in map(str, row)] == []
    # of several events with one moment, the one with the greatest id counts, as people count
    readings = {(row[2], row[3]): clean_row(row) for row in sorted(raw_rows, key=lambda row: natural(row[0]))}
    columns = ("inverter_id", "event_time", "plant_id", "day", "event_id", "source", "ac_power_w", "dc_power_w")
    columns += ("energy_wh_total", "temperature_c", "status")
    rows = query(db, f"SELECT {', '.join(columns)} FROM inverter_telemetry_clean")
    assert sorted(rows) == sorted(readings.values())
    assert [row for row in rows if "-0.0" in map(str, row)] == []
    assert query(db, "SELECT sum(points) FROM inverter_daily_summary") == [(len(readings),)]
    assert outcome.load.read == len(raw_rows) + len(expected_rejects)
    assert buckets(outcome.load) == {"inserted": len(raw_rows), "rejected": len(expected_rejects)}


HALF = b'{"event_id": "x", "plant_id": "P1", "inverter_id": "I1", "event_time": "x", "source": "x"'  # of the names, less one


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(
            HALF + b"}\n", "none of its first lines is a whole JSON object of a dataset", id="fewer than half the names"
        ),
        pytest.param(HALF + b', "ac_power": 1', "none of its first lines is a whole JSON object", id="half a line"),
        pytest.param(HALF + b', "Ac_Power": 1}', "none of its first lines is a whole JSON object", id="names in other case"),
        pytest.param(b"{}\n" * 9, "none of its first lines is a whole JSON object", id="empty objects"),
        pytest.param(b"[" + HALF + b', "ac_power": 1}]\n', "its JSON is one array", id="an array"),
        pytest.param(b"\xef\xbb\xbf", "blank", id="only BOM"),
        pytest.param((HALF + b', "ac_power": 1}\n').decode().encode("utf-16"), "UTF-16", id="UTF-16 with BOM"),
        pytest.param((HALF + b', "ac_power": 1}\n').decode().encode("utf-16-le"), "UTF-16", id="UTF-16"),
    ],
)
def test_a_fault_of_the_file_stops_it(tmp_path: Path, content: bytes, says: str) -> None:
    path = write(tmp_path / "events.jsonl", content)
    with SourceFile(str(path)) as delivery, pytest.raises(InputError, match=says) as raised:
        read_header(delivery, DATASETS)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).isprintable()


@pytest.mark.one_database
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HALF + b', "ac_power": null}', id="half the names"),
        pytest.param(b"\xef\xbb\xbf" + HALF + b', "ac_power": 1}\r\n', id="BOM"),
        pytest.param(
            b"\n \r\nnonsense\n{}\n[]\n\xff\n" + b"[" * 10_000 + b"\n  " + HALF + b', "ac_power": 1}\n', id="after bad lines"
        ),
        pytest.param(HALF + b', "ac_power": 1, "ac_power": 2}', id="a name twice"),
    ],
)
def test_a_file_is_known_by_its_first_event(tmp_path: Path, content: bytes) -> None:
    with SourceFile(str(write(tmp_path / "x.txt", content))) as delivery:
        assert read_header(delivery, DATASETS).dataset.name == "telemetry"
