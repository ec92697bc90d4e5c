"""What receivers were not told yet, for people who look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from dbsvc.engine.db.transaction import Transaction


@dataclass(frozen=True)
class Undelivered:
    """What a receiver was not told yet."""

    #: its scheme and host
    receiver: str
    #: how many changes of state
    notices: int
    #: when the oldest of them was seen
    since: datetime
    #: why it did not take the last message; None if it took it, none was sent, or whoever sent it was killed
    because: str | None
    #: what identifies it in the database
    digest: str = field(repr=False)

    def __str__(self) -> str:
        changes = f"{self.notices:,} change{'' if self.notices == 1 else 's'}"
        since = f"{self.since.isoformat().replace('+00:00', 'Z')}"
        return f"{self.receiver} was not told of {changes} since {since}: {self.because or 'why is not noted'}."


def find_undelivered(tx: Transaction) -> list[Undelivered]:
    """Return whom something is owed, first who waits longest."""
    return [
        Undelivered(
            row["shown"] or "a receiver whose name is not known",
            row["owed"],
            datetime.fromtimestamp(row["since"], UTC),
            row["because"],
            row["receiver"],
        )
        for row in tx.run("notify/undelivered").rows
    ]
