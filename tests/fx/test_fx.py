"""Exchange rates in the database: asked for once, stored once, whatever happens, on every dialect."""

from __future__ import annotations

import csv
import datetime
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from dbsvc import Database, IntegrityError, connect
from dbsvc.engine.errors import DbsvcError, InputError, NoRatesError, ProviderBusyError, ProviderError
from dbsvc.engine.fx import rates as fx
from dbsvc.engine.fx.providers import Quote, provider_for
from dbsvc.engine.settings import Settings
from tests.helpers import ROOT, load, query, usage_csv, write
from tests.helpers import currencylayer as fake
from tests.helpers.citus import at_most
from tests.helpers.cli import Cli
from tests.helpers.currencylayer import CurrencyLayer, serving
from tests.helpers.rates import DAY, NOON, Told, final, provisional, tell

NEXT = datetime.date(2021, 10, 2)
TODAY = datetime.datetime.now(datetime.UTC).date()
SOON = TODAY + datetime.timedelta(30)


@pytest.fixture
def cli(tmp_path: Path, url: str) -> Cli:
    return Cli(tmp_path, url)


@pytest.fixture
def api() -> Iterator[CurrencyLayer]:
    with serving() as started:
        yield started


def rates(db: Database) -> dict[tuple[str, str], str]:
    found = query(db, "SELECT CAST(rate_date AS text), currency, CAST(rate AS text) FROM fx_rates")
    return {(day, currency): rate for day, currency, rate in found}


def past(db: Database) -> list[tuple[Any, ...]]:
    return query(db, "SELECT currency, status, CAST(rate AS text), provisional FROM fx_rates_history ORDER BY 1, 2, 3")


ALL = {("2021-10-01", "EUR"): "0.8625", ("2021-10-01", "GBP"): "0.742611", ("2021-10-01", "ILS"): "3.2"}


# --- what becomes of a quote


def test_a_final_rate_is_stored_once(db: Database) -> None:
    assert tell(db, final("3.2"), final("0.86", currency="EUR")) == ["stored", "stored"]
    before = query(db, "SELECT * FROM fx_rates ORDER BY currency")
    assert tell(db, final("3.200"), final("0.86", currency="EUR")) == ["unchanged", "unchanged"]
    assert query(db, "SELECT * FROM fx_rates ORDER BY currency") == before
    assert past(db) == []


def test_all_that_is_known_of_a_rate_is_stored_as_the_same_values_everywhere(db: Database) -> None:
    before = datetime.datetime.now(datetime.UTC)
    tell(db, final("3.2"))
    with db.transaction() as tx:
        (row,) = tx.execute("SELECT * FROM fx_rates").rows
    assert before <= row.pop("fetched_at") <= datetime.datetime.now(datetime.UTC)
    assert row == {
        "rate_date": DAY,
        "currency": "ILS",
        "rate": Decimal("3.2"),
        "inverse_rate": Decimal("0.3125"),
        "provider": "told",
        "quoted_at": datetime.datetime(2021, 10, 1, 23, 59, 59, tzinfo=datetime.UTC),
        "provisional": False,
    }


@pytest.mark.parametrize(
    ("rate", "inverse"),
    [
        ("3", "0.33333333333333333333"),
        ("0.6", "1.66666666666666666667"),
        ("1.5E-5", "66666.66666666666666666667"),
        ("9999999.999999", "0.00000010000000000001"),
        ("0.0000001", "10000000"),
        ("1", "1"),
        ("1000", "0.001"),
        ("3.2040000", "0.31210986267166042447"),
        ("0.00000015", "6666666.66666666666666666667"),
        ("40000000000000000000E-20", "2.5"),
        ("1.99999999999999999999", "0.500000000000000000000"),
    ],
)
def test_the_inverse_of_a_rate(db: Database, rate: str, inverse: str) -> None:
    tell(db, final(rate))
    with db.transaction() as tx:
        (row,) = tx.execute("SELECT inverse_rate, CAST(inverse_rate AS text) AS written FROM fx_rates").rows
    assert row["inverse_rate"] == Decimal(inverse)
    assert row["written"] == format(Decimal(inverse).normalize(), "f")


def test_a_final_rate_that_is_quoted_otherwise_is_disputed_and_not_used(db: Database) -> None:
    tell(db, final("3.2"), final("0.86", currency="EUR"))
    for _ in range(2):  # recorded once
        assert tell(db, final("3.3"), final("0.86", currency="EUR")) == ["unchanged", "disputed"]
    assert tell(db, final("3.4")) == ["disputed"]
    assert rates(db)["2021-10-01", "ILS"] == "3.2"
    assert past(db) == [("ILS", "disputed", "3.3", False), ("ILS", "disputed", "3.4", False)]


def test_a_disputed_rate_is_accepted_by_order_only(db: Database) -> None:
    tell(db, final("3.2"))
    tell(db, final("3.3"))
    assert tell(db, final("3.3"), accept=True) == ["replaced"]
    assert rates(db) == {("2021-10-01", "ILS"): "3.3"}
    assert past(db) == [("ILS", "disputed", "3.3", False), ("ILS", "replaced", "3.2", False)]
    assert tell(db, final("3.3"), accept=True) == ["unchanged"]
    assert tell(db, final("3.2")) == ["disputed"]  # and back
    assert tell(db, final("3.2"), accept=True) == ["replaced"]
    assert tell(db, final("3.3")) == ["disputed"]  # a new dispute, of the new rate
    assert [(status, rate) for _, status, rate, _ in past(db)].count(("disputed", "3.3")) == 2


def test_a_provisional_rate_is_stored_only_if_allowed_and_gives_way(db: Database) -> None:
    assert tell(db, provisional("3.1")) == ["not_final"]
    assert rates(db) == {}
    assert tell(db, provisional("3.1"), allow_provisional=True) == ["stored"]
    assert tell(db, provisional("3.15", 13)) == ["not_final"]
    assert rates(db) == {("2021-10-01", "ILS"): "3.1"}
    assert tell(db, provisional("3.05", 11), allow_provisional=True) == ["unchanged"]  # an older one
    assert tell(db, provisional("3.15", 13), allow_provisional=True) == ["replaced"]
    assert tell(db, final("3.15")) == ["replaced"]  # the same rate, and final now
    assert query(db, "SELECT CAST(rate AS text), provisional FROM fx_rates") == [("3.15", False)]
    assert past(db) == [("ILS", "replaced", "3.1", True), ("ILS", "replaced", "3.15", True)]
    assert tell(db, provisional("9", 14), allow_provisional=True, accept=True) == ["unchanged"]
    assert tell(db, final("3.2")) == ["disputed"]


@pytest.mark.parametrize(
    "change",
    [
        "rate = '0'",
        "rate = '-1'",
        "rate = 'NaN'",
        "rate = '10000000'",
        "currency = 'USD'",
        "currency = 'XXQ'",
        "inverse_rate = '0'",
        "provider = ''",
        "rate = NULL",
        "fetched_at = NULL",
        "provisional = NULL",
    ],
)
def test_the_database_refuses_what_is_no_rate(db: Database, dialect: str, change: str) -> None:
    if dialect == "citus" and "XXQ" in change:
        pytest.skip("Citus keeps no key between rates and currencies: each is looked up")
    tell(db, final("3.2"))
    with pytest.raises(IntegrityError), db.transaction() as tx:
        tx.execute(f"UPDATE fx_rates SET {change}")


# --- which calls are made


def pairs(*days: datetime.date, currencies: str = "ILS EUR") -> list[fx.Pair]:
    return [(day, currency) for day in days for currency in currencies.split()]


def test_a_plan_asks_for_what_is_not_stored(db: Database) -> None:
    tell(db, final("3.2"))
    plan = fx.plan(db, pairs(DAY, NEXT))
    assert [(call.first, call.last, call.currencies) for call in plan.calls] == [
        (DAY, DAY, ("EUR",)),
        (NEXT, NEXT, ("EUR", "ILS")),
    ]
    assert [row["currency"] for row in plan.stored] == ["ILS"]
    assert fx.plan(db, pairs(DAY, currencies="ILS")).calls == []
    assert [call.currencies for call in fx.plan(db, pairs(DAY), refresh=True).calls] == [("EUR", "ILS")]
    assert fx.plan(db, []).calls == []


def test_a_plan_asks_again_for_what_is_provisional(db: Database) -> None:
    tell(db, provisional("3.2"), allow_provisional=True)
    plan = fx.plan(db, pairs(DAY, currencies="ILS"))
    assert ([call.currencies for call in plan.calls], plan.stored) == ([("ILS",)], [])


def test_time_frames_span_at_most_365_days(db: Database) -> None:
    days = [DAY + datetime.timedelta(n) for n in (0, 1, 364, 365, 366, 800)]
    calls = fx.plan(db, pairs(*days), time_frames=True).calls
    assert [(call.first, call.last) for call in calls] == [(days[0], days[2]), (days[3], days[4]), (days[5], days[5])]
    assert all((call.last - call.first).days + 1 <= 365 for call in calls)
    assert sorted(pair for call in calls for pair in call.wanted) == sorted(pairs(*days))


def test_a_time_frame_stores_only_what_was_wanted(db: Database) -> None:
    tell(db, final("3.2"))
    day_after = NEXT + datetime.timedelta(1)
    (call,) = fx.plan(db, [(DAY, "EUR"), (day_after, "ILS")], time_frames=True).calls
    told = [final("7", currency=c, day=day) for day in (DAY, NEXT, day_after) for c in ("EUR", "ILS")]
    fx.fetch(db, Told(told), call)
    assert rates(db) == {("2021-10-01", "ILS"): "3.2", ("2021-10-01", "EUR"): "7", ("2021-10-03", "ILS"): "7"}


def test_what_bills_need_and_lack(cli: Cli, db: Database) -> None:
    rows = [(day, n, c, "A", 1, 2) for day in ("2021-10-01", "2021-10-02") for n, c in enumerate(("USD", "ILS", "JPY", "ILS"))]
    cli("ingest", cli.write("usage.csv", usage_csv(rows)))
    assert fx.find_needed(db) == [(DAY, "ILS"), (DAY, "JPY"), (NEXT, "ILS"), (NEXT, "JPY")]
    tell(db, final("3.2"), final("110", currency="JPY", day=NEXT))
    assert fx.find_needed(db) == [(DAY, "JPY"), (NEXT, "ILS")]
    tell(db, Quote(NEXT, "ILS", Decimal(3), NOON, True), allow_provisional=True)
    assert fx.find_needed(db) == [(DAY, "JPY"), (NEXT, "ILS")]


@pytest.mark.parametrize("day", [TODAY, TODAY + datetime.timedelta(1), datetime.date(9999, 12, 31)])
def test_a_day_that_is_not_over_is_refused(db: Database, day: datetime.date) -> None:
    with pytest.raises(InputError, match=f"{day} is not over yet"):
        fx.days(DAY, day)
    plan = fx.plan(db, pairs(day, DAY, currencies="ILS"))
    assert ([call.first for call in plan.calls], plan.too_early) == ([DAY], [(day, "ILS")])


def test_currencies_that_need_no_rate_or_do_not_exist(db: Database) -> None:
    fx.check_currencies(db, ["ILS", "JPY"])
    with pytest.raises(InputError, match="USD needs no rate"):
        fx.check_currencies(db, ["ILS", "USD"])
    with pytest.raises(InputError, match=r"Not a currency of ISO 4217: QQQ, XYZ\."):
        fx.check_currencies(db, ["XYZ", "ILS", "QQQ"])


# --- the command


def test_a_day_is_asked_for_once(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    ran = cli("fx", "--date", "2021-10-01", env=api.env())
    assert (ran.code, len(api.requests), rates(db)) == (0, 1, ALL)
    assert {(row["rate_date"], row["currency"]): row["rate"] for row in ran.objects[:-1]} == ALL
    assert ran.objects[-1].items() >= {"event": "fx", "requests": 1, "stored": 3, "already_stored": 0}.items()
    # no request, hence no key and no server needed
    ran = cli("fx", "--date", "2021-10-01", env={"CURRENCYLAYER_BASE_URL": "http://127.0.0.1:9"})
    assert (ran.code, len(api.requests)) == (0, 1)
    assert ran.objects[-1].items() >= {"event": "fx", "requests": 0, "stored": 0, "already_stored": 3}.items()
    cli("fx", "--date", "2021-10-01", "--currency", "jpy, eur", env=api.env())
    assert (len(api.requests), api.requests[-1]["currencies"]) == (2, "JPY")


@pytest.mark.slow  # it starts many processes
def test_several_days(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    arguments = ["fx", "--from", "2021-09-30", "--to", "2021-10-02"]
    ran = cli(*arguments, "--dry-run")
    nothing = {"already_stored": 0, "known_unavailable": 0, "too_early": 0}
    assert ran.objects[-1] == {"event": "fx", "dry_run": True, "calls": 3, "rates": 9, **nothing}
    cli("fx", "--date", "2021-10-01", env=api.env())
    ran = cli(*arguments, env=api.env())
    assert [request["date"] for request in api.requests] == ["2021-10-01", "2021-09-30", "2021-10-02"]
    assert (ran.code, len(rates(db))) == (0, 9)
    assert cli(*arguments, env=api.env()).objects[-1]["requests"] == 0


@pytest.mark.slow  # it starts many processes
def test_a_time_frame(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    ran = cli("fx", "--from", "2021-01-01", "--to", "2021-12-31", "--timeframe", env=api.env())
    assert (ran.code, len(api.requests), len(rates(db))) == (0, 1, 365 * 3)
    arguments = ["fx", "--from", "2020-12-30", "--to", "2022-01-02", "--timeframe"]
    assert cli(*arguments, "--dry-run").objects[-1]["calls"] == 2
    assert cli(*arguments, env=api.env()).objects[-1]["stored"] == 4 * 3
    assert [request["path"] for request in api.requests] == ["/timeframe"] * 3


@pytest.mark.slow  # it starts many processes
def test_missing_rates(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    tomorrow = TODAY + datetime.timedelta(1)
    rows = [(day, 1, c, "A", 1, 2) for day, c in (("2021-10-01", "ILS"), ("2021-10-02", "JPY"), ("2021-10-03", "USD"))]
    cli("ingest", cli.write("usage.csv", usage_csv([*rows, (tomorrow, 1, "EUR", "A", 1, 2)])))
    ran = cli("fx", "--missing", env=api.env())
    assert (ran.code, ran.objects[-1]["too_early"]) == (0, 1)
    assert rates(db) == {("2021-10-01", "ILS"): "3.2", ("2021-10-02", "JPY"): "111.2695"}
    ran = cli("fx", "--missing", env=api.env())
    assert (ran.code, len(api.requests), ran.objects[-1]["requests"]) == (0, 2, 0)


def test_a_day_without_rates_does_not_keep_out_the_others(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    rows = [(f"2021-10-0{n}", n, c, "A", 1, 2) for n, c in ((1, "ILS"), (2, "XPF"), (3, "EUR"))]
    cli("ingest", cli.write("usage.csv", usage_csv(rows)))
    ran = cli("fx", "--missing", env=api.env())
    assert (ran.code, len(api.requests), ran.objects[-1]["unavailable"]) == (65, 3, 1)
    assert "no rates of XPF for 2021-10-02" in ran.error
    assert sorted(rates(db)) == [("2021-10-01", "ILS"), ("2021-10-03", "EUR")]


def test_what_is_final_for_all_stops_at_once_and_keeps_what_came(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.script, api.answer = [fake.good], fake.error(104)
    ran = cli("fx", "--from", "2021-10-01", "--to", "2021-10-05", env=api.env())
    assert (ran.code, len(api.requests), rates(db)) == (69, 2, ALL)
    assert "quota is used up" in ran.error
    assert ran.objects[-1]["stored"] == 3


@pytest.mark.slow  # it starts many processes
def test_rates_that_are_not_final(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.changed(timestamp=int(NOON.timestamp()))
    ran = cli("fx", "--date", "2021-10-01", env=api.env())
    assert (ran.code, ran.objects[-1]["not_final"], rates(db)) == (75, 3, {})
    ran = cli("fx", "--date", "2021-10-01", "--allow-provisional", env=api.env())
    assert (ran.code, {row["provisional"] for row in ran.objects[:-1]}, rates(db)) == (0, {True}, ALL)
    api.answer = fake.good
    assert cli("fx", "--date", "2021-10-01", env=api.env()).objects[-1]["replaced"] == 3
    assert cli("fx", "--date", "2021-10-01", env=api.env()).objects[-1]["already_stored"] == 3


@pytest.mark.one_database
def test_refresh_records_what_changed(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    cli("fx", "--date", "2021-10-01", env=api.env())
    api.answer = fake.quoting(ILS="3.3")
    ran = cli("fx", "--date", "2021-10-01", "--refresh", env={**api.env(), "DBSVC_LOG_LEVEL": "debug"})
    assert (ran.code, rates(db), past(db)) == (0, ALL, [("ILS", "disputed", "3.3", False)])
    assert ran.objects[-1].items() >= {"disputed": 1, "unchanged": 2, "requests": 1}.items()
    assert [line["level"] for line in ran.logs if line["event"] == "rate"] == ["debug", "debug", "warning"]
    ran = cli("fx", "--date", "2021-10-01", "--refresh", "--accept", env=api.env())
    assert (ran.objects[-1]["replaced"], rates(db)["2021-10-01", "ILS"]) == (1, "3.3")


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            [],
            ["--date", "01/10/2021"],
            ["--date", "2021-02-30"],
            ["--date", "2021-10-01", "--missing"],
            ["--from", "2021-10-01"],
        ),
        *(["--to", "2021-10-01"], ["--date", "2021-10-01", "--timeframe"], ["--date", "2021-10-01", "--accept"]),
        *(["--from", "2021-10-02", "--to", "2021-10-01"], ["--date", "2021-10-01", "--currency", " , "]),
        *(["--missing", "--refresh"], ["--date", "2021-10-01", "--from", "2021-10-01", "--to", "2021-10-01"]),
    ],
)
def test_a_command_line_that_is_not_understood(tmp_path: Path, arguments: list[str]) -> None:
    assert Cli(tmp_path)("fx", *arguments).code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("one", "other"), [("--from", "--to"), ("--to", "--from")])
def test_one_end_of_several_days_is_told_in_the_same_way(tmp_path: Path, one: str, other: str) -> None:
    assert Cli(tmp_path)("fx", one, "2021-10-01").error == f"{one} goes with {other}."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--date", str(TODAY)], "not over yet"),
        (["--date", str(TODAY), "--allow-provisional"], "not over yet"),
        (["--from", "2021-10-01", "--to", "2999-01-01"], "not over yet"),
        (["--date", "2021-10-01", "--currency", "USD"], "USD needs no rate"),
        (["--date", "2021-10-01", "--currency", "EUR,DOGE"], "Not a currency of ISO 4217: DOGE"),
    ],
)
def test_what_cannot_be_asked(cli: Cli, api: CurrencyLayer, arguments: list[str], says: str) -> None:
    ran = cli("fx", *arguments, env=api.env())
    assert (ran.code, api.requests) == (65, [])
    assert says in ran.error


FAILURES: list[tuple[fake.Answer | None, dict[str, str], int, int, str]] = [
    (fake.good, {"CURRENCYLAYER_ACCESS_KEY": ""}, 78, 0, "There is no access key"),
    (fake.good, {"CURRENCYLAYER_ACCESS_KEY": "wrong-key-of-mine"}, 78, 1, "does not know our access key"),
    (None, {}, 69, 0, "could not be asked"),
    (fake.error(104), {}, 69, 1, "quota is used up"),
    (fake.error(102), {}, 78, 1, "not active"),
    (fake.error(105, 403), {}, 78, 1, "http://api.currencylayer.com"),
    (fake.error(202), {}, 65, 5, "does not know EUR, GBP, ILS"),
    (fake.error(302), {}, 65, 1, "no rates of EUR, GBP, ILS for 2021-10-01"),
    (fake.html, {}, 69, 1, "something else than JSON"),
    (fake.quoting(ILS="-1", EUR="0", GBP="1e9"), {}, 69, 1, "cannot be"),
    (fake.rate_limited(429, Retry_After="600"), {}, 75, 1, "slow down (106): run the same command again in 600 seconds"),
    (fake.status(500), {"CURRENCYLAYER_DEADLINE": "0.4"}, 69, 1, "out of order (HTTP 500)"),
]


@pytest.mark.slow  # it starts many processes
@pytest.mark.parametrize(("answer", "env", "code", "requests", "says"), FAILURES)
@pytest.mark.one_database
def test_a_failure_is_one_sentence_and_stores_nothing(
    cli: Cli,
    db: Database,
    api: CurrencyLayer,
    answer: fake.Answer | None,
    env: dict[str, str],
    code: int,
    requests: int,
    says: str,
) -> None:
    if answer:
        api.answer = answer
    else:
        api.close()
    ran = cli("fx", "--date", "2021-10-01", "--debug", "--log-format", "text", env=api.env(**env))
    assert (ran.code, len(api.requests), rates(db), past(db)) == (code, requests, {}, [])
    assert len([line for line in ran.err.decode().splitlines() if line.startswith("dbsvc: ") and says in line]) == 1
    for secret in (fake.KEY, "wrong-key-of-mine"):
        assert secret not in (ran.out + ran.err).decode()


def test_a_key_from_a_pipe(cli: Cli, api: CurrencyLayer) -> None:
    command = f"CURRENCYLAYER_ACCESS_KEY_FILE=<(echo {fake.KEY}) {sys.executable} -m dbsvc fx --date 2021-10-01"
    env = cli.env({"CURRENCYLAYER_BASE_URL": api.url, "NO_PROXY": "127.0.0.1"})
    assert subprocess.run(["bash", "-c", command], cwd=cli.folder, env=env, capture_output=True, check=False).returncode == 0


def test_no_key_of_a_settings_file_or_a_secret_file_in_any_output(cli: Cli, api: CurrencyLayer) -> None:
    cli.write("secret", b"an-odd%key+of/mine\n")
    cli.write(".env", f"CURRENCYLAYER_ACCESS_KEY_FILE=secret\nCURRENCYLAYER_BASE_URL={api.url}\n".encode())
    echo = "?access_key=an-odd%25key%2Bof%2Fmine an-odd%key+of/mine"
    api.answer = lambda _: fake.as_json({"success": False, "error": {"code": 999, "info": echo}})
    ran = cli("fx", "--date", "2021-10-01", "--debug")
    assert (ran.code, api.requests[0]["access_key"]) == (69, "an-odd%key+of/mine")
    assert "of/mine" not in (ran.out + ran.err).decode()
    assert "odd%25key" not in (ran.out + ran.err).decode()


# --- what the provider does not have


def need(db: Database, folder: Path, *needed: str) -> None:
    """Load bills of these days and currencies, written as 2021-10-01 ILS."""
    rows = [(day, n, currency, "A", 1, 2) for n, (day, currency) in enumerate(one.split() for one in needed)]
    load(db, write(folder / "usage.csv", usage_csv(rows)))


def unavailable(db: Database) -> set[tuple[str, str, str]]:
    return set(query(db, "SELECT CAST(rate_date AS text), currency, reason FROM fx_unavailable"))


def stored(db: Database) -> set[tuple[str, str]]:
    return set(rates(db))


class Night:
    """What a run makes of it, without a process: requests, outcomes, errors."""

    def __init__(self, db: Database, api: CurrencyLayer, wanted: Iterable[fx.Pair] | None = None, **choices: Any) -> None:
        known = Settings(
            currencylayer_access_key=fake.KEY,
            currencylayer_base_url=api.url,
            currencylayer_timeout=2,
            currencylayer_deadline=2,
        )
        before, self.errors, self.outcomes = len(api.requests), list[DbsvcError](), Counter[str]()
        plan = fx.plan(db, set(fx.find_needed(db) if wanted is None else wanted), **choices)
        try:
            for step in fx.carry_out(db, provider_for(known, lambda seconds: None), plan):
                self.errors += [step.error] if step.error else []
                self.outcomes.update(row["outcome"] for row in step.rows)
        except DbsvcError as error:
            self.errors.append(error)
        self.requests = len(api.requests) - before
        self.known_unavailable = len(plan.unavailable)


NEEDED = [f"2021-10-0{n} {currency}" for n in (1, 2, 3) for currency in ("EUR", "GBP", "ILS", "XPF")]
GOT = {(f"2021-10-0{n}", currency) for n in (1, 2, 3) for currency in ("EUR", "GBP", "ILS")}
UNKNOWN = {("2021-10-01", "XPF", "currency_unknown")}


def lacking(reason: str) -> set[tuple[str, str, str]]:
    return {(f"2021-10-0{n}", "XPF", reason) for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("answer", "requests", "kept"),
    [
        # the whole day, its two halves, of the second what is left of it; then the currency is known to be unknown
        (fake.unknown("XPF"), 4 + 2, UNKNOWN),
        (fake.unknown("XPF", says="[XPF]"), 2 + 2, UNKNOWN),
        (fake.unknown("XPF", says="currencies=EUR,GBP,..."), 4 + 2, UNKNOWN),
        # then it is asked apart
        (fake.unknown("XPF", code=106), 4 + 2 * 2, lacking("no_rates")),
        (fake.without("XPF"), 3, lacking("left_out")),
        (fake.without("XPF", null=True), 3, lacking("left_out")),
    ],
)
def test_a_currency_that_the_provider_does_not_have(
    db: Database,
    api: CurrencyLayer,
    tmp_path: Path,
    answer: fake.Answer,
    requests: int,
    kept: set[tuple[str, str, str]],
) -> None:
    need(db, tmp_path, *NEEDED)
    api.answer = answer
    night = Night(db, api)
    assert (night.requests, night.outcomes) == (requests, {"stored": 9, "unavailable": 3})
    assert (stored(db), unavailable(db)) == (GOT, kept)
    night = Night(db, api)
    assert (night.requests, night.known_unavailable) == (0, 3)
    api.answer = fake.unknown()  # it has come
    night = Night(db, api, fx.find_unavailable(db), retry_unavailable=True)
    assert (night.requests, len(stored(db)), unavailable(db)) == (3, 12, set())
    assert fx.find_unavailable(db) == []


@pytest.mark.slow  # it starts many processes
def test_a_bill_in_a_currency_that_nobody_knows(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    need(db, cli.folder, "2021-10-01 EUR", "2021-10-01 XAU", "2021-10-02 EUR", "2021-10-02 XAU", f"{SOON} ILS")
    api.answer = fake.unknown("XAU")
    ran = cli("fx", "--missing", env=api.env())
    assert (ran.code, len(api.requests), len(rates(db))) == (65, 3 + 1, 2)
    assert ran.error.startswith("currencylayer does not know XAU: correct the bills")
    assert ran.objects[-1].items() >= {"stored": 2, "unavailable": 2, "left": 0, "too_early": 1}.items()
    assert len([line for line in ran.logs if line["event"] == "rate" and line["level"] == "warning"]) == 2
    # the second night asks nothing, needs no key, and says it
    nowhere = {"CURRENCYLAYER_BASE_URL": "http://127.0.0.1:9"}
    ran = cli("fx", "--missing", "--metrics-file", "metrics", env=nowhere)
    assert (ran.code, ran.objects[-1]["known_unavailable"]) == (0, 2)
    assert [line["level"] for line in ran.logs if line["event"] == "known_unavailable"] == ["warning"]
    assert 'dbsvc_rates{command="fx",outcome="known_unavailable"} 2.0' in (cli.folder / "metrics").read_text()
    assert cli("fx", "--missing", "--dry-run").objects[-1].items() >= {"calls": 0, "known_unavailable": 2}.items()
    # asked for by name, it is told every time; and a check finds the bills
    ran = cli("fx", "--date", "2021-10-01", "--currency", "EUR,XAU", env=nowhere)
    assert (ran.code, "does not know XAU" in ran.error) == (65, True)
    ran = cli("check", "--output", "json", "--only", "fx_rates_missing", "--since", "2021-10-01")
    (found,) = [row for row in ran.objects if "check" in row]
    assert [(row["currency"], row["unavailable"]) for row in found["sample"]] == [("XAU", "currency_unknown")] * 2
    ran = cli("fx", "--retry-unavailable", env=api.env())
    assert (ran.code, len(api.requests)) == (65, 5)
    api.answer = fake.unknown()
    ran = cli("fx", "--retry-unavailable", env=api.env())
    assert (ran.code, len(api.requests), len(rates(db))) == (0, 7, 4)


@pytest.mark.parametrize(
    ("culprits", "requests"),
    # n = 6 currencies, k culprits: at most 1 + 2k * 3, and never more than 11
    [("AUD", 5), ("SEK", 5), ("AUD NOK", 7), ("CHF SEK", 9), ("AUD CAD CHF NOK PLN SEK", 11)],
)
def test_several_culprits(db: Database, api: CurrencyLayer, tmp_path: Path, culprits: str, requests: int) -> None:
    currencies = {"AUD", "CAD", "CHF", "NOK", "PLN", "SEK"}
    need(db, tmp_path, *(f"2021-10-01 {currency}" for currency in sorted(currencies)), "2021-10-02 EUR")
    api.answer = fake.unknown(*culprits.split())
    assert Night(db, api).requests == requests + 1
    assert {currency for _, currency in stored(db)} == currencies - {*culprits.split()} | {"EUR"}
    assert {currency for _, currency, _ in unavailable(db)} == {*culprits.split()}
    assert Night(db, api).requests == 0


def test_culprits_that_are_named_cost_one_call_more(db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.unknown("CHF", "SEK", says="[SEK, CHF]")
    assert Night(db, api, pairs(DAY, currencies="AUD CAD CHF NOK PLN SEK")).requests == 2
    assert (len(stored(db)), len(unavailable(db))) == (4, 2)


def test_days_before_the_history(db: Database, api: CurrencyLayer, tmp_path: Path) -> None:
    need(db, tmp_path, "1998-12-30 EUR", "1998-12-31 EUR", "1998-12-31 ILS", "1999-01-01 EUR", f"{SOON} EUR")
    api.answer = fake.since("1999-01-01")
    assert Night(db, api).requests == 3
    refused = {("1998-12-30", "EUR"), ("1998-12-31", "EUR"), ("1998-12-31", "ILS")}
    assert unavailable(db) == {(*pair, "date_refused") for pair in refused}
    assert stored(db) == {("1999-01-01", "EUR")}
    assert Night(db, api).requests == 0


def days(first: str, count: int) -> list[datetime.date]:
    return [datetime.date.fromisoformat(first) + datetime.timedelta(n) for n in range(count)]


@pytest.mark.parametrize("code", [302, 502, 504, 505])
def test_a_time_frame_that_begins_before_the_history(db: Database, api: CurrencyLayer, code: int) -> None:
    def answer(query: dict[str, str]) -> fake.Reply:
        return fake.since("1999-01-01", 302 if "date" in query else code)(query)

    api.answer = answer
    wanted = pairs(*days("1998-12-30", 12), currencies="ILS EUR")
    # the whole, and its newer half; the older is to blame, its newer half is not; then of three days the newer two are
    assert Night(db, api, wanted, time_frames=True).requests == 7
    assert len(stored(db)) == 20
    assert {(day, reason) for day, _, reason in unavailable(db)} == {(f"1998-12-{n}", "date_refused") for n in (30, 31)}
    assert Night(db, api, wanted, time_frames=True).requests == 0


def test_a_time_frame_in_which_something_is_lacking(db: Database, api: CurrencyLayer) -> None:
    year = days("2021-01-01", 365)
    api.answer = fake.unknown("XPF", code=106)
    assert Night(db, api, pairs(*year, currencies="EUR XPF"), time_frames=True).requests == 3
    assert (len(stored(db)), len(unavailable(db))) == (365, 365)
    assert Night(db, api, pairs(*year, currencies="EUR XPF"), time_frames=True).requests == 0
    api.answer = fake.without("GBP", day="2021-05-05")
    assert Night(db, api, pairs(*year, currencies="EUR GBP"), time_frames=True).requests == 1
    assert ("2021-05-05", "GBP", "left_out") in unavailable(db)
    assert (len(stored(db)), len(unavailable(db))) == (2 * 365 - 1, 366)


def test_a_day_of_a_time_frame_that_is_not_final_may_still_come(db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.without("ILS")
    wanted = pairs(*(TODAY - datetime.timedelta(n) for n in (3, 2, 1)), currencies="ILS")
    assert Night(db, api, wanted, time_frames=True).outcomes == {"unavailable": 2, "not_final": 1}
    assert len(unavailable(db)) == 2


def test_what_is_lacking_soon_after_its_day_is_asked_once_more(db: Database) -> None:
    def calls(age: int, said: int) -> int:
        """How many are planned for a day some days ago, of which the provider had nothing some days later."""
        day = TODAY - datetime.timedelta(age)
        recorded_at = NOON.replace(year=day.year, month=day.month, day=day.day) + datetime.timedelta(said)
        with db.transaction() as tx:
            tx.execute("DELETE FROM fx_unavailable")
            tx.insert_rows(
                "fx_unavailable",
                ("rate_date", "currency", "provider", "reason", "recorded_at"),
                [(day, "ILS", "currencylayer", "no_rates", recorded_at)],
            )
        return len(fx.plan(db, [(day, "ILS")]).calls)

    assert [calls(*case) for case in ((1, 1), (2, 1), (3, 1), (4, 1), (4, 3), (99, 2), (99, 98))] == [0, 0, 1, 1, 0, 1, 0]


def test_a_rate_that_comes_from_elsewhere_is_available(db: Database) -> None:
    nothing = [Quote(DAY, currency, None, None, False) for currency in ("ILS", "EUR")]
    assert tell(db, *nothing) == ["unavailable", "unavailable"]
    call = fx.Call.for_pairs([(DAY, "ILS")])
    assert [row["outcome"] for row in fx.fetch(db, Told([final("3.2")], name="another"), call)] == ["stored"]
    assert unavailable(db) == {("2021-10-01", "EUR", "left_out")}
    assert [row["outcome"] for row in fx.fetch(db, Told(nothing), call)] == ["unavailable"]  # which is stored already
    assert (rates(db), len(unavailable(db))) == ({("2021-10-01", "ILS"): "3.2"}, 1)
    assert len(fx.plan(db, pairs(DAY), provider="told").calls) == 0
    assert len(fx.plan(db, pairs(DAY), provider="another").calls) == 1
    assert len(fx.plan(db, pairs(DAY), provider="told", refresh=True).calls) == 1


def test_a_provisional_rate_that_is_not_followed_by_a_final_one(db: Database) -> None:
    tell(db, provisional("3.2"), allow_provisional=True)
    assert tell(db, Quote(DAY, "ILS", None, None, False)) == ["unavailable"]
    plan = fx.plan(db, pairs(DAY, currencies="ILS"), provider="told")
    assert (plan.calls, len(plan.unavailable), rates(db)) == ([], 1, {("2021-10-01", "ILS"): "3.2"})
    assert tell(db, final("3.3")) == ["replaced"]
    assert unavailable(db) == set()


def test_a_retry_asks_for_an_unknown_currency_once(db: Database, api: CurrencyLayer, tmp_path: Path) -> None:
    need(db, tmp_path, *(f"2021-10-0{n} XPF" for n in (1, 2, 3)))
    api.answer = fake.unknown("XPF")
    assert Night(db, api).requests == 1
    assert Night(db, api, fx.find_unavailable(db), retry_unavailable=True).requests == 1
    need(db, tmp_path, "2021-11-01 XPF", "2021-11-01 EUR")  # of a later day
    assert (Night(db, api).requests, stored(db)) == (1, {("2021-11-01", "EUR")})
    api.answer = fake.unknown("XPF", code=106)  # it knows it now, and has no rates
    assert Night(db, api, fx.find_unavailable(db), retry_unavailable=True).requests == 4
    assert {reason for _, _, reason in unavailable(db)} == {"no_rates"}


def test_a_rate_that_cannot_be_is_refused_by_itself_and_not_remembered(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.on("2021-10-01", fake.quoting(ILS="-1"))
    ran = cli("fx", "--from", "2021-10-01", "--to", "2021-10-02", env=api.env())
    assert (ran.code, len(api.requests), len(rates(db)), unavailable(db)) == (69, 2, 5, set())
    assert "its rate of ILS for 2021-10-01 is -1, which cannot be" in ran.error
    assert ran.objects[-1].items() >= {"stored": 5, "refused": 1, "left": 0}.items()
    night = Night(db, api, pairs(DAY, NEXT))
    assert (night.requests, night.outcomes) == (1, {"refused": 1})
    api.answer = fake.good
    assert Night(db, api, pairs(DAY, NEXT)).outcomes == {"stored": 1}


@pytest.mark.parametrize("fault", [fake.status(500), fake.html, fake.changed(date="2021-01-01"), fake.error(301)])
def test_a_day_that_fails_does_not_keep_out_the_others(db: Database, api: CurrencyLayer, fault: fake.Answer) -> None:
    api.answer = fake.on("2021-10-02", fault)
    night = Night(db, api, pairs(*days("2021-10-01", 4), currencies="ILS"))
    assert (len(night.errors), len(rates(db)), unavailable(db)) == (1, 3, set())


def test_the_errors_of_single_days_are_told(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.on("2021-10-02", fake.html)
    ran = cli("fx", "--from", "2021-10-01", "--to", "2021-10-03", "--currency", "ILS", env=api.env())
    assert (ran.code, ran.objects[-1]["left"], len(rates(db))) == (69, 1, 2)
    assert ran.error.startswith("2021-10-02: CurrencyLayer answered something else than JSON")


def test_a_provider_that_fails_call_by_call_is_left_alone(db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.html
    wanted = pairs(*days("2021-10-01", 20), currencies="ILS")
    assert Night(db, api, wanted).requests == 4
    assert [request["date"] for request in api.requests] == ["2021-10-01", "2021-10-02", "2021-10-03", "2021-10-20"]
    # but if it is only these days, all others are had
    api.answer = lambda query: (fake.html if query["date"] <= "2021-10-07" else fake.good)(query)
    assert Night(db, api, wanted).requests == 20
    assert len(rates(db)) == 13


@pytest.mark.slow  # it starts many processes
@pytest.mark.parametrize(
    ("fault", "code"), [(fake.error(104), 69), (fake.rate_limited(429, Retry_After="600"), 75), (fake.error(101), 78)]
)
def test_what_fails_for_all_says_what_is_left(
    cli: Cli, db: Database, api: CurrencyLayer, fault: fake.Answer, code: int
) -> None:
    need(db, cli.folder, *NEEDED)
    # in the middle of finding the culprit
    api.script, api.answer = [fake.error(202), fake.good, fault], fake.unknown("XPF")
    ran = cli("fx", "--missing", env=api.env())
    assert (ran.code, len(api.requests), ran.objects[-1]["left"]) == (code, 3, 10)
    assert (stored(db), unavailable(db)) == ({("2021-10-01", "EUR"), ("2021-10-01", "GBP")}, set())
    assert Night(db, api).requests == 3 + 2
    assert (stored(db), Night(db, api).requests) == (GOT, 0)


@dataclass
class Odd:
    """A provider that has some rates, fails a call when it lacks one of them, and sometimes without."""

    has: set[fx.Pair]
    unknown: set[str]
    faults: list[type[Exception] | None]
    asked: list[set[fx.Pair]]
    leaves_out: bool
    names: bool
    name: str = "odd"
    requests: int = 0

    def quotes(self, first: datetime.date, last: datetime.date, currencies: Sequence[str]) -> list[Quote]:
        self.requests += 1
        days = [first + datetime.timedelta(n) for n in range((last - first).days + 1)]
        self.asked.append({(day, currency) for day in days for currency in currencies})
        if self.faults and (fault := self.faults.pop()):
            raise fault("No.")
        if lost := self.unknown.intersection(currencies):
            raise NoRatesError("No.", reason="currency_unknown", currencies=lost if self.names else ())
        if (lost := {currency for _, currency in self.asked[-1] - self.has}) and not self.leaves_out:
            raise NoRatesError("No.", reason="no_rates", currencies=lost if self.names else ())
        return [
            final("3", currency=currency, day=day) if (day, currency) in self.has else Quote(day, currency, None, None, False)
            for day, currency in sorted(self.asked[-1])
        ]


ASKABLE = pairs(*(DAY + datetime.timedelta(n) for n in range(4)), currencies="ILS EUR GBP XPF")


@given(
    wanted=st.sets(st.sampled_from(ASKABLE), min_size=1),
    has=st.sets(st.sampled_from(ASKABLE)),
    unknown=st.sets(st.sampled_from(["XPF", "GBP"])),
    runs=st.lists(
        st.lists(st.sampled_from([None, None, ProviderError, ProviderBusyError, InputError]), max_size=8), max_size=3
    ),
    leaves_out=st.booleans(),
    names=st.booleans(),
)
@hypothesis_settings(max_examples=at_most(12))
def test_whatever_failed_in_the_end_only_what_is_neither_stored_nor_unavailable_was_asked(
    db: Database,
    wanted: set[fx.Pair],
    has: set[fx.Pair],
    unknown: set[str],
    runs: list[list[type[Exception] | None]],
    leaves_out: bool,
    names: bool,
) -> None:
    with db.transaction() as tx:
        tx.execute("DELETE FROM fx_rates")
        tx.execute("DELETE FROM fx_unavailable")

    def state() -> tuple[set[fx.Pair], set[fx.Pair]]:
        have = set(query(db, "SELECT rate_date, currency FROM fx_rates"))
        marks = query(db, "SELECT rate_date, currency, reason FROM fx_unavailable")
        lost = {currency for _, currency, reason in marks if reason == "currency_unknown"}
        return have, {pair for pair in wanted if pair[1] in lost} | {(day, currency) for day, currency, _ in marks}

    there = {pair for pair in wanted & has if pair[1] not in unknown}
    for faults in [*runs, []]:
        before, gone = state()
        odd = Odd(has, unknown, list(faults), [], leaves_out, names)
        planned = fx.plan(db, wanted, provider="odd")
        assert {pair for call in planned.calls for pair in call.wanted} == wanted - before - gone
        with suppress(DbsvcError):
            for _ in fx.carry_out(db, odd, planned):
                pass
        assert set().union(*odd.asked) <= wanted - before - gone
        assert odd.requests <= sum(2 * len(call.currencies) - 1 for call in planned.calls)
        now, lost = state()
        assert before <= now <= there  # nothing is stored or marked that is not so
        assert gone <= lost <= wanted - there
    assert state() == (there, wanted - there)
    assert fx.plan(db, wanted, provider="odd").calls == []


def test_a_table_that_is_cut_says_so(cli: Cli, api: CurrencyLayer) -> None:
    api.answer = fake.without("GBP", day="2021-01-05")
    arguments = ("fx", "--from", "2021-01-01", "--to", "2021-02-28", "--timeframe", "--output", "table")
    told = cli(*arguments, env=api.env()).out.decode()
    assert "176 rates stored, 1 rate unavailable" in told
    assert "176 of these rates are as usual and not shown: --output json shows all." in " ".join(told.split())


# --- several at once, and killed


def test_two_instances_that_ask_at_once_store_once(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    both = threading.Barrier(2, timeout=20)

    def together(request: dict[str, str]) -> fake.Reply:
        both.wait()
        return fake.good(request)

    api.answer = together
    with ThreadPoolExecutor(2) as pool:
        env = api.env()
        ran = list(pool.map(lambda _: cli("fx", "--date", "2021-10-01", env=env), range(2)))
    assert [one.code for one in ran] == [0, 0]
    assert sorted(one.objects[-1]["stored"] for one in ran) == [0, 3]
    assert sorted(one.objects[-1]["unchanged"] for one in ran) == [0, 3]
    assert (rates(db), past(db), len(api.requests)) == (ALL, [], 2)


def test_many_threads_that_store_the_same(db: Database, url: str) -> None:
    def store(_: int) -> list[str]:
        with connect(url) as own:
            return tell(own, final("3.2"), final("0.86", currency="EUR"))

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(store, range(12)))
    assert sorted(outcomes) == [["stored", "stored"]] + [["unchanged", "unchanged"]] * 11
    assert past(db) == []


KILLED = """
import os, signal, sys
from dbsvc.engine.db.transaction import Transaction
from dbsvc.cli.main import main

moment, fatal = sys.argv[1:3]
del sys.argv[1:3]
execute = Transaction._execute

def until_killed(self, statement, parameters):
    kill = statement.name == fatal and (fatal != "session/commit" or stored)
    if kill and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = execute(self, statement, parameters)
    stored.extend([1] * (statement.name == "fx/drop_quotes"))
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

stored = []
Transaction._execute = until_killed
main()
"""

#: between fetch and commit, and inside the insert
MOMENTS = [("before", "ledger/lock_dataset"), ("after", "fx/create_quotes"), ("before", "fx/store/30_keep_replaced")]
MOMENTS += [
    ("after", "fx/store/30_keep_replaced"),
    ("after", "fx/store/50_replace_rates"),
    ("after", "fx/store/60_insert_rates"),
    ("after", "fx/store/80_store_unavailable"),
]
MOMENTS += [("after", "fx/drop_quotes"), ("before", "session/commit")]


@pytest.mark.one_database
@pytest.mark.slow  # it kills processes
@pytest.mark.parametrize(("moment", "fatal"), [*MOMENTS, ("after", "session/commit")])
def test_killed(cli: Cli, db: Database, api: CurrencyLayer, moment: str, fatal: str) -> None:
    """One rate is to be replaced, two are to be inserted: all of it happens, or nothing."""
    tell(db, provisional("3.1"), allow_provisional=True)
    before = query(db, "SELECT * FROM fx_rates")
    arguments = ["fx", "--date", "2021-10-01"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, moment, fatal, *arguments], cwd=cli.folder, env=cli.env(api.env()), check=False
    )
    assert (killed.returncode, len(api.requests)) == (-signal.SIGKILL, 1)
    committed = (moment, fatal) == ("after", "session/commit")
    if not committed:
        assert (query(db, "SELECT * FROM fx_rates"), past(db)) == (before, [])
    assert cli(*arguments, env=api.env()).code == 0
    assert len(api.requests) == 1 if committed else 2
    assert (rates(db), past(db)) == (ALL, [("ILS", "replaced", "3.1", True)])


@pytest.mark.slow  # it kills processes
def test_killed_after_every_call(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    """Whatever was stored or remembered by then is not asked again, and the end is the same."""
    need(db, cli.folder, *NEEDED)
    api.answer = fake.unknown("XPF")
    asked = []
    for _ in range(10):
        before = len(api.requests)
        ran = subprocess.run(
            [sys.executable, "-c", KILLED, "after", "session/commit", "fx", "--missing"],
            cwd=cli.folder,
            env=cli.env(api.env()),
            capture_output=True,
            check=False,
        )
        asked.append([request["currencies"] for request in api.requests[before:]])
        if ran.returncode != -signal.SIGKILL:
            break
    first = [["EUR,GBP,ILS,XPF", "EUR,GBP"], ["ILS,XPF", "ILS"], ["XPF"]]
    assert (ran.returncode, asked) == (0, [*first, ["EUR,GBP,ILS"], ["EUR,GBP,ILS"], []])
    assert (stored(db), unavailable(db)) == (GOT, UNKNOWN)


def test_stopped_between_calls(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.script, api.answer = [fake.good], fake.silence
    with subprocess.Popen(
        [sys.executable, "-m", "dbsvc", "fx", "--from", "2021-10-01", "--to", "2021-10-03"],
        cwd=cli.folder,
        env=cli.env(api.env()),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        while len(api.requests) < 2:
            assert process.poll() is None
        process.terminate()
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, rates(db)) == (143, ALL)
    assert json.loads(out.splitlines()[-1]).items() >= {"stored": 3, "left": 6}.items()


def test_two_instances_that_find_the_same_culprit(db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.unknown("XPF", code=106)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Night(db, api, pairs(DAY, NEXT, currencies="EUR XPF")), range(2)))
    assert {(currency, reason) for _, currency, reason in unavailable(db)} == {("XPF", "no_rates")}
    assert (len(stored(db)), len(unavailable(db))) == (2, 2)


def test_stopped_while_waiting(cli: Cli, db: Database, api: CurrencyLayer) -> None:
    api.answer = fake.silence
    with subprocess.Popen(
        [sys.executable, "-m", "dbsvc", "fx", "--date", "2021-10-01"],
        cwd=cli.folder,
        env=cli.env(api.env()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not api.requests:
            assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=10) == 143
    assert rates(db) == {}


# --- what people read


@pytest.mark.slow  # it starts many processes
def test_what_people_read(tmp_path: Path, api: CurrencyLayer, snapshot: SnapshotAssertion) -> None:
    cli = Cli(tmp_path)

    def run(*arguments: str, answer: fake.Answer = fake.good, **env: str) -> None:
        api.answer = answer
        ran = cli("fx", *arguments, "--output", "table", "--log-format", "text", env=api.env(**env))
        said = [line for line in ran.err.decode().splitlines() if line.startswith("dbsvc:")]
        shown = "\n".join(line.rstrip() for line in [*said, *ran.out.decode().splitlines()])
        assert f"$ dbsvc fx {' '.join(arguments)}\nexit code {ran.code}\n{shown}" == snapshot

    rows = [("2021-10-01", 1, "ILS", "A", 1, 2), ("2021-10-04", 2, "EUR", "B", 1, 2), (SOON, 3, "EUR", "B", 1, 2)]
    cli("ingest", cli.write("usage.csv", usage_csv(rows)))
    run("--missing", "--dry-run")
    run("--missing", answer=fake.changed(timestamp=int(NOON.timestamp())))
    run("--date", "2021-10-01", "--allow-provisional", answer=fake.changed(timestamp=int(NOON.timestamp())))
    run("--missing")
    run("--missing")
    run("--date", "2021-10-01", "--dry-run")
    run("--date", "2021-10-01", "--refresh", answer=fake.quoting(ILS="3.3"))
    run("--date", "2021-10-01", "--refresh", "--accept", answer=fake.quoting(ILS="3.3"))
    run("--from", "2021-01-01", "--to", "2021-03-31", "--timeframe")
    for code, currencies in (
        *((101, "EUR,XPF"), (104, "EUR,XPF"), (105, "EUR,XPF"), (106, "CHF,XPF"), (202, "AUD,CAD"), (302, "NOK,SEK")),
        (501, "CZK,PLN"),
    ):
        run("--date", "2021-10-02", "--currency", currencies, answer=fake.error(code))
    run("--date", "2021-10-02", "--currency", "CAD,SEK", "--dry-run")
    run("--date", "2021-10-02", "--currency", "CAD,SEK")
    run("--retry-unavailable", answer=fake.unknown("CAD"))
    run("--date", "2021-10-02", answer=fake.rate_limited(), CURRENCYLAYER_DEADLINE="0.4")
    run("--date", "2021-10-02", answer=fake.status(502), CURRENCYLAYER_DEADLINE="0.4")
    run("--date", "2021-10-02", answer=fake.html)
    run("--date", "2021-10-02", answer=fake.changed(date="2021-10-03"))


@pytest.mark.parametrize("command", ["fx", "revenue"])
def test_help(tmp_path: Path, snapshot: SnapshotAssertion, command: str) -> None:
    assert Cli(tmp_path)(command, "--help").out.decode() == snapshot


@pytest.mark.one_database
def test_a_sample_of_the_field(cli: Cli, api: CurrencyLayer) -> None:
    """The real usage file, if it is there: put the folder of real files beside the project's to enable this."""
    source = ROOT.parent / "shared" / "data" / "usage_data.csv"
    if not source.is_file():
        pytest.skip(f"there is no {source}")
    assert cli("ingest", write(cli.folder / "usage.csv", source.read_bytes()).name).code == 0
    assert cli("fx", "--date", "2021-10-01", env=api.env()).code == 0
    total = Decimal(0)
    for row in csv.DictReader(filter(None, source.read_text().splitlines())):
        currency, amount = row["Currency"], Decimal(row["Product1 revenue"]) + Decimal(row["Product2 revenue"])
        total += amount if currency == "USD" else amount / Decimal(fake.RATES[currency])
    assert Decimal(cli("revenue").objects[-1]["revenue_usd"]) == total == Decimal("67313.752021918125")
    assert cli("fx", "--date", "2021-10-01", env=api.env()).code == 0
    assert len(api.requests) == 1
