"""A Citus cluster for the tests: DBSVC_TEST_CITUS_URLS names its coordinator, then its workers, as an admin of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.helpers.crash import KilledError
from tests.helpers.server import Server

#: the nodes of a cluster, if there is one
NODES = os.environ.get("DBSVC_TEST_CITUS_URLS", "").split()
#: the kinds of database that tests run on, and the fixture of the server that each of these is made on
KINDS = ["sqlite", "postgresql", *(["citus"] if NODES else [])]
SERVERS = {"postgresql": "server", "citus": "cluster"}


def at_most(examples: int) -> int:
    """How many examples of a property are tried: fewer where there is a cluster, on which each takes ten times as long."""
    return min(examples, int(os.environ.get("DBSVC_TEST_EXAMPLES", 4))) if NODES else examples


@contextmanager
def killed_before_it_shows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who merges is killed when that is written, and nobody sees it yet."""

    def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, suppress(KilledError):
        for module in ("publish", "revert"):
            patch.setattr(f"dbsvc.engine.loads.{module}.reveal", die)
        yield
        pytest.fail("nobody was killed")


class Cluster(Server):
    """A Citus cluster. A database is made on every node, of the same template: with what the nodes know of each other."""

    #: each keeps three processes on every node, which look for deadlocks and for what is in doubt all the time
    kept = 3
    strategy = "file_copy"

    def __init__(self, urls: list[str]) -> None:
        super().__init__(urls[0])
        self.nodes = [Server(url) for url in urls]
        self._closed = ""  # the template that nobody is connected to any more

    def url(self, dbname: str) -> str:
        return super().url(dbname).replace("postgresql://", "citus://", 1)

    def urls(self, dbname: str) -> list[str]:
        """The URLs of a database on each node, the coordinator first."""
        return [node.url(dbname) for node in self.nodes]

    def empty(self) -> str:
        """Make a database whose nodes know each other, and nothing else; returns its name."""
        name = self._create("template1")
        self._databases.append(name)
        return name

    def execute(self, sql: str) -> None:
        """Run a statement on each node, at once, as the admin, outside any transaction."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(lambda node: self._execute_on(node, sql), self.nodes))

    def _execute_on(self, node: Server, sql: str) -> None:
        with psycopg.connect(node.admin_url, autocommit=True) as connection:
            connection.execute("SET citus.enable_create_database_propagation = off")
            _insist(lambda: connection.execute(sql.encode()), psycopg.errors.ObjectInUse)

    def _create(self, template: str) -> str:
        if template not in ("template1", self._closed):  # Citus keeps a process in every database that uses it
            self.execute(f"ALTER DATABASE {template} ALLOW_CONNECTIONS false")
            self.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{template}'")
            self._closed = template
        name = super()._create(template)
        if template == "template1":
            self._join(name)
        return name

    def _join(self, dbname: str) -> None:
        """Let the nodes know each other in a new database."""
        for url in reversed(self.urls(dbname)):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION citus")
        coordinator, *workers = [urlsplit(node.admin_url) for node in self.nodes]
        with psycopg.connect(self.urls(dbname)[0], autocommit=True) as connection:
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", (coordinator.hostname, coordinator.port or 5432))
            for worker in workers:
                address = worker.hostname, worker.port or 5432
                add = partial(connection.execute, "SELECT citus_add_node(%s, %s)", address)
                _insist(add, psycopg.errors.InternalError_)


def _insist(act: Callable[[], object], refused: type[psycopg.Error]) -> None:
    """Do something that Citus, busy with what others of us do beside, may refuse for a moment."""
    for _ in range(5):
        try:
            act()
            return
        except refused:
            time.sleep(1)
    act()
