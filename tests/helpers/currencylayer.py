"""A local server that plays CurrencyLayer: over real HTTP, with its answers, its errors, and every fault we can think of.

`python tests/helpers/currencylayer.py --port 8080` runs it by itself: the rates are those of no real day.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from struct import pack
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "0123456789abcdefSECRETfedcba9876"
RATES = {"ILS": "3.2", "EUR": "0.8625", "GBP": "0.742611", "JPY": "111.2695"}

#: What its documentation says of errors: code, type, info.
ERRORS = {
    101: ("invalid_access_key", "You have not supplied a valid API Access Key."),
    102: ("inactive_user", "The account is not active."),
    103: ("invalid_api_function", "This API Function does not exist."),
    104: ("usage_limit_reached", "Your monthly API request volume has been reached. Please upgrade your plan."),
    105: ("https_access_restricted", "Access Restricted - Your current Subscription Plan does not support HTTPS Encryption."),
    106: ("no_rates_available", "Your query did not return any results. Please try again."),
    201: ("invalid_source_currency", "You have supplied an invalid Source Currency."),
    202: ("invalid_currency_codes", "You have provided one or more invalid Currency Codes."),
    301: ("no_date", "You have not specified a date."),
    302: ("invalid_date", "You have entered an invalid date."),
    404: ("404_not_found", "User requested a resource which does not exist."),
    501: ("no_timeframe_supplied", "You have not specified a Time-Frame."),
    502: ("invalid_start_date", "You have entered an invalid start_date."),
    503: ("invalid_end_date", "You have entered an invalid end_date."),
    504: ("invalid_time_frame", "You have entered an invalid Time-Frame."),
    505: ("time_frame_too_long", "The specified Time-Frame is too long, exceeding 365 days."),
}
RATE_LIMITED = {
    "code": 106,
    "type": "rate_limit_reached",
    "info": "You have exceeded the maximum rate limitation of your plan.",
}


@dataclass
class Reply:
    """What goes back: a status, headers, a body; ``deliver`` sends it if it is not to be sent as it is."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    deliver: Callable[[BaseHTTPRequestHandler, Reply], None] | None = None


Answer = Callable[[dict[str, str]], Reply]


def literal(text: str) -> str:
    """A number that JSON shall write just so."""
    return f"<{text}>"


def historical(query: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """The documented answer to /historical; ``changes`` replace parts of it."""
    day = date.fromisoformat(query["date"])
    last_second = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    quotes: dict[str, Any] = {f"USD{code}": literal(RATES.get(code, "7.5")) for code in query["currencies"].split(",")}
    whole: dict[str, Any] = {"success": True, "terms": "https://currencylayer.com/terms", "historical": True}
    whole |= {"date": query["date"], "timestamp": int(last_second.timestamp()), "source": "USD", "quotes": quotes}
    return {**whole, **changes}


def timeframe(query: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """The documented answer to /timeframe."""
    first, last = (date.fromisoformat(query[name]) for name in ("start_date", "end_date"))
    quotes = {f"USD{code}": literal(RATES.get(code, "7.5")) for code in query["currencies"].split(",")}
    days = {(first + timedelta(n)).isoformat(): dict(quotes) for n in range((last - first).days + 1)}
    whole = {
        "success": True,
        "timeframe": True,
        "start_date": str(first),
        "end_date": str(last),
        "source": "USD",
        "quotes": days,
    }
    return {**whole, **changes}


def as_json(content: object, status: int = 200, **headers: str) -> Reply:
    body = re.sub(r'"<(.*?)>"', r"\1", json.dumps(content)).encode()
    return Reply(body, status, {"Content-Type": "application/json; Charset=UTF-8", **headers})


def good(query: dict[str, str]) -> Reply:
    """Answer as documented: also a wrong key, and what nobody has rates for."""
    if query.get("access_key") != KEY:
        return error(101)(query)
    if not set(query["currencies"].split(",")) <= RATES.keys():
        return error(106)(query)
    return as_json(historical(query) if "date" in query else timeframe(query))


def unknown(*codes: str, code: int = 202, says: str = "") -> Answer:
    """Fail every call that asks for one of these currencies, as documented; ``says`` is added to what it says."""

    def answer(query: dict[str, str]) -> Reply:
        asked = {named for named in query["currencies"].split(",") if named in codes}
        return error(code, says=says)(query) if asked else _any_good(query)

    return answer


def without(*codes: str, null: bool = False, day: str = "") -> Answer:
    """A good answer that leaves out these currencies, or has null for them; in a time frame only on that day."""

    def answer(query: dict[str, str]) -> Reply:
        content = historical(query) if "date" in query else timeframe(query)
        by_day: dict[str, dict[str, Any]] = {query["date"]: content["quotes"]} if "date" in query else content["quotes"]
        for quotes in [quotes for on, quotes in by_day.items() if day in ("", on)]:
            for code in codes:
                if quotes.pop(f"USD{code}", None) and null:
                    quotes[f"USD{code}"] = None
        return as_json(content)

    return answer


def since(first: str, code: int = 302) -> Answer:
    """Fail every call for a day before the history begins."""
    return lambda query: (error(code) if query.get("date", query.get("start_date", "")) < first else _any_good)(query)


def on(day: str, answer: Answer) -> Answer:
    """An answer for one day, and for every time frame that it is in; a good one for all others."""

    def either(query: dict[str, str]) -> Reply:
        first, last = query.get("start_date", query.get("date", "")), query.get("end_date", query.get("date", ""))
        return (answer if first <= day <= last else _any_good)(query)

    return either


def _any_good(query: dict[str, str]) -> Reply:
    """Answer with a rate for any currency at all."""
    return as_json(historical(query) if "date" in query else timeframe(query))


def changed(**changes: Any) -> Answer:
    """A good answer with other parts; None takes one away."""

    def answer(query: dict[str, str]) -> Reply:
        whole = historical(query, **changes)
        return as_json({name: value for name, value in whole.items() if value is not None})

    return answer


def quoting(**rates: str) -> Answer:
    """A good answer with other rates, written just so."""
    return lambda query: as_json(historical(query, quotes={**historical(query)["quotes"], **_named(rates)}))


def _named(rates: Mapping[str, str]) -> dict[str, Any]:
    return {f"USD{code}": literal(text) for code, text in rates.items()}


def error(code: int, status: int = 200, says: str = "", **headers: str) -> Answer:
    """A documented error; ``says`` is added to its sentence."""
    kind, info = ERRORS[code]
    content = {"success": False, "error": {"code": code, "type": kind, "info": f"{info} {says}".strip()}}
    return lambda _: as_json(content, status, **headers)


def rate_limited(status: int = 200, **headers: str) -> Answer:
    """The error 106 that passes."""
    return lambda _: as_json({"success": False, "error": RATE_LIMITED}, status, **headers)


def status(code: int, body: bytes = b"<html>no</html>", **headers: str) -> Answer:
    """A bare status."""
    return lambda _: Reply(body, code, {"Content-Type": "text/html", **headers})


def html(_: dict[str, str]) -> Reply:
    return Reply(b"<html><body>Please log in</body></html>", 200, {"Content-Type": "text/html"})


def truncated_json(query: dict[str, str]) -> Reply:
    return Reply(as_json(historical(query)).body[:-20], 200, {"Content-Type": "application/json"})


def _reset(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send half of the body, then reset the connection."""
    _send_headers(handler, reply)
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    import socket

    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    handler.connection.close()


def _hang_up(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send half of the body, then say good-bye."""
    _send_headers(handler, reply)
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    handler.connection.shutdown(SHUT_RDWR)


def _drip(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send the body, one byte at a time."""
    _send_headers(handler, reply)
    for byte in reply.body:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.1)


def _drip_headers(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send the headers, one byte at a time."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 99:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.1)


def _silence(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Say nothing, for long."""
    time.sleep(5)


def delivered(deliver: Callable[[BaseHTTPRequestHandler, Reply], None]) -> Answer:
    return lambda query: Reply(as_json(historical(query)).body, deliver=deliver)


reset, hang_up, drip, drip_headers, silence = map(delivered, (_reset, _hang_up, _drip, _drip_headers, _silence))


def _send_headers(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response(reply.status)
    for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


class CurrencyLayer:
    """The server: answers in turn what ``script`` says, then as ``answer`` does; remembers every request."""

    def __init__(self, answer: Answer = good, port: int = 0) -> None:
        self.answer = answer
        self.script: list[Answer] = []
        self.requests: list[dict[str, str]] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                with outer._lock:
                    outer.requests.append({"path": parts.path, **query})
                    answer = outer.script.pop(0) if outer.script else outer.answer
                reply = answer(query)
                self.close_connection = True
                try:
                    if reply.deliver:
                        reply.deliver(self, reply)
                    else:
                        _send_headers(self, reply)
                        self.wfile.write(reply.body)
                except OSError:  # they have left
                    pass

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def env(self, **more: str) -> dict[str, str]:
        """What a process needs to find it."""
        found = {"CURRENCYLAYER_BASE_URL": self.url, "CURRENCYLAYER_ACCESS_KEY": KEY, "CURRENCYLAYER_TIMEOUT": "30"}
        return {**found, "NO_PROXY": "127.0.0.1", **more}


@contextmanager
def serving(answer: Answer = good) -> Iterator[CurrencyLayer]:
    server = CurrencyLayer(answer)
    try:
        yield server
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Play CurrencyLayer.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--unknown", default="", help="Currencies that it does not know, as XPF,XTS; 202 for the whole call.")
    parser.add_argument("--without", default="", help="Currencies that its answers leave out.")
    parser.add_argument("--since", default="", help="The first day of its history; 302 for those before.")
    given = parser.parse_args()
    answer: Answer = good
    if given.unknown:
        answer = unknown(*given.unknown.split(","))
    elif given.without:
        answer = without(*given.without.split(","))
    elif given.since:
        answer = since(given.since)
    server = CurrencyLayer(answer, port=given.port)
    print(f"CURRENCYLAYER_BASE_URL={server.url} CURRENCYLAYER_ACCESS_KEY={KEY}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
