"""What the cases of the checks share: a case, and how to fill a database for it."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dbsvc.engine import Database
from dbsvc.engine.checks import find as find_in
from dbsvc.engine.checks import load_checks
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.loads.model import Outcome
from tests.helpers import load, usage_csv

Fill = Callable[[Database], object]


@dataclass(frozen=True)
class Case:
    """A check, what makes it find something, and what nearly does."""

    #: these fill a migrated, empty database, one after the other
    trips: Sequence[Fill]
    nearly: Sequence[Fill]
    #: what it then finds, in order: these columns of each row, as texts (dates are, on SQLite)
    expected: Sequence[Mapping[str, str]]
    #: what the check is given; else everything counts, and thresholds have their defaults
    since: datetime.date = datetime.date.min
    today: datetime.date = datetime.date(2030, 1, 1)
    thresholds: Mapping[str, float] = field(default_factory=dict)


def find(db: Database, name: str, since: datetime.date, today: datetime.date, **thresholds: float) -> list[Row]:
    """All that a check finds."""
    check = next(check for check in load_checks(db.statements) if check.name == name)
    with db.snapshot() as tx:
        return find_in(tx, check, since, today, {**check.read_thresholds(), **thresholds}, sys.maxsize).rows


def deliver(db: Database, content: bytes, name: str = "delivery.csv") -> Outcome:
    """Load a file of this content and name, as `dbsvc ingest` does; several of them are several loads."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return load(db, path)


#: what a bill is if nobody says otherwise
BILL: Mapping[str, Any] = {"day": "2021-10-01", "bill": 1, "currency": "USD", "name": "A", "one": "1", "two": "2"}


def bills(*changes: Mapping[str, Any]) -> bytes:
    """A usage file: each record is BILL with some changes; the id counts up if it is not one of them."""
    records = [{**BILL, "bill": n, **change} for n, change in enumerate(changes, 1)]
    return usage_csv([(r["day"], r["bill"], r["currency"], r["name"], r["one"], r["two"]) for r in records])


def execute(db: Database, *statements: str) -> None:
    """Change the database behind the program's back."""
    with db.transaction() as tx:
        for statement in statements:
            tx.execute(changing(db, statement))


def changing(db: Database, statement: str) -> str:
    """A statement that changes a table, by the name that it has where readers see a view of it."""
    behind = [dataset for dataset in db.statements.datasets.values() if dataset.behind_view]
    tables = [table for each in behind for table in (each.table, *(derived.table for derived in each.rebuild.values()))]
    if not tables:
        return statement
    return re.sub(rf"\b(DELETE FROM|UPDATE|INSERT INTO) ({'|'.join(tables)})\b", rf"\1 \2{behind[0].behind_view}", statement)


def days(first: str, count: int) -> Iterable[str]:
    """That many days from the first on."""
    start = datetime.date.fromisoformat(first)
    return [(start + datetime.timedelta(n)).isoformat() for n in range(count)]
