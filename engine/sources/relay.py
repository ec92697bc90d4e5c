"""Listings without the keys that the stores' library cannot hold, of Google and Azure: it refuses a whole page for one.

Only the library can sign what it asks. So it asks a server of this process on loopback, which asks the store the very same, and
takes odd keys out of the answer.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from dbsvc.engine.sources.odd_keys import is_odd

#: What a page has of each object and folder, and where that has its name.
_ENTRY = re.compile(r"<(Contents|CommonPrefixes|Blob|BlobPrefix)(?=[\s>]).*?</\1>", re.DOTALL)
_NAME = re.compile(r"<(Key|Prefix|Name)(\s[^>]*)?>(.*?)</\1", re.DOTALL)
_CONTENT = re.compile(r"<(?:Size|Content-Length)>0*[1-9]")
_WRITTEN = re.compile(r"<!\[CDATA\[(.*?)\]\]>|&(?:#(x?)(\w+)|\w+);", re.DOTALL)
#: What belongs to a connection, and not to what is asked over it.
_OWN = ("host", "connection", "accept-encoding")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent: whoever asks hears of it."""


@dataclass
class Relay:
    """What to ask in place of a store; which odd keys were left out so far; and why that could not be asked the last time."""

    url: str = ""
    odd: list[str] = field(default_factory=list)
    error: Exception | None = None


@contextmanager
def relaying(endpoint: str, bucket: str, client: httpx.Client) -> Iterator[Relay]:
    """Answer in place of a store, to those who list this bucket and to nobody else."""
    parts = urlsplit(endpoint)
    path = f"{parts.path.rstrip('/')}/{bucket}"
    relay = Relay()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10  # seconds: nobody waits for what is not asked any more

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Be silent."""

        def do_GET(self) -> None:
            """Ask the store what is asked here."""
            asked, _, query = self.path.partition("?")
            status, body = self._ask(query) if asked == path else (404, b"")
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _ask(self, query: str) -> tuple[int, bytes]:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            try:
                found = client.get(f"{parts.scheme}://{parts.netloc}{path}?{query}", headers=headers)
            except httpx.HTTPError as error:
                relay.error = error
                return 400 if "certificate" in str(error) else 502, b""  # the library asks again only after the latter
            relay.error = None
            if found.status_code != 200:
                return found.status_code, found.content
            page, left_out = without_odd(found.content.decode(errors="surrogateescape"))
            relay.odd += left_out
            return 200, page.encode(errors="surrogateescape")

    with _Server(("127.0.0.1", 0), Handler) as server:
        relay.url = f"http://127.0.0.1:{server.server_address[1]}{parts.path.rstrip('/')}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield relay
        finally:
            server.shutdown()


def without_odd(page: str) -> tuple[str, list[str]]:
    """Return a page of a listing without entries of odd keys, and these."""
    odd = []

    def leave_out(entry: re.Match[str]) -> str:
        found = _NAME.search(entry[0])
        if not found:
            return entry[0]
        key = _WRITTEN.sub(_read, found[3])
        coded = "true" in (found[2] or "")  # by Azure, for XML cannot hold it as it is; the library would read it as it stands
        if coded or is_odd(key, _CONTENT.search(entry[0]) is not None):
            odd.append(unquote(key) if coded else key)
            return ""
        marks_folder = key.endswith("/") and entry[1] in ("Contents", "Blob")
        return "" if marks_folder else entry[0]

    return _ENTRY.sub(leave_out, page), odd


def _read(found: re.Match[str]) -> str:
    if found[1] is not None:
        return str(found[1])
    return html.unescape(found[0]) or chr(int(found[3], 16 if found[2] else 10))  # it leaves out what XML may not hold
