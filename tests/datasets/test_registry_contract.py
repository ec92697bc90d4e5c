"""The contract of plants.csv and inverters.csv: for every way a field or a file can be right or wrong, what becomes of it."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dbsvc.engine import Database, InputError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import buckets, load, query, rejects, write
from tests.helpers.check_case import deliver

DATASETS = list(Statements(("sqlite",)).datasets.values())
PLANT = ("plant_id", "name", "location", "timezone")
INVERTER = ("inverter_id", "plant_id", "vendor", "model", "capacity_kw", "commissioned_at")
EMPTY = ("", " ", '""', "\t", "\u00a0", '" "')
LONG = "x" * 50_000

TEXTS_KEPT = {
    " trimmed\t": "trimmed",
    '"Muster, Gebr. & Co"': "Muster, Gebr. & Co",
    '"say ""hi"""': 'say "hi"',
    '"two\nlines"': "two\nlines",
    "\\N": "\\N",
    "\\.": "\\.",
    "NULL": "NULL",
    "0": "0",
    "'; DROP TABLE plants; -- %s :name {}": "'; DROP TABLE plants; -- %s :name {}",
    "שלום é e\u0301 🦊 \ufffd \uffff": "שלום é e\u0301 🦊 \ufffd \uffff",
}
IDS_KEPT = {**TEXTS_KEPT, "x" * 200: "x" * 200, "🦊" * 200: "🦊" * 200, f" {'y' * 200} ": "y" * 200, "007": "007", "7": "7"}
IDS_TOO_LONG = ["x" * 201, "🦊" * 201, LONG]
WORDS_KEPT = {**TEXTS_KEPT, "x" * 1000: "x" * 1000, "🦊" * 1000: "🦊" * 1000}
WORDS_TOO_LONG = ["x" * 1001, "🦊" * 1001, f'"{LONG}\n{LONG}"']

ZONES_KEPT = {
    "Asia/Kolkata": "Asia/Kolkata",
    " Europe/London ": "Europe/London",
    '"America/New_York"': "America/New_York",
    "Australia/Lord_Howe": "Australia/Lord_Howe",
    "Pacific/Apia": "Pacific/Apia",
    "America/Argentina/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Port-au-Prince": "America/Port-au-Prince",
    "UTC": "UTC",
    "Etc/GMT+12": "Etc/GMT+12",
    "Etc/GMT-14": "Etc/GMT-14",
}
ZONES_BROKEN = [
    *("asia/kolkata", "ASIA/KOLKATA", "Asia/kolkata", "utc", "Utc", "Asia/Kolkat\u0430", "Asia / Kolkata", "Asia/Kolkata x"),
    *("posix/Asia/Kolkata", "posix/UTC", "right/UTC", "posixrules", "localtime", "iso3166.tab", "zone.tab", "tzdata.zi"),
    *("America", "America/", "America/Argentina", "Asia", "Etc", ".", "..", "/", "../x", "../zoneinfo/UTC", "../../etc/passwd"),
    *("/etc/passwd", "/usr/share/zoneinfo/UTC", "./UTC", "Europe/../Europe/London", "Europe//London", "Europe/London/"),
    *(
        "Europe/London/x",
        "Europe\\London",
        "C:\\UTC",
        "Mars/Olympus",
        "IST",
        "PST",
        "AEST",
        "CEST",
        "Z",
        "UTC+5",
        "GMT+5",
        "+05:30",
    ),
    *("UTC+05:30", "5.5", "<+05>-5", "EST5EDT4", "ABC-5", "NULL", "\\N", "%s", "*", "A*", "Europe/Z\u00fcrich", "U\ufffdTC"),
    *("__init__.py", "America/__init__.py", "A" * 300, "A/" * 3000, LONG, "\U0001f98a", "'; DROP TABLE plants; --"),
]
CAPACITIES_KEPT: dict[str, float] = {
    "100": 100,
    "2.5": 2.5,
    " 5 ": 5,
    '"7"': 7,
    ".5": 0.5,
    "5.": 5,
    "007.50": 7.5,
    "\u00a08\u00a0": 8,
    "0.0000001": 0.0000001,
    "100000": 100_000,
    "100000.0000": 100_000,
    f"{'0' * 39}7": 7,
    f"0.{'5' * 38}": 0.5555555555555556,
}
CAPACITIES_BROKEN = {
    **dict.fromkeys(
        ["not_a_number", "1e3", "1E3", "1e-400", "1e400", "NaN", "nan", "Infinity", "inf", "-inf", "null"], "invalid"
    ),
    **dict.fromkeys(["+5", "--5", "5-", "5-5", "-", ".", "-.", "..", "1.2.3", "1 000", '"1,5"', "1_000", "1'000"], "invalid"),
    **dict.fromkeys(["0x1F", "5 kW", "kW", "\u0663", "\uff15", "½", "\u22125", "$5", "5%", "true", '"5\n"'], "invalid"),
    **dict.fromkeys(["1" * 41, "0" * 41, f"0.{'1' * 40}", f"-{'1' * 40}", "9" * 5000, LONG], "invalid"),
    **dict.fromkeys(["0", "-0", "0.0", "000", "-1", "-.5", "-100000.1", f"0.{'0' * 38}", f"-{'9' * 39}"], "not_positive"),
    **dict.fromkeys(["100000.1", "100001", "1000000", "100000.0000000001", "9" * 40], "impossible"),
}
TIMES_KEPT = {
    **dict.fromkeys(EMPTY, None),
    "2024-11-01": "2024-11-01 00:00:00",
    " 2024-11-02 ": "2024-11-02 00:00:00",
    '"2024-02-29"': "2024-02-29 00:00:00",
    "2024-11-01T12:00:00Z": "2024-11-01 12:00:00",
    "2024-11-01 12:00:00+05:30": "2024-11-01 06:30:00",
    "2024-11-01t12:00:00.123456789z": "2024-11-01 12:00:00.123456",
    "1987-06-05T20:03:02-0800": "1987-06-06 04:03:02",
    "2016-12-31T23:59:60Z": "2017-01-01 00:00:00",
    "20241103": "2024-11-03 00:00:00",
    "2024-W45-5": "2024-11-08 00:00:00",
    "2024-306": "2024-11-01 00:00:00",
    "2024-11-01T12:00Z": "2024-11-01 12:00:00",
    "2024-11-01T24:00:00Z": "2024-11-02 00:00:00",
    "2024-11-01T12:00:00 UTC": "2024-11-01 12:00:00",
    "0001-01-02": "0001-01-02 00:00:00",
    "9999-12-30": "9999-12-30 00:00:00",
    "2999-01-01": "2999-01-01 00:00:00",
}
TIMES_BROKEN = [
    *("2024-11-01T12:00:00", "2024-11-01 12:00:00", "2024-11-01T12Z", "2024-11-01T24:00:01Z", "2024-11-01T12:34:60Z"),
    *("2024-11-01T12:00:00+15:00", "2024-11-01T12:00:00 CET", "2024-11-01Z", "2024-11-01T", "2024-11-01+05:30", "12:00:00Z"),
    *("2023-02-29", "2024-02-30", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-11-00", "2024-11-32"),
    *("0000-01-01", "0001-01-01", "9999-12-31", "12024-11-01", "-024-11-01", "+024-11-01", "-2024-11-01", "24-11-01"),
    *(
        "01/11/2024",
        "11/01/2024",
        "01.11.2024",
        "2024/11/01",
        "2024-1-1",
        "2024-11",
        "2024",
        "202411-01",
        "2024-W53-5",
        "2023-366",
    ),
    *(
        "\u0662\u0660\u0662\u0664-11-01",
        "\uff12\uff10\uff12\uff14-11-01",
        "2024\u221211\u221201",
        "1730419200",
        "45597",
        "Nov 1 2024",
    ),
    *(
        "now",
        "today",
        "tomorrow",
        "yesterday",
        "infinity",
        "-infinity",
        "epoch",
        "unknown",
        "NULL",
        "2024-11-1",
        LONG,
    ),
]

#: field, what is written, how it is stored
PLANTS_KEPT: list[tuple[str, str, Any]] = [
    *(("plant_id", *case) for case in {**IDS_KEPT, "P1": "P1"}.items()),
    *((field, *case) for field in ("name", "location") for case in WORDS_KEPT.items()),
    *(("location", written, "") for written in EMPTY),
    *(("timezone", *case) for case in ZONES_KEPT.items()),
]
#: field, what is written, why it is rejected
PLANTS_BROKEN: list[tuple[str, str, str]] = [
    *((field, written, f"{field}_missing") for field in ("plant_id", "name", "timezone") for written in EMPTY),
    *(("plant_id", written, "plant_id_too_long") for written in IDS_TOO_LONG),
    *((field, written, f"{field}_too_long") for field in ("name", "location") for written in WORDS_TOO_LONG),
    *(("timezone", written, "timezone_unknown") for written in ZONES_BROKEN),
]
INVERTERS_KEPT: list[tuple[str, str, Any]] = [
    *(("inverter_id", *case) for case in IDS_KEPT.items()),
    *(("plant_id", *case) for case in IDS_KEPT.items()),
    *((field, *case) for field in ("vendor", "model") for case in WORDS_KEPT.items()),
    *((field, written, "") for field in ("vendor", "model") for written in EMPTY),
    *(("capacity_kw", *case) for case in CAPACITIES_KEPT.items()),
    *(
        ("commissioned_at", written, utc and datetime.datetime.fromisoformat(f"{utc}+00:00"))
        for written, utc in TIMES_KEPT.items()
    ),
]
INVERTERS_BROKEN: list[tuple[str, str, str]] = [
    *((field, written, f"{field}_missing") for field in ("inverter_id", "plant_id", "capacity_kw") for written in EMPTY),
    *(("inverter_id", written, "inverter_id_too_long") for written in IDS_TOO_LONG),
    *(
        ("plant_id", written, "plant_unknown")
        for written in ("p1", "P2", "P 1", "P1x", "NaN", "plants", "\ufffe", *IDS_TOO_LONG)
    ),
    *((field, written, f"{field}_too_long") for field in ("vendor", "model") for written in WORDS_TOO_LONG),
    *(("capacity_kw", written, f"capacity_kw_{why}") for written, why in CAPACITIES_BROKEN.items()),
    *(("commissioned_at", written, "commissioned_at_invalid") for written in TIMES_BROKEN),
]
#: whole records, and all the reasons for which they are rejected
PLANTS_REJECTED: list[tuple[Sequence[bytes], str]] = [
    ((b"", b"", b"", b""), "plant_id_missing name_missing timezone_missing"),
    ((b"x" * 201, b"", b"x" * 1001, b"utc"), "plant_id_too_long name_missing location_too_long timezone_unknown"),
    ((b"x", b"\xff", b"x", b"America"), "invalid_utf8 timezone_unknown"),
    ((b"x", b"x", b"\xed\xa0\x80", b"UTC"), "invalid_utf8"),
    ((b"x", b"x", b"x", b"UTC\xc3"), "invalid_utf8 timezone_unknown"),
    ((b"x", b"a\0b", b"\xff", b""), "invalid_utf8 nul_byte timezone_missing"),
    ((b"x\0", b"x", b"x", b"UTC"), "nul_byte"),
    ((b"x", b"x", b"x", b"UTC\0"), "nul_byte timezone_unknown"),
    ((b"x", b"x", b"x"), "too_few_fields"),
    ((b"nonsense",), "too_few_fields"),
    ((b"x", b"x", b"x", b"", b""), "too_many_fields"),
    ((b"x", b'5" pipe', b"x", b"UTC"), "stray_quote"),
]
INVERTERS_REJECTED: list[tuple[Sequence[bytes], str]] = [
    ((b"", b"", b"", b"", b"", b""), "inverter_id_missing plant_id_missing capacity_kw_missing"),
    (
        (b"x" * 201, b"P9", b"x" * 1001, b"x" * 1001, b"-1", b"soon"),
        "inverter_id_too_long plant_unknown vendor_too_long model_too_long capacity_kw_not_positive commissioned_at_invalid",
    ),
    ((b"x", b"P1\xff", b"", b"", b"1", b""), "invalid_utf8 plant_unknown"),
    ((b"x", b"P1", b"", b"", b"1\0", b"\0"), "nul_byte capacity_kw_invalid commissioned_at_invalid"),
    ((b"x", b"P1", b"", b"", b"1"), "too_few_fields"),
    ((b"x", b"P1", b"", b"", b"1,5", b""), "too_many_fields"),
    ((b"x", b"P1", b'"a" b', b"", b"1", b""), "stray_quote"),
]


class Registry(NamedTuple):
    """A dataset, and its cases."""

    table: str
    #: what a sound record holds, and how that is stored; the first column is each record's own
    written: dict[str, str]
    stored: dict[str, Any]
    kept: list[tuple[str, str, Any]]
    broken: list[tuple[str, str, str]]
    rejected: list[tuple[Sequence[bytes], str]]

    def records(self, step: int) -> list[tuple[bytes, dict[str, Any] | None, str]]:
        """Records with one field of interest: bytes, what is stored or else why not. ``step`` -1 turns the columns round."""
        key = next(iter(self.written))
        found: list[tuple[bytes, dict[str, Any] | None, str]] = []
        for number, (field, written, stored) in enumerate(self.kept):
            own = {key: f"k{number}"}
            fields = list((self.written | own | {field: written}).values())
            found.append((",".join(fields[::step]).encode(), self.stored | own | {field: stored}, ""))
        for field, written, reason in self.broken:
            fields = list((self.written | {key: "broken", field: written}).values())
            found.append((",".join(fields[::step]).encode(), None, reason))
        found += [(b",".join(raw[::step]), None, reasons) for raw, reasons in self.rejected]
        # good and bad ones alternate, so that a wrong line number or a swallowed neighbour shows
        random.Random(1).shuffle(found)
        return found


SOUND_PLANT = dict(zip(PLANT, ["", "Somewhere", "Here", "Asia/Kolkata"], strict=True))
SOUND_INVERTER = dict(zip(INVERTER, ["", "P1", "v", "m", "5", ""], strict=True))
STORED_INVERTER = {**SOUND_INVERTER, "capacity_kw": 5.0, "commissioned_at": None}
REGISTRIES = [
    Registry("plants", SOUND_PLANT, SOUND_PLANT, PLANTS_KEPT, PLANTS_BROKEN, PLANTS_REJECTED),
    Registry("inverters", SOUND_INVERTER, STORED_INVERTER, INVERTERS_KEPT, INVERTERS_BROKEN, INVERTERS_REJECTED),
]


@pytest.mark.parametrize(
    ("start", "capitals", "step", "end", "blank", "chunk_bytes"),
    [
        pytest.param("", False, 1, b"\n", b"", 8 * 2**20, id="plain"),
        pytest.param("\ufeff\n \n", True, -1, b"\r\n", b" \t\r\n", 10_000, id="odd"),
    ],
)
def test_every_record_is_kept_normalised_or_rejected_with_all_reasons(
    db: Database, tmp_path: Path, start: str, capitals: bool, step: int, end: bytes, blank: bytes, chunk_bytes: int
) -> None:
    expected_rejects: list[tuple[int, str, bytes]] = []
    for load_id, registry in enumerate(REGISTRIES, 1):
        header = ",".join(list(registry.written)[::step])
        content = (start + (f" {header.upper()} " if capitals else header)).encode() + end
        expected: list[tuple[Any, ...]] = []
        records = registry.records(step)
        for raw, stored, reasons in records:
            line = content.count(b"\n") + 1
            content += raw + end + (blank if line % 7 == 0 else b"")
            if stored is None:
                expected_rejects.append((line, reasons, raw))
            else:
                expected.append((*stored.values(), load_id, line))
        path = write(tmp_path / f"{registry.table}.csv", content)
        outcome = load(db, path, chunk_bytes=chunk_bytes, max_rejected_share=1.0)
        assert outcome.load.status == "published"
        found = rejects(db)
        assert [reject for reject in found if reject not in expected_rejects] == []
        assert found == expected_rejects
        rows = query(db, f"SELECT {', '.join(registry.written)}, load_id, line_no FROM {registry.table}")
        assert sorted(rows, key=itemgetter(-1)) == expected
        assert outcome.load.read == len(records)
        assert buckets(outcome.load) == {"inserted": len(expected), "rejected": len(records) - len(expected)}


PLANTS, INVERTERS = (",".join(columns).encode() for columns in (PLANT, INVERTER))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"plant_id,name,location\n", "a file of plants that lacks column.*'timezone'", id="plants: missing"),
        pytest.param(PLANTS + b",country\n", "a file of plants that has unknown column.*'country'", id="plants: unknown"),
        pytest.param(PLANTS + b",\n", "unknown column.*''", id="plants: nameless"),
        pytest.param(PLANTS + b",NAME\n", "repeats column.*'NAME'", id="plants: repeated"),
        pytest.param(PLANTS.replace(b"timezone", b"time_zone"), "lacks column.*'timezone'", id="plants: misspelt"),
        pytest.param(PLANTS.replace(b",", b";"), "the header is that of no dataset", id="plants: semicolons"),
        pytest.param(b"plant_id\nP1\n", "the header is that of no dataset", id="plants: one column"),
        pytest.param(
            INVERTERS.replace(b",capacity_kw", b""),
            "a file of inverters that lacks column.*'capacity_kw'",
            id="inverters: missing",
        ),
        pytest.param(
            INVERTERS.replace(b"plant_id,", b""), "a file of inverters that lacks column.*'plant_id'", id="inverters: no plant"
        ),
        pytest.param(
            INVERTERS + b",timezone\n", "a file of inverters that has unknown column.*'timezone'", id="inverters: unknown"
        ),
        pytest.param(
            INVERTERS.replace(b"_kw", b"_w"), "a file of inverters that lacks column.*'capacity_kw'", id="inverters: other unit"
        ),
        pytest.param(b"P1,Somewhere,Here,Asia/Kolkata\n", "the header is that of no dataset", id="no header"),
    ],
)
def test_a_fault_of_the_file_stops_it(tmp_path: Path, content: bytes, says: str) -> None:
    path = write(tmp_path / "registry.csv", content)
    with SourceFile(str(path)) as delivery, pytest.raises(InputError, match=says) as raised:
        read_header(delivery, DATASETS)
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")


def test_a_capacity_that_only_a_constraint_of_the_table_knows(db: Database) -> None:
    deliver(db, b"plant_id,name,location,timezone\np1,Here,,UTC\n")
    good = b"".join(b"i%d,p1,v,m,5,\n" % n for n in range(9))
    loaded = deliver(db, b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n" + good + b"x,p1,v,m,0,\n").load
    assert (loaded.inserted, loaded.rejected) == (9, 1)


@pytest.mark.parametrize("every", [1, 2, 20])
def test_records_in_doubt_are_rejected_however_many(db: Database, tmp_path: Path, every: int) -> None:
    """A reference is looked up when a chunk is staged: where most are not known, all of its records are validated."""
    deliver(db, b"plant_id,name,location,timezone\nP1,a,,UTC\n")
    lines = [f"I{n},{'P2' if n % every == 0 else 'P1'},v,m,{n + 1},\n" for n in range(60)]
    loaded = load(db, write(tmp_path / "many.csv", f"{','.join(INVERTER)}\n{''.join(lines)}".encode()), max_rejected_share=1.0)
    unknown = [n for n in range(60) if n % every == 0]
    assert [(line, reasons) for line, reasons, _ in rejects(db)] == [(n + 2, "plant_unknown") for n in unknown]
    assert buckets(loaded.load) == {"rejected": len(unknown)} | ({"inserted": 60 - len(unknown)} if every > 1 else {})
    assert query(db, "SELECT count(*) FROM inverters") == [(60 - len(unknown),)]
