"""Citus 13 or newer, on PostgreSQL 15 or newer: the database beyond one machine. DATABASE_URL names the coordinator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import errors

from dbsvc.engine.db.dialect import Blocker, Dialect
from dbsvc.engine.db.dialects import postgresql
from dbsvc.engine.errors import ConfigurationError, DatabaseError, IntegrityError, UnavailableError
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements.catalog import Statements

#: How the URL of a node begins.
_SCHEMES = ("citus", "postgresql", "postgres")
#: How Citus says that a node is away, by whatever code.
_NODE_AWAY = re.compile(
    "failed to COPY to shard|connection to the remote node|any connections? to the node|connection marked as essential"
    # what the driver of the node that asks says of the connection to the other one
    "|^SSL (SYSCALL )?error|SSL connection has been closed|server closed the connection|could not (send|receive) data"
    "|is a metadata node, but is out of sync"  # it is told when it answers again
    "|no connection to the server|connection not open|^connection (failed|lost|to server at)|multiple connection failures"
    # a shard whose node has yet to commit that it is there; no staging table of ours, which ends in the number of its load
    r'|relation "(?!(\w+\.)?staged_\S*[a-z]\d*(?<!_rest)_\d+")\S+_\d{6,}" does not exist'
)

#: How Citus says which node an error is of ...
_OF_A_NODE = re.compile(r"while executing command on (\S+)")
#: ... and what a node says that has yet to commit what the one that asks has committed.
_BEHIND = (
    errors.UndefinedTable,
    errors.UndefinedObject,
    errors.UndefinedColumn,
    errors.DuplicateTable,
    errors.DuplicateObject,
    errors.DuplicateColumn,
)

#: What a node says of a row that was copied to it; Citus hands that on as an error of its own.
_ROW_REFUSED = re.compile("violates (check|not-null|unique|foreign key|exclusion) constraint")

#: How long a node may take to answer that the database names, unless the URL says otherwise; or one that is asked for aside.
_NODE_SECONDS = 2

#: What every node is told: how values are read and written, and how plans are made.
_SHARED = ("timezone", "datestyle", "intervalstyle", "jit", "work_mem", "maintenance_work_mem", "default_statistics_target")


class Driver(postgresql.Driver):
    """A Citus cluster."""

    family: tuple[str, ...] = ("citus", "postgresql")
    settings: Mapping[str, str] = {
        **postgresql.SETTINGS,
        # tables are joined by other columns than they are spread by, too
        "citus.enable_repartition_joins": "on",
        # each shard is looked at by itself: of four, together as closely as of one table
        "default_statistics_target": "3",
        # connecting to a node costs as much as a small statement does
        "citus.max_cached_conns_per_worker": "4",
        # no table that is spread refers to another by a key
        "citus.enforce_foreign_key_restrictions": "off",
    }

    def __init__(self, url: str, settings: Settings, *, name: str, create: bool) -> None:
        super().__init__(f"postgresql://{url.partition('://')[2]}", settings, name=name, create=create)
        self._read, self._name = settings, name
        self.label = self.label.replace("postgresql", "citus", 1)

    def elsewhere(self) -> list[Dialect[Any]]:
        """Return the nodes that the settings name: each takes rows of a table that is spread, and knows the ledger."""
        others, settings = self._read.stage_urls.split(), replace(self._read, stage_urls="")
        return [self._node(url, settings) for url in others]

    def nodes(self, connection: postgresql.Connection, statements: Statements) -> Iterator[tuple[Dialect[Any], str]]:
        """Yield the nodes that the database knows, by the names that they have there, and why one cannot be reached by its."""
        for row in self.execute(connection, statements["session/nodes/10_find_nodes"], {}).rows:
            node = self.at(row["host"], row["port"])
            yield node, node._lost(row["started"], statements)

    def _lost(self, started: str, statements: Statements) -> str:
        """Return why this node does not answer, or that it is not the one that was started at that moment; if so."""
        try:
            connection = self.connect(statements)
            try:
                (row,) = self.execute(connection, statements["session/identity/10_identity"], {}).rows
            finally:
                connection.close()
            return "" if row["started"] == started else "another server answers by that name here"
        except (psycopg.Error, DatabaseError) as error:
            return str(self.translate(error) or error)

    def at(self, host: str, port: int) -> Driver:
        """Return the same database by another node: all of the URL but the host is as it is."""
        known = {"connect_timeout": _NODE_SECONDS, **psycopg.conninfo.conninfo_to_dict(self._url), "host": host, "port": port}
        known.pop("hostaddr", None)
        url = f"citus:///?{urlencode(known, quote_via=quote)}"
        return Driver(url, replace(self._read, stage_urls=""), name=self._name, create=False)

    def _node(self, url: str, settings: Settings) -> Driver:
        with suppress(ConfigurationError):
            if url.partition("://")[0] in _SCHEMES:
                return Driver(url, settings, name=self._name, create=False)
        raise ConfigurationError(
            "DBSVC_STAGE_URLS must name nodes of Citus by their URLs, such as citus://user@worker:5432/name."
        )

    def begin(self, connection: postgresql.Connection, statements: Statements, begin: str) -> None:
        """Open a transaction on the coordinator; each node that comes into it later is told the settings that it shares."""
        super().begin(connection, statements, begin)
        shared = {"citus.propagate_set_commands": "local", **{name: self.settings[name] for name in _SHARED}}
        with connection.pipeline():  # each by itself, for Citus hands on what a setting is sent with
            for setting, value in shared.items():
                self.execute(connection, statements["session/configure"], {"setting": setting, "value": value})

    def _blockers(self, aside: postgresql.Connection, statements: Statements) -> list[Blocker]:
        """Ask whom this process's connections wait for, as of one server; and which nodes do not answer soon."""
        found = super()._blockers(aside, statements)
        self.execute(aside, statements["session/silent/05_be_quick"], {"seconds": f"{_NODE_SECONDS}s"})
        silent = self.execute(aside, statements["session/silent/10_find_silent"], {}).rows
        return found + [Blocker(f"{row['nodename']}:{row['nodeport']}, which does not answer", is_ours=False) for row in silent]

    def migrations(self) -> list[str]:
        """Folders with migrations: PostgreSQL's, and how its tables are spread."""
        return [*super().migrations(), "citus"]

    def _translate(self, error: psycopg.Error) -> DatabaseError:
        if error.sqlstate is None:  # what our own driver says, and no node
            return super()._translate(error)
        if isinstance(error, _BEHIND) and (node := _OF_A_NODE.search(error.diag.context or "")):
            return UnavailableError(
                f"{self.label}: the node {node[1]} has yet to commit what others have: {error.diag.message_primary}. "
                "Run the same command again later. If it stays so, and `dbsvc check --only transactions_in_doubt` finds "
                "nothing, the node really lacks that: restore it there."
            )
        if _NODE_AWAY.search(str(error)):
            return self._unreachable(postgresql.message_of(error))
        if isinstance(error, errors.InternalError_) and _ROW_REFUSED.search(message := postgresql.message_of(error)):
            return IntegrityError(f"The database refused a row: {message}.")
        return super()._translate(error)
