"""Rehearse: what an ingest would do. It is done, all of it, in one transaction, which is then taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

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
from dbsvc.engine.progress import Progress, unseen
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
    show: Callable[[str], AbstractContextManager[Progress]] = lambda _: nullcontext(unseen),
) -> list[RehearsedFile]:
    """Return what ingesting these files, one after the other, would do, with the first ``most`` rejects of each load.

    Who reads waits for nothing. Until it ends, loads of the same datasets wait where they merge; and where a database lets one
    write at a time, so do all others. ``show`` is given the name of each file, for what is told how far it has come.
    """
    rehearsal = _Rehearsal(db, settings, profiles, again, most, show)

    def work(tx: Transaction) -> list[RehearsedFile]:
        for _ in tx.run_phase("session/rehearse"):
            pass
        rehearsal.first_number = tx.run("ledger/imagine_load_id").rows[0]["load_id"]
        with log.only_warnings():
            raise TakenBackError([rehearsal.of_file(planned) for planned in files])

    with ExitStack() as opened:
        for planned in files:
            if planned.file:  # it can be read only once
                opened.enter_context(planned.file)
        return db.run_transaction(work)


@dataclass
class _Rehearsal:
    db: Database
    settings: Settings
    profiles: Collection[Profile]
    again: bool
    most: int
    show: Callable[[str], AbstractContextManager[Progress]]
    #: the first number that is no load's
    first_number: int = 0

    def of_file(self, planned: PlannedFile) -> RehearsedFile:
        """Return what would become of a file, in the transaction that is open."""
        if planned.error:
            return RehearsedFile(planned, error=planned.error)
        found: list[Rehearsed] = []
        try:
            with ExitStack() as opened:
                file = planned.file or opened.enter_context(SourceFile(planned.path, self.settings.max_unpacked))
                header = read_header(file, self.db.statements.datasets.values(), self.profiles)
                progress = opened.enter_context(self.show(planned.source))
                how = partial(ingest_all, progress=progress, again=self.again and planned.named, rehearsal=True)
                found.extend(map(self._look_at, how(self.db, file, header, self.settings)))  # each before the next one
        except SourceError as error:
            return RehearsedFile(planned, found, error)
        return RehearsedFile(planned, found)

    def _look_at(self, outcome: Outcome) -> Rehearsed:
        load = outcome.load
        was_there = load.load_id < self.first_number
        if outcome.already or load.status is LoadStatus.DISCARDED or not load.rejected:
            return Rehearsed(outcome, was_there, [], [])
        rejects = [
            {name: row[name] for name in ("line_no", "reasons", "raw_record")}
            for row in list_rejects(self.db, load.load_id, self.most)
        ]
        return Rehearsed(outcome, was_there, sum_reasons(self.db, load.load_id), rejects)
