"""On Citus readers of telemetry go by a number that every change of it raises, and no question of ours gets past it."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from dbsvc import connect
from dbsvc.engine.checks import load_checks
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Result
from dbsvc.engine.db.dialects.citus import Driver
from dbsvc.engine.errors import ContentionError
from dbsvc.engine.housekeeping.prune import prune
from dbsvc.engine.housekeeping.rebuild import rebuild
from dbsvc.engine.housekeeping.reconcile import reconcile
from dbsvc.engine.loads.corrections import close_all_mended
from dbsvc.engine.loads.operations import retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.migrations import migrate
from dbsvc.engine.reports.lineage import trace_word
from dbsvc.engine.reports.report import read_report
from dbsvc.engine.reports.status import read_status
from dbsvc.engine.settings import Settings
from dbsvc.engine.statements.statement import Statement
from tests.helpers import query
from tests.helpers.check_case import deliver, find
from tests.helpers.citus import Cluster
from tests.helpers.counters import events, inverters

TABLES = ("inverter_telemetry_raw", "inverter_telemetry_clean", "inverter_daily_summary")
STORED = [f"{table}_stored" for table in TABLES]
#: a statement that changes a table, by its name or by a parameter
CHANGE = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?::"(?P<given>\w+)"|(?P<named>\w+))')
#: a statement that reads one of them, or whichever dataset's
READ = re.compile(rf'\b(?:{"|".join(TABLES)})\b(?!_)|:"table"')


@pytest.fixture
def urls(cluster: Cluster) -> list[str]:
    """The URLs of a migrated, empty database on each node."""
    return cluster.urls(cluster.create().rpartition("/")[2])


def plants(zone: str) -> bytes:
    return b"plant_id,name,location,timezone\n" + f"p1,Roof,here,{zone}\n".encode()


def fill(db: Database) -> None:
    deliver(db, plants("UTC"))
    deliver(db, inverters(*[5] * 12))
    days = [(1440 * day + minute, 90_000 + 1440 * day + minute) for day in range(4) for minute in (0, 10, 20, 1435)]
    deliver(db, b"".join(events(days, inverter=f"i{n}") for n in range(1, 13)), "events.jsonl")
    deliver(db, b"".join(events(days[:1], inverter=f"i{n}", ac_power=1) for n in range(1, 13)), "changed.jsonl")


@contextmanager
def ahead(url: str, merges: str = "telemetry_merges") -> Iterator[None]:
    """One node has a merge that the others have not."""
    with psycopg.connect(url, autocommit=True) as node:
        named = "SELECT shard_name(logicalrelid, shardid) FROM pg_dist_shard WHERE logicalrelid = to_regclass(%s)"
        (shard,) = node.execute(named, (merges,)).fetchone() or ("",)
        node.execute("SET citus.enable_manual_changes_to_shards = on")
        node.execute(f"UPDATE {shard} SET merges = merges + 1".encode())
        yield
        node.execute(f"UPDATE {shard} SET merges = merges - 1".encode())


def questions(db: Database) -> dict[str, Callable[[], object]]:
    """What asks for telemetry, by its name."""
    asked: dict[str, Callable[[], object]] = {}
    since, until = datetime.date.min, datetime.date(2030, 1, 1)
    for check in load_checks(db.statements):
        parts = [each for each, dataset in check.parts if dataset is None or dataset.name == "telemetry"]
        if any(READ.search(part.text) for part in parts) and check.name != "rows_differ":  # which reads no events
            asked[check.name] = partial(find, db, check.name, since, until)

    def run(name: str) -> None:
        with db.snapshot() as tx:
            tx.run_with(name, {"since": since, "until": until})

    for name in db.statements.names:
        if name.startswith(("datasets/telemetry/report/", "datasets/telemetry/newest_day/")):
            asked[name] = partial(run, name)
    for view in (*TABLES, "inverter_latest_state"):
        asked[view] = partial(query, db, f"SELECT count(*) FROM {view}")
    of_one = "SELECT max(points) FROM inverter_daily_summary WHERE inverter_id ="
    asked["one and another"] = partial(query, db, f"SELECT ({of_one} 'i1') + ({of_one} 'i2')")
    of_dbsvc = {"status": read_status, "lineage": lambda db: trace_word(db, "reading", ["i1", "2025-06-01T00:10:00Z"])}
    return asked | {name: partial(ask, db) for name, ask in of_dbsvc.items()} | {"report": partial(read_report, db, 7)}


def is_refused(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ContentionError:
        return True
    return False


def test_no_question_of_ours_gets_past_the_number(urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However Citus plans it."""
    with connect(urls[0].replace("postgresql://", "citus://")) as db:
        fill(db)
        monkeypatch.setattr(Database, "pause", lambda *_: None)
        asked = questions(db)
        assert [name for name, ask in asked.items() if is_refused(ask)] == []
        with ahead(urls[0]):
            assert [name for name, ask in asked.items() if not is_refused(ask)] == []


def test_whoever_changes_telemetry_raises_the_number(urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """First, in the same transaction, by one connection to each node."""
    begun: dict[int, bool] = {}
    changed: dict[int, set[str]] = {}
    changes: set[str] = set()
    execute_as_ever = Driver.execute

    def look_on(driver: Driver, connection: Any, statement: Statement, given: Mapping[str, Any]) -> Result:
        me = id(connection)
        if statement.name == "session/commit" and changed.pop(me, set()):
            for url in urls[1:]:
                assert count_writers(url) == 1, f"{url} has other connections"
        if statement.name.startswith("session/") and "savepoint" not in statement.name:
            begun[me] = False
        begun[me] |= given.get("dataset") == "telemetry" and statement.name == "ledger/begin_merge/10_begin"
        begun[me] |= statement.name.endswith("/15_begin_merge")
        for change in CHANGE.finditer(statement.text):
            table = str(given[change["given"]] if change["given"] else change["named"])
            if table.removesuffix("_stored") in TABLES:
                assert begun[me], f"{statement.name} changes {table}, and no number"
                changed.setdefault(me, set()).add(statement.name)
                changes.add(statement.name)
        return execute_as_ever(driver, connection, statement, given)

    with connect(urls[0].replace("postgresql://", "citus://")) as db:
        deliver(db, events([(0, 90_000)], inverter="i13"), "early.jsonl")  # of an inverter that nobody knows yet
        monkeypatch.setattr(Driver, "execute", look_on)
        before = number(urls[0])
        fill(db)
        deliver(db, inverters(*[5] * 13))
        retry(db, 1, Settings())
        deliver(db, events([(0, 90_000), (20, 91_000)], inverter="i3", ac_power=2), "again.jsonl")
        deliver(db, plants("Asia/Jerusalem"), "moved.csv")
        deliver(db, inverters(*[9] * 13), "larger.csv")
        revert(db, 3)
        with psycopg.connect(urls[0]) as somebody:
            somebody.execute("DELETE FROM inverter_telemetry_clean_stored")
            somebody.execute("DELETE FROM inverter_daily_summary_stored")
        rebuild(db)
        own = [name for name in db.statements.names if name.startswith("datasets/") and "/extend/" not in name]
        expected = {name for name in own if any(m["named"] in STORED for m in CHANGE.finditer(db.statements[name].text))}
        assert expected <= changes
        assert number(urls[0]) > before
        assert {number(url) for url in urls} == {number(urls[0])}
        after = number(urls[0])
        prune(db, datetime.date(2020, 1, 1))
        reconcile(db, "", dry_run=True)
        close_all_mended(db)
        assert number(urls[0]) == after, "readers are refused, and nothing changed"


def number(url: str) -> int:
    with psycopg.connect(url) as node:
        (merges,) = node.execute("SELECT merges FROM telemetry_merges").fetchone() or (0,)
    return int(merges)


def count_writers(url: str) -> int:
    """How many connections of the coordinator have written something that is not committed yet."""
    with psycopg.connect(url) as node:
        (count,) = node.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        ).fetchone() or (0,)
    return int(count)


def test_a_migration_puts_tables_behind_views(urls: list[str]) -> None:
    """Of a project, which has views of them; and whoever may read them may do so on. It may run twice, and add columns."""
    reader = f"reader_{os.getpid()}"
    with psycopg.connect(urls[0], autocommit=True) as node:
        node.execute(f"CREATE ROLE {reader}".encode())
        try:
            node.execute("CREATE TABLE hours (id bigint PRIMARY KEY, n bigint)")
            node.execute("SELECT create_distributed_table('hours', 'id')")
            node.execute("INSERT INTO hours SELECT n, n FROM generate_series(1, 20) AS n")
            node.execute("CREATE VIEW twice AS SELECT id, 2 * n AS n FROM hours")
            node.execute(f"GRANT SELECT ON hours, twice TO {reader}".encode())
            for _ in range(2):
                node.execute("SELECT read_between_merges('meters', 'hours')")
                node.execute("ALTER TABLE hours_stored ADD COLUMN IF NOT EXISTS m bigint")
            assert node.execute("SELECT sum(n), count(m) FROM hours").fetchone() == (210, 0)
            for table in ("hours", "hours_stored", "twice", "meters_merges"):
                allowed = node.execute("SELECT has_table_privilege(%s, %s, 'SELECT')", (reader, table)).fetchone()
                assert allowed == (True,), table
            for url in urls:
                with psycopg.connect(url) as there:
                    assert there.execute("SELECT sum(n) FROM twice").fetchone() == (420,)
            with ahead(urls[0], "meters_merges"):
                for table in ("hours", "twice"):
                    with pytest.raises(psycopg.errors.SerializationFailure):
                        node.execute(f"SELECT * FROM {table}".encode())
        finally:
            node.execute(f"DROP OWNED BY {reader}".encode())
            node.execute(f"DROP ROLE {reader}".encode())


def run_file(node: psycopg.Connection, name: str) -> None:
    """Run a migration of Citus, or a rollback of one, by itself."""
    text = (files("dbsvc") / "migrations" / "citus" / f"{name}.sql").read_text()
    with node.transaction():
        node.execute(text.encode())


def test_who_reads_his_own_node_from_afar_is_refused(urls: list[str]) -> None:
    """There each look is of another moment. Who may read so is told what to set, not to try again."""
    days = "SELECT max(points) FROM inverter_daily_summary WHERE inverter_id ="
    two = "SELECT count(*) FROM inverter_telemetry_clean UNION ALL SELECT count(*) FROM inverter_daily_summary"
    asked = ("SELECT count(*) FROM bills", two, f"SELECT ({days} 'i1'), ({days} 'i2')")
    for url in urls:
        for question in asked:
            with psycopg.connect(url) as node:
                node.execute("SELECT count(*) FROM bills_stored")  # over connections, too
                node.execute(question.encode())
            with psycopg.connect(url) as node:
                node.execute("SET citus.enable_local_execution = off")
                with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="own node over a connection"):
                    node.execute(question.encode())


def test_what_is_told_of_views_stays(urls: list[str]) -> None:
    """Their options, and who may read which column and hand that on: when tables go behind views, and when they come back."""
    reader = f"reader_{os.getpid()}"
    table, rights = (
        "inverter_daily_summary",
        "SELECT has_table_privilege(%s, %s, %s), has_column_privilege(%s, %s, 'day', 'SELECT')",
    )
    options = "SELECT reloptions FROM pg_class WHERE oid = 'fine'::regclass"
    with psycopg.connect(urls[0], autocommit=True) as node:
        node.execute(f"CREATE ROLE {reader}".encode())
        node.execute(f"CREATE ROLE {reader}_2".encode())
        try:
            node.execute(f"CREATE VIEW fine WITH (security_barrier = true) AS SELECT day FROM {table}".encode())
            node.execute(f"GRANT SELECT ON {table} TO {reader} WITH GRANT OPTION".encode())
            node.execute(f"GRANT SELECT (day) ON {table} TO {reader}_2".encode())
            run_file(node, "0035_merges_shown.rollback")
            for name in ("0032_telemetry_at_once.rollback", "0032_telemetry_at_once"):
                run_file(node, name)
                with_option = (reader, table, "SELECT WITH GRANT OPTION", reader, table)
                assert node.execute(rights, with_option).fetchone() == (True, True)
                assert node.execute(rights, (f"{reader}_2", table, "SELECT", f"{reader}_2", table)).fetchone() == (False, True)
                assert node.execute(options).fetchone() == (["security_barrier=true"],)
                node.execute("SELECT * FROM fine")
            node.execute(f"CREATE MATERIALIZED VIEW kept AS SELECT day FROM {table}".encode())
            with pytest.raises(psycopg.errors.RaiseException, match=r"materialised views .*: kept\. Drop them"):
                run_file(node, "0032_telemetry_at_once.rollback")
        finally:
            for each in (reader, f"{reader}_2"):
                node.execute(f"DROP OWNED BY {each}".encode())
                node.execute(f"DROP ROLE {each}".encode())


def test_what_was_migrated_before_is_mended(urls: list[str]) -> None:
    """By what shows merges of bills now, in the place of an older text; it may run again."""
    with psycopg.connect(urls[0], autocommit=True) as node:
        node.execute("ALTER TABLE bills_seen REPLICA IDENTITY DEFAULT")
        node.execute("CREATE OR REPLACE VIEW hours AS SELECT bill_id FROM bills")
        run_file(node, "0028_merges_at_once")
        for _ in range(2):
            run_file(node, "0035_merges_shown")
        told = "SELECT relreplident, pg_get_viewdef('bills'::regclass) FROM pg_class WHERE oid = 'bills_seen'::regclass"
        identity, view = node.execute(told).fetchone() or ("", "")
        assert identity == "f"
        assert "refuse_from_afar" in view
        assert node.execute("SELECT count(*) FROM hours").fetchone() == (0,)


def test_an_installation_beside_another_has_its_own_numbers(urls: list[str]) -> None:
    """Whose schema comes later in the search path."""
    address = urls[0].replace("postgresql://", "citus://")
    with psycopg.connect(urls[0], autocommit=True) as node:
        node.execute("CREATE SCHEMA beside")
    with connect(f"{address}?options=-csearch_path%3Dbeside,public") as db:
        migrate(db)
        query(db, "SELECT begin_merge('telemetry')")
        assert query(db, "SELECT merges FROM beside.telemetry_merges") == [(1,)]
        assert query(db, "SELECT merges FROM public.telemetry_merges") == [(0,)]
        assert query(db, "SELECT count(*) FROM pg_class WHERE relname = 'bills_seen' AND relkind = 'r'") == [(2,)]
