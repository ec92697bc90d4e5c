"""A delivered file: where it comes from, and its bytes by position."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from dbsvc.engine.errors import InputError, InputMissingError

_GZIP = b"\x1f\x8b"


class Delivery:
    """The content of a file, of a ``.gz`` after decompression, or of standard input (``-``).

    What cannot be read twice is spooled into a file without a name, which the system removes with the process.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._origin = None if source == "-" else os.stat(source)
            self._file = _spool(sys.stdin.buffer) if source == "-" else _open(Path(source))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{source}: the gzip data is damaged or cut off ({error}).") from error
        except OSError as error:
            raise InputMissingError(f"{source}: {(error.strerror or str(error)).lower()}.") from error
        self.look()
        #: whether somebody may still be writing it: what was spooled is whole
        self.can_grow = isinstance(self._file.name, str)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def look(self) -> tuple[int, int]:
        """Look how large the file is by now. Returns what changes when it does: size and time of the last change."""
        found = os.fstat(self._file.fileno())
        self.size = found.st_size
        return found.st_size, found.st_mtime_ns

    def was_replaced(self) -> bool:
        """Whether another file has the name by now."""
        try:
            return self._origin is not None and not os.path.samestat(os.stat(self.source), self._origin)
        except OSError:
            return False

    def read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from position ``start``; from any thread. Fewer only at the end."""
        parts = []
        while size > 0 and (part := os.pread(self._file.fileno(), size, start)):
            parts.append(part)
            start += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def find_sources(arguments: Iterable[str]) -> list[tuple[str, bool]]:
    """Return the files that arguments name, each with whether it was named itself (or only found in a folder).

    An argument is a file, a folder (its files, by name, without hidden ones), a glob, or ``-``. Raises InputMissingError.
    """
    found: dict[str, bool] = {}
    for argument in arguments:
        path = Path(argument)
        if argument == "-" or path.is_file():
            found[argument] = True
        elif path.is_dir():
            for entry in sorted(path.iterdir()):
                if entry.is_file() and not entry.name.startswith("."):
                    found.setdefault(str(entry), False)
        elif path.exists():
            found[argument] = True
        elif matches := [match for match in sorted(glob.glob(argument, recursive=True)) if Path(match).is_file()]:
            found |= dict.fromkeys(matches, True)
        else:
            raise InputMissingError(f"{argument}: no such file or folder.")
    return list(found.items())


def _open(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):
        with path.open("rb") as pipe:
            return _spool(pipe)
    file = path.open("rb")
    if os.pread(file.fileno(), 2, 0) == _GZIP:
        with file:
            return _spool(file)
    return file


def _spool(stream: BinaryIO) -> BinaryIO:
    spooled = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, spooled, 2**20)
    spooled.flush()
    if os.pread(spooled.fileno(), 2, 0) != _GZIP:
        return spooled
    spooled.seek(0)
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with spooled, gzip.open(spooled) as packed:
        shutil.copyfileobj(packed, unpacked, 2**20)
    unpacked.flush()
    return unpacked
