"""What receivers are owed: every change of state once, also when it heals, and never the same every night.

What each was told last is in the database (``notices``). A change is noted there first; an attempt to tell a receiver begins in
one short transaction, the message is sent while none is open, and what became of it is noted in another. Of several instances
one tells. Who is killed in between leaves its attempt behind, which is taken over: a receiver may be told twice, and can see it
by the ``id`` of the change; never not at all. What could not be sent stays owed, for the next run.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import CancelledError
from dbsvc.engine.loads.ingested import FileOutcome, IngestedFile
from dbsvc.engine.log import event
from dbsvc.engine.migrations import ensure_schema
from dbsvc.engine.notify.delivery import MOST, Failure, Message, send_all
from dbsvc.engine.notify.messages import Notice, Place
from dbsvc.engine.notify.receivers import Receiver
from dbsvc.engine.settings import Settings, read_secrets, redact

if TYPE_CHECKING:
    from dbsvc.engine.checks import CheckResult

_TRIES = 3
_TRY = 5.0  # seconds that all receivers together have in a round; a third of what a run has, if that is more
_GRACE = 1.0  # seconds within which an attempt is noted to be over
_GLANCE = 0.2  # seconds between two looks at an attempt of others
_NEVER = float("inf")
_PERHAPS = "perhaps"  # what was told last, where nobody knows
_LONGEST_SUBJECT = 200  # characters: it is part of a key


@dataclass(frozen=True)
class Observed:
    """The state of one subject, as a run found it."""

    kind: str
    subject: str
    state: str
    since: datetime
    what: str = ""
    todo: str = ""
    runbook: str = ""
    dataset: str | None = None


def tell_of_checks(db: Database, settings: Settings, receivers: Sequence[Receiver], results: Iterable[CheckResult]) -> None:
    """Tell what changed since checks were run before. What becomes of it is logged, and changes nothing else."""
    now = datetime.now(UTC)
    observed = [
        Observed(
            "check",
            result.check.name,
            result.state,
            result.since or now,
            f"{result.check.title}: {_found(result)}",
            result.check.todo,
            result.check.runbook,
            result.check.dataset,
        )
        for result in results
    ]
    _tell(db, settings, receivers, lambda tx: observed)


def tell_of_loads(db: Database, settings: Settings, receivers: Sequence[Receiver], files: Iterable[IngestedFile] = ()) -> bool:
    """Tell which loads are held or are no more, which files could not be loaded, and which could by now.

    Makes the schema where there is none. Returns whether all took it. What becomes of it is logged, and changes nothing else.
    """
    now = datetime.now(UTC)
    seen: dict[str, Observed] = {}
    for file in files:
        if file.outcome is FileOutcome.FAILED:
            again = "When that is done, run `dbsvc ingest` with it again."
            found = Observed("file", _subject(file.source), "failed", now, str(file.error), again, str(file.exit_code))
        elif file.outcome is not FileOutcome.SKIPPED and file.source not in seen:
            found = Observed("file", _subject(file.source), "ok", now)
        else:
            continue
        seen[file.source] = found
    return _tell(db, settings, receivers, lambda tx: [*seen.values(), *_held(tx)])


def _found(result: CheckResult) -> str:
    return result.error or "it cannot run" if result.findings is None else f"{result.findings:,} found"


def _held(tx: Transaction) -> list[Observed]:
    return [
        Observed(
            "load",
            str(row["load_id"]),
            "held",
            row["registered_at"],
            f"{row['source']}: {' '.join(str(row['held_because']).splitlines())}",
            f"Look: `dbsvc loads show {row['load_id']}`; then `dbsvc loads release {row['load_id']}` or `discard`.",
            "held",
            row["dataset"],
        )
        for row in tx.run("notify/held_loads").rows
    ]


def _subject(source: str) -> str:
    """Return a name that can be part of a key, the same for the same source."""
    if len(source) <= _LONGEST_SUBJECT:
        return source
    return f"{source[: _LONGEST_SUBJECT - 20]}\u2026 ({sha256(source.encode(errors='surrogateescape')).hexdigest()[:16]})"


def _tell(
    db: Database, settings: Settings, receivers: Sequence[Receiver], observe: Callable[[Transaction], list[Observed]]
) -> bool:
    if not receivers:
        return True
    try:
        ensure_schema(db)
        db.run_transaction(partial(_note, receivers=receivers, observe=observe))
        return _deliver(db, settings, receivers)
    except CancelledError:
        raise
    except Exception as error:  # of whatever kind: data are loaded and checked whether somebody is told or not
        event("not_notified", logging.WARNING, because=str(error))
        return False


def _note(tx: Transaction, receivers: Sequence[Receiver], observe: Callable[[Transaction], list[Observed]]) -> None:
    """Note what is other than it was."""
    changed_at, secrets = datetime.now(UTC), read_secrets()
    observed = sorted(observe(tx), key=lambda one: (one.kind, one.subject))  # as others do, so nobody waits in a circle
    for receiver in receivers:
        tx.run("notify/know", receiver=receiver.digest, shown=receiver.shown, named_at=changed_at)
        for one in observed:
            place = {"receiver": receiver.digest, "kind": one.kind, "subject": one.subject}
            if one.state == "ok":
                tx.run("notify/heal", **place, changed_at=changed_at)
                continue
            said = {name: redact(getattr(one, name), secrets) for name in ("what", "todo", "runbook")}
            about = {"state": one.state, "since": one.since, "changed_at": changed_at, "dataset": one.dataset}
            tx.run("notify/observe", **place, **about, **said)
        tx.run("notify/heal_loads", receiver=receiver.digest, changed_at=changed_at)
        tx.run("notify/forget", receiver=receiver.digest)  # trouble that came and went untold


def _deliver(db: Database, settings: Settings, receivers: Sequence[Receiver]) -> bool:
    """Send what is owed; to who did not take it a few times, with pauses in between, as long as there is time.

    Returns whether all took it.
    """
    place = Place(db.dialect.label, settings.runbook_url)
    most = min(settings.notify_seconds, max(_TRY, settings.notify_seconds / _TRIES))
    latest = time.monotonic() + settings.notify_seconds - most
    turns = waiting = [Turn(receiver) for receiver in receivers]
    while waiting:
        now = time.monotonic()
        _send_owed(db, [turn for turn in waiting if turn.due <= now], place, most)
        waiting = [turn for turn in waiting if turn.goes_on(latest)]
        if waiting:
            db.pause(max(0.0, min(turn.due for turn in waiting) - time.monotonic()))
    for turn in turns:
        if turn.failure:
            because = f"{turn.failure.because}; the next run tries again"
            event("not_notified", logging.WARNING, receiver=turn.receiver.shown, because=because)
    return not any(turn.failure for turn in turns)


@dataclass
class Turn:
    """What a run has to do for a receiver."""

    receiver: Receiver
    #: when it is asked next
    due: float = 0.0
    tries: int = 0
    #: why it did not take the last message
    failure: Failure | None = None
    #: the attempt of another instance that is under way, and since when it is seen
    other: str = ""
    seen_at: float = 0.0

    def goes_on(self, latest: float) -> bool:
        """Whether there is more to do, and time. An attempt that is seen in time is waited for: it may be nobody's."""
        if self.other:
            return self.seen_at <= latest
        return self.tries < _TRIES and max(self.due, time.monotonic()) <= latest

    def is_ready(self, tx: Transaction) -> bool:
        """Look whether it is owed something, and nobody else is telling it."""
        self.due, other = _NEVER, ""
        if tx.run("notify/owed", receiver=self.receiver.digest, most=1).rows:
            self.due = 0.0
            (row,) = tx.run("notify/attempt", receiver=self.receiver.digest).rows
            other = row["attempt"] or ""
        if other != self.other:
            self.wait_for(other)
        elif other:
            self.due = time.monotonic() + _GLANCE
        return self.due < _NEVER and (not other or self.is_left_behind)

    def wait_for(self, other: str) -> None:
        """Watch this attempt from now on."""
        self.other, self.seen_at = other, time.monotonic()
        if other:
            self.due = self.seen_at + _GLANCE

    @property
    def is_left_behind(self) -> bool:
        """Whether nobody makes the other's attempt any more, as it is seen for longer than it says that it takes."""
        takes = float(self.other.partition(" ")[2] or _TRY)
        return time.monotonic() - self.seen_at >= takes + _GRACE

    def note(self, message: Message, failure: Failure | None) -> None:
        """Take note of what became of a message."""
        self.failure, self.due = failure, _NEVER
        if not failure:
            event("notified", receiver=message.receiver.shown, notices=len(message.notices))
            self.due = 0.0 if message.is_full else _NEVER
        elif failure.passing:
            self.tries += 1
            self.due = time.monotonic() + max(2.0**self.tries * random.uniform(0.5, 1.0), failure.pause)


@dataclass(frozen=True)
class _Begun:
    """A message that is about to be sent, and what was noted of its notices before."""

    turn: Turn
    message: Message
    told: Sequence[str | None]


def _send_owed(db: Database, turns: Sequence[Turn], place: Place, seconds: float) -> None:
    """Send what receivers are owed, and note what was taken, and why the rest was not."""
    with db.snapshot() as tx:
        ready = [turn for turn in turns if turn.is_ready(tx)]
    if not ready:
        return
    attempt = f"{secrets.token_hex(16)} {seconds:g}"
    begun, busy = db.run_transaction(partial(begin, turns=ready, attempt=attempt, asked_at=time.monotonic()))
    for turn in ready:
        turn.wait_for(busy.get(turn.receiver.digest, ""))
        turn.due = turn.due if turn.other else _NEVER
    if not begun:
        return
    failures = send_all([one.message for one in begun], place, seconds)
    db.run_transaction(partial(_end, begun=begun, failures=failures, attempt=attempt))
    for one, failure in zip(begun, failures, strict=True):
        one.turn.note(one.message, failure)


def begin(tx: Transaction, turns: Sequence[Turn], attempt: str, asked_at: float) -> tuple[list[_Begun], dict[str, str]]:
    """Return what is to be sent, and the attempts of others. Until it is known, all that is sent was perhaps told."""
    begun: list[_Begun] = []
    busy: dict[str, str] = {}
    waited = time.monotonic() - asked_at > _GRACE  # so may have who is to end the other's attempt
    for turn in turns:
        receiver = turn.receiver.digest
        over = None if waited else turn.other
        if not tx.run("notify/begin", receiver=receiver, attempt=attempt, over=over).rows:
            busy[receiver] = tx.run("notify/attempt", receiver=receiver).rows[0]["attempt"]
        elif rows := tx.run("notify/owed", receiver=receiver, most=MOST).rows:
            begun.append(_Begun(turn, Message(turn.receiver, list(map(_notice, rows))), [row["told"] for row in rows]))
            for row in rows:
                tx.run("notify/note_told", receiver=receiver, kind=row["kind"], subject=row["subject"], told=_PERHAPS)
        else:  # another was faster
            tx.run("notify/end", receiver=receiver, attempt=attempt, because=None)
    return begun, busy


def _end(tx: Transaction, begun: Sequence[_Begun], failures: Sequence[Failure | None], attempt: str) -> None:
    """Note what was taken, and why the rest was not."""
    for one, failure in zip(begun, failures, strict=True):
        receiver = one.turn.receiver.digest
        because = failure.because if failure else None
        is_ours = tx.run("notify/end", receiver=receiver, attempt=attempt, because=because).rows
        if not failure or (is_ours and not failure.perhaps):
            for notice, before in zip(one.message.notices, one.told, strict=True):
                told = before if failure else notice.state
                tx.run("notify/note_told", receiver=receiver, kind=notice.kind, subject=notice.subject, told=told)
        tx.run("notify/forget", receiver=receiver)


def _notice(row: Row) -> Notice:
    known = {**row, "was": None if row["told"] == _PERHAPS else row["told"]}
    return Notice(**{name.name: known[name.name] for name in fields(Notice)})
