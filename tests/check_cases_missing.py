"""Cases of the checks that find missing data."""

from __future__ import annotations

from dbsvc.engine import Database
from tests.check_case import Case, bills, days, deliver
from tests.test_fx import final, provisional, tell


def _regular_customer(db: Database, silent: int) -> None:
    """A customer with bills on five days, then silence, while another goes on."""
    regular = [{"day": day, "name": "Regular"} for day in days("2021-10-01", 5)]
    others = [{"day": day, "name": "Other"} for day in days("2021-10-01", 5 + silent)]
    deliver(db, bills(*regular, *others))


def _need_rates(db: Database) -> None:
    deliver(db, bills({"currency": "ILS"}, {"currency": "ILS"}, {"currency": "EUR"}, {"day": "2021-10-02", "currency": "USD"}))


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
    "fx_rates_missing": Case(
        trips=[_need_rates, lambda db: tell(db, provisional("3.2"), allow_provisional=True)],
        nearly=[_need_rates, lambda db: tell(db, final("3.2"), final("0.9", currency="EUR"))],
        expected=[{"currency": "EUR", "bills": "1", "provisional_rate": ""}, {"currency": "ILS", "provisional_rate": "3.2"}],
    ),
    "loads_held": Case(
        trips=[lambda db: deliver(db, bills({"day": "never"}, {"bill": "x"}, {}))],
        nearly=[lambda db: deliver(db, bills({"day": "never"}, {}, {}))],
        expected=[{"load_id": "1", "dataset": "usage"}],
    ),
}
