"""A delivered file: where it comes from, and its bytes by position."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, BinaryIO

from dbsvc.engine.errors import InputError, InputMissingError, NoRoomError, SpoolError

_GZIP = b"\x1f\x8b"
_BLOCK = 2**20  # bytes
_ZEROS = bytes(_BLOCK)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What stays free for others where files are spooled: a share of the file system, and never more than this, in bytes.
_RESERVED_SHARE, _RESERVED = 0.05, 256 * 2**20


class SourceFile:
    """The content of a file, of a ``.gz`` after decompression, or of what is piped in (``-`` is standard input).

    What cannot be read at any position is spooled, only as far as it is asked for, into a file without a name, which the system
    removes with the process.
    """

    def __init__(self, source: str) -> None:
        self.source = shown_name(source)
        # names are UTF-8, also for a system that is told that it knows no more than ASCII
        self._path = os.fsdecode(source.encode(errors="surrogateescape"))
        self._opened = ExitStack()
        #: where more of it comes from, until all of it is spooled
        self._rest: BinaryIO | None = None
        self._spooled = 0
        try:
            self._open(self._path)
        except BaseException:
            self._opened.close()
            raise

    def _open(self, source: str) -> None:
        with self._reading():
            self._origin = None if source == "-" else os.stat(source)
            mode = self._origin.st_mode if self._origin else 0
            if source == "-" and sys.stdin is None:
                raise InputMissingError("-: standard input is closed.")
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not source.startswith("/dev/tty")):
                raise InputError(f"{self.source}: a device, no file.")
            file: BinaryIO = sys.stdin.buffer if source == "-" else self._opened.enter_context(open(source, "rb"))  # noqa: SIM115
            regular = stat.S_ISREG(mode)
            start = os.pread(file.fileno(), 2, 0) if regular else file.read(2)
        #: whether its bytes pass by once, and are gone
        self.passes_by = not regular
        #: whether somebody may still be writing it
        self.can_grow = regular and start != _GZIP
        if self.can_grow:
            self._file = file
            self.refresh_size()
            return
        #: where it ends: out of reach, until the end is found
        self.size = sys.maxsize
        #: what the packed data itself says of its length, modulo 4 GiB
        self._promised = self._read_length(file) if regular else 0
        stream = file if regular else io.BufferedReader(_Rejoined(start, file))
        self._rest = self._opened.enter_context(gzip.GzipFile(fileobj=stream)) if start == _GZIP else stream  # type: ignore[assignment]
        self._file = self._opened.enter_context(_make_spool())

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def refresh_size(self) -> tuple[int, int]:
        """Find out how large the file is by now. Returns what changes when it does: size and time of the last change."""
        if not self.can_grow:
            return self.size, 0
        found = os.fstat(self._file.fileno())
        self.size = found.st_size
        return found.st_size, found.st_mtime_ns

    def fileno(self) -> int:
        """Return the descriptor of what is read: the file itself, or what was unpacked of it so far."""
        return self._file.fileno()

    def was_replaced(self) -> bool:
        """Whether another file has the name by now."""
        try:
            return self._origin is not None and not os.path.samestat(os.stat(self._path), self._origin)
        except OSError:
            return False

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; from any thread. Fewer only at the end."""
        if self._rest:
            self._spool(start + size)
        parts = []
        with self._reading():
            while size > 0 and (part := os.pread(self._file.fileno(), size, start)):
                parts.append(part)
                start += len(part)
                size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def end_of_hole(self, start: int) -> int:
        """Return the position of the first byte from ``start`` on that is not NUL; that of the end if there is none.

        Where the file system knows that nothing was ever written, nothing is read.
        """
        while block := self.read(start, _BLOCK):
            if block != _ZEROS[: len(block)]:
                return start + len(block) - len(block.lstrip(b"\0"))
            start += len(block)
            if self.can_grow:
                with suppress(OSError):  # nothing but a hole follows, or the system cannot tell
                    start = os.lseek(self._file.fileno(), start, os.SEEK_DATA)
        return start

    def _spool(self, until: int) -> None:
        """Spool what is not yet, up to a position."""
        while self._rest and self._spooled < until:
            with self._reading():
                block = self._rest.read(_BLOCK)
            if block:
                self._keep(block)
            else:
                self._rest = None
                self.size = self._spooled
                self._file.truncate(self.size)

    def _keep(self, block: bytes) -> None:
        system = os.fstatvfs(self._file.fileno())
        free = system.f_bavail * system.f_frsize
        reserved = min(system.f_blocks * system.f_frsize * _RESERVED_SHARE, _RESERVED)
        left = memoryview(b"" if block == _ZEROS[: len(block)] else block)  # what is NUL takes no room
        if left and self._spooled and free - len(left) < reserved:
            raise self._no_room(len(left), free)
        try:
            self._file.truncate(self._spooled + len(block))
            while left:
                left = left[os.pwrite(self._file.fileno(), left, self._spooled + len(block) - len(left)) :]
        except OSError as error:
            if error.errno not in _FULL:
                raise SpoolError(f"{self.source} cannot be spooled: {_reason(error)} ({_ADVICE}).") from error
            raise self._no_room(len(block), free) from error
        self._spooled += len(block)

    def _no_room(self, more: int, free: int) -> NoRoomError:
        needed = max(self._spooled + more, self._promised)
        return NoRoomError(
            f"{self.source}: there is too little room to read it: it needs more than {needed / 1e6:,.0f} MB in "
            f"{_spool_folder()}, and can have {(self._spooled + free) / 1e6:,.0f} MB. Nothing of it was loaded ({_ADVICE})."
        )

    def _read_length(self, file: BinaryIO) -> int:
        with self._reading():
            end = os.fstat(file.fileno()).st_size
            return int.from_bytes(os.pread(file.fileno(), 4, max(0, end - 4)), "little")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{self.source}: the gzip data is damaged or cut off ({error}).") from error
        except OSError as error:
            raise InputMissingError(f"{self.source}: {_reason(error)}.") from error


class _Rejoined(io.RawIOBase):
    """A stream of which the start was read already."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read what is there."""
        start, self._start = self._start[: len(buffer)], self._start[len(buffer) :]
        part = start or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def shown_name(path: str) -> str:
    """Return a path as text that can be stored and shown: bytes of it that are not UTF-8 are written out."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


_ADVICE = "set TMPDIR to a folder that has room"


def _spool_folder() -> str:
    return os.environ.get("TMPDIR") or tempfile.gettempdir()


def _make_spool() -> BinaryIO:
    try:
        return tempfile.TemporaryFile(dir=_spool_folder(), buffering=0)
    except OSError as error:
        kind = NoRoomError if error.errno in _FULL else SpoolError
        folder = os.environ.get("TMPDIR") or "the system's folder for temporary files"
        raise kind(f"What is packed or piped cannot be spooled into {folder}: {_reason(error)} ({_ADVICE}).") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
