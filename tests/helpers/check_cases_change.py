"""Cases of the checks that find unexpected changes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dbsvc.engine import Database
from dbsvc.engine.loads.operations import release
from tests.helpers.check_case import Case, bills, days, deliver, execute
from tests.helpers.rates import DAY, final, tell

WEEK = DAY + datetime.timedelta(7)

PLANTS = b"plant_id,name,location,timezone\nPl,Plant,here,Asia/Kolkata\n"
INVERTERS = b"""inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at
I1,Pl,V,M,33,
I2,Pl,V,M,33,
"""

#: what an event is if nobody says otherwise
EVENT: Mapping[str, Any] = {
    "plant_id": "Pl",
    "inverter_id": "I1",
    "event_time": "2025-04-01T06:00:00Z",
    "ac_power": 1,
    "ac_power_unit": "kW",
}


def events(*changes: Mapping[str, Any]) -> bytes:
    """A telemetry file: each event is EVENT with some changes; the id counts up if it is not one of them."""
    return b"".join(
        json.dumps({**EVENT, "event_id": f"e{n}", **change}).encode() + b"\n" for n, change in enumerate(changes, 1)
    )


def telemetry(db: Database, *changes: Mapping[str, Any]) -> None:
    """A plant, two inverters of 33 kW, and their events, if any."""
    deliver(db, PLANTS)
    deliver(db, INVERTERS)
    if changes:
        deliver(db, events(*changes), "telemetry.jsonl")


def change_bills(db: Database) -> None:
    """A load changes a bill in USD and one in ILS, and a third one changes the first again, to a currency without a rate."""
    tell(db, final("3.2"))
    deliver(db, bills({"one": "1"}, {"currency": "ILS", "one": "10", "two": "6.4"}, {"one": "3"}))
    deliver(db, bills({"one": "2.5"}, {"currency": "ILS", "one": "42", "two": "6.4"}, {"one": "3"}))
    deliver(db, bills({"currency": "EUR", "one": "2.5"}))


def _change_no_public_bill(db: Database) -> None:
    """Other values within a file, the same values again, and a load that was outdated before it was public."""
    deliver(db, bills({"bill": 1, "one": "5"}, {"day": "never"}, {"bill": "x"}))
    deliver(db, bills({"bill": 1, "one": "6"}, {"bill": 1, "one": "7"}, {"bill": 2}))
    deliver(db, bills({"bill": 1, "one": "7"}, {"bill": 3}))
    release(db, 1)
    execute(db, "UPDATE loads SET published_at = '2021-10-02 00:00:00' WHERE load_id = 2")


def _revenue(db: Database, *odd: Mapping[str, Any], usual: Sequence[int] = (98, 99, 100, 101, 102)) -> None:
    """Ten days of usual revenue, then odd ones."""
    regular = [{"day": day, "one": amount - 2} for day, amount in zip(days("2021-10-01", 10), [*usual, *usual], strict=True)]
    deliver(db, bills(*regular, *odd))


def _low_and_high(db: Database, low: int, high: int) -> None:
    """Odd days: one in USD, one partly in ILS, one without a rate, and today."""
    tell(db, final("3.2", day=datetime.date(2021, 10, 12)))
    _revenue(
        db,
        {"day": "2021-10-11", "one": low, "two": 0},
        {"day": "2021-10-12", "currency": "ILS", "one": 320, "two": 0},
        {"day": "2021-10-12", "one": high - 100, "two": "0.99"},
        {"day": "2021-10-13", "currency": "EUR", "one": 9999},
        {"day": "2021-10-14", "one": 9999},
    )


def _of_a_customer(db: Database, odd: int) -> None:
    """A customer's odd day, and one of a customer with nine days."""
    few = [{"day": day, "name": "B", "one": 9999 if day == "2021-10-09" else 1} for day in days("2021-10-01", 9)]
    _revenue(db, {"day": "2021-10-11", "one": odd, "two": 0}, *few, usual=(80, 90, 100, 110, 120))


def _mix(db: Database, product1: int) -> None:
    """Nine days of halves, and one other."""
    halves = [{"day": day, "one": 50, "two": 50} for day in days("2021-10-01", 9)]
    deliver(db, bills(*halves, {"day": "2021-10-10", "one": product1, "two": 100 - product1}))


def _rejects(db: Database, last: int) -> None:
    """Five loads of 200 records with two rejects, and one with more."""
    for nth, bad in enumerate([2] * 5 + [last], 1):
        deliver(db, bills(*({"day": f"2021-10-0{nth}" if n > bad else "never"} for n in range(1, 201))))


CASES = {
    "bills_changed": Case(
        trips=[change_bills],
        nearly=[_change_no_public_bill],
        expected=[
            {"load_id": "2", "bills": "2", "first_day": "2021-10-01", "last_day": "2021-10-01", "change_usd": "11.5"},
            {"load_id": "3", "bills": "1", "change_usd": ""},
        ],
    ),
    "revenue_day_unusual": Case(
        trips=[lambda db: _low_and_high(db, 50, 150)],
        nearly=[lambda db: _low_and_high(db, 51, 149)],
        expected=[
            {"bill_date": "2021-10-11", "revenue_usd": "50", "median_usd": "100"},
            {"bill_date": "2021-10-12", "revenue_usd": "150", "median_usd": "100"},
        ],
        today=datetime.date(2021, 10, 14),
    ),
    # 5 times 1.4826 times a median deviation of 10 are 74.13
    "revenue_customer_unusual": Case(
        trips=[lambda db: _of_a_customer(db, 175)],
        nearly=[lambda db: _of_a_customer(db, 174)],
        expected=[{"bill_date": "2021-10-11", "customer_name": "A", "revenue_usd": "175", "median_usd": "100"}],
    ),
    "product_mix_shifted": Case(
        trips=[lambda db: _mix(db, 71)],
        nearly=[lambda db: _mix(db, 70)],
        expected=[{"bill_date": "2021-10-10", "product1_usd": "71", "product1_percent": "71.0", "median_percent": "50.0"}],
    ),
    "fx_rates_jumped": Case(
        trips=[
            lambda db: tell(db, final("3.2"), final("0.9", currency="EUR")),
            lambda db: tell(db, final("3.5201", day=WEEK), final("0.8", currency="EUR", day=WEEK)),
        ],
        nearly=[
            lambda db: tell(db, final("3.2"), final("0.9", currency="EUR"), final("150", currency="JPY")),
            lambda db: tell(db, final("3.52", day=WEEK), final("0.81", currency="EUR", day=WEEK)),
            lambda db: tell(db, final("1", currency="JPY", day=WEEK + datetime.timedelta(1))),
        ],
        expected=[
            {"rate_date": "2021-10-08", "currency": "EUR", "rate": "0.8", "rate_before": "0.9", "change_percent": "-11.1"},
            {"rate_date": "2021-10-08", "currency": "ILS", "date_before": "2021-10-01", "change_percent": "10.0"},
        ],
    ),
    "fx_rates_disputed": Case(
        trips=[lambda db: tell(db, final("3.2")), lambda db: tell(db, final("3.3"))],
        nearly=[
            lambda db: tell(db, final("3.2")),
            lambda db: tell(db, final("3.3")),
            lambda db: tell(db, final("3.3"), accept=True),
        ],
        expected=[{"rate_date": "2021-10-01", "currency": "ILS", "rate": "3.2", "quoted_rate": "3.3"}],
    ),
    "energy_counters_backwards": Case(
        trips=[
            lambda db: telemetry(
                db,
                {"energy_wh_total": 1000},
                {"event_time": "2025-04-01T06:01:00Z"},
                {"event_time": "2025-04-01T06:02:00Z", "energy_wh_total": 989.999},
                {"event_time": "2025-04-01T06:03:00Z", "energy_wh_total": 1000},
            )
        ],
        nearly=[
            lambda db: telemetry(
                db,
                {"energy_wh_total": 1000},
                {"event_time": "2025-04-01T06:01:00Z"},
                {"event_time": "2025-04-01T06:02:00Z", "energy_wh_total": 990},
                {"event_time": "2025-04-01T06:03:00Z", "energy_wh_total": 0},
                {"event_time": "2025-04-01T06:04:00Z", "inverter_id": "I2", "energy_wh_total": 1},
            )
        ],
        expected=[{"inverter_id": "I1", "energy_wh_total": "989.999", "energy_before": "1000.0", "event_id": "e3"}],
    ),
    # 33 kW, 1.2 times, and 1 kWh: 1,660 Wh in a minute
    "energy_uncounted": Case(
        trips=[
            lambda db: telemetry(
                db,
                {"energy_wh_total": 50_000},
                {"event_time": "2025-04-01T06:01:00Z", "energy_wh_total": 51_660.001},
                {"event_time": "2025-04-01T06:01:00Z", "energy_wh_total": 7, "inverter_id": "I2"},
                {"event_time": "2025-04-01T06:02:00Z", "energy_wh_total": 0, "inverter_id": "I2"},
                {"event_time": "2025-04-01T06:03:00Z", "energy_wh_total": 8, "inverter_id": "I2"},
            )
        ],
        nearly=[
            lambda db: telemetry(
                db,
                {"energy_wh_total": 0},
                {"event_time": "2025-04-01T06:01:00Z", "energy_wh_total": 1660},
                {"event_time": "2025-04-01T06:02:00Z", "energy_wh_total": 1650},
                {"event_time": "2025-04-01T06:03:00Z", "energy_wh_total": 15},
            )
        ],
        expected=[
            {"inverter_id": "I1", "energy_wh": "0.0", "energy_wh_uncounted": "1660.001", "counter_faults": "1"},
            {"inverter_id": "I2", "energy_wh": "1.0", "energy_wh_uncounted": "0.0", "counter_faults": "1"},
        ],
    ),
    # 33 kW and 20 percent are 39.6 kW
    "power_above_capacity": Case(
        trips=[
            lambda db: telemetry(
                db,
                {"ac_power": 39.600001},
                {"ac_power": 39.7, "event_time": "2025-04-01T06:01:00Z"},
                {"ac_power": 39.7, "event_time": "2025-03-31T18:29:59Z"},
            )
        ],
        nearly=[lambda db: telemetry(db, {"ac_power": 39.6}, {"ac_power": 39.7, "event_time": "2025-03-31T18:29:59Z"})],
        expected=[
            {"inverter_id": "I1", "day": "2025-04-01", "readings": "2", "max_ac_power_w": "39700.0", "capacity_kw": "33.0"}
        ],
        since=datetime.date(2025, 4, 1),
    ),
    "rejects_rising": Case(
        trips=[lambda db: _rejects(db, 7)],
        nearly=[lambda db: _rejects(db, 6)],
        expected=[{"load_id": "6", "dataset": "usage", "rejected": "7", "rejected_percent": "3.5", "usual_percent": "1.0"}],
    ),
}
