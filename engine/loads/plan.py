"""Plan: which files to load, in the order their datasets depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import DbsvcError, InputError, SourceError, UnrecognisedError
from dbsvc.engine.profiles import Profile
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import Source
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.names import looks_like_delivery
from dbsvc.engine.sources.urls import is_far, is_text, shown_name

_AT_ONCE = 8  # objects are opened: each takes a request or two, and a megabyte meanwhile


@dataclass(frozen=True)
class PlannedFile:
    """A file to load, or why it cannot be; ``skipped`` if nobody named it and it is no delivery of ours."""

    #: its name, as it can be stored and shown
    source: str
    #: what it is opened by: its path, or its URL with what is secret in it
    path: str
    error: DbsvcError | None = None
    skipped: bool = False
    #: what was opened already, if it can be read only once
    file: SourceFile | None = None
    #: whether it was named itself, or only found in a folder
    named: bool = True


def plan(db: Database, sources: Iterable[Source], settings: Settings, profiles: Collection[Profile] = ()) -> list[PlannedFile]:
    """Put files in the order their datasets depend on each other; of each no more is read than tells whose it is.

    An archive of which nothing can be loaded fails.
    """
    datasets = list(db.statements.datasets.values())

    def look(source: Source) -> tuple[Source, int, PlannedFile]:
        return source, *_look_at(source, datasets, profiles, settings.max_unpacked)

    sources = list(sources)
    if any(is_far(source.path) for source in sources):
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
            looked_at = [*pool.map(look, sources)]
    else:
        looked_at = [*map(look, sources)]
    of_use = {source.archive for source, _, planned in looked_at if not planned.skipped}
    ranked = [
        (rank, planned if source.archive in of_use or not source.archive else replace(planned, skipped=False))
        for source, rank, planned in looked_at
    ]
    return [planned for _, planned in sorted(ranked, key=lambda pair: pair[0])]


def _look_at(
    source: Source, datasets: list[Dataset], profiles: Collection[Profile], max_unpacked: int
) -> tuple[int, PlannedFile]:
    """Return the rank of a file's dataset, and what to do with the file."""
    shown = shown_name(source.path)
    if source.error:
        return -1, PlannedFile(shown, source.path, source.error)
    with ExitStack() as opened:
        try:
            file = opened.enter_context(SourceFile(source.path, max_unpacked))
            dataset = read_header(file, datasets, profiles).dataset.name
            rank = [known.name for known in datasets].index(dataset)
            if not is_text(source.path):
                raise InputError(f"{shown}: the name of the file is not UTF-8 text; rename it.")
        except SourceError as error:
            only_found = not source.named or source.archive not in (None, source.path)
            unknown = isinstance(error, UnrecognisedError) and only_found and not looks_like_delivery(source.path)
            return -1, PlannedFile(shown, source.path, error, unknown)
        if file.passes_by:
            opened.pop_all()
            return rank, PlannedFile(shown, source.path, file=file, named=source.named)
    return rank, PlannedFile(shown, source.path, named=source.named)
