"""A file without a name, in which what is packed or piped is kept while it is read: the system removes it with the process."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from dbsvc.engine.errors import InputError, InputMissingError, NoRoomError, SpoolError

_BLOCK = 2**20  # bytes
_ZEROS = bytes(_BLOCK)
#: How much a glance at what is far takes at most, and at once, in bytes.
_GLANCE, _RANGE = 8 * 2**20, 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What stays free for others where files are spooled: a share of the file system, and never more than this, in bytes.
_RESERVED_SHARE, _RESERVED = 0.05, 256 * 2**20
#: What shrinks more than that when it is packed is mostly NULs, which take no room.
_MOST_SHRINKAGE = 100
_ADVICE = "set TMPDIR to a folder that has room"


class Stream(Protocol):
    """What is read once, from its start to its end."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""


class Spool:
    """What comes out of a stream, kept only as far as it is asked for.

    ``promised`` is how long it will be at least, as far as that is known beforehand, and ``packed`` how long it is packed.
    No more than ``most`` bytes are taken.
    """

    def __init__(self, source: str, stream: Stream, *, promised: int = 0, packed: int = 0, most: int = sys.maxsize) -> None:
        self.file = make_file()
        #: where it ends: out of reach, until the end is found
        self.size = sys.maxsize
        self._source = source
        self._rest: Stream | None = stream
        self._spooled = 0
        self._promised = promised
        self._packed = packed
        self._most = most
        self._checked = False

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; fewer only at the end."""
        self.fill(start + size)
        with reading(self._source):
            return read_at(self.file, start, size)

    def fill(self, until: int) -> None:
        """Spool what is not yet, up to a position. What is surely too much is refused before most of it is written."""
        if until > _BLOCK and not self._checked:
            self._checked = True
            self._refuse_too_much(self._promised)
            free, reserved = self._find_room()
            if self._spooled + free - reserved < self._promised <= _MOST_SHRINKAGE * self._packed:
                raise self._no_room(0, free)
        while self._rest and self._spooled < until:
            with reading(self._source):
                block = self._rest.read(_BLOCK)
            if block:
                self._refuse_too_much(self._spooled + len(block))
                self._keep(block)
            else:
                self._rest = None
                self.size = self._spooled
                self.file.truncate(self.size)

    def _refuse_too_much(self, size: int) -> None:
        if size > self._most:
            raise InputError(
                f"{self._source}: it unpacks to more than {self._most / 1e9:g} GB, and nothing of it was loaded. "
                "If it is no bomb, set DBSVC_MAX_UNPACKED_GB."
            )

    def _find_room(self) -> tuple[int, float]:
        """Return how many bytes are free, and how many of them are to stay so."""
        system = os.fstatvfs(self.file.fileno())
        return system.f_bavail * system.f_frsize, min(system.f_blocks * system.f_frsize * _RESERVED_SHARE, _RESERVED)

    def _keep(self, block: bytes) -> None:
        free, reserved = self._find_room()
        left = memoryview(b"" if block == _ZEROS[: len(block)] else block)  # what is NUL takes no room
        if left and self._spooled and free - len(left) < reserved:
            raise self._no_room(len(left), free)
        try:
            self.file.truncate(self._spooled + len(block))
            while left:
                left = left[os.pwrite(self.file.fileno(), left, self._spooled + len(block) - len(left)) :]
        except OSError as error:
            if error.errno not in _FULL:
                raise SpoolError(f"{self._source} cannot be spooled: {reason(error)} ({_ADVICE}).") from error
            raise self._no_room(len(block), free) from error
        self._spooled += len(block)

    def _no_room(self, more: int, free: int) -> NoRoomError:
        needed = max(self._spooled + more, self._promised)
        return NoRoomError(
            f"{self._source}: there is too little room to read it: it needs more than {needed / 1e6:,.0f} MB in "
            f"{spool_folder()}, and can have {(self._spooled + free) / 1e6:,.0f} MB. Nothing of it was loaded ({_ADVICE})."
        )


class Rejoined(io.RawIOBase):
    """A stream of which the start was read already. ``more`` returns what follows, as much as is asked for or not."""

    def __init__(self, start: bytes, more: Callable[[int], bytes]) -> None:
        self._start = start
        self._more = more

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read what is there."""
        part = self._start or self._more(len(buffer))
        part, self._start = part[: len(buffer)], part[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class Ranged(io.RawIOBase):
    """What is read by ranges, as a file: ``read`` returns bytes by position and number, ``size`` says where they end."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read at any position."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read what fits."""
        part = self._read(self._at, len(buffer))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


class Glanced(Ranged):
    """What is far, as a file that is read here and there: by ranges at first, as a glance does; then all of it is spooled."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, whole: Spool) -> None:
        super().__init__(self._glance, size)
        self._far = read
        self._whole = whole
        self._taken = 0

    def _glance(self, position: int, number: int) -> bytes:
        if self._taken < _GLANCE:
            part = self._far(position, min(number, _RANGE))
            self._taken += len(part)
            return part
        self._whole.fill(sys.maxsize)
        return self._whole.read(position, number)


def read_at(file: BinaryIO, start: int, size: int) -> bytes:
    """Return up to ``size`` bytes from position ``start``, from any thread; fewer only at the end."""
    parts = []
    while size > 0 and (part := os.pread(file.fileno(), size, start)):
        parts.append(part)
        start += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Say which file the system cannot read, and why."""
    try:
        yield
    except OSError as error:
        raise InputMissingError(f"{source}: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """Return what the system says."""
    return (error.strerror or str(error)).lower()


def spool_folder() -> str:
    """Return the folder in which all is spooled."""
    return os.environ.get("TMPDIR") or tempfile.gettempdir()


@contextmanager
def spooling(source: str) -> Iterator[None]:
    """Say what cannot be spooled of which file, and why."""
    try:
        yield
    except OSError as error:
        kind = NoRoomError if error.errno in _FULL else SpoolError
        raise kind(f"{source}: what it takes to read it cannot be spooled: {reason(error)} ({_ADVICE}).") from error


def make_file() -> BinaryIO:
    """Return a file without a name."""
    try:
        return tempfile.TemporaryFile(dir=spool_folder(), buffering=0)
    except OSError as error:
        kind = NoRoomError if error.errno in _FULL else SpoolError
        folder = os.environ.get("TMPDIR") or "the system's folder for temporary files"
        raise kind(f"What is packed or piped cannot be spooled into {folder}: {reason(error)} ({_ADVICE}).") from error
