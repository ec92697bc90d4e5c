"""A small server on loopback that is told of things: it keeps what comes, and answers as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Told:
    """What arrived."""

    port: int = 0
    #: the statuses to answer with, one after the other; then ``usual``
    answers: list[int] = field(default_factory=list)
    usual: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    #: seconds until it answers
    waits: float = 0
    #: what is done before it answers
    then: Callable[[], None] = lambda: None
    messages: list[Any] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/hidden-1234567890"

    @property
    def notices(self) -> list[tuple[str, str, str]]:
        """The changes of all messages: what, its state, and what kind of change it is."""
        told = [notice for message in self.messages for notice in message["notices"]]
        return [(notice["subject"], notice["state"], notice["change"]) for notice in told]


@contextmanager
def told() -> Iterator[Told]:
    """Serve."""
    found = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            found.requests.append((self.path, dict(self.headers)))
            found.then()
            time.sleep(found.waits)
            with suppress(OSError):  # who waits no more is gone
                self.send_response(found.answers.pop(0) if found.answers else found.usual)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()
