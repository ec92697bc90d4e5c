"""What several test modules share: files of usage, loading them, and the tables as plain Python values."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbsvc.engine import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.loads import audit as auditing
from dbsvc.engine.loads import fast_path
from dbsvc.engine.loads import register as registering
from dbsvc.engine.loads import stage as staging
from dbsvc.engine.loads.ledger import find_load
from dbsvc.engine.loads.lifecycle import ingest
from dbsvc.engine.loads.model import BUCKETS, Load, Outcome
from dbsvc.engine.profiles import Profile
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.local import LocalFile
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.sources.spool import Spool

#: the repository
ROOT = Path(__file__).parents[2]

_SAMPLE = (ROOT / "samples" / "usage.csv").read_text().splitlines()
HEADER = _SAMPLE[0]
#: Tests write the first six fields of a record; what the others hold is what they hold in the samples' first record.
OTHERS = _SAMPLE[1].split(",")[6:]

#: what a row of bills_history has more than one of bills
Bill = tuple[datetime.date, int, str, str, Decimal, Decimal, int, int]
Past = tuple[datetime.date, int, str, str, Decimal, Decimal, int, int, int | None]


@dataclass(frozen=True)
class Known:
    """What a scan has to know of a load that was published."""

    load_id: int
    source: str
    bytes: int
    sha256: str
    is_unfinished: bool = False


def kept(file: SourceFile) -> int:
    """The descriptor of what was kept aside of a file that is packed or piped."""
    assert isinstance(file.content, Spool)
    return file.content.file.fileno()


def pretend(file: SourceFile, size: int) -> None:
    """Let a file of this machine seem to be so large."""
    assert isinstance(file.content, LocalFile)
    file.content.size = size


def whole(record: bytes) -> bytes:
    """A record that is written as its first six fields, with the others."""
    return b",".join([record, *(other.encode() for other in OTHERS)])


def usage_csv(rows: Iterable[Sequence[object]], *, header: str = HEADER, end: str = "\n") -> bytes:
    """A usage file of these records, each of six fields or whole; fields are not quoted."""
    records = (",".join(map(str, [*row, *(OTHERS if len(row) == 6 else ())])) for row in rows)
    return "".join(f"{line}{end}" for line in [header, *records]).encode()


def write(path: Path, content: bytes) -> Path:
    """A file of that content."""
    path.write_bytes(content)
    return path


def load(
    db: Database,
    source: Path | str,
    *,
    jobs: int = 1,
    progress: Progress = unseen,
    again: bool = False,
    profiles: Sequence[Profile] = (),
    **settings: Any,
) -> Outcome:
    """What ``dbsvc ingest`` does with one file; but a file that contradicts itself is held only if the settings say so."""
    chosen = replace(Settings(), **{"max_contradicting_share": 1.0, **settings})
    with SourceFile(str(source)) as file:
        header = read_header(file, db.statements.datasets.values(), profiles)
        return ingest(db, file, header, chosen, jobs=jobs, progress=progress, again=again)


def register(db: Database, source: Path, *, chunk_bytes: int = Settings.chunk_bytes, profiles: Sequence[Profile] = ()) -> Load:
    """The first step of ``load`` alone; returns the load."""
    with SourceFile(str(source)) as file:
        header = read_header(file, db.statements.datasets.values(), profiles)
        scanned = scan(file, header, chunk_bytes)
        load = db.run_transaction(lambda tx: registering.register(tx, file, header, scanned, []))
        assert load is not None
        return load


def stage(db: Database, source: Path, registered: Load) -> Load:
    """The next steps, staging and audits; returns the load."""
    with SourceFile(str(source)) as file:
        header = read_header(file, db.statements.datasets.values())
        staging.stage(db, registered, file, header, 1, lambda done: None)
    return db.run_transaction(lambda tx: auditing.audit(tx, registered, Settings(max_contradicting_share=1.0)))


@contextmanager
def validating_all() -> Iterator[None]:
    """No record takes the fast path: all are validated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_path, "split_chunk", lambda *_: None)
        yield


def query(db: Database, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a query, as tuples."""
    with db.transaction() as tx:
        return [tuple(row.values()) for row in tx.execute(sql, **parameters).rows]


def bills(db: Database) -> list[Bill]:
    """All bills: date, id, name, currency, amounts, load, line."""
    columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no"
    return sorted(query(db, f"SELECT {columns} FROM bills"))


def history(db: Database) -> list[Past]:
    """The bills' past: as bills, then the load that replaced them."""
    columns = "bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no"
    found = query(db, f"SELECT {columns}, replaced_by_load_id FROM bills_history")
    return sorted(found, key=lambda row: (row[:2], row[6:8]))


def tables(db: Database) -> tuple[list[Bill], list[Past]]:
    """What is published: the bills and their history."""
    return bills(db), history(db)


def rejects(db: Database, load_id: int | None = None) -> list[tuple[int, str, bytes]]:
    """The quarantine, of a load or of all: line, reasons, raw record."""
    of_load = "" if load_id is None else f"WHERE load_id = {load_id}"
    return query(db, f"SELECT line_no, reasons, raw_record FROM rejects {of_load} ORDER BY load_id, line_no")


def ledger(db: Database, load_id: int) -> Row:
    """A load's row."""
    with db.transaction() as tx:
        return find_load(tx, load_id).as_row()


def find_one(db: Database, load_id: int) -> Load:
    """A load."""
    with db.transaction() as tx:
        return find_load(tx, load_id)


def buckets(load: Load | Row) -> dict[str, int]:
    """A load's buckets that are not empty."""
    row = load.as_row() if isinstance(load, Load) else load
    return {bucket: row[bucket] for bucket in BUCKETS if row[bucket]}


def statuses(db: Database) -> list[str]:
    """The states of all loads, in their order."""
    return [status for (status,) in query(db, "SELECT status FROM loads ORDER BY load_id")]
