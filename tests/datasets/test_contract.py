"""The contract of a usage file: for every way a field, a record or a file can be right or wrong, what becomes of it."""

from __future__ import annotations

import csv
import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from dbsvc.engine import Database, InputError
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import HEADER, OTHERS, Bill, bills, buckets, ledger, load, rejects, statuses, usage_csv, whole, write

FIELDS = ("bill_date", "bill_id", "currency", "customer_name", "product1_revenue", "product2_revenue")
COLUMNS = tuple(load_statements(("sqlite",)).datasets["usage"].columns)
DIGITS40 = "1234567890" * 4
MEGABYTES = "x" * (3 * 2**20)
A_DATE = datetime.date(2020, 1, 1)
NEXT_YEAR = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(360)

DATES_KEPT: dict[str, str] = {
    "31/10/2021": "2021-10-31",
    "2021-10-31": "2021-10-31",
    " 2021-10-31 ": "2021-10-31",
    '"30/10/2021"': "2021-10-30",
    "05/06/2021": "2021-06-05",
    "29/02/2020": "2020-02-29",
    "29/02/2000": "2000-02-29",
    "1900-01-01": "1900-01-01",
    "01/01/1900": "1900-01-01",
    f"{NEXT_YEAR:%d/%m/%Y}": str(NEXT_YEAR),
    str(NEXT_YEAR): str(NEXT_YEAR),
}
#: a true date, but no bill is that old, and none is made years ahead
DATES_FAR = {
    **dict.fromkeys(["0001-01-01", "31/12/0021", "1899-12-31", "31/12/1899"], "too_old"),
    **dict.fromkeys(["31/12/9999", "2099-01-01", str(NEXT_YEAR + datetime.timedelta(10))], "in_future"),
}
DATES_BROKEN = [
    *("31/02/2021", "29/02/2021", "29/02/1900", "2021-02-29", "31/04/2021", "10/31/2021", "32/01/2021", "00/01/2021"),
    *("2021-13-01", "2021-00-10", "2021-10-00", "2021-10-32", "0000-01-01", "01/01/0000", "00/00/0000", "2021-1-1"),
    *("1/1/2021", "01/1/2021", "01/01/21", "20211031", "31-10-2021", "31.10.2021", "2021/10/31", "31/10-2021"),
    *("2021-10-31T00:00:00", "2021-10-31 00:00", "-2021-10-31", "12021-10-31", "today", "now", "infinity", "epoch"),
    *(
        "31 Oct 2021",
        "44500",
        "2459518.5",
        "\u0663\u0661/\u0661\u0660/\u0662\u0660\u0662\u0661",
        "\uff12\uff10\uff12\uff11-\uff11\uff10-\uff13\uff11",
        "31/10/2021x",
        "aa/bb/cccc",
    ),
]
IDS_KEPT = {
    "1": 1,
    "007": 7,
    "0": 0,
    " 3 ": 3,
    '"4"': 4,
    "0" * 30 + "5": 5,
    "999999999999999999": 999999999999999999,
}
IDS_BROKEN = {
    **dict.fromkeys(
        ["-5", "+5", "1e3", "1.0", "1.", "abc", "0x1F", "1 2", "1_000", '"1,000"', "\u0663", "\uff11", "NaN", "-"], "invalid"
    ),
    **dict.fromkeys(["1000000000000000000", DIGITS40, "1" * 2000], "too_large"),
}
CURRENCIES_KEPT = {"USD": "USD", "usd": "USD", "UsD": "USD", " eur ": "EUR", "\u00a0ils\u00a0": "ILS", '" gbp "': "GBP"}
CURRENCIES_BROKEN = ["XXQ", "EURO", "EU", "$", "U SD", "u\u017fd", "\uff35\uff33\uff24", "NULL"]
AMOUNTS_KEPT = {
    "0": "0",
    "5833": "5833",
    "404.5": "404.5",
    " 1 ": "1",
    '"2"': "2",
    ".5": "0.5",
    "5.": "5",
    "00012.50": "12.5",
    "000": "0",
    "0.00000001": "0.00000001",
    "0.000000005": "0.00000001",
    "0.000000004999": "0",
    "0.123456785": "0.12345679",
    "0.123456784999999999999999": "0.12345678",
    "1.999999995": "2",
    "9.99999999": "9.99999999",
    "0.999999999": "1",
    "99999999999999.999999999": "100000000000000",
    "99999999999999.99999999": "99999999999999.99999999",
    "0" * 40 + "1": "1",
    f"0.{DIGITS40}": "0.12345679",
    f"7.{'0' * 900}": "7",
}
AMOUNTS_BROKEN = {
    **dict.fromkeys(["1e3", "1E3", "NaN", "Infinity", "inf", "+5", ".", "..", "1.2.3", "5 ILS", "$5", "0x1F"], "invalid"),
    **dict.fromkeys(
        ['"1,234.50"', "1_000", "1 000", "1'000", "-", "--5", "-.", "-1e3", "5-", "\u0663", "\uff15", "½", "abc"], "invalid"
    ),
    **dict.fromkeys(["-5", "-0", "-0.00", "-.5", f"-{DIGITS40}"], "negative"),
    **dict.fromkeys(["100000000000000", DIGITS40, f"{DIGITS40}.5", f"0.{'0' * 999}", "9" * 5000], "too_large"),
}
NAMES_KEPT = {
    "x" * 1000: "x" * 1000,
    "€" * 1000: "€" * 1000,
    "🦊" * 1000: "🦊" * 1000,
    f" {'y' * 1000} ": "y" * 1000,
    '"Muster, Gebr. & Co"': "Muster, Gebr. & Co",
    '"say ""hi"""': 'say "hi"',
    '"two\nlines"': "two\nlines",
    '"two\r\nlines"': "two\r\nlines",
    '" \n trimmed"': "\n trimmed",
    "a\rb": "a\rb",
    "a\tb\u00a0c": "a\tb\u00a0c",
    "\\.": "\\.",
    "\\N": "\\N",
    "NULL": "NULL",
    "'; DROP TABLE bills; --": "'; DROP TABLE bills; --",
    "100 %s :name {}": "100 %s :name {}",
    "שלום é e\u0301 \u200b": "שלום é e\u0301 \u200b",
    "\ufffd": "\ufffd",
}
NAMES_BROKEN = {
    **dict.fromkeys(["x" * 1001, "€" * 1001, '"' + "z" * 1001 + '"'], "too_long"),
    **dict.fromkeys(["\t", "\u00a0", '" "', "\r"], "missing"),
}

KEPT: list[tuple[str, str, Any]] = [
    *(("bill_date", written, datetime.date.fromisoformat(iso)) for written, iso in DATES_KEPT.items()),
    *(("bill_id", written, number) for written, number in IDS_KEPT.items()),
    *(("currency", written, code) for written, code in CURRENCIES_KEPT.items()),
    *(("customer_name", written, name) for written, name in NAMES_KEPT.items()),
    *((field, written, Decimal(kept)) for field in FIELDS[4:] for written, kept in AMOUNTS_KEPT.items()),
]
BROKEN: list[tuple[str, str, str]] = [
    *((field, written, "missing") for field in FIELDS for written in ("", " ", '""')),
    *(("bill_date", written, "invalid") for written in DATES_BROKEN),
    *(("bill_date", *case) for case in DATES_FAR.items()),
    *(("bill_id", *case) for case in IDS_BROKEN.items()),
    *(("currency", written, "unknown") for written in CURRENCIES_BROKEN),
    *(("customer_name", *case) for case in NAMES_BROKEN.items()),
    *((field, *case) for field in FIELDS[4:] for case in AMOUNTS_BROKEN.items()),
]
#: whole records, and all the reasons for which they are rejected
REJECTED: list[tuple[bytes, str]] = [
    (b"31/02/2021,abc,US,,-5,1e3", "bill_date_invalid bill_id_invalid currency_unknown customer_name_missing "
     "product1_revenue_negative product2_revenue_invalid"),
    (b",,,,,", " ".join(f"{field}_missing" for field in FIELDS)),
    (b"x,1,USD,\xff\xfe,1,1", "invalid_utf8 bill_date_invalid"),
    (b"01/01/2020,1,USD,\xff,1,1", "invalid_utf8"),
    (b"01/01/2020,1,USD,\xed\xa0\x80,1,1", "invalid_utf8"),
    (b'01/01/2020,1,USD,"a\xc3",1,1', "invalid_utf8"),
    (b"01/01/2020,1,USD,a\0b,1,1", "nul_byte"),
    (b"01/01/2020,1,USD,\0,1,1", "nul_byte"),
    (b"01/01/2020,1,USD,\xff\0,1,-1", "invalid_utf8 nul_byte product2_revenue_negative"),
    (b"01/01/2020,1,U\0D,a,1,1\0", "nul_byte currency_unknown product2_revenue_invalid"),
    (b"01/01/2020,1,USD,a,1", "too_few_fields"),
    (b"nonsense", "too_few_fields"),
    (b"01/01/2020,1,USD,a,1,1,", "too_many_fields"),
    (b"31/02/2021,x,USD,a,b,1,1", "too_many_fields"),
    (b"01/01/2020,1,USD,a\xff,1", "invalid_utf8 too_few_fields"),
    (b'01/01/2020,1,USD,"open,1,1', "unterminated_quote"),
    (b'01/01/2020,1,USD,5" pipe,1,1', "stray_quote"),
    (b'01/01/2020,1,USD,"a" b,1,1', "stray_quote"),
    (b'01/01/2020,1,USD,a "b",1,1', "stray_quote"),
]  # fmt: skip


def case(field: str, written: str, bill_id: int) -> bytes:
    """A record with one field of interest."""
    fields = dict(zip(COLUMNS, ["01/01/2020", str(bill_id), "USD", "Somebody", "1.5", "2", *OTHERS], strict=True))
    return ",".join((fields | {field: written}).values()).encode()


def kept_as(field: str, value: Any, bill_id: int, line: int) -> Bill:
    """The bill that such a record becomes, in load 1."""
    fields = dict(zip(FIELDS, [A_DATE, bill_id, "USD", "Somebody", Decimal("1.5"), Decimal(2)], strict=True))
    kept = fields | {field: value}
    order = ("bill_date", "bill_id", "customer_name", "currency", "product1_revenue", "product2_revenue")
    return cast(Bill, (*(kept[name] for name in order), 1, line))


@pytest.mark.parametrize(("end", "chunk_bytes"), [(b"\n", 8 * 2**20), (b"\r\n", 1000), (b"\r\r\n", 100)])
def test_every_record_is_kept_normalised_or_rejected_with_all_reasons(
    db: Database, tmp_path: Path, end: bytes, chunk_bytes: int
) -> None:
    content, line = HEADER.encode() + end, 2
    expected_bills: list[Bill] = []
    expected_rejects: list[tuple[int, str, bytes]] = []
    records: list[tuple[bytes, Bill | None, str]] = []
    records += [
        (case(field, written, bill_id), kept_as(field, value, bill_id, 0), "")
        for bill_id, (field, written, value) in enumerate(KEPT, 1000)
    ]
    records += [(case(field, written, 9999), None, f"{field}_{reason}") for field, written, reason in BROKEN]
    records += [(whole(raw), None, reasons) for raw, reasons in REJECTED]
    # good and bad ones alternate, so that a wrong line number or a swallowed neighbour shows
    for raw, bill, reasons in sorted(records, key=lambda record: hash_of(record[0])):
        content += raw + end
        if bill:
            expected_bills.append((*bill[:-1], line))
        else:
            expected_rejects.append((line, reasons, raw.rstrip(b"\r")))
        line += raw.count(b"\n") + 1
    outcome = load(db, write(tmp_path / "usage.csv", content), chunk_bytes=chunk_bytes, max_rejected_share=1.0)
    assert outcome.load.status == "published"
    found = rejects(db)
    assert [reject for reject in found if reject not in expected_rejects] == []
    assert found == expected_rejects
    assert bills(db) == sorted(expected_bills)
    assert buckets(outcome.load) == {"inserted": len(KEPT), "rejected": len(BROKEN) + len(REJECTED)}
    # however it was written, a value is stored in one way: the normalised ones change nothing
    normalised = io.StringIO()
    writer = csv.writer(normalised, quoting=csv.QUOTE_ALL)
    writer.writerow(["Date_", "Bill_ID", "Name", "Currency", "Product1 revenue", "Product2 revenue", *HEADER.split(",")[6:]])
    again = [bill[:6] for bill in bills(db) if max(bill[4:6]) < 10**14]
    writer.writerows([*(f"{value:f}" if isinstance(value, Decimal) else value for value in bill), *OTHERS] for bill in again)
    outcome = load(db, write(tmp_path / "again.csv", normalised.getvalue().encode()), chunk_bytes=chunk_bytes)
    assert buckets(outcome.load) == {"unchanged": len(again)}


def hash_of(raw: bytes) -> int:
    """An order that mixes the cases, the same every time."""
    return sum(byte * position for position, byte in enumerate(raw[:300], 7)) % 101


def test_amounts_keep_eight_places(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "usage.csv", usage_csv([("2021-10-31", 1, "USD", "a", "1.999999995", "5")])))
    assert [str(amount) for bill in bills(db) for amount in bill[4:6]] == ["2.00000000", "5.00000000"]


def test_a_field_of_megabytes_is_rejected_and_kept_untruncated(db: Database, tmp_path: Path) -> None:
    raw = [case(field, MEGABYTES, 1) for field in FIELDS] + [case("customer_name", f'"{MEGABYTES}\n"', 1)]
    good = [case("customer_name", "ok", bill_id) for bill_id in range(2, 12)]
    content = b"\n".join([HEADER.encode(), *raw, *good])
    outcome = load(db, write(tmp_path / "usage.csv", content), chunk_bytes=2**20)
    assert buckets(outcome.load) == {"inserted": 10, "rejected": 7}
    reasons = ["invalid", "invalid", "unknown", "too_long", "invalid", "invalid"]
    expected = [f"{field}_{reason}" for field, reason in zip(FIELDS, reasons, strict=True)] + ["customer_name_too_long"]
    found = rejects(db)
    assert [(line, reason) for line, reason, _ in found] == list(enumerate(expected, 2))
    assert [record for _, _, record in found] == raw
    assert [bill[7] for bill in bills(db)] == list(range(10, 20))


def test_an_unterminated_quote_costs_one_line(db: Database, tmp_path: Path) -> None:
    records = [case("customer_name", "ok", bill_id) for bill_id in range(50)]
    records[20] = case("customer_name", '"open', 20)
    load(db, write(tmp_path / "usage.csv", b"\n".join([HEADER.encode(), *records])), chunk_bytes=200)
    assert rejects(db) == [(22, "unterminated_quote", records[20])]
    assert [bill[1] for bill in bills(db)] == [bill_id for bill_id in range(50) if bill_id != 20]


GOOD = whole(b"31/10/2021,1,USD,a,1,2") + b"\n"
UTF16 = (HEADER + "\n" + GOOD.decode()).encode("utf-16-le")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(HEADER.replace(",Name", "").encode() + b"\n" + GOOD, "lacks column.*'Name'", id="missing column"),
        pytest.param(HEADER.encode() + b",Product3 revenue\n" + GOOD, "unknown column.*'Product3", id="unknown column"),
        pytest.param(HEADER.encode() + b",\n" + GOOD, "unknown column.*''", id="nameless column"),
        pytest.param(HEADER.encode() + b",NAME\n" + GOOD, "repeats column.*'NAME'", id="repeated column"),
        pytest.param(GOOD, "the header is that of no dataset", id="no header"),
        pytest.param(b"x" * 100_000, "the header is that of no dataset", id="no CSV"),
        pytest.param(HEADER.replace("Name", '"Name').encode() + b"\n" + GOOD, "quote", id="quote in the header"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\xef\xbb\xbf", "empty|blank", id="only BOM"),
        pytest.param(b"\n \r\n\t\n\n", "nothing but blank lines", id="only blank lines"),
        pytest.param(b"\xff\xfe" + UTF16, "UTF-16", id="UTF-16 LE with BOM"),
        pytest.param(b"\xfe\xff" + UTF16.decode("utf-16-le").encode("utf-16-be"), "UTF-16", id="UTF-16 BE with BOM"),
        pytest.param(UTF16, "UTF-16", id="UTF-16 LE"),
        pytest.param(UTF16.decode("utf-16-le").encode("utf-16-be"), "UTF-16", id="UTF-16 BE"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0" * 9, "not UTF-8 text|not a text file", id="PNG"),
        pytest.param(b"\x7fELF\2\1\1\0\0\0\0" * 9, "not a text file", id="program"),
        pytest.param(HEADER.encode() + b"\r" + GOOD.replace(b"\n", b"\r"), "CR alone", id="CR only"),
        pytest.param("Größe,Straße".encode("latin-1") + b"\n" + GOOD, "not UTF-8 text", id="Latin-1"),
    ],
)
def test_a_fault_of_the_file_stops_it(db: Database, tmp_path: Path, content: bytes, says: str) -> None:
    path = write(tmp_path / "usage.csv", content)
    with pytest.raises(InputError, match=says) as raised:
        load(db, path)
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert (statuses(db), bills(db)) == ([], [])


@pytest.mark.parametrize("content", [f"{HEADER}\n", HEADER, f"{HEADER}\r\n\r\n \n", "\ufeff" + HEADER])
def test_a_header_alone_is_held(db: Database, tmp_path: Path, content: str) -> None:
    outcome = load(db, write(tmp_path / "usage.csv", content.encode()))
    assert outcome.load.status == "held"
    assert outcome.load.held_because == "there is nothing to publish: 0 records read, 0 rejected"
    assert bills(db) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"\xef\xbb\xbf" + HEADER.encode() + b"\n" + GOOD, 2, id="BOM"),
        pytest.param(HEADER.encode() + b"\r\n" + GOOD.replace(b"\n", b"\r\n"), 2, id="CR LF"),
        pytest.param(HEADER.encode() + b"\r\r\n" + GOOD.replace(b"\n", b"\r\r\n"), 2, id="CR CR LF"),
        pytest.param(HEADER.encode() + b"\n" + GOOD.rstrip(), 2, id="no newline at the end"),
        pytest.param(b"\n\r\n" + HEADER.encode() + b"\n\n \n\n" + GOOD + b"\n\n", 7, id="blank lines"),
        pytest.param(HEADER.upper().encode() + b"\n" + GOOD, 2, id="upper case"),
        pytest.param(HEADER.lower().replace(",", "\t, ").encode() + b" \n" + GOOD, 2, id="lower case and blanks"),
        pytest.param(f'"{HEADER}"'.replace(",", '","').encode() + b"\n" + GOOD, 2, id="quoted header"),
        pytest.param(
            b"\n".join(b",".join(line.split(b",")[::-1]) for line in (HEADER.encode(), GOOD.strip())), 2, id="other order"
        ),
    ],
)
def test_what_a_file_may_look_like(db: Database, tmp_path: Path, content: bytes, line: int) -> None:
    outcome = load(db, write(tmp_path / "usage.csv", content))
    assert buckets(ledger(db, outcome.load.load_id)) == {"inserted": 1}
    assert bills(db) == [(datetime.date(2021, 10, 31), 1, "a", "USD", Decimal(1), Decimal(2), 1, line)]
