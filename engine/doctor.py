"""What may be wrong with an installation, and what to do.

Nothing is created, and nothing is asked that costs quota.
"""

from __future__ import annotations

import locale
import os
import platform
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from dbsvc.engine import project_check
from dbsvc.engine.db.connect import connect
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.transaction import TakenBackError, Transaction
from dbsvc.engine.errors import ConfigurationError, ContentionError, DbsvcError
from dbsvc.engine.migrations import read_schema
from dbsvc.engine.notify.receivers import read_receivers
from dbsvc.engine.notify.undelivered import find_undelivered
from dbsvc.engine.project import find_project
from dbsvc.engine.settings import Settings, list_settings, read_settings
from dbsvc.engine.sources.spool import spool_folder

_LOCK_SECONDS = 2  # nobody waits long for a doctor
_CONNECT_SECONDS = 5.0
_LITTLE, _TOO_LITTLE = 2 * 10**9, 100 * 10**6  # bytes
_APART = 5.0  # seconds between two clocks
_PUBLIC = stat.S_IRGRP | stat.S_IROTH


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do."""

    about: str
    state: State
    says: str
    do: str = ""


def diagnose() -> Iterator[Finding]:
    """Look at one thing after the other; what keeps from looking is a finding, too, once."""
    said: list[str] = []
    for about, look in (
        ("python", _look_at_python),
        ("settings", _look_at_settings),
        ("project", _look_at_project),
        ("database", _open_database),
        ("room", _look_at_spool),
        ("fx", _look_at_fx),
    ):
        for finding in _probe(about, look):
            if finding.says not in said:
                said.append(finding.says)
                yield finding


def _probe(about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what is found; what keeps from looking is the last finding."""
    try:
        yield from look()
    except (DbsvcError, OSError, ValueError) as error:
        yield Finding(about, State.WRONG, str(error))


def _look_at_python() -> Iterator[Finding]:
    yield Finding("python", State.OK, f"Python {platform.python_version()} on {platform.system()}, {sys.executable}")
    written = {"file names": sys.getfilesystemencoding(), "texts": locale.getpreferredencoding(do_setlocale=False)}
    if odd := {what: name for what, name in written.items() if name.lower().replace("-", "") != "utf8"}:
        said = ", ".join(f"{what} in {name}" for what, name in odd.items())
        yield Finding("locale", State.WARNING, f"This locale writes {said}.", "Set LC_ALL=C.UTF-8.")
    else:
        yield Finding("locale", State.OK, "UTF-8 for file names and texts")


def _look_at_settings() -> Iterator[Finding]:
    given = [setting for setting in list_settings() if setting.origin != "default"]
    read_settings()
    named = ", ".join(f"{setting.variable} ({setting.origin})" for setting in given)
    yield Finding("settings", State.OK, f"given: {named}" if given else "none is given: all are as by default")
    env = Path(".env")
    if env.is_file() and env.stat().st_mode & _PUBLIC and any(one.is_secret and one.origin != "environment" for one in given):
        yield Finding("settings", State.WARNING, "Others may read .env, in which secrets are.", "`chmod 600 .env`")


def _look_at_project() -> Iterator[Finding]:
    project = find_project(read_settings().project)
    if project is None:
        yield Finding("project", State.OK, "none: the built-in datasets are in use")
        return
    found = project_check.check_project(project)
    for problem in found.problems:
        yield Finding("project", State.WRONG, problem, "`dbsvc datasets check` says all of it.")
    if not found.problems:
        own = len(found.datasets)
        yield Finding("project", State.OK, f"{project.folder}: {own} dataset{'' if own == 1 else 's'} of its own")


def _open_database() -> Iterator[Finding]:
    with connect(create=False, name="dbsvc doctor", lock_seconds=_LOCK_SECONDS) as db:
        yield from _probe("database", lambda: _look_at_database(db))
        yield from _probe("notifications", lambda: _look_at_receivers(db))
        if folder := db.dialect.folder():
            yield from _probe("room", lambda: _look_at_room("for the database", folder))


def _look_at_database(db: Database) -> Iterator[Finding]:
    label = db.dialect.label
    if absent := db.dialect.absent():
        yield Finding("database", State.WARNING, absent)
        return
    asked = datetime.now(UTC)
    with db.snapshot() as tx:
        told = tx.run("doctor/describe").rows[0]
    answered = datetime.now(UTC)
    version = f"{db.dialect.family[0]} {told['version']}"
    yield Finding("database", State.OK, f"{label}: {version}, {told['encoding']}, zone {told['time_zone']}")
    clock = datetime.fromisoformat(told["clock"])
    apart = max((asked - clock).total_seconds(), (clock - answered).total_seconds(), 0.0)
    if apart > _APART:
        says = f"The database's clock is {apart:,.0f} seconds {'behind' if clock < asked else 'ahead of'} ours."
        yield Finding("clock", State.WARNING, says, "Let both machines set their clocks by NTP.")
    else:
        yield Finding("clock", State.OK, "as the database's")
    schema = read_schema(db)
    if not schema.applied:
        yield Finding("schema", State.WARNING, "There are no tables of ours yet.", "`dbsvc ingest FILE` makes them.")
    elif schema.pending:
        says = f"{len(schema.pending)} migration(s) are pending, from {schema.pending[0]} on."
        yield Finding("schema", State.WRONG, says, "`dbsvc db migrate`")
    else:
        yield Finding("schema", State.OK, f"up to date: {len(schema.applied)} migrations, the last is {schema.applied[-1]}")
    for name in schema.foreign:
        yield Finding("schema", State.WARNING, f"{name} is of a project that is not here.", "Set DBSVC_PROJECT to its folder.")
    with db.snapshot() as tx:
        for _, looked in tx.run_phase("doctor/looks"):  # what only this kind of database has
            for row in looked.rows:
                yield Finding(row["about"], State(row["state"]), row["says"], row["todo"])
    yield from _look_at_rights(db, filled=bool(schema.applied))


def _look_at_rights(db: Database, *, filled: bool) -> Iterator[Finding]:
    """Try to write and to make a table, and take it back."""

    def work(tx: Transaction) -> None:
        if filled:
            tx.run("doctor/try_insert")
        tx.run("doctor/try_create")
        raise TakenBackError(None)

    try:
        db.run_transaction(work, attempts=1)
    except ContentionError as error:
        yield Finding("rights", State.WARNING, f"Not tried, for somebody is writing: {error}", "Try again later.")
    except DbsvcError as error:
        yield Finding("rights", State.WRONG, str(error), "Reading goes on: `dbsvc check --no-record`.")
    else:
        yield Finding("rights", State.OK, "to read, to insert and to make tables")


def _look_at_receivers(db: Database) -> Iterator[Finding]:
    """Say who is told, and who was not told yet; nobody is sent anything."""
    receivers = read_receivers(read_settings())
    named = ", ".join(receiver.shown for receiver in receivers)
    yield Finding("notifications", State.OK, f"DBSVC_NOTIFY names {named}" if named else "DBSVC_NOTIFY names nobody")
    if db.dialect.absent() or not (schema := read_schema(db)).applied or schema.pending:
        return
    with db.snapshot() as tx:
        found = find_undelivered(tx)
    for one in found:
        if one.digest in {receiver.digest for receiver in receivers}:
            yield Finding("notifications", State.WARNING, str(one), "See to the receiver; the next run tells it.")
        else:
            do = "Name it again, or `dbsvc db prune` forgets what it is owed."
            yield Finding("notifications", State.WARNING, f"{one} DBSVC_NOTIFY does not name it.", do)


def _look_at_spool() -> Iterator[Finding]:
    folder = Path(spool_folder())
    if folder.is_dir():
        yield from _look_at_room("for what is packed or piped (TMPDIR)", folder)
    else:
        yield Finding("room", State.WRONG, f"TMPDIR names {folder}, which is no folder.", "Make it, or set TMPDIR to another.")


def _look_at_room(what: str, folder: Path) -> Iterator[Finding]:
    while not folder.exists() and folder != folder.parent:  # it is made when it is needed
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    says = f"{free / 10**9:,.1f} GB free {what} in {folder}"
    state = State.WRONG if free < _TOO_LITTLE else State.WARNING if free < _LITTLE else State.OK
    yield Finding("room", state, says, "" if state is State.OK else "Make room, or use another disk.")
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("room", State.WRONG, f"We may not write {what} in {folder}.", "Give write access, or use another folder.")


def _look_at_fx() -> Iterator[Finding]:
    settings = read_settings()
    try:
        path = settings.currencylayer_access_key_file
        if (
            path and not settings.currencylayer_access_key and Path(path).exists() and not Path(path).is_file()
        ):  # it is read once
            yield Finding("fx", State.OK, f"the access key is read from {path} when it is needed")
        else:
            settings.read_access_key()
    except ConfigurationError as error:
        yield Finding("fx", State.WARNING, str(error), "Without it `dbsvc fx` fetches no rates; all else works.")
    yield from _reach(settings)


def _reach(settings: Settings) -> Iterator[Finding]:
    """Connect, and no more: no request is sent, and no key."""
    from httpx import create_ssl_context

    from dbsvc.engine.fx.providers.http import find_proxy

    url = settings.currencylayer_base_url
    proxy = settings.currencylayer_proxy or find_proxy(url)
    target = urlsplit(proxy or url)
    secure, host = target.scheme == "https", target.hostname or ""
    what = f"the proxy {host}" if proxy else host
    try:
        with closing(socket.create_connection((host, target.port or (443 if secure else 80)), _CONNECT_SECONDS)) as connection:
            if secure:
                create_ssl_context().wrap_socket(connection, server_hostname=host).close()
    except (OSError, ValueError) as error:  # or it is no name of a host, or no port
        says = f"{what} cannot be reached: {getattr(error, 'strerror', None) or error}"
        yield Finding("fx", State.WARNING, says, "Look at the network, at CURRENCYLAYER_PROXY and CURRENCYLAYER_BASE_URL.")
        return
    yield Finding("fx", State.OK, f"{what} answers{', by TLS that is verified' if secure else ''}; nothing was asked")
