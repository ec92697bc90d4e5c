"""Lines of one record that do not stand together: a file that has some is refused, for each part would be half a record."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

from dbsvc.engine.errors import InputError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats.record import LONGEST_RECORD
from dbsvc.engine.sources.gathering import Gathering
from dbsvc.engine.sources.spool import make_file, spooling

_BLOCK = 2**20  # bytes
#: More keys than this are not kept in memory, but spooled; the number of files they go to.
MOST_KEYS, _PARTS = 100_000, 256
_DIGEST, _LINE = 16, 8  # bytes


def refuse_apart(file: SourceFile, gathering: Gathering, start: int, line: int, stop: int | None) -> None:
    """Raise InputError if lines of one record stand in two places of a file."""
    with ExitStack() as opened:
        seen = _Seen(opened, file.source)
        for number, key in _keys(file, gathering, start, line, stop):
            seen.add(number, key)
        if found := seen.find_twice():
            raise InputError(
                f"{file.source}: lines {found[0]} and {found[1]} are of one record, and those between are not: the lines of a "
                "record must follow each other. Sort the file by its key columns. Nothing was loaded."
            )


def _keys(file: SourceFile, gathering: Gathering, start: int, line: int, stop: int | None) -> Iterator[tuple[int, str]]:
    """Yield the key of each record, with its line."""
    rest = b""
    while True:
        end = file.size if stop is None else stop
        wanted = max(_BLOCK, len(rest))
        block = file.read(start + len(rest), min(wanted, end - start - len(rest)))
        data = rest + block
        done = gathering.cut(data, final=False) if block else len(data)
        for record, key in gathering.keyed(data[:done]):
            if key is not None:
                yield line + record.line - 1, "\0".join(key)
        if not block or (not done and len(data) > LONGEST_RECORD):
            return
        line += gathering.count_lines(data[:done])[0]
        start, rest = start + done, data[done:]


class _Seen:
    """The keys that were seen, in bounded memory: as digests, which are spooled in parts where there are many."""

    def __init__(self, opened: ExitStack, source: str) -> None:
        self._opened, self._source = opened, source
        self._lines: dict[bytes, int] = {}
        self._parts: list[BinaryIO] = []
        self._twice: tuple[int, int] | None = None

    def add(self, line: int, key: str) -> None:
        """Keep a key."""
        digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=_DIGEST).digest()
        self._note(self._lines, digest, line)
        if len(self._lines) > MOST_KEYS:
            self._spool()

    def _note(self, lines: dict[bytes, int], digest: bytes, line: int) -> None:
        before = lines.setdefault(digest, line)
        if before != line:
            self._twice = min(self._twice or (before, line), (before, line), key=lambda both: both[1])

    def _spool(self) -> None:
        parts = defaultdict[int, list[bytes]](list)
        for digest, line in self._lines.items():
            parts[digest[0] % _PARTS].append(digest + line.to_bytes(_LINE))
        self._lines = {}
        with spooling(self._source):
            self._parts = self._parts or [self._opened.enter_context(make_file()) for _ in range(_PARTS)]
            for number, entries in parts.items():
                left = memoryview(b"".join(entries))
                while left:
                    left = left[self._parts[number].write(left) :]

    def find_twice(self) -> tuple[int, int] | None:
        """Return the lines of the first record that is seen again; None if all stand together."""
        if self._parts:
            self._spool()
        for part in self._parts:
            part.seek(0)
            lines: dict[bytes, int] = {}
            data = part.read()
            for at in range(0, len(data), _DIGEST + _LINE):
                line = int.from_bytes(data[at + _DIGEST : at + _DIGEST + _LINE])
                self._note(lines, data[at : at + _DIGEST], line)
        return self._twice
