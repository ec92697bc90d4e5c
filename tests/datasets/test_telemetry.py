"""Telemetry: whatever the order, the repetition and the files that events come in, the same readings and the same days.

Compared with a small model in whole numbers. One database serves all examples: each has its own plants, inverters and events.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.functions.counters import Reading, count_energy
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.operations import discard, retry
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.settings import Settings
from tests.helpers import buckets, ledger, load, query, register, stage, write
from tests.helpers.citus import SERVERS, at_most
from tests.helpers.order import natural
from tests.helpers.server import Server

#: a plant for every kind of clock: daylight saving of an hour and of half an hour, none, a day that was skipped, the last zone
ZONES = {
    "L": "Europe/London",
    "N": "America/New_York",
    "K": "Asia/Kolkata",
    "H": "Australia/Lord_Howe",
    "A": "Pacific/Apia",
    "W": "Etc/GMT+12",
}
#: when a day begins there, or clocks change
PIVOTS = {
    "L": [
        "2024-03-31 00:00",
        "2024-03-31 01:00",
        "2024-03-31 23:00",
        "2024-10-26 23:00",
        "2024-10-27 01:00",
        "2024-10-28 00:00",
    ],
    "N": [
        "2024-03-10 05:00",
        "2024-03-10 07:00",
        "2024-03-11 04:00",
        "2024-11-03 04:00",
        "2024-11-03 06:00",
        "2024-11-04 05:00",
    ],
    "K": ["2023-12-31 18:30", "2024-02-28 18:30", "2024-02-29 18:30"],
    "H": [
        "2024-04-06 13:00",
        "2024-04-06 15:00",
        "2024-04-07 13:30",
        "2024-10-05 13:30",
        "2024-10-05 15:30",
        "2024-10-06 13:00",
    ],
    "A": ["2011-12-30 10:00", "2021-04-03 10:00", "2021-04-03 14:00", "2021-04-04 11:00"],
    "W": ["2024-01-01 12:00"],
}
#: seconds around them
OFFSETS = [-86400, -82800, -7200, -1800, -1, -1e-6, 0, 1e-6, 1, 900, 3600, 7200, 43200, 82800, 86399, 86400, 90000]
WATTS = {"W": 1, "kW": 1000, "MW": 1_000_000}
CAPACITY_KW = 5.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: an inverter that the registry comes to know late
GHOST = "ghost"
_SCENES = 25  # registered at once


class Event(NamedTuple):
    """An event as it is meant. Numbers are texts, as they are written."""

    event_id: str
    plant: str
    inverter: str
    time: datetime
    ac: tuple[str, str]
    dc: tuple[str, str] | None = None
    energy: str | None = None
    temperature: str | None = None
    source: str | None = None
    status: str | None = None


class Visible(NamedTuple):
    """A record that is not in quarantine, and where it stood."""

    event: Event
    load_id: int
    line: int

    @property
    def rank(self) -> tuple[datetime, int, int]:
        """The greatest wins."""
        return self.event.time, self.load_id, self.line


# The rules, in Python -------------------------------------------------------------------------------------------------


def milli(written: str, factor: int = 1) -> int:
    """Thousandths, rounded half up."""
    return math.floor(Fraction(written) * factor * 1000 + Fraction(1, 2))


def number(written: str | None) -> float | None:
    return None if written is None else float(written)


def raw_row(event: Event) -> tuple[Any, ...]:
    """What is stored of an event."""
    ac, dc = (float(event.ac[0]), event.ac[1]), (float(event.dc[0]), event.dc[1]) if event.dc else (None, None)
    numbers = number(event.energy), number(event.temperature)
    return event.event_id, event.plant, event.inverter, event.time, event.source, *ac, *dc, *numbers, event.status


def newest(events: Iterable[Event]) -> dict[str, Event]:
    """Of each event its newest version."""
    found: dict[str, Event] = {}
    for event in events:
        if event.event_id not in found or found[event.event_id].time < event.time:
            found[event.event_id] = event
    return found


def readings(raw: Iterable[Event]) -> list[Event]:
    """Of each inverter's moment the event with the greatest id, as people count."""
    found: dict[tuple[str, datetime], Event] = {}
    for event in sorted(raw, key=lambda event: natural(event.event_id)):
        found[event.inverter, event.time] = event
    return [event for _, event in sorted(found.items())]


def local_day(event: Event, zones: Mapping[str, str]) -> date:
    return event.time.astimezone(ZoneInfo(zones[event.plant])).date()


def clean_row(event: Event, zones: Mapping[str, str]) -> tuple[Any, ...]:
    """What is stored of a reading."""
    dc = milli(event.dc[0], WATTS[event.dc[1]]) / 1000 if event.dc else None
    energy, temperature = [None if text is None else milli(text) / 1000 for text in (event.energy, event.temperature)]
    place = event.inverter, event.time, event.plant, local_day(event, zones), event.event_id, event.source
    return *place, milli(event.ac[0], WATTS[event.ac[1]]) / 1000, dc, energy, temperature, event.status


def summary_row(events: Sequence[Event], zones: Mapping[str, str]) -> tuple[Any, ...]:
    """The day that these readings make, which are in the order of time."""
    powers = [milli(event.ac[0], WATTS[event.ac[1]]) for event in events]
    counters = [
        Reading((event.time - EPOCH) // timedelta(microseconds=1), milli(event.energy)) for event in events if event.energy
    ]
    counted, uncounted, faults = count_energy(counters, CAPACITY_KW)  # which has tests of its own
    average = math.floor(Fraction(sum(powers), len(powers)) + Fraction(1, 2))
    place = events[0].inverter, local_day(events[0], zones), events[0].plant
    energy = counted / 1000 if len(counters) > 1 else None
    power = average / 1000, max(powers) / 1000, len(powers)
    return *place, *power, energy, events[0].time, events[-1].time, len(powers), uncounted / 1000, faults


Tables = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]


def derive(raw: Mapping[str, Event], zones: Mapping[str, str]) -> Tables:
    """The three tables: events, readings, days."""
    clean = readings(raw.values())
    days: dict[tuple[str, date, str], list[Event]] = {}
    for event in clean:
        days.setdefault((event.inverter, local_day(event, zones), event.plant), []).append(event)
    return (
        [raw_row(event) for _, event in sorted(raw.items())],
        [clean_row(event, zones) for event in clean],
        [summary_row(events, zones) for _, events in sorted(days.items())],
    )


def by_key(records: Iterable[Visible]) -> dict[str, list[Visible]]:
    found: dict[str, list[Visible]] = {}
    for record in records:
        found.setdefault(record.event.event_id, []).append(record)
    return found


def winners(records: Iterable[Visible]) -> list[Visible]:
    """The record of each event that counts."""
    return [max(lines, key=lambda line: line.rank) for lines in by_key(records).values()]


def losers(records: Iterable[Visible]) -> list[Visible]:
    """A file's lines that another one superseded; what is neither this nor a winner is a duplicate."""
    found = []
    for lines in by_key(records).values():
        (winner,) = winners(lines)
        last = {raw_row(line.event): line for line in sorted(lines, key=lambda line: line.line)}
        found += [line for row, line in last.items() if row != raw_row(winner.event)]
    return found


#: what is kept of a record that is not current: its values, load, line, and the load that replaced it
Past = tuple[tuple[Any, ...], int, int, int]


def chain(deliveries: Iterable[Visible]) -> tuple[dict[str, Visible], set[Past]]:
    """The current records and those they replaced; one that repeats the values before it is neither."""
    current: dict[str, Visible] = {}
    past: set[Past] = set()
    for record in sorted(deliveries, key=lambda record: record.rank):
        before = current.setdefault(record.event.event_id, record)
        if raw_row(before.event) != raw_row(record.event):
            past.add((raw_row(before.event), before.load_id, before.line, record.load_id))
            current[record.event.event_id] = record
    return current, past


def expected_buckets(stored: Sequence[Visible], records: Sequence[Visible]) -> Counter[str]:
    """What records that are published together turn out to be when these are published already."""
    current, _ = chain(stored)
    counts = Counter(superseded=len(losers(records)))
    counts["duplicate"] = len(records) - len(winners(records)) - counts["superseded"]
    for record in winners(records):
        event_id = record.event.event_id
        if event_id not in current:
            counts["inserted"] += 1
        elif raw_row(current[event_id].event) == raw_row(record.event):
            counts["unchanged"] += 1
        elif any(other.event.event_id == event_id and other.rank > record.rank for other in stored):
            counts["superseded"] += 1
        else:
            counts["updated"] += 1
    return counts


# The databases --------------------------------------------------------------------------------------------------------


def written(event: Event, style: int, **more: object) -> str:
    """One line of a file. There are many ways to write the same."""
    zone = [timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8)][style % 3]
    clock = (event.time + zone).strftime("%Y-%m-%dT%H:%M:%S")
    if event.time.microsecond or style % 5 == 1:
        clock += f".{event.time.microsecond:06}" + "9" * (style % 2)  # what is finer is cut off
    clock += ["Z", "+05:30", "-0800"][style % 3] if style % 4 else ["+00:00", "+0530", "-08:00"][style % 3]
    texts = {
        "event_id": event.event_id,
        "plant_id": event.plant,
        "inverter_id": event.inverter,
        "event_time": clock.replace("T", " ") if style % 7 == 3 else clock,
        "source": event.source,
        "ac_power_unit": event.ac[1],
        "dc_power_unit": event.dc and event.dc[1],
        "status": event.status,
        **more,
    }
    numbers = {
        "ac_power": event.ac[0],
        "dc_power": event.dc and event.dc[0],
        "energy_wh_total": event.energy,
        "temperature_c": event.temperature,
    }
    fields = {name: json.dumps(text) for name, text in texts.items()}
    fields |= {
        name: "null" if text is None else text if style % 2 else f'"{text}{".0"[: 2 * ("." not in text)]}0"'
        for name, text in numbers.items()
    }
    if style % 6 < 3:
        fields = {name: text for name, text in fields.items() if text != "null"}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}\n"


def csv_file(path: Path, header: str, rows: Iterable[Sequence[str]]) -> Path:
    return write(path, "".join(f"{','.join(row)}\n" for row in [[header], *rows]).encode())


class World:
    """One database, in which many examples play."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.folder = folder
        self.scenes = 0
        self.files = 0

    def path(self, suffix: str) -> Path:
        """A new file's."""
        self.files += 1
        return self.folder / f"{self.files:05}{suffix}"

    def plants(self, zones: Mapping[str, str]) -> Path:
        """A registry's file, unlike any other."""
        path = self.path(".csv")
        rows = [(plant, f"plant of {path.stem}", "there", zone) for plant, zone in zones.items()]
        return csv_file(path, "plant_id,name,location,timezone", rows)

    def inverters(self, plants: Mapping[str, str]) -> Path:
        """A registry's file: the plants of inverters."""
        path = self.path(".csv")
        rows = [(inverter, plant, "v", path.stem, "5", "") for inverter, plant in plants.items()]
        return csv_file(path, "inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at", rows)

    def scene(self) -> Scene:
        """Six plants in six zones, each with two inverters, and no events yet."""
        if self.scenes % _SCENES == 0:
            scenes = [Scene(self, f"{n:04}-") for n in range(self.scenes, self.scenes + _SCENES)]
            load(self.db, self.plants({plant: zone for scene in scenes for plant, zone in scene.zones.items()}))
            load(self.db, self.inverters({f"{plant}{n}": plant for scene in scenes for plant in scene.zones for n in "12"}))
        for (load_id,) in query(self.db, "SELECT load_id FROM loads WHERE status IN ('staging', 'staged', 'held')"):
            discard(self.db, load_id)  # what a failed example left
        self.scenes += 1
        return Scene(self, f"{self.scenes - 1:04}-")


class Scene:
    """An example's part of a database. Its ids begin with its name."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.db = world.db
        self.name = name
        self.zones = {name + plant: zone for plant, zone in ZONES.items()}

    def own(self, events: Iterable[Event]) -> list[Event]:
        """These events, for the plants and inverters that are here."""
        name = self.name
        return [e._replace(event_id=name + e.event_id, plant=name + e.plant, inverter=name + e.inverter) for e in events]

    def file(self, events: Sequence[Event], *, unique: bool = False) -> Path:
        """A file of these events; a unique one does not begin like any other."""
        path = self.world.path(".jsonl")
        more = {"delivery": path.stem} if unique else {}
        return write(path, "".join(written(e, self.world.files + n, **more) for n, e in enumerate(events)).encode())

    def load(self, events: Sequence[Event]) -> Load:
        """Deliver a file of its own; returns the load."""
        row = load(self.db, self.file(events, unique=True)).load
        assert (row.status, sum(row.buckets.values()), row.read) == ("published", len(events), len(events))
        return row

    def select(self, what: str, table: str, key: str) -> list[tuple[Any, ...]]:
        return query(self.db, f"SELECT {what} FROM {table} WHERE {key} LIKE :own ORDER BY {key}, 2, 3", own=f"{self.name}%")

    def raw(self) -> list[tuple[Any, ...]]:
        """The events: as ``raw_row``, then load and line."""
        values = "event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit"
        rest = "energy_wh_total, temperature_c, status, load_id, line_no"
        return self.select(f"{values}, {rest}", "inverter_telemetry_raw", "event_id")

    def history(self) -> set[tuple[tuple[Any, ...], int, int, int | None]]:
        """Those that are not current."""
        values = "event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit"
        rest = "energy_wh_total, temperature_c, status, load_id, line_no, replaced_by_load_id"
        rows = self.select(f"{values}, {rest}", "inverter_telemetry_raw_history", "event_id")
        return {(row[:12], *row[12:]) for row in rows}

    def tables(self) -> Tables:
        """The three tables, without loads and lines."""
        clean = "inverter_id, event_time, plant_id, day, event_id, source, ac_power_w, dc_power_w, energy_wh_total"
        return (
            [row[:12] for row in self.raw()],
            self.select(f"{clean}, temperature_c, status", "inverter_telemetry_clean", "inverter_id"),
            list(self.days()),
        )

    def days(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The summaries, each with where it is stored and who wrote it, if the database tells."""
        place = (
            "ctid::text AS place, xmin::text AS writer"
            if self.db.dialect.family[-1] == "postgresql"
            else "NULL AS place, NULL AS writer"
        )
        values = "inverter_id, day, plant_id, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time"
        values += ", last_event_time, points_with_power, energy_wh_uncounted, counter_faults"
        behind = self.db.statements.datasets["telemetry"].behind_view  # a view has no places
        rows = self.select(f"{values}, {place}", f"inverter_daily_summary{behind}", "inverter_id")
        return {row[:12]: row[12:] for row in rows}


@pytest.fixture(scope="module")
def make_world(request: pytest.FixtureRequest) -> Iterator[Callable[[str], World]]:
    """The world of a dialect: one for the module."""
    worlds: dict[str, World] = {}
    with ExitStack() as stack:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbsvc-test-", dir=memory)))

        def make(dialect: str) -> World:
            if dialect not in worlds:
                if dialect in SERVERS:
                    server: Server = request.getfixturevalue(SERVERS[dialect])
                    url = server.create()
                else:
                    url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), folder / 'world.db')}"
                (folder / dialect).mkdir()
                worlds[dialect] = World(stack.enter_context(connect(url)), folder / dialect)
            return worlds[dialect]

        yield make


@pytest.fixture
def world(dialect: str, make_world: Callable[[str], World]) -> World:
    return make_world(dialect)


# What examples are made of --------------------------------------------------------------------------------------------


def at(written: str) -> datetime:
    """A moment, by the clock of UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def scaled(digits: int, unit: str, most: int) -> st.SearchStrategy[tuple[str, str]]:
    """A power with that many places."""
    return st.integers(0, most).map(lambda n: (f"{n // 10**digits}.{n % 10**digits:0{digits}}" if digits else str(n), unit))


def halves(bits: int, unit: str, most: int) -> st.SearchStrategy[tuple[str, str]]:
    """A power that lies in the middle of two milliwatts, and that a binary float holds exactly."""
    return (
        st.integers(0, most)
        .map(lambda n: (f"{(2 * n + 1) * 10**bits // 2**bits:0{bits + 1}}", unit))
        .map(lambda power: (f"{power[0][:-bits]}.{power[0][-bits:]}", power[1]))
    )


#: few enough places for a float to be the nearest on every database
POWER = st.one_of(
    st.sampled_from([("0", "W"), ("5", "kW"), ("5000", "W"), ("100", "MW")]),
    scaled(3, "W", 5_000_000),
    scaled(5, "kW", 10_000_000),
    scaled(5, "MW", 1_000_000),
    halves(4, "W", 100),
    halves(7, "kW", 100),
    halves(10, "MW", 100),
)
COUNTER = st.sampled_from([None, None, "5", "5", "7.0625", "0", "0.001", "100.125", "999999999999.999"])
VALUES = st.fixed_dictionaries(
    {"ac": POWER, "energy": COUNTER},
    optional={
        "dc": POWER,
        "temperature": st.sampled_from([None, "-12.5", "0", "25.125", "-0.0625", "0.0625", "-100", "200"]),
        "source": st.sampled_from([None, "logger", "grün"]),
        "status": st.sampled_from([None, "ok", "fault"]),
    },
)
#: an inverter, by its plant and its number, and a moment
Slot = tuple[str, str, datetime]


@st.composite
def slots(draw: st.DrawFn) -> list[Slot]:
    """A few inverters, a few moments of days at their plants."""
    plants = draw(st.lists(st.sampled_from(list(ZONES)), min_size=1, max_size=2, unique=True))
    times = []
    for plant in plants:
        pivot = at(draw(st.sampled_from(PIVOTS[plant])))
        offsets = draw(st.lists(st.sampled_from(OFFSETS), min_size=2, max_size=5, unique=True))
        times += [pivot + timedelta(seconds=offset) for offset in offsets]
    place = st.tuples(st.sampled_from(plants), st.sampled_from("112"), st.sampled_from(times))
    return draw(st.lists(place, min_size=min(4, len(times)), max_size=10, unique=True))


@st.composite
def versions(draw: st.DrawFn, max_size: int = 25) -> list[Event]:
    """Events, some of them in several versions, that differ in time, and some for the same moment of the same inverter.

    All versions of an event come from one inverter.
    """
    places = draw(slots())

    ids = ["10", "9", "09", "A", "a", "ä", "e-1", "e-2", "e-3", "e-4", "e-5", "\ue000", "\U0001f31e"]
    inverters = {event_id: places[n % len(places)][:2] for n, event_id in enumerate(ids)}

    def event(event_id: str, slot: Slot, values: dict[str, Any]) -> Event:
        plant, n = inverters[event_id]
        return Event(event_id, plant, plant + n, slot[2], **values)

    some = st.builds(event, st.sampled_from(ids), st.sampled_from(places), VALUES)
    least = draw(st.sampled_from([1, max_size // 2]))
    return draw(st.lists(some, min_size=least, max_size=max_size, unique_by=lambda event: (event.event_id, event.time)))


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], list[int]]:
    """Events in any order, some sent again, and where their stream is cut into files."""
    events = draw(versions())
    again = draw(st.lists(st.sampled_from(events), max_size=10))
    stream = draw(st.permutations(events + again))
    cuts = draw(st.lists(st.integers(1, len(stream)), max_size=2, unique=True))
    return stream, sorted({*cuts, len(stream)})


# The same, whatever comes in which order ------------------------------------------------------------------------------


@settings(max_examples=at_most(12))
@given(streams(), st.booleans())
def test_order_repetition_and_files_do_not_matter(world: World, stream: tuple[list[Event], list[int]], grows: bool) -> None:
    scene = world.scene()
    events, cuts = scene.own(stream[0]), stream[1]
    path = world.path(".jsonl")
    begin = 0
    for end in cuts:
        if grows:
            with path.open("a") as file:
                file.writelines(written(event, n) for n, event in enumerate(events[begin:end]))
        else:
            path = scene.file(events[begin:end])
        load(world.db, path)
        begin = end
        assert scene.tables() == derive(newest(events[:end]), scene.zones)
    assert load(world.db, path).already
    row = scene.load(events[::-1])
    assert row.inserted == row.updated == 0
    assert scene.tables() == derive(newest(events), scene.zones)


@settings(max_examples=at_most(8))
@given(versions(), st.randoms(use_true_random=False), st.sampled_from([1, 300, Settings.chunk_bytes]))
def test_databases_agree(
    dialect: str, make_world: Callable[[str], World], events: list[Event], random: Any, chunk_bytes: int
) -> None:
    if dialect == "sqlite":
        pytest.skip("it is compared with each of the others")
    found = []
    for kind in ("sqlite", dialect):
        scene = make_world(kind).scene()
        stream = [event for event in events for _ in range(random.randint(1, 2))]
        random.shuffle(stream)
        row = load(scene.db, scene.file(scene.own(stream), unique=True), chunk_bytes=chunk_bytes).load
        assert row.inserted == len(newest(events))
        found.append([[tuple(unnamed(scene, value) for value in row) for row in table] for table in scene.tables()])
    assert found[0] == found[1]


def test_numbers_are_the_nearest_floats(world: World) -> None:
    scene = world.scene()
    powers = [("170.384957", "W"), ("4373.498867654685", "W"), ("0.875222", "kW"), ("0.0160465", "kW"), ("0.1250555", "kW")]
    events = scene.own(Event(f"{n}", "K", "K1", at(f"2024-01-0{n} 12:00"), power) for n, power in enumerate(powers, 1))
    scene.load(events)
    assert [(row[5], row[6]) for row in scene.raw()] == [(float(written), unit) for written, unit in powers]
    assert [row[6] for row in scene.tables()[1]] == [170.385, 4373.499, 875.222, 16.047, 125.056]


def unnamed(scene: Scene, value: object) -> object:
    """A value without the name of the scene; -0.0 is not 0.0, and 1 is not 1.0."""
    return value.removeprefix(scene.name) if isinstance(value, str) else repr(value)


# The order of deliveries ----------------------------------------------------------------------------------------------

TIMES = [at("2024-03-31 12:00"), at("2024-03-31 23:30")]
#: an event comes from one inverter, however often it is sent
INVERTERS = {"a": "L1", "b": "L1", "c": "L2", "d": "L1", "e": "L2", "f": GHOST}
#: event, time, power, inverter
Record = tuple[str, int, str, str]
RECORD: st.SearchStrategy[Record] = st.tuples(
    st.sampled_from("abcdef"),
    st.sampled_from([0, 0, 1]),
    st.sampled_from("12"),
).map(lambda record: (*record, INVERTERS[record[0]]))
FILES = st.lists(st.lists(RECORD, min_size=1, max_size=16), min_size=1, max_size=3)


def as_event(record: Record) -> Event:
    event_id, time, power, inverter = record
    return Event(event_id, "L", inverter, TIMES[time], (power, "W"))


def as_visible(events: Sequence[Event], load_id: int) -> list[Visible]:
    """The records of a load that pass while the ghost is unknown."""
    return [Visible(e, load_id, line) for line, e in enumerate(events, 1) if not e.inverter.endswith(GHOST)]


def check_order(scene: Scene, published: Iterable[Sequence[Visible]]) -> None:
    """The last delivery has won, and the losers are kept."""
    current, past = chain(record for records in published for record in winners(records))
    for records in published:
        past |= {(raw_row(record.event), record.load_id, record.line, record.load_id) for record in losers(records)}
    assert {row for row in scene.history() if row[3]} == past
    check_tables(scene, current)


def check_publish(scene: Scene, row: Load, events: Sequence[Event], published: list[list[Visible]]) -> None:
    """Publish a staged load of these events; it does to the published ones what it should."""
    records = as_visible(events, row.load_id)
    expected = expected_buckets([record for before in published for record in winners(before)], records)
    assert buckets(publish(scene.db, row)) == +(expected + Counter(rejected=len(events) - len(records)))
    published.append(records)
    check_order(scene, published)


def check_tables(scene: Scene, current: Mapping[str, Visible]) -> None:
    """The tables hold these records."""
    assert scene.raw() == [(*raw_row(record.event), *record[1:]) for _, record in sorted(current.items())]
    assert scene.tables() == derive({event_id: record.event for event_id, record in current.items()}, scene.zones)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[list[Record]], list[int]]:
    """Files, and the order of their three steps: register, stage, publish."""
    files = draw(FILES)
    return files, draw(st.permutations([n for n in range(len(files)) for _ in range(3)]))


@settings(max_examples=at_most(10))
@given(schedules())
def test_the_last_delivery_wins_whenever_it_is_published(world: World, schedule: tuple[list[list[Record]], list[int]]) -> None:
    scene, (files, steps) = world.scene(), schedule
    events = [scene.own(map(as_event, records)) for records in files]
    paths = [scene.file(delivered, unique=True) for delivered in events]
    rows: dict[int, Load] = {}
    published: list[list[Visible]] = []
    for step in steps:
        if step not in rows:
            rows[step] = register(world.db, paths[step], chunk_bytes=1500)
        elif rows[step].status == "staging":
            rows[step] = stage(world.db, paths[step], rows[step])
        else:
            check_publish(scene, rows[step], events[step], published)
    # what a load repeated is remembered while a reject of the same event may still pass
    ghosts = {event.event_id for delivered in events for event in delivered if event.inverter.endswith(GHOST)}
    assert all(row[3] or row[0][0] in ghosts for row in scene.history())


@pytest.mark.one_database
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_publishing_three_loads(world: World, order: Sequence[int]) -> None:
    # one event for every way in which three loads can bring one: not at all, with one value, with another, or a newer one
    scene = world.scene()
    files: list[list[Event]] = [[], [], []]
    for n, ways in enumerate(itertools.product([None, (0, "1"), (0, "2"), (1, "1")], repeat=3)):
        for file, way in zip(files, ways, strict=True):
            file += scene.own([as_event((f"{n:02}", *way, f"L{n % 2 + 1}"))]) if way else []
    paths = [scene.file(events, unique=True) for events in files]
    rows = [stage(world.db, path, registered) for path, registered in [(path, register(world.db, path)) for path in paths]]
    published: list[list[Visible]] = []
    for n in order:
        check_publish(scene, rows[n], files[n], published)
    assert all(row[3] for row in scene.history())


@st.composite
def late_inverters(draw: st.DrawFn) -> tuple[list[list[Record]], list[int], int]:
    """Files, the order in which they are published and, the second time, retried, and before which step the ghost is known.

    No two records have the same values: what a load repeats is only remembered while an older one is open.
    """
    files = draw(FILES)
    distinct = [[(i, t, f"{100 * n + m}", v) for m, (i, t, _, v) in enumerate(records)] for n, records in enumerate(files)]
    steps = draw(st.permutations([n for n in range(len(files)) for _ in range(2)]))
    first_retry = next(place for place, n in enumerate(steps) if n in steps[:place])
    return distinct, steps, draw(st.integers(0, first_retry))


@settings(max_examples=at_most(8))
@given(late_inverters())
def test_rejects_that_pass_later_fall_into_their_place(world: World, drawn: tuple[list[list[Record]], list[int], int]) -> None:
    scene, (files, steps, known_before) = world.scene(), drawn
    events = [scene.own(map(as_event, records)) for records in files]
    paths = [scene.file(delivered, unique=True) for delivered in events]
    rows = [stage(world.db, path, register(world.db, path, chunk_bytes=1500)) for path in paths]
    stored: list[Visible] = []
    for place, step in enumerate(steps):
        if place == known_before:
            load(world.db, world.inverters({scene.name + GHOST: f"{scene.name}L"}))
        load_id = rows[step].load_id
        records = as_visible(events[step], load_id)
        if step not in steps[:place]:
            row = publish(world.db, rows[step])
            assert buckets(row) == +(expected_buckets(stored, records) + Counter(rejected=len(events[step]) - len(records)))
        else:
            known = {record.line for record in records}
            records = [Visible(event, load_id, line) for line, event in enumerate(events[step], 1) if line not in known]
            expected = Counter(buckets(ledger(world.db, load_id))) + expected_buckets(stored, records)
            retried = retry(world.db, load_id, Settings(max_contradicting_share=1))
            assert (retried.tried, retried.passed) == (len(records), len(records))
            assert buckets(retried.load) == +(expected - Counter(rejected=len(records)))
        stored += records
        current = {record.event.event_id: record for record in winners(stored)}
        check_tables(scene, current)
        past = {(raw_row(record.event), *record[1:]) for record in stored if record not in current.values()}
        assert {row[:3] for row in scene.history()} == past


# What an event changes ------------------------------------------------------------------------------------------------


def check_untouched(before: Mapping[tuple[Any, ...], Any], after: Mapping[tuple[Any, ...], Any], touched: set[Any]) -> None:
    """Summaries of other days than these of these inverters are the very same rows."""
    assert {row: place for row, place in before.items() if row[:2] not in touched} == {
        row: place for row, place in after.items() if row[:2] not in touched
    }


@settings(max_examples=at_most(7))
@given(versions(), versions(max_size=3), st.data())
def test_an_event_changes_its_days_alone(world: World, base: list[Event], more: list[Event], data: st.DataObject) -> None:
    scene = world.scene()
    ever = scene.own(base)
    scene.load(ever)
    stored = newest(ever)
    for event in scene.own(more):
        old = stored.get(event.event_id, event)
        event = event._replace(plant=old.plant, inverter=old.inverter)
        event = event._replace(time=max(event.time, old.time))  # an older version changes nothing
        if event.time == old.time:
            event = data.draw(st.sampled_from([event, old._replace(ac=event.ac)]))
        before, state = scene.days(), scene.tables()
        row = scene.load([event])
        stored[event.event_id] = event
        assert scene.tables() == derive(stored, scene.zones)
        ever.append(event)
        # the days of its former versions too are summed up again, to the same
        former = [version for version in ever if version.event_id == event.event_id]
        touched = {(version.inverter, local_day(version, scene.zones)) for version in former}
        check_untouched(before, scene.days(), touched)
        gone = {row[:3] for row in before} - {row[:3] for row in scene.days()}
        assert {row[:2] for row in gone} <= {(old.inverter, local_day(old, scene.zones))}
        if row.updated and event.time == old.time:  # correct it back
            scene.load([old])
            assert scene.tables() == state
            stored[event.event_id] = old


def reading(event_id: str, time: str, watts: object, energy: object = None, *, inverter: str = "K1") -> Event:
    """An event of an inverter in India, where a day begins at 18:30."""
    return Event(event_id, inverter[0], inverter, at(time), (str(watts), "W"), energy=None if energy is None else str(energy))


def days(scene: Scene) -> list[tuple[Any, ...]]:
    """The summaries: inverter, day of the month, average, maximum, points, energy."""
    return [(row[0].removeprefix(scene.name), row[1].day, *row[3:7]) for row in scene.days()]


def test_a_late_event_a_correction_a_move_and_a_runner_up(world: World) -> None:
    scene = world.scene()
    two = [reading("a", "2024-01-01 18:30", 10, 100), reading("b", "2024-01-02 18:29:59", 20, 130)]
    three = [
        reading("c", "2024-01-02 18:30", 5, 150),
        reading("d", "2024-01-02 19:00", 7),
        reading("e", "2024-01-02 20:00", 7, 20),
    ]
    other = [reading("f", "2024-01-02 12:00", 1, inverter="K2")]
    scene.load(scene.own(two + three + other))
    second, third, same = ("K1", 2, 15.0, 20.0, 2, 30.0), ("K1", 3, 6.333, 7.0, 3, 20.0), ("K2", 2, 1.0, 1.0, 1, None)
    assert days(scene) == [second, third, same]
    # a day late, and its counter dipped
    scene.load(scene.own([reading("g", "2024-01-02 06:00", 31, 90)]))
    assert days(scene) == [("K1", 2, 20.333, 31.0, 3, 30.0), third, same]
    # measured again: no more power, and no dip
    scene.load(scene.own([reading("g", "2024-01-02 06:00", 0, 125)]))
    assert days(scene) == [("K1", 2, 10.0, 20.0, 3, 30.0), third, same]
    # to another day, but not to another inverter
    moved = ("K1", 3, 7.0, 9.0, 4, 20.0)
    scene.load(scene.own([reading("g", "2024-01-02 21:00", 9, 20)]))
    assert days(scene) == [second, moved, same]
    assert buckets(scene.load(scene.own([reading("g", "2024-01-02 21:30", 9, 20, inverter="K2")]))) == {"rejected": 1}
    assert days(scene) == [second, moved, same]
    # the same moment: the greatest id counts, until it is gone
    scene.load(scene.own([reading("z", "2024-01-02 12:00", 3, inverter="K2")]))
    assert days(scene) == [second, moved, ("K2", 2, 3.0, 3.0, 1, None)]
    scene.load(scene.own([reading("f", "2024-01-02 12:00", 2, inverter="K2")]))
    assert days(scene)[2] == ("K2", 2, 3.0, 3.0, 1, None)
    scene.load(scene.own([reading("z", "2024-01-05 12:00", 3, inverter="K2")]))
    assert days(scene)[2:] == [("K2", 2, 2.0, 2.0, 1, None), ("K2", 5, 3.0, 3.0, 1, None)]
    # the last reading of a day takes the day along
    scene.load(scene.own([reading("f", "2024-01-05 12:00", 8, inverter="K2")]))
    assert days(scene)[2:] == [("K2", 5, 3.0, 3.0, 1, None)]


def test_an_index_that_is_made_anew_is_the_one_of_the_migrations(
    dialect: str, fresh_url: Callable[[], str], tmp_path: Path
) -> None:
    """It goes before most of the table's rows come, where a database lets us; what was there before is found by it, too."""
    index = "FROM sqlite_master WHERE name" if dialect == "sqlite" else "FROM pg_indexes WHERE indexname"
    column = "sql" if dialect == "sqlite" else "indexdef"
    with connect(fresh_url()) as db:
        scene = World(db, tmp_path).scene()
        made = query(db, f"SELECT {column} {index} = 'inverter_telemetry_raw_reading'")
        for delivery, hours in enumerate((2, 20, 3)):
            scene.load(scene.own([reading(f"{delivery}-{n}", f"2024-01-01 {n:02}:00", n) for n in range(hours)]))
            assert query(db, f"SELECT {column} {index} = 'inverter_telemetry_raw_reading'") == made
        assert len(made) == 1
        assert [(row[0], row[4]) for row in scene.tables()[1]] == [
            (f"{scene.name}K1", f"{scene.name}{2 if n < 3 else 1}-{n}") for n in range(20)
        ]


DAYS = [
    ("L", "2024-03-30 23:59:59", "2024-03-30"),
    ("L", "2024-03-31 00:00", "2024-03-31"),
    ("L", "2024-03-31 22:59:59.999999", "2024-03-31"),
    ("L", "2024-03-31 23:00", "2024-04-01"),
    ("L", "2024-10-26 23:00", "2024-10-27"),
    ("L", "2024-10-27 23:59:59", "2024-10-27"),
    ("N", "2024-03-10 04:59:59", "2024-03-09"),
    ("N", "2024-03-11 03:59:59", "2024-03-10"),
    ("N", "2024-03-11 04:00", "2024-03-11"),
    ("N", "2024-11-03 04:00", "2024-11-03"),
    ("N", "2024-11-04 04:59:59", "2024-11-03"),
    ("K", "2024-02-28 18:30", "2024-02-29"),
    ("K", "2024-02-29 18:29:59", "2024-02-29"),
    ("H", "2024-04-06 13:00", "2024-04-07"),
    ("H", "2024-04-07 13:29:59", "2024-04-07"),
    ("H", "2024-04-07 13:30", "2024-04-08"),
    ("H", "2024-10-06 12:59:59", "2024-10-06"),
    ("H", "2024-10-06 13:00", "2024-10-07"),
    ("A", "2011-12-30 09:59:59", "2011-12-29"),
    ("A", "2011-12-30 10:00", "2011-12-31"),
    ("A", "2021-04-04 10:59:59", "2021-04-04"),
    ("A", "2021-04-04 11:00", "2021-04-05"),
    ("W", "2024-01-01 11:59:59", "2023-12-31"),
]


def test_days_around_changes_of_the_clock(world: World) -> None:
    scene = world.scene()
    scene.load(scene.own(Event(f"{n:02}", plant, f"{plant}1", at(time), ("1", "W")) for n, (plant, time, _) in enumerate(DAYS)))
    found = {(row[4].removeprefix(scene.name), str(row[3])) for row in scene.tables()[1]}
    assert found == {(f"{n:02}", day) for n, (_, _, day) in enumerate(DAYS)}
    counted = Counter({(row[2].removeprefix(scene.name), str(row[1])): row[5] for row in scene.days()})
    assert counted == Counter((plant, day) for plant, _, day in DAYS)


# What the registries change -------------------------------------------------------------------------------------------


@settings(max_examples=at_most(5))
@given(
    versions(),
    st.lists(
        st.dictionaries(st.sampled_from(list(ZONES)), st.sampled_from(list(ZONES.values())), min_size=1), min_size=1, max_size=2
    ),
    st.data(),
)
def test_a_plant_gets_another_zone(
    world: World, events: list[Event], changes: list[dict[str, str]], data: st.DataObject
) -> None:
    scene = world.scene()
    cut = data.draw(st.integers(0, len(events)))
    own = scene.own(events)
    scene.load(own[:cut] or own)
    before = scene.days()
    paths = [world.plants({scene.name + plant: zone for plant, zone in change.items()}) for change in changes]
    rows = [stage(world.db, path, register(world.db, path)) for path in paths]
    for row in data.draw(st.permutations(rows)):  # the last delivery wins
        publish(world.db, row)
    zones = {**scene.zones, **{scene.name + plant: zone for change in changes for plant, zone in change.items()}}
    assert scene.tables() == derive(newest(own[:cut] or own), zones)
    touched = set()
    for event in newest(own[:cut] or own).values():
        for clocks in (*({**scene.zones, **{scene.name + p: z for p, z in change.items()}} for change in changes), scene.zones):
            if local_day(event, clocks) != local_day(event, scene.zones):
                touched |= {(event.inverter, local_day(event, clocks)), (event.inverter, local_day(event, scene.zones))}
    check_untouched(before, scene.days(), touched)
    scene.load(own)
    assert scene.tables() == derive(newest(own), zones)


def test_a_new_zone_gives_what_a_fresh_database_has(world: World, fresh_url: Callable[[], str]) -> None:
    scene = world.scene()
    ticks = [at("2024-03-30 00:00") + timedelta(minutes=7 * n) for n in range(500)]
    events = scene.own(
        Event(f"{plant}{n:03}", plant, f"{plant}1", tick, (f"{n}.5", "W"), energy=str(n % 97))
        for plant in "LN"
        for n, tick in enumerate(ticks)
    )
    scene.load(events)
    load(world.db, world.plants({f"{scene.name}L": "Australia/Lord_Howe"}))
    with connect(fresh_url()) as db:
        fresh = Scene(World(db, world.folder / "fresh"), scene.name)
        fresh.world.folder.mkdir()
        load(db, fresh.world.plants({**scene.zones, f"{scene.name}L": "Australia/Lord_Howe"}))
        load(db, fresh.world.inverters({f"{scene.name}L1": f"{scene.name}L", f"{scene.name}N1": f"{scene.name}N"}))
        fresh.load(events)
        assert scene.tables() == fresh.tables()
        assert len(fresh.days()) == 7


def test_an_inverter_moves_to_another_plant(world: World) -> None:
    scene = world.scene()
    k1, l1 = f"{scene.name}K1", f"{scene.name}L"
    old = scene.own(
        [reading("a", "2024-01-02 12:00", 10, 5), reading("b", "2024-01-02 13:00", 20, 9), reading("c", "2024-01-02 20:00", 1)]
    )
    scene.load(old)
    before = scene.days()
    load(world.db, world.inverters({k1: l1}))
    assert scene.days() == before
    # its old plant is no longer its own, not even for what is known already
    wrong = scene.own([reading("d", "2024-01-02 14:00", 99)])
    assert buckets(scene.load([*wrong, old[0]])) == {"rejected": 2}
    assert query(world.db, "SELECT DISTINCT reasons FROM rejects WHERE load_id = (SELECT max(load_id) FROM loads)") == [
        ("inverter_of_another_plant",)
    ]
    assert scene.days() == before
    # the same day at both plants: each has its own summary, and its own clock
    new = [
        event._replace(plant=l1)
        for event in scene.own([reading("d", "2024-01-02 14:00", 99, 11), reading("e", "2024-01-02 20:00", 4)])
    ]
    scene.load(new)
    assert scene.tables() == derive(newest([*old, *new]), scene.zones)
    assert days(scene) == [
        ("K1", 2, 15.0, 20.0, 2, 4.0),
        ("K1", 2, 51.5, 99.0, 2, None),
    ]
    # a reading of the old plant that is corrected belongs to the new one
    corrected = old[1]._replace(plant=l1, ac=("21", "W"))
    assert buckets(scene.load([corrected])) == {"updated": 1}
    everything = newest([old[0], old[2], corrected, *new])
    assert scene.tables() == derive(everything, scene.zones)
    # one that another covered comes back, at its old plant
    gone = new[1]._replace(time=at("2024-01-04 20:00"))
    assert days(scene)[-1][:2] == ("K1", 2)
    scene.load([gone])
    everything = newest([*everything.values(), gone])
    assert scene.tables() == derive(everything, scene.zones)
    assert [(row[1].day, row[2].removeprefix(scene.name)) for row in scene.days()] == [(2, "K"), (2, "L"), (3, "K"), (4, "L")]
    # each plant's zone moves what it has
    for plant, zone in (("L", "Pacific/Apia"), ("K", "America/New_York")):
        scene.zones[scene.name + plant] = zone
        load(world.db, world.plants({scene.name + plant: zone}))
        assert scene.tables() == derive(everything, scene.zones)


# The buckets ----------------------------------------------------------------------------------------------------------


@settings(max_examples=at_most(5))
@given(FILES)
def test_every_record_is_in_its_bucket(world: World, files: list[list[Record]]) -> None:
    scene = world.scene()
    published: list[list[Visible]] = []
    for records in files:
        events = scene.own(map(as_event, records))
        row = scene.load(events)
        good = as_visible(events, row.load_id)
        expected = expected_buckets([record for before in published for record in winners(before)], good)
        assert buckets(row) == +(expected + Counter(rejected=len(events) - len(good)))
        published.append(good)
        check_order(scene, published)
    total = "inserted + updated + unchanged + duplicate + superseded + rejected"
    assert query(world.db, f"SELECT load_id FROM loads WHERE status = 'published' AND {total} <> read") == []
