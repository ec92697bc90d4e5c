"""Damage done behind the program's back, in many ways: no way goes unnoticed, and a sound database trips nothing."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbsvc import Database, connect
from dbsvc.engine.checks import load_checks
from dbsvc.engine.statements import Statements
from tests.check_case import bills, days, deliver, find
from tests.test_fx import final, tell

ROOT = Path(__file__).parent.parent
FIELD = ROOT.parent / "shared" / "data"
NAMES = [check.name for check in load_checks(Statements(("sqlite",)))]
TODAY = datetime.date(2025, 5, 1)
DAYS = list(days("2025-03-01", 30))
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database as it should be, of each kind; tests take back what they do to it."""
    from dbsvc import migrate

    if request.param == "postgresql":
        url = request.getfixturevalue("server").create(migrated=False)
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('mutations')}/a.db"
    with connect(url) as db:
        migrate(db)
        fill(db)
        yield db


class TakeBackError(Exception):
    """The damage is seen."""


def notice(db: Database, *damage: str) -> set[str]:
    """The checks that find something after some damage, which is then taken back."""
    found: set[str] = set()
    try:
        with db.transaction() as tx:
            for statement in damage:
                assert tx.execute(statement).row_count != 0, statement
            found |= {name for name in NAMES if find(db, name, datetime.date.fromisoformat(DAYS[0]), TODAY)}
            raise TakeBackError
    except TakeBackError:
        return found


def test_a_sound_database_trips_nothing(sound: Database) -> None:
    assert notice(sound) == set()


SOME_DAY, LAST_DAY = DAYS[10], DAYS[-1]
SOME_EVENT = "e1_2600"

#: what is done, and which checks must notice (others may, too)
MUTATIONS: dict[str, tuple[list[str], set[str]]] = {}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_damage_goes_unnoticed(sound: Database, mutation: str) -> None:
    damage, expected = MUTATIONS[mutation]
    assert expected <= notice(sound, *damage)


def test_the_damages_are_many_and_every_kind_of_check_notices_one() -> None:
    assert len(MUTATIONS) >= 20


SAMPLES_EXPLAINED: dict[str, str] = {
    "fx_rates_missing": "the samples have bills in three currencies, and nobody fetched rates",
}
FIELD_EXPLAINED: dict[str, str] = {
    "fx_rates_missing": "bills in ILS, and nobody fetched rates",
    "readings_repeated": "t_0008 and t_0009 are one reading",
}


@pytest.mark.parametrize(("folder", "explained"), [(ROOT / "samples", SAMPLES_EXPLAINED), (FIELD, FIELD_EXPLAINED)])
def test_what_is_found_in_real_files_is_true(db: Database, folder: Path, explained: dict[str, str]) -> None:
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: put the folder of real files beside the project's to enable this")
    load_files: Callable[[str], Path] = lambda pattern: next(iter(folder.glob(pattern)))  # noqa: E731
    for pattern in ("plants*", "inverters*", "*usage*", "*telemetry*"):
        path = load_files(pattern)
        deliver(db, path.read_bytes(), path.name)
    found = {name for name in NAMES if find(db, name, datetime.date(2000, 1, 1), TODAY)}
    assert found == explained.keys()
