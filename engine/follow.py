"""Reading on while a file grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from dbsvc.engine.database import Database
from dbsvc.engine.datasets import load_datasets, read_header
from dbsvc.engine.delivery import Delivery
from dbsvc.engine.errors import InputError, InputMissingError
from dbsvc.engine.ingest import Outcome, ingest_all
from dbsvc.engine.log import event
from dbsvc.engine.scan import Position
from dbsvc.engine.settings import Settings


def follow(
    db: Database, source: str, settings: Settings, *, jobs: int, every: float, idle: float | None = None
) -> Iterator[Outcome]:
    """Load what is appended to a file, at most every ``every`` seconds; yield each load. Ends after ``idle`` seconds without.

    A file that is renamed, truncated or replaced is read from its start when it is there again. Raises InputMissingError when
    it is not there at the beginning, InputError when it is no file that grows.
    """
    delivery = Delivery(source)
    if not delivery.can_grow:
        raise InputError(f"{source}: what is packed or piped cannot grow; ingest it without --follow.")
    try:
        seen: tuple[int, int] | None = None
        since: Position | None = None
        active = time.monotonic()
        while True:
            looked = time.monotonic()
            replaced = delivery.was_replaced()  # asked first: what was written before that is read below
            if (found := delivery.look()) != seen:
                for outcome in _load(db, delivery, settings, jobs, since):
                    since = outcome.scan.end
                    if not outcome.already:
                        active = time.monotonic()
                        yield outcome
                seen = found
            if replaced:
                with suppress(InputMissingError):
                    replacement = Delivery(source)
                    delivery.close()
                    delivery, seen, since = replacement, None, None
                    continue
            rest = every - (time.monotonic() - looked)
            if idle is not None:
                left = active + idle - time.monotonic()
                if left <= 0:
                    return
                rest = min(rest, left)
            db.pause(max(rest, 0))
    finally:
        delivery.close()


def _load(db: Database, delivery: Delivery, settings: Settings, jobs: int, since: Position | None) -> Iterator[Outcome]:
    try:
        header = read_header(delivery, load_datasets(db.statements))
    except InputError as problem:  # nothing is there yet by which to know it
        event("waiting", because=str(problem))
        return
    if not header.dataset.grows:
        raise InputError(f"{delivery.source}: files of {header.dataset.title} are delivered whole; ingest it without --follow.")
    yield from ingest_all(db, delivery, header, settings, jobs=jobs, since=since)
