"""Profiles: files of other forms are loaded as they were declared, to the last digit, and nothing is guessed."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc.engine import Database
from dbsvc.engine.db.dialects import all_families
from dbsvc.engine.errors import InputError, IntegrityError, ProfileError
from dbsvc.engine.housekeeping.erase import erase
from dbsvc.engine.loads.operations import discard, release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.profiles import Profile, read_profile, read_profiles
from dbsvc.engine.reports.rejects import export_rejects
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.proposal import propose_for
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.sources.translation import keeps_ascii
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import ROOT, bills, buckets, history, load, query, rejects, usage_csv, write
from tests.helpers.cli import Cli
from tests.helpers.server import driver

DATASETS = load_statements(("sqlite",)).datasets
HEADER = "Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue"
ANY = "[match]\nname = '*'"


def profile(text: str, name: str = "theirs", match: str = ANY) -> Profile:
    return read_profile(name, f"profiles/{name}.toml", f"dataset = 'usage'\n{text}\n{match}\n", DATASETS)


def row(day: str, bill: int, name: str, first: str, second: str, currency: str = "USD") -> tuple[Any, ...]:
    return date.fromisoformat(day), bill, name, currency, Decimal(first), Decimal(second)


TEN = [f"15/10/2021,{n},USD,Cust {n},100.00,10.00" for n in range(1, 10)]
TEN_ROWS = [row("2021-10-15", n, f"Cust {n}", "100", "10") for n in range(1, 10)]
#: what a source writes; the profile; the bills; how many are rejects
CASES: dict[str, tuple[bytes, str, list[tuple[Any, ...]], int]] = {
    "semicolons and decimal commas": (
        "\r\n".join(
            [
                HEADER.replace(",", ";"),
                "31.10.2021;1001;EUR;Müller GmbH;1.234,56;0,50",
                "31.10.2021;1002;EUR;Café Nord;99,90;12,00",
                "31.10.2021;1003;EUR;Söhne, Töchter;1.234.567,00000001;,5",
                '31.10.2021;1004;EUR;"Wein; ""Bier""";1,00;',
                "31.10.2021;1005;EUR;K;1.23,4;1,00",
                "31.10.2021;1006;EUR;L;1.234;1234.5",
                "",
            ]
        ).encode("cp1252"),
        "encoding = 'cp1252'\ndelimiter = ';'\ndecimal = ','\nthousands = '.'\ndate = '%d.%m.%Y'",
        [
            row("2021-10-31", 1001, "Müller GmbH", "1234.56", "0.5", "EUR"),
            row("2021-10-31", 1002, "Café Nord", "99.90", "12", "EUR"),
            row("2021-10-31", 1003, "Söhne, Töchter", "1234567.00000001", "0.5", "EUR"),
        ],
        3,
    ),
    "month first": (
        "\n".join([HEADER, *(f"03/{n:02}/2021,{n},USD,A,10.00,0" for n in (4, 5, 6)), ""]).encode(),
        "date = 'month_first'",
        [row(f"2021-03-{n:02}", n, "A", "10", "0") for n in (4, 5, 6)],
        0,
    ),
    "totals": (
        "\n".join([HEADER, *TEN, "Total,,,,900.00,90.00", ",,,,,", ",,,,,", ""]).encode(),
        "footer = 'Total'",
        TEN_ROWS,
        0,
    ),
    "joined files": (
        "".join(f"\ufeff{HEADER}\n{line}\n" for line in TEN).encode(),
        "repeated_header = true",
        TEN_ROWS,
        0,
    ),
    "a delimiter at the end": (
        "".join(f"{line},\n" for line in [HEADER, *TEN]).encode(),
        "trailing_delimiter = true",
        TEN_ROWS,
        0,
    ),
    "a preamble": (
        "\n".join(["Billing report;;", "Generated,2021-11-01", "", HEADER, *TEN]).encode(),
        "skip_lines = 3",
        TEN_ROWS,
        0,
    ),
    "a line for spreadsheets": ("\n".join(["sep=,", HEADER, *TEN, ""]).encode(), "skip_lines = 1", TEN_ROWS, 0),
    "spreadsheets": (
        "\n".join(
            [
                HEADER,
                '15/10/2021,="00123",USD,A,1.00,2.00',
                "15/10/2021,1.23457E+11,USD,B,1.00,2.00",
                "15/10/2021,3,USD,C,1\u202f234.50,2.00",
                '15/10/2021,6,USD,F,"1,234.50",2.00',
                "2021-10-15T00:00:00Z,10,USD,J,12.00,2.00",
                "1/3/21,11,USD,K,12.00,2.00",
                "44484,12,€,L,12.00,2.00",
                "2,12,€,L,12.00,2.00",
                "15/10/2021,7,USD,G,$12.00,2.00 EUR",
                "15/10/2021,16,USD,=1,$ 12 $,2",
                "15/10/2021,13,USD,M,1.2E+3,2.00",
                "15/10/2021,14.0,USD,N,1.2,2.00",
                "15/10/2021,15,USD,O,+1.2,2.00",
                "",
            ]
        ).encode(),
        "thousands = ', '\ndate = ['day_first', '%d/%m/%y', '%Y-%m-%dT00:00:00Z', 'serial']\ntext_formulas = true\n"
        "currency_marks = ['$', 'EUR']\n[values.currency]\n'€' = 'EUR'",
        [
            row("2021-03-01", 11, "K", "12", "2"),
            row("2021-10-15", 3, "C", "1234.5", "2"),
            row("2021-10-15", 6, "F", "1234.5", "2"),
            row("2021-10-15", 7, "G", "12", "2"),
            row("2021-10-15", 10, "J", "12", "2"),
            row("2021-10-15", 12, "L", "12", "2", "EUR"),
            row("2021-10-15", 14, "N", "1.2", "2"),
            row("2021-10-15", 15, "O", "1.2", "2"),
            row("2021-10-15", 123, "A", "1", "2"),
        ],
        4,
    ),
    "a header of other names": (
        b"Date,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue,Note\n05/11/2021,1,EUR,K,1,1,x\n",
        "ignore = 'note'\n[names]\n'date' = 'Date_'",
        [row("2021-11-05", 1, "K", "1", "1", "EUR")],
        0,
    ),
    "tabs": (
        f"{HEADER},\n05/11/2021,1,EUR,K,1,1,\n".replace(",", "\t").encode(),
        'delimiter = "\\t"\ntrailing_delimiter = true',
        [row("2021-11-05", 1, "K", "1", "1", "EUR")],
        0,
    ),
    "constants, comments and other quotes": (
        b"# made by hand\nDate_|Bill_ID|Name|Product1 revenue\n# |'open\n05/11/2021|1|'K|''L'''|1\n05/11/2021|2|'a\n#b'|n/a\n",
        "delimiter = '|'\nquote = \"'\"\ncomment = '#'\nnull = ['n/a']\n[constants]\nCurrency = 'EUR'\nproduct2_revenue = '0'",
        [row("2021-11-05", 1, "K|'L'", "1", "0", "EUR")],
        1,
    ),
    "no quotes": (
        f'{HEADER}\n05/11/2021,1,EUR,"K",1,1\n05/11/2021,2,EUR,5" tube,1,1\n'.replace(",", ";").encode(),
        "delimiter = ';'\nquote = ''",
        [row("2021-11-05", 1, '"K"', "1", "1", "EUR"), row("2021-11-05", 2, '5" tube', "1", "1", "EUR")],
        0,
    ),
    "no header": (
        "\r\n".join(
            ["report", "31.10.2021;1;EUR;Müller, A;1,50;x;0", "30.10.2021;2;EUR;B;1;x;0", "30.10.2021;3;EUR;B;1;x", ""]
        ).encode("cp1252"),
        "encoding = 'cp1252'\ndelimiter = ';'\ndecimal = ','\ndate = 'day_first'\nskip_lines = 1\nignore = 'unread'\n"
        "columns = ['date_', 'Bill_ID', 'Währung', 'name', 'Product1 revenue', 'unread', 'Product2 revenue']\n"
        "[names]\n'währung' = 'Currency'",
        [row("2021-10-30", 2, "B", "1", "0", "EUR"), row("2021-10-31", 1, "Müller, A", "1.5", "0", "EUR")],
        1,
    ),
    "no header, as the dataset has its columns": (
        "".join(f"{line};\n" for line in TEN).replace(",", ";").encode(),
        "delimiter = ';'\ntrailing_delimiter = true\n"
        'columns = ["Date_", "Bill_ID", "Currency", "Name", "Product1 revenue", "Product2 revenue"]',
        TEN_ROWS,
        0,
    ),
    "UTF-16": (
        f"{HEADER}\n05/11/2021,1,EUR,משה,1,1\n".replace(",", "\t").encode("utf-16"),
        "encoding = 'UTF-16'\ndelimiter = \"\\t\"",
        [row("2021-11-05", 1, "משה", "1", "1", "EUR")],
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_loaded_as_its_profile_says(db: Database, tmp_path: Path, case: str) -> None:
    content, text, expected, rejected = CASES[case]
    lines = text.split("\n[")
    text = "\n".join([lines[0], ANY, *(f"[{table}" for table in lines[1:])])
    outcome = load(db, write(tmp_path / "delivery.csv", content), profiles=[profile(text, match="")], max_rejected_share=1.0)
    assert [bill[:6] for bill in bills(db)] == expected
    assert outcome.load.status == "published"
    assert buckets(outcome.load) == {"inserted": len(expected), **({"rejected": rejected} if rejected else {})}
    lines_of = content.split(b"\n")
    for line, _, raw in rejects(db):
        assert raw.split(b"\n")[0] == lines_of[line - 1].rstrip(b"\r")
    again = load(db, tmp_path / "delivery.csv", profiles=[profile(text, match="")])
    assert again.already


#: files of the folder of cases; their profile; how many bills and rejects they have, some bills of them
FOLDER = ROOT.parent / "shared" / "cases"
FILES: dict[str, tuple[str, int, int, list[tuple[Any, ...]]]] = {
    "04_semicolon_decimal_comma.csv": (
        CASES["semicolons and decimal commas"][1],
        2,
        0,
        [row("2021-10-31", 1001, "Müller GmbH", "1234.56", "0.5", "EUR")],
    ),
    "05_month_first.csv": ("date = 'month_first'", 3, 0, [row("2021-03-06", 3, "C", "30", "0")]),
    "07_credit_note.csv": ("negative = true", 10, 0, [row("2021-10-16", 10, "Cust 3", "-100", "-10")]),
    "08_totals_row.csv": ("footer = 'Total'", 9, 0, [row("2021-10-15", 1, "Cust 1", "100", "10")]),
    "09_cat_of_bom_files.csv": ("repeated_header = true", 6, 0, [row("2021-10-12", 12, "Cust 12", "10", "1")]),
    "10_trailing_delimiter.csv": ("trailing_delimiter = true", 3, 0, [row("2021-10-15", 3, "Cust 3", "100", "10")]),
    "11_preamble.csv": ("skip_lines = 3", 1, 0, [row("2021-10-15", 1, "Cust", "1", "2")]),
    "11b_sep_line.csv": ("skip_lines = 1", 1, 0, [row("2021-10-15", 1, "Cust", "1", "2")]),
    "12_spreadsheet_spellings.csv": (  # 1.23457E+11 has lost digits, and 1.2E+3 may have
        f"negative = true\n{CASES['spreadsheets'][1]}\n[values.bill_id]\n'\uff15' = '5'",
        13,
        2,
        [
            row("2021-10-15", 123, "A", "1", "2"),
            row("2021-10-15", 3, "C", "1234.5", "2"),
            row("2021-10-15", 4, "D", "-5", "2"),
            row("2021-10-15", 5, "E", "1", "2"),
            row("2021-10-15", 7, "G", "12", "2"),
            row("2021-10-15", 8, "H", "12", "2", "EUR"),
            row("2021-10-15", 9, "I", "-12", "2"),
            row("2021-10-15", 10, "J", "12", "2"),
            row("2021-03-01", 11, "K", "12", "2"),
            row("2021-10-15", 12, "L", "12", "2"),
            row("2021-10-15", 14, "N", "1.2", "2"),
            row("2021-10-15", 15, "O", "1.2", "2"),
        ],
    ),
    "36a_date_header.csv": ("[names]\n'Date' = 'Date_'", 1, 0, [row("2021-11-05", 1, "K", "1", "1", "EUR")]),
    "36f_tabs.tsv": ('delimiter = "\\t"', 1, 0, [row("2021-11-05", 1, "K", "1", "1", "EUR")]),
}


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_the_files_of_the_cases(db: Database, name: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"there is no {FOLDER}: put the folder of cases beside the project's to enable this")
    text, number, rejected, some = FILES[name]
    keys, *tables = text.split("\n[")
    text = "\n".join([keys, ANY, *(f"[{table}" for table in tables)]) if not text.startswith("[") else f"{ANY}\n{text}"
    outcome = load(db, FOLDER / name, profiles=[profile(text, match="")], max_rejected_share=1.0)
    assert buckets(outcome.load) == {"inserted": number, **({"rejected": rejected} if rejected else {})}
    found = [bill[:6] for bill in bills(db)]
    assert [bill for bill in some if bill not in found] == []


@pytest.mark.parametrize("chunk_bytes", [70, 150, 400])
@pytest.mark.parametrize("case", ["totals", "joined files", "no header", "constants, comments and other quotes", "UTF-16"])
def test_wherever_a_file_is_cut(tmp_path: Path, case: str, chunk_bytes: int) -> None:
    content, text, expected, rejected = CASES[case]
    lines = text.split("\n[")
    chosen = profile("\n".join([lines[0], ANY, *(f"[{table}" for table in lines[1:])]), match="")
    with SourceFile(str(write(tmp_path / "delivery.csv", content))) as file:
        header = read_header(file, DATASETS.values(), [chosen])
        chunks = scan(file, header, chunk_bytes).chunks
        found = [
            record
            for chunk in chunks
            for record in header.format.records(file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start))
        ]
        assert len(found) == len(expected) + rejected


# --- what is declared, in any form, is what a plain file says

TEXTS = st.text(
    st.characters(codec="cp1252", exclude_categories=["Cc", "Zs", "Zl", "Zp"]) | st.sampled_from(" ,;|'\"\n#"), max_size=8
)
AMOUNTS = st.decimals(0, 10**9, places=2, allow_nan=False)
ROWS = st.lists(
    st.tuples(st.dates(date(1990, 1, 1), date(2025, 1, 1)), st.integers(0, 10**6), TEXTS, AMOUNTS, AMOUNTS), min_size=1
)
DAYS = {"day_first": "%d.%m.%Y", "month_first": "%m/%d/%Y", "year_first": "%Y%m%d", "%d %b %Y": "%d %b %Y"}


@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from("\"'"),
    decimal=st.sampled_from(",."),
    days=st.sampled_from(sorted(DAYS)),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16-le", "gb18030"]),
    skip_lines=st.integers(0, 2),
    trailing=st.booleans(),
)
@example([(date(2020, 1, 2), 1, "#a", Decimal("1234.5"), Decimal(0))], ";", '"', ",", "day_first", "cp1252", 1, True)
def test_any_profile_translates_to_the_same_records(
    tmp_path: Path,
    rows: list[tuple[date, int, str, Decimal, Decimal]],
    delimiter: str,
    quote: str,
    decimal: str,
    days: str,
    encoding: str,
    skip_lines: int,
    trailing: bool,
) -> None:
    thousands = "." if decimal == "," else ","

    def amount(value: Decimal) -> str:
        return f"{value:,}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)

    def written(field: str) -> str:
        odd = any(mark in field for mark in (delimiter, quote, "\n", '"')) or field != field.strip()
        return quote + field.replace(quote, quote * 2) + quote if odd or field.startswith("#") else field

    end = f"{delimiter}\n" if trailing else "\n"
    lines = ["title\n"] * skip_lines
    lines += [delimiter.join(["day", "no", "who", "one", "rest", "two"]) + end, "# a comment\n"]
    for day, number, name, first, second in rows:
        fields = [day.strftime(DAYS[days]), str(number), name, amount(first), "unread", amount(second)]
        lines += [delimiter.join(map(written, fields)) + end, *(["#'\n"] if number % 2 else [])]
    told = {
        "encoding": encoding,
        "delimiter": delimiter,
        "quote": quote,
        "decimal": decimal,
        "thousands": thousands,
        "date": days,
        "skip_lines": skip_lines,
        "comment": "#",
        "ignore": "REST",
        "trailing_delimiter": trailing,
    }
    names = {"day": "Date_", "no": "Bill_ID", "who": "Name", "one": "product1_revenue", "two": "product2_revenue"}
    tables = {"match": {"name": "*"}, "names": names, "constants": {"Currency": "EUR"}}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())
    text += "".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())
        for table, entries in tables.items()
    )
    chosen = profile(text, match="")
    with SourceFile(str(write(tmp_path / "delivery.csv", "".join(lines).encode(encoding, errors="replace")))) as file:
        header = read_header(file, DATASETS.values(), [chosen])
        body = file.read(header.end, file.size)
        translated = header.translation.translate(body) if header.translation else b""
        expected = [
            [day.isoformat(), str(number), name.strip(" \t\r\u00a0"), f"{first}", f"{second}", "EUR"]
            for day, number, name, first, second in rows
        ]
        read_apart = [header.format.fields(body[record.start : record.end], ()) for record in header.format.records(body)]
        assert [faults for faults, _ in read_apart] == [""] * len(rows)
        assert [values for _, values in read_apart] == expected
        read = [one for one in csv.reader(io.StringIO(translated.decode(), newline="")) if one]
        assert read == expected
        # every record stands on its line
        plain = [record.line for record in DATASETS["usage"].format.records(translated)]
        assert plain == [record.line for record in header.format.records(body)]


# --- whoever reads a load's records again reads them by its profile, whatever became of that

GERMAN = "encoding = 'cp1252'\ndelimiter = ';'\ndecimal = ','\nthousands = '.'\ndate = 'day_first'\nskip_lines = 1"
LINES = [f"{n:02}.10.2021;{n};EUR;Müller {n};1.000,50;0" for n in range(1, 8)]
BROKEN = ["32.10.2021;8;EUR;Müller 8;1,00;0", "09.10.2021;9;XXX;Müller 9;2,00;0"]


def delivery(path: Path, lines: list[str]) -> Path:
    text = "\r\n".join(["Bericht", HEADER.replace(",", ";"), *lines, ""])
    return write(path, text.encode("cp1252"))


def test_rejects_are_kept_exported_retried_and_mended_as_they_came(db: Database, tmp_path: Path) -> None:
    path = delivery(tmp_path / "a.csv", [*LINES, *BROKEN])
    first = load(db, path, profiles=[profile(GERMAN)], max_rejected_share=1.0).load
    assert rejects(db) == [
        (10, "bill_date_invalid", BROKEN[0].encode("cp1252")),
        (11, "currency_unknown", BROKEN[1].encode("cp1252")),
    ]
    exported = b"".join(line + b"\r\n" for line in export_rejects(db, first.load_id))
    assert exported == delivery(tmp_path / "b.csv", BROKEN).read_bytes()
    with db.transaction() as tx:  # now it is known
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")
    assert retry(db, first.load_id, Settings()).passed == 1
    assert bills(db)[-1][:6] == row("2021-10-09", 9, "Müller 9", "2", "0", "XXX")
    mended = write(tmp_path / "c.csv", exported.replace(b"32.10", b"08.10").replace(BROKEN[1].encode("cp1252") + b"\r\n", b""))
    second = load(db, mended, profiles=[profile(GERMAN)]).load
    assert buckets(second) == {"inserted": 1}
    assert query(db, "SELECT line_no, state, mended_by_load_id FROM reject_closings WHERE state <> 'retried'") == [
        (10, "mended", second.load_id)
    ]


def test_rejects_of_a_file_without_a_header(db: Database, tmp_path: Path) -> None:
    text = f"{GERMAN}\ncolumns = {HEADER.split(',')}"
    path = write(tmp_path / "a.csv", "\r\n".join(["Bericht", *LINES, *BROKEN, ""]).encode("cp1252"))
    first = load(db, path, profiles=[profile(text)], max_rejected_share=1.0).load
    assert [(line, raw) for line, _, raw in rejects(db)] == [(n, BROKEN[n - 9].encode("cp1252")) for n in (9, 10)]
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")
    assert retry(db, first.load_id, Settings()).passed == 1
    exported = b"".join(line + b"\n" for line in export_rejects(db, first.load_id))
    mended = write(tmp_path / "c.csv", exported.replace(b"32.10", b"08.10"))
    assert buckets(load(db, mended, profiles=[profile(text)]).load) == {"inserted": 1}
    assert query(db, "SELECT state FROM reject_closings WHERE state = 'mended'") == [("mended",)]


def test_a_load_starts_over_when_its_profile_changed(db: Database, tmp_path: Path) -> None:
    path = delivery(tmp_path / "a.csv", [*LINES[:3], *BROKEN, *[line.replace(";1.000,50;", ";1.000;") for line in LINES[3:]]])
    wrong = GERMAN.replace("thousands = '.'\n", "")
    held = load(db, path, profiles=[profile(wrong)]).load
    assert held.status == "held"
    assert query(db, "SELECT name, content FROM load_profiles") == [("theirs", profile(wrong).text)]
    discard(db, held.load_id)
    again = release(db, held.load_id)
    assert again.status == "staging"
    done = load(db, path, profiles=[profile(GERMAN)]).load
    assert (done.load_id, done.status, done.inserted) == (again.load_id, "published", 7)
    assert query(db, "SELECT name, content FROM load_profiles") == [("theirs", profile(GERMAN).text)]
    assert done.rules != held.rules


def test_a_held_load_is_read_again_by_a_profile(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CASES["month first"][0])
    held = load(db, path).load
    assert held.status == "held"
    assert "a profile decides" in str(held.held_because)
    assert load(db, path).load.status == "held"
    done = load(db, path, profiles=[profile("date = 'month_first'")]).load
    assert (done.load_id, done.status, done.inserted, done.held_because) == (held.load_id, "published", 3, None)


def test_a_name_is_erased_from_records_in_quarantine(db: Database, tmp_path: Path) -> None:
    path = delivery(tmp_path / "a.csv", [*LINES, "32.10.2021;8;EUR;Müller, Söhne ;1,00;0"])
    load(db, path, profiles=[profile(GERMAN)], max_rejected_share=1.0)
    erase(db, "Müller, Söhne")
    ((pseudonym,),) = query(db, "SELECT pseudonym FROM erased_names")
    assert [raw for _, _, raw in rejects(db)] == [f"32.10.2021;8;EUR;{pseudonym} ;1,00;0".encode()]


def test_where_files_lie_is_named_by_the_profile_and_the_command(cli_on: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "dbsvc" / "profiles"
    folder.mkdir(parents=True)
    match = "[match]\nname = 'erp-*.csv'\nheader = ['currency', 'DATE_']\n"
    write(folder / "erp.toml", f"dataset = 'usage'\n{GERMAN}\n{match}".encode())
    delivery(tmp_path / "erp-1.csv", LINES)
    assert cli_on("ingest", "erp-1.csv").code == 0
    delivery(tmp_path / "other.csv", [line.replace("10.2021", "11.2021") for line in LINES])
    assert cli_on("ingest", "other.csv").code == 65
    assert cli_on("ingest", "--profile", "erp", "other.csv").code == 0
    write(folder / "second.toml", f"dataset = 'usage'\n{GERMAN}\n[match]\nheader = 'Name'\n".encode())
    ran = cli_on("ingest", "erp-1.csv")
    assert (ran.code, ran.error) == (
        78,
        "erp-1.csv: 2 profiles are for it: erp (dbsvc/profiles/erp.toml) and second (dbsvc/profiles/second.toml). "
        "Name one with --profile.",
    )
    ran = cli_on("ingest", "--profile", "epr", "erp-1.csv")
    assert (ran.code, ran.error) == (78, "There is no profile epr; did you mean erp? in dbsvc/profiles.")
    write(folder / "second.toml", b"delimeter = ';'\n")
    ran = cli_on("ingest", "erp-1.csv")
    says = "dbsvc/profiles/second.toml:1: a profile has no key delimeter; did you mean delimiter?"
    assert (ran.code, ran.error) == (78, says)


# --- what is wrong

WRONG: list[tuple[str, str]] = [
    ("datset = 'usage'", "1: a profile has no key datset; did you mean dataset?"),
    ("encoding = 'utf-8'", "1: the key dataset is missing: of which dataset are the files?"),
    ("dataset = 'usages'", "1: there is no dataset usages; did you mean usage?"),
    (f"dataset = 'usage'\nencoding = 'cp1225'\n{ANY}", "2: there is no encoding cp1225; did you mean cp1258?"),
    (f"dataset = 'usage'\nencoding = 'base64'\n{ANY}", "2: there is no encoding base64"),
    ("dataset = 'usage'\ndelimiter = ';;'", "2: delimiter must be one character that is no letter and no digit, as ';'"),
    ("dataset = 'usage'\ndelimiter = 3", "2: delimiter must be one character that is no letter and no digit, as ';'"),
    ("dataset = 'usage'\ndelimiter = '\"'\n[match]\nname = '*'", "1: delimiter and quote are the same character"),
    ("dataset = 'usage'\ndecimal = ';'", "2: decimal must be ',' or '.'"),
    (
        "dataset = 'usage'\ndecimal = ','\nthousands = ','\n[match]\nname = '*'",
        "3: decimal and thousands are the same character",
    ),
    ("dataset = 'usage'\nthousands = '.'\n[match]\nname = '*'", "2: decimal and thousands are the same character"),
    (
        "dataset = 'usage'\ndate = 'dayfirst'\n[match]\nname = '*'",
        "2: date must be one of day_first, month_first, year_first, serial, or forms as '%d.%m.%Y': not dayfirst; did you "
        "mean day_first?",
    ),
    ("dataset = 'usage'\ndate = '%d.%q.%Y'\n[match]\nname = '*'", "2: date: %q is none of %d, %m, %Y, %y, %b, %B"),
    ("dataset = 'usage'\ndate = '%d.%Y'\n[match]\nname = '*'", "2: date: %d.%Y lacks %m or %b or %B"),
    ("dataset = 'usage'\ndate = '%d.%m.%d %Y'\n[match]\nname = '*'", "2: date: %d stands twice in %d.%m.%d %Y"),
    (
        "dataset = 'usage'\ntimestamp = 'day_first'\n[match]\nname = '*'",
        "2: timestamp must be forms as '%d.%m.%Y': not day_first",
    ),
    (
        "dataset = 'usage'\nzone = 'Europe/Berln'\n[match]\nname = '*'",
        "2: there is no zone Europe/Berln; did you mean europe/berlin?",
    ),
    ("dataset = 'usage'\nskip_lines = -1", "2: skip_lines must be a number of lines"),
    ("dataset = 'usage'\ncomment = ''", "2: comment must be a text or a list of texts"),
    ("dataset = 'usage'\nrepeated_header = 'yes'", "2: repeated_header must be true or false"),
    ("dataset = 'usage'", "1: the table match is missing: [match] with name = 'pattern*.csv', header = ['a name', …], or both"),
    ("dataset = 'usage'\n[match]\nnames = '*'", "3: match has no key names; did you mean name?"),
    ("dataset = 'usage'\n[match]\nheader = ['Datum']\n", "3: header names what is neither a column nor ignored: Datum"),
    ("dataset = 'usage'\n[match]\nname = '*'\n[names]\nDatum = 'Date'", "5: there is no column Date; did you mean Date_?"),
    (
        "dataset = 'usage'\n[match]\nname = '*'\n[constants]\nCurency = 'EUR'",
        "5: there is no column Curency; did you mean Currency?",
    ),
    ("dataset = 'usage'\n[constants]\ncurrency = 1", "2: constants must be a table of texts"),
    ("dataset = 'usage'\n[constants]\nName = \"a\\nb\"", "2: constants must be a table of texts, each on one line"),
    ("dataset = 'usage'\n[values.currency]\nE = \"a\\nb\"", "2: values must be tables of texts"),
    (f"dataset = 'usage'\nencoding = 'cp1252'\nfooter = '\u03a9'\n{ANY}", "3: cp1252 has no way to write \u03a9"),
    (
        "dataset = 'telemetry'\n[match]\nname = '*'\n[names]\n'm.n' = 'source'\n'k' = 'source'",
        "4: source has two paths",
    ),
    ("dataset = 'usage'\ncolumns = 'Date_'", "2: columns must be a list of names, one for each field and none twice"),
    ("dataset = 'usage'\ncolumns = ['Name', 'name']", "2: columns must be a list of names, one for each field and none twice"),
    (
        f"dataset = 'usage'\ncolumns = ['Dat_']\n{ANY}",
        "2: columns names what is neither a column nor ignored: Dat_; did you mean Date_?",
    ),
    (
        "dataset = 'usage'\ncolumns = ['Date_']\n[match]\nheader = 'Date_'",
        "4: a file whose columns are told here has no header to be known by",
    ),
    ("dataset = 'usage'\ncurrency_marks = '1'", "2: currency_marks must be a text or a list of texts without digits and signs"),
    ("dataset = usage", "1: not TOML: "),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_profile_that_is_not_understood(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path / "p.toml", text.encode())
    with pytest.raises(ProfileError) as raised:
        read_profiles(tmp_path, DATASETS)
    assert str(raised.value).startswith(f"{tmp_path}/p.toml:{says}")
    assert raised.value.exit_code == 78


@pytest.mark.parametrize("name", ["hexx", "hex", "zlb", "rot13", "rot_14", "quopry", "uuu", "bz", "utf8x", "latn-1"])
def test_only_encodings_of_texts_are_proposed(name: str) -> None:
    with pytest.raises(ProfileError) as raised:
        profile(f"encoding = '{name}'")
    found = str(raised.value).partition("; did you mean ")[2].rstrip("?")
    assert found == {"utf8x": "utf8", "latn-1": "latin1"}.get(name, "")


def refused(tmp_path: Path, content: str, text: str) -> str:
    with SourceFile(str(write(tmp_path / "x.csv", content.encode()))) as file, pytest.raises(ProfileError) as raised:
        read_header(file, DATASETS.values(), [profile(text, match="" if "[match]" in text else ANY)])
    return str(raised.value).replace(f"{tmp_path}/", "").replace(", by the profile theirs (profiles/theirs.toml)", "")


def test_a_profile_that_does_not_fit(tmp_path: Path) -> None:
    says = "x.csv: a file of bills that lacks column(s): 'Date_', and has unknown column(s): 'Date'."
    assert refused(tmp_path, HEADER.replace("_,", ","), "delimiter = ','") == says
    says = "x.csv: a file of bills that has, beside a constant, column(s): 'Currency'."
    assert refused(tmp_path, HEADER, f"{ANY}\n[constants]\ncurrency = 'EUR'") == says
    says = "x.csv: a file of bills that repeats column(s): 'Date_', 'Datum'."
    assert refused(tmp_path, f"{HEADER},Datum", f"{ANY}\n[names]\ndatum = 'Date_'") == says
    says = "x.csv: a file of bills that lacks column(s): 'Bill_ID', 'Currency', 'Name', 'Product1 revenue', 'Product2 revenue'."
    assert refused(tmp_path, TEN[0], "columns = ['Date_']") == says
    assert refused(tmp_path, HEADER, "skip_lines = 2") == "x.csv: there is no header that can be read after 2 line(s)."
    contents = "\n".join([HEADER, *(f"{n}/10/2021,{n},USD,A,1,1" for n in range(13, 20))])
    says = "x.csv: every bill_date makes sense only with the day first, as 13/10/2021 does."
    assert refused(tmp_path, contents, "date = 'month_first'") == says
    says = "x.csv: it is no text of utf-16 at byte 0 or soon after, as its profile says."
    assert refused(tmp_path, f"{HEADER}\n\n", "encoding = 'utf-16'")[: len(says) - 30] == says[: len(says) - 30]


def test_no_profile_no_change(tmp_path: Path) -> None:
    path = write(tmp_path / "usage.csv", usage_csv([("2021-10-01", 1, "USD", "A", 1, 0)]))
    other = profile(GERMAN, match="[match]\nname = 'erp*'")
    with SourceFile(str(path)) as file:
        assert read_header(file, DATASETS.values(), [other]) == read_header(file, DATASETS.values())


def test_encodings_whose_marks_are_single_bytes() -> None:
    assert [name for name in ("utf-8", "cp1252", "cp850", "latin-1", "koi8-r") if not keeps_ascii(name)] == []
    assert [
        name for name in ("utf-16", "utf-7", "gb18030", "iso2022_jp", "shift_jis", "cp037", "hz") if keeps_ascii(name)
    ] == []


# --- what may fit is proposed

PROPOSED = {
    "semicolons and decimal commas": (
        '`encoding = "cp1252"`, `delimiter = ";"`, `decimal = ","`, `thousands = "."`, `date = "day_first"`'
    ),
    "month first": "",
    "totals": '`footer = "Total"`',
    "joined files": "`repeated_header = true`",
    "a delimiter at the end": "`trailing_delimiter = true`",
    "a preamble": "`skip_lines = 3`",
    "a line for spreadsheets": "`skip_lines = 1`",
    "a header of other names": '`ignore = ["Note"]`, `[names] "Date" = "Date_"`',
    "tabs": '`delimiter = "\\t"`, `trailing_delimiter = true`',
    "no header, as the dataset has its columns": (
        '`delimiter = ";"`, `trailing_delimiter = true`, `columns = ["Date_", "Bill_ID", "Currency", "Name", '
        '"Product1 revenue", "Product2 revenue"]`'
    ),
    "UTF-16": '`encoding = "utf-16"`, `delimiter = "\\t"`',
}


@pytest.mark.parametrize("case", PROPOSED)
def test_what_is_proposed_fits(tmp_path: Path, case: str) -> None:
    content, declared, expected, _ = CASES[case]
    path = write(tmp_path / "theirs-2024-03.csv", content.split(b"31.10.2021;1005")[0])
    proposal = propose_for(str(path), DATASETS.values(), sys.maxsize)
    assert proposal.hint == PROPOSED[case]
    text = proposal.as_toml(str(path))
    proposed = read_profile("p", "p.toml", text, DATASETS)
    assert (proposed.file_names, proposed.dataset) == (("theirs-*.csv",), "usage")
    if case == "month first":  # nobody knows
        assert '# bill_date may be `date = "day_first"` or `date = "month_first"`: 03/04/2021.' in text
        return
    with SourceFile(str(path)) as file, SourceFile(str(path)) as same:
        header = read_header(file, DATASETS.values(), [proposed])
        lines = declared.split("\n[")
        theirs = profile("\n".join([lines[0], ANY, *(f"[{table}" for table in lines[1:])]), match="")
        known = read_header(same, DATASETS.values(), [theirs])
        body = file.read(header.end, file.size)
        assert header.translation
        assert known.translation
        assert header.translation.translate(body) == known.translation.translate(body)
        assert header.columns == known.columns
        assert len(expected) <= len(list(header.format.records(body)))


def test_nothing_is_proposed_for_what_is_nobodys(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", b"a,b\n1,2\n")
    with pytest.raises(InputError, match="none of its first 20 lines is the header of a dataset"):
        propose_for(str(path), DATASETS.values(), sys.maxsize)


def test_from_a_refused_file_to_bills(cli_on: Cli, tmp_path: Path) -> None:
    write(tmp_path / "erp-1.csv", CASES["semicolons and decimal commas"][0].split(b"31.10.2021;1005")[0])
    ran = cli_on("ingest", "erp-1.csv")
    assert ran.code == 65
    assert ran.error.endswith(
        "It looks like a file of bills that a profile can read: "
        f"{PROPOSED['semicolons and decimal commas']}. `dbsvc datasets profile erp-1.csv` proposes one."
    )
    (tmp_path / "dbsvc" / "profiles").mkdir(parents=True)
    proposed = cli_on("datasets", "profile", "erp-1.csv")
    write(tmp_path / "dbsvc" / "profiles" / "erp.toml", proposed.out)
    ran = cli_on("ingest", "erp-1.csv")
    assert (ran.code, ran.objects[0]["inserted"], ran.objects[0]["profile"]) == (0, 3, "erp")
    assert cli_on("loads", "show", "1").objects[0]["profile"] == "erp"
    ran = cli_on("ingest", "--again", "erp-1.csv", "--output", "table", "--log-format", "text")
    assert cli_on("rejects", "export", "1").out.startswith(b"Date_;Bill_ID")


# --- credit notes

CREDIT = [
    *(f"15/10/2021,{n},USD,Cust {n},100.00,10.00" for n in range(1, 10)),
    "16/10/2021,10,USD,Cust 3,-100.00,-10.00",
    "16/10/2021,11,USD,Cust 4,(1.50),-0.00",
    "16/10/2021,12,USD,Cust 5,2.25-,\u22120.000000005",
]


def test_credit_notes_are_loaded_where_a_profile_says_so(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\n".join([HEADER, *CREDIT, ""]).encode())
    plain = load(db, path, max_rejected_share=1.0).load
    assert [reasons for _, reasons, _ in rejects(db)] == [
        "product1_revenue_negative product2_revenue_negative",
        "product1_revenue_invalid product2_revenue_negative",
        "product1_revenue_invalid product2_revenue_invalid",
    ]
    revert(db, plain.load_id)
    credit = load(db, path, profiles=[profile("negative = true")]).load
    assert (credit.status, credit.inserted) == ("published", 12)
    assert credit.control_total == 9 * 110 - 110 - 1 - 2
    assert [bill[:6] for bill in bills(db)][-3:] == [
        row("2021-10-16", 10, "Cust 3", "-100", "-10"),
        row("2021-10-16", 11, "Cust 4", "-1.5", "0"),
        row("2021-10-16", 12, "Cust 5", "-2.25", "-0.00000001"),
    ]
    assert rejects(db)[3:] == []


def test_a_credit_note_replaces_and_is_replaced(db: Database, tmp_path: Path) -> None:
    credit = [profile("negative = true")]
    first = write(tmp_path / "a.csv", "\n".join([HEADER, *TEN, ""]).encode())
    second = write(tmp_path / "b.csv", "\n".join([HEADER, *(line.replace(",100.00", ",-100.00") for line in TEN), ""]).encode())
    load(db, first)
    assert buckets(load(db, second, profiles=credit).load) == {"updated": 9}
    assert {bill[4] for bill in bills(db)} == {Decimal(-100)}
    assert buckets(load(db, first, again=True).load) == {"updated": 9}
    assert {past[4] for past in history(db)} == {Decimal(100), Decimal(-100)}


def test_rejects_of_credit_notes_are_retried_as_such(db: Database, tmp_path: Path) -> None:
    lines = [*TEN, "16/10/2021,10,XXX,Cust 3,-100.00,-10.00"]
    held = load(
        db, write(tmp_path / "a.csv", "\n".join([HEADER, *lines, ""]).encode()), profiles=[profile("negative = true")]
    ).load
    assert [reasons for _, reasons, _ in rejects(db)] == ["currency_unknown"]
    with db.transaction() as tx:
        tx.execute("INSERT INTO currencies (code) VALUES ('XXX')")
    assert retry(db, held.load_id, Settings()).passed == 1
    assert bills(db)[-1][:6] == row("2021-10-16", 10, "Cust 3", "-100", "-10", "XXX")


def test_constraints_of_before_go_back_and_forth(db: Database, url: str, dialect: str, tmp_path: Path) -> None:
    """Beside an open connection, again after a migrator died, and where bills lie in months of their own."""
    load(db, write(tmp_path / "a.csv", "\n".join([HEADER, *TEN, ""]).encode()), month_records=1)
    forth = ROOT / "migrations" / all_families()[dialect][-1] / "0022_credit_notes.sql"
    back = forth.with_suffix(".rollback.sql")
    change = "UPDATE bills_stored SET product1_revenue = '-1.00000000' WHERE bill_id = 1"
    with closing(sqlite3.connect(url.removeprefix("sqlite:///")) if dialect == "sqlite" else driver(url)) as admin:
        run: Any = admin.executescript if isinstance(admin, sqlite3.Connection) else admin.execute
        for file in (forth, back, back) if dialect == "sqlite" else (forth, back):
            run(file.read_text())
            admin.commit()
        with pytest.raises(IntegrityError), db.transaction() as tx:
            tx.execute(change)
        for _ in range(2):
            run(forth.read_text())
            admin.commit()
    with db.transaction() as tx:
        tx.execute(change)
    credit = write(tmp_path / "b.csv", "\n".join([HEADER, *CREDIT, ""]).encode())
    assert buckets(load(db, credit, profiles=[profile("negative = true")], month_records=1).load) == {
        "inserted": 3,
        "unchanged": 8,
        "updated": 1,
    }


# --- several lines a record

LINES_OF = ["Date_;Bill_ID;Item;Currency;Name;Product1 revenue;Product2 revenue", "# items"]
SUMS = (
    "delimiter = ';'\ndecimal = ','\ndate = 'day_first'\ncomment = '#'\nignore = 'Item'\n"
    "sum = ['Product1 revenue', 'product2_revenue']"
)


def items(bill: int, *amounts: str, name: str = "") -> list[str]:
    return [f"15.10.2021;{bill};{at};USD;{name or f'Cust {bill}'};{amount};0,1" for at, amount in enumerate(amounts)]


def test_lines_of_a_bill_are_summed_exactly(db: Database, tmp_path: Path) -> None:
    lines = [
        *items(1, "0,1", "0,2", "12345678901,00000001"),
        "# within",
        *items(2, "10,00", "-2,50"),
        *items(3, "1,00", "x"),
        *items(4, "1,00"),
        "15.10.2021;4;broken",
        *items(4, "2,00"),
        *items(5, "1,00"),
        *items(5, "1,00", name="Other"),
        *items(6, "1,00", ""),
        *items(7, "7,00"),
        *items(8, "8,00"),
    ]
    path = write(tmp_path / "a.csv", "\r\n".join([*LINES_OF, *lines, ""]).encode())
    outcome = load(db, path, profiles=[profile(SUMS)], max_rejected_share=1.0, chunk_bytes=150)
    assert [bill[:6] for bill in bills(db)] == [
        row("2021-10-15", 1, "Cust 1", "12345678901.30000001", "0.3"),
        row("2021-10-15", 2, "Cust 2", "7.5", "0.2"),
        row("2021-10-15", 7, "Cust 7", "7", "0.1"),
        row("2021-10-15", 8, "Cust 8", "8", "0.1"),
    ]
    assert buckets(outcome.load) == {"inserted": 4, "rejected": 4}
    assert rejects(db) == [
        (9, "product1_revenue_invalid", "\r\n".join(lines[6:8]).encode()),
        (11, "too_few_fields", "\r\n".join(lines[8:11]).encode()),
        (14, "lines_differ", "\r\n".join(lines[11:13]).encode()),
        (16, "product1_revenue_missing", "\r\n".join(lines[13:15]).encode()),
    ]
    exported = b"".join(line + b"\n" for line in export_rejects(db, 1)).replace(b";x;", b";1,50;").replace(b"Other", b"Cust 5")
    again = load(db, write(tmp_path / "b.csv", exported), profiles=[profile(SUMS)], max_rejected_share=1.0)
    assert buckets(again.load) == {"inserted": 2, "rejected": 2}
    assert [bill[4] for bill in bills(db) if bill[1] in (3, 5)] == [Decimal("2.5"), Decimal(2)]


@given(
    groups=st.lists(st.lists(st.decimals(-99, 99, places=2), min_size=1, max_size=4), min_size=1, max_size=8),
    chunk_bytes=st.integers(40, 500),
)
def test_sums_do_not_depend_on_where_a_file_is_cut(tmp_path: Path, groups: list[list[Decimal]], chunk_bytes: int) -> None:
    written = [items(bill, *(str(amount).replace(".", ",") for amount in group)) for bill, group in enumerate(groups)]
    path = write(tmp_path / "a.csv", "\n".join([*LINES_OF, *(line for group in written for line in group), ""]).encode())
    with SourceFile(str(path)) as file:
        header = read_header(file, DATASETS.values(), [profile(SUMS)])
        found = []
        for chunk in scan(file, header, chunk_bytes).chunks:
            data = file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start)
            found += [header.format.fields(data[one.start : one.end], ()) for one in header.format.records(data)]
            assert header.translation
            translated = header.translation.translate(data).split(b"\n")
            assert sum(map(bool, translated)) == len(list(header.format.records(data)))
    assert [faults for faults, _ in found] == [""] * len(groups)
    assert [Decimal(fields[4]) for _, fields in found] == [sum(group) for group in groups]


def test_what_cannot_be_summed() -> None:
    for column in ("Date_", "Name", "bill_id"):
        with pytest.raises(ProfileError, match="is no amount of the file that can be added up"):
            profile(f"sum = '{column}'")


# --- JSON lines

TELEMETRY = """dataset = 'telemetry'
zone = 'Europe/Oslo'
decimal = ','
null = 'n/a'
[match]
name = '*'
header = ['payload.meter.value']
[names]
'id' = 'event_id'
'site' = 'plant_id'
'device.serial' = 'inverter_id'
'at' = 'event_time'
'payload.meter.value' = 'ac_power'
'payload.readings.1' = 'energy_wh_total'
[constants]
ac_power_unit = 'kW'
"""
NESTED = [
    {"id": f"e{n}", "site": "p1", "device": {"serial": "i1"}, "at": f"2025-06-01T10:{n:02}:00", "payload": payload}
    for n, payload in enumerate(
        [
            {"meter": {"value": "1,5"}, "readings": [0, 1000]},
            {"meter": {"value": 2}, "readings": [0, "2000"]},
            {"meter": {"value": "n/a"}, "readings": [0, 2500]},
            {"meter": {"value": {"x": 1}}, "readings": [0, 1]},
            {"readings": [0, "3.000"]},
        ]
    )
]


def test_values_within_objects_are_read_by_their_paths(solar: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", "".join(f"{json.dumps(one)}\n" for one in NESTED).encode())
    chosen = read_profile("nested", "profiles/nested.toml", TELEMETRY, solar.statements.datasets)
    with pytest.raises(InputError):
        load(solar, path)
    first = load(solar, path, profiles=[chosen], max_rejected_share=1.0).load
    columns = "event_id, event_time, ac_power, ac_power_unit, energy_wh_total, inverter_id"
    found = query(solar, f"SELECT {columns} FROM inverter_telemetry_raw ORDER BY event_id")
    assert [(one[0], f"{one[1]:%H:%M}", *one[2:]) for one in found] == [
        ("e0", "08:00", 1.5, "kW", 1000, "i1"),
        ("e1", "08:01", 2, "kW", 2000, "i1"),
        ("e2", "08:02", None, "kW", 2500, "i1"),
    ]
    assert [line for line, _, _ in rejects(solar)] == [4, 5]
    assert rejects(solar)[0][2] == json.dumps(NESTED[3]).encode()
    with path.open("ab") as file:  # it grows
        file.write(json.dumps({**NESTED[0], "id": "e9", "at": "2025-06-01T10:30:00"}).encode() + b"\n")
    second = load(solar, path, profiles=[chosen]).load
    assert (second.load_id, second.read, second.inserted) == (first.load_id + 1, 1, 1)
    assert retry(solar, first.load_id, Settings()).passed == 0


def test_profiles_of_json_lines_that_are_not_understood() -> None:
    for text, says in (
        ("delimiter = ';'\n", "2: telemetry is delivered as JSON lines, of which a profile says no delimiter"),
        ("[names]\n'a.b' = 'even_id'\n", "2: there is no column even_id; did you mean event_id?"),
    ):
        with pytest.raises(ProfileError, match=says):
            read_profile("p", "p.toml", f"dataset = 'telemetry'\n{text}{ANY}", DATASETS)
