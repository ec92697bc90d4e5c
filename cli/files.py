"""Files that are written by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write, which gets its name when it is whole. Raises OSError, and then leaves all as it was.

    A link stays a link. A device or a pipe, and what standard output goes to, is not replaced but written to.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    if found and not (stat.S_ISREG(found.st_mode) and not _is_ours(found)):
        if stat.S_ISBLK(found.st_mode):
            raise OSError(0, "This is a disk")
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)  # opening a pipe that nobody reads would wait
        os.set_blocking(number, True)
        with os.fdopen(number, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if found:
            part.chmod(stat.S_IMODE(found.st_mode))
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _is_ours(found: os.stat_result) -> bool:
    return any(os.path.samestat(found, os.fstat(number)) for number in (1, 2))
