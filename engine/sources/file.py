"""A delivered file: where it comes from, and its bytes by position."""

from __future__ import annotations

import codecs
import copy
import io
import os
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import unquote

from dbsvc.engine.errors import InputMissingError, ProfileError
from dbsvc.engine.sources import packed
from dbsvc.engine.sources.archive import split_member
from dbsvc.engine.sources.local import LocalFile
from dbsvc.engine.sources.spool import Glanced, Spool, reading
from dbsvc.engine.sources.urls import as_path, find_url, shown_name, split_object

if TYPE_CHECKING:
    from dbsvc.engine.sources.columnar import Table

_BLOCK = 2**20  # bytes
_ZEROS = bytes(_BLOCK)


class Content(Protocol):
    """Bytes by position, from any thread: of a file, an object, or what was unpacked of one."""

    @property
    def size(self) -> int:
        """Where they end."""

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; fewer only at the end."""


class Origin(Content, Protocol):
    """Where a delivered file lies: on this machine, in an object store, on the web."""

    @property
    def version(self) -> str | None:
        """What tells the object that is read from what had or will have its name."""

    @property
    def lasting_version(self) -> str | None:
        """The same, if no other bytes ever had it, and none will."""

    @property
    def passes_by(self) -> bool:
        """Whether its bytes pass by once, and are gone."""

    @property
    def has_positions(self) -> bool:
        """Whether it can be read at any position; otherwise as a stream only."""

    @property
    def is_far(self) -> bool:
        """Whether bytes take long to come."""

    @property
    def start(self) -> bytes:
        """Its first bytes, which tell what packs it."""

    def stream(self) -> BinaryIO:
        """Return it as a file, to be read from its start."""

    def refresh(self) -> tuple[int, int | str]:
        """Find out how large it is by now. Returns what changes when it does."""

    def was_replaced(self) -> bool:
        """Whether another file has its name by now."""

    def skip_hole(self, start: int) -> int:
        """Return the position of the first byte from ``start`` on that was ever written, as far as that can be told."""

    def close(self) -> None:
        """Close it."""


class SourceFile:
    """The content of a file, unpacked if it is packed, or of what is piped in (``-`` is standard input), or of an object.

    What cannot be read at any position is spooled, only as far as it is asked for, into a file without a name, which the system
    removes with the process. A member of an archive is named as if the archive were a folder. No more than ``max_unpacked``
    bytes come out of what is packed.
    """

    def __init__(self, source: str, max_unpacked: int = sys.maxsize) -> None:
        source = as_path(source)
        self.source = shown_name(source)
        self._opened = ExitStack()
        #: what is read as text, if it is no text
        self.table: Table | None = None
        #: what it was decoded from
        self._encoding = ""
        try:
            self._open(source, max_unpacked)
        except BaseException:
            self._opened.close()
            raise

    def _open(self, source: str, max_unpacked: int) -> None:
        self._origin, member = open_origin(source)
        self._opened.callback(self._origin.close)
        #: what packs it, if anything does
        self.packing = packed.find_packing(self._origin.start)
        if member is not None and self.packing != "zip":
            raise InputMissingError(f"{self.source}: no such file or folder.")
        #: whether somebody may still be writing it
        self.can_grow = self._origin.has_positions and not self.packing
        #: what is read
        self.content: Content = self._origin
        if not self.can_grow:
            self._keep(self._unpack(self.packing, member, max_unpacked) if self.packing else self._spool())

    def _spool(self) -> Spool:
        return Spool(self.source, self._origin.stream())

    def _keep(self, spool: Spool) -> BinaryIO:
        """Read a spool from now on; returns its file."""
        self.content = spool
        return self._opened.enter_context(spool.file)

    def _unpack(self, packing: str, member: str | None, most: int) -> Spool:
        origin = self._origin
        by_position = packed.BY_POSITION if not origin.has_positions else packed.HERE_AND_THERE if origin.is_far else ()
        near = origin.has_positions and not origin.is_far
        size = origin.size if origin.has_positions else 0
        if packing in by_position:
            whole = self._spool()
            file = self._keep(whole)
            if origin.has_positions:  # a glance at it takes a part of it
                file = io.BufferedReader(Glanced(origin.read, origin.size, whole))
            else:
                whole.fill(sys.maxsize)
                size, near = whole.size, True
        else:
            file = origin.stream()
        with reading(self.source):
            unpacked = packed.unpack(packing, file, self.source, member, whole=near)
            self.table = unpacked.table
        return Spool(self.source, unpacked.stream, promised=unpacked.promised, packed=size, most=most)

    @property
    def size(self) -> int:
        """Where it ends: out of reach, until the end of what is packed or piped is found."""
        return self.content.size

    @property
    def version(self) -> str | None:
        """Which object it is of all that had its name, if it is one."""
        return self._origin.version

    @property
    def lasting_version(self) -> str | None:
        """The same, if no other bytes of its name ever had it, and none will."""
        return self._origin.lasting_version

    @property
    def passes_by(self) -> bool:
        """Whether its bytes pass by once, and are gone."""
        return self._origin.passes_by

    def decode(self, encoding: str) -> None:
        """From now on be what the file is as UTF-8: decoded once, into a spool."""
        if self._encoding:
            return
        self._keep(Spool(self.source, _Decoded(self, encoding)))
        self._encoding, self.can_grow = encoding, False

    @property
    def wrong_name(self) -> str | None:
        """What is wrong about its name, if that says otherwise than its first bytes what the file is."""
        name, _ = split_object(self.source) if find_url(self.source) else split_member(self.source)
        return packed.find_wrong_name(name, self.packing)

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def refresh_size(self) -> tuple[int, int | str]:
        """Find out how large the file is by now. Returns what changes when it does: size and time, or size and version."""
        return self._origin.refresh() if self.can_grow else (self.size, 0)

    def was_replaced(self) -> bool:
        """Whether another file has the name by now."""
        return self._origin.was_replaced()

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; from any thread. Fewer only at the end."""
        return self.content.read(start, size)

    def end_of_hole(self, start: int) -> int:
        """Return the position of the first byte from ``start`` on that is not NUL; that of the end if there is none.

        Where the file system knows that nothing was ever written, nothing is read.
        """
        while block := self.read(start, _BLOCK):
            if block != _ZEROS[: len(block)]:
                return start + len(block) - len(block.lstrip(b"\0"))
            start += len(block)
            if self.can_grow:
                start = self._origin.skip_hole(start)
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


def open_origin(source: str) -> tuple[Origin, str | None]:
    """Open what a source names; returns it, and the member of it that is meant if it is an archive."""
    if url := find_url(source):
        from dbsvc.engine.sources.stores import StoredFile

        archive, member = split_object(url.key)
        if member is not None:
            try:
                return StoredFile(url.beside(archive)), unquote(member) if url.is_web else member
            except InputMissingError:
                member = None  # a folder that is called so
        return StoredFile(url), member
    # names are UTF-8, also for a system that is told that it knows no more than ASCII
    path, member = split_member(os.fsdecode(source.encode(errors="surrogateescape")))
    return LocalFile(path, shown_name(source)), member
