"""What became of a run: of each file, of its loads, and of all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dbsvc.engine.errors import DbsvcError, HeldError, InputMissingError, raise_first
from dbsvc.engine.loads.model import BUCKETS, Load, LoadStatus, Outcome, Replaced

if TYPE_CHECKING:
    from dbsvc.engine.db.dialect import Row
    from dbsvc.engine.reports.rejects import Reason
    from dbsvc.engine.sources.folders import Found

_HELD = HeldError.exit_code


class FileOutcome(StrEnum):
    """What became of a file, or of one of its loads."""

    PUBLISHED = "published"
    #: before this run began: nothing changed
    ALREADY_PUBLISHED = "already published"
    HELD = "held"
    DISCARDED = "discarded"
    REVERTED = "reverted"
    STAGING = "staging"
    STAGED = "staged"
    #: nobody named it, and it is no delivery of ours
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class IngestedFile:
    """What became of a file. Of one that grows there may be two: an unfinished load that was resumed, and a new one.

    Instances and calls that load the same file at once share its load, and each has it among its files.
    """

    #: its name, as it can be shown
    source: str
    outcome: FileOutcome
    #: None of a file that failed, or was skipped
    load: Load | None = None
    #: why it failed, or was skipped
    error: DbsvcError | None = None
    #: it was named itself, not only found in a folder
    named: bool = True
    #: what is wrong with its name
    wrong_name: str | None = None
    #: the profile that it was read by
    profile: str | None = None
    #: the size of an incomplete last line, in bytes, which waits for the next run
    waiting_bytes: int = 0
    #: the load of a growing file that was replaced or truncated since
    replaced_load_id: int | None = None
    #: what later loads have replaced of it, if it was published before
    replaced: Replaced | None = None
    #: load → how many of its rejects this one mended
    mended_rejects: Mapping[int, int] = field(default_factory=dict)
    #: load → how many of its rejects wait for what this one brought
    waiting_rejects: Mapping[int, int] = field(default_factory=dict)
    #: rule → how many records broke it, of a load that was published now
    broken_rules: Mapping[str, int] = field(default_factory=dict)
    #: phase → seconds
    seconds: Mapping[str, float] = field(default_factory=dict)
    #: of a dry run: which rules its rejects would break
    reasons: tuple[Reason, ...] = ()
    #: of a dry run: the first of its rejects: ``line_no``, ``reasons``, ``raw_record``
    rejects: tuple[Row, ...] = ()
    #: the load is in the ledger: of a dry run it may not be, and then its number is nobody's
    is_known: bool = True

    @classmethod
    def of(cls, source: str, outcome: Outcome) -> IngestedFile:
        """Return what became of a load."""
        load, scan = outcome.load, outcome.scan
        return cls(
            source=source,
            outcome=FileOutcome.ALREADY_PUBLISHED if outcome.already else FileOutcome(load.status.value),
            load=load,
            waiting_bytes=scan.waiting,
            replaced_load_id=scan.replaced.load_id if scan.replaced else None,
            replaced=outcome.replaced,
            seconds=outcome.seconds,
        )

    @classmethod
    def failed(cls, source: str, error: DbsvcError, *, named: bool = True) -> IngestedFile:
        """Return that a file could not be loaded, and why."""
        return cls(source, FileOutcome.FAILED, error=error, named=named)

    @property
    def brought_nothing(self) -> bool:
        """Whether it was published, and all of its records were rejected."""
        load = self.load
        return self.outcome is FileOutcome.PUBLISHED and load is not None and load.read == load.rejected > 0

    @property
    def is_withheld(self) -> bool:
        """Whether somebody has to decide before something of it is seen."""
        if self.load is None:
            return False
        return self.load.status in (LoadStatus.HELD, LoadStatus.DISCARDED) or self.brought_nothing

    @property
    def exit_code(self) -> int:
        """What a run of this file alone would end with."""
        if self.outcome is FileOutcome.FAILED:
            return self.error.exit_code if self.error else 1
        return _HELD if self.is_withheld else 0


@dataclass(frozen=True)
class Replacement:
    """Files of one run that brought other values for the same rows."""

    load_id: int
    #: what came later
    replaced_by_load_id: int
    records: int


@dataclass(frozen=True)
class LeftOut:
    """Files of a folder or glob that were not looked at."""

    folder: str
    why: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Ingested:
    """What became of a run: every file that it found, in the order in which they were loaded."""

    files: tuple[IngestedFile, ...] = ()
    replaced: tuple[Replacement, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    #: folders in which there is nothing to load
    empty: tuple[str, ...] = ()
    #: a folder → the files in it, as they are shown
    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: nothing was stored: this is what would be
    dry_run: bool = False
    #: a dry run: nothing was loaded here yet, so it was tried in an empty database, which is gone again
    in_temporary_database: bool = False
    #: how many transactions were run again after an error that a retry can help
    retries: int = 0
    #: how long it took
    seconds: float = 0.0

    @classmethod
    def of(cls, files: Iterable[IngestedFile], found: Found) -> Ingested:
        """Return what became of files, and what of the folders was no file to load."""
        return cls(
            files=tuple(files),
            left_out=tuple(LeftOut(folder, why, tuple(names)) for (folder, why), names in found.left_out.items()),
            empty=tuple(found.empty),
            folders={folder: tuple(within) for folder, within in found.folders.items()},
        )

    @property
    def failures(self) -> tuple[IngestedFile, ...]:
        """The files that could not be loaded."""
        return tuple(file for file in self.files if file.outcome is FileOutcome.FAILED)

    @property
    def withheld(self) -> tuple[IngestedFile, ...]:
        """The files of which nothing is seen until somebody decides: held, discarded, or rejected with all records."""
        return tuple(file for file in self.files if file.is_withheld)

    @property
    def nothing_to_load(self) -> bool:
        """Whether there was nothing to load."""
        return all(file.outcome is FileOutcome.SKIPPED for file in self.files)

    @property
    def exit_code(self) -> int:
        """What ``dbsvc ingest`` would end with."""
        return next((file.exit_code for file in self.files if file.exit_code), 0)

    def count(self) -> Counter[str]:
        """Count the ``files``, what became of them, and the records that were published now: ``read``, and the buckets.

        A load that several instances or calls share is counted by each of them.
        """
        return sum(map(count, self.files), Counter[str]())

    def raise_for_failures(self, *, failed: bool = True, held: bool = False) -> None:
        """Raise the error of the first file that failed; with ``held`` also HeldError, for one of which nothing is seen.

        Its ``ingested`` is this result. What became of others is in its notes.
        """
        errors = [file.error for file in self.failures if file.error] if failed else []
        errors += [_held(file) for file in self.withheld] if held else []
        raise_first(errors, "ingested", self)

    def require_files(self) -> Ingested:
        """Return the same, with a failure for each folder of which no file was loaded, or tried."""
        tried = {file.source for file in self.files if file.outcome is not FileOutcome.SKIPPED}
        lacking = [
            IngestedFile.failed(folder, InputMissingError(f"{folder}: there is no file to load in it."))
            for folder, within in self.folders.items()
            if tried.isdisjoint(within)
        ]
        return replace(self, files=(*self.files, *lacking))


def _held(file: IngestedFile) -> HeldError:
    """Return the error that nothing of a file is seen."""
    load = file.load
    assert load
    if file.brought_nothing:
        return HeldError(f"{file.source}: all of its records were rejected, load {load.load_id} brought nothing.")
    because = "; ".join((load.held_because or "").splitlines())
    return HeldError(f"Load {load.load_id} of {file.source} is {load.status}{f': {because}' if because else ''}.")


def count(file: IngestedFile) -> Counter[str]:
    """Count a file, what became of it, and the records that were published now."""
    published = file.load if file.outcome is FileOutcome.PUBLISHED else None
    records = {bucket: getattr(published, bucket) for bucket in ("read", *BUCKETS)} if published else {}
    return Counter({"files": 1, file.outcome.replace(" ", "_"): 1, **records})
