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
_ATTEMPT = 5.0  # seconds that all receivers together have in a round
_PATIENCE = _ATTEMPT + 1.0  # an attempt of others that is seen for longer than any takes has nobody any more
_GLANCE = 0.2  # seconds between two looks at an attempt of others
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


def tell_of_loads(db: Database, settings: Settings, receivers: Sequence[Receiver], files: Iterable[IngestedFile] = ()) -> None:
    """Tell which loads are held or are no more, which files could not be loaded, and which could by now.

    Makes the schema where there is none.

    What becomes of it is logged, and changes nothing else.
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
    _tell(db, settings, receivers, lambda tx: [*seen.values(), *_held(tx)])


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
) -> None:
    if not receivers:
        return
    try:
        ensure_schema(db)
        db.run_transaction(partial(_note, receivers=receivers, observe=observe))
        _deliver(db, settings, receivers)
    except CancelledError:
        raise
    except Exception as error:  # of whatever kind: data are loaded and checked whether somebody is told or not
        event("not_notified", logging.WARNING, because=str(error))


def _note(tx: Transaction, receivers: Sequence[Receiver], observe: Callable[[Transaction], list[Observed]]) -> None:
    """Note what is other than it was; what is as it was is not touched, and so nobody waits who tells of it."""
    known = {(row["receiver"], row["kind"], row["subject"]): row["state"] for row in tx.run("notify/known").rows}
    changed_at, secrets = datetime.now(UTC), read_secrets()
    observed = observe(tx)
    for receiver in receivers:
        tx.run("notify/know", receiver=receiver.digest, shown=receiver.shown)
        for one in observed:
            before = known.get((receiver.digest, one.kind, one.subject))
            if one.state == (before or "ok"):
                continue
            place = {"receiver": receiver.digest, "kind": one.kind, "subject": one.subject}
            if one.state == "ok":
                tx.run("notify/heal", **place, changed_at=changed_at)
                continue
            said = {name: redact(getattr(one, name), secrets) for name in ("what", "todo", "runbook")}
            about = {"state": one.state, "since": one.since, "changed_at": changed_at, "dataset": one.dataset}
            tx.run("notify/observe", **place, **about, **said)
        tx.run("notify/heal_loads", receiver=receiver.digest, changed_at=changed_at)
        tx.run("notify/forget", receiver=receiver.digest)  # trouble that came and went untold


def _deliver(db: Database, settings: Settings, receivers: Sequence[Receiver]) -> None:
    """Send what is owed; to who did not take it a few times, with pauses in between, as long as there is time."""
    place = Place(db.dialect.label, settings.runbook_url)
    give_up = time.monotonic() + settings.notify_seconds
    most = min(_ATTEMPT, settings.notify_seconds)
    others = _Others(min(_PATIENCE, settings.notify_seconds / 2))
    waiting, failures = list(receivers), dict[str, Failure]()
    tries = 0
    while waiting:
        sent = _send_owed(db, waiting, place, most, others)
        for message, failure in sent:
            if failure:
                failures[message.receiver.digest] = failure
            else:
                failures.pop(message.receiver.digest, None)
                event("notified", receiver=message.receiver.shown, notices=len(message.notices))
        waiting = [message.receiver for message, failure in sent if (failure.passing if failure else message.is_full)]
        failed = [failures[one.digest] for one in waiting if one.digest in failures]
        waiting += others.receivers
        tries += bool(failed)
        pause = max([2.0**tries * random.uniform(0.5, 1.0), *(failure.pause for failure in failed)]) if failed else 0.0
        if not sent and others.receivers:
            pause = _GLANCE
        if tries >= _TRIES or time.monotonic() + pause + (most if failed else 0.0) > give_up:
            break
        db.pause(pause)
    for one in receivers:
        if one.digest in failures:
            because = f"{failures[one.digest].because}; the next run tries again"
            event("not_notified", logging.WARNING, receiver=one.shown, because=because)


class _Others:
    """Attempts of other instances, and for how long each has been seen."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        #: by receiver: which, and since when
        self._seen: dict[str, tuple[str, float]] = {}
        #: who is told by others just now
        self.receivers: list[Receiver] = []

    def note(self, receiver: Receiver, attempt: str) -> None:
        """Take note of an attempt that is under way."""
        self.receivers.append(receiver)
        if self._seen.get(receiver.digest, ("", 0.0))[0] != attempt:
            self._seen[receiver.digest] = attempt, time.monotonic()

    def left_behind(self, receiver: Receiver) -> str | None:
        """Return an attempt that nobody makes any more, as it was seen for longer than one takes."""
        attempt, seen_at = self._seen.get(receiver.digest, (None, 0.0))
        return attempt if time.monotonic() - seen_at >= self._patience else None


def _send_owed(
    db: Database, receivers: Sequence[Receiver], place: Place, seconds: float, others: _Others
) -> list[tuple[Message, Failure | None]]:
    """Send what receivers are owed, and note what was taken; returns the messages, with why each was not."""
    others.receivers = []
    with db.snapshot() as tx:
        owed = [receiver for receiver in receivers if tx.run("notify/owed", receiver=receiver.digest, most=1).rows]
    if not owed:
        return []
    attempt = secrets.token_hex(16)
    messages, busy = db.run_transaction(partial(_begin, receivers=owed, attempt=attempt, others=others))
    for receiver, other in busy:
        others.note(receiver, other)
    if not messages:
        return []
    sent = list(zip(messages, send_all(messages, place, seconds), strict=True))
    db.run_transaction(partial(_end, sent=sent, attempt=attempt))
    return sent


def _begin(
    tx: Transaction, receivers: Sequence[Receiver], attempt: str, others: _Others
) -> tuple[list[Message], list[tuple[Receiver, str]]]:
    """Return what is to be sent, and the attempts of others."""
    messages, busy = [], []
    for receiver in receivers:
        if not tx.run("notify/begin", receiver=receiver.digest, attempt=attempt, over=others.left_behind(receiver)).rows:
            busy += [(receiver, row["attempt"]) for row in tx.run("notify/attempt", receiver=receiver.digest).rows]
        elif rows := tx.run("notify/owed", receiver=receiver.digest, most=MOST).rows:
            messages.append(Message(receiver, [_notice(row) for row in rows]))
        else:  # another was faster
            tx.run("notify/end", receiver=receiver.digest, attempt=attempt, because=None)
    return messages, busy


def _end(tx: Transaction, sent: Sequence[tuple[Message, Failure | None]], attempt: str) -> None:
    """Note what was taken, and why the rest was not."""
    for message, failure in sent:
        digest = message.receiver.digest
        for notice in message.notices if failure is None else ():
            tx.run("notify/note_told", receiver=digest, kind=notice.kind, subject=notice.subject, state=notice.state)
        tx.run("notify/end", receiver=digest, attempt=attempt, because=failure.because if failure else None)
        tx.run("notify/forget", receiver=digest)


def _notice(row: Row) -> Notice:
    return Notice(**{name.name: row["told"] if name.name == "was" else row[name.name] for name in fields(Notice)})
