"""Datasets that are not ours keep every promise without a word of code: orders, meter values in long form, nested events."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, connect, migrate
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.operations import dismiss
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.reports.lineage import trace_row
from tests.helpers import buckets, load, query, register, rejects, validating_all, write
from tests.helpers.cli import DBSVC, Cli
from tests.helpers.crash import KilledError, everything, fragile
from tests.helpers.project import declare

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A dataset: its declaration, a record by its number and version, one that breaks a rule, and how a file has them."""

    declaration: str
    record: Callable[[int, int], Record]
    broken: Callable[[int], Record]
    reason: str
    key: tuple[str, ...]
    file: Callable[[Sequence[Record]], bytes]


def columns(**types: str) -> str:
    """Columns by their names, each with its type and limits."""
    return "".join(f'[columns.{name}]\ntype = "{kind}"\n' for name, kind in types.items())


def head(name: str, form: str, key: Sequence[str]) -> str:
    return f'title = "{name}"\nformat = "{form}"\ndepends_on = []\ntable = "{name}"\nkey = {json.dumps(list(key))}\n'


def as_csv(records: Sequence[Record]) -> bytes:
    names = list(records[0])
    lines = [names, *([record[name] for name in names] for record in records)]
    return "".join(",".join(map(str, line)) + "\n" for line in lines).encode()


def as_json(records: Sequence[Record]) -> bytes:
    return "".join(json.dumps(record, separators=(", ", ": ")) + "\n" for record in records).encode()


def order(n: int, version: int) -> Record:
    zone = ("Z", "+02:00", "-05:30")[n % 3]
    return {
        "order_id": n,
        "customer": f"Customer {n % 7}",
        "ordered_at": f"2024-05-{1 + n % 28:02}T10:{n % 60:02}:00{zone}",
        "total": f"{n}.{version:02}",
        "paid": ("yes", "no")[version % 2],
        "note": "" if n % 2 else "by door",
    }


def value(n: int, version: int) -> Record:
    return {
        "meter_id": f"m{n % 5}",
        "at": f"2024-05-{1 + n % 28:02} 00:00:00Z",
        "register": f"r{n // 5}",
        "value": f"{n}.{version}",
    }


def happened(n: int, version: int) -> Record:
    return {
        "id": f"9f3b1c1e-0d1b-4c6e-8a55-{n:012x}",
        "at": f"2024-05-01T10:00:{n % 60:02}Z",
        "on": version % 2 == 0,
        "payload": {"meter": {"value": n + version, "units": ["kWh", None]}},
    }


KINDS = {
    "orders": Kind(
        head("orders", "csv", ["order_id"])
        + columns(
            order_id="whole",
            customer="text",
            ordered_at="timestamp",
            total='decimal"\nplaces = 2\nsigned = true\n#',
            paid="boolean",
            note='text"\noptional = true\n#',
        ),
        order,
        lambda n: {**order(n, 1), "total": "1,5".replace(",", "x")},
        "total_invalid",
        ("order_id",),
        as_csv,
    ),
    "meter_values": Kind(
        head("meter_values", "csv", ["meter_id", "at", "register"])
        + columns(meter_id="text", at="timestamp", register="text", value='decimal"\nplaces = 3\n#'),
        value,
        lambda n: {**value(n, 1), "value": "-1"},
        "value_negative",
        ("meter_id", "at", "register"),
        as_csv,
    ),
    "happenings": Kind(
        head("happenings", "jsonl", ["id"]) + columns(id="uuid", at="timestamp", on="boolean", payload="json"),
        happened,
        lambda n: {**happened(n, 1), "on": "perhaps"},
        "on_invalid",
        ("id",),
        as_json,
    ),
}


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    """The name of a dataset."""
    return str(request.param)


@pytest.fixture
def project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that declares it."""
    folder = declare(tmp_path / "ours", name, KINDS[name].declaration)
    monkeypatch.setenv("DBSVC_PROJECT", str(folder))
    return folder


@pytest.fixture
def ours(url: str, project: Path) -> Iterator[Database]:
    """A database with its tables."""
    with connect(url) as db:
        migrate(db)
        yield db


def first(kind: Kind) -> list[Record]:
    return [kind.record(n, 1) for n in range(60)]


def second(kind: Kind) -> list[Record]:
    """Some as they were, some changed, some new, one twice, one in two versions, one that breaks a rule."""
    return [
        *(kind.record(n, 1) for n in range(10)),
        *(kind.record(n, 2) for n in range(10, 30)),
        *(kind.record(n, 1) for n in range(60, 80)),
        kind.record(60, 1),
        kind.record(61, 4),
        kind.broken(200),
    ]


AFTER = {"inserted": 20, "updated": 20, "unchanged": 10, "duplicate": 1, "superseded": 1, "rejected": 1}


def stored(value: Any) -> Any:
    """A value as the database has it, of what a record says."""
    if isinstance(value, dict):
        return json.dumps(value, separators=(", ", ": "))
    if isinstance(value, bool):
        return value
    text = str(value)
    if text in ("yes", "no"):
        return text == "yes"
    if text.startswith("2024-"):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    if text and text.replace(".", "", 1).isdigit():
        return Decimal(text)
    return text or None


def expected(kind: Kind, *deliveries: Sequence[Record]) -> list[list[Any]]:
    """The rows that stand: of each key its last delivery."""
    rows = {tuple(str(record[part]) for part in kind.key): record for records in deliveries for record in records}
    return sorted(([stored(value) for value in record.values()] for record in rows.values()), key=repr)


def rows(db: Database, name: str) -> list[list[Any]]:
    found = query(db, f"SELECT {', '.join(chr(34) + column + chr(34) for column in KINDS[name].record(1, 1))} FROM {name}")
    return sorted(([_alike(value) for value in row] for row in found), key=repr)


def _alike(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value if value is None or isinstance(value, bool | Decimal) else str(value)


def good(kind: Kind, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record != kind.broken(200)]


def delivered(folder: Path, kind: Kind) -> tuple[Path, Path]:
    """Two deliveries."""
    return write(folder / "first.x", kind.file(first(kind))), write(folder / "second.x", kind.file(second(kind)))


def test_two_deliveries(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    assert buckets(load(ours, one).load)["inserted"] == 60
    assert rows(ours, name) == expected(kind, first(kind))
    loaded = load(ours, two)
    assert {bucket: count for bucket, count in buckets(loaded.load).items() if count} == AFTER
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))
    ((_, reasons, raw),) = rejects(ours)
    assert reasons == kind.reason
    assert two.read_bytes().endswith(raw.rstrip() + b"\n")
    assert load(ours, two).load.load_id == loaded.load.load_id  # again: nothing
    assert query(ours, "SELECT count(*) FROM loads") == [(2,)]
    states = {result.check.name: result.state for result in run(ours, load_checks(ours.statements), 28)}
    assert {check for check, state in states.items() if state != "ok"} <= {"rejects_rising"}
    revert(ours, 2)
    assert rows(ours, name) == expected(kind, first(kind))
    assert query(ours, f"SELECT count(*) FROM {name}_history") == [(0,)]
    dismissed = load(ours, two, again=True)
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))
    assert dismiss(ours, dismissed.load.load_id).records == 1


def test_where_a_row_came_from(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    for file in (one, two):
        load(ours, file)
    written = kind.record(15, 2)
    key = [str(written[part]) for part in kind.key]
    found = trace_row(ours, name, key)
    assert [(row["state"], row["load_id"], row["source"], row["replaced_by_load_id"]) for row in found.versions] == [
        ("replaced", 1, str(one), 2),
        ("current", 2, str(two), None),
    ]
    assert [_alike(value) for value in found.current["values"].values()] == [stored(value) for value in written.values()]
    assert found.replaced.keys() <= {*found.values}
    assert found.replaced
    # as it is stored
    assert trace_row(ours, name, [str(found.current["values"][part]) for part in kind.key]).versions == found.versions
    with pytest.raises(InputError, match=rf"never was: its record lies in quarantine, load 2, line \d+ \({kind.reason}\)\.$"):
        trace_row(ours, name, [str(kind.broken(200)[part]) for part in kind.key])
    with pytest.raises(InputError, match=rf"^A row of {name} is found .*: {len(key)} in all, not {len(key) + 1}\.$"):
        trace_row(ours, name, [*key, "1"])


def test_the_first_delivery_is_inserted_without_comparing(ours: Database, name: str, tmp_path: Path) -> None:
    """As long as no key stands twice in it; what stands is the same, and the checks say so."""
    kind = KINDS[name]
    repeated = [*first(kind), kind.record(0, 1), kind.record(1, 3)]
    loaded = load(ours, write(tmp_path / "first.x", kind.file(repeated))).load
    assert buckets(loaded) == {"inserted": 60, "duplicate": 1, "superseded": 1}
    assert rows(ours, name) == expected(kind, repeated)
    states = {result.check.name: result.state for result in run(ours, load_checks(ours.statements), 28)}
    assert {check for check, state in states.items() if state != "ok"} == set()
    revert(ours, 1)
    loaded = load(ours, write(tmp_path / "again.x", kind.file(first(kind)))).load
    assert buckets(loaded) == {"inserted": 60}
    assert rows(ours, name) == expected(kind, first(kind))


def test_the_later_delivery_wins_whoever_ends_first(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    register(ours, one)
    load(ours, two)
    load(ours, one)
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))


def test_the_fast_path_is_no_other(ours: Database, name: str, tmp_path: Path, fresh_url: Callable[[], str]) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    with connect(fresh_url()) as other, validating_all():
        migrate(other)
        for file in (one, two):
            load(other, file)
        want = rows(other, name), rejects(other)
    for file in (one, two):
        load(ours, file)
    assert (rows(ours, name), rejects(ours)) == want


def test_damaged_bytes_are_rejected_and_no_more(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    chance = random.Random(name)
    for _ in range(4):
        data = bytearray(kind.file(first(kind)))
        begin = data.index(b"\n") + 1
        for _ in range(5):
            data[chance.randrange(begin, len(data) - 1)] = chance.randrange(256)
        loaded = load(ours, write(tmp_path / "damaged.x", bytes(data)), max_rejected_share=1.0).load
        assert sum(buckets(loaded).values()) == loaded.read


def crash(url: str, name: str, files: Sequence[Path], at: int | None, fault: str) -> tuple[list[str], dict[str, Any]]:
    """Deliver files, break at that call of the last one, and deliver again; return the calls, and all that stands then."""
    with connect(url) as db:
        migrate(db)
        for file in files[:-1]:
            load(db, file)
    with fragile(url, at, fault) as (db, breaks), suppress(KilledError, Exception):
        load(db, files[-1])
    with connect(url) as db:
        load(db, files[-1])
        return breaks.calls, everything(db)


@pytest.mark.parametrize("most", [1, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.parametrize("fault", ["killed", "unanswered"])
def test_a_crash_anywhere(
    project: Path, fresh_url: Callable[[], str], name: str, tmp_path: Path, fault: str, most: int
) -> None:
    files = delivered(tmp_path, KINDS[name])
    calls, want = crash(fresh_url(), name, files, None, fault)
    chance = random.Random(f"{name} {fault}")
    for at in sorted(chance.sample(range(1, len(calls) + 1), min(most, len(calls)))):
        assert crash(fresh_url(), name, files, at, fault)[1] == want, calls[at - 1]


#: one of them in CI
FEW = ["orders", *(pytest.param(more, marks=pytest.mark.long) for more in [*KINDS][1:])]


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW, indirect=True)
def test_two_instances_on_one_file(ours: Database, cli_on: Cli, name: str, project: Path) -> None:
    kind = KINDS[name]
    records = [kind.record(n, 1) for n in range(3_000)]
    cli_on.write("many.x", kind.file(records))
    env = cli_on.env({"DBSVC_PROJECT": str(project), "DBSVC_CHUNK_BYTES": "20000"})
    both = [
        subprocess.Popen(
            [*DBSVC, "ingest", "many.x"], cwd=cli_on.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    assert [(process.communicate(timeout=60), process.returncode)[1] for process in both] == [0, 0]
    assert rows(ours, name) == expected(kind, records)
