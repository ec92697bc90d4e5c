"""A run: what folders, globs, URLs and names lead to is planned, loaded one after the other, and accounted for.

A file that cannot be loaded stands in no other's way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import DbsvcError, SourceError
from dbsvc.engine.loads.corrections import read_mended
from dbsvc.engine.loads.follow import follow
from dbsvc.engine.loads.ingested import FileOutcome, Ingested, IngestedFile, Replacement
from dbsvc.engine.loads.ledger import find_replaced_among
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.model import BUCKETS, LoadStatus, Outcome
from dbsvc.engine.loads.plan import PlannedFile, plan
from dbsvc.engine.loads.rehearse import Rehearsed, RehearsedFile, rehearse
from dbsvc.engine.loads.waiting import find_waiting
from dbsvc.engine.log import event, tell
from dbsvc.engine.migrations import ensure_schema
from dbsvc.engine.profiles import Profile, find_profiles
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.reports.rejects import count_broken_rules
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import find_sources
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.urls import shown_name

#: Is given what is at work next; lends what is told how far that is.
Show = Callable[[str], AbstractContextManager[Progress]]


def _show_nothing(_name: str) -> AbstractContextManager[Progress]:
    return nullcontext(unseen)


def _tell_nobody(_file: IngestedFile) -> None:
    pass


@dataclass(frozen=True)
class Run:
    """How files are loaded: where to, by which settings, and who sees it.

    ``profile`` is the name of the one that all are read by, ``jobs`` how many threads stage, by default what suits the
    database. With ``again`` known bytes of files that are named are delivered again. ``show`` is given the name of each file,
    ``tell`` what became of it, when it is done.
    """

    db: Database
    settings: Settings
    profile: str | None = None
    jobs: int | None = None
    again: bool = False
    show: Show = field(default=_show_nothing, repr=False)
    tell: Callable[[IngestedFile], None] = field(default=_tell_nobody, repr=False)

    def ingest(self, names: Collection[str]) -> Ingested:
        """Load what the names lead to, and say what became of each file. Makes the schema where there is none.

        Raises what stands in the way of all of them: ConfigurationError, DatabaseError.
        """
        started = time.perf_counter()
        found = find_sources(names)
        if any(source.error is None for source in found.sources):
            with self.show(self.db.dialect.label) as progress:
                ensure_schema(self.db, progress)
        profiles = self._find_profiles()
        planned = plan(self.db, found.sources, self.settings, profiles)
        files: list[IngestedFile] = []
        for number, one in enumerate(planned, 1):
            place = f"{number}/{len(planned)} " if len(planned) > 1 else ""
            for file in self._ingest_one(one, profiles, place):
                files.append(file)
                self._note(file)
        ingested = Ingested.of(files, found)
        _log_what_was_not_read(ingested)
        published = {file.load.load_id for file in files if file.load and file.outcome is FileOutcome.PUBLISHED}
        replaced = tuple(Replacement(**row) for row in find_replaced_among(self.db, published))
        seconds = round(time.perf_counter() - started, 3)
        return replace(ingested, replaced=replaced, retries=self.db.retries, seconds=seconds)

    def rehearse(self, names: Collection[str], *, temporary: bool = False) -> Ingested:
        """Say what ``ingest`` would do, and store nothing. ``temporary``: the database is one that goes with it."""
        profiles = self._find_profiles()
        found = find_sources(names)
        planned = plan(self.db, found.sources, self.settings, profiles)
        rehearsed = rehearse(self.db, planned, self.settings, profiles, again=self.again, show=self.show)
        files = [file for one in rehearsed for file in _would_be(one)]
        ingested = replace(Ingested.of(files, found), dry_run=True, in_temporary_database=temporary)
        _log_what_was_not_read(ingested)
        return ingested

    def follow(self, name: str, every: float, idle: float | None = None) -> Iterator[IngestedFile]:
        """Load what is appended to a file, as ``follow`` does, and say what became of each load."""
        ensure_schema(self.db)
        for outcome in follow(self.db, name, self.settings, jobs=self._jobs, every=every, idle=idle):
            file = self._account(shown_name(name), outcome)
            self._note(file)
            yield file

    @property
    def _jobs(self) -> int:
        return self.jobs or self.db.dialect.jobs

    def _find_profiles(self) -> list[Profile]:
        return find_profiles(self.db.statements.project, self.db.statements.datasets, self.profile)

    def _ingest_one(self, planned: PlannedFile, profiles: list[Profile], place: str) -> list[IngestedFile]:
        """Load a file; return what became of it."""
        source = planned.source
        if planned.error:
            return [_not_loaded(planned, planned.error)]
        files: list[IngestedFile] = []
        try:
            with (
                self.show(f"{place}{source}") as progress,
                planned.file or SourceFile(planned.path, self.settings.max_unpacked) as file,
            ):
                header = read_header(file, self.db.statements.datasets.values(), profiles)
                about = {"named": planned.named, "wrong_name": file.wrong_name}
                about["profile"] = header.profile.name if header.profile else None
                how = partial(ingest_all, jobs=self._jobs, progress=progress, again=self.again and planned.named)
                files.extend(self._account(source, each, about) for each in how(self.db, file, header, self.settings))
        except SourceError as error:
            files.append(IngestedFile.failed(source, error, named=planned.named))
        return files

    def _account(self, source: str, outcome: Outcome, about: Mapping[str, Any] | None = None) -> IngestedFile:
        """Return what became of a load, and of one that was published now what it means for the quarantine."""
        file, load = replace(IngestedFile.of(source, outcome), **(about or {})), outcome.load
        if outcome.already or load.status is not LoadStatus.PUBLISHED:
            return file
        return replace(
            file,
            broken_rules=dict(count_broken_rules(self.db, load.load_id)) if load.rejected else {},
            mended_rejects=dict(read_mended(self.db, load.load_id)),
            waiting_rejects=dict(find_waiting(self.db, load)),
        )

    def _note(self, file: IngestedFile) -> None:
        """Log what became of a load, in one line; of one that is known already only if its file was named."""
        load = file.load
        if load and (file.outcome is not FileOutcome.ALREADY_PUBLISHED or file.named):
            said: dict[str, Any] = {
                "load_id": load.load_id,
                "dataset": load.dataset,
                "source": file.source,
                "outcome": file.outcome.value,
            }
            said |= {"held_because": load.held_because} if load.held_because else {}
            records = {bucket: getattr(load, bucket) for bucket in ("read", *BUCKETS)}
            event("load", **said, **records, seconds=float(round(sum(file.seconds.values()), 3)))
        if file.outcome is FileOutcome.FAILED and file.error:  # a command says it as its error
            tell("failed", logging.ERROR, source=file.source, error=str(file.error), exit_code=file.exit_code)
        self.tell(file)


def _not_loaded(planned: PlannedFile, error: DbsvcError) -> IngestedFile:
    outcome = FileOutcome.SKIPPED if planned.skipped else FileOutcome.FAILED
    return IngestedFile(planned.source, outcome, error=error, named=planned.named)


def _would_be(one: RehearsedFile) -> Iterator[IngestedFile]:
    """Yield what would become of a file."""
    yield from (_would_be_loaded(one.planned.source, load) for load in one.loads)
    if one.error:
        yield _not_loaded(one.planned, one.error)


def _would_be_loaded(source: str, one: Rehearsed) -> IngestedFile:
    file = IngestedFile.of(source, one.outcome)
    return replace(file, is_known=one.was_there, reasons=tuple(one.reasons), rejects=tuple(one.rejects))


def _log_what_was_not_read(ingested: Ingested) -> None:
    """Log which files of folders were left out, and if there was nothing to load."""
    for left_out in ingested.left_out:
        event("left_out", folder=left_out.folder, why=left_out.why, names=list(left_out.names))
    for folder in ingested.empty:
        event("empty", folder=folder)
    if ingested.nothing_to_load:
        event("nothing_to_load", level=logging.WARNING, files=len(ingested.files))
