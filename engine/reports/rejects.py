"""The quarantine, as ``dbsvc rejects`` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.loads.ledger import count_states, find_load
from dbsvc.engine.reports.loads import count_reasons


@dataclass(frozen=True)
class Reason:
    """A broken rule: how many rejects broke it, in how many loads. One reject may break several."""

    reason: str
    records: int
    loads: int


@dataclass(frozen=True)
class Reject:
    """A record that broke its contract."""

    load_id: int
    source: str
    #: of an object of a store, which one it was of all that had its name
    version: str | None
    line_no: int
    #: the rules that it broke
    reasons: str
    #: its very bytes
    raw_record: bytes
    state: str
    mended_by_load_id: int | None
    mended_by_line_no: int | None
    #: why it was dismissed
    reason: str | None
    closed_at: datetime | None


@dataclass(frozen=True)
class Rejects:
    """The quarantine of a load, or of all."""

    #: how many are in which state
    states: Mapping[str, int]
    #: how many of those that were asked for there are
    total: int
    #: which rules these broke, the most frequent first
    reasons: tuple[Reason, ...]
    #: the first of them, the newest load first, in the order of the file
    rejects: tuple[Reject, ...]


def find_rejects(db: Database, load_id: int | None, most: int, *, closed: bool = False) -> Rejects:
    """Return the open rejects of a load, or of all, and the first ``most``; with ``closed`` all rejects. Raises InputError."""
    with db.snapshot():
        states = count_rejects(db, load_id)
        total = states.total() - states["retried"] if closed else states["open"]
        reasons = sum_reasons(db, load_id, closed=closed)
        rows = list_rejects(db, load_id, most, closed=closed)
        return Rejects(dict(states), total, tuple(reasons), tuple(Reject(**row) for row in rows))


def count_rejects(db: Database, load_id: int | None = None) -> Counter[str]:
    """Return how many rejects of a load, or of all, are in which state. Raises InputError if there is no such load.

    The states are ``open``, ``mended`` and ``dismissed``; ``discarded`` and ``reverted`` where their load is; ``retried`` are
    those that have passed, and are in quarantine no more.
    """
    with db.snapshot() as tx:
        if load_id is not None:
            find_load(tx, load_id)
        return count_states(tx, load_id)


def sum_reasons(db: Database, load_id: int | None = None, *, closed: bool = False) -> list[Reason]:
    """Return which rules the open rejects of a load, or of all, broke, the most frequent first; with ``closed`` all rejects."""
    records, loads = Counter[str](), Counter[str]()
    with db.snapshot() as tx:
        found = tx.run("ledger/sum_reasons", load_id=load_id or 0, with_closed=closed).rows
    for _, rows in groupby(found, key=lambda row: row["load_id"]):
        broken = Counter[str]()
        for row in rows:
            broken.update(dict.fromkeys(row["reasons"].split(), row["records"]))
        records.update(broken)
        loads.update(list(broken))
    return [Reason(reason, records[reason], loads[reason]) for reason in sorted(records, key=lambda one: (-records[one], one))]


def count_broken_rules(db: Database, load_id: int) -> Counter[str]:
    """Return how many rejects of a load broke each rule; one may break several."""
    broken = Counter[str]()
    with db.snapshot() as tx:
        for row in count_reasons(tx, load_id):
            for reason in row["reasons"].split():
                broken[reason] += row["records"]
    return broken


def list_rejects(db: Database, load_id: int | None, most: int, *, closed: bool = False) -> Iterator[Row]:
    """Yield the open rejects of a load, or of all, in bounded memory; with ``closed`` all rejects.

    They come newest load first, in the order of the file: ``load_id``, ``source``, ``version`` (if it is an object of a store),
    ``line_no``, ``reasons``, ``raw_record``, ``state``, ``mended_by_load_id``, ``mended_by_line_no``, and the ``reason`` for
    which they were dismissed, ``closed_at``.
    """
    with db.snapshot() as tx:
        yield from tx.stream("ledger/list_rejects", load_id=load_id or 0, most=most, with_closed=closed)


def export_rejects(db: Database, load_id: int, *, closed: bool = False) -> Generator[bytes, None, None]:
    """Yield the file's header, if it has one, then a load's open rejects as they came; with ``closed`` all of them.

    Raises InputError if there is no such load.
    """
    with db.snapshot() as tx:
        if header := find_load(tx, load_id).header:
            yield header
        for row in tx.stream("ledger/export_all_rejects" if closed else "ledger/export_rejects", load_id=load_id):
            yield row["raw_record"]
