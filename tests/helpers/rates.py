"""A provider of exchange rates that says what it is told."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from dbsvc import Database
from dbsvc.engine.fx import rates as fx
from dbsvc.engine.fx.providers import Quote

DAY = datetime.date(2021, 10, 1)
NOON = datetime.datetime(2021, 10, 1, 12, tzinfo=datetime.UTC)


@dataclass
class Told:
    """A provider that quotes what it is told."""

    quoted: list[Quote]
    name: str = "told"
    requests: int = 0

    def quotes(self, first: datetime.date, last: datetime.date, currencies: Sequence[str]) -> list[Quote]:
        self.requests += 1
        return self.quoted


def final(rate: str, *, currency: str = "ILS", day: datetime.date = DAY) -> Quote:
    at = datetime.datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=datetime.UTC)
    return Quote(day, currency, Decimal(rate), at, False)


def provisional(rate: str, hour: int = 12) -> Quote:
    return Quote(DAY, "ILS", Decimal(rate), NOON.replace(hour=hour), True)


def tell(db: Database, *quoted: Quote, **choices: bool) -> list[str]:
    """Store what is told; returns the outcomes."""
    wanted = frozenset((one.rate_date, one.currency) for one in quoted)
    call = fx.Call(DAY, DAY, tuple(one.currency for one in quoted), wanted)
    return [row["outcome"] for row in fx.fetch(db, Told(list(quoted)), call, **choices)]
