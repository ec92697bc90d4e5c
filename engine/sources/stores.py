"""An object of a store or of the web: pinned when it is opened, and read by ranges, some of them ahead."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO, Protocol

from dbsvc.engine.sources.packed import START
from dbsvc.engine.sources.spool import Ranged, Rejoined
from dbsvc.engine.sources.urls import Url
from dbsvc.engine.threads import Threads

#: What is asked for at once, and how many of these at the same time: one connection of a store gives a part of what it can.
_BLOCK, _THREADS = 2**20, 4
#: How many blocks are read ahead, and how many are kept, of a reader that goes on where it ended.
_AHEAD, _KEPT = 4, 16
#: What is smaller is asked for as it is, unless it is at hand: a sample here and there is no reason to fetch blocks.
_SMALL = 64 * 1024
#: Its beginning is asked for several times; a glance tells whether it still is the same.
_HEAD, _GLANCE = 2**20, 1
#: What a store returns.
Part = bytes | memoryview
#: What to do where a store does not answer, and where it shows a certificate that nobody knows.
GO_ON = "Run the same command again later; what is staged stays so"
OWN_AUTHORITY = "If it is of your own authority, set SSL_CERT_FILE to the authority's certificate"


@dataclass(frozen=True)
class Pin:
    """Which object it is, of all that had and will have its name: by its version, else by its ETag, else by its date."""

    size: int
    etag: str | None = None
    version: str | None = None
    modified: str | None = None

    @property
    def shown(self) -> str | None:
        """What tells it from others."""
        return self._version or (self.etag and self.etag.removeprefix("W/").strip('"')) or self.modified

    @property
    def is_lasting(self) -> bool:
        """Whether no other object of its name can be told so."""
        return bool(self._version or (self.etag and not self.etag.startswith("W/")))

    @property
    def _version(self) -> str | None:
        return None if self.version == "null" else self.version  # of whatever is written while versions are off


@dataclass(frozen=True)
class Seen:
    """An object at first sight: its beginning; or all of it as a stream, if the server knows no ranges."""

    pin: Pin
    head: bytes
    rest: Iterator[bytes] | None = None


class Store(Protocol):
    """Where one object lies."""

    def look(self, most: int) -> Seen:
        """Return the object as it is now, and its first ``most`` bytes."""

    def fetch(self, pin: Pin, start: int, end: int) -> Part:
        """Return these bytes of the object that was pinned. Raises ChangedError if another one has its name by now."""


class StoredFile:
    """An object of a store or of the web: an ``Origin``."""

    passes_by = False
    is_far = True

    def __init__(self, url: Url) -> None:
        self._url = url
        self._store = _find_store(url)
        seen = self._store.look(_HEAD)
        self._pin, self._head, self._rest = seen.pin, seen.head, seen.rest
        self.has_positions = seen.rest is None
        self._blocks: OrderedDict[int, Future[Part]] = OrderedDict()
        self._lock = Lock()
        self._pool = Threads(_THREADS, "fetch")
        self._next = 0

    @property
    def size(self) -> int:
        """How large it is."""
        return self._pin.size

    @property
    def version(self) -> str | None:
        """What tells it from what had or will have its name."""
        return self._pin.shown

    @property
    def lasting_version(self) -> str | None:
        """The same, of a bucket: many a server makes its ETag of a file's time and size."""
        return self.version if self._pin.is_lasting and not self._url.is_web else None

    @property
    def start(self) -> bytes:
        """Its first bytes."""
        return self._head[:START]

    def refresh(self) -> tuple[int, int | str]:
        """Read the object that has the name by now."""
        if self._store.look(_GLANCE).pin != self._pin:
            seen = self._store.look(_HEAD)
            with self._lock:
                self._pin, self._head, self._next = seen.pin, seen.head, 0
                self._blocks.clear()
        return self.size, self.version or ""

    def was_replaced(self) -> bool:
        """Return that it was not: whatever has its name is read on."""
        return False

    def skip_hole(self, start: int) -> int:
        """Return the position itself: of a store nobody can tell where nothing was ever written."""
        return start

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; from any thread. Fewer only at the end."""
        end = min(start + size, self.size)
        if end <= start:
            return b""
        if end <= len(self._head):
            return self._head[start:end]
        first, last = start // _BLOCK, (end - 1) // _BLOCK
        with self._lock:
            pin = self._pin
            small = size <= _SMALL and not all(number in self._blocks for number in range(first, last + 1))
            blocks = [] if small else self._find_blocks(start, end, first, last)
        if small:
            return bytes(self._store.fetch(pin, start, end))
        found = io.BytesIO()  # returns what was written without another copy
        for number in range(first, last + 1):
            part = memoryview(self._wait(number, blocks.pop(0)))
            begin = number * _BLOCK
            found.write(part[max(0, start - begin) : end - begin])
        return found.getvalue()

    def _find_blocks(self, start: int, end: int, first: int, last: int) -> list[Future[Part]]:
        """Return blocks, fetched or being so; whoever reads on where the last reader ended will want the next ones, too."""
        blocks = [self._ask(number) for number in range(first, last + 1)]
        if start == self._next:
            for number in range(last + 1, min(last + _AHEAD, (self.size - 1) // _BLOCK) + 1):
                self._ask(number)
        self._next = end
        for number in range(first, last):  # nobody wants these again soon
            self._blocks.pop(number, None)
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return blocks

    def _ask(self, number: int) -> Future[Part]:
        if number not in self._blocks:
            start, pin = number * _BLOCK, self._pin
            self._blocks[number] = self._pool.submit(self._store.fetch, pin, start, min(start + _BLOCK, pin.size))
        return self._blocks[number]

    def _wait(self, number: int, block: Future[Part]) -> Part:
        try:
            return block.result()
        except BaseException:
            with self._lock:  # whoever tries again asks again
                self._blocks.pop(number, None)
            raise

    def stream(self) -> BinaryIO:
        """Return it as a file, to be read from its start."""
        if self._rest is not None:
            rest = filter(None, self._rest)
            return io.BufferedReader(Rejoined(self._head, lambda _: next(rest, b"")))
        return io.BufferedReader(Ranged(self.read, self.size), _BLOCK)

    def close(self) -> None:
        """Fetch no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _find_store(url: Url) -> Store:
    if url.is_web:
        from dbsvc.engine.sources.web import WebStore

        return WebStore(url)
    from dbsvc.engine.sources.clouds import CloudStore

    return CloudStore(url)
