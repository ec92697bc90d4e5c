"""A file of this machine, or what is piped in."""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import suppress
from typing import BinaryIO

from dbsvc.engine.errors import InputError, InputMissingError
from dbsvc.engine.sources.packed import START
from dbsvc.engine.sources.spool import Rejoined, read_at, reading


class LocalFile:
    """A file of this machine, or what is piped in (``-`` is standard input): an ``Origin``."""

    #: whether bytes take long to come
    is_far = False
    #: a file has no versions
    version: str | None = None
    lasting_version: str | None = None

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source
        with reading(source):
            self._found = None if path == "-" else os.stat(path)
            mode = self._found.st_mode if self._found else 0
            if not self._found and sys.stdin is None:
                raise InputMissingError("-: standard input is closed.")
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not path.startswith("/dev/tty")):
                raise InputError(f"{source}: a device, no file.")
            self._file: BinaryIO = open(path, "rb") if self._found else sys.stdin.buffer  # noqa: SIM115
            self.has_positions = stat.S_ISREG(mode)
            self.start = os.pread(self._file.fileno(), START, 0) if self.has_positions else self._file.read(START)
        #: whether its bytes pass by once, and are gone
        self.passes_by = not self.has_positions
        self.size = 0
        if self.has_positions:
            self.refresh()

    def refresh(self) -> tuple[int, int | str]:
        """Find out how large the file is by now. Returns what changes when it does: size and time of the last change."""
        found = os.fstat(self._file.fileno())
        self.size = found.st_size
        return found.st_size, found.st_mtime_ns

    def was_replaced(self) -> bool:
        """Whether another file has the name by now."""
        try:
            return self._found is not None and not os.path.samestat(os.stat(self._path), self._found)
        except OSError:
            return False

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; from any thread. Fewer only at the end."""
        with reading(self._source):
            return read_at(self._file, start, size)

    def skip_hole(self, start: int) -> int:
        """Return the position of the first byte from ``start`` on that was ever written, if the system can tell."""
        with suppress(OSError):  # nothing but a hole follows, or the system cannot tell
            return os.lseek(self._file.fileno(), start, os.SEEK_DATA)
        return start

    def stream(self) -> BinaryIO:
        """Return the file, to be read from its start."""
        return self._file if self.has_positions else io.BufferedReader(Rejoined(self.start, self._file.read))

    def close(self) -> None:
        """Close the file."""
        if self._found:
            self._file.close()
