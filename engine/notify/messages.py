"""What receivers are told, in the form that each reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

#: The version of the webhook's JSON: fields may be added to it, none is taken away.
SCHEMA = "dbsvc.notification/1"
_MOST_BYTES = 20_000  # of a message in a chat: Teams takes 28 KB
_MOST_SHOWN = 15  # notices of a message in a chat
_MOST_TEXT = 600  # characters of one text
_WORSE = ("ok", "warning", "unknown", "critical")
#: What people see at a glance.
_SIGNS = {"ok": "\u2705", "warning": "\u26a0\ufe0f", "unknown": "\u2753", "critical": "\U0001f534", "held": "\u23f8\ufe0f"}


@dataclass(frozen=True)
class Notice:
    """A change of state of one subject."""

    #: ``check``, ``load`` or ``file``
    kind: str
    #: the check's name, the load's number, the file's name
    subject: str
    #: ``ok``, ``warning``, ``unknown``, ``critical``, ``held`` or ``failed``
    state: str
    #: the state that was told last; None if none was
    was: str | None
    since: datetime
    changed_at: datetime
    dataset: str | None
    what: str
    todo: str
    #: the section of the RUNBOOK
    runbook: str

    @property
    def id(self) -> str:
        """What the change is known by: the same each time that it is told."""
        told = "\0".join((self.kind, self.subject, self.state, _time(self.changed_at)))
        return sha256(told.encode(errors="surrogateescape")).hexdigest()[:32]

    @property
    def change(self) -> str:
        """``new``, ``worse``, ``better`` or ``healed``."""
        if self.state == "ok":
            return "healed"
        if self.was in _WORSE and self.was != "ok" and self.state in _WORSE:
            return "worse" if _WORSE.index(self.state) > _WORSE.index(self.was) else "better"
        return "new"


@dataclass(frozen=True)
class Place:
    """Where notices come from, and where the RUNBOOK is."""

    database: str
    runbook_url: str

    def link(self, notice: Notice) -> str:
        """Return where the RUNBOOK says what to do."""
        return f"{self.runbook_url}#{notice.runbook}"


def write(form: str, notices: Sequence[Notice], place: Place) -> bytes:
    """Return the body of a message: JSON."""
    if form == "webhook":
        return _dump(_webhook(notices, place))
    wording = {"slack": _slack, "teams": _teams}[form]
    for most in range(min(len(notices), _MOST_SHOWN), 0, -1):
        body = _dump(wording(notices[:most], len(notices) - most, place))
        if len(body) <= _MOST_BYTES:
            break
    return body


def as_text(notices: Sequence[Notice], place: Place) -> tuple[str, str]:
    """Return a title and a text, for whoever shows nothing else."""
    shown = notices[:_MOST_SHOWN]
    lines = [line for notice in shown for line in (*_lines(notice), f"More: {place.link(notice)}", "")]
    return _title(notices, place), "\n".join([*lines, *_rest(len(notices) - len(shown))])


def _webhook(notices: Sequence[Notice], place: Place) -> dict[str, Any]:
    told = [
        {
            "id": notice.id,
            "change": notice.change,
            **{name: value for name, value in asdict(notice).items() if name not in ("todo", "runbook")},
            "since": _time(notice.since),
            "changed_at": _time(notice.changed_at),
            "what": _cut(notice.what),
            "do": _cut(notice.todo),
            "runbook": place.link(notice),
        }
        for notice in notices
    ]
    sent_at = _time(datetime.now(UTC))
    return {"schema": SCHEMA, "sent_at": sent_at, "database": place.database, "title": _title(notices, place), "notices": told}


def _slack(notices: Sequence[Notice], more: int, place: Place) -> dict[str, Any]:
    def plain(text: str) -> dict[str, Any]:
        # no markup: a name is shown as it is, mentions nobody, and what is copied is what was meant
        return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}

    title = _title(notices, place, more)
    blocks = [plain(title)]
    for notice in notices:
        link = _escape(place.link(notice))
        shown = f"<{link}|RUNBOOK, section {_escape(notice.runbook)}>" if link.startswith(("http://", "https://")) else link
        more_about = {"type": "mrkdwn", "text": f"More: {shown}"}
        blocks += [plain("\n".join(_lines(notice))), {"type": "context", "elements": [more_about]}]
    return {"text": _escape(title), "blocks": [*blocks, *map(plain, _rest(more))]}


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(notices: Sequence[Notice], more: int, place: Place) -> dict[str, Any]:
    def rich(text: str, **style: Any) -> dict[str, Any]:
        # runs of text, which are no Markdown: a name is shown as it is
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}

    body = [rich(_title(notices, place, more), weight="Bolder", size="Medium")]
    for notice in notices:
        first, *others = _lines(notice)
        link = place.link(notice)
        inlines = [{"type": "TextRun", "text": "More: "}, {"type": "TextRun", "text": link}]
        if link.startswith(("http://", "https://")):
            inlines[1] |= {"text": "RUNBOOK", "selectAction": {"type": "Action.OpenUrl", "url": link}}  # type: ignore[dict-item]
        body += [rich(first, weight="Bolder"), *map(rich, others), {"type": "RichTextBlock", "inlines": inlines}]
    body += [rich(line) for line in _rest(more)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _title(notices: Sequence[Notice], place: Place, more: int = 0) -> str:
    healed = sum(notice.change == "healed" for notice in notices)
    wrong = len(notices) - healed
    said = [f"{wrong:,} in trouble" if wrong else "", f"{healed:,} healed" if healed else "", f"{more:,} more" if more else ""]
    return f"dbsvc: {', '.join(filter(None, said))} ({_plain(place.database)})"


def _lines(notice: Notice) -> list[str]:
    """Return what a person reads of a notice: what, since when, what to do."""
    name = f"{notice.kind} {notice.subject}"
    of = f" ({notice.dataset})" if notice.dataset and notice.kind == "load" else ""
    sign = _SIGNS.get(notice.state, "\u274c")
    if notice.change == "healed":
        times = f"Since {_minute(notice.since)}, until {_minute(notice.changed_at)}."
        return [_plain(f"{sign} healed: {name}{of}"), _plain(f"It was: {notice.what}"), times]
    before = f", {notice.change} than before ({notice.was})" if notice.was and notice.change != "new" else ""
    return [
        _plain(f"{sign} {notice.state}: {name}{of}{before}"),
        _plain(notice.what),
        f"Since {_minute(notice.since)}.",
        _plain(f"Do: {notice.todo}"),
    ]


def _rest(more: int) -> list[str]:
    return [f"And {more:,} more: `dbsvc check` and `dbsvc loads` show all."] if more > 0 else []


def _plain(text: str) -> str:
    """Return a text that can do no more than be read: on one line, without marks that turn it round, and not too long."""
    return "".join(one if one.isprintable() else "\ufffd" for one in _cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "\u2026"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def _dump(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=True).encode()
