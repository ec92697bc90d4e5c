"""The ledger: finding loads, their chunks, and what became of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import GoneError, InputError
from dbsvc.engine.loads.model import Load, Replaced
from dbsvc.engine.log import event

if TYPE_CHECKING:
    from dbsvc.engine.profiles import Profile
    from dbsvc.engine.sources.file import SourceFile
    from dbsvc.engine.sources.header import Header

_MOST_NAMED = 3  # loads, where there is none of a number


def find_load(tx: Transaction, load_id: int) -> Load:
    """Return a load. Raises InputError if there is none."""
    if is_number(load_id) and (rows := tx.run("ledger/show_load", load_id=load_id).rows):
        return Load.from_row(rows[0])
    if (number := find_new_number(tx, load_id)) is not None:
        raise InputError(f"There is no load {load_id} any more: it was released, and is load {number} now.")
    last = ", ".join(str(row["load_id"]) for row in tx.run("ledger/last_load_ids", most=_MOST_NAMED).rows)
    raise InputError(f"There is no load {load_id!r}{f'; the last are {last}' if last else ''}. `dbsvc loads` lists them.")


def find_new_number(tx: Transaction, load_id: int) -> int | None:
    """Return the number that a load has now which had this one until it was released; None if there was no such load."""
    found = tx.run("ledger/new_number", old_load_id=load_id).rows if is_number(load_id) else []
    return found[0]["load_id"] if found else None


def is_number(given: object) -> bool:
    """Whether this can be the number of a load, or of a line."""
    return isinstance(given, int) and 0 < given < 2**63


def lock_load(tx: Transaction, load: Load) -> Load:
    """Return a load as it is now, and let nobody else change or stage it until we commit. Raises GoneError."""
    tx.run("ledger/queue_to_lock", load_id=load.load_id)
    return _same(load, tx.run("ledger/lock_load", load_id=load.load_id).rows)


def share_load(tx: Transaction, load: Load) -> Load:
    """Return a load as it is now, and let nobody change it until we commit. Raises GoneError."""
    tx.run("ledger/queue_to_share", load_id=load.load_id)
    return _same(load, tx.run("ledger/share_load", load_id=load.load_id).rows)


def _same(load: Load, rows: list[Row]) -> Load:
    """Return the load of that number, if it is still the same: its number may have been drawn again."""
    if not rows or rows[0]["sha256"] != load.sha256:
        raise GoneError(
            f"Load {load.load_id} of {load.source} is there no more: `dbsvc db reset`, or `dbsvc loads release` of a discarded "
            "load, came in between. Run the same command again."
        )
    return Load.from_row(rows[0])


def find_profile(tx: Transaction, load_id: int) -> Profile | None:
    """Return the profile that a load was read by, as it was then; None if it was none."""
    from dbsvc.engine.profiles import read_profile

    for row in tx.run("ledger/find_profile", load_id=load_id).rows:
        return read_profile(row["name"], f"load {load_id}", row["content"], tx.statements.datasets)
    return None


def find_profile_text(tx: Transaction, load_id: int) -> str:
    """Return the text of the profile that a load was read by; an empty one if it was none."""
    return next((row["content"] for row in tx.run("ledger/find_profile", load_id=load_id).rows), "")


def keep_profile(tx: Transaction, load_id: int, profile: Profile | None) -> None:
    """Keep the profile that a load is read by: whoever reads its records again reads them so."""
    tx.run("ledger/forget_profile", load_id=load_id)
    if profile:
        tx.insert_rows("load_profiles", ("load_id", "name", "content"), [(load_id, profile.name, profile.text)])


def find_rules(tx: Transaction, load: Load) -> str:
    """Return the digest of today's rules for a load, by the profile it was read by."""
    return tx.statements.fingerprint(load.dataset, find_profile_text(tx, load.load_id))


def find_checkpoints(tx: Transaction, file: SourceFile, header: Header) -> list[Load]:
    """Return the loads that a file that grows, as it was, may have been."""
    if header.stream is None:
        return []
    name = header.dataset.name
    found = tx.run("ledger/find_checkpoints", dataset=name, stream=header.stream, source=file.source).rows
    return [Load.from_row(row) for row in found]


def find_past(tx: Transaction, load: Load, most: int) -> list[Row]:
    """Return the first records of a load that are not current: ``line_no``, their key, ``replaced_by_load_id``.

    Of a dataset that is declared no more nobody knows.
    """
    if load.dataset not in tx.statements.datasets:
        return []
    names = tx.statements.datasets[load.dataset].merge_parameters()
    return tx.run("ledger/past_records", key=names["key"], history=names["history"], load_id=load.load_id, most=most).rows


def find_replaced(tx: Transaction, load_id: int) -> Replaced:
    """Return what later loads have replaced of a load."""
    by = tx.run("ledger/replaced_since", load_id=load_id).rows
    return Replaced(by, [row["load_id"] for row in tx.run("ledger/replaced_unseen", load_id=load_id).rows])


def find_replaced_among(db: Database, load_ids: Collection[int]) -> list[Row]:
    """Return which of these loads replaced rows of which others of them: ``load_id``, ``replaced_by_load_id``, ``records``."""
    if len(load_ids) < 2:
        return []
    with db.snapshot() as tx:
        found = tx.run("ledger/replaced_from", load_id=min(load_ids)).rows
    return [row for row in found if row["load_id"] in load_ids and row["replaced_by_load_id"] in load_ids]


def count_states(tx: Transaction, load_id: int | None = None) -> Counter[str]:
    """Return how many rejects of a load, or of all, are in which state."""
    return Counter({row["state"]: row["records"] for row in tx.run("ledger/count_reject_states", load_id=load_id or 0).rows})


def count_open(tx: Transaction, load_id: int) -> int:
    """Return how many rejects of a load are open."""
    return count_states(tx, load_id)["open"]


def count_mended(tx: Transaction, load_id: int) -> int:
    """Return how many rejects of a load are mended."""
    return count_states(tx, load_id)["mended"]


def find_pruned(tx: Transaction, load_id: int) -> list[Row]:
    """Return whose rows a load had replaced that were pruned since: ``load_id``, ``source``, ``records``."""
    return tx.run("ledger/find_pruned", load_id=load_id).rows


def count_missing(tx: Transaction, dataset: str) -> int:
    """Return how many rows the table of a dataset lacks that its loads inserted: somebody deleted them by hand."""
    of = tx.statements.datasets[dataset]
    return max(tx.run("ledger/count_missing", dataset=dataset, table=of.table, table_name=of.table).count, 0)


def count_chunks(tx: Transaction, load_id: int) -> Row:
    """Return how far staging has come: ``chunks``, ``staged_chunks``, and of these the records ``read`` and ``rejected``."""
    return tx.run("ledger/count_chunks", load_id=load_id).rows[0]


def reset_lost_chunks(tx: Transaction, load: Load) -> bool:
    """Mark chunks whose staged rows a crash of the server took for staging again; returns whether there are any."""
    lost = tx.run("ledger/reset_lost_chunks", load_id=load.load_id, staged=load.staging_table).rows
    if lost:
        event("staging rows lost in a crash", load_id=load.load_id, chunks=len(lost))
    return bool(lost)


def restage(tx: Transaction, load: Load, *, rules: str | None = None, released: bool | None = None) -> Load:
    """Set a locked load back to *staging*: chunks that are staged stay so. Returns it as it is now."""
    tx.run(
        "ledger/restart_load",
        load_id=load.load_id,
        rules=load.rules if rules is None else rules,
        released=load.released if released is None else released,
    )
    return find_load(tx, load.load_id)
