"""Times, zones and numbers, for a database that has no functions for them.

The other databases must give the same answers, which a test compares. Zones come from the system, else from the package tzdata.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:)([0-5]\d|60)(\.\d+)?(?:[Zz]|([+-])(0\d|1[0-4]):?([0-5]\d))", re.ASCII
)
_EARLIEST, _LATEST = "0001-01-02", "9999-12-30"  # any zone's clock stays within the years that all databases know
_AFTER_LEAP_SECONDS = ("01-01 00:00:00", "07-01 00:00:00")


def utc_time(written: str) -> str | None:
    """Return a timestamp with a zone (RFC 3339) by the clock of UTC, ``2025-04-01 06:00:00``, or None if it is none.

    Microseconds follow if there are any; what is finer is cut off. A leap second counts as the second after it.
    """
    match = _WRITTEN.fullmatch(written)
    if match is None or not _EARLIEST <= match[1] <= _LATEST:
        return None
    date, minute, second, fraction, sign, hours, minutes = match.groups()
    leap = second == "60"
    try:
        time = datetime.fromisoformat(f"{date} {minute}{'59' if leap else second}")
    except ValueError:
        return None
    if leap:
        time += timedelta(seconds=1)
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        time = time - offset if sign == "+" else time + offset
    if leap and not str(time).endswith(_AFTER_LEAP_SECONDS):
        return None
    if fraction:
        time = time.replace(microsecond=int(fraction[1:7].ljust(6, "0")))
    return str(time)


def local_day(utc: str, zone: str) -> str | None:
    """Return the day of a UTC time by the clock of an IANA zone, or None if there is no such zone."""
    try:
        known = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return None
    return known.fromutc(datetime.fromisoformat(utc).replace(tzinfo=known)).date().isoformat()


def nearest_float(written: str | None) -> float | None:
    """Return the binary float nearest to a decimal, which SQLite's own cast misses by a digit now and then."""
    return None if written is None else float(written)
