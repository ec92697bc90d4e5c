"""Reading on while a file grows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import InputError, InputMissingError
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.model import Outcome
from dbsvc.engine.log import event
from dbsvc.engine.profiles import Profile, find_profiles
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.scan import Position

#: How long a file that was renamed is read on without news, in seconds, once the file that has its name now holds something.
LINGER = 60.0


@dataclass
class _Followed:
    """A file that is followed: what was seen of it, where the last load ended, and whether it could be read at all."""

    file: SourceFile
    seen: tuple[int, int | str] | None = None
    resume_from: Position | None = None
    unread: InputError | None = None
    #: when something came
    news: float = field(default_factory=time.monotonic)

    def load(self, db: Database, settings: Settings, profiles: list[Profile], jobs: int) -> Iterator[Outcome]:
        """Load what came; yield each load that this run made."""
        if (found := self.file.refresh_size()) == self.seen:
            return
        if self.seen:
            self.news = time.monotonic()
        try:
            header = read_header(self.file, db.statements.datasets.values(), profiles)
        except InputError as problem:  # nothing is there yet by which to know it
            if found[0] and str(problem) != str(self.unread):
                event("unreadable", level=logging.WARNING, because=str(problem), bytes=found[0])
            self.unread, self.seen = problem, found
            return
        if header.stream is None:
            whole = "an array is" if header.dataset.grows else f"files of {header.dataset.title} are"
            raise InputError(f"{self.file.source}: {whole} delivered whole; ingest it without --follow.")
        for outcome in ingest_all(db, self.file, header, settings, jobs=jobs, resume_from=self.resume_from):
            self.resume_from = outcome.scan.end
            if not outcome.already:
                yield outcome
        self.unread, self.seen = None, found


def follow(
    db: Database, source: str, settings: Settings, *, jobs: int, every: float, idle: float | None = None
) -> Iterator[Outcome]:
    """Load what is appended to a file, at most every ``every`` seconds; yield each load. Ends after ``idle`` seconds without.

    A file that is truncated or replaced is read from its start. One that was renamed is read on, beside the one that has its
    name now, until that one holds something and the old one has been silent for a minute: by then its writer has moved. Raises
    InputMissingError when it is not there at the beginning, InputError when it is no file that grows, or when bytes came and
    none of them could be read until the end.
    """
    profiles = find_profiles(db.statements.project, db.statements.datasets)
    first = SourceFile(source)
    if not first.can_grow:
        first.close()
        raise InputError(f"{first.source}: what is packed or piped cannot grow; ingest it without --follow.")
    followed = [_Followed(first)]
    try:
        active = time.monotonic()
        while True:
            looked = time.monotonic()
            if followed[-1].file.was_replaced():
                with suppress(InputMissingError):
                    followed.append(_Followed(SourceFile(source)))
            for one in followed:
                for outcome in one.load(db, settings, profiles, jobs):
                    active = one.news = time.monotonic()
                    yield outcome
            moved = followed[-1].file.size > 0
            for old in followed[:-1]:
                if moved and time.monotonic() - old.news > max(LINGER, every):
                    _leave(old)
                    followed.remove(old)
            rest = every - (time.monotonic() - looked)
            if idle is not None:
                left = active + idle - time.monotonic()
                if left <= 0:
                    for one in followed:
                        _leave(one)
                    return
                rest = min(rest, left)
            db.pause(max(rest, 0))
    finally:
        for one in followed:
            one.file.close()


def _leave(one: _Followed) -> None:
    """Read no more of a file. Raises InputError when bytes came and none could be read."""
    one.file.close()
    if one.unread and one.seen and one.seen[0]:
        raise one.unread
