"""Events, right and wrong: for every way a value, an event or a line can be either, what becomes of it."""

from __future__ import annotations

import datetime
import json
from typing import Any

from dbsvc.engine import Database

ZONES = {"P1": "Asia/Kolkata", "P2": "America/New_York"}
UNITS = {"W": 1, "kW": 1000, "MW": 1_000_000}
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
START = datetime.datetime(2025, 4, 1, 18, 25, tzinfo=datetime.UTC)  # five minutes before midnight in Kolkata
SECOND, HOUR = datetime.timedelta(seconds=1), datetime.timedelta(hours=1)
MEGABYTES = "x" * (2 * 2**20)
NOTHING = ("", "null", '""')  # not there, or there and empty

#: what a sound event holds, as JSON texts, and as it is stored; event_id and event_time are each event's own
WRITTEN = {
    "event_id": "",
    "plant_id": '"P1"',
    "inverter_id": '"I1"',
    "event_time": "",
    "source": '"mqtt"',
    "ac_power": "14.2",
    "ac_power_unit": '"kW"',
    "dc_power": '"15.5"',
    "dc_power_unit": '"kW"',
    "energy_wh_total": "120045.75",
    "temperature_c": "31.5",
    "status": '"OK"',
}
STORED: dict[str, Any] = {
    "event_id": "",
    "plant_id": "P1",
    "inverter_id": "I1",
    "event_time": START,
    "source": "mqtt",
    "ac_power": 14.2,
    "ac_power_unit": "kW",
    "dc_power": 15.5,
    "dc_power_unit": "kW",
    "energy_wh_total": 120045.75,
    "temperature_c": 31.5,
    "status": "OK",
}

TEXTS_KEPT = {
    '"a b"': "a b",
    '"40�C \\uffff"': "40�C \uffff",
    "12345": "12345",
    "1.50": "1.50",
    '"NULL"': "NULL",
    '"\\\\N"': "\\N",
    '"\\\\."': "\\.",
    '"say \\"hi\\"\\tand \\u00e9\\n"': 'say "hi"\tand é\n',
    '"\\ud83e\\udd8a 🦊 שלום"': "🦊 🦊 שלום",
    '"\\u0001\\u007f\\ue000"': "\x01\x7f\ue000",
    '"\'; DROP TABLE plants; -- %s :name {}"': "'; DROP TABLE plants; -- %s :name {}",
    f'"{"🦊" * 200}"': "🦊" * 200,
}
TEXTS_BROKEN = {
    **dict.fromkeys(["true", "NaN", "-Infinity", "[]", '["a"]', "{}", '{"a": 1}'], "invalid"),
    **dict.fromkeys([f'"{"x" * 201}"', f'"{"🦊" * 201}"', "1" * 201], "too_long"),
}
NUMBERS_KEPT: dict[str, float] = {
    "0": 0,
    "0.0": 0,
    "-0": 0,
    "-0.0": 0,
    '"-0.00"': 0,
    "5": 5,
    "14.2": 14.2,
    '"14.2"': 14.2,
    '"0"': 0,
    '"007.50"': 7.5,
    '".5"': 0.5,
    '"5."': 5,
    "1E5": 100_000,
    "1e5": 100_000,
    "1.25e1": 12.5,
    "1.25E+1": 12.5,
    "125e-1": 12.5,
    "12500000e-6": 12.5,
    "0e0": 0,
    "0.0004": 0.0004,
    "0.0005": 0.0005,
    "1e-7": 0.0000001,
    "123456.789": 123456.789,
    f'"{"0" * 39}7"': 7,
    f"0.{'5' * 38}": 0.5555555555555556,
}
NUMBERS_INVALID = [
    *("true", "false", "[]", "[5]", "{}", '{"value": 5}', "[[[]]]"),
    *("NaN", "Infinity", "-Infinity", '"NaN"', '"nan"', '"Infinity"', '"-Infinity"', '"inf"', '"true"', '"null"'),
    *("1e400", "-1e400", "1e-400", "1E400", "1e99999999999999999999", "1" * 41, f"-{'1' * 41}", f"0.{'1' * 40}", "1" * 5000),
    *(f'"{"0" * 40}7"', '"+5"', '"--5"', '"5-"', '"-"', '"."', '"-."', '".."', '"1.2.3"', '"1,5"', '"1_000"', '"1 000"'),
    *('"0x1F"', '"5 kW"', '"five"', '"5\\n"', '"\u0663"', '"\uff15"', '"\u22125"', '"½"', '"\\ufffd"', '"5\\t"'),
]
#: more than a hundredth of the capacity, which is 1 kW, below zero; and not more, which is zero
NUMBERS_NEGATIVE = ["-5", "-0.0100006", '"-5"', '"-.5"', "-1e2", f"-{'9' * 39}"]
NUMBERS_AT_REST = {"-0.01": "kW", "-1e-7": "kW", '"-10.000"': "W", "-3.2": "W", "-0.00001": "MW"}
UNITS_BROKEN = [
    *('"KW"', '"kw"', '"mW"', '"Mw"', '"w"', '"hp"', '"GW"', '"kWh"', '"kW\\n"', '"1"', "5", "true", "[]", "{}", '"\\ufffd"'),
]

TIMES_KEPT = {
    "2015-06-30T23:59:60.5Z": "2015-07-01 00:00:00.500000",
    "2025-03-01T06:00:00Z": "2025-03-01 06:00:00",
    "2025-03-02t06:00:00z": "2025-03-02 06:00:00",
    "2025-03-03 06:00:00Z": "2025-03-03 06:00:00",
    "2025-03-04T06:00:00+00:00": "2025-03-04 06:00:00",
    "2025-03-05T06:00:00-00:00": "2025-03-05 06:00:00",
    "2025-03-06T06:00:00+05:30": "2025-03-06 00:30:00",
    "2025-03-07T05:00:00+0530": "2025-03-06 23:30:00",
    "2025-03-08T23:59:59-14:00": "2025-03-09 13:59:59",
    "2025-03-09T00:00:00+14:59": "2025-03-08 09:01:00",
    "2025-03-10T06:00:00+05:45": "2025-03-10 00:15:00",
    "2024-02-29T12:00:00Z": "2024-02-29 12:00:00",
    "2000-02-29T12:00:00Z": "2000-02-29 12:00:00",
    "2025-03-01T00:30:00+01:00": "2025-02-28 23:30:00",
    "2024-12-31T23:30:00-01:00": "2025-01-01 00:30:00",
    "2000-01-01T00:00:00Z": "2000-01-01 00:00:00",
    "1999-12-31T23:59:59-00:01": "2000-01-01 00:00:59",
    # ISO 8601 has more ways, and so have mails
    "2025-04-01T06:00Z": "2025-04-01 06:00:00",
    "2025-04-01T06:01-03": "2025-04-01 09:01:00",
    "2025-04-01T06:02:00 Z": "2025-04-01 06:02:00",
    "2025-04-01T06:03:00 +05:30": "2025-04-01 00:33:00",
    "2025-04-01T06:04:00UTC": "2025-04-01 06:04:00",
    "2025-04-01 06:05:00 GMT": "2025-04-01 06:05:00",
    "2025-04-01T06:06:00Z[Europe/London]": "2025-04-01 06:06:00",
    "2025-04-01T06:07:00\u221205:30": "2025-04-01 11:37:00",
    "20250401T060800Z": "2025-04-01 06:08:00",
    "2025-W14-2T06:09:00Z": "2025-04-01 06:09:00",
    "2025-091T06:10:00Z": "2025-04-01 06:10:00",
    "2025-04-01T24:00:00Z": "2025-04-02 00:00:00",
    "2025-04-01T061200Z": "2025-04-01 06:12:00",
    "2025-04-01T06:13:00.Z": "2025-04-01 06:13:00",
    "2025-04-01T06:14:00,5Z": "2025-04-01 06:14:00.500000",
    "2025-04-01T06:15.25Z": "2025-04-01 06:15:15",
    "Tue, 01 Apr 2025 06:16:00 GMT": "2025-04-01 06:16:00",
    "2016-12-31T23:59:60Z": "2017-01-01 00:00:00",
    "2015-07-01T05:29:60+05:30": "2015-07-01 00:00:00",
    "2012-06-30T09:59:60-14:00": "2012-07-01 00:00:00",
    **{
        f"2025-03-11T06:{digits:02}:00.{'123456789987'[:digits]}Z": f"2025-03-11 06:{digits:02}:00.{'123456'[:digits]:0<6}"
        for digits in range(1, 13)
    },
    "2025-03-12T06:00:00.999999999999+05:30": "2025-03-12 00:30:00.999999",
    "2025-12-31T23:59:59.9999999Z": "2025-12-31 23:59:59.999999",
    "2025-03-13T06:00:00.000000Z": "2025-03-13 06:00:00",
    "2025-03-14T06:00:00.0000009Z": "2025-03-14 06:00:00",
    f"2025-03-15T06:00:00.{'1' * 500}Z": "2025-03-15 06:00:00.111111",
    # a clock that runs ahead by less than a day
    f"{NOW + 5 * HOUR:%Y-%m-%dT%H:%M:%SZ}": f"{NOW + 5 * HOUR:%Y-%m-%d %H:%M:%S}",
    f"{NOW + 23 * HOUR:%Y-%m-%dT%H:%M:%S.5Z}": f"{NOW + 23 * HOUR:%Y-%m-%d %H:%M:%S}.5",
    f"{NOW + 33 * HOUR:%Y-%m-%dT%H:%M:%S+14:00}": f"{NOW + 19 * HOUR:%Y-%m-%d %H:%M:%S}",
}
TIMES_BROKEN = {
    **dict.fromkeys(
        [
            *("2025-04-01T06:00:00", "2025-04-01 06:00:00", "2025-04-01t06:00:00.123456789", "2016-12-31T23:59:60"),
            "0099-01-01T00:00:00",
        ],
        "without_zone",
    ),
    **dict.fromkeys(
        [
            *("1999-12-31T23:59:59Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00+00:01", "1970-01-01T00:00:00Z"),
            "0001-01-02T00:00:00Z",
        ],
        "too_old",
    ),
    **dict.fromkeys(
        [
            *(f"{NOW + 25 * HOUR:%Y-%m-%dT%H:%M:%SZ}", f"{NOW + 14 * HOUR:%Y-%m-%dT%H:%M:%S-14:00}", "2999-01-01T00:00:00Z"),
            "9999-12-30T23:59:59.999999-14:59",
        ],
        "in_future",
    ),
    **dict.fromkeys(
        [
            # the zone
            *("2025-04-01T06:00:00+15:00", "2025-04-01T06:00:00-15:00", "2025-04-01T06:00:00+24:00", "2025-04-01T06:00:00+5"),
            *("2025-04-01T06:00:00+5:30", "2025-04-01T06:00:00+05:60", "2025-04-01T06:00:00+05:30:00", "2025-04-01T06:00:00ZZ"),
            *("2025-04-01T06:00:00  Z", "2025-04-01T06:00:00UTC+1", "2025-04-01T06:00:00[Europe/London]"),
            "2025-04-01T06:00:00 Europe/London",
            *("2025-04-01T06:00:00EST", "Z", "+05:30"),
            # the day
            *("2025-02-29T06:00:00Z", "2023-02-30T06:00:00Z", "2024-02-30T06:00:00Z", "1900-02-29T06:00:00Z"),
            "2025-04-31T06:00:00Z",
            *("2025-13-01T06:00:00Z", "2025-00-01T06:00:00Z", "2025-04-00T06:00:00Z", "2025-04-32T06:00:00Z"),
            "2025-4-1T06:00:00Z",
            *("0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"),
            "12025-04-01T06:00:00Z",
            *("-2025-04-01T06:00:00Z", "+2025-04-01T06:00:00Z", "01/04/2025T06:00:00Z", "01/04/2025 06:00:00Z"),
            "25-04-01T06:00:00Z",
            *("2025-W54-2T06:00:00Z", "2025-366T06:00:00Z", "2025-04-01", "2025-04-01Z"),
            # the time
            *("2025-04-01T24:00:01Z", "2025-04-01T25:00:00Z", "2025-04-01T06:60:00Z", "2025-04-01T06:00:61Z"),
            "2025-04-01T06Z",
            *("2025-04-01T6:00:00Z", "2025-04-01T06:0000Z", "2025-04-01T06:00:00.5.Z"),
            "2025-04-01T06:00:00 AM Z",
            # leap seconds come at the end of June and of December, by the clock of UTC
            *("2025-04-01T12:34:60Z", "2025-04-01T23:59:60Z", "2016-12-31T12:34:60Z", "2017-01-01T00:00:60Z"),
            "2016-12-31T23:59:61Z",
            *("2016-12-31T23:59:60+05:30", "2016-12-31T23:58:60Z", "12:34:60", "2025-04-01T12:34:60"),
            # what is between, before and after
            *("2025-04-01  06:00:00Z", "2025-04-01_06:00:00Z", "2025-04-0106:00:00Z", " 2025-04-01T06:00:00Zx"),
            "x2025-04-01T06:00:00Z",
            *("2025-04-01T06:00:00Z2025-04-01T06:00:00Z", "2025-04-01T06:00:00Z\\n", "2025-04-01\\nT06:00:00Z"),
            "\u0662\u0660\u0662\u0665-04-01T06:00:00Z",
            "\uff12\uff10\uff12\uff15-04-01T06:00:00Z",
            *("2025-04-01T06:00:00.\u0665Z", "2025-04-01T06:00:0\uff10Z", "2025-04-01T06:00:00+05:3\u0660"),
            # other ways of telling the time, and none
            *("1743487200", "1743487200000", "now", "today", "tomorrow", "infinity", "-infinity", "epoch", "allballs"),
            "yesterday",
            *("Wed, 01 Apr 2025 06:00:00 GMT", "noon", "true", "x" * 100_000),
        ],
        "invalid",
    ),
}

ONE_MOMENT = datetime.datetime(2025, 3, 20, 6, 0, 0, 500_000, datetime.UTC)
SAME_TIMES = ["2025-03-20T06:00:00.5Z", "2025-03-20T11:30:00.50+05:30", "2025-03-19 16:00:00.500-1400"]
SAME_TIMES += ["2025-03-20t06:00:00.5000009z", "2025-03-20T06:00:00.500000-00:00", "2025-03-20T06:00:00.5+0000"]

#: what is written, as JSON texts, and how that is stored, if not as the sound event
KEPT: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    *(({field: written}, {field: text}) for field in ("source", "status") for written, text in TEXTS_KEPT.items()),
    *(({"event_id": written}, {"event_id": text}) for written, text in TEXTS_KEPT.items()),
    *(
        ({field: nothing}, {field: None})
        for field in ("source", "energy_wh_total", "temperature_c", "status")
        for nothing in NOTHING
    ),
    *(
        ({"dc_power": no_power, "dc_power_unit": no_unit}, {"dc_power": None, "dc_power_unit": None})
        for no_power in NOTHING
        for no_unit in NOTHING
    ),
    *(({"dc_power": nothing}, {"dc_power": None}) for nothing in NOTHING),
    # at night some send no power
    *(({"ac_power": nothing}, {"ac_power": None}) for nothing in NOTHING),
    *(({"ac_power": "", "ac_power_unit": nothing}, {"ac_power": None, "ac_power_unit": None}) for nothing in NOTHING),
    *(({"ac_power": "", "status": nothing}, {"ac_power": None, "status": None}) for nothing in NOTHING),
    *(({"ac_power": "", "energy_wh_total": nothing}, {"ac_power": None, "energy_wh_total": None}) for nothing in NOTHING),
    # ... or what a sensor says at rest
    *(
        ({field: written, f"{field}_unit": f'"{unit}"'}, {field: 0, f"{field}_unit": unit})
        for field in ("ac_power", "dc_power")
        for written, unit in NUMBERS_AT_REST.items()
    ),
    *(
        ({field: written, f"{field}_unit": '"W"'}, {field: number, f"{field}_unit": "W"})
        for field in ("ac_power", "dc_power")
        for written, number in NUMBERS_KEPT.items()
    ),
    *(
        ({field: written}, {field: number})
        for field in ("energy_wh_total", "temperature_c")
        for written, number in NUMBERS_KEPT.items()
        if field == "energy_wh_total" or number <= 200
    ),
    # the greatest values that are possible
    *(
        ({field: written, f"{field}_unit": f'"{unit}"'}, {field: number, f"{field}_unit": unit})
        for field in ("ac_power", "dc_power")
        for written, unit, number in [("100", "MW", 100), ("1e2", "MW", 100), ("100000", "kW", 1e5), ("1e8", "W", 1e8)]
    ),
    ({"energy_wh_total": "1000000000000"}, {"energy_wh_total": 1e12}),
    ({"energy_wh_total": '"1000000000000.0"'}, {"energy_wh_total": 1e12}),
    *(
        ({"temperature_c": written}, {"temperature_c": float(written)})
        for written in ("-100", "-100.0", "200", "2e2", "-0.5", "-40")
    ),
    *(
        ({"event_time": f'"{written}"'}, {"event_time": datetime.datetime.fromisoformat(f"{utc}+00:00")})
        for written, utc in TIMES_KEPT.items()
    ),
    # by the clocks of two plants: midnight comes at 18:30, and at 5:00 or, in summer, at 4:00
    *(
        (
            {"plant_id": f'"{plant}"', "inverter_id": f'"I{plant[1]}"', "event_time": f'"{time:%Y-%m-%dT%H:%M:%SZ}"'},
            {"plant_id": plant, "inverter_id": f"I{plant[1]}", "event_time": time},
        )
        for plant in ZONES
        for day in (8, 10)
        for seconds in (14_399, 14_400, 17_999, 18_000, 66_599, 66_600)
        for time in [datetime.datetime(2025, 3, day, tzinfo=datetime.UTC) + seconds * SECOND]
    ),
    # at one moment
    *(
        ({"event_id": f'"{name}"', "event_time": f'"{written}"'}, {"event_id": name, "event_time": ONE_MOMENT})
        for name, written in zip(("m10", "m9", "É", "z", "🦊", "\ue000"), SAME_TIMES, strict=True)
    ),
    # unknown names say nothing, whatever they hold
    *(
        ({name: written}, {})
        for name in ("extra", "Event_ID", "event_id ", "\\u0000", "\\ud800")
        for written in ("1", '"\\u0000"', '"\\ud800"', "null", '[{"a": 1, "a": 2}, []]', "[" * 90 + "]" * 90)
    ),
]
#: what is written, as JSON texts, and all the reasons for which it is rejected
BROKEN: list[tuple[dict[str, str], str]] = [
    *(
        ({field: nothing}, f"{field}_missing")
        for field in ("event_id", "plant_id", "inverter_id", "event_time", "ac_power_unit", "dc_power_unit")
        for nothing in NOTHING
    ),
    *(({"ac_power": nothing, "status": "", "energy_wh_total": nothing}, "ac_power_missing") for nothing in NOTHING),
    ({"ac_power": "", "ac_power_unit": '"hp"'}, "ac_power_unit_unknown"),
    *(
        ({field: written}, f"{field}_{why}")
        for field in ("event_id", "source", "status")
        for written, why in TEXTS_BROKEN.items()
    ),
    *(({"event_time": written}, "event_time_invalid") for written in ("true", "[]", "{}", "1743487200", "20250401", '" "')),
    *(({"event_time": f'"{written}"'}, f"event_time_{why}") for written, why in TIMES_BROKEN.items()),
    *(
        ({field: written}, f"{field}_invalid")
        for field in ("ac_power", "dc_power", "energy_wh_total", "temperature_c")
        for written in NUMBERS_INVALID
    ),
    *(({"energy_wh_total": written}, "energy_wh_total_negative") for written in ("-0.001", "-1e-7")),
    *(
        ({field: written}, f"{field}_negative")
        for field in ("ac_power", "dc_power", "energy_wh_total")
        for written in NUMBERS_NEGATIVE
    ),
    *(
        ({field: written, f"{field}_unit": f'"{unit}"'}, f"{field}_impossible")
        for field in ("ac_power", "dc_power")
        for written, unit in [("100000001", "W"), ("100000.1", "kW"), ('"100.000001"', "MW"), ("1e30", "W"), ("9" * 40, "kW")]
    ),
    *(
        ({"energy_wh_total": written}, "energy_wh_total_impossible")
        for written in ("1000000000000.5", "1e13", '"9999999999999"', "9" * 40)
    ),
    *(
        ({"temperature_c": written}, "temperature_c_impossible")
        for written in ("-100.1", "200.1", "-273.15", "1e3", '"-101"', "9" * 40, f"-{'9' * 39}")
    ),
    *(({field: written}, f"{field}_unknown") for field in ("ac_power_unit", "dc_power_unit") for written in UNITS_BROKEN),
    ({"ac_power": "1e30", "ac_power_unit": '"hp"'}, "ac_power_unit_unknown"),
    ({"dc_power": "", "dc_power_unit": '"hp"'}, "dc_power_unit_unknown"),
    *(
        ({"plant_id": written}, "plant_unknown inverter_of_another_plant")
        for written in ('"P9"', '"p1"', '"P1\\n"', '"plants"', "1", "true", "[]", "{}", f'"{"P" * 5000}"')
    ),
    *(
        ({"inverter_id": written}, "inverter_unknown")
        for written in ('"I9"', '"i1"', '"P1"', "1", "false", "[]", "{}", f'"{"I" * 5000}"')
    ),
    ({"inverter_id": '"I2"'}, "inverter_of_another_plant"),
    ({"plant_id": '"P2"'}, "inverter_of_another_plant"),
    # every reason, not only the first
    ({"plant_id": "", "inverter_id": '"I9"', "status": "[]"}, "plant_id_missing inverter_unknown status_invalid"),
    (
        {"event_id": '""', "event_time": '"2025-04-01T06:00:00"', "source": "{}", "ac_power": "-1", "ac_power_unit": '"KW"'},
        "event_id_missing event_time_without_zone source_invalid ac_power_negative ac_power_unit_unknown",
    ),
    (
        dict.fromkeys(WRITTEN, "true"),
        "event_id_invalid plant_unknown inverter_unknown event_time_invalid source_invalid ac_power_invalid "
        "ac_power_unit_unknown dc_power_invalid dc_power_unit_unknown energy_wh_total_invalid temperature_c_invalid "
        "status_invalid",
    ),
    (
        dict.fromkeys(WRITTEN, "null"),
        "event_id_missing plant_id_missing inverter_id_missing event_time_missing ac_power_missing",
    ),
    ({"status": '"\\u0000"'}, "nul_byte status_invalid"),
    ({"status": '"OK\\u0000"'}, "nul_byte"),
    ({"event_id": '"a\\u0000b"'}, "nul_byte"),
    ({"ac_power": '"14.2\\u0000"'}, "nul_byte ac_power_invalid"),
    *(({"status": written}, "invalid_utf8 status_invalid") for written in ('"\\ud800"', '"\\udfff"')),
    *(({"status": written}, "invalid_utf8") for written in ('"\\udd8a\\ud83e"', '"a\\uD83Eb"')),
    ({"event_id": '"\\ud800"', "ac_power": "-1"}, "invalid_utf8 event_id_invalid ac_power_negative"),
    ({"source": '"\\ud83e"', "status": '"\\udd8a\\u0000"'}, "invalid_utf8 nul_byte source_invalid"),
    ({"status": f'"{MEGABYTES}"'}, "status_too_long"),
    ({"ac_power": "1" * len(MEGABYTES)}, "ac_power_invalid"),
    ({"extra": "[" * 10_000 + "]" * 10_000}, "invalid_json"),
]
SOUND = json.dumps({"event_id": "x", "plant_id": "P1", "inverter_id": "I1", "event_time": "2025-04-01T06:00:00Z", "ac_power": 1,
                    "ac_power_unit": "W"})  # fmt: skip
#: whole lines, and why they are rejected
REJECTED: list[tuple[bytes, str]] = [
    *((line, "not_an_object") for line in (b"[]", b"[1, 2]", b"42", b"-0.5", b'"text"', b"null", b"true", b" [ ] ", b"[{}]")),
    (f"[{SOUND}]".encode(), "not_an_object"),
    *(
        (line, "invalid_json")
        for line in (
            *(b"{", b"}", b"nonsense", b"{}}", b"{'event_id': 'x'}", b"None", b"{event_id: 1}", b'{"a": 1,}', b'{"a": .5}'),
            b'{"a": 5.}',
            *(b'{"a": +5}', b'{"a": 007}', b'{"a": 0x1F}', b'{"a": nan}', b'{"a" 1}', b'{"a": "\\x"}', b'{"a": "\\u12"}'),
            b'"open',
            *(b'{"a": "b\tc"}', b'{"a": "b\0c"}', b"\0", b'{"a": 1\0}', b"\x0b{}", b'{"a": 1} // why', b"event_id,plant_id"),
            b"\\N",
            *(b"[" * 10_000, b'{"a":' * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
            SOUND[:-1].encode(),
            f"{SOUND}{SOUND}".encode(),
            f"{SOUND}, ".encode(),
            f" \ufeff{SOUND}".encode(),
            f"\u00a0{SOUND}".encode(),
        )
    ),
    *(
        (SOUND.encode().replace(b"{", written), "duplicate_key")
        for written in (
            b'{"event_id": "x", ',
            b'{"status": 1, "status": 2, ',
            b'{"extra": 1, "extra": 1, ',
            b'{"event\\u005fid": "y", ',
        )
    ),
    *(
        (SOUND.encode().replace(b'"x"', written), "invalid_utf8")
        for written in (b'"Stra\xdfe"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf5\x80\x80\x80"')
    ),
    *((SOUND.encode().replace(b'"x"', written), "invalid_utf8 event_id_invalid") for written in (b'"\xff"', b'"\xc3"')),
    (b"\xff\xfe", "invalid_utf8 invalid_json"),
    (b"\xa0", "invalid_utf8 invalid_json"),
    *(
        (
            line,
            "event_id_missing plant_id_missing inverter_id_missing event_time_missing ac_power_missing",
        )
        for line in (b"{}", b" {  } ", b'{"a": 1}', b'{"Event_ID": "x"}', b'{"": {}}')
    ),
]
BLANK = [b"", b" ", b"\t", b"\r", b" \t\r\r"]


def event(number: int, written: dict[str, str]) -> bytes:
    """A line with the values of interest."""
    own = {"event_id": f'"e{number}"', "event_time": f'"{START + number * SECOND:%Y-%m-%dT%H:%M:%SZ}"'}
    fields = [f'"{name}": {value}' for name, value in (WRITTEN | own | written).items() if value]
    return ("{" + ", ".join(fields) + "}").encode()


def register_inverters(db: Database) -> None:
    """The plants, each with an inverter."""
    with db.transaction() as tx:
        plants = [(plant, "x", "x", zone, 0, 1) for plant, zone in ZONES.items()]
        tx.insert_rows("plants", ("plant_id", "name", "location", "timezone", "load_id", "line_no"), plants)
        inverters = [(f"I{plant[1]}", plant, "x", "x", 1.0, 0, 1) for plant in ZONES]
        columns = ("inverter_id", "plant_id", "vendor", "model", "capacity_kw", "load_id", "line_no")
        tx.insert_rows("inverters", columns, inverters)
