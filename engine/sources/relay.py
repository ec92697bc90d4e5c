"""Listings without the keys that the stores' library cannot hold, of Google and Azure: it refuses a whole page for one.

Only the library can sign what it asks. So it asks a server of this process on loopback, which asks the store the very same, and
takes odd keys out of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from dbsvc.engine.sources.odd_keys import is_odd

#: What a page has of each object and folder, and where that has its name.
_ENTRY = re.compile(r"<(Contents|CommonPrefixes|Blob|BlobPrefix)(?=[\s>]).*?</\1>", re.DOTALL)
_NAME = re.compile(r"<(?:Key|Prefix|Name)(\s[^>]*)?>(.*?)</", re.DOTALL)
_REFERENCE = re.compile(r"&(?:#(\d+)|#x([0-9A-Fa-f]+)|(\w+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
#: What belongs to a connection, and not to what is asked over it.
_OWN = ("host", "connection", "accept-encoding")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent: whoever asks hears of it."""


@contextmanager
def relaying(endpoint: str, timeout: float) -> Iterator[tuple[str, list[str]]]:
    """Answer in place of a store; yields the URL to ask, and the odd keys that were left out so far."""
    import httpx

    parts = urlsplit(endpoint)
    odd: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Be silent."""

        def do_GET(self) -> None:
            """Ask the store what is asked here."""
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            try:
                asked = client.build_request("GET", f"{parts.scheme}://{parts.netloc}{self.path}", headers=headers)
                found = client.send(asked)
                status, body = found.status_code, found.content
            except httpx.HTTPError:
                status, body = 502, b""
            if status == 200:
                text, left_out = without_odd(body.decode(errors="surrogateescape"))
                body = text.encode(errors="surrogateescape")
                odd.extend(left_out)
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with httpx.Client(timeout=timeout) as client, _Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{parts.path.rstrip('/')}", odd
        finally:
            server.shutdown()


def without_odd(page: str) -> tuple[str, list[str]]:
    """Return a page of a listing without entries of odd keys, and these."""
    odd = []

    def leave_out(entry: re.Match[str]) -> str:
        found = _NAME.search(entry[0])
        if not found:
            return entry[0]
        key = _REFERENCE.sub(_read, found[2])
        coded = "true" in (found[1] or "")  # by Azure, for XML cannot hold it as it is; the library would read it as it stands
        if key.endswith("/") and entry[1] in ("Contents", "Blob") and not is_odd(key):
            return ""  # it marks a folder
        if not coded and not is_odd(key):
            return entry[0]
        odd.append(unquote(key) if coded else key)
        return ""

    return _ENTRY.sub(leave_out, page), odd


def _read(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    return _NAMED.get(name, found[0]) if name else chr(int(decimal) if decimal else int(hexadecimal, 16))
