"""Cases of the checks that find duplicate data."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from dbsvc.engine import Database
from dbsvc.engine.loads.operations import release
from tests.helpers.check_case import Case, bills, deliver, execute
from tests.helpers.check_cases_missing import register_inverters, send

_TODAY = datetime.date(2021, 10, 31)
#: a bill under the same id as BILL, but with nothing else in common
_OTHER = {"bill": 1, "currency": "EUR", "name": "B", "one": "3", "two": "4"}


def _deliver_on(db: Database, published_at: str, *files: tuple[str, bytes]) -> None:
    """Files of these names, published at that time."""
    for name, content in files:
        load_id = deliver(db, content).load.load_id
        execute(db, f"UPDATE loads SET published_at = '{published_at}', source = '{name}' WHERE load_id = {load_id}")


def _same(unchanged: int, changed: int, rejected: int = 0) -> bytes:
    """Bills of the 1st as they were delivered before, then some with another amount, then bad ones."""
    return bills(*[{}] * unchanged, *[{"one": "9"}] * changed, *[{"currency": "?"}] * rejected)


def _with_repeats(name: str, records: int, duplicate: int, superseded: int) -> bytes:
    """A file of ``count`` records in all; its total is that of a few, so that no audit holds it."""
    good = [{"name": name, "bill": n, "one": "0.5", "two": "0.5"} for n in range(records - duplicate - superseded)]
    return bills(
        {**good[0], "one": "5"},
        *good[1:],
        *good[1 : duplicate + 1],
        *({**bill, "one": "0.9"} for bill in good[len(good) - superseded :]),
    )


def _deliver_with_repeats(db: Database, usual: Sequence[int], records: int, duplicate: int, superseded: int) -> None:
    """Loads of 100 records, some of which repeat others, and then one that is odd."""
    made = f"{records} {duplicate}"
    files = [(f"{n}.csv", _with_repeats(f"{n} of {made}", 100, repeats, 0)) for n, repeats in enumerate(usual)]
    _deliver_on(db, "2021-10-01 00:00:00", *files)
    _deliver_on(db, "2021-10-24 00:00:00", ("odd.csv", _with_repeats(made, records, duplicate, superseded)))


def _replace_version_of(db: Database, inverter: str) -> None:
    """The events of A have each replaced one of this inverter, as it could be before ids were questioned."""
    columns = "event_id, plant_id, event_time, ac_power, ac_power_unit, line_no"
    execute(
        db,
        f"INSERT INTO inverter_telemetry_raw_history ({columns}, inverter_id, load_id, replaced_by_load_id) "
        f"SELECT {columns}, '{inverter}', 1, load_id FROM inverter_telemetry_raw",
    )


CASES = {
    "event_ids_shared": Case(
        trips=[
            lambda db: register_inverters(db, "A", "B"),
            lambda db: send(db, ("A", "2025-04-01 06:00:00")),
            lambda db: _replace_version_of(db, "B"),
        ],
        nearly=[
            lambda db: register_inverters(db, "A", "B"),
            lambda db: send(db, ("A", "2025-04-01 06:00:00")),
            lambda db: _replace_version_of(db, "A"),
        ],
        since=datetime.date(2025, 4, 1),
        expected=[{"event_id": "e001", "replaced_inverter_id": "B", "inverter_id": "A", "load_id": "3"}],
    ),
    "records_contradict": Case(
        trips=[lambda db: deliver(db, _with_repeats("A", 59, 0, 3))],
        nearly=[
            lambda db: deliver(db, _with_repeats("A", 60, 0, 3)),
            lambda db: deliver(db, _with_repeats("B", 20, 0, 2)),
            lambda db: deliver(db, _with_repeats("C", 20, 0, 9)),
            lambda db: execute(db, "UPDATE loads SET released = TRUE WHERE load_id = 3"),
            # corrected since then
            lambda db: deliver(db, bills(*[{"day": "2021-11-01", "bill": n // 2, "one": n} for n in range(6)])),
            lambda db: deliver(db, bills({"day": "2021-11-01", "bill": 0, "one": "9"})),
            # published late: other loads superseded its records
            lambda db: deliver(db, bills(*[{"day": "2021-12-01", "currency": "?"}] * 9, *[{"day": "2021-12-01"}] * 8)),
            lambda db: deliver(db, bills(*[{"day": "2021-12-01", "one": "9"}] * 20)),
            lambda db: release(db, 6),
            lambda db: execute(db, "UPDATE loads SET released = FALSE WHERE load_id = 6"),
        ],
        expected=[{"load_id": "1", "read": "59", "superseded": "3"}],
    ),
    "bill_ids_on_several_dates": Case(
        # one of two ids
        trips=[
            lambda db: deliver(db, bills({}, {"day": "2021-10-02"}, {"day": "2021-10-03", **_OTHER})),
            lambda db: deliver(db, bills({"day": "2021-09-30", "bill": 2})),
        ],
        # two of three ids: they restart each day
        nearly=[
            lambda db: deliver(db, bills({}, {}, {})),
            lambda db: deliver(db, bills({"day": "2021-10-02", **_OTHER}, {"day": "2021-10-02", **_OTHER, "bill": 2})),
            lambda db: deliver(db, bills({"day": "2021-09-30", "bill": 3})),
        ],
        since=datetime.date(2021, 10, 1),
        expected=[
            {"bill_id": "1", "dates": "2", "first_date": "2021-10-01", "last_date": "2021-10-03", "customers": "2"},
        ],
    ),
    "bills_identical": Case(
        trips=[
            lambda db: deliver(db, bills({}, {"one": "1.00"}, {"one": "0"}, {"one": "0.0"}, {"one": "9"})),
            lambda db: deliver(db, bills({"bill": 9})),
        ],
        nearly=[
            lambda db: deliver(db, bills({}, {"name": "B"}, {"currency": "EUR"}, {"one": "1.00000001"}, {"two": "2.00000001"})),
            lambda db: deliver(db, bills({"day": "2021-10-02"}, *[{"bill": n, "one": "0", "two": "0"} for n in (7, 8)])),
            lambda db: deliver(db, bills(*[{"day": "2021-09-30"}] * 2)),
        ],
        since=datetime.date(2021, 10, 1),
        expected=[
            {"bill_date": "2021-10-01", "customer_name": "A", "bills": "3", "first_bill_id": "1", "last_bill_id": "9"},
            {"product1_revenue": "0.00000000", "bills": "2", "first_bill_id": "3", "last_bill_id": "4"},
        ],
    ),
    "duplicates_share_high": Case(
        # more than thrice the median; more than the least share; the least number
        trips=[
            lambda db: _deliver_with_repeats(db, [9, 5, 0, 5, 30], 500, 50, 26),
            lambda db: _deliver_with_repeats(db, [0] * 9, 190, 10, 0),
        ],
        nearly=[
            lambda db: _deliver_with_repeats(db, [9, 5, 0, 5, 30], 500, 50, 25),
            lambda db: _deliver_with_repeats(db, [0] * 9, 200, 10, 0),
            lambda db: _deliver_with_repeats(db, [], 100, 9, 0),
        ],
        today=_TODAY,
        expected=[
            {"load_id": "6", "duplicate": "50", "superseded": "26", "percent": "15.2", "usual_percent": "5.0"},
            {"load_id": "16", "duplicate": "10", "superseded": "0", "percent": "5.3", "usual_percent": "0.0"},
        ],
    ),
    "files_alike": Case(
        trips=[
            lambda db: _deliver_on(db, "2021-10-01 00:00:00", ("a.csv", _same(20, 0))),
            lambda db: _deliver_on(db, "2021-10-24 00:00:00", ("b.csv", _same(18, 2, rejected=1))),
        ],
        nearly=[
            lambda db: _deliver_on(db, "2021-10-01 00:00:00", ("a.csv", _same(20, 0))),
            # one record more is new; one record less is good; the name is known; it was a week ago
            lambda db: _deliver_on(db, "2021-10-24 00:00:00", ("b.csv", _same(17, 3)), ("c.csv", _same(17, 2, rejected=1))),
            lambda db: _deliver_on(db, "2021-10-24 00:00:00", ("a.csv", _same(20, 1))),
            lambda db: _deliver_on(db, "2021-10-23 23:59:59", ("d.csv", _same(20, 0, rejected=1))),
        ],
        today=_TODAY,
        expected=[{"load_id": "2", "dataset": "usage", "source": "b.csv", "good_records": "20", "unchanged": "18"}],
    ),
    "readings_repeated": Case(
        trips=[
            lambda db: register_inverters(db, "A", "B"),
            lambda db: send(db, ("A", "2025-04-01 06:00:00"), ("B", "2025-03-31 18:30:00"), ("A", "2025-04-01 06:00:00")),
            lambda db: send(db, ("B", "2025-03-31 18:30:00"), ("B", "2025-04-01 06:00:00"), first_id=7),
        ],
        nearly=[
            lambda db: register_inverters(db, "A", "B"),
            lambda db: send(db, ("A", "2025-04-01 06:00:00"), ("B", "2025-04-01 06:00:00"), ("A", "2025-04-01 06:00:00.001")),
            lambda db: send(db, *[("B", "2025-03-31 18:29:59")] * 2, first_id=7),
            lambda db: send(db, ("B", "2025-04-01 06:00:00"), first_id=2),
        ],
        since=datetime.date(2025, 4, 1),
        expected=[
            {"inverter_id": "A", "day": "2025-04-01", "events": "2", "first_event_id": "e001", "last_event_id": "e003"},
            {"inverter_id": "B", "day": "2025-04-01", "events": "2", "first_event_id": "e002", "last_event_id": "e007"},
        ],
    ),
}
