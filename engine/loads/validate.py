"""Land and validate: raw records as text, their contract, the quarantine for those that break it, staged rows of the others."""

from __future__ import annotations

from collections.abc import Iterator

from dbsvc.engine.db.batches import Batch
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import MalformedCsvError
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import own, run_own_phase, run_phase
from dbsvc.engine.sources.formats import raw_records, rows
from dbsvc.engine.sources.formats.record import UNREADABLE
from dbsvc.engine.sources.header import Header

#: As many records are validated at once, and their rejects held in memory.
BATCH = 2**15

#: The columns of a landed record before its fields, when it is not simply the next one and sound.
_NUMBERED = ("line_in_chunk", "fault")


def stage_valid(tx: Transaction, load: Load, header: Header, batches: list[Batch], table: str) -> tuple[int, int]:
    """Quarantine what breaks the contract, with all reasons, and stage the others into a table.

    Returns how many there are, and pass.
    """
    (first_line, _), (last_line, last) = batches[0], batches[-1]
    reasons: dict[int, str] = {}
    land = own(load, "land")
    run_phase(tx, load, land if tx.statements.phase(land) else "load/land")
    landed = _land(tx, load, header, batches, reasons)
    records = landed + len(reasons)
    for _, result in tx.run_phase(own(load, "validate"), landed=load.landing_table):
        reasons |= {first_line + row["line_in_chunk"] - 1: row["reasons"] for row in result.rows}
    tx.insert_rows(
        "rejects",
        ("load_id", "line_no", "reasons", "raw_record"),
        ((load.load_id, line, reasons[line], raw) for line, raw in raw_records(header.dataset.format, batches, reasons)),
    )
    last_line += header.dataset.format.count_lines(last)[0]
    return records, run_own_phase(tx, load, "stage", staged=table, first_line=first_line, last_line=last_line)["staged"]


def _land(tx: Transaction, load: Load, header: Header, batches: list[Batch], reasons: dict[int, str]) -> int:
    """Copy records as they are; returns how many. Of those that cannot be read, note the reasons and go on.

    Only a batch with odd records is taken apart record by record.
    """
    table, of = load.landing_table, header.dataset.format
    first_line, data = batches[0]
    if len(batches) == 1 and not of.mentions_header(data, header.names) and (clean := of.to_clean_csv(data)) is not None:
        try:
            return tx.copy_csv(table, header.columns, clean)
        except MalformedCsvError:
            pass

    def readable() -> Iterator[list[int | str]]:
        for start, batch in batches:
            for line, faults, *fields in rows(of, batch, header.names, start):
                if UNREADABLE.isdisjoint(str(faults).split()):
                    yield [int(line) - first_line + 1, faults, *fields]
                else:
                    reasons[int(line)] = str(faults)

    return tx.insert_rows(table, (*_NUMBERED, *header.columns), readable())
