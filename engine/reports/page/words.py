"""How values read on the page: numbers in groups of three, times as RFC 3339, texts that cannot disturb it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from markupsafe import Markup, escape

_LONGEST = 120  # characters of a text are shown
#: A group of three digits ends in a narrow space that does not break: a comma or a full stop is a decimal mark somewhere.
_GAP = "\u202f"
_MINUS = "\u2212"
#: More digits than these are counted and not read: a power of ten says as much.
_MOST_DIGITS = 40
_WIDE = Context(prec=1000, rounding=ROUND_HALF_UP)

Clean = Callable[[str], str]


def number(value: Any, places: int | None = None) -> str:
    """Return a number with its digits in groups: rounded to ``places``, or with all digits but zeros at the end."""
    if value is None:
        return "unknown"
    exact = _decimal(value)
    if not exact.is_finite():
        return str(value)
    if abs(exact.adjusted()) > _MOST_DIGITS and (places is None or exact.adjusted() > 0):
        return _power(exact)
    if places is None:
        text = format(exact, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = format(_WIDE.quantize(exact, Decimal(1).scaleb(-places)), "f")
    sign, digits = (_MINUS, text[1:]) if text.startswith("-") else ("", text)
    whole, point, rest = digits.partition(".")
    groups = f"{int(whole):,}".replace(",", _GAP)
    return f"{'' if not int(whole) and not rest.strip('0') else sign}{groups}{point}{rest}"


def short(value: Any) -> str:
    """Return a number as one reads it at an axis: three digits that count."""
    if value is None:
        return "unknown"
    amount = _decimal(value)
    if not amount.is_finite() or amount.adjusted() > 15:
        return _power(amount)
    for power, name in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(amount) >= 10**power:
            return number(amount / 10**power, 0 if abs(amount) >= 100 * 10**power else 1) + _GAP + name
    return number(amount, 0 if abs(amount) >= 100 or amount == amount.to_integral() else 2)


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _power(value: Decimal) -> str:
    """Return a number that is beyond reading, to three digits: ``1.00e+45``."""
    return f"{value:.2e}".replace("-", _MINUS) if value else "0"


def time(moment: datetime | None) -> Markup:
    """Return a moment for people and programs."""
    if moment is None:
        return Markup("never")
    text = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return Markup('<time datetime="{}">{}</time>').format(text.replace(" ", "T"), text)


def day(when: date | None) -> Markup:
    """Return a day for people and programs."""
    return Markup("<time>{}</time>").format(when.isoformat()) if when else Markup("day unknown")


def span(took: timedelta | None) -> str:
    """Return how long something took, or how long ago it was, in its largest unit."""
    return "" if took is None else _span(took.total_seconds())


def _span(took: float) -> str:
    seconds = max(int(took), 0)
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return count(seconds // size, name)
    return count(seconds, "second") if seconds else "< 1 second"


def hours(number_of: float) -> str:
    """Return a number of hours in its largest unit."""
    return _span(number_of * 3600)


def count(how_many: int, what: str, many: str = "") -> str:
    """Return how many things there are: ``1 day``, ``3 days``."""
    return f"{number(how_many)} {what if how_many == 1 else many or what + 's'}"


def plain(value: Any, clean: Clean, most: int = _LONGEST) -> str:
    """Return any value as one short line of characters that can be seen, without secrets; what is cut off is said."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M:%S}Z"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f") if abs(value.adjusted()) < most else _power(value)
        case bytes():
            value = value[: 4 * most].decode(errors="backslashreplace")
    text = "; ".join(str(value).splitlines())
    cut = len(text) > most
    shown = "".join(c if c.isprintable() else "\ufffd" for c in clean(text[: 4 * most])[:most])
    return f"{shown}… (cut, {number(len(text))} characters)" if cut else shown


def text(value: Any, clean: Clean, most: int = _LONGEST) -> Markup:
    """Return a value whose letters may run the other way, set apart from what stands beside it."""
    if isinstance(value, datetime):
        return time(value)
    shown = plain(value, clean, most)
    return Markup("<bdi>{}</bdi>").format(shown) if isinstance(value, str | bytes) else escape(shown)
