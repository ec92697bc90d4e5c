"""Register: one transaction that makes a load of a file, or finds the one that these bytes are already."""

from __future__ import annotations

import json
from dataclasses import asdict

from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.corrections import note_matches
from dbsvc.engine.loads.ledger import (
    count_missing,
    find_checkpoints,
    find_load,
    find_profile_text,
    find_replaced,
    keep_profile,
    lock_load,
    restage,
)
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.loads.place import withdraw
from dbsvc.engine.loads.reveal import show_written
from dbsvc.engine.loads.staging import create_staging, draw_load_id, has_staging
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import FIELDS_BEGIN, rows
from dbsvc.engine.sources.header import Header
from dbsvc.engine.sources.scan import Scan

#: How many bytes are read to see one record.
_SAMPLE = 4096
#: At most this many records are looked at.
_MOST_SAMPLES = 1000
_LONGEST_DAY = 10  # characters


def register(
    tx: Transaction,
    file: SourceFile,
    header: Header,
    scanned: Scan,
    known: list[Load],
    *,
    again: bool = False,
    rehearsal: bool = False,
) -> Load | None:
    """Return the load to work on; None when the ledger has come to know more of the file than the scan did.

    ``known`` are the checkpoints that the scan began with. With ``again`` known bytes are delivered once more, unless their
    newest delivery still stands as it was published, and no row of the dataset is missing. A ``rehearsal`` is taken back.
    """
    dataset = header.dataset.name
    profile = header.profile
    rules = tx.statements.fingerprint(dataset, profile.text if profile else "")
    sha256 = scanned.unfinished.sha256 if scanned.unfinished else scanned.sha256
    load = find_delivery(tx, dataset, sha256, again)
    if not load:
        load_id = draw_load_id(tx, dataset, rehearsal=rehearsal)
        # whoever held the number before us may have registered these very bytes, or a beginning of them
        load = find_delivery(tx, dataset, sha256, again)
        if not load and find_checkpoints(tx, file, header) != known:
            return None
    if load:
        # what was held is read again when another profile says how
        held = load.status is LoadStatus.HELD and find_profile_text(tx, load.load_id) != (profile.text if profile else "")
        if held or (load.is_unfinished and (load.rules != rules or not has_staging(tx, load))):
            show_written(tx, dataset)  # of a load that is written nothing is staged any more
            load = lock_load(tx, load)
            if load.status is LoadStatus.HELD if held else load.is_unfinished:
                load = restart(tx, load, rules, released=load.released)
                keep_profile(tx, load.load_id, profile)
        return load
    redelivered = tx.run("ledger/find_load", dataset=dataset, sha256=sha256).rows
    tx.run(
        "ledger/add_redelivery" if redelivered else "ledger/add_load",
        load_id=load_id,
        dataset=dataset,
        source=file.source,
        sha256=sha256,
        bytes=scanned.end.end if header.stream else file.size,
        header=header.raw,
        rules=rules,
    )
    if profile:
        keep_profile(tx, load_id, profile)
    if file.version:
        tx.insert_rows("load_versions", ("load_id", "version"), [(load_id, file.version)])
    if header.stream:
        tx.run("ledger/add_stream", load_id=load_id, stream=header.stream)
    if day := header.dataset.partition_by:
        days = "\n".join(record.get(day, "")[:_LONGEST_DAY] for record in _sample(file, header, scanned))
        tx.run("ledger/add_sample", load_id=load_id, days=days)
    if scanned.ending:
        ending = asdict(scanned.ending)
        tx.insert_rows("load_endings", ("load_id", *ending), [(load_id, *ending.values())])
    tx.insert_rows(
        "load_chunks",
        ("load_id", "chunk_no", "byte_start", "byte_end", "first_line", "sha256"),
        [(load_id, c.chunk_no, c.byte_start, c.byte_end, c.first_line, c.sha256) for c in scanned.chunks],
    )
    load = find_load(tx, load_id)
    note_matches(tx, load, file, header, scanned)
    create_staging(tx, load)
    return load


def restart(tx: Transaction, load: Load, rules: str, *, released: bool) -> Load:
    """Let the whole of a locked load be staged again."""
    if load.in_place:
        withdraw(tx, load)
    tx.run("ledger/reset_chunks", load_id=load.load_id)
    tx.run("ledger/delete_rejects", load_id=load.load_id)
    restarted = restage(tx, load, rules=rules, released=released)
    create_staging(tx, restarted)
    return restarted


def find_delivery(tx: Transaction, dataset: str, sha256: str, again: bool) -> Load | None:
    """Return the load of these bytes that is to go on, or has been; None if they are to be delivered now."""
    rows = tx.run("ledger/find_load", dataset=dataset, sha256=sha256).rows
    found = [load for load in map(Load.from_row, rows) if load.status is not LoadStatus.REVERTED]
    if not found or not again:
        return found[0] if found else None
    newest = max(found, key=lambda load: load.load_id)
    stands = not (find_replaced(tx, newest.load_id) or count_missing(tx, dataset))
    return newest if stands or newest.status is not LoadStatus.PUBLISHED else None


def sample_keys(file: SourceFile, header: Header, scanned: Scan) -> str:
    """Return the keys of some records, as they are written: JSON."""
    records = _sample(file, header, scanned)
    keys = [[nth, *(record.get(name, "") for name in header.dataset.key)] for nth, record in enumerate(records)]
    return json.dumps([key for key in keys if all(str(part).isprintable() for part in key)])


def _sample(file: SourceFile, header: Header, scanned: Scan) -> list[dict[str, str]]:
    """Return the first record of each chunk, as it is written, and the last one of the file."""
    every = scanned.chunks[:: 1 + len(scanned.chunks) // _MOST_SAMPLES]
    heads = [file.read(chunk.byte_start, _SAMPLE) for chunk in every]
    end = scanned.chunks[-1].byte_end if scanned.chunks else header.end
    start = max(header.end, end - _SAMPLE)
    tail = file.read(start, end - start).rstrip()
    samples = [*heads, tail[tail.rfind(b"\n") + 1 :]]
    firsts = (next(rows(header.format, sample, header.names), None) for sample in samples)
    return [dict(zip(header.columns, map(str, record[FIELDS_BEGIN:]), strict=False)) for record in firsts if record]
