"""Providers of exchange rates, one module each: a date and currencies in, quotes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dbsvc.engine.settings import Settings


BASE = "USD"  # what every rate is against

NAME = "currencylayer"  # of the provider that is asked: what it does not have is known without a key

_SMALLEST = Decimal("0.0000001")
_LARGEST = 10_000_000  # the weakest currencies are at some millions
_MOST_DIGITS = 30


@dataclass(frozen=True)
class Quote:
    """What 1 USD was on a day, in units of a currency."""

    rate_date: date
    currency: str
    #: None if the provider's answer, which is in order, has none
    rate: Decimal | None
    #: the provider's timestamp, if it gives one
    quoted_at: datetime | None
    #: the day was not over yet when this was quoted
    provisional: bool


class Provider(Protocol):
    """Who knows exchange rates."""

    name: str

    @property
    def requests(self) -> int:
        """How many requests were sent so far, retries included: each may cost quota."""

    def quotes(self, first: date, last: date, currencies: Sequence[str]) -> list[Quote]:
        """Return a quote for every day and currency, by one call.

        Raises InputError, NoRatesError, ConfigurationError, ProviderError or ProviderBusyError: a sentence without secrets. A
        ProviderError says whether it is lasting, and what of the answer is usable all the same.
        """


def is_possible(rate: Decimal) -> bool:
    """Whether 1 USD can be that many units of a currency; zero, negative and absurd numbers are mistakes."""
    return _SMALLEST <= rate < _LARGEST and len(rate.as_tuple().digits) <= _MOST_DIGITS


def provider_for(settings: Settings, pause: Callable[[float], None]) -> Provider:
    """Return the provider, set up by the settings; ``pause`` waits between tries, in seconds. Nothing is contacted yet.

    Raises ConfigurationError when there is no access key.
    """
    from dbsvc.engine.fx.providers.currencylayer import CurrencyLayer

    return CurrencyLayer(settings, pause)
