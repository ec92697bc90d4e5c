"""Rehearse: what an ingest would do. It is done, all of it, in one transaction, which is then taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dbsvc.engine import log
from dbsvc.engine.db.connect import scratch
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.errors import DbsvcError, SourceError
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.model import LoadStatus, Outcome
from dbsvc.engine.loads.plan import PlannedFile
from dbsvc.engine.migrations import is_new, make_schema, read_schema, require_schema
from dbsvc.engine.profiles import Profile
from dbsvc.engine.reports.rejects import Reason, list_rejects, sum_reasons
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header


@dataclass(frozen=True)
class Rehearsed:
    """What would become of a delivery."""

    outcome: Outcome
    #: whether the load is in the ledger already; else its number is nobody's
    was_there: bool
    #: which rules its rejects would break
    reasons: list[Reason]
    #: the first of its rejects: ``line_no``, ``reasons``, ``raw_record``
    rejects: list[Row]


@dataclass(frozen=True)
class RehearsedFile:
    """What would become of a file: its loads, several of an unfinished one that has grown; or why it cannot be loaded."""

    planned: PlannedFile
    loads: list[Rehearsed] = field(default_factory=list)
    error: DbsvcError | None = None


@contextmanager
def stage_of(db: Database) -> Iterator[Database]:
    """Lend the database to rehearse in: this one, or one that is gone afterwards, where nothing was ever loaded.

    Raises ConfigurationError if its schema is not the program's.
    """
    if not db.dialect.absent() and not (read_schema(db).pending and is_new(db)):
        require_schema(db)
        yield db
        return
    with scratch(db.statements.project) as other:
        make_schema(other)
        yield other


def rehearse(
    db: Database,
    files: Sequence[PlannedFile],
    settings: Settings,
    profiles: Collection[Profile] = (),
    *,
    again: bool = False,
    most: int = 5,
) -> list[RehearsedFile]:
    """Return what ingesting these files, one after the other, would do, with the first ``most`` rejects of each load.

    Who reads waits for nothing. Until it ends, loads of the same datasets wait where they merge; and where a database lets one
    write at a time, so do all others.
    """

    def work(tx: Transaction) -> list[RehearsedFile]:
        first: int = tx.run("ledger/imagine_load_id").rows[0]["load_id"]
        with log.only_warnings():
            done = [
                _rehearse_one(db, planned, settings, profiles, again, lambda one: _look_at(db, one, first, most))
                for planned in files
            ]
        raise TakenBackError(done)

    with ExitStack() as opened:
        for planned in files:
            if planned.file:  # it can be read only once
                opened.enter_context(planned.file)
        return db.run_transaction(work)


def _rehearse_one(
    db: Database,
    planned: PlannedFile,
    settings: Settings,
    profiles: Collection[Profile],
    again: bool,
    look_at: Callable[[Outcome], Rehearsed],
) -> RehearsedFile:
    if planned.error:
        return RehearsedFile(planned, error=planned.error)
    found: list[Rehearsed] = []
    try:
        with ExitStack() as opened:
            file = planned.file or opened.enter_context(SourceFile(planned.path, settings.max_unpacked))
            header = read_header(file, db.statements.datasets.values(), profiles)
            outcomes = ingest_all(db, file, header, settings, again=again and planned.named, rehearsal=True)
            found.extend(map(look_at, outcomes))  # each before the next one
    except SourceError as error:
        return RehearsedFile(planned, found, error)
    return RehearsedFile(planned, found)


def _look_at(db: Database, outcome: Outcome, first: int, most: int) -> Rehearsed:
    load = outcome.load
    was_there = load.load_id < first
    if outcome.already or load.status is LoadStatus.DISCARDED or not load.rejected:
        return Rehearsed(outcome, was_there, [], [])
    rejects = [
        {name: row[name] for name in ("line_no", "reasons", "raw_record")} for row in list_rejects(db, load.load_id, most)
    ]
    return Rehearsed(outcome, was_there, sum_reasons(db, load.load_id), rejects)
