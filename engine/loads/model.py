"""What a load is: the ledger's rows as values, and what a step or an operation made of a load."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbsvc.engine.errors import DbsvcError, HeldError, raise_first

if TYPE_CHECKING:
    from dbsvc.engine.db.dialect import Row
    from dbsvc.engine.errors import InputError
    from dbsvc.engine.sources.scan import Scan

#: Where records end; with the rejected ones these add up to the records read.
BUCKETS = ("inserted", "updated", "unchanged", "duplicate", "superseded", "rejected")


class LoadStatus(StrEnum):
    """How far a load is."""

    STAGING = "staging"
    STAGED = "staged"
    HELD = "held"
    PUBLISHED = "published"
    DISCARDED = "discarded"
    REVERTED = "reverted"


@dataclass(frozen=True)
class Load:
    """One delivery of one file's bytes: a row of ``loads``."""

    load_id: int
    dataset: str
    #: the name under which these bytes came first
    source: str
    sha256: str
    #: the same bytes may be delivered again on purpose: which delivery of them this is
    delivery: int
    bytes: int
    #: the file's own header record
    header: builtins.bytes
    #: the digest of the SQL rules that read it
    rules: str
    status: LoadStatus
    #: an operator released it: the audits do not hold it again
    released: bool
    #: what the audits found, one sentence a line
    held_because: str | None
    registered_at: datetime
    published_at: datetime | None
    #: the sum of its amounts in whole units, currencies mixed
    control_total: int | None
    read: int
    inserted: int
    updated: int
    unchanged: int
    duplicate: int
    superseded: int
    rejected: int
    #: it was published after a later load, or records of it were retried
    out_of_turn: bool
    reverted_at: datetime | None
    #: how many rows went when it was taken back
    removed: int
    #: rows of it may lie in its dataset's table before it is published
    in_place: bool
    #: between which days these are, as far as a sample tells
    first_day: date | None
    last_day: date | None

    @classmethod
    def from_row(cls, row: Row) -> Load:
        """Return the load that a row of the ledger describes."""
        known = {column.name: row[column.name] for column in fields(cls)}
        total = known["control_total"]
        return cls(**{**known, "status": LoadStatus(row["status"]), "control_total": total if total is None else int(total)})

    def as_row(self) -> dict[str, Any]:
        """Return its columns by name."""
        return asdict(self)

    @property
    def duration(self) -> timedelta | None:
        """How long it took from its registration to its publication, while it was held included."""
        return self.published_at - self.registered_at if self.published_at else None

    @property
    def is_unfinished(self) -> bool:
        """Whether instances may go on with it."""
        return self.status in (LoadStatus.STAGING, LoadStatus.STAGED)

    @property
    def buckets(self) -> dict[str, int]:
        """How many records ended where."""
        return {bucket: getattr(self, bucket) for bucket in BUCKETS}

    @property
    def staging_table(self) -> str:
        """The table that its rows wait in until they are published."""
        return f"staged_{self.dataset}_{self.load_id}"

    @property
    def landing_table(self) -> str:
        """The temporary table that raw records of it land in, to be validated."""
        return f"landed_{self.dataset}"

    @property
    def validated_table(self) -> str:
        """The temporary table of what landed, typed, and what is wrong with it."""
        return f"validated_{self.dataset}"


@dataclass(frozen=True)
class LoadChunk:
    """A record-aligned byte range of a load: a row of ``load_chunks``. Nothing is counted until it is staged."""

    load_id: int
    chunk_no: int
    byte_start: int
    byte_end: int
    first_line: int
    sha256: str
    read: int | None
    staged: int | None
    rejected: int | None

    @classmethod
    def from_row(cls, row: Row) -> LoadChunk:
        """Return the chunk that a row of the ledger describes."""
        return cls(**{column.name: row[column.name] for column in fields(cls)})


@dataclass(frozen=True)
class Replaced:
    """What later loads have replaced of a load."""

    #: the loads, and how many rows each: ``load_id``, ``records``
    by: list[Row]
    #: loads that may have replaced rows which this load had only repeated
    perhaps_by: list[int]

    @property
    def records(self) -> int:
        """How many rows at least."""
        return sum(row["records"] for row in self.by)

    def __bool__(self) -> bool:
        return bool(self.by or self.perhaps_by)


@dataclass
class Outcome:
    """What became of a load: its row, and what this run did."""

    load: Load
    scan: Scan
    #: it was published before this run began
    already: bool = False
    #: the file has records beyond this load
    more: bool = False
    #: what later loads have replaced of it, if it was published before
    replaced: Replaced | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Retried:
    """What became of a load's quarantine: the load, and how many rejects were validated again, and passed."""

    load: Load
    tried: int
    passed: int
    #: what the audits found in those that would have passed: then nothing of them was published
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dismissed:
    """What became of a load's open rejects: how many were dismissed now, and how many are open still."""

    load: Load
    records: int
    left: int


@dataclass(frozen=True)
class RetriedLoads:
    """What became of the quarantine of several loads."""

    #: those that had something to retry
    loads: tuple[Retried, ...]
    #: why some could not be retried
    errors: tuple[InputError, ...] = ()
    #: load → of which loads how many rejects wait for what it brought now
    waiting: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    def raise_for_failures(self, *, failed: bool = True, held: bool = False) -> None:
        """Raise the first error; with ``held`` also HeldError, for what would pass and is not seen. Its ``retried`` is this."""
        errors: list[DbsvcError] = [*self.errors] if failed else []
        withheld = [one for one in self.loads if one.findings] if held else []
        errors += [HeldError(f"Load {one.load.load_id} of {one.load.source}: {'; '.join(one.findings)}.") for one in withheld]
        raise_first(errors, "retried", self)


class FindingsError(Exception):
    """Audits found something in what was to be published: it is taken back."""

    def __init__(self, findings: Iterable[str], tried: int = 0) -> None:
        self.findings = tuple(findings)
        self.tried = tried
        super().__init__("\n".join(self.findings))
