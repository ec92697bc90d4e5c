"""A server for one page, for the browsers of this machine alone. It reads, and does nothing else."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dbsvc.engine.errors import DbsvcError
from dbsvc.engine.log import event

_LOOPBACK = "127.0.0.1"
_PATIENCE = 10  # seconds for a request to be sent


class Server(ThreadingHTTPServer):
    """Makes the page again for each request, one after another.

    ``port`` 0 takes any that is free. Raises OSError if the port cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, port: int, make: Callable[[], str], clean: Callable[[str], str] = str) -> None:
        self._make = make
        self._clean = clean
        self._one_at_a_time = threading.Lock()
        super().__init__((_LOOPBACK, port), _Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{_LOOPBACK}:{self.server_port}/"

    def knows(self, host: str | None) -> bool:
        """Whether a request was meant for us: a page from elsewhere may have led a browser here under another name."""
        names = {_LOOPBACK, "localhost"}
        return host in names | {f"{name}:{self.server_port}" for name in names}

    def page(self) -> tuple[int, str, str]:
        """Return the status, the type and the text of an answer."""
        try:
            with self._one_at_a_time:
                return 200, "text/html", self._make()
        except DbsvcError as error:
            return 503, "text/plain", f"dbsvc: {self._clean(str(error))}\n"
        except Exception as error:  # of whatever kind: what it says may hold a secret
            event("page_not_made", logging.ERROR, because=type(error).__name__)
            return 500, "text/plain", f"dbsvc: the page could not be made: {type(error).__name__}\n"

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what went wrong with a request, such as a browser that is gone."""
        event("request_failed", logging.DEBUG, because=type(sys.exception()).__name__)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _PATIENCE
    server_version = "dbsvc"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        self._answer(with_text=True)

    def do_HEAD(self) -> None:
        """Answer with what is said of the page."""
        self._answer(with_text=False)

    def _answer(self, *, with_text: bool) -> None:
        if not self.server.knows(self.headers.get("Host")):
            status, kind, text = 421, "text/plain", f"This is {self.server.url} and has no other name.\n"
        elif self.path.partition("?")[0] != "/":
            status, kind, text = 404, "text/plain", f"There is one page: {self.server.url}\n"
        else:
            status, kind, text = self.server.page()
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        if with_text:
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Log where all is logged; requests are no news."""
        event("request", 10, says=format % arguments)
