"""Revenue in USD, exactly; which rates are missing; and what is in no sum, because it is not published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbsvc.engine.db.database import Database
    from dbsvc.engine.db.dialect import Row
    from dbsvc.engine.db.transaction import Transaction


class By(StrEnum):
    """What revenue is grouped by."""

    day = "day"
    customer = "customer"
    product = "product"
    currency = "currency"


_COLUMNS = {By.day: "bill_date", By.customer: "customer_name", By.currency: "currency"}


@dataclass(frozen=True)
class Uncounted:
    """Bills that may belong to some days, and are in no sum of them."""

    #: records in quarantine of these days
    quarantined: int
    #: records in quarantine whose day cannot be told
    quarantined_of_unknown_day: int
    #: loads that are not published, each with its ``bills`` of these days; those without any are left out
    unpublished: list[Row]

    def __bool__(self) -> bool:
        return bool(self.quarantined or self.quarantined_of_unknown_day or self.unpublished)


@dataclass(frozen=True)
class Revenue:
    """Revenue of some days: of each group and in all, the rates that are missing or used, the bills that are not counted."""

    #: ``label``, ``bills``, ``bills_without_rate``, and amounts in USD: decimals, None where no rate is known
    groups: list[Row]
    #: the same without ``label``
    total: Row
    #: ``rate_date``, ``currency``, ``bills``, ``amount``
    missing: list[Row]
    #: ``rate_date``, ``currency``, ``amount``, ``rate``, ``revenue_usd`` and where the rate is from; empty unless asked for
    used: list[Row]
    uncounted: Uncounted


def revenue(
    db: Database, first: date = date.min, last: date = date.max, *, by: By = By.day, with_rates: bool = False
) -> Revenue:
    """Return the revenue from ``first`` to ``last``. Customers and currencies come with the largest first, days by date."""
    span = {"first": first, "last": last}

    def read(tx: Transaction) -> tuple[list[Row], list[Row], list[Row], Uncounted]:
        missing = tx.run("reports/revenue/missing_rates", **span).rows
        used = tx.run("reports/revenue/used_rates", **span).rows if with_rates else []
        return sums(tx, by, first, last), missing, used, find_uncounted(tx, first, last)

    rows, missing, used, uncounted = db.read(read)
    groups = [_exact(row, "is_total") for row in rows if not row["is_total"]]
    (total,) = [_exact(row, "is_total", "label") for row in rows if row["is_total"]]
    if by in (By.customer, By.currency):
        groups.sort(key=lambda row: (row["revenue_usd"] is None, -(row["revenue_usd"] or 0), row["label"]))
    return Revenue(groups, total, [_exact(row) for row in missing], [_exact(row) for row in used], uncounted)


def sums(tx: Transaction, by: By, first: date, last: date) -> list[Row]:
    """Return the sum of each group, then that of all with ``is_total``, as an open transaction sees them."""
    if by is By.product:
        return tx.run("reports/revenue/by_product", first=first, last=last).rows
    return tx.run("reports/revenue/by", by=_COLUMNS[by], first=first, last=last).rows


def find_uncounted(tx: Transaction, first: date, last: date) -> Uncounted:
    """Return the bills from ``first`` to ``last`` that are in no sum: in quarantine, or not published."""
    from dbsvc.engine.loads.model import Load  # here: whoever only names a report needs none

    days = {"first": first, "last": last}
    (quarantine,) = tx.run("reports/revenue/quarantined", **days).rows
    unpublished = []
    for load in map(Load.from_row, tx.run("reports/revenue/unpublished_loads").rows):
        tables = [load.staging_table, *([tx.statements.datasets[load.dataset].stored] if load.in_place else [])]
        found = [tx.run("reports/revenue/staged_bills", staged=table, load_id=load.load_id, **days) for table in tables]
        bills = sum(result.rows[0]["bills"] for result in found)
        if bills:
            named = {"load_id": load.load_id, "dataset": load.dataset, "status": load.status, "source": load.source}
            unpublished.append({**named, "bills": bills})
    return Uncounted(**quarantine, unpublished=unpublished)


def _exact(row: Row, *without: str) -> Row:
    """Return a row without these columns, and amounts and rates as decimals, which some databases return as text."""
    kept = {name: value for name, value in row.items() if name not in without}
    return {name: Decimal(value) if isinstance(value, str) and _is_number(name) else value for name, value in kept.items()}


def _is_number(column: str) -> bool:
    return column.endswith("_usd") or column in ("amount", "rate", "disputed_rate")
