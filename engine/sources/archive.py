"""Zip archives: which of their members are deliveries. One is like a folder; with a single member it is that member."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, BinaryIO

from dbsvc.engine.errors import InputError, UnrecognisedError
from dbsvc.engine.sources.names import is_unfinished

if TYPE_CHECKING:
    from zipfile import ZipFile

    from dbsvc.engine.sources.packed import Unpacked

#: A list of members that is longer takes too much memory.
_LONGEST_LIST = 2 * 2**20  # bytes
_METHODS = (0, 8)  # stored, deflated: the others take memory without a limit
_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)")
_HIDDEN = re.compile(r"(^|/)(__MACOSX/|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@dataclass
class Members:
    """The members of an archive by name, and the names of those that nobody delivers."""

    names: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def split_member(path: str) -> tuple[str, str | None]:
    """Return the archive and the member that a path names; the path itself if it names none.

    Nothing else is to be found within a file.
    """
    archive = path
    while (parent := os.path.dirname(archive)) and parent != archive:
        archive = parent
        if os.path.isfile(archive):
            return archive, path[len(archive) :].lstrip("/")
        if os.path.exists(archive):
            break
    return path, None


def find_members(file: BinaryIO, source: str) -> Members:
    """Return what an archive holds. Raises InputError for one that is damaged, empty, or not to be trusted."""
    with _opened(file, source) as archive:
        return _find_members(archive, source)


def open_member(file: BinaryIO, source: str, member: str | None) -> Unpacked:
    """Open a member of an archive; without a name the only one that is a delivery."""
    from dbsvc.engine.sources.packed import Unpacked

    with _opened(file, source) as archive:
        names = _find_members(archive, source).names
        if member is None and len(names) > 1:
            raise InputError(f"{source}: {len(names):,} files are packed in it; save it as a file, and ingest that.")
        name = names[0] if member is None else member
        try:
            info = archive.getinfo(name)
        except KeyError:
            raise FileNotFoundError(0, "no such file in the archive") from None
        if info.flag_bits & 0x1:
            raise InputError(f"{source}: it is encrypted; decrypt it.")
        if info.compress_type not in _METHODS:
            raise InputError(f"{source}: it is packed within zip by method {info.compress_type}; pack it with zip's usual one.")
        return Unpacked(_Member(archive.open(info), source), info.file_size)


def _find_members(archive: ZipFile, source: str) -> Members:
    found = Members()
    every = [info.filename for info in archive.infolist() if not info.is_dir()]
    if odd := next((name for name in every if _OUTSIDE.match(name) or not name.isprintable()), None):
        raise InputError(
            f"{source}: the archive is not to be trusted: it has a member '{_shown(odd)}'. Nothing of it was loaded."
        )
    if twice := next((name for name, number in Counter(every).items() if number > 1), None):
        raise InputError(f"{source}: the archive has two members '{_shown(twice)}', and nothing of it was loaded.")
    if "[Content_Types].xml" in every or "mimetype" in every:
        if any(name.startswith("xl/") for name in every) or b"spreadsheet" in _mimetype(archive):
            raise InputError(f"{source}: is a workbook; save its sheet as CSV.")
        raise UnrecognisedError(f"{source}: is a document.")
    for name in every:
        hidden = _HIDDEN.search(name) or any(is_unfinished(part) for part in name.split("/") if part != ".")
        (found.hidden if hidden else found.names).append(name)
    if not found.names:
        raise InputError(f"{source}: the archive is empty.")
    return found


def _mimetype(archive: ZipFile) -> bytes:
    return archive.open("mimetype").read(200) if "mimetype" in archive.namelist() else b""


class _Member:
    """The content of a member."""

    def __init__(self, content: IO[bytes], source: str) -> None:
        self._content = content
        self._source = source

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        with _refusing(self._source):
            return self._content.read(size)


class _Bounded:
    """A file of which nobody reads a lot at once: the list of members would be in memory as a whole."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self._file = file
        self._source = source
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""
        if size > _LONGEST_LIST:
            raise InputError(f"{self._source}: the archive has too many members; pack fewer files into one.")
        return self._file.read(size)


@contextmanager
def _opened(file: BinaryIO, source: str) -> Iterator[ZipFile]:
    """Open an archive; what is opened of it stays open as long as the file."""
    from zipfile import ZipFile

    with _refusing(source):
        yield ZipFile(_Bounded(file, source))


@contextmanager
def _refusing(source: str) -> Iterator[None]:
    from zipfile import BadZipFile

    damaged = (BadZipFile, EOFError, zlib.error, struct.error, ValueError, OverflowError, NotImplementedError)
    try:
        yield
    except damaged as error:
        raise InputError(f"{source}: the zip data is damaged or cut off ({str(error) or 'it ends too early'}).") from error


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in name[:200])
