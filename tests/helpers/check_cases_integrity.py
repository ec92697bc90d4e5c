"""Cases of the checks that find what was changed behind the program's back."""

from __future__ import annotations

import datetime

from dbsvc.engine import Database
from dbsvc.engine.loads.operations import release, retry
from dbsvc.engine.settings import Settings
from tests.helpers.check_case import Case, bills, deliver, execute
from tests.helpers.check_cases_change import INVERTERS, PLANTS, change_bills, events, telemetry


def _break_the_ledger(db: Database) -> None:
    for n in range(1, 5):
        deliver(db, bills({"day": f"2021-10-0{n}"}, {}, {"day": "never"}))
    unguard = "PRAGMA ignore_check_constraints = ON"
    if db.dialect.family[0] != "sqlite":
        unguard = "ALTER TABLE loads DROP CONSTRAINT loads_accounting_identity"
    execute(
        db,
        "DELETE FROM rejects WHERE load_id = 1",
        "UPDATE loads SET read = read + 1, unchanged = unchanged + 1 WHERE load_id = 2",
        "UPDATE load_chunks SET staged = NULL WHERE load_id = 3",
        unguard,
        "UPDATE loads SET inserted = inserted + 1 WHERE load_id = 4",
    )


def _all_kinds_of_records(db: Database) -> None:
    """Inserted, updated, unchanged, duplicate, superseded and rejected records; a load that is held, one that was released."""
    change_bills(db)
    deliver(db, bills({"one": "7"}, {"bill": 2, "one": "8"}, {"bill": 2, "one": "9"}, {"bill": 2, "one": "9"}, {"day": "x"}))
    deliver(db, bills({"one": "8"}, {"day": "never"}, {"bill": "x"}))
    deliver(db, bills({"one": "9"}, {"bill": 9}))
    release(db, 5)
    deliver(db, bills({"one": "10"}, {"day": "never"}, {"bill": "y"}))
    deliver(db, bills({"one": "9"}, {"bill": 10}))
    telemetry(db, {}, {"event_id": "e1", "event_time": "2025-04-01T06:00:01Z"}, {"inverter_id": "unknown"})
    deliver(db, PLANTS.replace(b"here", b"there"))
    deliver(db, INVERTERS.replace(b"33", b"50"))


def _outdated_load_that_repeats(db: Database) -> None:
    """A load that is published late repeats the first, and leaves no trace; the ledger counts it as superseded."""
    header = b"plant_id,name,location,timezone\n"
    deliver(db, header + b"Q,Q,here,UTC\n")
    late = deliver(db, header + b"Q,Q,here,UTC\n,,,\n,x,,\n").load.load_id
    deliver(db, header + b"Q,Q,there,UTC\n")
    release(db, late)
    execute(db, f"UPDATE loads SET published_at = '2021-10-02 00:00:00' WHERE dataset = 'plants' AND load_id <> {late}")


def _change_quietly(db: Database) -> None:
    deliver(db, bills({"day": "2021-10-02"}, {"day": "2021-10-03"}, {"day": "2021-10-04"}))
    deliver(db, PLANTS)
    execute(
        db,
        "UPDATE bills_stored SET customer_name = 'Mallory' WHERE bill_date = '2021-10-02'",
        "DELETE FROM bills_stored WHERE bill_date = '2021-10-03'",
        "UPDATE plants SET name = 'Elsewhere'",
    )


def _delete_rows(db: Database) -> None:
    change_bills(db)
    telemetry(db, {}, {"event_time": "2025-04-01T06:01:00Z"})
    execute(
        db,
        "DELETE FROM bills_stored WHERE bill_id = 2",
        "DELETE FROM bills_history WHERE bill_id = 2",
        "DELETE FROM inverter_telemetry_raw WHERE event_id = 'e2'",
        "INSERT INTO plants (plant_id, name, location, timezone, load_id, line_no) VALUES ('X', 'X', '', 'UTC', 4, 9)",
    )


def _change_amounts(db: Database) -> None:
    deliver(db, bills({}, {}))
    deliver(db, bills({"bill": 3}))
    deliver(db, bills({"bill": 4}, {"bill": 5}))
    execute(
        db,
        "UPDATE bills_stored SET product1_revenue = '2.00000000' WHERE bill_id = 1",
        "UPDATE bills_stored SET load_id = 2 WHERE bill_id = 4",
    )


def _change_hardly(db: Database) -> None:
    """Less than a whole unit; a load that repeated something, or lost a bill; changes that are in order; a retried reject."""
    deliver(db, bills({"bill": 1, "one": "5.7"}, {"bill": 1, "one": "6.7"}, {"bill": 2}))
    deliver(db, bills({"bill": 2, "one": "100"}, {"bill": 3}))
    deliver(db, bills({"bill": 2, "one": "200"}))
    deliver(db, bills({"bill": 2, "one": "200"}, {"bill": 4}))
    deliver(db, bills({"bill": 5}, {"bill": 6}))
    waits = deliver(db, bills({"bill": 7, "currency": "QQQ", "one": 40}, {"bill": 8, "one": 40}))
    execute(db, "INSERT INTO currencies (code) VALUES ('QQQ')")
    assert retry(db, waits.load.load_id, Settings()).passed == 1
    execute(
        db,
        "UPDATE bills_stored SET product1_revenue = '1.99000000' WHERE bill_id = 3",
        "UPDATE bills_stored SET product1_revenue = '9.00000000' WHERE bill_id IN (4, 5)",
        "DELETE FROM bills_stored WHERE bill_id = 6",
    )


def _break_history(db: Database) -> None:
    for amount in ("1", "2"):
        deliver(db, bills(*({"one": amount} for _ in range(4))))
    execute(
        db,
        "UPDATE bills_history SET replaced_by_load_id = 9 WHERE bill_id = 1",
        "UPDATE bills_history SET load_id = 8 WHERE bill_id = 2",
        "UPDATE bills_history SET load_id = 2 WHERE bill_id = 3",
        "UPDATE bills_history SET replaced_by_load_id = NULL WHERE bill_id = 4",
    )


def _remembered_repeat(db: Database) -> None:
    """What a load repeated is kept while an older one is held."""
    deliver(db, bills({}))
    deliver(db, bills({"one": "5"}, {"day": "never"}, {"bill": "x"}))
    deliver(db, bills({}, {"bill": 2}))


def _orphan_bills(db: Database, day: str) -> None:
    deliver(db, bills({"day": "2021-10-01"}, {"day": "2021-10-02"}, {"day": "2021-10-02"}))
    deliver(db, bills({"day": "never"}, {"bill": "x"}, {}))
    execute(
        db,
        f"UPDATE bills_stored SET load_id = 9 WHERE bill_date = '{day}' AND bill_id <> 3",
        f"UPDATE bills_stored SET load_id = 2 WHERE bill_date = '{day}' AND bill_id = 3",
    )


SINCE = datetime.date(2025, 4, 1)
#: by UTC it is the day before; by the plant's clock the day itself, and the day before
EVE, EVE_OF_EVE = "2025-03-31T23:59:59Z", "2025-03-31T18:29:59Z"


def _orphan_telemetry(db: Database, *times: str) -> None:
    telemetry(db, *({"event_time": time, "inverter_id": f"I{n % 2 + 1}"} for n, time in enumerate(times)))
    execute(
        db,
        "DELETE FROM inverter_telemetry_raw WHERE event_id = 'e1'",
        "UPDATE inverter_telemetry_raw SET load_id = 9 WHERE event_id = 'e2'",
        "UPDATE inverter_telemetry_raw SET inverter_id = 'ghost' WHERE event_id = 'e3'",
        "DELETE FROM inverter_telemetry_clean WHERE event_id = 'e4'",
    )


def _damage_readings(db: Database, minute: str) -> None:
    """Readings of seven seconds, two events the first."""
    seconds = [{"event_time": f"{minute}:{n:02}Z", "dc_power": 1, "dc_power_unit": "kW", "status": "ok"} for n in range(7)]
    telemetry(db, *seconds, {**seconds[0], "event_id": "a"})
    execute(
        db,
        "UPDATE inverter_telemetry_clean SET event_id = 'a' WHERE event_id = 'e1'",
        "DELETE FROM inverter_telemetry_clean WHERE event_id = 'e2'",
        "UPDATE inverter_telemetry_clean SET ac_power_w = 1000.001 WHERE event_id = 'e3'",
        "UPDATE inverter_telemetry_clean SET dc_power_w = NULL WHERE event_id = 'e4'",
        "UPDATE inverter_telemetry_clean SET status = 'fault' WHERE event_id = 'e5'",
        "UPDATE inverter_telemetry_clean SET event_id = 'e7' WHERE event_id = 'e6'",
    )


def _odd_readings(db: Database) -> None:
    """Values that are rounded, in every unit, and events that were resent."""
    powers = [(0.0001234, "MW"), (12.3456785, "kW"), (0.0005, "W"), ("33000", "W")]
    telemetry(
        db,
        *(
            {
                "event_time": f"2025-04-01T06:{n:02}:00Z",
                "ac_power": power,
                "ac_power_unit": unit,
                "energy_wh_total": 0.12345 + n,
                "temperature_c": -3.00051,
            }
            for n, (power, unit) in enumerate(powers)
        ),
    )
    deliver(db, events({"event_id": "z", "ac_power": 2}, {"event_id": "e2", "ac_power": 3}), "more.jsonl")


def _two_days(db: Database, first: str, second: str) -> None:
    """Three readings a day, of two inverters."""
    times = [f"{day}T06:0{minute}:00Z" for day in (first, second) for minute in range(3)]
    counted = [{"event_time": time, "ac_power": n, "energy_wh_total": 10 * n} for n, time in enumerate(times)]
    telemetry(db, *counted, *({**one, "event_id": f"x{n}", "inverter_id": "I2"} for n, one in enumerate(counted)))


def _damage_summaries(db: Database, day: str) -> None:
    execute(
        db,
        f"UPDATE inverter_daily_summary SET avg_ac_power_w = 1000.001 WHERE inverter_id = 'I1' AND day <= '{day}'",
        f"DELETE FROM inverter_daily_summary WHERE inverter_id = 'I2' AND day <= '{day}'",
    )


CASES = {
    "ledger_buckets_wrong": Case(
        trips=[_break_the_ledger],
        nearly=[_all_kinds_of_records],
        expected=[
            {"load_id": "1", "what": "rejected, and its records in quarantine", "expected": "1", "found": "0"},
            {"load_id": "2", "what": "read, and the sum of its chunks", "expected": "4", "found": "3"},
            {"load_id": "3", "what": "chunk 0: read, and staged + rejected", "expected": "3", "found": ""},
            {"load_id": "4", "what": "read, and the sum of its buckets", "expected": "3", "found": "4"},
        ],
    ),
    "rows_unaccounted": Case(
        trips=[_delete_rows],
        nearly=[_all_kinds_of_records, _outdated_load_that_repeats],
        expected=[
            {"table_name": "bills", "expected": "3", "found": "2"},
            {"table_name": "bills_history", "expected": "3", "found": "2"},
            {"table_name": "inverter_telemetry_raw", "expected": "2", "found": "1"},
            {"table_name": "plants", "expected": "1", "found": "2"},
        ],
    ),
    "bills_total_changed": Case(
        trips=[_change_amounts],
        nearly=[_change_hardly],
        expected=[
            {"load_id": "1", "records": "2", "records_found": "2", "control_total": "6", "total_found": "7"},
            {"load_id": "2", "records": "1", "records_found": "2", "control_total": "3", "total_found": "6"},
        ],
    ),
    "rows_differ": Case(
        trips=[_change_quietly],
        nearly=[_all_kinds_of_records, _outdated_load_that_repeats],
        expected=[
            {"table_name": "bills", "day": "2021-10-02", "records": "1", "records_found": "1", "what": "values differ"},
            {"table_name": "bills", "day": "2021-10-03", "records": "1", "records_found": "0", "what": "rows differ"},
            {"table_name": "plants", "day": "", "what": "values differ"},
        ],
    ),
    "history_broken": Case(
        trips=[_break_history],
        nearly=[_all_kinds_of_records, _remembered_repeat],
        expected=[
            {"row_key": "2021-10-01 1", "replaced_by_load_id": "9", "what": "the load that replaced it is not published"},
            {"row_key": "2021-10-01 2", "load_id": "8", "what": "its load is not published"},
            {"table_name": "bills_history", "row_key": "2021-10-01 3", "line_no": "4", "what": "it is current as well"},
            {"row_key": "2021-10-01 4", "replaced_by_load_id": "", "what": "it waits for no load"},
        ],
    ),
    "bills_orphaned": Case(
        trips=[lambda db: _orphan_bills(db, "2021-10-02")],
        nearly=[lambda db: _orphan_bills(db, "2021-10-01")],
        expected=[
            {"load_id": "2", "status": "held", "bills": "1", "first_day": "2021-10-02"},
            {"load_id": "9", "status": "", "bills": "1"},
        ],
        since=datetime.date(2021, 10, 2),
    ),
    "registries_orphaned": Case(
        trips=[
            telemetry,
            lambda db: execute(
                db, "UPDATE plants SET load_id = 8", "UPDATE inverters SET load_id = 9 WHERE inverter_id = 'I2'"
            ),
        ],
        nearly=[
            telemetry,
            lambda db: deliver(db, PLANTS.replace(b"here", b"there")),
            lambda db: execute(db, "UPDATE inverters SET load_id = 1"),
        ],
        expected=[
            {"table_name": "inverters", "row_key": "I2", "load_id": "9", "what": "its load is not published"},
            {"table_name": "plants", "row_key": "Pl", "load_id": "8"},
        ],
    ),
    "telemetry_orphaned": Case(
        trips=[lambda db: _orphan_telemetry(db, *(f"2025-04-0{day}T00:00:00Z" for day in (1, 1, 2, 3)))],
        nearly=[lambda db: _orphan_telemetry(db, EVE, EVE, EVE, EVE_OF_EVE)],
        expected=[
            {"what": "event of an unknown inverter", "inverter_id": "ghost", "row_count": "1"},
            {"what": "reading of a load that is not published", "inverter_id": "I2", "row_count": "1"},
            {"what": "reading without its event", "inverter_id": "I1", "row_count": "1"},
            {"what": "summary without a reading", "inverter_id": "I2", "row_count": "1"},
        ],
        since=SINCE,
    ),
    "readings_wrong": Case(
        trips=[lambda db: _damage_readings(db, "2025-04-01T00:00")],
        nearly=[_odd_readings],
        expected=[
            {"event_id": "e1", "what": "the reading is of a lesser event"},
            {"event_id": "e2", "what": "there is no reading", "ac_power_w": ""},
            {"event_id": "e3", "what": "the values differ", "ac_power_w": "1000.001", "expected_w": "1000.0"},
            {"event_id": "e4", "what": "the values differ", "ac_power_w": "1000.0", "expected_w": "1000.0"},
            {"event_id": "e5", "what": "the values differ"},
            {"event_id": "e7", "what": "the event is of another moment"},
        ],
        since=SINCE,
    ),
    "daily_summaries_wrong": Case(
        trips=[
            lambda db: _two_days(db, "2025-04-01", "2025-04-02"),
            lambda db: _damage_summaries(db, "2025-04-01"),
            lambda db: execute(
                db,
                "UPDATE inverter_daily_summary SET energy_wh = 20.001 WHERE inverter_id = 'I1' AND day = '2025-04-02'",
                "DELETE FROM inverter_telemetry_clean WHERE inverter_id = 'I2' AND day = '2025-04-02'",
            ),
        ],
        nearly=[lambda db: _two_days(db, "2025-03-31", "2025-04-01"), lambda db: _damage_summaries(db, "2025-03-31")],
        expected=[
            {"inverter_id": "I1", "day": "2025-04-01", "avg_ac_power_w": "1000.001", "avg_found_w": "1000.0"},
            {"inverter_id": "I1", "day": "2025-04-02", "points": "3", "energy_wh": "20.001", "energy_found_wh": "20.0"},
            {"inverter_id": "I2", "day": "2025-04-01", "points": "", "points_found": "3", "max_found_w": "2000.0"},
            {"inverter_id": "I2", "day": "2025-04-02", "points": "3", "points_found": "", "avg_ac_power_w": "4000.0"},
        ],
        since=SINCE,
    ),
    "staging_left_behind": Case(
        trips=[
            lambda db: deliver(db, bills({})),
            lambda db: execute(
                db,
                "CREATE TABLE raw_plants (a integer)",
                "CREATE TABLE staged_telemetry_7 (a integer)",
                "CREATE TABLE staged_usage_1 (a integer)",
            ),
        ],
        nearly=[
            lambda db: deliver(db, bills({"day": "never"}, {"bill": "x"}, {})),
            lambda db: execute(
                db,
                "CREATE TABLE staged_usage_ (a integer)",
                "CREATE TABLE staged_usage_1_copy (a integer)",
                "CREATE TABLE raw_materials (a integer)",
            ),
        ],
        expected=[
            {"table_name": "raw_plants", "load_id": "", "status": ""},
            {"table_name": "staged_telemetry_7", "load_id": ""},
            {"table_name": "staged_usage_1", "load_id": "1", "status": "published"},
        ],
    ),
    "currencies_unknown": Case(
        trips=[
            lambda db: deliver(db, bills({}, {}, {"day": "2021-10-16"})),
            lambda db: execute(db, "UPDATE bills_stored SET currency = 'XYZ' WHERE bill_id = 2"),
        ],
        nearly=[
            lambda db: deliver(db, bills({}, {"currency": "HRK"}, {"day": "2021-10-15"}, {"day": "2021-09-30"})),
            lambda db: execute(db, "UPDATE bills_stored SET currency = 'XYZ' WHERE bill_id = 4"),
        ],
        expected=[
            {"what": "the currency is unknown", "bill_date": "2021-10-01", "currency": "XYZ", "first_bill_id": "2"},
            {"what": "the date is in the future", "bill_date": "2021-10-16", "currency": "USD", "bills": "1"},
        ],
        since=datetime.date(2021, 10, 1),
        today=datetime.date(2021, 10, 14),
    ),
}
