"""Land and validate: raw records as text, their contract, the quarantine for those that break it, staged rows of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.batches import Batch
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import MalformedCsvError
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import own, parameters, run_contract
from dbsvc.engine.sources.formats import raw_records, rows
from dbsvc.engine.sources.formats.record import UNREADABLE
from dbsvc.engine.sources.header import Header
from dbsvc.engine.statements.contract import VALIDATE_SIGNED

#: As many records are validated at once, and their rejects held in memory.
BATCH = 2**15

#: What takes out records of the fast path that break a rule which no pattern can know.
DOUBTS = ("unstage_doubts", "unstage_broken")

#: The columns of a landed record before its fields, when it is not simply the next one and sound.
_NUMBERED = ("line_in_chunk", "fault")


def stage_valid(tx: Transaction, load: Load, header: Header, batches: list[Batch], table: str) -> tuple[int, int]:
    """Quarantine what breaks the contract, with all reasons, and stage the others into a table.

    Returns how many there are, and pass.
    """
    (first_line, _), (last_line, last) = batches[0], batches[-1]
    last_line += header.format.count_lines(last)[0]
    span = {"first_line": first_line, "last_line": last_line, "staged": table}
    reasons: dict[int, str] = {}
    run_contract(tx, load, "land")
    landed = _land(tx, load, header, batches, reasons)
    records = landed + len(reasons)
    signed = header.profile is not None and header.profile.negative
    for statement in (VALIDATE_SIGNED if signed else "validate", "drop_landed"):
        run_contract(tx, load, statement)
    reasons |= {first_line + line - 1: text for line, text in _find_reasons(tx, load, header.dataset).items()}
    tx.insert_rows(
        "rejects",
        ("load_id", "line_no", "reasons", "raw_record"),
        ((load.load_id, line, reasons[line], raw) for line, raw in raw_records(header.format, batches, reasons)),
    )
    run_contract(tx, load, "key_rejects", **span)
    staged = run_contract(tx, load, "stage", **span)["staged"]
    run_contract(tx, load, "drop_validated")
    return records, staged


def _find_reasons(tx: Transaction, load: Load, dataset: Dataset) -> dict[int, str]:
    """Return the lines in the chunk of validated records that break a rule, and all the reasons of each, by their columns."""
    found: dict[int, dict[str, str]] = {}
    for row in find_broken(tx, load, "find_wrong", "rules_landed"):
        reasons = found.setdefault(row["line_in_chunk"], {})
        if row.get("fault"):
            reasons[""] = row["fault"]
        for column in dataset.columns.values():
            if wrong := row.get(f"{column.name}_wrong"):
                reasons.setdefault(column.name, column.reason(wrong))
            elif broken := row.get(column.name):
                reasons.setdefault(column.name, broken)
    order = ["", *dataset.columns]
    return {line: " ".join(reasons[column] for column in order if column in reasons) for line, reasons in found.items()}


def find_broken(tx: Transaction, load: Load, *statements: str, **more: Any) -> Iterator[Row]:
    """Yield the rows of statements of the contract that look for records which break it, as far as the dataset has them."""
    given = parameters(tx, load, **more)
    for name in (own(load, f"contract/{statement}") for statement in statements):
        if name in tx.statements:
            yield from tx.run_with(name, given).rows


def _land(tx: Transaction, load: Load, header: Header, batches: list[Batch], reasons: dict[int, str]) -> int:
    """Copy records as they are; returns how many. Of those that cannot be read, note the reasons and go on.

    Only a batch with odd records is taken apart record by record.
    """
    table, of = load.landing_table, header.format
    first_line, data = batches[0]
    if len(batches) == 1 and not of.mentions_header(data, header.names) and (clean := of.to_clean_csv(data)) is not None:
        try:
            return tx.copy_csv(table, header.columns, clean)
        except MalformedCsvError:
            pass

    def readable() -> Iterator[list[int | str]]:
        for start, batch in batches:
            for line, faults, *fields in rows(of, batch, header.names, start, header.takes):
                if UNREADABLE.isdisjoint(str(faults).split()):
                    yield [int(line) - first_line + 1, faults, *fields]
                else:
                    reasons[int(line)] = str(faults)

    return tx.insert_rows(table, (*_NUMBERED, *header.columns), readable())
