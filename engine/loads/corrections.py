"""Corrections: a later load brings the records that lie in quarantine, and closes their rejects.

A reject is mended by a record of a later published load that has its key, if that could be told, no broken rule is about it,
and the deliveries of the dataset have no order of their own; or that stands in a file which has no more records than there are
open rejects, as an export that was mended has, and matches the reject there (``matching``). The latter is seen when the file
is registered, where its text is at hand, and is of use when the load is published.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import partial

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.ledger import find_profile
from dbsvc.engine.loads.matching import Rejected, Written, match, named_columns, read_written
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.reveal import lock_loads
from dbsvc.engine.log import step
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import Header, header_of
from dbsvc.engine.sources.scan import Scan

#: A file of more records or bytes than this is no corrected export, and no more rejects are compared with one.
MOST = 50_000
MOST_BYTES = 16 * 2**20
#: Of more open rejects than this, and than a load has records, a publish looks for the newest; all are looked for by a retry.
MOST_KEYS = 10_000
#: As many keys are looked for at once.
BATCH = 2**15

_AFTER_ALL = {"load_id": 2**62, "line_no": 2**62}


def note_matches(tx: Transaction, load: Load, file: SourceFile, header: Header, scanned: Scan) -> None:
    """Note which records of a file are mended rejects of earlier loads, to close these when it is published."""
    earlier = tx.run("ledger/open_rejects", dataset=load.dataset, load_id=load.load_id).rows
    records = _read_records(file, header, scanned, max((row["open_rejects"] for row in earlier), default=0))
    left = MOST
    found: list[tuple[int, int, int, int]] = []
    for row in earlier if records else []:
        if len(records) <= row["open_rejects"] <= left:
            left -= row["open_rejects"]
            rejects = _read_rejects(tx, header.dataset, row)
            matched = match(header.dataset, records, rejects, row["open_rejects"])
            found += ((load.load_id, line, row["load_id"], of_line) for line, of_line in matched)
    if found:
        tx.insert_rows("reject_matches", ("load_id", "line_no", "reject_load_id", "reject_line_no"), found)


def close_mended(tx: Transaction, load: Load) -> None:
    """Close what was mended of a load's dataset, by this load or another one that is published, in time that suits the load."""
    _close(tx, tx.statements.datasets[load.dataset], max(load.read, MOST_KEYS))
    if mended := find_mended(tx, load.load_id):
        step("mended", load_id=load.load_id, rejects=mended.total(), loads=list(mended))


def close_all_mended(db: Database) -> None:
    """Close all rejects that were mended, whatever time it takes."""

    def close(tx: Transaction, dataset: Dataset) -> None:
        lock_loads(tx, dataset.name)
        _close(tx, dataset)

    with db.snapshot() as tx:
        names = {row["dataset"] for row in tx.run("ledger/loads_with_rejects").rows}
    for dataset in db.statements.datasets.values():
        if dataset.name in names:
            db.run_transaction(partial(close, dataset=dataset))


def reopen_mended(tx: Transaction, load_id: int) -> None:
    """Open again what a load mended, which is taken back."""
    tx.run("ledger/reopen_rejects", load_id=load_id)


def read_mended(db: Database, load_id: int) -> Counter[int]:
    """Return the loads of which a load mended rejects, in order, and how many each."""
    with db.snapshot() as tx:
        return find_mended(tx, load_id)


def find_mended(tx: Transaction, load_id: int) -> Counter[int]:
    """Return in an open transaction what ``read_mended`` does."""
    return Counter({row["load_id"]: row["records"] for row in tx.run("ledger/mended_rejects", load_id=load_id).rows})


def _close(tx: Transaction, dataset: Dataset, most: float = math.inf) -> None:
    """Close what was mended of a dataset; where keys tell it, ``most`` of the rejects are looked for, the newest."""
    tx.run("ledger/close_matched_rejects", dataset=dataset.name)
    place = _AFTER_ALL
    while most > 0 and dataset.precedence is None:
        batch = min(BATCH, most)
        found = tx.run("ledger/rejects_with_keys", dataset=dataset.name, **place, most=batch).rows
        if keys := [(row["load_id"], row["line_no"], *key) for row in found if (key := _key_of(dataset, row))]:
            names = dataset.merge_parameters()
            tx.run("load/correct/create_wanted", table=names["table"], key=names["key"])
            tx.insert_rows("wanted", ("reject_load_id", "reject_line_no", *dataset.key), keys)
            wanted = ("table", "history", "stored_key", "past_key", "wanted_key")
            tx.run("load/correct/close_by_key", **{name: names[name] for name in wanted})
            tx.run("load/correct/drop_wanted")
        if len(found) < batch:
            break
        place, most = {name: found[-1][name] for name in place}, most - batch


def _key_of(dataset: Dataset, reject: Row) -> list[str]:
    """Return a reject's key, taken apart; nothing if a broken rule is about it, or blanks in it leave that open."""
    if not named_columns(reject["reasons"], tuple(dataset.columns)).isdisjoint(dataset.key):
        return []
    key = [reject["record_key"]] if len(dataset.key) == 1 else reject["record_key"].split(" ")
    return key if len(key) == len(dataset.key) else []


def _read_records(file: SourceFile, header: Header, scanned: Scan, most: int) -> list[Written]:
    """Return the records of a file; none if there are more than ``most``, or it is too large to be a mended export."""
    if not most or sum(chunk.byte_end - chunk.byte_start for chunk in scanned.chunks) > MOST_BYTES:
        return []
    records: list[Written] = []
    for chunk in scanned.chunks:
        data = file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start)
        for record in read_written(header, data, chunk.first_line):
            records.append(record)
            if len(records) > min(most, MOST):
                return []
    return records


def _read_rejects(tx: Transaction, dataset: Dataset, of: Row) -> Iterator[Rejected]:
    """Yield a load's open rejects, in the order of the file; none if the dataset has got other columns since."""
    try:
        header = header_of(dataset, of["header"], f"Load {of['load_id']}", find_profile(tx, of["load_id"]))
    except InputError:
        return
    for row in tx.stream("ledger/open_rejects_of", load_id=of["load_id"]):
        raw = row["raw_record"]
        fields = next((record.fields for record in read_written(header, raw, 1)), {})
        yield Rejected(Written(row["line_no"], raw, fields), row["reasons"], row["record_key"] is not None)
