"""Damage done behind the program's back, in many ways: no way goes unnoticed, and a sound database trips nothing."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbsvc import Database, connect
from dbsvc.engine.checks import load_checks
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT
from tests.helpers.check_case import bills, changing, days, deliver, find
from tests.helpers.citus import KINDS, SERVERS
from tests.helpers.rates import final, tell

FIELD = ROOT.parent / "shared" / "data"
NAMES = [check.name for check in load_checks(Statements(("sqlite",)))]
TODAY = datetime.date(2025, 5, 1)
DAYS = list(days("2025-03-01", 30))
COLUMNS = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no"
CURRENCIES = {"ILS": "3.6", "EUR": "0.92"}


def fill(db: Database) -> None:
    """A month of bills with their rates, four inverters with three days of telemetry: all of it as it should be."""
    draw = random.Random(1)
    bill = 0
    for day in DAYS:
        rows = []
        for customer in range(20):
            bill += 1
            currency = ("USD", "ILS", "EUR")[customer % 3]
            amounts = {
                "one": f"{100 + customer}.{draw.randrange(10**6):06}",
                "two": f"{50 + customer}.{draw.randrange(10**6):06}",
            }
            rows.append({"day": day, "bill": bill, "name": f"Customer {customer}", "currency": currency, **amounts})
        deliver(db, bills(*rows), f"usage-{day}.csv")
    for day in DAYS:
        tell(db, *(final(rate, currency=code, day=datetime.date.fromisoformat(day)) for code, rate in CURRENCIES.items()))
    deliver(db, b"plant_id,name,location,timezone\np1,One,Here,UTC\np2,Two,There,Asia/Kolkata\n", "plants.csv")
    inverters = "".join(f"i{n},p{1 + n % 2},V,M,50,\n" for n in range(4))
    deliver(db, f"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n{inverters}".encode(), "inverters.csv")
    lines = []
    for inverter in range(4):
        for day in DAYS[-12:]:
            for quarter in range(96):
                number = DAYS.index(day) * 96 + quarter
                event = {"event_id": f"e{inverter}_{number}", "plant_id": f"p{1 + inverter % 2}", "inverter_id": f"i{inverter}"}
                event |= {"event_time": f"{day}T{quarter // 4:02}:{quarter % 4 * 15:02}:00Z", "ac_power_unit": "kW"}
                lines.append(json.dumps({**event, "ac_power": 10 + quarter % 7, "energy_wh_total": number * 2500}) + "\n")
    deliver(db, "".join(lines).encode(), "telemetry.jsonl")


@pytest.fixture(scope="module", params=KINDS)
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database as it should be, of each kind; tests take back what they do to it."""
    from dbsvc import migrate

    if server := SERVERS.get(request.param):
        url = request.getfixturevalue(server).create(migrated=False)
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('mutations')}/a.db"
    with connect(url) as db:
        migrate(db)
        fill(db)
        if server:  # the month that a bill is moved to
            month = "bills_2031_01 PARTITION OF bills_stored FOR VALUES FROM ('2031-01-01') TO ('2031-02-01')"
            with db.transaction() as tx:
                tx.execute(f"CREATE TABLE {month}")
        yield db


class TakeBackError(Exception):
    """The damage is seen."""


def notice(db: Database, *damage: str) -> set[str]:
    """The checks that find something after some damage, which is then taken back."""
    found: set[str] = set()
    try:
        with db.transaction() as tx:
            for _ in tx.run_phase("session/rehearse"):  # what is done is taken back
                pass
            for statement in damage:
                done = tx.execute(changing(db, statement))
                assert done.row_count or statement.startswith("CREATE"), statement
            found |= {name for name in NAMES if find(db, name, datetime.date.fromisoformat(DAYS[0]), TODAY)}
            raise TakeBackError
    except TakeBackError:
        return found


def test_a_sound_database_trips_nothing(sound: Database) -> None:
    assert notice(sound) == set()


SOME_DAY, LAST_DAY = DAYS[10], DAYS[-1]
SOME_EVENT = "e1_2600"

#: what is done, and which checks must notice (others may, too)
MUTATIONS: dict[str, tuple[list[str], set[str]]] = {
    "a bill is deleted": (["DELETE FROM bills_stored WHERE bill_id = 77"], {"rows_unaccounted"}),
    "a day of bills is deleted": (
        [f"DELETE FROM bills_stored WHERE bill_date = '{SOME_DAY}'"],
        {"bill_days_missing", "rows_unaccounted"},
    ),
    "a bill is invented": (
        [
            f"INSERT INTO bills_stored ({COLUMNS}) SELECT bill_date, 99999, 'Ghost', currency, product1_revenue, "
            "product2_revenue, load_id, line_no "
            "FROM bills WHERE bill_id = 77"
        ],
        {"rows_unaccounted", "bills_total_changed"},
    ),
    "a bill is copied under another id": (
        [
            f"INSERT INTO bills_stored ({COLUMNS}) SELECT bill_date, 99999, customer_name, currency, "
            "product1_revenue, product2_revenue, load_id, line_no "
            "FROM bills WHERE bill_id = 77"
        ],
        {"bills_identical", "rows_unaccounted"},
    ),
    "an amount is changed": (
        ["UPDATE bills_stored SET product1_revenue = '400.00000000' WHERE bill_id = 77"],
        {"bills_total_changed", "rows_differ"},
    ),
    "an amount is changed by a cent": (
        ["UPDATE bills_stored SET product1_revenue = '116.01000000', product2_revenue = '66.00000000' WHERE bill_id = 77"],
        {"rows_differ"},
    ),
    "a currency is changed to one with rates": (
        ["UPDATE bills_stored SET currency = 'EUR' WHERE currency = 'ILS' AND bill_id = 62"],
        {"rows_differ"},
    ),
    "a name is changed": (["UPDATE bills_stored SET customer_name = 'Mallory' WHERE bill_id = 77"], {"rows_differ"}),
    "two names are exchanged": (
        [
            "UPDATE bills_stored SET customer_name = "
            "CASE customer_name WHEN 'Customer 3' THEN 'Customer 6' ELSE 'Customer 3' END "
            f"WHERE bill_date = '{SOME_DAY}' AND customer_name IN ('Customer 3', 'Customer 6')"
        ],
        {"rows_differ"},
    ),
    "a plant is renamed": (["UPDATE plants SET name = 'Won' WHERE plant_id = 'p1'"], {"rows_differ"}),
    "an inverter gets another model": (["UPDATE inverters SET model = 'X' WHERE inverter_id = 'i1'"], {"rows_differ"}),
    "a currency is changed to one without rates": (
        ["UPDATE bills_stored SET currency = 'JPY' WHERE bill_id = 77"],
        {"fx_rates_missing"},
    ),
    "a currency is changed to one that does not exist": (
        ["UPDATE bills_stored SET currency = 'QQQ' WHERE bill_id = 77"],
        {"currencies_unknown"},
    ),
    "a bill is moved to the future": (
        ["UPDATE bills_stored SET bill_date = '2031-01-01' WHERE bill_id = 77"],
        {"currencies_unknown"},
    ),
    "a bill's id is given to one of every day": (
        [  # a row's id says which node it is on, so it is another row
            f"INSERT INTO bills_stored ({COLUMNS}) SELECT bill_date, 88888, customer_name, currency, product1_revenue, "
            f"product2_revenue, load_id, line_no FROM bills WHERE customer_name = 'Customer 3' AND bill_date > '{SOME_DAY}'",
            f"DELETE FROM bills_stored WHERE customer_name = 'Customer 3' AND bill_date > '{SOME_DAY}' AND bill_id <> 88888",
        ],
        {"bill_ids_on_several_dates"},
    ),
    "a bill belongs to a load that does not exist": (
        ["UPDATE bills_stored SET load_id = 12345 WHERE bill_id = 77"],
        {"bills_orphaned"},
    ),
    "a customer vanishes": (
        [f"DELETE FROM bills_stored WHERE customer_name = 'Customer 4' AND bill_date > '{SOME_DAY}'"],
        {"customers_stopped", "rows_unaccounted"},
    ),
    "a day's amounts are in cents": (
        [
            f"UPDATE bills_stored SET product1_revenue = '30000.00000000', product2_revenue = '15000.00000000' WHERE "
            f"bill_date = '{SOME_DAY}'"
        ],
        {"revenue_day_unusual", "revenue_customer_unusual", "bills_total_changed"},
    ),
    "a product moves to the other column": (
        [
            f"UPDATE bills_stored SET product1_revenue = product2_revenue, product2_revenue = product1_revenue WHERE "
            f"bill_date = '{SOME_DAY}'"
        ],
        {"product_mix_shifted"},
    ),
    "a load's counts are changed": (
        ["UPDATE loads SET inserted = inserted - 1, unchanged = unchanged + 1 WHERE load_id = 5"],
        {"rows_unaccounted"},
    ),
    "a load loses its chunk's counts": (
        ["UPDATE load_chunks SET read = read - 1, staged = staged - 1 WHERE load_id = 5"],
        {"ledger_buckets_wrong"},
    ),
    "a load is marked as not published": (
        ["UPDATE loads SET status = 'staging', published_at = NULL WHERE load_id = 5"],
        {"bills_orphaned"},
    ),
    "a load is marked as held": (
        ["UPDATE loads SET status = 'held', published_at = NULL WHERE load_id = 5"],
        {"loads_held", "bills_orphaned"},
    ),
    "a reject is invented": (
        ["INSERT INTO rejects (load_id, line_no, reasons, raw_record) SELECT 5, 7, 'x', header FROM loads WHERE load_id = 5"],
        {"ledger_buckets_wrong"},
    ),
    "history is invented": (
        [f"INSERT INTO bills_history ({COLUMNS}, replaced_by_load_id) SELECT {COLUMNS}, 777 FROM bills WHERE bill_id = 77"],
        {"history_broken"},
    ),
    "a rate is deleted": ([f"DELETE FROM fx_rates WHERE rate_date = '{SOME_DAY}' AND currency = 'EUR'"], {"fx_rates_missing"}),
    "a rate is a tenth": (
        [
            f"UPDATE fx_rates SET rate = '0.36', inverse_rate = '2.77777777777777777778' WHERE rate_date = "
            f"'{SOME_DAY}' AND currency = 'ILS'"
        ],
        {"fx_rates_jumped"},
    ),
    "a rate is disputed": (
        [
            "INSERT INTO fx_rates_history (rate_date, currency, rate, provider, fetched_at, provisional, status, recorded_at) "
            f"SELECT rate_date, currency, '9', provider, fetched_at, provisional, 'disputed', '2999-01-01 00:00:00' "
            f"FROM fx_rates WHERE rate_date = '{SOME_DAY}'"
        ],
        {"fx_rates_disputed"},
    ),
    "a rate becomes provisional": (
        [f"UPDATE fx_rates SET provisional = TRUE WHERE rate_date = '{SOME_DAY}'"],
        {"fx_rates_missing"},
    ),
    "a reading is deleted": (
        [f"DELETE FROM inverter_telemetry_clean WHERE event_id = '{SOME_EVENT}'"],
        {"readings_wrong", "daily_summaries_wrong"},
    ),
    "a reading's power is changed": (
        [f"UPDATE inverter_telemetry_clean SET ac_power_w = 45000 WHERE event_id = '{SOME_EVENT}'"],
        {"readings_wrong", "daily_summaries_wrong"},
    ),
    "a reading is above capacity": (
        [f"UPDATE inverter_telemetry_clean SET ac_power_w = 61000 WHERE event_id = '{SOME_EVENT}'"],
        {"power_above_capacity"},
    ),
    "hours of readings are deleted, with their events": (
        [
            f"DELETE FROM {table} WHERE inverter_id = 'i1' AND event_time >= '{LAST_DAY} 06:00:00' AND event_time < "
            f"'{LAST_DAY} 12:00:00'"
            for table in ("inverter_telemetry_clean", "inverter_telemetry_raw")
        ],
        {"telemetry_gaps", "rows_unaccounted", "daily_summaries_wrong"},
    ),
    "a day of readings is deleted everywhere": (
        [
            f"DELETE FROM inverter_telemetry_clean WHERE inverter_id = 'i0' AND day = '{DAYS[-3]}'",
            f"DELETE FROM inverter_daily_summary WHERE inverter_id = 'i0' AND day = '{DAYS[-3]}'",
        ],
        {"telemetry_days_missing", "readings_wrong"},
    ),
    "a counter runs backwards": (
        [f"UPDATE inverter_telemetry_clean SET energy_wh_total = 1 WHERE event_id = '{SOME_EVENT}'"],
        {"energy_counters_backwards", "readings_wrong"},
    ),
    "a day's energy is said not to count": (
        [f"UPDATE inverter_daily_summary SET counter_faults = 1 WHERE inverter_id = 'i2' AND day = '{DAYS[-2]}'"],
        {"energy_uncounted", "daily_summaries_wrong"},
    ),
    "an event is sent again under another id": (
        [
            "INSERT INTO inverter_telemetry_raw SELECT 'again', plant_id, inverter_id, event_time, source, ac_power, "
            "ac_power_unit, dc_power, "
            f"dc_power_unit, energy_wh_total, temperature_c, status, load_id, line_no FROM inverter_telemetry_raw "
            f"WHERE event_id = '{SOME_EVENT}'"
        ],
        {"readings_repeated", "rows_unaccounted"},
    ),
    "an event is deleted": (
        [f"DELETE FROM inverter_telemetry_raw WHERE event_id = '{SOME_EVENT}'"],
        {"telemetry_orphaned", "rows_unaccounted"},
    ),
    "an average is changed": (
        [
            f"UPDATE inverter_daily_summary SET avg_ac_power_w = avg_ac_power_w + 1 WHERE inverter_id = 'i2' AND day "
            f"= '{DAYS[-2]}'"
        ],
        {"daily_summaries_wrong"},
    ),
    "most points of a day are gone from its summary": (
        [f"UPDATE inverter_daily_summary SET points = 9 WHERE inverter_id = 'i2' AND day = '{DAYS[-2]}'"],
        {"telemetry_points_low", "daily_summaries_wrong"},
    ),
    "a summary is deleted": (
        [f"DELETE FROM inverter_daily_summary WHERE inverter_id = 'i2' AND day = '{DAYS[-2]}'"],
        {"daily_summaries_wrong"},
    ),
    "an inverter belongs to a load that does not exist": (
        ["UPDATE inverters SET load_id = 999 WHERE inverter_id = 'i3'"],
        {"registries_orphaned"},
    ),
    "a staging area is left behind": (["CREATE TABLE staged_usage_12345 (chunk_no integer)"], {"staging_left_behind"}),
}


@pytest.mark.one_database
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_damage_goes_unnoticed(sound: Database, mutation: str) -> None:
    damage, expected = MUTATIONS[mutation]
    assert expected <= notice(sound, *damage)


#: what these notice is no damage, but something that does not come: their own cases show it
TIMELY = {"rejects_open_old", "loads_overdue", "loads_unfinished", "datasets_stale"}
#: ... or the habits of those who deliver
HABITS = {"files_alike", "duplicates_share_high", "rejects_rising", "bills_changed", "records_contradict", "event_ids_shared"}


def test_the_damages_are_many_and_every_check_notices_one() -> None:
    assert len(MUTATIONS) >= 20
    assert set.union(*(expected for _, expected in MUTATIONS.values())) | TIMELY | HABITS == set(NAMES)


SAMPLES_EXPLAINED: dict[str, str] = {
    "fx_rates_missing": "the samples have bills in three currencies, and nobody fetched rates",
    "readings_repeated": "e_04 and e_06 are one reading",
    "energy_counters_backwards": "e_05 says that its inverter was restarted",
}
FIELD_EXPLAINED: dict[str, str] = {
    "fx_rates_missing": "bills in ILS, and nobody fetched rates",
    "readings_repeated": "t_0008 and t_0009 are one reading",
}


@pytest.mark.parametrize(("folder", "explained"), [(ROOT / "samples", SAMPLES_EXPLAINED), (FIELD, FIELD_EXPLAINED)])
def test_what_is_found_in_real_files_is_true(db: Database, folder: Path, explained: dict[str, str]) -> None:
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: put the folder of real files beside the project's to enable this")
    for pattern in ("plants*", "inverters*", "*usage*", "*telemetry*"):
        (path,) = folder.glob(pattern)
        deliver(db, path.read_bytes(), path.name)
    found = {name for name in NAMES if find(db, name, datetime.date(2000, 1, 1), TODAY)}
    assert found == explained.keys()
