"""How others spell numbers, days and moments, and how we do: plain decimals, 2024-12-31, RFC 3339.

What cannot be read as it was declared becomes the replacement character, which no rule accepts: it could mean something else to
us. Nothing is read in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WRONG = "\ufffd"
#: No more of them, for three may be a group of digits.
_ZEROS = re.compile(r"(?<=[0-9])\.0{1,2}$")
#: A plain decimal, as the contract reads it.
PLAIN = re.compile(r"-?(?:[0-9]{1,1000}(?:\.[0-9]{0,1000})?|\.[0-9]{1,1000})")
#: Translates one field.
Spelling = Callable[[str], str]

#: The orders of day, month and year, with `.`, `/` or `-` between them.
ORDERS = {
    "day_first": re.compile(r"(?P<d>[0-9]{1,2})([./-])(?P<m>[0-9]{1,2})\2(?P<Y>[0-9]{4})"),
    "month_first": re.compile(r"(?P<m>[0-9]{1,2})([./-])(?P<d>[0-9]{1,2})\2(?P<Y>[0-9]{4})"),
    "year_first": re.compile(
        r"(?P<Y>[0-9]{4})([./-])(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})|(?P<Y_>[0-9]{4})(?P<m_>[0-9]{2})(?P<d_>[0-9]{2})"
    ),
}
#: Days as numbers, as spreadsheets store them: 1 is the first of 1900. Before March 1900 not all of them agree.
SERIAL = "serial"
_SERIAL, _DAY_ZERO, _FIRST_SERIAL = re.compile(r"[0-9]{2,6}"), date(1899, 12, 30), 61
#: The names of orders and forms.
NAMED = (*ORDERS, SERIAL)
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAY_PARTS = {
    "d": "[0-9]{1,2}",
    "m": "[0-9]{1,2}",
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "b": "(?i:" + "|".join(month[:3] for month in _MONTHS) + ")",
    "B": "(?i:" + "|".join(_MONTHS) + ")",
}
_TIME_PARTS = {
    "H": "[0-9]{1,2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,6}",
    "z": r"Z|[+-][0-9]{2}:?[0-9]{2}",
}
#: Two digits mean a year from 1969 to 2068, as POSIX has it.
_FIRST_OF_TWO_DIGITS = 69


class FormError(ValueError):
    """A form of days or moments that is not understood."""


def read_form(form: str, *, with_time: bool) -> re.Pattern[str]:
    """Return what a form such as ``%d.%m.%Y`` means. Raises FormError."""
    known = _DAY_PARTS | _TIME_PARTS if with_time else _DAY_PARTS
    seen: list[str] = []

    def part(found: re.Match[str]) -> str:
        letter = found[1]
        if letter == "%":
            return "%"
        if letter not in known:
            raise FormError(f"%{letter} is none of {', '.join(f'%{each}' for each in known)}")
        if letter in seen:
            raise FormError(f"%{letter} stands twice in {form}")
        seen.append(letter)
        return f"(?P<{letter}>{known[letter]})"

    pattern = "".join(
        part(found) if (found := re.match(r"%(.)", piece)) else re.escape(piece) for piece in re.split(r"(%.)", form)
    )
    for needed in ("d", "mbB", "Yy", *("H" if with_time else "")):
        if not set(needed) & set(seen):
            raise FormError(f"{form} lacks %{' or %'.join(needed)}")
    return re.compile(pattern)


def spell_days(forms: Sequence[str]) -> Spelling:
    """Return what reads days of these orders and forms; those of ISO 8601 are never in doubt."""
    patterns = [ORDERS[form] if form in ORDERS else read_form(form, with_time=False) for form in forms if form != SERIAL]

    @lru_cache(maxsize=2**16)
    def spell(text: str) -> str:
        if not text or (_ISO_DAY.fullmatch(text) and _is_day(text)):
            return text
        days = {day for pattern in patterns if (found := pattern.fullmatch(text)) and (day := _day(found))}
        if SERIAL in forms and _SERIAL.fullmatch(text) and int(text) >= _FIRST_SERIAL:
            days.add(_DAY_ZERO + timedelta(int(text)))
        return min(days).isoformat() if len(days) == 1 else WRONG

    return spell


def spell_moments(forms: Sequence[str], zone: str) -> Spelling:
    """Return what reads moments of these forms, and local ones of a zone.

    A moment that a zone has twice or never, or that has no zone, is left without one, which the contract says.
    """
    patterns = [read_form(form, with_time=True) for form in forms]
    place = ZoneInfo(zone) if zone else None

    @lru_cache(maxsize=2**14)
    def spell(text: str) -> str:
        moments = {moment for pattern in patterns if (found := pattern.fullmatch(text)) and (moment := _moment(found))}
        if not moments:
            try:
                moments = {datetime.fromisoformat(text)} if _LOCAL.match(text) else set()
            except ValueError:
                moments = set()
            if not moments or next(iter(moments)).tzinfo:
                return text
        if len(moments) > 1:
            return WRONG
        (moment,) = moments
        if moment.tzinfo is None:
            if place is None:
                return moment.isoformat()
            first, second = (moment.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
            if first != second:
                return moment.isoformat()
            moment = moment.replace(tzinfo=place)
        try:
            return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
        except OverflowError:
            return WRONG

    return spell


def _day(found: re.Match[str]) -> date | None:
    parts = {name[0]: text for name, text in found.groupdict().items() if text is not None}
    year = int(parts.get("Y") or parts["y"])
    if "Y" not in parts:
        year += 1900 if year >= _FIRST_OF_TWO_DIGITS else 2000
    named = parts.get("b") or parts.get("B")
    month = [each[:3] for each in _MONTHS].index(named[:3].lower()) + 1 if named else int(parts["m"])
    try:
        return date(year, month, int(parts["d"]))
    except ValueError:
        return None


def _moment(found: re.Match[str]) -> datetime | None:
    day, parts = _day(found), found.groupdict()
    if day is None:
        return None
    micros = int((parts.get("f") or "0").ljust(6, "0"))
    try:
        moment = datetime(
            day.year, day.month, day.day, int(parts["H"]), int(parts.get("M") or 0), int(parts.get("S") or 0), micros
        )
    except ValueError:
        return None
    if not (offset := parts.get("z")):
        return moment
    digits = offset.replace(":", "")[1:]
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) if digits else timedelta()
    return (moment - (ahead if offset[0] == "+" else -ahead)).replace(tzinfo=UTC)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class Numbers:
    """Numbers with a decimal mark, and marks between groups of three digits: what makes plain decimals of them.

    Where they may be negative, the sign may stand behind a number, and parentheses around it.
    """

    def __init__(self, decimal: str, thousands: str, *, negative: bool = False, marks: Sequence[str] = ()) -> None:
        if " " in thousands:  # of any width, and whether lines may break there or not
            thousands += "\u00a0\u202f"
        mark, group = re.escape(decimal), f"[{re.escape(thousands)}][0-9]{{3}}" if thousands else "(?!)"
        number = rf"(?:[0-9]{{1,3}}(?:{group})++|[0-9]++)(?:{mark}[0-9]*+)?+|{mark}[0-9]++"
        self._one = re.compile(rf"(?:[-+\u2212]?(?:{number}))?")
        self._odd = re.compile(rf"\((?P<in>{number})\)|(?P<before>{number})[-\u2212]") if negative else re.compile("(?!)")
        self._many = re.compile(rf"(?:(?:-?(?:{number}))?\n)*+")
        any_mark, blank = "|".join(map(re.escape, marks)), "[ \u00a0\u202f]?"
        self._marks = re.compile(rf"^([-+\u2212(]?)(?:{any_mark}){blank}|{blank}(?:{any_mark})(\)?)$") if marks else None
        self._plain = str.maketrans({**dict.fromkeys(thousands), decimal: ".", "+": None, "\u2212": "-"})

    def spell(self, text: str) -> str:
        """Return one number."""
        if self._marks:
            text = self._marks.sub(r"\1\2", text, count=1)
        if odd := self._odd.fullmatch(text):
            text = f"-{odd['in'] or odd['before']}"
        return text.translate(self._plain) if self._one.fullmatch(text) else WRONG

    def spell_whole(self, text: str) -> str:
        """Return one whole number, which some write with a zero behind the decimal mark."""
        return _ZEROS.sub("", self.spell(text))

    def spell_all(self, texts: str) -> list[str]:
        """Return the numbers of lines, all at once where all of them are some."""
        if self._many.fullmatch(f"{texts}\n"):
            return texts.translate(self._plain).split("\n")
        return list(map(self.spell, texts.split("\n")))


def spell_distinct(spell: Spelling, texts: Iterable[str]) -> list[str]:
    """Return what becomes of texts, each different one spelled once."""
    cells = list(texts)
    known = {text: spell(text) for text in {*cells}}
    return [known[text] for text in cells]
