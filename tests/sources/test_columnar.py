"""Parquet files: the text that comes out of them is exact, and keeps the same contract."""

from __future__ import annotations

import datetime
import decimal
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import Database
from dbsvc.engine.errors import ExtraMissingError, InputError
from dbsvc.engine.sources import clouds
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from tests.helpers import HEADER, OTHERS, bills, load, processes, rejects, write
from tests.helpers.bucket_server import serving
from tests.helpers.cli import Cli, summary
from tests.helpers.growing import ON_ONE, run

try:
    import pyarrow as pa
    from pyarrow import parquet
except ImportError:
    pa = parquet = None

NAMES = HEADER.split(",")
needed = pytest.mark.skipif(pa is None, reason="pyarrow is not there (55 MB): pip install -e '.[parquet]' enables these tests")


def packed(columns: Mapping[str, Any], **options: Any) -> bytes:
    """A Parquet file."""
    made = io.BytesIO()
    parquet.write_table(pa.table(columns), made, **options)
    return made.getvalue()


def usage(days: Any, numbers: Any, names: Any, amounts: Any) -> dict[str, Any]:
    """The columns of a usage file."""
    columns = [days, numbers, ["USD"] * len(numbers), names, amounts, [decimal.Decimal("0")] * len(numbers)]
    return dict(zip(NAMES, [*columns, *([other] * len(numbers) for other in OTHERS)], strict=True))


def text(path: Path, *, as_objects: bool = False) -> str:
    """What comes out of a file."""
    with SourceFile(str(path)) as delivery:
        assert delivery.table
        delivery.table.as_objects = as_objects
        return delivery.read(0, 2**26).decode(errors="surrogateescape")


def column(tmp_path: Path, values: Any, of: Any = None) -> list[str]:
    """What a column's values are written as."""
    return text(write(tmp_path / "a.parquet", packed({"a": pa.array(values, of), "b": pa.nulls(len(values))}))).splitlines()[1:]


@needed
def test_values_are_written_exactly(tmp_path: Path) -> None:
    def of(values: Any, kind: Any = None) -> list[str]:
        return [line.removesuffix(",") for line in column(tmp_path, values, kind)]

    day, moment, zone = datetime.date(2021, 10, 1), datetime.datetime(2021, 10, 1, 10, 20), "Asia/Jerusalem"
    assert of([day, None, datetime.date(1, 1, 1)]) == ["2021-10-01", "", "0001-01-01"]
    assert of([day], pa.date64()) == ["2021-10-01"]
    for unit in ("s", "ms", "us", "ns"):
        assert of([moment], pa.timestamp(unit)) == ["2021-10-01T10:20:00"]
        assert of([moment.replace(tzinfo=datetime.UTC)], pa.timestamp(unit, zone)) == ["2021-10-01T10:20:00Z"]
    assert of([moment.replace(microsecond=120)], pa.timestamp("ns", "+05:30")) == ["2021-10-01T10:20:00.00012Z"]
    assert of([datetime.time(10), datetime.time(10, 0, 1, 5000)]) == ["10:00:00", "10:00:01.005"]
    amounts = ["0.00000001", "12.50000000", "-7.00000000", "9999999999.99999999"]
    assert of(list(map(decimal.Decimal, amounts)), pa.decimal128(38, 8)) == amounts
    assert of([0.1, 1e-7, 1e22, 3.0, float("nan")]) == ["0.1", "0.0000001", "10000000000000000000000", "3", "nan"]
    assert of([0.1, 16777216], pa.float32()) == ["0.1", "16777216"]
    assert of([0.5], pa.float16()) == ["0.5"]
    assert of([2**64 - 1, 0], pa.uint64()) == ["18446744073709551615", "0"]
    assert of([True, False, None]) == ["true", "false", ""]
    assert of(["a,b", 'say "hi"', " x ", None]) == ['"a,b"', '"say ""hi"""', " x ", ""]
    assert of(pa.array(["a", "b", "a"]).dictionary_encode()) == ["a", "b", "a"]
    assert of([b"a", b"\xff"]) == ["a", "\udcff"]


@needed
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_float_is_read_back_as_it_is(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    found = column(tmp_path_factory.getbasetemp(), numbers)
    assert [float(line.removesuffix(",")) for line in found] == numbers
    assert not any("e" in line for line in found)


@needed
def test_bills(db: Database, tmp_path: Path) -> None:
    """A record that breaks the contract is a reject, with its line of the text."""
    days = [datetime.date(2021, 10, 1)] * 3 + [None]
    amounts = [decimal.Decimal(n) / 100 for n in (150, 33, 999, 1)]
    path = write(tmp_path / "usage.parquet", packed(usage(days, [1, 2, 3, 4], ["ä", "b", "c", "d"], amounts), row_group_size=2))
    load(db, path, max_rejected_share=1)
    assert [(row[1], row[2], str(row[4])) for row in bills(db)] == [
        (1, "ä", "1.50000000"),
        (2, "b", "0.33000000"),
        (3, "c", "9.99000000"),
    ]
    assert [row[0] for row in rejects(db)] == [5]
    # the same text is the same delivery
    plain = write(tmp_path / "usage.csv", text(path).encode())
    assert load(db, plain, max_rejected_share=1).already


@needed
def test_telemetry(solar: Database, tmp_path: Path) -> None:
    """What is delivered as JSON lines is written so."""
    moments = [datetime.datetime(2024, 5, 1, 18, n, tzinfo=datetime.UTC) for n in range(3)]
    columns = {"event_id": ["e1", "e2", "e3"], "plant_id": ["p1"] * 3, "inverter_id": ["i1"] * 3, "event_time": moments}
    columns |= {"ac_power": [1.5, None, 3.0], "ac_power_unit": ["kW", None, "W"], "energy_wh_total": [1000, 1001, 1002]}
    path = write(tmp_path / "t.parquet", packed(columns))
    (outcome,) = run(solar, path)
    assert (outcome.load.read, outcome.load.inserted) == (3, 3)
    assert run(solar, path)[0].already
    line = '{"event_id":"e2","plant_id":"p1","inverter_id":"i1","event_time":"2024-05-01T18:01:00Z","ac_power":null,'
    assert text(path, as_objects=True).splitlines()[1].startswith(line)


@needed
def test_what_cannot_be_a_field_is_refused(db: Database, tmp_path: Path) -> None:
    for of, values in (("list", [[1]]), ("struct", [{"a": 1}]), ("duration", [datetime.timedelta(1)])):
        path = write(tmp_path / "a.parquet", packed({"a": pa.array(values)}))
        with pytest.raises(InputError, match=rf"column 'a' is of the type {of}.*flatten it") as raised:
            SourceFile(str(path))
        assert "\n" not in str(raised.value)
    with SourceFile(str(write(tmp_path / "b.parquet", packed({"x": [1]})))) as delivery, pytest.raises(InputError, match="'x'"):
        read_header(delivery, db.statements.datasets.values())


@needed
def test_damaged_files_are_refused(tmp_path: Path) -> None:
    names = [os.urandom(20).hex() for _ in range(3000)]
    whole = packed(usage([datetime.date(2021, 10, 1)] * 3000, range(3000), names, [0.5] * 3000), write_page_checksum=True)
    damaged = whole[:5000] + b"rubbish" + whole[5007:]
    for content in (whole[:4], whole[:-1], whole[: len(whole) // 2], damaged, whole[:-900] + b"rubbish" * 9 + whole[-837:]):
        with pytest.raises(InputError, match="the Parquet data is damaged or cut off") as raised:
            text(write(tmp_path / "a.parquet", content))
        assert "\n" not in str(raised.value)


@needed
def test_limits_and_pipes(cli: Cli) -> None:
    content = packed(usage([datetime.date(2021, 10, 1)] * 9000, range(9000), ["x" * 100] * 9000, [0] * 9000))
    ran = cli("ingest", cli.write("usage.parquet", content), env={"DBSVC_MAX_UNPACKED_GB": "0.001"})
    assert (ran.code, "unpacks to more than 0.001 GB" in ran.error) == (65, True)
    assert summary(cli("ingest", "-", stdin=content))["inserted"] == 9000


@needed
@pytest.mark.long
@ON_ONE
def test_memory_is_bounded(url: str, tmp_path: Path) -> None:
    """Of more than 100 MB of text, in one row group."""
    size = 600_000
    columns = usage(
        [datetime.date(2021, 10, 1)] * size, range(size), [f"name {n} {'x' * 150}" for n in range(size)], [1] * size
    )
    path = write(tmp_path / "usage.parquet", packed(columns, row_group_size=size))
    assert processes.peak(url, "ingest", str(path)) < 200


def test_without_pyarrow_it_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(cli.folder / "usage.parquet", b"PAR1" + bytes(30) + b"PAR1")
    with pytest.raises(ExtraMissingError, match=r"pip install 'dbsvc\[parquet\]'") as raised:
        SourceFile(str(path))
    assert raised.value.exit_code == 78


@needed
def test_a_glance_at_a_table_in_a_bucket_takes_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    content = packed({"a": [os.urandom(64) for _ in range(300_000)]}, use_dictionary=False, row_group_size=50_000)
    with serving() as buckets:
        buckets.use(monkeypatch)
        clouds._open_bucket.cache_clear()
        source = buckets.put("a.parquet", content)

        def taken() -> int:
            ranges = [(wanted or "").removeprefix("bytes=").split("-") for *_, wanted in buckets.requests]
            return sum(min(int(last) + 1, len(content)) - int(first) for first, last in ranges)

        with SourceFile(source) as glanced:
            glanced.read(0, 1000)
        assert taken() < len(content) / 4
        buckets.requests.clear()
        with SourceFile(source) as delivery:
            whole = delivery.read(0, 2**30)
        assert whole.count(b"\n") > 300_000
        assert taken() < 1.6 * len(content)  # a glance, and all of it
