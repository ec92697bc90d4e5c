"""Datasets: what each one's deliveries look like, and where its rows go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dbsvc.engine.columns import Column

if TYPE_CHECKING:
    from dbsvc.engine.sources.formats import Format


@dataclass(frozen=True)
class Derived:
    """A table that is derived from a dataset's, and how it is rebuilt, batch by batch."""

    table: str
    #: the columns that tell which of its rows a batch is about, and the temporary table that they are in
    key: tuple[str, ...]
    batch: str
    #: the phase that derives these rows
    phase: str
    #: the temporary tables that are left then
    leaves: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """One ``sql/datasets/<name>/dataset.toml``."""

    name: str
    title: str
    format: Format
    #: whether a file may be delivered while it is still being written, to be read on from where the last load ended
    grows: bool
    depends_on: tuple[str, ...]
    table: str
    key: tuple[str, ...]
    #: the reason of records, of datasets that depend on this one, that name one which is not known
    awaited_by: str | None
    #: the column whose greatest value wins among deliveries of one key, before the order of delivery does
    precedence: str | None
    #: whether rows may be placed, before their load is published, in a table that readers see through the ledger
    placed: bool
    #: what is put to the name of its table where readers see a view of it: nothing where they see the table
    behind_view: str
    #: the date that this table is partitioned by, where a database can
    partition_by: str | None
    #: the columns that hold names of people
    personal: tuple[str, ...]
    #: the columns by their names, in the order of the declaration
    columns: Mapping[str, Column]
    #: the phases that bring up to date what is derived from its table
    derive: tuple[str, ...]
    #: another dataset → the phases that run after a load of it
    derive_after: Mapping[str, tuple[str, ...]]
    #: the name of what can be rebuilt → its table, each after those it is derived from
    rebuild: Mapping[str, Derived]
    #: its file, and the text of it
    origin: str = field(repr=False)
    text: str = field(repr=False)

    @property
    def stored(self) -> str:
        """The table that its rows lie in: its own; or one beneath it, if its table is a view."""
        return f"{self.table}{'_stored' if self.placed else self.behind_view}"

    @property
    def read_as(self) -> dict[str, str]:
        """The tables that rows lie in, its own and those that are derived from it, and what readers read each by."""
        derived = {f"{each.table}{self.behind_view}": each.table for each in self.rebuild.values()}
        return {self.stored: self.table, **derived}

    @property
    def tables(self) -> set[str]:
        """What is its own in the database: its table or view, the table beneath that, and its history."""
        return {self.table, self.stored, f"{self.table}_history"}

    def signed(self) -> Dataset:
        """Return the dataset as it is where its amounts may be negative."""
        return replace(self, columns={name: column.signed() for name, column in self.columns.items()})

    @property
    def is_digested(self) -> bool:
        """Whether its rows are accounted for by digests; what is derived from rows is compared with them anyway."""
        return not self.derive

    def merge_parameters(self) -> dict[str, Any]:
        """Return what the statements of ``sql/load`` need to know: the names of tables and columns."""
        columns = list(self.columns)
        values = [column for column in columns if column not in self.key]
        compared = values or self.key  # where the key is all there is, two deliveries of it are the same
        return {
            "dataset": self.name,
            # what readers read leaves out what is not published
            "table": self.stored,
            "stored_name": self.stored,
            "table_name": self.table,
            # what a plan counts its months by, where there are partitions
            "months_function": f"{self.table}_months",
            "history": f"{self.table}_history",
            "key": list(self.key),
            "key_names": " and ".join(self.key),
            "columns": columns,
            "columns_as_text": dict.fromkeys(columns, "text"),
            # within one key all values of a key column are equal, so it has no say
            "precedence": self.precedence or self.key[0],
            "partition_by": self.partition_by or self.key[0],
            "by_day": self.partition_by is not None,
            # what rows are counted by, of one load: its number is one
            "day": self.partition_by or "load_id",
            "digest_format": "|".join(["%s"] * len(columns)),
            "staged_columns": [("staged", column) for column in columns],
            "staged_values": [("staged", column) for column in compared],
            "stored_values": [("stored", column) for column in compared],
            "staged_key": [("staged", column) for column in self.key],
            "stored_key": [("stored", column) for column in self.key],
            "past_key": [("past", column) for column in self.key],
            "newest_key": [("newest", column) for column in self.key],
            "wanted_key": [("wanted", column) for column in self.key],
            "sampled_key": [("sampled", column) for column in self.key],
            "assignments": {column: ("newest", column) for column in [*values, "load_id", "line_no"]},
        }

    def check_parameters(self) -> dict[str, Any]:
        """Return what a check that runs for each dataset may need to know."""
        merged = self.merge_parameters()
        return {
            **{
                name: merged[name]
                for name in ("dataset", "history", "key", "past_key", "stored_key", "columns", "digest_format")
            },
            "is_digested": self.is_digested and not self.partition_by,
            "table": self.table,
            "stored": self.stored,
            "table_name": self.table,
            "history_name": f"{self.table}_history",
            "has_precedence": self.precedence is not None,
            "is_registry": self.awaited_by is not None,
        }
