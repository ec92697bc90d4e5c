"""CurrencyLayer: https://currencylayer.com/documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn

from dbsvc.engine.errors import ConfigurationError, DbsvcError, InputError, NoRatesError, ProviderBusyError, ProviderError
from dbsvc.engine.providers import BASE, Quote, is_possible
from dbsvc.engine.providers.http import Answer, Client, busy
from dbsvc.engine.settings import Settings, redact

_LAST_SECOND = time(23, 59, 59, tzinfo=UTC)  # the timestamp of a day's final rates
_LATEST_STAMP = 2**37
_HINT = "check CURRENCYLAYER_BASE_URL"

#: Its error 106 means two things, of which only this one passes.
_RATE_LIMIT = re.compile(r"rate.?limit|request.?limit|too.?many|slow.?down|per (second|minute)", re.IGNORECASE)

#: What its error codes mean for us, and what to do about them.
_ERRORS: Mapping[str, tuple[type[DbsvcError], str]] = {
    "101": (ConfigurationError, "does not know our access key: check CURRENCYLAYER_ACCESS_KEY"),
    "102": (ConfigurationError, "says that the account of our access key is not active: log in there and activate it"),
    "103": (ConfigurationError, f"has no such function: {_HINT}"),
    "104": (ProviderError, "answers no more, the month's quota is used up: wait for the next month, or take a larger plan"),
    "105": (
        ConfigurationError,
        "does not include this in our plan: leave out --timeframe, and where https is not in the plan set "
        "CURRENCYLAYER_BASE_URL to http://api.currencylayer.com",
    ),
    "106": (
        NoRatesError,
        "has no rates of {currencies} for {days}: one currency without history fails the whole call, so ask for fewer with "
        "--currency",
    ),
    "201": (ConfigurationError, f"does not give rates against {BASE}: check what the plan includes"),
    "202": (InputError, "does not know all of the currencies {currencies}: choose others with --currency"),
    "301": (InputError, "sees no date in our question for {days}: choose another one"),
    "302": (InputError, "does not accept the date {days}: choose another one"),
    "404": (ConfigurationError, f"has no such function: {_HINT}"),
    **dict.fromkeys(
        ("501", "502", "503", "504", "505"),
        (InputError, "does not accept the time frame {days}: choose other dates, or leave out --timeframe"),
    ),
}


class CurrencyLayer:
    """Historical rates against USD. A day costs a call; where the plan has time frames, up to 365 days do."""

    name = "currencylayer"

    def __init__(self, settings: Settings, pause: Callable[[float], None]) -> None:
        self._key = settings.read_access_key()
        self._client = Client(
            "CurrencyLayer",
            settings.currencylayer_base_url,
            {"access_key": self._key},
            proxy=settings.currencylayer_proxy,
            timeout=settings.currencylayer_timeout,
            deadline=settings.currencylayer_deadline,
            pause=pause,
        )

    @property
    def requests(self) -> int:
        """How many requests were sent so far, retries included."""
        return self._client.requests

    def quotes(self, first: date, last: date, currencies: Sequence[str]) -> list[Quote]:
        """Return a quote for every day and currency, by one call."""
        params = {"source": BASE, "currencies": ",".join(currencies)}
        if first == last:
            return self._client.get(
                "historical", {"date": first.isoformat(), **params}, partial(self._read_day, day=first, currencies=currencies)
            )
        dates = {"start_date": first.isoformat(), "end_date": last.isoformat()}
        return self._client.get(
            "timeframe", {**dates, **params}, partial(self._read_days, first=first, last=last, currencies=currencies)
        )

    def _read_day(self, answer: Answer, day: date, currencies: Sequence[str]) -> list[Quote]:
        content = self._accept(answer, str(day), currencies)
        _expect(content.get("date") == day.isoformat(), f"it is for {_shown(content.get('date'))}, not {day}")
        stamp = content.get("timestamp")
        if not isinstance(stamp, int) or not 0 < stamp < _LATEST_STAMP:
            _reject(f"its timestamp is {_shown(stamp)}")
        quoted_at = datetime.fromtimestamp(stamp, UTC)
        provisional = quoted_at < datetime.combine(day, _LAST_SECOND)
        return _read_quotes(content.get("quotes"), day, currencies, quoted_at, provisional)

    def _read_days(self, answer: Answer, first: date, last: date, currencies: Sequence[str]) -> list[Quote]:
        content = self._accept(answer, f"{first} to {last}", currencies)
        dates = (content.get("start_date"), content.get("end_date"))
        _expect(
            dates == (first.isoformat(), last.isoformat()),
            f"it is for {_shown(dates[0])} to {_shown(dates[1])}, not {first} to {last}",
        )
        by_day = _dict(content.get("quotes"), "it has no quotes")
        today = datetime.now(UTC).date()
        quotes = []
        for offset in range((last - first).days + 1):
            day = first + timedelta(offset)
            # a time frame has no timestamps: whether yesterday is final yet, nobody knows
            provisional = day >= today - timedelta(1)
            quotes += _read_quotes(by_day.get(day.isoformat()), day, currencies, None, provisional)
        return quotes

    def _accept(self, answer: Answer, days: str, currencies: Sequence[str]) -> dict[str, Any]:
        """Return the content of a good answer; raise what any other one means."""
        content = answer.content
        if isinstance(content, dict) and content.get("success") is not True and isinstance(content.get("error"), dict):
            self._explain(content["error"], answer, days, currencies)
        if answer.status != 200 or content is None:
            self._client.refuse(answer, _HINT)
        content = _dict(content, "it is no JSON object")
        _expect(content.get("success") is True, "it does not say that it succeeded")
        _expect(content.get("source") == BASE, f"its rates are against {_shown(content.get('source'))}, not {BASE}")
        return content

    def _explain(self, error: Mapping[str, Any], answer: Answer, days: str, currencies: Sequence[str]) -> NoReturn:
        code = str(error.get("code"))
        said = f"{error.get('type', '')} {error.get('info', '')}".strip()
        if code == "106" and (answer.status == 429 or _RATE_LIMIT.search(said)):
            raise ProviderBusyError(busy("CurrencyLayer", "106", answer.retry_after), retry_after=answer.retry_after)
        if code in _ERRORS:
            kind, sentence = _ERRORS[code]
            told = sentence.format(days=days, currencies=", ".join(currencies))
            raise kind(f"CurrencyLayer {told} ({code}).")
        if answer.status != 200:
            self._client.refuse(answer, _HINT)
        raise ProviderError(f"CurrencyLayer refused: {_shown(redact(said, [self._key]))} ({_shown(code)}).")


def _read_quotes(
    content: object, day: date, currencies: Sequence[str], quoted_at: datetime | None, provisional: bool
) -> list[Quote]:
    quotes = _dict(content, f"it has no quotes for {day}")
    found = []
    for currency in currencies:
        name = f"{BASE}{currency}"
        _expect(name in quotes, f"it lacks {currency} for {day}")
        value = quotes[name]
        _expect(type(value) in (int, Decimal), f"its rate of {currency} for {day} is {_shown(value)}, which is no number")
        rate = Decimal(value)
        _expect(is_possible(rate), f"its rate of {currency} for {day} is {_shown(value)}, which cannot be")
        found.append(Quote(day, currency, rate, quoted_at, provisional))
    return found


def _dict(value: object, otherwise: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _reject(otherwise)


def _expect(sound: bool, otherwise: str) -> None:
    if not sound:
        _reject(otherwise)


def _reject(because: str) -> NoReturn:
    raise ProviderError(f"CurrencyLayer's answer cannot be used, {because}: nothing of it was stored.")


def _shown(value: object) -> str:
    text = "".join(character if character.isprintable() else "\ufffd" for character in str(value))
    return text if len(text) <= 100 else f"{text[:100]}…"
