"""Times and zones: the engine's own functions give what PostgreSQL's give, whatever is written and wherever clocks change."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.functions.times import local_day, utc_time
from tests.helpers.server import Server

DATES = ["2025-04-01", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2016-12-31", "2017-01-01", "2015-06-30"]
DATES += ["2015-07-01", "2025-04-31", "2025-13-01", "2025-00-01", "2025-01-00", "2025-01-32", "0000-02-29", "0001-01-01"]
DATES += ["0001-01-02", "0099-12-31", "9999-12-30", "9999-12-31", "1582-10-10", "2025-4-1", "20250401", "12025-04-01", ""]
DATES += [
    "2025-W14-2",
    "2025W142",
    "2025-W142",
    "2020-W53-7",
    "2025-W53-1",
    "2025-W00-1",
    "2025-W14-8",
    "0001-W01-1",
    "9999-W52-7",
]
DATES += [
    "2025-091",
    "2025091",
    "2025-366",
    "2024-366",
    "2025-000",
    "0001-001",
    "0001-002",
    "9999-364",
    "2025-0401",
    "202504-01",
]
HOURS = ["06:00:00", "00:00:00", "23:59:59", "23:59:60", "05:29:60", "09:59:60", "12:34:60", "12:34:61", "24:00:00", "12:60:00"]
HOURS += [
    "6:00:00",
    "06:00",
    "060000",
    "",
    "0600",
    "235960",
    "06:0000",
    "24:00",
    "240000",
    "24:00:01",
    "24:01",
    "2359",
    "06",
    "25:00",
]
FRACTIONS = [
    "",
    "",
    ".5",
    ".0",
    ".123456",
    ".1234567",
    ".9999995",
    ".999999999999",
    f".{'1' * 200}",
    ".",
    ",5",
    ",",
    ".333333333333333333333333333",
    ".5e1",
    ".\u0663",
]
OFFSETS = ["Z", "z", "+00:00", "-00:00", "+05:30", "+0530", "-14:00", "+14:59", "-14:59", "+15:00", "-10:00", "+05", "+5:30"]
OFFSETS += ["+05:60", "+05:30:00", " Z", "Z ", "Z\n", " +05:30", "UTC", "EST", "\u221205:30", ""]
OFFSETS += [
    "+0200[Europe/Oslo]",
    "Z[UTC]",
    "Z[]",
    "[UTC]",
    "Z[Etc/GMT-1]",
    " UTC",
    "gmt",
    "GMT+2",
    " +02",
    "+02 ",
    "\u22120530",
    "+020",
    "+02:0",
]
ODD = " \t\n0159TtZz+-:.,x\u0661\uff15\u2212\u00a0"

#: what most are: nearly right, by parts and by one character
PLAIN = st.builds(
    "{}{}{}{}{}".format,
    *map(st.sampled_from, (DATES, ["T", "t", " ", "T", "  ", "_", ""], HOURS, FRACTIONS, OFFSETS)),
)
MAILS = st.builds(
    "{}{} {} {} {}{}{}".format,
    *map(
        st.sampled_from,
        (
            ["", "Tue, ", "Wed, ", "Sat, ", "Tue ", "tue, "],
            ["1", "01", "29", "30", "31", "0", "001"],
            ["Apr", "Feb", "Dec", "Jan", "apr", "Anf", "April"],
            ["2025", "2024", "0001", "9999", "0000", "25"],
            HOURS,
            FRACTIONS,
            [*OFFSETS, " GMT", " +0000", " -0800"],
        ),
    ),
)
WRONG = st.builds(
    lambda text, at, by, odd: text[: at % (len(text) + 1)] + odd + text[at % (len(text) + 1) + by :],
    PLAIN | MAILS,
    st.integers(0, 40),
    st.integers(0, 1),
    st.sampled_from(["", *ODD]),
)
SOUND = st.builds(
    "{:%Y-%m-%dT%H:%M:%S}.{:0{}}{}{:02}:{:02}".format,
    st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)),
    st.integers(0, 10**12 - 1),
    st.integers(1, 12),
    st.sampled_from("+-"),
    st.integers(0, 14),
    st.integers(0, 59),
)
ANY = st.lists(st.sampled_from([*ODD, "2025", "-04", "-01", "T06", ":00", "\x7f", "é", "\uffff", "🦊"]), max_size=20).map(
    "".join
)
WRITTEN = PLAIN | MAILS | WRONG | SOUND | ANY

#: zones, and when their clocks change or a day begins there, in UTC
CHANGES = {
    "Europe/London": ["2025-03-30 01:00", "2025-10-26 01:00", "2025-06-30 23:00", "2025-12-31 00:00", "2045-10-29 01:00"],
    "America/New_York": ["2025-03-09 07:00", "2025-11-02 06:00", "2025-03-10 04:00", "2025-11-03 05:00", "2007-03-11 07:00"],
    "Asia/Kolkata": ["2025-01-01 18:30", "2024-02-28 18:30", "2000-01-01 00:00"],
    "Australia/Lord_Howe": ["2025-04-05 15:00", "2025-10-04 15:30", "2025-04-06 13:30", "2025-10-05 13:00", "2025-07-01 13:30"],
    "Pacific/Apia": ["2011-12-30 10:00", "2012-03-31 14:00", "2010-09-26 11:00", "2021-04-03 14:00", "2021-04-04 11:00"],
    "America/St_Johns": ["2025-03-09 05:30", "2025-11-02 04:30", "2006-10-29 02:31", "2006-10-29 03:31"],
    "Etc/GMT+12": ["2025-01-01 12:00"],
    "Pacific/Kiritimati": ["2025-01-01 10:00"],
    "UTC": ["2025-01-01 00:00"],
}
STEPS = [0, 1, 900, 1800, 3600, 5400, 7200, 43_200, 84_600, 86_399, 86_400]
MOMENTS = st.builds(
    lambda change, step, sign, microseconds: (
        change[0],
        datetime.datetime.fromisoformat(f"{change[1]}+00:00")
        + sign * datetime.timedelta(seconds=step)
        + datetime.timedelta(microseconds=microseconds),
    ),
    st.sampled_from([(zone, change) for zone, changes in CHANGES.items() for change in changes]),
    st.sampled_from(STEPS) | st.integers(0, 400 * 86_400),
    st.sampled_from([-1, 1]),
    st.sampled_from([-1, 0, 0, 1, 999_999]),
)
#: these are no zones, and no reason to fail
NO_ZONES = [
    "",
    " ",
    ".",
    "..",
    "/",
    "America",
    "America/",
    "Etc",
    "../x",
    "../zoneinfo/UTC",
    "/etc/passwd",
    "/usr/share/zoneinfo/UTC",
]
NO_ZONES += ["Europe/../Europe/London", "Europe//London", "Europe/London/", "./UTC", "Europe/London/x", "asia/kolkata", "UTC+5"]
NO_ZONES += [
    "Europe\\London",
    "Europe.London",
    "A..B",
    "A./B",
    "A/.B",
    "__init__.py",
    "America/__init__.py",
    "zone.tab",
    "tzdata.zi",
]
NO_ZONES += [
    "Mars/Olympus",
    "Europe/Z\u00fcrich",
    "U\ufffdTC",
    "UT\0C",
    "A" * 300,
    "A/" * 3000,
    "%s",
    "*",
    "NULL",
    "\U0001f98a",
]


@pytest.fixture(scope="module")
def postgresql(server: Server) -> Iterator[Database]:
    """A PostgreSQL database."""
    with connect(server.create()) as db:
        yield db


def moment(utc: str | None) -> datetime.datetime | None:
    return None if utc is None else datetime.datetime.fromisoformat(f"{utc}+00:00")


def ask(db: Database, texts: list[str]) -> list[datetime.datetime | None]:
    """What PostgreSQL's utc_time makes of these."""
    each = "unnest(CAST(:texts AS text[])) WITH ORDINALITY AS each (written, nth)"
    with db.transaction() as tx:
        rows = tx.execute(f"SELECT utc_time(written) AS utc FROM {each} ORDER BY nth", texts=texts).rows
    return [row["utc"] for row in rows]


@settings(max_examples=60)
@given(st.lists(WRITTEN.filter(lambda text: ":60." not in text), min_size=1, max_size=20))  # those have a test of their own
def test_utc_time_is_that_of_postgresql(postgresql: Database, texts: list[str]) -> None:
    assert [moment(utc_time(text)) for text in texts] == ask(postgresql, texts)


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60.5Z",
        "2016-12-31T09:59:60.9999999-14:00",
        "2025-04-01T23:59:60.5Z",
        f"2016-12-31T23:59:60.{'1' * 200}Z",
    ],
)
def test_a_leap_second_with_a_fraction_is_that_of_postgresql(postgresql: Database, text: str) -> None:
    assert [moment(utc_time(text))] == ask(postgresql, [text])


@settings(max_examples=60)
@given(st.lists(MOMENTS, min_size=1, max_size=20))
def test_local_day_is_that_of_postgresql(postgresql: Database, moments: list[tuple[str, datetime.datetime]]) -> None:
    values = {"zones": [zone for zone, _ in moments], "times": [time for _, time in moments]}
    each = "unnest(CAST(:zones AS text[]), CAST(:times AS timestamptz[])) WITH ORDINALITY AS each (zone, utc, nth)"
    with postgresql.transaction() as tx:
        rows = tx.execute(f"SELECT local_day(utc, zone) AS day FROM {each} ORDER BY nth", **values).rows
    assert [local_day(str(time.replace(tzinfo=None)), zone) for zone, time in moments] == [str(row["day"]) for row in rows]


@pytest.mark.parametrize(("zone", "hour"), [("WET", 23), ("CET", 22), ("MET", 22), ("EET", 21)])
def test_the_zones_that_are_named_like_an_abbreviation(postgresql: Database, zone: str, hour: int) -> None:
    with postgresql.transaction() as tx:
        assert tx.execute("SELECT 1 AS found FROM pg_timezone_names WHERE name = :zone", zone=zone).rows, "then it is no zone"
        rows = tx.execute(
            "SELECT local_day(CAST(:utc AS timestamptz), :zone) AS day", utc=f"2025-06-30 {hour}:30Z", zone=zone
        ).rows
    assert local_day(f"2025-06-30 {hour}:30:00", zone) == "2025-07-01"
    assert str(rows[0]["day"]) == "2025-07-01"


@pytest.mark.parametrize(
    ("utc", "zone", "day"),
    [
        ("2025-03-30 22:59:59.999999", "Europe/London", "2025-03-30"),
        ("2025-03-30 23:00:00", "Europe/London", "2025-03-31"),
        ("2025-10-26 23:59:59", "Europe/London", "2025-10-26"),
        ("2025-03-10 03:59:59", "America/New_York", "2025-03-09"),
        ("2025-11-03 04:59:59", "America/New_York", "2025-11-02"),
        ("2025-11-03 05:00:00", "America/New_York", "2025-11-03"),
        ("2025-04-01 18:29:59", "Asia/Kolkata", "2025-04-01"),
        ("2025-04-01 18:30:00", "Asia/Kolkata", "2025-04-02"),
        ("2025-04-06 13:29:59", "Australia/Lord_Howe", "2025-04-06"),
        ("2025-10-05 13:00:00", "Australia/Lord_Howe", "2025-10-06"),
        ("2011-12-30 09:59:59", "Pacific/Apia", "2011-12-29"),
        ("2011-12-30 10:00:00", "Pacific/Apia", "2011-12-31"),  # the 30th did not happen
        ("0001-01-02 00:00:00", "Etc/GMT+12", "0001-01-01"),
        ("9999-12-30 23:59:59", "Etc/GMT-14", "9999-12-31"),
    ],
)
def test_a_day_is_that_of_the_plant(utc: str, zone: str, day: str) -> None:
    assert local_day(utc, zone) == day


def test_zones_do_not_need_a_system_that_has_them() -> None:
    pytest.importorskip("tzdata")
    times = ["2025-03-30 00:30:00", "2025-06-30 23:30:00", "2025-12-31 23:30:00", "2011-12-30 10:00:00"]
    questions = [(time, zone) for zone in [*CHANGES, *NO_ZONES] for time in times]
    answers = [local_day(*question) for question in questions]
    assert [bool(answer) for answer in answers] == [zone in CHANGES for _, zone in questions]
    program = (
        "import json, sys, zoneinfo; zoneinfo.reset_tzpath(to=[]); assert zoneinfo.TZPATH == ()\n"
        "from dbsvc.engine.functions.times import local_day\n"
        "print(json.dumps([local_day(*question) for question in json.load(sys.stdin)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], input=json.dumps(questions), capture_output=True, text=True)
    assert (done.stderr, json.loads(done.stdout or "null")) == ("", answers)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2025-04-01T06:00:00Z", "2025-04-01 06:00:00"),
        ("2025-04-01t11:30:00.1234567+05:30", "2025-04-01 06:00:00.123456"),
        ("2025-04-01 00:00:00.10-1400", "2025-04-01 14:00:00.100000"),
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00"),
        ("0001-01-02T00:00:00+14:59", "0001-01-01 09:01:00"),
        ("9999-12-30T23:59:59.999999-14:59", "9999-12-31 14:58:59.999999"),
        ("2025-04-01T06:00Z", "2025-04-01 06:00:00"),
        ("2025-04-01 0600+02", "2025-04-01 04:00:00"),
        ("20250401T060000,25 -0330", "2025-04-01 09:30:00.250000"),
        ("2025-04-01T06:00.5UTC", "2025-04-01 06:00:30"),
        ("2025-04-01T06:00.3333333333333333333333Z", "2025-04-01 06:00:19.999999"),
        ("2025-04-01T24:00Z", "2025-04-02 00:00:00"),
        ("2025-04-01T24:00:00.000+02:00[Europe/Oslo]", "2025-04-01 22:00:00"),
        ("2020-W53-7T06:00:00gmt", "2021-01-03 06:00:00"),
        ("2024366T06:00\u22120500", "2024-12-31 11:00:00"),
        ("20161231T235960Z", "2017-01-01 00:00:00"),
        ("Tue, 1 Apr 2025 06:00 +0200", "2025-04-01 04:00:00"),
        ("Wed, 01 Apr 2025 06:00:00 GMT", None),  # it was a Tuesday
        ("2025-W53-1T06:00:00Z", None),
        ("2025-366T06:00:00Z", None),
        ("2025-04-01T24:01Z", None),
        ("2025-04-01T06Z", None),
        ("2025-0401T06:00:00Z", None),
        ("1743487200", None),  # of seconds, or of what?
        ("2025-04-01T06:00:00[Europe/Oslo]", None),
        ("2025-04-01T06:00:00GMT+2", None),  # east or west?
        ("2025-04-01T06:00:00", None),
        ("2025-04-01T06:00:00Z\n", None),
        ("\u0662025-04-01T06:00:00Z", None),
        ("", None),
    ],
)
def test_utc_time_is_a_text_that_sorts(written: str, utc: str | None) -> None:
    assert utc_time(written) == utc
