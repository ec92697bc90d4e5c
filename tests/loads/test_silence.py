"""The kind of all kinds: what ends with exit code 0 was read in full, and what is stored is what was sent.

A run that read bytes and published none of them, or that understood less than it was given, must not end with 0. So a good
delivery is damaged in many ways, one after another, and loaded. Whatever the damage: after exit code 0 every stored row is one
that was sent, and every other record that was sent lies in the quarantine.
"""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dbsvc import Database, connect
from dbsvc.cli.main import app
from tests.helpers import HEADER, load, query, usage_csv, write
from tests.helpers.citus import at_most

Damage = Callable[[bytes], bytes]

DAYS = [datetime.date(2021, 10, 1) + datetime.timedelta(n) for n in range(25)]
SENT = {(day, n, f"customer {n}", "EUR", Decimal(f"{100 + n}.25"), Decimal(f"{n}.50")) for n, day in enumerate(DAYS, start=1)}
GOOD = usage_csv([(f"{d:%d/%m/%Y}", n, code, name, one, two) for d, n, name, code, one, two in sorted(SENT)], end="\r\n")

PLANTS = b"plant_id,name,location,timezone\np1,Roof,Bergen,Europe/Oslo\n"
INVERTERS = b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\ni1,p1,Acme,A5,5.0,2024-01-01\n"
EVENTS = [f"evt-{n}" for n in range(30)]
GOOD_EVENTS = b"".join(
    json.dumps(
        {
            "event_id": event,
            "plant_id": "p1",
            "inverter_id": "i1",
            "event_time": f"2025-06-01T10:{n:02}:00Z",
            "ac_power": 1000 + n,
            "ac_power_unit": "W",
        }
    ).encode()
    + b"\n"
    for n, event in enumerate(EVENTS)
)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export", content)
    return file.getvalue()


def each_bill_twice(content: bytes) -> bytes:
    """Several lines a bill, as in an export with a line a product."""
    header, *lines = content.splitlines(keepends=True)
    return header + b"".join(line + line.replace(b".25,", b".75,") for line in lines)


#: Whatever the format.
ANY: dict[str, Damage] = {
    "nothing": lambda content: content,
    "no line end at the end": lambda content: content.rstrip(b"\r\n"),
    "bom": lambda content: b"\xef\xbb\xbf" + content,
    "two files in one, each with its bom": lambda content: 2 * (b"\xef\xbb\xbf" + content),
    "utf-16": lambda content: content.decode().encode("utf-16"),
    "utf-16 without bom": lambda content: content.decode().encode("utf-16-le"),
    "ends of lines of old macs": lambda content: content.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "empty": lambda _: b"",
    "blank": lambda _: b"\n\n  \n",
    "zeros": lambda content: bytes(len(content)),
    "zeros first": lambda content: bytes(5000) + content,
    "not text": lambda content: bytes(255 - byte for byte in content),
    "gzip": gzip.compress,
    "gzip, cut off": lambda content: gzip.compress(content)[:-20],
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}
CSV: dict[str, Damage] = {
    "semicolons": lambda content: content.replace(b",", b";"),
    "tabs": lambda content: content.replace(b",", b"\t"),
    "decimal commas": lambda content: content.replace(b",", b";").replace(b".", b","),
    "quoted decimal commas": lambda content: re.sub(rb"(\d+)\.(\d\d)", rb'"\1,\2"', content),
    "sep=": lambda content: b"sep=,\r\n" + content,
    "preamble": lambda content: b"Report;;\r\nGenerated,2021-11-01\r\n\r\n" + content,
    "trailing delimiter": lambda content: content.replace(b"\r\n", b",\r\n"),
    "another name in the header": lambda content: content.replace(b"Date_", b"Date"),
    "a column more": lambda content: content.replace(b"\r\n", b",x\r\n"),
    "a column less": lambda content: content.replace(b",EUR,", b",").replace(b"Currency,", b""),
    "no header": lambda content: content.partition(b"\r\n")[2],
    "header only": lambda content: content.partition(b"\r\n")[0],
    "the header again": lambda content: content + HEADER.encode() + b"\r\n",
    "totals": lambda content: content + b"Total,,,,2900.00,325.00\r\n",
    "each bill twice": each_bill_twice,
    "years of two digits": lambda content: content.replace(b"/2021", b"/21"),
}
JSON_LINES: dict[str, Damage] = {
    "an array": lambda content: b"[" + content.rstrip().replace(b"\n", b",\n") + b"]",
    "written over many lines": lambda content: b"".join(
        json.dumps(json.loads(line), indent=2).encode() + b"\n" for line in content.splitlines()
    ),
    "other names": lambda content: content.replace(b"event_", b"evt").replace(b"_id", b"Id").replace(b"ac_", b"ac"),
    "a hole in the middle": lambda content: (
        content[: content.index(b"\n", 900) + 1] + bytes(9000) + content[content.index(b"\n", 900) + 1 :]
    ),
}


def ingest(db_url: str, *arguments: str) -> int:
    """Run ``dbsvc ingest``; returns its exit code."""
    ran = CliRunner().invoke(app, ["--output", "json", "ingest", *arguments], env={"DATABASE_URL": db_url})
    return int(getattr(ran.exception, "exit_code", ran.exit_code)) if ran.exception else ran.exit_code


def unpacked(content: bytes) -> bytes:
    """What is in a packed file."""
    if content.startswith(b"PK"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        return archive.read(archive.namelist()[0])
    forms = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
    return next((unpack(content) for start, unpack in forms.items() if content.startswith(start)), content)


def assert_bills_are_true(db: Database, content: bytes) -> None:
    """Every stored bill was sent; every other line is in the quarantine, as it came."""
    columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue"
    stored = set(query(db, f"SELECT {columns} FROM bills"))
    assert stored <= SENT
    assert stored
    raw = {bytes(row).strip() for (row,) in query(db, "SELECT raw_record FROM rejects")}
    ids = {str(bill[1]).encode() for bill in stored}
    text = unpacked(content).removeprefix(b"\xef\xbb\xbf")
    lines = {line.strip() for line in text.splitlines()[1:] if line.strip()}
    assert {line for line in lines if line not in raw} <= {line for line in lines if line.split(b",")[1:2][0] in ids}


def assert_events_are_true(db: Database) -> None:
    """Every event that was sent is stored with its power, or in the quarantine."""
    stored = dict(query(db, "SELECT event_id, ac_power FROM inverter_telemetry_raw"))
    assert stored
    assert stored.items() <= {event: 1000.0 + n for n, event in enumerate(EVENTS)}.items()
    raw = b"".join(bytes(row) for (row,) in query(db, "SELECT raw_record FROM rejects"))
    assert {event for event in EVENTS if event not in stored and f'"{event}"'.encode() not in raw} == set()


def assert_nothing_is_silent(db_url: str, argument: Path, content: bytes) -> None:
    """Ingest; what ends with 0 is stored as it was sent, and what does not leaves nothing behind."""
    code = ingest(db_url, str(argument))
    with connect(db_url) as db:
        if code == 0:
            assert_bills_are_true(db, content)
        else:
            assert code in (65, 66)
            assert query(db, "SELECT count(*) FROM bills") == [(0,)]


@pytest.mark.one_database
@pytest.mark.parametrize("damage", [*ANY, *CSV])
def test_a_damaged_bill_file(url: str, tmp_path: Path, damage: str) -> None:
    content = (ANY | CSV)[damage](GOOD)
    assert_nothing_is_silent(url, write(tmp_path / "usage.csv", content), content)


@pytest.mark.parametrize("damage", [*ANY, *CSV])
def test_a_damaged_bill_file_in_a_folder(sqlite_template: Path, tmp_path: Path, damage: str) -> None:
    """Where it lies has nothing to do with the database."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    content = (ANY | CSV)[damage](GOOD)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "usage.csv", content)
    assert_nothing_is_silent(f"sqlite:///{tmp_path}/a.db", tmp_path / "in", content)


@pytest.mark.one_database
@pytest.mark.parametrize("damage", [*ANY, *JSON_LINES])
def test_damaged_telemetry(url: str, tmp_path: Path, damage: str) -> None:
    content = (ANY | JSON_LINES)[damage](GOOD_EVENTS)
    file = write(tmp_path / "telemetry.jsonl", content)
    with connect(url) as db:
        load(db, write(tmp_path / "plants.csv", PLANTS))
        load(db, write(tmp_path / "inverters.csv", INVERTERS))
        if ingest(url, str(file)) == 0:
            assert_events_are_true(db)
        else:
            assert query(db, "SELECT count(*) FROM inverter_telemetry_raw") == [(0,)]


@settings(max_examples=at_most(15))
@given(data=st.data())
def test_a_bill_file_cut_off_anywhere(fresh_url: Callable[[], str], tmp_path: Path, data: st.DataObject) -> None:
    """What is stored is what was sent, to the last digit; or the file does not pass for whole.

    But for a cut within the first record: no other says how long its last field should be.
    """
    first, second = [found.end() for found in re.finditer(rb"\n", GOOD)][:2]
    end = data.draw(st.one_of(st.integers(1, first), st.integers(second, len(GOOD))))
    file = write(tmp_path / f"{end}.csv", GOOD[:end])
    db_url = fresh_url()
    if ingest(db_url, str(file)) == 0:
        with connect(db_url) as db:
            assert_bills_are_true(db, GOOD[:end])


@pytest.mark.parametrize("name", ["DBSVC_MAX_REJECT_SHARE", "DBSVC_CHUNKBYTES", "CURRENCYLAYER_KEY"])
def test_a_setting_that_nobody_reads(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "usage.csv", GOOD)
    monkeypatch.setenv(name, "1")
    assert ingest(url, "usage.csv") == 78
    monkeypatch.delenv(name)
    write(tmp_path / ".env", f"{name}=1\n".encode())
    assert ingest(url, "usage.csv") == 78
    os.unlink(tmp_path / ".env")
    assert ingest(url, "usage.csv") == 0


def test_events_of_which_none_can_be_kept(url: str, tmp_path: Path) -> None:
    """Also a small piece of a stream, which is not held, does not pass for done when it brought nothing."""
    with connect(url) as db:
        load(db, write(tmp_path / "plants.csv", PLANTS))
        load(db, write(tmp_path / "inverters.csv", INVERTERS))
    file = write(tmp_path / "t.jsonl", GOOD_EVENTS.replace(b'"i1"', b'"nope"'))
    assert ingest(url, str(file)) == 65
