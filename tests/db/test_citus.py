"""Citus: what only a cluster has. All other tests run there as well, where DBSVC_TEST_CITUS_URLS names one."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import create_autospec
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors

from dbsvc import connect, migrate
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Result, Row
from dbsvc.engine.db.dialects.citus import Driver
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, IntegrityError, UnavailableError, UnusableError
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.reveal import require_staged
from dbsvc.engine.log import Event, listening
from dbsvc.engine.settings import Settings
from tests.helpers import ROOT, buckets, load, query, usage_csv, write
from tests.helpers.check_case import execute, find
from tests.helpers.citus import Cluster
from tests.helpers.cli import Cli
from tests.helpers.server import Server
from tests.helpers.shell import run

URL = "citus://user:secret@coordinator:5432/bills"


def driver(settings: Settings | None = None) -> Driver:
    return Driver(URL, settings or Settings(), name="dbsvc", create=False)


@pytest.mark.parametrize(
    "said",
    [
        "failed to COPY to shard 102008 on worker:5432",
        "connection to the remote node a@b:1 failed",
        "failure on connection marked as essential: a:1",
        "SSL SYSCALL error: EOF detected",
        "server closed the connection unexpectedly",
        "worker:5432 is a metadata node, but is out of sync",
        'relation "public.staged_usage_8_102090" does not exist',
        'relation "staged_usage_8_2021_10_102090" does not exist',
        'relation "staged_usage_8_rest_102090" does not exist',
    ],
)
def test_a_node_that_is_away_can_be_tried_again(said: str) -> None:
    for kind in (errors.IoError, errors.InternalError_):
        translated = driver().translate(kind(said))
        assert isinstance(translated, UnavailableError)
        assert translated.retryable
        assert said in str(translated)


def test_a_row_that_a_node_refuses_is_no_fault_of_the_cluster() -> None:
    said = 'new row for relation "staged_inverters_2_102063" violates check constraint "inverters_capacity_kw_check"'
    assert isinstance(driver().translate(errors.InternalError_(said)), IntegrityError)


@pytest.mark.parametrize("table", ["staged_usage_100000", "public.staged_usage_100000", "staged_t2_100000"])
def test_a_staging_table_that_is_gone_is_no_node(table: str) -> None:
    translated = driver().translate(errors.UndefinedTable(f'relation "{table}" does not exist'))
    assert not isinstance(translated, UnavailableError)


@pytest.mark.parametrize(
    "said",
    [
        'FATAL:  database "bills" does not exist',
        'FATAL:  role "user" does not exist',
        'FATAL:  password authentication failed for user "user"',
        'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "user", database "bills", no encryption',
        "server does not support SSL, but SSL was required",
        "SSL error: certificate verify failed",
    ],
)
def test_a_wrong_url_is_not_a_node_that_is_away(said: str) -> None:
    error = psycopg.OperationalError(f'connection failed: connection to server at "10.0.0.2", port 5432 failed: {said}')
    translated = driver().translate(error)
    assert isinstance(translated, UnusableError), translated
    assert not translated.retryable


MINE, OTHERS, SILENT = ("a:1", "1"), ("a:1", "2"), ("a:1", None)


@pytest.mark.parametrize(
    ("looks", "is_named"),
    [
        ([set()], False),
        ([{MINE}, set()], False),
        ([{OTHERS}, {("a:1", "3")}], False),
        ([{MINE, OTHERS}, {MINE}], True),
        ([{MINE}, {SILENT}], True),
        ([{SILENT}], True),
    ],
)
def test_what_others_commit_meanwhile_is_not_waited_for(looks: list[set[tuple[str, str | None]]], is_named: bool) -> None:
    tx = create_autospec(Transaction)
    tx.run_phase.side_effect = [[("", Result([{"node": node, "gid": gid} for node, gid in look], 0))] for look in looks]
    with pytest.raises(UnavailableError, match=r"a:1 has not said so yet") if is_named else nullcontext():
        require_staged(tx, create_autospec(Load, load_id=7))
    assert tx.run_phase.call_count == len(looks)
    assert tx.pause.called == (len(looks) > 1)


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
def dbname(cluster: Cluster) -> str:
    """A migrated, empty database of the cluster."""
    return cluster.create().rpartition("/")[2]


@pytest.mark.parametrize("nodes", ["named", "away", "refuses us", "found", "switched off", "unknown here", "another's name"])
def test_records_are_staged_through_nodes(
    cluster: Cluster, dbname: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: str
) -> None:
    """Those that are named, or that the database knows. One that is away, or is not what it is taken for, is done without."""
    coordinator, *workers = [url.replace("postgresql://", "citus://") for url in cluster.urls(dbname)]
    refusing = [url.rpartition("/")[0] + "/no_such_database" for url in workers]
    named = {"named": workers, "away": ["citus://nobody@127.0.0.1:1/x"], "refuses us": refusing, "switched off": [coordinator]}
    monkeypatch.setenv("DBSVC_STAGE_URLS", " ".join(named.get(nodes, [])))
    at = Driver.at
    if nodes == "unknown here":
        monkeypatch.setattr(Driver, "at", lambda self, _host, port: at(self, "nowhere.invalid", port))
    if nodes == "another's name":
        address = urlsplit(coordinator)
        monkeypatch.setattr(Driver, "at", lambda self, _host, _port: at(self, address.hostname or "", address.port or 5432))
    path = write(tmp_path / "usage.csv", usage_csv([("2021-10-31", number, "USD", "Acme", 1, 2) for number in range(60)]))
    heard: list[Event] = []
    with listening(heard.append), connect(cluster.url(dbname)) as db:
        if nodes not in named:
            db.find_nodes()
        staged = [turns(node) for node in db.elsewhere]
        assert buckets(load(db, path, chunk_bytes=200, jobs=2).load) == {"inserted": 60}
        assert any(staged) == (nodes in ("named", "found", "switched off"))
    without = [event.fields["node"] for event in heard if event.name == "staged without a node"]
    assert len(without) == len(set(without)) or nodes == "another's name"  # each is said once
    assert bool(without) != any(staged)
    assert "secret" not in str(without)


def test_a_node_is_reached_as_the_coordinator_is() -> None:
    node = Driver(f"{URL}?sslmode=require&options=-csearch_path%3Dours", Settings(), name="dbsvc", create=False).at("::1", 5433)
    known = psycopg.conninfo.conninfo_to_dict(node._url)
    assert (node.label, known["connect_timeout"]) == ("citus://::1:5433/bills", "2")
    assert [known[name] for name in ("user", "password", "sslmode", "options")] == [
        "user",
        "secret",
        "require",
        "-csearch_path=ours",
    ]
    assert node.elsewhere() == []
    patient = Driver(f"{URL}?connect_timeout=7", Settings(), name="dbsvc", create=False).at("::1", 5433)
    assert psycopg.conninfo.conninfo_to_dict(patient._url)["connect_timeout"] == "7"


@pytest.fixture
def db(cluster: Cluster, dbname: str) -> Iterator[Database]:
    with connect(cluster.url(dbname)) as opened:
        yield opened


def test_two_datasets_that_merge_beside_each_other_do_not_wait(db: Database, cluster: Cluster, dbname: str) -> None:
    """What each of them keeps meanwhile has a name of its own, and making it locks nothing that the other one needs."""

    def keep(tx: Transaction, kept: str) -> None:
        given = {**tx.statements.datasets["usage"].merge_parameters(), "staged": "bills_stored", "kept_changes": kept}
        for phase in ("load/keep/changes", "load/keep/spread"):
            assert list(tx.run_phase(phase, **given, kept=kept, named="changes"))

    with connect(cluster.url(dbname), lock_seconds=1) as other, db.transaction() as one, other.transaction() as two:
        keep(one, "changes_a")
        keep(two, "changes_b")
        for tx in (one, two):
            assert tx.run("load/merge/count_changes", staged="bills_stored").rows != []


def found(db: Database, name: str, **thresholds: float) -> list[Row]:
    return find(db, name, date.min, date.max, **thresholds)


def looked(db: Database) -> dict[str, str]:
    """What doctor says is wrong with the cluster, and what to do."""
    with db.snapshot() as tx:
        rows = [row for _, result in tx.run_phase("doctor/looks") for row in result.rows]
    return {row["says"]: row["todo"] for row in rows if row["state"] != "ok"}


def test_a_node_that_is_away_is_told(db: Database) -> None:
    assert found(db, "nodes_away") == []
    assert looked(db) == {}
    execute(
        db, "UPDATE pg_dist_node SET nodeport = 9 WHERE nodeid = 2", "UPDATE pg_dist_node SET isactive = FALSE WHERE nodeid = 3"
    )
    away, off = found(db, "nodes_away")
    assert (away["port"], off["says"]) == (9, "is switched off")
    assert "connect" in away["says"]
    said = looked(db)
    assert [says for says in said if says.endswith(":9 does not answer the coordinator.")] != []
    assert [todo for todo in said.values() if "citus_activate_node(" in todo] != []
    assert found(db, "transactions_in_doubt") == []  # nor do they need the node
    assert found(db, "shards_skewed") == []


def test_a_node_that_readers_are_refused_on_is_told(db: Database, dbname: str) -> None:
    """It reads itself over connections, or has no copy of the number that they go by."""
    execute(
        db,
        f"ALTER DATABASE {dbname} SET citus.enable_local_execution = off",
        "DELETE FROM pg_dist_placement USING pg_dist_shard WHERE pg_dist_placement.shardid = pg_dist_shard.shardid "
        "AND logicalrelid = 'bills_seen'::regclass AND groupid = 1",
    )
    said = looked(db)
    assert [todo for says, todo in said.items() if "enable_local_execution is off" in says] != []
    lacking = [(says.split(": ")[1], todo) for says, todo in said.items() if "replicate_reference_tables" in todo]
    assert [says.split()[:2] for says, _ in lacking] == [["1", "tables"]]


def test_who_waits_is_told_of_a_node_that_does_not_answer(db: Database) -> None:
    execute(db, "UPDATE pg_dist_node SET nodeport = 9 WHERE nodeid = 2")
    with db.connection() as connection:
        told = [str(each) for each in db.dialect.blockers(connection, db.statements)]
    assert [each.partition(":")[2] for each in told] == ["9, which does not answer"]


def test_a_node_that_is_behind_can_be_tried_again(db: Database, cluster: Cluster, dbname: str) -> None:
    """It has yet to commit what the table is called."""
    execute(db, "CREATE TABLE late (id integer)", "SELECT create_distributed_table('late', 'id')")
    with psycopg.connect(cluster.urls(dbname)[1], autocommit=True) as worker:
        worker.execute("SET citus.enable_ddl_propagation = off")
        worker.execute("ALTER TABLE late RENAME TO sooner")
    with pytest.raises(UnavailableError, match=r"the node \S+:\d+ has yet to commit what others have: relation .+ not exist\."):
        execute(db, "ALTER TABLE late RENAME TO later")


def test_a_transaction_in_doubt_is_told(db: Database, cluster: Cluster, dbname: str) -> None:
    """Of a coordinator that never comes back, for Citus ends those of one that does."""
    gid = f"citus_99_{os.getpid()}_1_0"
    with psycopg.connect(cluster.urls(dbname)[1], autocommit=True) as worker:
        worker.execute(f"BEGIN; CREATE TABLE doubtful (); PREPARE TRANSACTION '{gid}'")
        try:
            assert found(db, "transactions_in_doubt") == []
            assert [row["gid"] for row in found(db, "transactions_in_doubt", seconds=0)] == [gid]
        finally:
            worker.execute(f"ROLLBACK PREPARED '{gid}'")
    assert found(db, "transactions_in_doubt", seconds=0) == []


def test_who_only_owns_the_database(cluster: Cluster, dbname: str, tmp_path: Path) -> None:
    """Views and functions that come with Citus are an admin's."""
    name, role = cluster.empty(), f"owner_of_{dbname}"
    cluster.execute(f"CREATE ROLE {role} LOGIN")
    try:
        cluster.execute(f"ALTER DATABASE {name} OWNER TO {role}")
        url = urlsplit(cluster.url(name))
        owned = url._replace(netloc=f"{role}@{url.netloc.rpartition('@')[2]}").geturl()
        with connect(owned) as db:
            migrate(db)
            for dataset in ("plants", "usage"):
                load(db, ROOT / "samples" / f"{dataset}.csv")
            assert looked(db) == {}
            assert found(db, "nodes_away") + found(db, "transactions_in_doubt") + found(db, "shards_skewed") == []
            assert buckets(load(db, ROOT / "samples" / "usage.csv").load)["inserted"] == 6
    finally:
        cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")
        cluster.execute(f"DROP ROLE {role}")


def test_a_skewed_shard_is_told(db: Database, tmp_path: Path) -> None:
    """One bill of every day: all of them lie in one shard."""
    draw = random.Random(1)
    days = [date(2015, 1, 1) + timedelta(n) for n in range(3000)]
    load(db, write(tmp_path / "usage.csv", usage_csv([(day, 7, "USD", draw.randbytes(400).hex(), 1, 2) for day in days])))
    assert found(db, "shards_skewed") == []
    execute(db, "ANALYZE bills_stored")
    (row,) = found(db, "shards_skewed", megabytes=0, times=2)
    assert row["table_name"] == "bills_stored"
    assert row["mb"] >= 1


def turns(node: Database) -> list[str]:
    """The transactions that are run through a node from now on."""
    found: list[str] = []
    before = node.dialect.begin

    def begin(connection: object, statements: object, how: str) -> None:
        before(connection, statements, how)  # type: ignore[arg-type]
        found.append(how)

    node.dialect.begin = begin  # type: ignore[method-assign, assignment]
    return found


PAGE = (ROOT / "docs" / "how-to" / "move-to-citus.md").read_text()
#: What the page types.
MOVE = re.findall(r"^<!-- not run: it needs a cluster.*?\n```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.long
@pytest.mark.slow  # it starts many processes
def test_the_page_moves_a_full_database(cluster: Cluster, dbname: str, tmp_path: Path) -> None:
    """The same revenue; files that were loaded before are known, and others go in."""
    plain = Server(cluster.nodes[0].admin_url)  # the coordinator's server, and no Citus
    old, name = plain.create(), cluster.empty()
    new = cluster.urls(name)[0]
    assert Cli(tmp_path, old)("ingest", str(ROOT / "samples")).code in (0, 65)
    shell = "\n".join(["set -e", *MOVE])
    ran = run(shell, tmp_path, DATABASE_URL=old, NEW_URL=new, CITUS_URL=cluster.url(name))
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    with connect(old) as before, connect(cluster.url(name)) as after:
        for table in ("bills", "inverter_telemetry_clean", "inverter_daily_summary", "loads"):
            rows = query(before, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            moved = query(after, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            assert [row[: len(rows[0])] for row in moved] == rows, table  # loads have one more column there
    usage_file = write(tmp_path / "later.csv", usage_csv([("2021-10-31", 7, "USD", "Acme", 1, 2)]))
    assert Cli(tmp_path, cluster.url(name))("ingest", str(usage_file)).code == 0
    plain.close()
