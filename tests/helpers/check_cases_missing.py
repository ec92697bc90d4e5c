"""Cases of the checks that find missing data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dbsvc.engine import Database
from dbsvc.engine.fx.providers import Quote
from tests.helpers import register, write
from tests.helpers.check_case import Case, bills, days, deliver, execute
from tests.helpers.rates import final, provisional, tell


def _regular_customer(db: Database, silent: int) -> None:
    """A customer with bills on five days, then silence, while another goes on."""
    regular = [{"day": day, "name": "Regular"} for day in days("2021-10-01", 5)]
    others = [{"day": day, "name": "Other"} for day in days("2021-10-01", 5 + silent)]
    deliver(db, bills(*regular, *others))


def _need_rates(db: Database) -> None:
    deliver(db, bills({"currency": "ILS"}, {"currency": "ILS"}, {"currency": "EUR"}, {"day": "2021-10-02", "currency": "USD"}))


PLANTS = "plant_id,name,location,timezone\n"
INVERTERS = "inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n"


def register_inverters(db: Database, *inverters: str) -> None:
    """Inverters of the plant P, and another plant Q, both in India."""
    deliver(db, f"{PLANTS}P,P,,Asia/Kolkata\nQ,Q,,Asia/Kolkata\n".encode())
    deliver(db, "".join([INVERTERS, *(f"{inverter},P,,,1,\n" for inverter in inverters)]).encode())


def send(db: Database, *events: tuple[str, str], first_id: int = 1) -> None:
    """Events of inverters of the plant P, at these times by UTC. Their ids count up."""
    common = {"plant_id": "P", "ac_power": 1, "ac_power_unit": "kW"}
    records = [
        {**common, "event_id": f"e{n:03}", "inverter_id": inverter, "event_time": f"{time}Z"}
        for n, (inverter, time) in enumerate(events, first_id)
    ]
    deliver(db, "".join(json.dumps(record) + "\n" for record in records).encode(), "telemetry.jsonl")


def _times(first: str, steps: Sequence[timedelta]) -> Iterator[str]:
    """A time, and those that come after it so much later each."""
    time = datetime.fromisoformat(first)
    yield str(time)
    for step in steps:
        time += step
        yield str(time)


def _summarise(db: Database, inverter: str, points: Sequence[int], *, plant: str = "P", first: str = "2025-04-01") -> None:
    """An inverter's days, one after the other, with that many readings; none where there are 0."""
    columns = "plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, first_event_time, last_event_time"
    for day, count in zip(days(first, len(points)), points, strict=True):
        if count:
            row = f"'{plant}', '{inverter}', '{day}', 1, 1, {count}, '{day} 06:00:00', '{day} 07:00:00'"
            execute(db, f"INSERT INTO inverter_daily_summary ({columns}) VALUES ({row})")


def _summarise_days(db: Database, low: int) -> None:
    """Inverters with a day of so few readings: A has a week besides the newest day, B does not; C moved on its."""
    register_inverters(db, "A", "B", "C")
    _summarise(db, "A", [100, 100, low, 101, 99, 100, 150, 1])
    _summarise(db, "B", [100, low, 100, 100, 100, 100, 1], first="2025-04-02")
    _summarise(db, "C", [1, 100, 100, 60, 100, 100, 100, 100])
    _summarise(db, "C", [low], plant="Q", first="2025-04-04")
    _summarise(db, "C", [100, 100, 100, 100], plant="Q", first="2025-04-09")


def _send_with_gaps(db: Database, gap_a: timedelta, gap_b: timedelta, steps: int) -> None:
    """A reports every minute, B every five on two days, C has few readings, D goes on after midnight: each is silent once."""
    register_inverters(db, "A", "B", "C", "D")
    minute = timedelta(minutes=1)
    send(
        db,
        *(("A", time) for time in _times("2025-04-01 06:00", [minute] * 5 + [gap_a] + [minute] * (steps - 6))),
        *(("B", time) for time in _times("2025-03-31 06:00", [5 * minute] * 8)),
        *(("B", time) for time in _times("2025-04-01 06:00", [5 * minute] * 8 + [gap_b] + [5 * minute] * 8)),
        *(("C", time) for time in _times("2025-04-01 06:00", [minute] * 8 + [60 * minute])),
        # the day ends at 18:30 in Kolkata
        *(("D", time) for time in _times("2025-04-01 18:09:59", [minute] * 20 + [60 * minute] + [minute] * 20)),
    )


def _register_unfinished(db: Database, age: timedelta) -> None:
    """A load that was registered so long ago, and one that was not."""
    with TemporaryDirectory() as folder:
        for name in ("old", "new"):
            register(db, write(Path(folder) / f"{name}.csv", bills({"name": name})))
    execute(db, f"UPDATE loads SET registered_at = '{_ago(age)}', source = 'old.csv' WHERE load_id = 1")


def _publish(db: Database, ages: Sequence[timedelta], content: Callable[[int], bytes]) -> None:
    """Loads that were published so long ago."""
    for n, age in enumerate(ages):
        load_id = deliver(db, content(n)).load.load_id
        execute(db, f"UPDATE loads SET published_at = '{_ago(age)}' WHERE load_id = {load_id}")


def _usage(n: int) -> bytes:
    return bills({"name": f"{n}"})


def _plant(n: int) -> bytes:
    return f"{PLANTS}P{n},P,,UTC\n".encode()


def _inverter(n: int) -> bytes:
    return f"{INVERTERS}I{n},P0,,,1,\n".encode()


def _ago(age: timedelta) -> str:
    return f"{datetime.now(UTC) - age:%Y-%m-%d %H:%M:%S}"


_HOUR, _BIT = timedelta(hours=1), timedelta(minutes=4)  # no tie when hours are rounded: versions of SQLite differ there
#: how long before the newest load the others came: three pairs, and one, a day apart
_NIGHTLY = [timedelta(days=n, seconds=seconds) for n, seconds in ((3, 1), (3, 0), (2, 1), (2, 0), (1, 1), (1, 0), (0, 0))]

CASES = {
    "bill_days_missing": Case(
        trips=[lambda db: deliver(db, bills(*({"day": f"2021-10-0{day}"} for day in (1, 2, 5, 7))))],
        nearly=[lambda db: deliver(db, bills(*({"day": day} for day in days("2021-09-29", 5))))],
        expected=[
            {"last_day_before": "2021-10-02", "first_day_after": "2021-10-05"},
            {"last_day_before": "2021-10-05", "first_day_after": "2021-10-07"},
        ],
    ),
    "customers_stopped": Case(
        trips=[lambda db: _regular_customer(db, silent=8)],
        nearly=[lambda db: _regular_customer(db, silent=7)],
        expected=[{"customer_name": "Regular", "days": "5"}],
    ),
    "datasets_stale": Case(
        trips=[lambda db: _publish(db, [age + 72 * _HOUR + _BIT for age in _NIGHTLY], _usage)],
        nearly=[
            lambda db: _publish(db, [age + 72 * _HOUR - _BIT for age in _NIGHTLY], _usage),
            # few loads; many loads, but within a day
            lambda db: _publish(db, [timedelta(days=n) for n in (99, 98, 97, 96)], _plant),
            lambda db: _publish(db, [99 * 24 * _HOUR - n * _HOUR for n in (0, 1, 2, 3, 4, 23)], _inverter),
        ],
        expected=[{"dataset": "usage", "newest_load_id": "7", "hours_ago": "72.1", "usual_hours": "24.0"}],
    ),
    "fx_rates_missing": Case(
        trips=[
            _need_rates,
            lambda db: tell(db, provisional("3.2"), allow_provisional=True),
            lambda db: tell(db, Quote(date(2021, 10, 1), "EUR", None, None, False)),
        ],
        nearly=[_need_rates, lambda db: tell(db, final("3.2"), final("0.9", currency="EUR"))],
        expected=[
            {"currency": "EUR", "bills": "1", "provisional_rate": "", "unavailable": "left_out"},
            {"currency": "ILS", "bills": "2", "provisional_rate": "3.2", "unavailable": ""},
        ],
    ),
    "loads_held": Case(
        trips=[lambda db: deliver(db, bills({"day": "never"}, {"bill": "x"}, {}))],
        nearly=[lambda db: deliver(db, bills({"day": "never"}, {}, {}))],
        expected=[{"load_id": "1", "dataset": "usage"}],
    ),
    "loads_unfinished": Case(
        trips=[lambda db: _register_unfinished(db, 6 * _HOUR + _BIT)],
        nearly=[lambda db: _register_unfinished(db, 6 * _HOUR - _BIT), lambda db: deliver(db, bills({}))],
        expected=[{"load_id": "1", "status": "staging", "source": "old.csv", "chunks": "1", "staged_chunks": "0"}],
    ),
    "telemetry_days_missing": Case(
        trips=[
            lambda db: register_inverters(db, "A", "B", "C"),
            lambda db: _summarise(db, "A", [1, 0, 1, 1, 1]),
            lambda db: _summarise(db, "B", [1, 1]),
        ],
        nearly=[
            lambda db: register_inverters(db, "A", "B", "C"),
            lambda db: _summarise(db, "A", [1, 1, 1, 1, 1]),
            lambda db: _summarise(db, "B", [1, 1, 1]),
        ],
        expected=[
            {"inverter_id": "A", "last_day_before": "2025-04-01", "first_day_after": "2025-04-03"},
            {"inverter_id": "B", "last_day_before": "2025-04-02", "first_day_after": ""},
        ],
    ),
    "telemetry_gaps": Case(
        trips=[lambda db: _send_with_gaps(db, timedelta(minutes=15), timedelta(minutes=25, seconds=1), 10)],
        nearly=[lambda db: _send_with_gaps(db, timedelta(minutes=14, seconds=59), timedelta(minutes=25), 10)],
        expected=[
            {"plant_id": "P", "inverter_id": "A", "day": "2025-04-01", "minutes": "15", "usual_seconds": "144"},
            {"plant_id": "P", "inverter_id": "B", "day": "2025-04-01", "minutes": "25", "usual_seconds": "300"},
        ],
    ),
    "telemetry_points_low": Case(
        trips=[lambda db: _summarise_days(db, low=49)],
        nearly=[lambda db: _summarise_days(db, low=50)],
        expected=[{"plant_id": "P", "inverter_id": "A", "day": "2025-04-03", "points": "49", "usual_points": "100"}],
    ),
}
