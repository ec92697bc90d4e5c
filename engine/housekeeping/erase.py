"""Erase: a person's name leaves the database, and a pseudonym takes its place, now and whenever the name is delivered again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.ledger import lock_load
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.pseudonyms import Pseudonyms, rename_rejects
from dbsvc.engine.loads.reveal import lock_dataset, rename_unseen
from dbsvc.engine.log import event

_DIGITS = 16  # of the digest, in a pseudonym
_SALT_BYTES = 16
_BLANKS = " \t\r\n\u00a0"


@dataclass(frozen=True)
class Erased:
    """What stands in the place of a name, and how many rows of which tables had it."""

    pseudonym: str
    #: by table, also the tables that rows wait in until they are published, and ``rejects``
    records: dict[str, int] = field(default_factory=dict)


def erase(db: Database, name: str, *, dry_run: bool = False) -> Erased:
    """Erase a person's name, as it is stored, from rows, history, quarantine, and what waits to be published.

    With ``dry_run`` nothing is changed: the counts are of what would be; its pseudonym is then unknown if the name was never
    erased here. Raises InputError for what can be no name.
    """
    name = name.strip(_BLANKS)
    if not name:
        raise InputError("Whose name is to be erased? It is empty.")
    if not dry_run:
        # First, and for all to see: whoever stages from now on uses the pseudonym. What others staged before is found below.
        db.run_transaction(lambda tx: _remember(tx, name))
    erased = db.run_transaction(lambda tx: _erase(tx, name, dry_run=dry_run))
    event("erased", pseudonym=erased.pseudonym, dry_run=dry_run, **erased.records)
    return erased


def _remember(tx: Transaction, name: str) -> None:
    tx.run("housekeeping/erase/add_salt", salt=secrets.token_hex(_SALT_BYTES))
    one = _only(tx, name)
    ((digest, pseudonym),) = one.by_digest.items()
    tx.run("housekeeping/erase/add_name", name_digest=digest, pseudonym=pseudonym)


def _only(tx: Transaction, name: str) -> Pseudonyms:
    """Return the pseudonym of one name alone, whether it was erased or not."""
    salt = tx.run("housekeeping/erase/read_salt").rows
    nobody = Pseudonyms(salt[0]["salt"] if salt else "", {})
    digest = nobody.digest(name)
    return Pseudonyms(nobody.salt, {digest: f"erased-{digest[:_DIGITS]}" if salt else "erased-…"})


def _erase(tx: Transaction, name: str, *, dry_run: bool) -> Erased:
    one = _only(tx, name)
    (pseudonym,) = one.by_digest.values()
    records: dict[str, int] = {}
    for dataset in tx.statements.datasets.values():
        if not dataset.personal:
            continue
        lock_dataset(tx, dataset.name)
        others = (f"{dataset.table}_history", *_staging_tables(tx, dataset))
        for shown, table in {dataset.table: dataset.stored, **dict(zip(others, others, strict=True))}.items():
            records[shown] = sum(_rename(tx, table, column, name, pseudonym, dry_run) for column in dataset.personal)
        if not dry_run:
            rename_unseen(tx, dataset, name, pseudonym)
        if dataset.is_digested and not dry_run and records[dataset.table]:
            _account_again(tx, dataset, pseudonym)
        if dataset.placed and not dry_run:
            tx.run("housekeeping/erase/forget_keys", dataset=dataset.name)
        rejects = sum(1 for _ in rename_rejects(tx, dataset, one, dry_run=dry_run))
        records["rejects"] = records.get("rejects", 0) + rejects
    return Erased(pseudonym, records)


def _rename(tx: Transaction, table: str, column: str, name: str, pseudonym: str, dry_run: bool) -> int:
    """Put a pseudonym in the place of a name in one column; returns how many rows had it."""
    found = tx.run("housekeeping/erase/count_rows", table=table, column=column, name=name).count
    if found and not dry_run:
        tx.run("housekeeping/erase/rename_rows", table=table, column=column, name=name, pseudonym=pseudonym)
    return found


def _account_again(tx: Transaction, dataset: Dataset, pseudonym: str) -> None:
    """Account for the rows of the days that carry a pseudonym now."""
    for column in dataset.personal:
        given = {**dataset.merge_parameters(), "column": column, "pseudonym": pseudonym}
        tx.run_with("housekeeping/erase/account_again", given)


def _staging_tables(tx: Transaction, dataset: Dataset) -> list[str]:
    """Return the tables in which rows of open loads wait, and let nobody stage more meanwhile."""
    loads = [Load.from_row(row) for row in tx.run("housekeeping/erase/open_loads", dataset=dataset.name).rows]
    known = {row["table_name"] for row in tx.run("schema/tables").rows} if loads else set()
    return [lock_load(tx, load).staging_table for load in loads if load.staging_table in known]
