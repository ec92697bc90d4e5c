"""A delivered file: where it comes from, and its bytes by position."""

from __future__ import annotations

import codecs
import copy
import io
import os
import stat
import sys
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from dbsvc.engine.errors import InputError, InputMissingError, ProfileError
from dbsvc.engine.sources import packed
from dbsvc.engine.sources.archive import split_member
from dbsvc.engine.sources.spool import Spool, reading

if TYPE_CHECKING:
    from dbsvc.engine.sources.columnar import Table

_BLOCK = 2**20  # bytes
_ZEROS = bytes(_BLOCK)


class SourceFile:
    """The content of a file, unpacked if it is packed, or of what is piped in (``-`` is standard input).

    What cannot be read at any position is spooled, only as far as it is asked for, into a file without a name, which the system
    removes with the process. A member of an archive is named as if the archive were a folder. No more than ``max_unpacked``
    bytes come out of what is packed.
    """

    def __init__(self, source: str, max_unpacked: int = sys.maxsize) -> None:
        self.source = shown_name(source)
        # names are UTF-8, also for a system that is told that it knows no more than ASCII
        self._path = os.fsdecode(source.encode(errors="surrogateescape"))
        self._opened = ExitStack()
        self._spool: Spool | None = None
        #: what is read as text, if it is no text
        self.table: Table | None = None
        #: what it was decoded from
        self._encoding = ""
        try:
            self._open(max_unpacked)
        except BaseException:
            self._opened.close()
            raise

    def _open(self, max_unpacked: int) -> None:
        with reading(self.source):
            self._path, member = split_member(self._path)
            self._origin = None if self._path == "-" else os.stat(self._path)
            mode = self._origin.st_mode if self._origin else 0
            if not self._origin and sys.stdin is None:
                raise InputMissingError("-: standard input is closed.")
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not self._path.startswith("/dev/tty")):
                raise InputError(f"{self.source}: a device, no file.")
            file: BinaryIO = self._opened.enter_context(open(self._path, "rb")) if self._origin else sys.stdin.buffer  # noqa: SIM115
            regular = stat.S_ISREG(mode)
            start = os.pread(file.fileno(), packed.START, 0) if regular else file.read(packed.START)
        #: whether its bytes pass by once, and are gone
        self.passes_by = not regular
        #: what packs it, if anything does
        self.packing = packed.find_packing(start)
        if member is not None and self.packing != "zip":
            raise InputMissingError(f"{self.source}: no such file or folder.")
        #: whether somebody may still be writing it
        self.can_grow = regular and not self.packing
        if self.can_grow:
            self._file = file
            self.refresh_size()
            return
        if not regular:
            file = io.BufferedReader(_Rejoined(start, file))
        if self.packing:
            self._spool = self._unpack(self.packing, file, member, max_unpacked)
        else:
            self._spool = Spool(self.source, file)
        self._file = self._opened.enter_context(self._spool.file)
        self.size = self._spool.size

    def _unpack(self, packing: str, file: BinaryIO, member: str | None, most: int) -> Spool:
        if self.passes_by and packing in packed.BY_POSITION:
            whole = Spool(self.source, file)
            file = self._opened.enter_context(whole.file)
            whole.fill(sys.maxsize)
        by_position = not self.passes_by or packing in packed.BY_POSITION
        with reading(self.source):
            size = os.fstat(file.fileno()).st_size if by_position else 0
            unpacked = packed.unpack(packing, file, self.source, member, whole=by_position)
            self.table = unpacked.table
        return Spool(self.source, unpacked.stream, promised=unpacked.promised, packed=size, most=most)

    def decode(self, encoding: str) -> None:
        """From now on be what the file is as UTF-8: decoded once, into a spool."""
        if self._encoding:
            return
        source = _Decoded(self, encoding)
        spool = Spool(self.source, source)
        self._opened.enter_context(spool.file)
        self._encoding, self.can_grow = encoding, False
        self._file, self._spool, self.size = spool.file, spool, spool.size

    @property
    def wrong_name(self) -> str | None:
        """What is wrong about its name, if that says otherwise than its first bytes what the file is."""
        return packed.find_wrong_name(self._path, self.packing)

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
        if self._spool:
            self._spool.fill(start + size)
            self.size = self._spool.size
        parts = []
        with reading(self.source):
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


class _Decoded:
    """What a file is as UTF-8, read once from its start."""

    def __init__(self, file: SourceFile, encoding: str) -> None:
        # the file as it is now: what is read of it here goes into another spool
        self._raw = copy.copy(file)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._encoding = encoding
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """Return some more; nothing at the end. Raises ProfileError for what is no text of the encoding."""
        while True:
            block = self._raw.read(self._at, size)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeError as error:
                where = f"{self._raw.source}: it is no text of {self._encoding} at byte {self._at:,} or soon after"
                raise ProfileError(f"{where}, as its profile says.") from error
            if self._at == 0:
                text = text.removeprefix("\ufeff")
            self._at += len(block)
            if text or not block:
                return text.encode(errors="replace")


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
