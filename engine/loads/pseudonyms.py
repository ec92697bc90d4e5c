"""Pseudonyms: whose name was erased is delivered again under a pseudonym, in rows and in the quarantine.

Names are known by digests only (``erased_names``). While nobody's name was erased, a load asks that once, and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.ledger import find_profile
from dbsvc.engine.loads.model import Load
from dbsvc.engine.log import step
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.formats import Format
from dbsvc.engine.sources.header import header_of

#: As many records in quarantine are looked at in one go.
_BATCH = 1000
#: How a name may be written in a record that is no UTF-8 text.
_ENCODINGS = ("utf-8", "cp1252", "latin-1")


@dataclass(frozen=True)
class Pseudonyms:
    """Whose names were erased: the digests of names with the salt of this database, and what stands in their place."""

    salt: str
    by_digest: Mapping[str, str]

    def digest(self, name: str) -> str:
        """Return the digest of a name."""
        return hashlib.sha256((self.salt + name).encode()).hexdigest()

    def find(self, written: bytes) -> bytes | None:
        """Return what stands in the place of a name as it is written, if it was erased."""
        for encoding in _ENCODINGS:
            try:
                name = written.decode(encoding)
            except UnicodeDecodeError:
                continue
            if pseudonym := self.by_digest.get(self.digest(name)):
                return pseudonym.encode()
        return None

    def rename(self, raw: bytes, dataset: Dataset, header: bytes, profile: Profile | None) -> bytes:
        """Return a record with pseudonyms in the place of names; byte for byte as it came otherwise."""
        columns: tuple[str, ...] = ()
        of: Format = dataset.format  # of a header that is not understood any more: then any text may be a name
        with suppress(InputError):
            known = header_of(dataset, header, "the header", profile)
            columns, of = known.columns, known.format
        renamed, after = raw, len(raw)
        found = [(start, end, self.find(text)) for start, end, text in of.texts(raw, columns, dataset.personal)]
        for start, end, pseudonym in sorted(((s, e, p) for s, e, p in found if p), key=lambda one: (-one[1], one[0])):
            if end <= after:  # else it is a part of what was found already
                renamed, after = renamed[:start] + pseudonym + renamed[end:], start
        return renamed


def read_pseudonyms(tx: Transaction) -> Pseudonyms | None:
    """Return whose names were erased; None if nobody's was."""
    rows = tx.run("housekeeping/erase/list_names").rows
    return Pseudonyms(rows[0]["salt"], {row["name_digest"]: row["pseudonym"] for row in rows}) if rows else None


def use_pseudonyms(tx: Transaction, load: Load, *tables: str) -> None:
    """Put pseudonyms in the place of names that were erased: in the rows of a load in these tables, and in its rejects."""
    dataset = tx.statements.datasets[load.dataset]
    if not dataset.personal or not tx.run("load/pseudonyms/any_erased").rows:
        return
    for table in tables:
        for column in dataset.personal:
            tx.run("load/pseudonyms/rename_staged", table=table, column=column, load_id=load.load_id)
    if pseudonyms := read_pseudonyms(tx):
        renamed = sum(1 for _ in rename_rejects(tx, dataset, pseudonyms, load.load_id))
        step("pseudonyms used", load_id=load.load_id, rejects=renamed)


def rename_rejects(
    tx: Transaction, dataset: Dataset, pseudonyms: Pseudonyms, load_id: int | None = None, *, dry_run: bool = False
) -> Iterator[Row]:
    """Put pseudonyms into the quarantine of a dataset, or of one load of it; yields the records that had names."""
    profile_of = cache(partial(find_profile, tx))
    for row in _read_rejects(tx, dataset, load_id):
        renamed = pseudonyms.rename(row["raw_record"], dataset, row["header"], profile_of(row["load_id"]))
        if renamed != row["raw_record"]:
            if not dry_run:
                place = {"load_id": row["load_id"], "line_no": row["line_no"]}
                tx.run("housekeeping/erase/replace_record", **place, raw_record=renamed)
            yield row


def _read_rejects(tx: Transaction, dataset: Dataset, load_id: int | None) -> Iterator[Row]:
    """Yield the records in quarantine; batch by batch, for they may be changed meanwhile."""
    loads = {"first_load_id": load_id or 0, "last_load_id": load_id or 2**62}
    after = {"after_load_id": 0, "after_line_no": 0}
    while rows := tx.run("housekeeping/erase/next_rejects", dataset=dataset.name, **loads, **after, most=_BATCH).rows:
        yield from rows
        after = {"after_load_id": rows[-1]["load_id"], "after_line_no": rows[-1]["line_no"]}
