"""CurrencyLayer over real HTTP: what each answer, error and fault comes to, in how many requests, and who sees the key."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc.engine import ConfigurationError, DbsvcError, InputError
from dbsvc.engine.errors import NoRatesError, ProviderBusyError, ProviderError
from dbsvc.engine.fx.providers import Provider, Quote, provider_for
from dbsvc.engine.fx.providers.http import seconds_until
from dbsvc.engine.settings import Settings, read_secrets, read_settings, redact
from tests.helpers import currencylayer as fake
from tests.helpers.currencylayer import KEY, Answer, serving

DAY = datetime.date(2021, 10, 1)
LAST_SECOND = datetime.datetime(2021, 10, 1, 23, 59, 59, tzinfo=datetime.UTC)
CURRENCIES = ("EUR", "GBP", "ILS")


class Asked:
    """A provider on a server of its own, that does not wait between tries but notes how long it would have."""

    def __init__(self, server: fake.CurrencyLayer, **settings: Any) -> None:
        self.server = server
        self.pauses: list[float] = []
        known = Settings(currencylayer_access_key=KEY, currencylayer_base_url=server.url, currencylayer_timeout=2)
        self.provider: Provider = provider_for(replace(known, **settings), self.pauses.append)

    def quotes(self, *currencies: str) -> list[Quote]:
        return self.provider.quotes(DAY, DAY, currencies or CURRENCIES)

    def fails(self) -> DbsvcError:
        """The error it ends with."""
        with pytest.raises(DbsvcError) as caught:
            self.quotes()
        assert self.provider.requests == len(self.server.requests)
        return caught.value


@contextmanager
def asking(*script: Answer, answer: Answer = fake.good, **settings: Any) -> Iterator[Asked]:
    """Ask a server that answers by the script, then always the same."""
    with serving(answer) as server:
        server.script += script
        yield Asked(server, **settings)


# --- good answers


def test_a_day() -> None:
    with asking() as asked:
        assert asked.quotes() == [
            Quote(DAY, "EUR", Decimal("0.8625"), LAST_SECOND, False),
            Quote(DAY, "GBP", Decimal("0.742611"), LAST_SECOND, False),
            Quote(DAY, "ILS", Decimal("3.2"), LAST_SECOND, False),
        ]
        expected = {
            "path": "/historical",
            "access_key": KEY,
            "date": "2021-10-01",
            "source": "USD",
            "currencies": "EUR,GBP,ILS",
        }
        assert asked.server.requests == [expected]


def test_a_time_frame() -> None:
    last = datetime.date(2021, 10, 3)
    with asking() as asked:
        quotes = asked.provider.quotes(DAY, last, ["ILS", "EUR"])
        assert [(q.rate_date.day, q.currency) for q in quotes] == [(d, c) for d in (1, 2, 3) for c in ("ILS", "EUR")]
        assert {(q.quoted_at, q.provisional) for q in quotes} == {(None, False)}
        (request,) = asked.server.requests
    assert request["path"] == "/timeframe"
    assert (request["start_date"], request["end_date"], request["currencies"]) == ("2021-10-01", "2021-10-03", "ILS,EUR")


def test_yesterday_in_a_time_frame_may_not_be_final() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    with asking() as asked:
        quotes = asked.provider.quotes(today - datetime.timedelta(3), today - datetime.timedelta(1), ["ILS"])
    assert [quote.provisional for quote in quotes] == [False, False, True]


@pytest.mark.parametrize(("second", "provisional"), [(-1, True), (0, False), (1, False), (-86399, True)])
def test_a_rate_is_final_by_its_last_second(second: int, provisional: bool) -> None:
    stamp = int(LAST_SECOND.timestamp()) + second
    with asking(answer=fake.changed(timestamp=stamp)) as asked:
        assert {quote.provisional for quote in asked.quotes()} == {provisional}


@pytest.mark.parametrize(
    "written", ["3", "3.20", "0.1", "1.5e-5", "15E+2", "9999999.999999", "0.0000001", "3.204503999999999814832", "100"]
)
def test_a_rate_keeps_its_digits(written: str) -> None:
    with asking(answer=fake.quoting(ILS=written)) as asked:
        assert str(asked.quotes("ILS")[0].rate) == str(Decimal(written))


# --- answers that cannot be used: final, after one request


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (fake.html, "something else than JSON of type text/html"),
        (fake.truncated_json, "damaged JSON"),
        (fake.status(200, b""), "something else than JSON"),
        (fake.status(200, b"\xff\xfe"), "something else than JSON"),
        (fake.status(200, b"[" * 100_000), "something else than JSON"),
        (fake.status(200, b"[]"), "no JSON object"),
        (fake.status(200, b"{}"), "does not say that it succeeded"),
        (fake.status(200, b"null"), "something else than JSON"),
        (fake.status(200, b"not packed at all", Content_Encoding="gzip"), "cannot be unpacked"),
        (fake.changed(success=False), "does not say that it succeeded"),
        (fake.changed(success="true"), "does not say that it succeeded"),
        (fake.changed(date="2021-09-30"), "for 2021-09-30, not 2021-10-01"),
        (fake.changed(date=None), "for None, not 2021-10-01"),
        (fake.changed(source="EUR"), "against EUR, not USD"),
        (fake.changed(source=None), "against None, not USD"),
        (fake.changed(timestamp=None), "timestamp is None"),
        (fake.changed(timestamp="now"), "timestamp is now"),
        (fake.changed(timestamp=-1), "timestamp is -1"),
        (fake.changed(timestamp=10**300), "timestamp is 1000"),
        (fake.changed(quotes=None), "no quotes"),
        (fake.changed(quotes=[]), "no quotes"),
        (fake.changed(quotes={"USDEUR": 0.9, "USDGBP": 0.8, "USDILS": "3.2"}), "ILS for 2021-10-01 is 3.2, which is no number"),
        (fake.changed(quotes={"USDEUR": 0.9, "USDGBP": 0.8, "USDILS": True}), "ILS for 2021-10-01 is True"),
        (fake.quoting(ILS="0"), "ILS for 2021-10-01 is 0, which cannot be"),
        (fake.quoting(ILS="0.0"), "cannot be"),
        (fake.quoting(ILS="-3.2"), "-3.2, which cannot be"),
        (fake.quoting(ILS="10000000"), "cannot be"),
        (fake.quoting(ILS="1e30"), "cannot be"),
        (fake.quoting(ILS="1e999999999"), "cannot be"),
        (fake.quoting(ILS="1e-999999999"), "cannot be"),
        (fake.quoting(ILS="3." + "1" * 40), "cannot be"),
        (fake.quoting(ILS="1e99999999999999999999"), "damaged JSON"),
        (fake.quoting(ILS="NaN"), "damaged JSON"),
        (fake.quoting(ILS="Infinity"), "damaged JSON"),
        (fake.status(301, Location="https://elsewhere/"), "HTTP 301"),
        (fake.status(404), "HTTP 404"),
        (fake.status(204, b""), "HTTP 204"),
    ],
)
def test_an_answer_that_cannot_be_used(answer: Answer, says: str) -> None:
    with asking(answer=answer) as asked:
        error = asked.fails()
        assert (type(error), error.exit_code, error.retryable) == (ProviderError, 69, False)
        assert says in str(error)
        assert len(asked.server.requests) == 1


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "check the access key"), (403, "check the access key"), (407, "put user and password into its URL")],
)
def test_a_door_that_stays_shut(status: int, says: str) -> None:
    for answer in (fake.status(status), lambda _: fake.as_json({"message": "No API key found"}, status)):
        with asking(answer=answer) as asked:
            error = asked.fails()
            assert (type(error), len(asked.server.requests)) == (ConfigurationError, 1)
            assert says in str(error)


def test_a_time_frame_that_is_another_one() -> None:
    last = datetime.date(2021, 10, 3)

    answers = {
        "for 2021-10-01 to 2021-10-02": lambda query: fake.as_json(fake.timeframe(query, end_date="2021-10-02")),
    }
    for says, answer in answers.items():
        with asking(answer=answer) as asked, pytest.raises(ProviderError, match=says):
            asked.provider.quotes(DAY, last, ["ILS"])


def test_what_an_answer_leaves_out_has_no_rate() -> None:
    for answer in (fake.without("GBP"), fake.without("GBP", null=True)):
        with asking(answer=answer) as asked:
            assert [(quote.currency, quote.rate is None) for quote in asked.quotes()] == [
                ("EUR", False),
                ("GBP", True),
                ("ILS", False),
            ]
    with asking(answer=fake.changed(quotes={})) as asked:
        assert [quote.rate for quote in asked.quotes()] == [None] * 3


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_a_day_that_a_time_frame_leaves_out_has_no_rates(nothing: object) -> None:
    def lacking(query: dict[str, str]) -> fake.Reply:
        whole = fake.timeframe(query)
        whole["quotes"]["2021-10-02"] = nothing
        return fake.as_json(whole)

    with asking(answer=lacking) as asked:
        quotes = asked.provider.quotes(DAY, datetime.date(2021, 10, 3), ["ILS", "EUR"])
    assert [(quote.rate_date.day, quote.rate is None) for quote in quotes] == [
        *[(1, False)] * 2,
        *[(2, True)] * 2,
        *[(3, False)] * 2,
    ]


def test_a_rate_that_cannot_be_leaves_the_others_usable() -> None:
    with asking(answer=fake.quoting(ILS="-3.2", GBP="0")) as asked, pytest.raises(ProviderError) as caught:
        asked.quotes()
    assert [quote.currency for quote in caught.value.usable or ()] == ["EUR"]
    assert "its rate of GBP for 2021-10-01 is 0, which cannot be, and 1 more like it." in str(caught.value)


# --- its errors: final, after one request, with any status


@pytest.mark.parametrize("status", [200, 400, 404, 429, 503])
@pytest.mark.parametrize("code", fake.ERRORS)
def test_a_documented_error(code: int, status: int) -> None:
    kinds: dict[int, type[DbsvcError]] = {
        104: ProviderError,
        106: NoRatesError,
        202: NoRatesError,
        301: InputError,
        302: NoRatesError,
    }
    kinds |= dict.fromkeys(range(501, 506), InputError)
    with asking(answer=fake.error(code, status)) as asked:
        if (code, status) == (106, 429):
            return  # which is the other 106: see below
        error = asked.fails()
        assert type(error) is kinds.get(code, ConfigurationError)
        assert str(error).endswith(f"({code}).")
        assert str(error).count(". ") == 0
        assert len(asked.server.requests) == 1


@pytest.mark.parametrize(
    ("says", "named"),
    [
        ("", set()),
        ("[Required format: currencies=EUR,USD,GBP,...]", set()),
        ("Invalid: XPF.", {"XPF"}),
        ("Invalid: XPF, ILS, CHF [currencies=EUR,...]", {"XPF", "ILS"}),
    ],
)
def test_what_an_error_names(says: str, named: set[str]) -> None:
    with asking(answer=fake.error(202, says=says)) as asked, pytest.raises(NoRatesError) as caught:
        asked.quotes("EUR", "GBP", "ILS", "XPF")
    assert (caught.value.reason, set(caught.value.currencies)) == ("currency_unknown", named)


@pytest.mark.parametrize("code", [106, 202, 302, 502, 503, 504, 505])
def test_what_a_time_frame_fails_for(code: int) -> None:
    reasons = {106: "no_rates", 202: "currency_unknown"}
    with asking(answer=fake.error(code)) as asked, pytest.raises(NoRatesError) as caught:
        asked.provider.quotes(DAY, datetime.date(2021, 10, 3), ["ILS"])
    assert caught.value.reason == reasons.get(code, "date_refused")


def test_an_error_nobody_has_documented() -> None:
    answer = fake.as_json({"success": False, "error": {"code": 999, "type": "odd", "info": f"Your key {KEY} is odd.\n"}})
    with asking(answer=lambda _: answer) as asked:
        error = asked.fails()
        assert (type(error), str(error)) == (ProviderError, "CurrencyLayer refused: odd Your key *** is odd. (999).")
        assert len(asked.server.requests) == 1


# --- what is worth a retry


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (fake.reset, ProviderError),
        (fake.hang_up, ProviderError),
        (fake.status(500), ProviderError),
        (fake.status(503), ProviderError),
        (fake.status(429), ProviderBusyError),
        (fake.rate_limited(), ProviderBusyError),
        (fake.rate_limited(429), ProviderBusyError),
        (fake.error(106, 429), ProviderBusyError),
    ],
)
def test_a_fault_that_passes(fault: Answer, kind: type[DbsvcError]) -> None:
    with asking(fault, fault) as asked:
        assert len(asked.quotes()) == 3
        assert asked.provider.requests == len(asked.server.requests) == 3
        first, second = asked.pauses
        assert 0.5 <= first <= 1.0 <= second <= 1.5
    with asking(answer=fault) as asked:
        error = asked.fails()
        assert (type(error), error.exit_code) == (kind, 69 if kind is ProviderError else 75)
        assert len(asked.server.requests) == 3  # and no more


@pytest.mark.parametrize("fault", [fake.silence, fake.drip, fake.drip_headers])
def test_a_server_that_takes_its_time(fault: Answer) -> None:
    started = time.monotonic()
    with asking(answer=fault, currencylayer_timeout=0.3) as asked:
        assert "did not answer within 0.3 seconds" in str(asked.fails())
        assert len(asked.server.requests) == 3
    assert time.monotonic() - started < 3 * 0.3 + 2


def test_the_deadline_is_for_all_tries() -> None:
    with asking(answer=fake.silence, currencylayer_timeout=0.4, currencylayer_deadline=0.5) as asked:
        asked.fails()
        assert len(asked.server.requests) == 1  # no pause fits into what is left


def test_nobody_there() -> None:
    with asking() as asked:
        pass
    with pytest.raises(ProviderError, match=r"could not be asked at http://127\.0\.0\.1:\d+ \(.+\): check the network"):
        asked.quotes()
    assert (asked.provider.requests, asked.server.requests) == (3, [])


def test_a_name_that_nobody_knows() -> None:
    with (
        asking(currencylayer_base_url="http://nowhere.invalid") as asked,
        pytest.raises(ProviderError, match=r"nowhere\.invalid"),
    ):
        asked.quotes()


@pytest.mark.parametrize("fault", [fake.status, fake.rate_limited])
def test_retry_after_is_honoured(fault: Any) -> None:
    with asking(fault(429, Retry_After="7")) as asked:
        asked.quotes()
        assert asked.pauses == [7.0]
    with asking(fault(429, Retry_After="3600")) as asked:  # longer than we are given
        error = asked.fails()
        assert (type(error), asked.pauses) == (ProviderBusyError, [])
        assert "in 3,600 seconds" in str(error)
        assert len(asked.server.requests) == 1


def test_no_try_that_is_bound_to_be_cut_off() -> None:
    with asking(fake.status(503, Retry_After="5"), currencylayer_timeout=2, currencylayer_deadline=5.9) as asked:
        asked.fails()
        assert (len(asked.server.requests), asked.pauses) == (1, [])
    with asking(fake.status(503, Retry_After="5"), currencylayer_timeout=2, currencylayer_deadline=8) as asked:
        asked.quotes()
        assert (len(asked.server.requests), asked.pauses) == (2, [5.0])


@pytest.mark.parametrize(
    ("written", "seconds"), [("9" * 400, None), ("0", 0), (" 12 ", 12), ("soon", None), ("", None), ("-1", None), ("1.5", None)]
)
def test_retry_after(written: str, seconds: float | None) -> None:
    assert seconds_until(written) == seconds


def test_retry_after_a_date() -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    assert 90 < (seconds_until(format_datetime(soon, usegmt=True)) or 0) <= 100
    assert seconds_until("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_an_endless_answer() -> None:
    def endless(handler: Any, _reply: fake.Reply) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(b"x" * 2**20)

    with asking(answer=lambda _: fake.Reply(b"", deliver=endless), currencylayer_timeout=10) as asked:
        assert "more than 16,777,216 bytes" in str(asked.fails())


# --- proxies


def test_a_proxy_is_asked_instead() -> None:
    with asking() as asked:
        proxied = Asked(asked.server, currencylayer_base_url="http://api.invalid", currencylayer_proxy=asked.server.url)
        assert len(proxied.quotes()) == 3
        assert asked.server.requests[0]["access_key"] == KEY


@pytest.mark.parametrize(("no_proxy", "used"), [("", True), ("api.invalid", False)])
def test_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, no_proxy: str, used: bool) -> None:
    with serving() as server:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.setenv("no_proxy", no_proxy)
        asked = Asked(server, currencylayer_base_url="http://api.invalid")
        if used:
            assert len(asked.quotes()) == 3
        else:
            with pytest.raises(ProviderError):
                asked.quotes()
            assert server.requests == []


def test_a_proxy_of_the_environment_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("http_proxy", server.url.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "")
        assert len(Asked(server, currencylayer_base_url="http://api.invalid").quotes()) == 3


def test_a_proxy_we_cannot_talk_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://u:Geheim@proxy:1080")
    monkeypatch.setenv("no_proxy", "")
    with serving() as server, pytest.raises(ConfigurationError, match="set CURRENCYLAYER_PROXY") as caught:
        Asked(server, currencylayer_base_url="http://api.invalid")
    assert "Geheim" not in str(caught.value)


# --- the key


@pytest.mark.parametrize("fault", [fake.good, fake.html, fake.reset, fake.status(500), fake.error(101), fake.silence])
def test_no_log_and_no_exception_has_the_key(caplog: pytest.LogCaptureFixture, fault: Answer) -> None:
    caplog.set_level(logging.DEBUG)
    chain: list[object] = []
    with asking(answer=fault, currencylayer_timeout=0.3) as asked:
        try:
            asked.quotes()
        except DbsvcError as error:
            deeper: BaseException | None = error
            while deeper:
                chain += [deeper, vars(deeper), getattr(getattr(deeper, "_request", None), "url", None)]
                deeper = deeper.__cause__ or deeper.__context__
        assert asked.server.requests[0]["access_key"] == KEY
    assert "httpx" in {record.name for record in caplog.records} or fault is fake.silence
    assert KEY not in caplog.text
    assert KEY not in repr(chain)
    assert KEY not in repr(Settings(currencylayer_access_key=KEY, currencylayer_proxy=f"http://u:{KEY}@p"))


def settings_from(monkeypatch: pytest.MonkeyPatch, folder: Path, **env: str) -> Settings:
    monkeypatch.chdir(folder)
    for name in ("", "_FILE"):
        monkeypatch.delenv(f"CURRENCYLAYER_ACCESS_KEY{name}", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_the_key_from_the_environment_a_file_of_settings_or_a_secret_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text("from-secret-file\n")
    found = settings_from(monkeypatch, tmp_path, CURRENCYLAYER_ACCESS_KEY_FILE=str(secret), CURRENCYLAYER_ACCESS_KEY=" ")
    assert found.read_access_key() == "from-secret-file"
    (tmp_path / ".env").write_text("CURRENCYLAYER_ACCESS_KEY=from-dot-env\n")
    assert settings_from(monkeypatch, tmp_path).read_access_key() == "from-dot-env"
    found = settings_from(monkeypatch, tmp_path, CURRENCYLAYER_ACCESS_KEY="from-environment")
    assert found.read_access_key() == "from-environment"
    found = settings_from(monkeypatch, tmp_path, CURRENCYLAYER_ACCESS_KEY_FILE=str(secret))
    assert found.read_access_key() == "from-secret-file"  # the environment goes before .env
    assert redact("x from-secret-file", []) == "x ***"


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"", "must hold"), (b"two words", "must hold"), (b"a\nb", "must hold"), (b"\xff", "must hold")],
)
def test_a_secret_file_that_holds_no_key(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"CURRENCYLAYER_ACCESS_KEY_FILE: \S+ {says}"):
        Settings(currencylayer_access_key_file=str(path)).read_access_key()


def test_no_key() -> None:
    with pytest.raises(ConfigurationError, match="set CURRENCYLAYER_ACCESS_KEY, or CURRENCYLAYER_ACCESS_KEY_FILE"):
        provider_for(Settings(), time.sleep)


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_a_key_of_any_characters_is_sent_whole_and_redacted(key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURRENCYLAYER_ACCESS_KEY", key)
        secrets = read_secrets()
    with serving() as server:
        asked = Asked(server, currencylayer_access_key=key)
        with pytest.raises(ConfigurationError):
            asked.quotes()
        assert server.requests[0]["access_key"] == key
    for form in secrets:
        assert key not in redact(f"...?access_key={form}&x {form}", secrets)
        assert form not in redact(f"...?access_key={form}&x {form}", secrets).replace("***", "")


@pytest.mark.parametrize(
    "env",
    [
        {"CURRENCYLAYER_BASE_URL": "api.currencylayer.com"},
        {"CURRENCYLAYER_BASE_URL": "ftp://api.currencylayer.com"},
        {"CURRENCYLAYER_BASE_URL": "https://user:Geheim@api.currencylayer.com"},
        {"CURRENCYLAYER_BASE_URL": "https://api.currencylayer.com?access_key=Geheim"},
        {"CURRENCYLAYER_BASE_URL": "http://[::1"},
        {"CURRENCYLAYER_BASE_URL": "http://127.0.0.1:99999"},
        {"CURRENCYLAYER_PROXY": "socks5://u:Geheim@proxy"},
        {"CURRENCYLAYER_TIMEOUT": "0"},
        {"CURRENCYLAYER_TIMEOUT": "nan"},
        {"CURRENCYLAYER_DEADLINE": "long"},
    ],
)
def test_a_setting_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(env))) as caught:
        settings_from(monkeypatch, tmp_path, **env)
    assert "Geheim" not in str(caught.value)
