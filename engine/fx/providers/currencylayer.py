"""CurrencyLayer: https://currencylayer.com/documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from logging import WARNING
from typing import Any, NoReturn

from dbsvc.engine.errors import ConfigurationError, DbsvcError, InputError, NoRatesError, ProviderBusyError, ProviderError
from dbsvc.engine.fx.providers import BASE, NAME, Quote, is_possible
from dbsvc.engine.fx.providers.http import Answer, Client, busy
from dbsvc.engine.log import event
from dbsvc.engine.settings import Settings, redact

_LAST_SECOND = time(23, 59, 59, tzinfo=UTC)  # the timestamp of a day's final rates
_LATEST_STAMP = 2**37
_HINT = "check CURRENCYLAYER_BASE_URL"

#: Its error 106 means two things, of which only this one passes.
_RATE_LIMIT = re.compile(r"rate.?limit|request.?limit|too.?many|slow.?down|per (second|minute)", re.IGNORECASE)

#: What its error codes mean for us, and what to do about them.
_ERRORS: Mapping[str, tuple[Callable[[str], DbsvcError], str]] = {
    "101": (ConfigurationError, "does not know our access key: check CURRENCYLAYER_ACCESS_KEY"),
    "102": (ConfigurationError, "says that the account of our access key is not active: log in there and activate it"),
    "103": (ConfigurationError, f"has no such function: {_HINT}"),
    "104": (
        partial(ProviderError, lasting=True),
        "answers no more, the month's quota is used up: wait for the next month, or take a larger plan",
    ),
    "105": (
        ConfigurationError,
        "does not include this in our plan: leave out --timeframe, and where https is not in the plan set "
        "CURRENCYLAYER_BASE_URL to http://api.currencylayer.com",
    ),
    "201": (ConfigurationError, f"does not give rates against {BASE}: check what the plan includes"),
    "301": (InputError, "sees no date in our question for {days}: choose another one"),
    "404": (ConfigurationError, f"has no such function: {_HINT}"),
    **dict.fromkeys(
        ("501", "502", "503", "504", "505"),
        (InputError, "does not accept the time frame {days}: choose other dates, or leave out --timeframe"),
    ),
}

#: Those that say what it does not have: the reason, as fx_unavailable keeps it. One such currency or day fails the whole call.
_LACKING: Mapping[str, tuple[str, str]] = {
    "106": ("no_rates", "has no rates of {currencies} for {days}"),
    "202": ("currency_unknown", "does not know all of the currencies {currencies}"),
    "302": ("date_refused", "does not accept the date {days}"),
}
#: ... and those that only mean that if a time frame was asked for.
_LACKING_IN_FRAMES: Mapping[str, tuple[str, str]] = {
    **_LACKING,
    **dict.fromkeys(("502", "503", "504", "505"), ("date_refused", "does not accept the time frame {days}")),
}

#: How its error 202 says what we should have written: these are no names of culprits.
_EXAMPLE = re.compile(r"currencies=\S*")


class CurrencyLayer:
    """Historical rates against USD. A day costs a call; where the plan has time frames, up to 365 days do."""

    name = NAME

    def __init__(self, settings: Settings, pause: Callable[[float], None]) -> None:
        self._key = settings.read_access_key()
        if settings.currencylayer_base_url.startswith("http:"):
            event("key_in_the_clear", level=WARNING, because="CURRENCYLAYER_BASE_URL is http: who is on the way reads the key")
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
        content = self._accept(answer, str(day), currencies, _LACKING)
        _expect(content.get("date") == day.isoformat(), f"it is for {_shown(content.get('date'))}, not {day}")
        stamp = content.get("timestamp")
        if not isinstance(stamp, int) or not 0 < stamp < _LATEST_STAMP:
            _reject(f"its timestamp is {_shown(stamp)}")
        quoted_at = datetime.fromtimestamp(stamp, UTC)
        provisional = quoted_at < datetime.combine(day, _LAST_SECOND)
        impossible: list[str] = []
        quotes = _dict(content.get("quotes"), "it has no quotes")
        found = list(_read_quotes(quotes, day, currencies, quoted_at, provisional, impossible))
        return _refuse_impossible(found, impossible)

    def _read_days(self, answer: Answer, first: date, last: date, currencies: Sequence[str]) -> list[Quote]:
        content = self._accept(answer, f"{first} to {last}", currencies, _LACKING_IN_FRAMES)
        dates = (content.get("start_date"), content.get("end_date"))
        _expect(
            dates == (first.isoformat(), last.isoformat()),
            f"it is for {_shown(dates[0])} to {_shown(dates[1])}, not {first} to {last}",
        )
        by_day = _dict(content.get("quotes"), "it has no quotes")
        today = datetime.now(UTC).date()
        found: list[Quote] = []
        impossible: list[str] = []
        for offset in range((last - first).days + 1):
            day = first + timedelta(offset)
            # a time frame has no timestamps: whether yesterday is final yet, nobody knows
            provisional = day >= today - timedelta(1)
            quotes = by_day.get(day.isoformat()) or {}
            if isinstance(quotes, dict):
                found += _read_quotes(quotes, day, currencies, None, provisional, impossible)
            else:
                impossible.append(f"what it has for {day} is {_shown(quotes)}, which is no quotes")
        return _refuse_impossible(found, impossible)

    def _accept(
        self, answer: Answer, days: str, currencies: Sequence[str], lacking: Mapping[str, tuple[str, str]]
    ) -> dict[str, Any]:
        """Return the content of a good answer; raise what any other one means."""
        content = answer.content
        if isinstance(content, dict) and content.get("success") is not True and isinstance(content.get("error"), dict):
            self._explain(content["error"], answer, days, currencies, lacking)
        if answer.status != 200 or content is None:
            self._client.refuse(answer, _HINT)
        content = _dict(content, "it is no JSON object")
        _expect(content.get("success") is True, "it does not say that it succeeded")
        _expect(content.get("source") == BASE, f"its rates are against {_shown(content.get('source'))}, not {BASE}")
        return content

    def _explain(
        self,
        error: Mapping[str, Any],
        answer: Answer,
        days: str,
        currencies: Sequence[str],
        lacking: Mapping[str, tuple[str, str]],
    ) -> NoReturn:
        code = str(error.get("code"))
        said = f"{error.get('type', '')} {error.get('info', '')}".strip()
        if code == "106" and (answer.status == 429 or _RATE_LIMIT.search(said)):
            raise ProviderBusyError(busy("CurrencyLayer", "106", answer.retry_after), retry_after=answer.retry_after)
        asked = {"days": days, "currencies": ", ".join(currencies)}
        if code in lacking:
            reason, sentence = lacking[code]
            named = set(re.findall(r"\b[A-Z]{3}\b", _EXAMPLE.sub("", said))).intersection(currencies)
            raise NoRatesError(f"CurrencyLayer {sentence.format(**asked)} ({code}).", reason=reason, currencies=named)
        if code in _ERRORS:
            kind, sentence = _ERRORS[code]
            raise kind(f"CurrencyLayer {sentence.format(**asked)} ({code}).")
        if answer.status != 200:
            self._client.refuse(answer, _HINT)
        raise ProviderError(f"CurrencyLayer refused: {_shown(redact(said, [self._key]))} ({_shown(code)}).")


def _read_quotes(
    quotes: Mapping[str, Any],
    day: date,
    currencies: Sequence[str],
    quoted_at: datetime | None,
    provisional: bool,
    impossible: list[str],
) -> Iterator[Quote]:
    """Read a day's quotes, also of what it lacks; say of which the rate cannot be."""
    for currency in currencies:
        value = quotes.get(f"{BASE}{currency}")
        if value is None:
            yield Quote(day, currency, None, quoted_at, provisional)
        elif type(value) not in (int, Decimal):
            impossible.append(f"its rate of {currency} for {day} is {_shown(value)}, which is no number")
        elif not is_possible(rate := Decimal(value)):
            impossible.append(f"its rate of {currency} for {day} is {_shown(value)}, which cannot be")
        else:
            yield Quote(day, currency, rate, quoted_at, provisional)


def _refuse_impossible(found: list[Quote], impossible: list[str]) -> list[Quote]:
    """Return the quotes. Raises ProviderError if there were others."""
    if impossible:
        more = f", and {len(impossible) - 1:,} more like it" if len(impossible) > 1 else ""
        raise ProviderError(f"CurrencyLayer's answer cannot be used whole, {impossible[0]}{more}.", usable=found)
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
