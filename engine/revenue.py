"""Revenue: what is in no sum, because it is not published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dbsvc.engine.database import Row, Transaction
from dbsvc.engine.ingest import staging_table


@dataclass(frozen=True)
class Uncounted:
    """Bills that may belong to some days, and are in no sum of them."""

    #: records in quarantine of these days
    quarantined: int
    #: records in quarantine whose day cannot be told
    quarantined_of_unknown_day: int
    #: loads that are not published, each with its bills of these days; those without any are left out
    unpublished: list[Row]

    def __bool__(self) -> bool:
        return bool(self.quarantined or self.quarantined_of_unknown_day or self.unpublished)


def find_uncounted(tx: Transaction, first: date, last: date) -> Uncounted:
    """Return the bills from ``first`` to ``last`` that are in no sum: in quarantine, or not published."""
    days = {"first": first, "last": last}
    (quarantine,) = tx.run("revenue/quarantined", **days).rows
    loads = tx.run("revenue/unpublished_loads").rows
    counted = [{**load, **tx.run("revenue/staged_bills", staged=staging_table(load), **days).rows[0]} for load in loads]
    return Uncounted(**quarantine, unpublished=[load for load in counted if load["bills"]])
