"""A way to PostgreSQL that breaks at a chosen moment."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple

import pytest
from psycopg.conninfo import conninfo_to_dict

_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_LAST_WORDS = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS


class Break(NamedTuple):
    """A connection breaks with what its client sends for the ``at``-th time."""

    at: int
    #: *unread*: while it waits to be read, which resets the connection; *unanswered*: when it was read; *lost*: when done,
    #: and the answer is on its way; *answered*: after that, so that the client finds that it cannot send
    when: str
    #: whether the server's last words arrive
    said: bool


#: how a connection can break
MANNERS = [(when, said) for when in ("unread", "unanswered", "answered") for said in (False, True)] + [("lost", False)]


class Way:
    """Passes on what clients and a server send each other. The first connection breaks, if that is asked for."""

    def __init__(self, url: str, where: Break | None = None) -> None:
        server = conninfo_to_dict(url)
        folder, name = str(server["host"]), f".s.PGSQL.{server.get('port') or 5432}"
        if not folder.startswith("/"):
            pytest.skip("a server that is reached by a socket is needed")
        self._server = f"{folder}/{name}"
        self._folder = TemporaryDirectory(prefix="way")
        self.url = url.replace(folder, self._folder.name)
        self._breaks = [where] if where else []
        #: how often clients have sent something
        self.sent = 0
        #: whether one broke
        self.broken = False
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(Path(self._folder.name, name)))
        self._door.listen()
        self._threads = [threading.Thread(target=self._open)]

    def __enter__(self) -> Way:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._door.close()
        self._folder.cleanup()

    def _open(self) -> None:
        with suppress(OSError):  # the door was shut
            while True:
                client, _ = self._door.accept()
                where = self._breaks.pop() if self._breaks else Break(0, "", said=False)
                self._threads.append(threading.Thread(target=self._pass_on, args=(client, where)))
                self._threads[-1].start()

    def _pass_on(self, client: socket.socket, where: Break) -> None:
        sent = 0
        with client, socket.socket(socket.AF_UNIX) as server, suppress(ConnectionError):
            server.connect(self._server)
            while True:
                ready, _, _ = select.select([client, server], [], [])
                from_client = server not in ready
                when = where.when if where.at == sent + from_client else ""
                if from_client:
                    if when == "unread":
                        break
                    if not (data := client.recv(2**16)):
                        return
                    sent += 1
                    self.sent += 1
                    if when == "unanswered":
                        break
                    server.sendall(data)
                else:
                    data = server.recv(2**16)
                    if not data:
                        return
                    if when == "lost":
                        break
                    client.sendall(data)
                    if when == "answered":
                        break
            self.broken = True
            if where.said:
                client.sendall(_LAST_WORDS)
