"""The quarantine, as ``dbsvc rejects`` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.loads.ledger import find_load
from dbsvc.engine.reports.loads import count_reasons, count_rows


def count_rejects(db: Database, load_id: int | None = None) -> int:
    """Return how many records of a load, or of all, are in quarantine. Raises InputError if there is no such load."""
    with db.snapshot() as tx:
        if load_id is None:
            return count_rows(tx, "rejects")
        find_load(tx, load_id)
        return sum(row["records"] for row in count_reasons(tx, load_id))


def count_broken_rules(db: Database, load_id: int) -> Counter[str]:
    """Return how many rejects of a load broke each rule; one may break several."""
    broken = Counter[str]()
    with db.snapshot() as tx:
        for row in count_reasons(tx, load_id):
            for reason in row["reasons"].split():
                broken[reason] += row["records"]
    return broken


def list_rejects(db: Database, load_id: int | None, most: int) -> Iterator[Row]:
    """Yield the rejects of a load, or of all, in bounded memory.

    They come newest load first, in the order of the file: ``load_id``, ``source``, ``line_no``, ``reasons``, ``raw_record``.
    """
    with db.snapshot() as tx:
        yield from tx.stream("ledger/list_rejects", load_id=load_id or 0, most=most)


def export_rejects(db: Database, load_id: int) -> Generator[bytes, None, None]:
    """Yield the file's header, if it has one, then a load's rejects as they came. Raises InputError if there is none."""
    with db.snapshot() as tx:
        if header := find_load(tx, load_id).header:
            yield header
        for row in tx.stream("ledger/export_rejects", load_id=load_id):
            yield row["raw_record"]
