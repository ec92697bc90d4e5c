"""Revenue in USD: exact, the same by whatever it is grouped, the same on every database; what is missing is never zero."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from dbsvc import Database, connect
from dbsvc.cli.output import plain
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.reports.revenue import By, sums
from tests.helpers import currencylayer as fake
from tests.helpers import query, usage_csv
from tests.helpers.citus import at_most
from tests.helpers.cli import COLOUR, Cli
from tests.helpers.currencylayer import serving
from tests.helpers.rates import final, provisional, tell
from tests.helpers.server import Server

ALWAYS = {"first": datetime.date.min, "last": datetime.date.max}
DAYS = [datetime.date(2021, 10, day) for day in (1, 2, 31)]
CURRENCIES = ["USD", "ILS", "EUR", "GBP", "IRR"]

#: date, currency, customer, two amounts as texts
Bill = tuple[datetime.date, str, str, str, str]
Rates = Mapping[tuple[datetime.date, str], str]


def fill(db: Database, bills: Sequence[Bill], rates: Rates) -> None:
    """Make the tables hold just this."""
    if "citus" in db.dialect.family:
        pytest.skip("on Citus nobody inserts bills by hand: its views take no rows")
    with db.transaction() as tx:
        for table in ("bills", "fx_rates"):
            tx.execute(f"DELETE FROM {table}")
        columns = [
            "bill_date",
            "bill_id",
            "customer_name",
            "currency",
            "product1_revenue",
            "product2_revenue",
            "load_id",
            "line_no",
        ]
        rows = [(day, n, who, code, places(a), places(b), 1, n) for n, (day, code, who, a, b) in enumerate(bills)]
        tx.insert_rows("bills", columns, rows)
    if rates:
        tell(db, *(final(rate, currency=code, day=day) for (day, code), rate in rates.items()))


def places(amount: str) -> str:
    """As the stage writes it."""
    return format(Decimal(amount).quantize(Decimal("1E-8"), context=Context(prec=50)), "f")


def report(
    db: Database, by: str, first: datetime.date = datetime.date.min, last: datetime.date = datetime.date.max
) -> list[Row]:
    with db.snapshot() as tx:
        return sums(tx, By(by), first, last)


def exact(amount: Any) -> Fraction:
    return Fraction(str(amount))


# --- by hand


def test_by_hand(db: Database) -> None:
    day = DAYS[0]
    bills: list[Bill] = [
        (day, "USD", "A", "10", "0.00000001"),
        (day, "ILS", "A", "751.95", "476.7160864"),
        (day, "ILS", "B", "3.2", "0"),
        (DAYS[1], "EUR", "B", "99999999999999.99999999", "1"),
    ]
    fill(db, bills, {(day, "ILS"): "3.2", (DAYS[1], "EUR"): "3"})
    assert [(str(row["label"]), row["bills"], str(row["revenue_usd"])) for row in report(db, "day")] == [
        ("2021-10-01", 3, "394.958152010000"),
        ("2021-10-02", 1, "33333333333333.6666663299999999999966666667"),
        ("None", 4, "33333333333728.6248183399999999999966666667"),
    ]
    totals = {by: report(db, by)[-1]["revenue_usd"] for by in ("day", "customer", "product", "currency")}
    assert len({str(total) for total in totals.values()}) == 1
    assert str(report(db, "customer")[0]["revenue_usd"]) == "393.958152010000"
    assert [(row["label"], row["bills"]) for row in report(db, "product")] == [("product1", 4), ("product2", 4), (None, 4)]


def test_the_rate_of_a_bill_is_that_of_its_day_and_currency(db: Database) -> None:
    bills: list[Bill] = [(day, code, "A", "1", "0") for day in DAYS[:2] for code in ("ILS", "EUR")]
    fill(db, bills, {(DAYS[0], "ILS"): "2", (DAYS[0], "EUR"): "4", (DAYS[1], "ILS"): "5", (DAYS[1], "EUR"): "8"})
    rows = query(db, "SELECT bill_date, currency, revenue_usd FROM revenue_daily ORDER BY bill_date, currency")
    assert [Decimal(usd) for _, _, usd in rows] == [Decimal(x) for x in ("0.25", "0.5", "0.125", "0.2")]


def test_a_missing_rate_is_missing_and_not_zero(db: Database) -> None:
    bills: list[Bill] = [(DAYS[0], "USD", "A", "1", "2"), (DAYS[0], "ILS", "A", "3", "4"), (DAYS[1], "ILS", "B", "5", "6.5")]
    fill(db, bills, {})
    found = [(row["label"], row["bills"], row["bills_without_rate"], row["revenue_usd"]) for row in report(db, "currency")]
    assert found[0] == ("ILS", 2, 2, None)
    assert [exact(usd) for *_, usd in found[1:]] == [3, 3]
    assert [row["bills_without_rate"] for row in report(db, "day")] == [1, 1, 2]
    assert report(db, "day")[1]["revenue_usd"] is None
    daily = (
        "SELECT bill_date, currency, bills, rate, product1_usd, revenue_usd FROM revenue_daily WHERE rate IS NULL ORDER BY 1"
    )
    assert query(db, daily) == [(day, "ILS", 1, None, None, None) for day in DAYS[:2]]
    with db.snapshot() as tx:
        missing = tx.run("reports/revenue/missing_rates", **ALWAYS).rows
    assert [(row["rate_date"], row["currency"], row["bills"], exact(row["amount"])) for row in missing] == [
        (DAYS[0], "ILS", 1, 7),
        (DAYS[1], "ILS", 1, Fraction("11.5")),
    ]


def test_no_bills(db: Database) -> None:
    (total,) = report(db, "day")
    assert (total["bills"], total["bills_without_rate"], total["revenue_usd"]) == (0, 0, None)
    assert [row["bills"] for row in report(db, "product")] == [0, 0, 0]


def test_a_span_of_days(db: Database) -> None:
    fill(db, [(day, "USD", "A", str(day.day), "0") for day in DAYS], {})
    for first, last, total in ((DAYS[0], DAYS[1], 3), (DAYS[1], DAYS[1], 2), (DAYS[1], datetime.date.max, 33)):
        for by in ("day", "customer", "product", "currency"):
            assert exact(report(db, by, first, last)[-1]["revenue_usd"]) == total


# --- for all inputs

AMOUNTS = st.one_of(
    st.decimals(0, 99_999_999_999_999, places=8).map(lambda amount: format(amount, "f")),
    st.sampled_from(["0", "0.00000001", "99999999999999.99999999", "751.95", "476.7160864"]),
)
BILLS = st.lists(
    st.tuples(st.sampled_from(DAYS), st.sampled_from(CURRENCIES), st.sampled_from("ABC"), AMOUNTS, AMOUNTS), max_size=12
)
RATE = st.one_of(
    st.decimals("0.0000001", "9999999", places=7).map(lambda rate: format(rate, "f")),
    st.sampled_from(["3.2", "3", "0.742611", "42000", "9999999.999999", "3.204503999999999814"]),
)
RATES = st.dictionaries(st.tuples(st.sampled_from(DAYS), st.sampled_from(CURRENCIES[1:])), RATE, max_size=8)


@pytest.fixture(scope="module")
def both(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    """A database of each kind."""
    from dbsvc import migrate

    with (
        connect(f"sqlite:///{tmp_path_factory.mktemp('revenue')}/a.db") as embedded,
        connect(any_server.create()) as production,
    ):
        migrate(embedded)
        yield [embedded, production]


@settings(max_examples=at_most(40))
@given(bills=BILLS, rates=RATES)
def test_it_adds_up_to_the_last_digit_on_every_database(both: list[Database], bills: list[Bill], rates: Rates) -> None:
    seen = []
    for db in both:
        fill(db, bills, rates)
        reports = {by: report(db, by) for by in ("day", "customer", "product", "currency")}
        seen.append(
            {
                by: [[plain(value) for name, value in row.items() if name != "is_total"] for row in rows]
                for by, rows in reports.items()
            }
        )
        totals = {str(rows[-1]["revenue_usd"]) for rows in reports.values()}
        assert len(totals) == 1
        for rows in reports.values():
            parts = [exact(row["revenue_usd"]) for row in rows[:-1] if row["revenue_usd"] is not None]
            assert sum(parts) == (exact(rows[-1]["revenue_usd"]) if parts else 0)
            assert rows[-1]["bills"] == len(bills)
        daily = [Fraction(str(usd)) for (usd,) in query(db, "SELECT revenue_usd FROM revenue_daily") if usd is not None]
        assert sum(daily) == exact(totals.pop() if daily else 0)
    assert seen[0] == seen[1]


@settings(max_examples=at_most(40))
@given(bills=BILLS, rates=RATES)
def test_it_is_what_the_definition_says(both: list[Database], bills: list[Bill], rates: Rates) -> None:
    """Amount / rate, by fractions: off by no more than the 20 places of the inverse rates."""
    expected = error = Fraction(0)
    without = 0
    for day, code, _, *amounts in bills:
        amount = sum(map(Fraction, amounts))
        if code == "USD":
            expected += amount
        elif (day, code) in rates:
            expected += amount / Fraction(rates[day, code])
            error += amount * Fraction(1, 2 * 10**20)
        else:
            without += 1
    for db in both:
        fill(db, bills, rates)
        total = report(db, "day")[-1]
        assert total["bills_without_rate"] == without
        assert abs(exact(total["revenue_usd"] or 0) - expected) <= error


# --- the command


@pytest.fixture
def cli(tmp_path: Path, url: str) -> Cli:
    return Cli(tmp_path, url)


ROWS = [
    ("2021-10-01", 1, "USD", "Blue Harbour", "1200.5", "310.25"),
    ("2021-10-01", 2, "ILS", "Kfar Solar", "751.95", "476.7160864"),
    ("2021-10-02", 1, "EUR", "Muster", "880", "42.12"),
    ("2021-10-02", 2, "USD", "Blue Harbour", "20", "0"),
]


@pytest.mark.slow  # it starts many processes
def test_json_and_csv(cli: Cli, db: Database) -> None:
    cli("ingest", cli.write("usage.csv", usage_csv([row for row in ROWS if row[3] != "Muster"])))
    tell(db, final("3.2"))
    *rows, total = cli("revenue").objects
    assert rows == [
        {
            "kind": "revenue",
            "day": "2021-10-01",
            "bills": 2,
            "bills_without_rate": 0,
            "product1_usd": "1435.484375000000",
            "product2_usd": "459.223777000000",
            "revenue_usd": "1894.708152000000",
        },
        {
            "kind": "revenue",
            "day": "2021-10-02",
            "bills": 1,
            "bills_without_rate": 0,
            "product1_usd": "20.00000000",
            "product2_usd": "0.00000000",
            "revenue_usd": "20.00000000",
        },
    ]
    assert total == {
        "event": "revenue",
        "by": "day",
        "bills": 3,
        "bills_without_rate": 0,
        "missing_rates": 0,
        "bills_quarantined": 0,
        "bills_quarantined_of_unknown_day": 0,
        "bills_unpublished": 0,
        "product1_usd": "1455.484375000000",
        "product2_usd": "459.223777000000",
        "revenue_usd": "1914.708152000000",
    }
    ran = cli("revenue", "--by", "customer", "--output", "csv")
    assert list(csv.reader(io.StringIO(ran.out.decode()))) == [
        ["customer", "bills", "bills_without_rate", "product1_usd", "product2_usd", "revenue_usd"],
        ["Blue Harbour", "2", "0", "1220.50000000", "310.25000000", "1530.75000000"],
        ["Kfar Solar", "1", "0", "234.984375000000", "148.973777000000", "383.958152000000"],
    ]
    assert [row["product"] for row in cli("revenue", "--by=product").objects[:-1]] == ["product1", "product2"]
    assert [row["currency"] for row in cli("revenue", "--by=currency").objects[:-1]] == ["USD", "ILS"]
    assert cli("revenue", "--from", "2021-10-02", "--to", "2021-10-02").objects[-1]["revenue_usd"] == "20.00000000"
    assert cli("revenue", "--from", "2022-01-01").objects[-1].items() >= {"bills": 0, "revenue_usd": None}.items()


def test_missing_rates_are_listed_apart(cli: Cli) -> None:
    cli("ingest", cli.write("usage.csv", usage_csv(ROWS)))
    found = cli("revenue", "--by", "currency").objects
    assert [(row["currency"], row["revenue_usd"]) for row in found[:3]] == [
        ("USD", "1530.75000000"),
        ("EUR", None),
        ("ILS", None),
    ]
    assert found[3:5] == [
        {"kind": "missing_rate", "rate_date": "2021-10-01", "currency": "ILS", "bills": 1, "amount": "1228.66608640"},
        {"kind": "missing_rate", "rate_date": "2021-10-02", "currency": "EUR", "bills": 1, "amount": "922.12000000"},
    ]
    assert found[5].items() >= {"bills": 4, "bills_without_rate": 2, "missing_rates": 2, "revenue_usd": "1530.75000000"}.items()
    ran = cli("revenue", "--by", "currency", "--output", "csv")
    assert ran.out.decode().splitlines()[2:] == ["EUR,1,1,,,", "ILS,1,1,,,"]
    warned = [(line["rate_date"], line["currency"]) for line in ran.logs if line["event"] == "missing_rate"]
    assert warned == [("2021-10-01", "ILS"), ("2021-10-02", "EUR")]


@pytest.mark.slow  # it starts many processes
@pytest.mark.one_database
def test_bills_that_are_not_published_are_told(cli: Cli) -> None:
    """In quarantine, of these days or of a day that cannot be told; and staged by a load that is held."""
    bad = [
        ("2021-10-01", 3, "USX", "A", "1", "1"),
        ("2021-10-02", 4, "USD", "B", "-1", "1"),
        ("31/02/2021", 5, "USD", "C", "1", "1"),
    ]
    cli("ingest", cli.write("usage.csv", usage_csv([*ROWS, *bad])))
    odd = [("2021-10-02", n, "USD", "D", "1", "1") for n in (7, 8)] + [("2021-10-03", 7, "USX", "D", "1", "1")] * 5
    held = cli("ingest", cli.write("odd.csv", usage_csv(odd)))
    assert held.code == 65
    lost = cli("ingest", cli.write("lost.csv", usage_csv([("2021-10-01", 9, "USX", "E", "1", "1")])))
    assert lost.code == 65
    cli("loads", "discard", "3")

    def counted(*arguments: str) -> tuple[int, int, int]:
        total = cli("revenue", *arguments).objects[-1]
        return total["bills_quarantined"], total["bills_quarantined_of_unknown_day"], total["bills_unpublished"]

    assert counted() == (7, 1, 2)
    assert counted("--to", "2021-10-01") == (1, 1, 0)
    assert counted("--from", "2021-10-02", "--to", "2021-10-02", "--by", "customer") == (1, 1, 2)
    assert counted("--from", "2021-10-03", "--by", "product") == (5, 1, 0)
    assert (
        cli("revenue").objects[-2].items() >= {"kind": "unpublished_load", "load_id": 2, "status": "held", "bills": 2}.items()
    )
    (warned,) = [line for line in cli("revenue", "--output", "csv").logs if line["event"] == "uncounted"]
    assert warned["bills_unpublished"] == 2
    shown = " ".join(cli("revenue", "--output", "table").out.decode().split())
    assert "In quarantine, and in no sum above: 7 of these days, 1 of unknown day." in shown
    assert "Not published, and in no sum above: 2 of these days in load 2, which is held." in shown


def test_explain_says_which_rates_were_used(cli: Cli, db: Database) -> None:
    cli("ingest", cli.write("usage.csv", usage_csv(ROWS)))
    tell(db, provisional("3.2"), allow_provisional=True)
    (used,) = [row for row in cli("revenue", "--explain").objects if row.get("kind") == "used_rate"]
    assert used.pop("fetched_at")
    assert used == {
        "kind": "used_rate",
        "rate_date": "2021-10-01",
        "currency": "ILS",
        "bills": 1,
        "amount": "1228.66608640",
        "rate": "3.2",
        "revenue_usd": "383.958152000000",
        "provider": "told",
        "quoted_at": "2021-10-01T12:00:00Z",
        "provisional": True,
        "disputed_rate": None,
    }
    tell(db, final("3.2"), final("0.8", currency="EUR", day=DAYS[1]))
    tell(db, final("3.3"))
    used, other = [row for row in cli("revenue", "--explain").objects if row.get("kind") == "used_rate"]
    assert (used["provisional"], used["disputed_rate"], used["rate"]) == (False, "3.3", "3.2")
    assert (other["provisional"], other["disputed_rate"], other["rate"]) == (False, None, "0.8")


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["revenue", "--by", "hour"],
            ["revenue", "--from", "1.10.2021"],
            ["revenue", "--from", "2021-10-02", "--to", "2021-10-01"],
        ),
        *(["revenue", "--explain", "--output", "csv"], ["status", "--output", "csv"], ["fx", "--missing", "--output", "csv"]),
    ],
)
def test_a_command_line_that_is_not_understood(tmp_path: Path, arguments: list[str]) -> None:
    assert Cli(tmp_path)(*arguments).code == 2


@pytest.mark.slow  # it starts many processes
def test_what_people_read(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    cli = Cli(tmp_path)

    def run(*arguments: str) -> None:
        shown = "\n".join(line.rstrip() for line in cli("revenue", *arguments, "--output", "table").out.decode().splitlines())
        assert f"$ dbsvc revenue {' '.join(arguments)}\n{shown}" == snapshot

    cli("db", "migrate")
    run()
    cli("ingest", cli.write("usage.csv", usage_csv(ROWS)))
    for by in ("day", "customer", "product", "currency"):
        run("--by", by)
    with serving(fake.changed(timestamp=1633150000)) as api:
        cli("fx", "--date", "2021-10-02", "--allow-provisional", env=api.env())
        api.answer = fake.good
        cli("fx", "--missing", "--currency", "ILS", env=api.env())
        api.answer = fake.quoting(ILS="3.3")
        cli("fx", "--date", "2021-10-01", "--refresh", "--currency", "ILS", env=api.env())
    for by in ("day", "customer", "product", "currency"):
        run("--by", by, "--explain")


def test_a_chart_on_a_terminal(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli("ingest", cli.write("usage.csv", usage_csv(ROWS)))
    assert "██████" in cli.on_a_terminal("revenue")
    assert not COLOUR.search(cli.on_a_terminal("revenue", NO_COLOR="1"))


@pytest.mark.parametrize("columns", ["80", "60", "20"])
def test_a_narrow_terminal_cuts_nothing_off(tmp_path: Path, columns: str) -> None:
    cli = Cli(tmp_path)
    cli("ingest", cli.write("usage.csv", usage_csv([*ROWS, ("2021-10-01", 9, "USD", "Giant", "98765432109876.54", "0.005")])))
    shown = cli("revenue", "--output", "table", env={"COLUMNS": columns}).out.decode()
    joined = "".join(shown.split())  # a number of 20 digits goes on in the next line where there is no room for it
    for whole in ("2021-10-01", "2021-10-02", "98,765,432,111,077.04", "98,765,432,111,387.30", "922.12", "product1usd"):
        assert whole in joined


def test_the_largest_come_first_then_by_name_and_the_unknown_last(cli: Cli) -> None:
    rows = [("USD", "Zero", 0), ("ILS", "Unknown", 5), ("USD", "b", 1), ("USD", "B", 1), ("USD", "Large", 2)]
    cli("ingest", cli.write("usage.csv", usage_csv([("2021-10-01", n, c, who, a, 0) for n, (c, who, a) in enumerate(rows)])))
    found = [row["customer"] for row in cli("revenue", "--by", "customer").objects if row.get("kind") == "revenue"]
    assert found == ["Large", "B", "b", "Zero", "Unknown"]
