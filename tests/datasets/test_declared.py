"""Datasets that are not ours keep every promise without a word of code: orders, meter values in long form, nested events."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect, migrate
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.model import Outcome
from dbsvc.engine.loads.operations import dismiss
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.profiles import find_profiles
from dbsvc.engine.reports.lineage import trace_row
from tests.helpers import buckets, load, query, register, rejects, validating_all, write
from tests.helpers.cli import DBSVC, Cli
from tests.helpers.crash import KilledError, everything, fragile
from tests.helpers.processes import Instance, succeed
from tests.helpers.project import declare, make_project

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
    #: how its files are written, if a profile says so; and whether records of one key may stand in several places of one
    profile: str = ""
    repeats: bool = True


def columns(**types: str) -> str:
    """Columns by their names, each with its type and limits."""
    return "".join(f'[columns.{name}]\ntype = "{kind}"\n' for name, kind in types.items())


def head(name: str, form: str, key: Sequence[str], *, placed: bool = True) -> str:
    return (
        f'title = "{name}"\nformat = "{form}"\ndepends_on = []\ntable = "{name}"\nkey = {json.dumps(list(key))}\n'
        f"placed = {json.dumps(placed)}\n"
    )


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
        "at": f"2024-05-{1 + n % 28:02}T{n // 28 % 24:02}:{n // 672:02}:00Z",
        "voltage": f"{n}.{version}",
        "power": "" if n % 3 == 0 else f"-{version}.5",
        "switched": ("yes", "no")[n % 2],
    }


def as_lines(records: Sequence[Record]) -> bytes:
    """In long form: a line for each value, spelled as some source does."""
    lines = [["Zähler", "at", "name", "value"]]
    for n, record in enumerate(records):
        pairs = [("U", record["voltage"].replace(".", ",")), ("on", record["switched"]), ("rssi", str(n))]
        pairs += [("P", record["power"].replace(".", ","))] if record["power"] else []
        lines += [[record["meter_id"], record["at"], *pair] for pair in (pairs if n % 2 else pairs[::-1])]
    return "".join(";".join(line) + "\r\n" for line in lines).encode("cp1252", errors="replace")


LINES = """dataset = "meter_values"
encoding = "cp1252"
delimiter = ";"
decimal = ","
[match]
header = ["Zähler"]
[names]
"Zähler" = "meter_id"
[long]
name = "name"
value = "value"
ignore = "rssi"
[long.columns]
"U" = "voltage"
"P" = "power"
"on" = "switched"
"""


def happened(n: int, version: int) -> Record:
    return {
        "id": f"9f3b1c1e-0d1b-4c6e-8a55-{n:012x}",
        "at": f"2024-05-01T10:00:{n % 60:02}Z",
        "on": version % 2 == 0,
        "payload": {"meter": {"value": n + version, "units": ["kWh", None]}},
    }


def event(n: int, version: int) -> Record:
    return {
        "id": f"9f3b1c1e-0d1b-4c6e-8a55-{n:012x}",
        "at": f"2024-05-01T{n % 24:02}:00:{n % 60:02}+02:00",
        "place": ("Hall, North", 'The "old" hall', "Hal\u00f8 4")[n % 3],
        "amount": f"{n}.{version:03}",
    }


def as_array(records: Sequence[Record]) -> bytes:
    """An array within a document, and what is told of an event lies in its objects."""
    events = [
        {"id": one["id"], "meta": {"at": one["at"]}, "payload": [None, {name: one[name] for name in ("place", "amount")}]}
        for one in records
    ]
    document = {"sent": {"by": "them", "items": [1]}, "data": {"events": events, "count": len(events)}}
    return json.dumps(document, indent=1).encode()


ARRAY = """dataset = "events"
array = "data.events"
[match]
header = ["meta.at"]
[names]
"meta.at" = "at"
"payload.1.place" = "place"
"payload.1.amount" = "amount"
"""
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
        head("meter_values", "csv", ["meter_id", "at"], placed=False)  # as projects of before declare
        + columns(
            meter_id="text",
            at="timestamp",
            voltage='decimal"\nplaces = 3\n#',
            power='number"\noptional = true\n#',
            switched="boolean",
        ),
        value,
        lambda n: {**value(n, 1), "voltage": "-1"},
        "voltage_negative",
        ("meter_id", "at"),
        as_lines,
        LINES,
        repeats=False,
    ),
    "events": Kind(
        head("events", "jsonl", ["id"]) + columns(id="uuid", at="timestamp", place="text", amount='decimal"\nplaces = 3\n#'),
        event,
        lambda n: {**event(n, 1), "amount": "-1"},
        "amount_negative",
        ("id",),
        as_array,
        ARRAY,
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


#: one that is like others is tried with the long tests
@pytest.fixture(params=[pytest.param(one, marks=pytest.mark.long) if one == "happenings" else one for one in KINDS])
def name(request: pytest.FixtureRequest) -> str:
    """The name of a dataset."""
    return str(request.param)


@pytest.fixture
def project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that declares it."""
    folder = declare(tmp_path / "ours", name, KINDS[name].declaration)
    if KINDS[name].profile:
        make_project(folder, {"profiles/theirs.toml": KINDS[name].profile})
    monkeypatch.setenv("DBSVC_PROJECT", str(folder))
    return folder


def first(kind: Kind) -> list[Record]:
    return [kind.record(n, 1) for n in range(60)]


def second(kind: Kind) -> list[Record]:
    """Some as they were, some changed, some new, one twice, one in two versions, one that breaks a rule."""
    return [
        *(kind.record(n, 1) for n in range(10)),
        *(kind.record(n, 2) for n in range(10, 30)),
        *(kind.record(n, 1) for n in range(60, 80)),
        *([kind.record(60, 1), kind.record(61, 4)] if kind.repeats else []),
        kind.broken(200),
    ]


def deliver(db: Database, source: Path, **more: Any) -> Outcome:
    """What `dbsvc ingest` does with a file, by the profiles of the project; staged where rows will stay, however few."""
    profiles = find_profiles(db.statements.project, db.statements.datasets)
    return load(db, source, profiles=profiles, **{"month_records": 1, **more})


AFTER = {"inserted": 20, "updated": 20, "unchanged": 10, "rejected": 1}
REPEATS = {"duplicate": 1, "superseded": 1}


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
    assert buckets(deliver(ours, one).load)["inserted"] == 60
    assert rows(ours, name) == expected(kind, first(kind))
    loaded = deliver(ours, two)
    assert buckets(loaded.load) == AFTER | (REPEATS if kind.repeats else {})
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))
    ((line, reasons, raw),) = rejects(ours)
    assert reasons == kind.reason
    beginning = two.read_bytes().split(b"\n")[line - 1 :]
    assert b"\n".join(beginning).lstrip().startswith(raw)  # on that line of the file, byte for byte
    assert two.read_bytes().count(raw) == 1
    assert deliver(ours, two).load.load_id == loaded.load.load_id  # again: nothing
    assert query(ours, "SELECT count(*) FROM loads") == [(2,)]
    states = {result.check.name: result.state for result in run(ours, load_checks(ours.statements), 28)}
    assert {check for check, state in states.items() if state != "ok"} <= {"rejects_rising"}
    revert(ours, 2)
    assert rows(ours, name) == expected(kind, first(kind))
    assert query(ours, f"SELECT count(*) FROM {name}_history") == [(0,)]
    dismissed = deliver(ours, two, again=True)
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))
    assert dismiss(ours, dismissed.load.load_id).records == 1


def test_where_a_row_came_from(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    for file in (one, two):
        deliver(ours, file)
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
    repeated = [*first(kind), *([kind.record(0, 1), kind.record(1, 3)] if kind.repeats else [])]
    loaded = deliver(ours, write(tmp_path / "first.x", kind.file(repeated))).load
    assert buckets(loaded) == {"inserted": 60} | (REPEATS if kind.repeats else {})
    assert rows(ours, name) == expected(kind, repeated)
    states = {result.check.name: result.state for result in run(ours, load_checks(ours.statements), 28)}
    assert {check for check, state in states.items() if state != "ok"} == set()
    revert(ours, 1)
    for n, records in enumerate((first(kind), first(kind)[::-1]), 1):  # in any order
        loaded = deliver(ours, write(tmp_path / f"again{n}.x", kind.file(records))).load
        assert buckets(loaded) == {"inserted": 60}
        assert rows(ours, name) == expected(kind, records)
        revert(ours, loaded.load_id)


def test_the_later_delivery_wins_whoever_ends_first(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    register(ours, one, profiles=find_profiles(ours.statements.project, ours.statements.datasets))
    deliver(ours, two)
    deliver(ours, one)
    assert rows(ours, name) == expected(kind, first(kind), good(kind, second(kind)))


def test_the_fast_path_is_no_other(ours: Database, name: str, tmp_path: Path, fresh_url: Callable[[], str]) -> None:
    kind = KINDS[name]
    one, two = delivered(tmp_path, kind)
    with connect(fresh_url()) as other, validating_all():
        migrate(other)
        for file in (one, two):
            deliver(other, file)
        want = rows(other, name), rejects(other)
    for file in (one, two):
        deliver(ours, file)
    assert (rows(ours, name), rejects(ours)) == want


def test_damaged_bytes_are_rejected_and_no_more(ours: Database, name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    chance = random.Random(name)
    for _ in range(4):
        data = bytearray(kind.file(first(kind)))
        begin = data.index(b"\n") + 1
        for _ in range(5):
            data[chance.randrange(begin, len(data) - 1)] = chance.randrange(256)
        damaged = write(tmp_path / "damaged.x", bytes(data))
        before = query(ours, "SELECT count(*) FROM loads")
        try:
            loaded = deliver(ours, damaged, max_rejected_share=1.0).load
        except InputError:  # nobody knows where its records begin: nothing of it is loaded
            assert kind.profile
            assert query(ours, "SELECT count(*) FROM loads") == before
            continue
        assert sum(buckets(loaded).values()) == loaded.read
        for line, _, raw in rejects(ours, loaded.load_id):
            assert b"\n".join(bytes(data).split(b"\n")[line - 1 :]).lstrip().startswith(raw)


def crash(url: str, name: str, files: Sequence[Path], at: int | None, fault: str) -> tuple[list[str], dict[str, Any]]:
    """Deliver files, break at that call of the last one, and deliver again; return the calls, and all that stands then."""
    with connect(url) as db:
        migrate(db)
        for file in files[:-1]:
            deliver(db, file)
    with fragile(url, at, fault) as (db, breaks), suppress(KilledError, Exception):
        deliver(db, files[-1])
    with connect(url) as db:
        deliver(db, files[-1])
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
    env = cli_on.env({"DBSVC_PROJECT": str(project), "DBSVC_CHUNK_BYTES": "20000", "DBSVC_MONTH_RECORDS": "1"})
    both = [
        subprocess.Popen(
            [*DBSVC, "ingest", "many.x"], cwd=cli_on.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    assert [(process.communicate(timeout=60), process.returncode)[1] for process in both] == [0, 0]
    assert rows(ours, name) == expected(kind, records)


#: what stands in the place of a value, now and then
ODD = st.sampled_from(
    [
        *("", " ", "x", "-1", "0", "00", "1.2345", "99999999999999999999", "1e5", "yes", "No", "true", "\ufffd", "\u00e9"),
        *(
            '"',
            '""',
            "a b",
            "2024-02-30T00:00:00Z",
            "2024-05-01 00:00:00Z",
            "2024-05-01T02:00:00.000+02:00",
            "2024-05-01T00:00",
        ),
        *("m1", "M1", " m1", "{9f3b1c1e-0d1b-4c6e-8a55-000000000001}", "9F3B1C1E-0D1B-4C6E-8A55-000000000001"),
    ]
)
CHANGES = st.dictionaries(st.integers(0, 4), ODD, max_size=2)
FUZZED = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), CHANGES), min_size=1)
EXAMPLES = [2, pytest.param(60, marks=pytest.mark.long)]


def became(db: Database, name: str, source: Path) -> Any:
    """What a delivery comes to: how it ends, in which buckets, what is rejected, and all rows."""
    try:
        loaded = deliver(db, source, max_rejected_share=1.0, chunk_bytes=400).load
    except InputError as error:
        return str(error), rows(db, name)
    assert sum(buckets(loaded).values()) == (loaded.read if loaded.status == "published" else loaded.rejected or 0)
    return loaded.status, buckets(loaded), rejects(db, loaded.load_id), rows(db, name)


@pytest.mark.parametrize("most", EXAMPLES)
def test_any_records_come_to_the_same_on_every_database_and_path(ours: Database, name: str, tmp_path: Path, most: int) -> None:
    kind = KINDS[name]
    delivery = tmp_path / "fuzzed.x"
    with connect(f"sqlite:///{tmp_path / 'twin.db'}") as twin:
        migrate(twin)

        @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck))
        @given(FUZZED)
        def check(fuzzed: list[tuple[int, int, dict[int, str]]]) -> None:
            records = []
            for n, version, odd in fuzzed:
                record = dict(kind.record(n, version))
                names = list(record)
                records.append(record | {names[at % len(names)]: text for at, text in odd.items()})
            write(delivery, kind.file(records))
            with validating_all():
                want = became(twin, name, delivery)
            assert became(ours, name, delivery) == want

        check()


KILLED = ["meter_values", *(pytest.param(more, marks=pytest.mark.long) for more in KINDS if more != "meter_values")]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", KILLED, indirect=True)
def test_processes_are_killed(
    url: str, fresh_url: Callable[[], str], name: str, project: Path, tmp_path: Path, kills: int
) -> None:
    """The next one goes on, and it ends as if nobody had been: rejects keep their lines and their very bytes."""
    kind = KINDS[name]
    records = [kind.broken(n) if n % 50 == 7 else kind.record(n, 1) for n in range(500 + 500 * kills)]
    file = write(tmp_path / "many.x", kind.file(records))
    with connect(fresh_url()) as calm:
        migrate(calm)
        deliver(calm, file, chunk_bytes=20_000)
        want = everything(calm)
    with connect(url) as db:
        migrate(db)
    chance = random.Random(name)
    more = {"DBSVC_PROJECT": str(project), "DBSVC_CHUNK_BYTES": "20000", "DBSVC_MONTH_RECORDS": "1"}
    for nth in range(kills):
        with Instance(url, "ingest", "--jobs", "1", file, cwd=None, **more) as instance:
            if nth % 3 < 2:
                instance.await_event("staged", 1 + nth % 3)
            else:
                instance.await_event(chance.choice(["registered", "audited"]))
            instance.kill()
            assert instance.await_end() in (0, -9)  # it may be faster than we are
    succeed(url, "ingest", file, cwd=None, **more)
    with connect(url) as db:
        assert everything(db) == want
        of_file = file.read_bytes().split(b"\n")
        found = rejects(db)
        assert len(found) == len(records) // 50
        for line, _, raw in found:
            assert b"\n".join(of_file[line - 1 : line + 20]).lstrip().startswith(raw)
