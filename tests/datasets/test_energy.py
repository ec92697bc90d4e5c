"""The energy of a day: what an inverter really made, whatever its counter says in between; the same on both databases."""

from __future__ import annotations

import datetime
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.functions.counters import Energy, Reading, count_energy
from tests.helpers import ROOT, buckets, query
from tests.helpers.check_case import deliver, execute, find
from tests.helpers.citus import KINDS, SERVERS, at_most
from tests.helpers.counters import PLANTS, events, inverters

CASES = ROOT.parent / "shared" / "cases"
MINUTE = 60_000_000


def summaries(db: Database) -> list[tuple[Any, ...]]:
    """Energy, what was not counted, and faults, of each day and inverter."""
    return query(
        db, "SELECT energy_wh, energy_wh_uncounted, counter_faults FROM inverter_daily_summary ORDER BY inverter_id, day"
    )


def counted(db: Database, readings: Sequence[Reading], capacity_kw: float) -> Energy:
    """What the database itself counts."""
    if db.dialect.family[0] != "sqlite":
        arrays = {"times": [one.time for one in readings], "counters": [one.counter for one in readings], "kw": capacity_kw}
        sql = "SELECT * FROM counted_energy(CAST(:times AS bigint[]), CAST(:counters AS bigint[]), :kw)"
        return Energy(*query(db, sql, **arrays)[0])
    rows = [[str(datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=one.time)), one.counter] for one in readings]
    random.Random(1).shuffle(rows)
    sql = "SELECT counted_energy(value ->> 0, value ->> 1, CAST(:kw AS real)) AS energy FROM json_each(:rows)"
    return Energy(*json.loads(query(db, sql, kw=capacity_kw, rows=json.dumps(rows))[0][0]))


#: every ten minutes a reading of an inverter of 6 kW, which can make 1,200 Wh in that time, and a kilowatt-hour of grace:
#: the counter in Wh (none where it says nothing), and what is counted, not counted, and how many values were not followed
EXAMPLES: dict[str, tuple[list[float | None], tuple[float, float, int]]] = {
    "it goes up": ([90_000, 90_500, 90_500, 91_000], (1000, 0, 0)),
    "it says nothing": ([None, 90_000, None, None, 93_000, None], (3000, 0, 0)),
    "as fast as it can": ([90_000, 92_200], (2200, 0, 0)),
    "a bit faster": ([90_000, 92_200.001], (0, 2200.001, 1)),
    "fast again and again": ([90_000, 92_000, 94_000, 96_000], (4600, 1400, 1)),
    "a dip to zero": ([90_000, 0, 91_000], (1000, 0, 1)),
    "a dip to zero, twice": ([90_000, 0, 0, 91_000, 0, 92_000], (2000, 0, 3)),
    "a dip to less": ([90_000, 40_000, 91_000], (1000, 0, 1)),
    "a dip to less and less": ([90_000, 40_000, 30_000, 0, 77, 91_000], (1000, 0, 4)),
    "a dip that rises": ([90_000, 90_900, 77, 90, 91_000], (1000, 0, 2)),
    "a dip that comes back too high": ([90_000, 40_000, 99_000], (0, 9000, 2)),
    "a dip of a young counter": ([100, 90, 130], (30, 0, 1)),
    "a jump that comes back": ([90_000, 999_000, 91_000], (1000, 0, 1)),
    "a jump that goes on": ([90_000, 90_100, 999_000, 999_100, 999_300], (400, 908_900, 1)),
    "a jump at the end": ([90_000, 90_100, 999_000], (100, 908_900, 1)),
    "rounded": ([90_000.4, 90_000.3, 90_700.4], (700, 0, 0)),
    "rounded to a tenth of a kilowatt-hour": ([90_000, 89_900, 89_950, 90_000, 90_100], (100, 0, 0)),
    "it restarts": ([90_000, 91_000, 50, 600], (1600, 0, 0)),
    "it restarts at zero": ([90_000, 91_000, 0, 0, 600], (1600, 0, 0)),
    "it restarts at once": ([90_000, 91_000, 1200], (2200, 0, 0)),
    "it restarts, and dips": ([90_000, 50, 600, 0, 900], (900, 0, 1)),
    "it restarts twice": ([90_000, 50, 600, 20, 300], (900, 0, 0)),
    "a day's counter": ([2000, 0, 300, 1200, 1900, 2400], (2400, 0, 0)),
    "another device": ([90_000, 91_000, 70_000, 70_500], (1500, 70_000, 1)),
    "zeros at night": ([0, 0, 90_000, 91_000, 91_500, 0, 0], (1500, 0, 4)),
    "a new counter": ([0, 0, 0, 400, 900], (900, 0, 0)),
    "a counter that never counts": ([0, 0, 0], (0, 0, 0)),
    "one value": ([None, 90_000, None], (0, 0, 0)),
    "zeros but for one value": ([0, 90_000, 0], (0, 0, 2)),
    "two devices under one name": ([90_000, 40_000, 90_300, 40_300, 90_600, 40_600, 90_900], (900, 0, 3)),
}


def as_readings(counters: Sequence[float | None], minutes: int = 10) -> list[Reading]:
    return [Reading(n * minutes * MINUTE, round(one * 1000)) for n, one in enumerate(counters) if one is not None]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_counter_says(name: str) -> None:
    counters, (energy, uncounted, faults) = EXAMPLES[name]
    assert count_energy(as_readings(counters), 6.0) == (round(energy * 1000), round(uncounted * 1000), faults)


def test_a_day_is_summed_up_like_that(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(*[6.0] * len(EXAMPLES)))
    lines = []
    for n, (counters, _) in enumerate(EXAMPLES.values(), 1):
        lines += events([(10 * at, one) for at, one in enumerate(counters)], f"i{n}", status="ok").splitlines(keepends=True)
    random.Random(2).shuffle(lines)
    # a late file changes nothing but its own events
    for part in (lines[::2], lines[1::2]):
        deliver(db, b"".join(part), "events.jsonl")
    energy = "SELECT inverter_id, energy_wh, energy_wh_uncounted, counter_faults FROM inverter_daily_summary"
    found = {inverter: tuple(row) for inverter, *row in query(db, energy)}
    for n, (name, (counters, (wh, uncounted, faults))) in enumerate(EXAMPLES.items(), 1):
        known = sum(one is not None for one in counters) > 1
        assert (name, found[f"i{n}"]) == (name, (wh if known else None, uncounted, faults))
    doubtful = [f"i{n}" for n, (_, (_, _, faults)) in enumerate(EXAMPLES.values(), 1) if faults]
    rows = find(db, "energy_uncounted", datetime.date.min, datetime.date.max)
    assert [row["inverter_id"] for row in rows] == sorted(doubtful)
    assert find(db, "daily_summaries_wrong", datetime.date.min, datetime.date.max) == []


# Any day: the model is what the inverter really made ------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    """What an inverter says on a day, what it made, and how many values are wrong."""

    capacity_kw: float
    said: list[tuple[int, int | None]]
    made: int
    wrong: int


@st.composite
def days(draw: st.DrawFn) -> Day:
    """A day of a counter that has counted for long, with gaps, nulls, dips, jumps, zeros, roundings and perhaps a restart."""
    capacity_kw = draw(st.sampled_from([0.3, 5.0, 33.0, 2500.0]))
    minutes = list(itertools.accumulate(draw(st.lists(st.integers(1, 60), min_size=3, max_size=20))))
    # per mille of the capacity; above a thousand for a while
    load = draw(st.lists(st.integers(0, 1150), min_size=len(minutes), max_size=len(minutes)))
    spans = [after - before for before, after in itertools.pairwise(minutes)]
    made = [0, *(int(capacity_kw * 1000 * part * span / 60) for part, span in zip(load[1:], spans, strict=True))]
    level = draw(st.integers(200, 10_000)) * int(capacity_kw * 1_000_000)
    restart = draw(st.none() | st.integers(1, len(minutes) - 1))
    total, values = 0, []
    for n, step in enumerate(made):
        if n == restart:
            step = draw(st.integers(1, max(1, step)))  # what was made before it is lost
            level = 0
        total += step
        level += step
        values.append(level)
    said: list[int | None] = list(values)
    wrong, n = 0, 1
    # what is wrong lies between two values that are right, on one side of the restart
    while n < len(values) - 1:
        kind = draw(st.sampled_from(["", "", "null", "zero", "dip", "jump", "rounded"]))
        size = draw(st.integers(1, 3))
        whole = n + size < len(values) and (restart is None or n + size < restart)
        if kind == "null" and n + 1 != restart:
            said[n] = None
        elif kind == "zero" and n + size < len(values) and restart not in range(n, n + size + 1):
            said[n : n + size] = [0] * size
        elif kind in ("dip", "jump") and whole:
            other = draw(st.integers(1, 900)) if kind == "dip" else draw(st.integers(3000, 99_000))
            said[n : n + size] = [values[n] * other // 1000] * size
        elif kind == "rounded" and values[n] == values[n - 1] > 10**8:
            said[n] = values[n] - draw(st.integers(0, 100_000))
        else:
            kind = ""
        wrong += size if kind in ("zero", "dip", "jump") else 0
        n += 1 + size
    night = draw(st.integers(0, 3))
    before, after = [(n, 0) for n in range(-night, 0)], [(minutes[-1] + n, 0) for n in range(1, 1 + night)]
    if night and any(said[:1]):
        wrong += 2 * night
    return Day(capacity_kw, [*before, *zip(minutes, said, strict=True), *after], total, wrong)


@settings(max_examples=at_most(60))
@given(days())
def test_what_an_inverter_made_is_counted(day: Day) -> None:
    readings = [Reading(minute * MINUTE, value) for minute, value in day.said if value is not None]
    assert count_energy(readings, day.capacity_kw) == (day.made, 0, day.wrong)


COUNTERS = st.lists(
    st.tuples(
        st.integers(1, 4 * 10**9) | st.just(MINUTE),
        st.sampled_from([0, 0, 1, 10**5, 10**6, 10**9, 10**9 + 1, 10**9 - 10**5, 10**15]) | st.integers(0, 10**7),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module", params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A migrated database that nobody writes to."""
    url = f"sqlite:///{request.getfixturevalue('sqlite_template')}"
    if request.param in SERVERS:
        url = request.getfixturevalue(SERVERS[request.param]).create()
    with connect(url) as db:
        yield db


@settings(max_examples=at_most(60))
@given(COUNTERS, st.sampled_from([0.1, 0.3, 5.0, 33.3, 100_000.0]))
def test_databases_count_alike_and_never_too_much(shared: Database, steps: list[tuple[int, int]], kw: float) -> None:
    times = itertools.accumulate(step for step, _ in steps)
    readings = [Reading(time, counter) for time, (_, counter) in zip(times, steps, strict=True)]
    energy = count_energy(readings, kw)
    assert counted(shared, readings, kw) == energy
    assert min(energy) >= 0
    assert energy.counted <= kw * 1_200_000 * (readings[-1].time - readings[0].time) / 3.6e9 + 1_000_000


# What else decides ----------------------------------------------------------------------------------------------------


def test_another_capacity_sums_the_days_up_anew(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5, 5))
    for inverter in ("i1", "i2"):
        deliver(db, events([(0, 90_000), (60, 99_000), (24 * 60, 5), (24 * 60 + 60, 6)], inverter), "events.jsonl")
    small = [(0.0, 9000.0, 1), (1.0, 0.0, 0)]
    assert summaries(db) == small * 2
    deliver(db, inverters(10, 5))
    assert summaries(db) == [(9000.0, 0.0, 0), (1.0, 0.0, 0), *small]
    deliver(db, inverters(5, 10))
    assert summaries(db) == [*small, (9000.0, 0.0, 0), (1.0, 0.0, 0)]
    assert find(db, "daily_summaries_wrong", datetime.date.min, datetime.date.max) == []


def test_a_late_event_changes_its_own_day_alone(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    deliver(db, events([(0, 90_000), (60, 91_000), (24 * 60, 95_000), (24 * 60 + 60, 95_500)]), "events.jsonl")
    assert summaries(db) == [(1000.0, 0.0, 0), (500.0, 0.0, 0)]
    deliver(db, events([(30, 0), (120, 92_000)]), "late.jsonl")
    assert summaries(db) == [(2000.0, 0.0, 1), (500.0, 0.0, 0)]


def test_a_late_reading_is_added_to_a_day_whose_counter_goes_on(db: Database, dialect: str) -> None:
    if dialect == "citus":
        pytest.skip(
            "on Citus a day that gains readings is summed up again, for its readings cannot be asked for their neighbours"
        )
    deliver(db, PLANTS)
    deliver(db, inverters(6))
    deliver(db, events([(minute, 90_000 + minute) for minute in range(0, 100, 10)], ac_power=6), "events.jsonl")
    # whoever sums up the day sees this
    execute(db, "UPDATE inverter_telemetry_clean SET ac_power_w = 1006 WHERE energy_wh_total = 90050")
    deliver(db, events([(15, 90_015), (16, 90_016), (75, 90_080)], ac_power=19), "late.jsonl")
    summary = "SELECT points, avg_ac_power_w, max_ac_power_w, energy_wh, milliwatts FROM inverter_daily_summary"
    assert query(db, summary) == [(13, 9.0, 19.0, 90.0, 117_000)]
    # before the first, after the last, a counter that falls: the day is summed up
    deliver(db, events([(17, 90_001)], ac_power=19), "later.jsonl")
    assert query(db, summary) == [(14, 81.143, 1006.0, 90.0, 1_136_000)]


def test_readings_in_any_number_of_loads_end_in_the_same_sums(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(*[6.0] * 60))
    draw = random.Random(3)
    loads: list[list[bytes]] = [[], [], []]
    for n in range(1, 61):
        odd, late = draw.choice([0, 0, 0.02, 0.1]), draw.choice([0.05, 0.2, 0.6])
        for line in events(list(_course(draw, odd)), f"i{n}", ac_power=n / 7).splitlines(keepends=True):
            loads[draw.randint(1, 2) if draw.random() < late else 0].append(line)
    for lines in loads:
        draw.shuffle(lines)
        deliver(db, b"".join(lines), "events.jsonl")
        assert find(db, "daily_summaries_wrong", datetime.date.min, datetime.date.max) == []
    sums = "SELECT milliwatts FROM inverter_daily_summary ORDER BY inverter_id"
    summed = "SELECT sum(CAST(round(ac_power_w * 1000) AS bigint)) FROM inverter_telemetry_clean GROUP BY inverter_id"
    assert query(db, sums) == query(db, f"{summed} ORDER BY inverter_id")


def _course(draw: random.Random, odd: float) -> Iterator[tuple[int, float | None]]:
    """A counter of an inverter of 6 kW, every ten minutes; odd: how often it says what it should not."""
    counter = draw.choice([0.0, 0.5, 5000.0, 90_000.0])
    for minute in range(0, 300, 10):
        counter += draw.choice([0, 0.001, 300, 1200, 2200])
        if draw.random() < odd / 4:
            counter = draw.choice([0.0, 5.0, counter + 50_000])
        glitch = draw.choice([0.0, 7.0, None, counter - 90, counter * 2, counter - 0.5])
        yield (
            minute,
            max(0.0, glitch) if glitch is not None and draw.random() < odd else counter if draw.random() > odd / 4 else None,
        )


def test_power_at_rest_and_none_at_night(db: Database) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(7))  # a hundredth of it is 70 W
    powers = [(None, "W"), (-70, "W"), (-0.07, "kW"), (-0.00007, "MW"), (-70.01, "W"), (-0.0701, "kW"), (900, "W"), (0.1, "kW")]
    lines = [
        events([(n, 90_000 + n)], ac_power=power, ac_power_unit=unit, dc_power=power, dc_power_unit=unit)
        for n, (power, unit) in enumerate(powers)
    ]
    alone = events([(20, None)], ac_power=None), events([(21, None)], ac_power=None, ac_power_unit=None, status="sleep")
    row = deliver(db, b"".join([*lines, *alone]), "events.jsonl").load
    assert buckets(row) == {"inserted": 7, "rejected": 3}
    assert query(db, "SELECT line_no, reasons FROM rejects ORDER BY line_no") == [
        *((line, "ac_power_negative dc_power_negative") for line in (5, 6)),
        (9, "ac_power_missing"),
    ]
    read = "SELECT ac_power_w, dc_power_w FROM inverter_telemetry_clean ORDER BY event_time"
    assert query(db, read) == [(None, None), (0, 0), (0, 0), (0, 0), (900, 900), (100, 100), (None, None)]
    raw = "SELECT event_id, ac_power, ac_power_unit FROM inverter_telemetry_raw WHERE ac_power IS NULL ORDER BY event_id"
    assert query(db, raw) == [("i1-0", None, "W"), ("i1-21", None, None)]
    day = "SELECT points, points_with_power, avg_ac_power_w, max_ac_power_w, energy_wh FROM inverter_daily_summary"
    assert query(db, day) == [(7, 5, 200.0, 900.0, 7.0)]
    deliver(db, events([(24 * 60, 90_010)], ac_power=None), "next.jsonl")
    assert query(db, f"{day} WHERE day > '2025-06-01'") == [(1, 0, None, None, None)]
    for check in ("daily_summaries_wrong", "readings_wrong", "telemetry_orphaned"):
        assert find(db, check, datetime.date.min, datetime.date.max) == []


#: ids as people count them, the greatest first
IDS = [
    "evt-100",
    "evt-10",
    "evt-9b",
    "evt-9a10",
    "evt-9a9",
    "evt-9",
    "evt-09",
    "evt-009",
    "evt-",
    "E9",
    f"9{'0' * 30}",
    "10",
    "9",
]


@pytest.mark.parametrize("turned", [False, True])
def test_of_one_moment_the_greatest_id_counts_as_people_count(db: Database, *, turned: bool) -> None:
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    order = IDS[::-1] if turned else IDS
    for n, event_id in enumerate(order, 1):
        row = deliver(db, events([(0, None)], event_id=event_id, ac_power=n), "events.jsonl").load
        assert buckets(row) == {"inserted": 1}
        greatest = min(order[:n], key=IDS.index)
        assert query(db, "SELECT event_id FROM inverter_telemetry_clean") == [(greatest,)]
        assert find(db, "readings_wrong", datetime.date.min, datetime.date.max) == []
    (found,) = find(db, "readings_repeated", datetime.date.min, datetime.date.max)
    assert (found["events"], found["first_event_id"], found["last_event_id"]) == (len(IDS), IDS[-1], IDS[0])


def test_a_migration_counts_anew(db: Database) -> None:
    """An older program chose events and counted energy by other rules."""
    if db.statements.datasets["telemetry"].behind_view:
        pytest.skip("these migrations came before the tables were spread, and lay behind views")
    deliver(db, PLANTS)
    deliver(db, inverters(5))
    deliver(db, events([(0, 90_000), (10, 0), (20, 90_100), (30, 95_000)], ac_power=3), "events.jsonl")
    deliver(db, b"".join(events([(0, 90_000)], event_id=one, ac_power=4) for one in ("j-10", "j-9")), "again.jsonl")
    readings = "SELECT * FROM inverter_telemetry_clean ORDER BY event_time"
    days = (
        "SELECT points, avg_ac_power_w, max_ac_power_w, energy_wh, first_event_time, last_event_time, points_with_power,"
        " energy_wh_uncounted, counter_faults FROM inverter_daily_summary ORDER BY day"
    )
    before = query(db, readings), query(db, days)
    with db.transaction() as tx:
        tx.execute("UPDATE inverter_telemetry_clean SET event_id = 'j-9' WHERE event_id = 'j-10'")
        tx.execute("UPDATE inverter_daily_summary SET energy_wh = 12345000, counter_faults = 0")
        tx.execute("DELETE FROM _yoyo_migration WHERE migration_id IN ('0010_telemetry_doubts', '0024_daily_sums')")
    from dbsvc import migrate

    assert migrate(db) == ["0010_telemetry_doubts", "0024_daily_sums"]
    assert (query(db, readings), query(db, days)) == before


@pytest.mark.parametrize(
    ("case", "energy"),
    [
        ("01_counter_dip", [(13_000.0, 0.0, 1), (12_000.0, 0.0, 0)]),
        ("02_night_zero_counter", [(13_000.0, 0.0, 3), (12_000.0, 0.0, 3), (12_000.0, 0.0, 3)]),
    ],
)
def test_the_cases(db: Database, case: str, energy: list[tuple[float, float, int]]) -> None:
    if not CASES.is_dir():
        pytest.skip(f"there is no {CASES}: put the folder of cases beside the project's to enable this")
    for name in ("plants.csv", "inverters.csv", f"{case}.jsonl"):
        deliver(db, (CASES / name).read_bytes(), name)
    assert summaries(db) == energy
    assert find(db, "energy_uncounted", datetime.date.min, datetime.date.max)


def test_the_case_of_nulls_at_night(db: Database) -> None:
    if not CASES.is_dir():
        pytest.skip(f"there is no {CASES}: put the folder of cases beside the project's to enable this")
    for name in ("plants.csv", "inverters.csv", "17_night_nulls.jsonl"):
        deliver(db, (CASES / name).read_bytes(), name)
    kept = "SELECT count(*) AS points, count(ac_power_w) AS with_power, avg(ac_power_w) AS mean FROM inverter_telemetry_clean"
    ((points, with_power, mean),) = query(db, kept)
    assert (points, with_power, round(mean, 1)) == (288, 234, 2448.5)
    of_the_days = (
        "SELECT sum(points_with_power) AS points, sum(points_with_power * avg_ac_power_w) AS power FROM inverter_daily_summary"
    )
    ((counted_points, power),) = query(db, of_the_days)
    assert round(power / int(counted_points), 1) == 2448.5
