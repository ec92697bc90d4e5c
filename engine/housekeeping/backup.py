"""Backup: a copy of the database in one file, consistent beside whoever writes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import ConfigurationError, ContentionError, DbsvcError, InputError
from dbsvc.engine.log import event

#: What a database in use has beside it. With the wrong one of these a copy is read wrongly.
_COMPANIONS = ("-wal", "-shm", "-journal")


def back_up(
    db: Database, target: Path, *, overwrite: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Copy the database into a file, which gets its name when it is whole; only its owner may read it. Returns its bytes.

    Nobody waits for it, and what is published meanwhile is not in it. Raises InputError if the file exists already, unless it
    may be overwritten, and ConfigurationError for a database that is not a file.
    """
    if absent := db.dialect.absent():
        raise ConfigurationError(absent)
    target = target.absolute()
    try:
        _refuse_taken(db, target, overwrite)
        with _part_of(target) as part:
            db.copy_to(part, progress)
            size = part.stat().st_size
            _refuse_taken(db, target, overwrite)
            _give_name(part, target, overwrite)
    except OSError as error:
        raise DbsvcError(f"{target} cannot be written: {error.strerror}. There is no new backup.") from error
    event("backed up", file=str(target), bytes=size)
    return size


def _refuse_taken(db: Database, target: Path, overwrite: bool) -> None:
    """Raise InputError if there is something that must stay."""
    if target.exists() and not target.is_file():
        raise InputError(f"{target} is no file: name another one.")
    if db.dialect.is_stored_in(target):
        raise InputError(f"{target} is the database itself: name another file.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already, and stays as it is: name another file, or say --overwrite.")
    for companion in _COMPANIONS:
        if (beside := target.with_name(target.name + companion)).exists():
            raise InputError(f"{beside} says that {target.name} is a database in use: name another file.")


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """Yield an empty file beside the target, ours alone; what a killed backup left of it is taken over."""
    part = target.with_name(f".{target.name}.part")
    number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(part.stat(), os.fstat(number)):
                raise FileNotFoundError  # it was another one's, who has just finished with it
        except (BlockingIOError, FileNotFoundError):
            raise ContentionError(f"Another backup to {target} is at work: wait for it, or name another file.") from None
        try:
            _leave_nothing(part, companions_only=True)
            os.fchmod(number, 0o600)
            os.ftruncate(number, 0)
            yield part
        finally:
            _leave_nothing(part)
    finally:
        os.close(number)


def _leave_nothing(part: Path, *, companions_only: bool = False) -> None:
    for suffix in (*_COMPANIONS, *(() if companions_only else ("",))):
        part.with_name(part.name + suffix).unlink(missing_ok=True)


def _give_name(part: Path, target: Path, overwrite: bool) -> None:
    """Rename what is whole and on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if overwrite:
        part.replace(target)
    else:
        os.link(part, target)  # which fails where another one has come between
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
