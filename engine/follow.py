"""Reading on while a file grows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from dbsvc.engine.database import Database
from dbsvc.engine.datasets import load_datasets, read_header
from dbsvc.engine.delivery import Delivery
from dbsvc.engine.errors import InputError, InputMissingError
from dbsvc.engine.ingest import Outcome, ingest_all
from dbsvc.engine.scan import Position
from dbsvc.engine.settings import Settings

_LONGEST_FIRST_LINE = 2**20  # bytes


def follow(
    db: Database, source: str, settings: Settings, *, jobs: int, every: float, idle: float | None = None
) -> Iterator[Outcome]:
    """Load what is appended to a file, at most every ``every`` seconds; yield each load. Ends after ``idle`` seconds without.

    A file that is renamed, truncated or replaced is read from its start when it is there again. Raises InputMissingError when
    it is not there at the beginning, InputError when it is no file that grows.
    """
    with Delivery(source):
        pass  # it is there
    seen: tuple[int, ...] | None = None
    since: Position | None = None
    active = time.monotonic()
    while True:
        looked = time.monotonic()
        found = _look(source)
        if found and found != seen:
            with suppress(InputMissingError), Delivery(source) as delivery:
                for outcome in _load(db, delivery, settings, jobs, since):
                    since = outcome.scan.end
                    if not outcome.already:
                        active = time.monotonic()
                        yield outcome
            seen = found
        rest = every - (time.monotonic() - looked)
        if idle is not None:
            left = active + idle - time.monotonic()
            if left <= 0:
                return
            rest = min(rest, left)
        db.pause(max(rest, 0))


def _load(db: Database, delivery: Delivery, settings: Settings, jobs: int, since: Position | None) -> Iterator[Outcome]:
    if b"\n" not in delivery.read(0, _LONGEST_FIRST_LINE):
        return  # its first line is still being written
    header = read_header(delivery, load_datasets(db.statements))
    if not header.dataset.grows:
        raise InputError(f"{delivery.source}: files of {header.dataset.title} are delivered whole; ingest it without --follow.")
    yield from ingest_all(db, delivery, header, settings, jobs=jobs, since=since)


def _look(source: str) -> tuple[int, int, int] | None:
    """Return what changes when a file does, or None while there is none."""
    try:
        found = os.stat(source)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
