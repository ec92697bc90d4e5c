"""Times, zones and numbers, for a database that has no functions for them.

The other databases must give the same answers, which a test compares. Zones come from the system, else from the package tzdata.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: what most timestamps are
_USUAL = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d+)?(?:[Zz]|([+-])(0\d|1[0-4]):?([0-5]\d))", re.ASCII
)
#: ISO 8601: dates by month, week or day of the year, with hyphens or without; times with colons or without, without seconds,
#: with decimals of the last part after a point or a comma; Z, UTC, GMT or an offset, after a blank or not; a zone in brackets
_OTHERWISE = re.compile(
    r"(\d{4})(-?)(?:(\d\d)\2(\d\d)|W(\d\d)\2([1-7])|(\d{3}))[Tt ]"
    r"(\d\d)(:?)(\d\d)(?:\9(\d\d))?(?:[.,](\d*))?"
    r" ?(?:[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|([-+\u2212])(0\d|1[0-4])(?::?([0-5]\d))?)(?:\[[A-Za-z][A-Za-z0-9_+/-]*\])?",
    re.ASCII,
)
#: as in mails: Tue, 01 Apr 2025 06:00:00 GMT
_MAIL = re.compile(r"(?:([A-Z][a-z]{2}), )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d.*)", re.ASCII | re.DOTALL)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EARLIEST, _LATEST = "0001-01-02", "9999-12-30"  # any zone's clock stays within the years that all databases know
_AFTER_LEAP_SECONDS = ("01-01 00:00:00", "07-01 00:00:00")


def utc_time(written: str) -> str | None:
    """Return a timestamp with a zone by the clock of UTC, ``2025-04-01 06:00:00``, or None if it is none.

    Any unambiguous spelling of ISO 8601 will do, and that of mails. Microseconds follow if there are any; what is finer is cut
    off. A leap second counts as the second after it.
    """
    match = _USUAL.fullmatch(written)
    if match is None:
        return _utc_time_otherwise(written)
    if not _EARLIEST <= match[1] <= _LATEST:
        return None
    day, clock, fraction, sign, hours, minutes = match.groups()
    try:
        time = datetime.fromisoformat(f"{day} {clock}")
    except ValueError:
        return None
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        time = time - offset if sign == "+" else time + offset
    if fraction:
        time = time.replace(microsecond=int(fraction[1:7].ljust(6, "0")))
    return str(time)


def _utc_time_otherwise(written: str) -> str | None:
    weekday = None
    if mail := _MAIL.fullmatch(written):
        weekday, nth, month, year, rest = mail.groups()
        if month not in _MONTHS:
            return None
        written = f"{year}-{_MONTHS.index(month) + 1:02}-{nth:>02}T{rest}"
    match = _OTHERWISE.fullmatch(written)
    day = _day(*match.group(1, 3, 4, 5, 6, 7)) if match else None
    if match is None or day is None or not _EARLIEST <= str(day) <= _LATEST or weekday not in (None, _DAYS[day.weekday()]):
        return None
    hour, minute, second, fraction, sign, hours, minutes = match.group(8, 10, 11, 12, 13, 14, 15)
    unit = 60_000_000 if second is None else 1_000_000  # microseconds
    microseconds = int((fraction or "")[:20] or 0) * unit // 10 ** len((fraction or "")[:20])
    clock = (int(hour), int(minute), int(second or 0))
    if (clock > (23, 59, 60) or clock[1] > 59 or clock[2] > 60) and (clock, microseconds) != ((24, 0, 0), 0):
        return None
    time = datetime(day.year, day.month, day.day) + timedelta(hours=clock[0], minutes=clock[1], seconds=clock[2])
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        time = time - offset if sign == "+" else time + offset
    if clock[2] == 60 and not str(time).endswith(_AFTER_LEAP_SECONDS):
        return None
    return str(time + timedelta(microseconds=microseconds))


def _day(
    year: str, month: str | None, nth: str | None, week: str | None, weekday: str | None, of_year: str | None
) -> date | None:
    """Return the day of a month, of a week, or of a year."""
    try:
        if month and nth:
            return date(int(year), int(month), int(nth))
        if week and weekday:
            return date.fromisocalendar(int(year), int(week), int(weekday))
        day = date(int(year), 1, 1) + timedelta(int(of_year or 0) - 1)
    except (ValueError, OverflowError):
        return None
    return day if day.year == int(year) else None


#: Python keeps eight zones alone, and reads the file of a ninth each time.
_zone = lru_cache(maxsize=1000)(ZoneInfo)


def local_day(utc: str, zone: str) -> str | None:
    """Return the day of a UTC time by the clock of an IANA zone, or None if there is no such zone."""
    try:
        known = _zone(zone)
    except (KeyError, ValueError, OSError):
        return None
    return known.fromutc(datetime.fromisoformat(utc).replace(tzinfo=known)).date().isoformat()


def nearest_float(written: str | None) -> float | None:
    """Return the binary float nearest to a decimal, which SQLite's own cast misses by a digit now and then."""
    return None if written is None else float(written)
