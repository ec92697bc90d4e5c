"""The report answers in one look, on every database; nothing that is stored can disturb the page, and it needs nothing else."""

from __future__ import annotations

import datetime
import html
import logging
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dbsvc.engine import Database, connect, migrate
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.reports.page import words
from dbsvc.engine.reports.page.drawing import Sum as Total
from dbsvc.engine.reports.page.drawing import add_up, bars, columns, heat
from dbsvc.engine.reports.page.render import render
from dbsvc.engine.reports.page.server import Server
from dbsvc.engine.reports.report import OpenRejects, Report, read_report
from dbsvc.engine.reports.revenue import revenue
from tests.helpers import ROOT, load, query, usage_csv, write
from tests.helpers.cli import DBSVC, GOOD, Cli
from tests.helpers.project import make_project
from tests.helpers.rates import final, tell

VOID = {"meta", "link", "br", "hr", "img", "input"}
DAY = datetime.date(2021, 10, 1)


class Page(HTMLParser):
    """A page, as strictly as a standard parser can tell: tags that match, ids, links, texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.open, self.ids, self.links, self.levels = page, list[str](), list[str](), list[str](), list[int]()
        self.faults: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        if "href" in given:
            self.links.append(given["href"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag in ("script", "iframe", "object", "embed", "form", "base") or any(name.startswith("on") for name in given):
            self.faults.append(self.get_starttag_text() or "")
        if {"src", "srcset", "style", "xlink:href"} & given.keys():
            self.faults.append(self.get_starttag_text() or "")
        if tag == "svg" and not (given.get("aria-label") or given.get("aria-hidden") or "td" in self.open[-2:-1]):
            self.faults.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words).replace("\u202f", " "))


def sound(page: str) -> Page:
    """The page, if it is sound."""
    parsed = Page(page)
    assert parsed.faults == []
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert [link for link in parsed.links if not link.startswith(("#", "data:,"))] == []
    assert not re.search(r"url\(|@import", page)
    assert parsed.levels[0] == 1
    assert all(level - before <= 1 for before, level in zip(parsed.levels, parsed.levels[1:], strict=False))
    assert len(page.encode()) < 300_000
    return parsed


def bills(db: Database, folder: Path, rows: list[tuple[object, ...]], name: str = "bills.csv") -> None:
    load(db, write(folder / name, usage_csv(rows)), max_rejected_share=1.0)


def test_samples_answer_in_one_look(db: Database) -> None:
    for name in ("plants.csv", "usage.csv", "inverters.csv", "telemetry.jsonl"):
        load(db, ROOT / "samples" / name)
    found = read_report(db, 28)
    assert (found.unreadable, [section.error for section in found.sections]) == ({}, [None] * 4)
    page = sound(render(found))
    glance = page.text.partition("They ran just now")[0]
    for answer in (
        f"CRITICAL 3 of {len(found.results)} checks found something",
        "Since when is not known: dbsvc check has kept no results yet",
        "Revenue of the 28 days to 2021-11-02, the newest of usage 1 557.75 USD",
        "Without 3 bills without an exchange rate, 3 bills in quarantine, whose value is unknown",
        "8 records in quarantine (1 of inverters, 1 of plants, 3 of telemetry, 3 of usage)",
    ):
        assert answer in glance
    assert "p_kent" in page.text
    assert "timezone_unknown" in page.text


def test_it_says_what_revenue_says(db: Database, tmp_path: Path) -> None:
    """Added up by day and currency first, as what multiplies each bill; with others, credit notes left aside."""
    bills(
        db,
        tmp_path,
        [
            (
                DAY + datetime.timedelta(n % 5),
                n,
                ["USD", "ILS", "EUR"][n % 3],
                f"customer {n % 17}",
                f"{n}.12345678",
                "0.00000001",
            )
            for n in range(1, 200)
        ],
    )
    tell(db, *(final("3.33333", day=DAY + datetime.timedelta(n)) for n in range(4)))
    expected = revenue(db).total
    (section,) = [section for section in read_report(db, 5).sections if section.name == "10_revenue"]
    total = add_up(section.rows, ["without_rate"])
    assert total.known == Decimal(expected["revenue_usd"])
    assert total.missing["without_rate"] == expected["bills_without_rate"] > 0
    assert sum(row["bills"] for row in section.rows) == 199
    assert {row["others"] for row in section.rows if row["customer"] is None} == {5}
    names = {row["customer"] for row in section.rows}
    assert len(names) == 13


def test_since_when_and_how_often(cli_on: Cli, db: Database) -> None:
    cli_on.write("u.csv", usage_csv([("2021-10-01", 1, "EUR", "a", 1, 0)]))
    cli_on("ingest", "u.csv")
    cli_on("check")
    days = [datetime.datetime.now(datetime.UTC) - datetime.timedelta(n, 60) for n in (9, 5, 4)]
    with db.transaction() as tx:
        rows = [
            ("fx_rates_missing", day, state, int(state != "ok"), 0.1)
            for day, state in zip(days, ("ok", "critical", "critical"), strict=True)
        ]
        tx.insert_rows("check_results", ("check_name", "checked_at", "state", "findings", "seconds"), rows)
    page = sound(cli_on("report").out.decode())
    assert "The oldest since " in page.text
    assert ", 5 days ago" in page.text
    assert "Before: not ok in 3 of 4 runs in 28 days" in page.text


def test_reading_changes_nothing(cli_on: Cli, db: Database) -> None:
    cli_on.write("u.csv", GOOD)
    cli_on("ingest", "u.csv")
    before = query(db, "SELECT count(*) FROM check_results")
    assert cli_on("report", "-o", "r.html").code == 0
    assert query(db, "SELECT count(*) FROM check_results") == before


def test_an_empty_database(db: Database) -> None:
    page = sound(render(read_report(db, 28)))
    assert "UNKNOWN Nothing was ever loaded into this database" in page.text
    assert "Everything. Load something" in page.text


def test_an_old_schema_and_no_database(cli: Cli, tmp_path: Path) -> None:
    ran = cli("report", env={"DATABASE_URL": f"sqlite:///{tmp_path}/none.db"})
    assert (ran.out, ran.code) == (b"", 78)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "var" / "data.db").write_bytes(b"no database, but long enough for a header of one" * 100)
    ran = cli("report", "-o", "r.html")
    assert ran.code != 0
    assert ran.error
    assert not (tmp_path / "r.html").exists()


NAMES = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnirts\u2066",
    "שלום",
    "x",
    "a\u0300" * 80,
    "&amp; &lt;",
]


@pytest.mark.one_database
def test_names_cannot_disturb_the_page(db: Database, tmp_path: Path) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in NAMES]
    bills(db, tmp_path, [(DAY, n, "USD", name, 100 - n, 0) for n, name in enumerate(quoted, 1)])
    bills(db, tmp_path, [(DAY, "x", "USD", name, 1, 0) for name in quoted], "<b>odd\u202e.csv")
    with db.transaction() as tx:  # a delivery of it is rejected
        tx.execute("UPDATE bills_stored SET customer_name = :name WHERE bill_id = 6", name="x" * 10_000)
    page = render(read_report(db, 28))
    parsed = sound(page)
    assert html.escape(NAMES[0]).replace("&#x27;", "&#39;") in page
    assert "<bdi>שלום</bdi>" in page
    assert "{{ 7 * 7 }}" in parsed.text
    assert "\u202e" not in page
    assert "… (cut, 10 000 characters)" in parsed.text
    assert "x" * 200 not in page


@pytest.mark.one_database
def test_a_million_findings_are_bounded(db: Database, tmp_path: Path) -> None:
    """As many of each check as fit; every text as long as it can be."""
    bills(db, tmp_path, [(DAY, 1, "USD", "a", 1, 0)])
    found = read_report(db, 28)
    rows: list[Row] = [{f"column_{n}": "&" * 5_000 for n in range(20)} for _ in range(5)]
    many = [replace(result, state="critical", findings=1_000_000, sample=rows, since=found.made_at) for result in found.results]
    page = sound(render(replace(found, results=many)))
    assert f"{len(many)} of {len(many)} checks found something" in page.text
    assert "1 000 000 found" in page.text


@pytest.mark.one_database
def test_datasets_with_much_to_show_are_bounded(db: Database, tmp_path: Path) -> None:
    bills(db, tmp_path, [(DAY, 1, "USD", "a", 1, 0)])
    found = read_report(db, 92)
    (revenue,) = [section for section in found.sections if section.name == "10_revenue"]
    days = [revenue.last - datetime.timedelta(n) for n in range(92)]
    rows: list[Row] = [{"day": day, "name": f"name {n}", "value": 1} for day in days for n in range(20)]
    kinds = [("columns", ("day",)), ("heat", ("name", "day"))]
    for times, says in ((12, "Tables by day and heat maps are left out"), (60, "What datasets draw of their data")):
        sections = [replace(revenue, dataset=f"d{n}", charts=kinds, missing=[], rows=rows) for n in range(times)]
        assert says in sound(render(replace(found, sections=sections))).text
    sections = [replace(revenue, dataset=f"d{n}", missing=[], rows=rows[:1]) for n in range(1500)]
    datasets = [replace(found.datasets[0], name=f"d{n}") for n in range(1500)]
    load_days: list[Row] = [{**found.load_days[0], "dataset": one.name} for one in datasets]
    rejects = OpenRejects(total=1500, by_dataset={one.name: 1 for one in datasets})
    many = replace(found, sections=sections, datasets=datasets, load_days=load_days, rejects=rejects)
    assert "1 500 datasets and 1 500 parts the first" in sound(render(many)).text
    results = [replace(one, state="ok") for one in found.results] * 100
    unread = {f"{n}": "&" * 300 for n in range(300)}
    broken = [replace(one, error="no") for one in sections]  # all of which are missing, and few are shown
    page = sound(render(replace(many, sections=broken, results=results, unreadable=unread)))
    assert f"{words.number(len(results))} checks without and 300 reasons".replace("\u202f", " ") in page.text


@pytest.mark.one_database
def test_an_amount_that_is_none_fails_nothing(db: Database, tmp_path: Path) -> None:
    bills(db, tmp_path, [(DAY, 1, "USD", "a", 1, 0)])
    found = read_report(db, 28)
    (revenue,) = [section for section in found.sections if section.name == "10_revenue"]
    for amount, shown in (("1e45", "1.00e+45"), ("1e290", "1.00e+290"), ("1e5000", "unknown")):
        row: Row = {"day": revenue.last, "currency": "USD", "customer": "a", "value": Decimal(amount)}
        page = sound(render(replace(found, sections=[replace(revenue, missing=[], rows=[row])])))
        assert f"the newest of usage {shown} USD" in page.text


@pytest.mark.one_database
def test_no_rates_and_negative_amounts(db: Database, tmp_path: Path) -> None:
    bills(db, tmp_path, [(DAY, 1, "EUR", "a", 5, 0), (DAY, 2, "ILS", "b", 7, 0)])
    page = sound(render(read_report(db, 28)))
    assert "the newest of usage unknown USD Without 2 bills without an exchange rate" in page.text
    assert "0.00" not in page.text
    with db.transaction() as tx:
        tx.execute(
            "UPDATE bills_stored SET product1_revenue = :amount, currency = 'USD' WHERE bill_id = 1", amount="-12.50000000"
        )
    page = sound(render(read_report(db, 28)))
    assert "\u221212.50 USD" in page.text


def test_what_cannot_be_read_is_said(db: Database, tmp_path: Path) -> None:
    bills(db, tmp_path, [(DAY, 1, "USD", "a", 1, 0)])
    with db.transaction() as tx:
        tx.execute("DROP VIEW reject_states")
    found = read_report(db, 28)
    assert "rejects" in found.unreadable
    assert found.state != "ok"
    page = sound(render(found))
    assert "rejects: could not be read" in page.text
    fine = replace(found, unreadable={}, results=[], sections=[replace(found.sections[0], rows=[], error="no such table")])
    assert fine.state == "unknown"
    assert "But not all could be read" in sound(render(fine)).text


def test_declared_datasets_appear_and_others_vanish(
    dialect: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = """-- title: Meters <read>
-- chart: bars by meter; columns by day
-- unit: kWh
-- glance: Read
SELECT meter_id AS meter, '2021-10-01' AS day, reading AS value
FROM meters
WHERE :most > 0 AND :since <> :until
"""
    project = make_project(tmp_path / "project")
    make_project(project, {"datasets/meters/report/10_meters.sql": chart, "project.toml": 'datasets = ["meters"]\n'})
    monkeypatch.setenv("DBSVC_PROJECT", str(project))
    with connect(url) as db:
        migrate(db)
        load(db, write(tmp_path / "meters.csv", b"meter_id,reading\nm1,5\nm2,-3\n"))
        found = read_report(db, 28)
        page = sound(render(found))
    assert [dataset.name for dataset in found.datasets] == ["meters"]
    assert "Read of the 28 days" in page.text
    assert "Meters <read> by meter" in page.text
    assert "Revenue" not in page.text


def test_a_chart_that_is_none_is_refused(cli: Cli) -> None:
    for comment, says in (
        ("-- title: x\n-- chart: pie by a", "no chart 'pie by a', only columns by a column"),
        ("-- chart: bars by a", "must say its title and its chart"),
        ("-- title: x\n-- chart: heat by a", "no chart 'heat by a'"),
    ):
        cli.write("dbsvc/datasets/meters/report/a.sql", f"{comment}\nSELECT 1 AS value\n".encode())
        make_project(cli.folder / "dbsvc")
        assert says in cli("report").error


# --- the command


def test_where_it_goes(cli: Cli) -> None:
    cli.write("u.csv", GOOD)
    cli("ingest", "u.csv")
    (said,) = cli("report", "-o", "r.html").objects
    assert (said["event"], said["file"], said["bytes"]) == ("report", "r.html", (cli.folder / "r.html").stat().st_size)
    assert cli("report").out.startswith(b"<!doctype html>")
    assert cli("report", "-o", "-").out.startswith(b"<!doctype html>")
    assert cli("report", "-o", "r.html").code == 0  # one of ours is replaced
    for arguments, says in (
        (("-o", "u.csv"), "u.csv holds something else than a report"),
        (("-o", "."), "is a folder"),
        (("-o", "json"), "-o names the file here"),
        (("-o", "x.html", "--serve"), "goes without --serve"),
        (("--days", "93"), "93"),
    ):
        ran = cli("report", *arguments)
        assert (ran.code, says in ran.err.decode()) == (2, True)
    assert (cli.folder / "u.csv").read_bytes() == GOOD
    for nowhere in ("no/where.html", "x" * 300):
        ran = cli("report", "-o", nowhere)
        assert (ran.code, "cannot be written there" in ran.error) == (78, True)
    assert sorted(path.name for path in cli.folder.iterdir()) == ["r.html", "u.csv", "var"]


def test_on_a_terminal(cli: Cli) -> None:
    cli.write("u.csv", GOOD)
    cli("ingest", "u.csv")
    assert "report.html: " in cli.on_a_terminal("report")
    assert (cli.folder / "report.html").read_bytes().startswith(b"<!doctype html>")
    assert "nothing for a terminal" in cli.on_a_terminal("report", "-o", "-", ok=(2,))


@pytest.mark.one_database
def test_it_is_served_on_loopback_until_told_to_end(cli_on: Cli) -> None:
    cli_on.write("u.csv", GOOD)
    cli_on("ingest", "u.csv")
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with subprocess.Popen(
            [*DBSVC, "report", "--serve", "--port", "0"],
            cwd=cli_on.folder,
            env=cli_on.env({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout
            url = re.search(rb"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert url
            port = int(url[1])
            assert sound(_get(port)).text
            assert "421" in _status(port, host="evil.example")
            assert "404" in _status(port, path="/../etc/passwd")
            assert "501" in _status(port, method="POST")
            taken = cli_on("report", "--serve", "--port", str(port))
            assert (taken.code, f"Port {port} of 127.0.0.1 cannot be used" in taken.error) == (78, True)
            process.send_signal(number)
            assert process.wait(10) == code


def test_what_goes_wrong_while_it_is_served_is_said_in_short(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise ValueError("hidden")

    with Server(0, fail) as server, caplog.at_level(logging.DEBUG, "dbsvc"):
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert "500" in _status(server.server_port, host="localhost")
        with socket.create_connection(("127.0.0.1", server.server_port)) as talk:
            talk.sendall(b"GET")
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        for _ in range(100):
            if "request_failed" in caplog.text:
                break
            time.sleep(0.02)
        server.shutdown()
    assert "ConnectionResetError" in caplog.text
    assert "hidden" not in caplog.text
    assert "Exception occurred" not in capfd.readouterr().err  # as socketserver would say


def _get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.read().decode())


def _status(port: int, *, method: str = "GET", path: str = "/", host: str = "") -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as talk:
        talk.sendall(f"{method} {path} HTTP/1.0\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode())
        return talk.recv(100).decode()


# --- shapes and words


def test_numbers_and_times_read_the_same_everywhere() -> None:
    assert words.number(Decimal("-1234567.80")) == "\u22121\u202f234\u202f567.8"
    assert words.number(Decimal("-0.001"), 2) == "0.00"
    assert words.number("0.125", 2) == "0.13"
    assert words.short(Decimal("-1e45")) == "\u22121.00e+45"
    assert words.number(Decimal("1e5000")) == words.number(Decimal("1e5000"), 2) == "1.00e+5000"
    assert words.number(Decimal("1e30"), 2) == "1" + 10 * "\u202f000" + ".00"
    assert words.number(Decimal("1e-5000"), 2) == "0.00"
    assert words.hours(1e12) == "41\u202f666\u202f666\u202f666 days"
    assert words.short(12_345_678) == "12.3\u202fM"
    assert words.span(datetime.timedelta(hours=49)) == "2 days"
    moment = datetime.datetime(2021, 10, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert str(words.time(moment)) == '<time datetime="2021-10-01T10:00:00Z">2021-10-01 10:00:00Z</time>'
    assert words.plain("one\ntwo\u2028three", str) == "one; two; three"
    assert words.plain("secret", lambda text: text.replace("secret", "***")) == "***"


def test_what_hangs_below_zero_and_what_is_unknown() -> None:
    days = [DAY, DAY + datetime.timedelta(1)]
    drawn = columns(days, {DAY: [("value", Decimal(30))], days[1]: [("value", Decimal(-10))]}, {}, str)
    assert [(shape.y, shape.height) for shape in drawn.shapes] == [(0, 75), (75, 25)]
    ranked = bars({"a": Total(None, 1), "b": Total(Decimal(-5)), "c": Total(Decimal(15)), None: Total()}, 2, Total(), 0)
    assert [(bar.label, bar.start, bar.width, bar.others) for bar in ranked] == [
        ("c", 25, 75, 0),
        ("b", 0, 25, 0),
        (None, 25, 0, 1),
        (None, 25, 0, 0),
    ]
    cells = {("p", DAY): Total(Decimal(0)), ("p", days[1]): Total(None, 1), ("q", DAY): Total(Decimal(7))}
    assert set(heat(cells, days).paths) == {"0", "unknown", "5"}


@pytest.mark.one_database
def test_a_report_is_frozen(db: Database) -> None:
    found: Report = read_report(db, 500)
    assert found.days == 92
    with pytest.raises(AttributeError):
        found.days = 3  # type: ignore[misc]
