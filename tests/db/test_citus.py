"""Citus: what only a cluster has. All other tests run there as well, where DBSVC_TEST_CITUS_URLS names one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import errors

from dbsvc import connect
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialects.citus import Driver
from dbsvc.engine.errors import ConfigurationError, UnavailableError
from dbsvc.engine.settings import Settings
from tests.helpers import buckets, load, usage_csv, write
from tests.helpers.citus import Cluster

URL = "citus://user:secret@coordinator:5432/bills"


def driver(settings: Settings | None = None) -> Driver:
    return Driver(URL, settings or Settings(), name="dbsvc", create=False)


@pytest.mark.parametrize(
    "said", ["failed to COPY to shard 102008 on worker:5432", "connection to the remote node a@b:1 failed"]
)
def test_a_node_that_is_away_can_be_tried_again(said: str) -> None:
    for kind in (errors.IoError, errors.InternalError_):
        translated = driver().translate(kind(said))
        assert isinstance(translated, UnavailableError)
        assert translated.retryable
        assert said in str(translated)


def test_the_nodes_that_settings_name() -> None:
    named = driver(replace(Settings(), stage_urls="citus://a:1/x  postgresql://b:2/x")).elsewhere()
    assert [node.label for node in named] == ["citus://a:1/x", "citus://b:2/x"]
    assert [node.elsewhere() for node in named] == [[], []]
    assert driver().elsewhere() == []
    assert driver().label == "citus://coordinator:5432/bills"


def test_nodes_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("sqlite:///x.db", "citus://u:p#w@a/x"):
        with pytest.raises(ConfigurationError, match=r"^DBSVC_STAGE_URLS must name nodes of Citus"):
            driver(replace(Settings(), stage_urls=url)).elsewhere()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    for urls, says in (("worker", "must be URLs, such as"), ("citus://a:1/x", "names nodes, and sqlite:///x.db has none")):
        monkeypatch.setenv("DBSVC_STAGE_URLS", urls)
        with pytest.raises(ConfigurationError, match=says):
            connect()


@pytest.fixture
def dbname(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of the cluster."""
    if not os.environ.get("DBSVC_TEST_CITUS_URLS"):
        pytest.skip("no Citus cluster: set DBSVC_TEST_CITUS_URLS to the URL of its coordinator, then those of its workers")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.create().rpartition("/")[2]


@pytest.mark.parametrize("away", [False, True])
def test_records_are_staged_through_nodes(
    dbname: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """One that is away is done without."""
    cluster: Cluster = request.getfixturevalue("cluster")
    urls = [url.replace("postgresql://", "citus://") for url in cluster.urls(dbname)[1:]]
    monkeypatch.setenv("DBSVC_STAGE_URLS", " ".join(["citus://nobody@127.0.0.1:1/x"] if away else urls))
    path = write(tmp_path / "usage.csv", usage_csv([("2021-10-31", number, "USD", "Acme", 1, 2) for number in range(60)]))
    with connect(cluster.url(dbname)) as db:
        staged = [turns(node) for node in db.elsewhere]
        assert buckets(load(db, path, chunk_bytes=200, jobs=2).load) == {"inserted": 60}
        assert any(staged) != away


def turns(node: Database) -> list[str]:
    """The transactions that are run through a node from now on."""
    found: list[str] = []
    before = node.dialect.begin

    def begin(connection: object, statements: object, how: str) -> None:
        before(connection, statements, how)  # type: ignore[arg-type]
        found.append(how)

    node.dialect.begin = begin  # type: ignore[method-assign, assignment]
    return found
