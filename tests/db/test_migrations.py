"""The schema: forward, back, forward again; by several processes at once; after a migrator died."""

from __future__ import annotations

import datetime
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dbsvc import ConfigurationError, Database, Transaction, connect, migrate
from dbsvc.engine import migrations
from dbsvc.engine.migrations import ensure_schema, read_schema, reset, rollback
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import ROOT

FILES = {folder.name: sorted(path.stem for path in folder.glob("*.sql")) for folder in (ROOT / "migrations").iterdir()}
#: those of no dataset
TABLES = {
    *(
        "currencies",
        "datasets",
        "load_chunks",
        "load_endings",
        "load_profiles",
        "load_versions",
        "load_samples",
        "load_keys",
        "load_sequence",
        "load_streams",
        "loads",
    ),
    "renumbered_loads",
    *(
        "rejects",
        "reject_closings",
        "reject_matches",
        "load_days",
        "replacements",
        "power_units",
        "inverter_daily_summary",
        "inverter_telemetry_clean",
    ),
    *("fx_rates", "fx_rates_history", "fx_unavailable", "check_results", "notices", "receivers"),
    *("erased_names", "erased_salt", "pruned_history", "pruned_rejects", "reconciliations", "project_migrations"),
}
DATASETS = load_statements(("sqlite",)).datasets.values()
TABLES |= {table for dataset in DATASETS for table in (dataset.stored, f"{dataset.table}_history")}
#: those that only a cluster has
ON_CITUS = {"bills_seen", "dataset_merges", "telemetry_merges"}

SCHEMA = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"],
    "postgresql": [
        "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, data_type, numeric_precision, "
        "numeric_scale FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 3",
        "SELECT conrelid::regclass::text AS place, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint "
        r"WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '_\d{6,}$' ORDER BY 1, 2",  # no shards
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    ],
}


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with connect(empty_url) as db:
        yield db


def names(db: Database) -> list[str]:
    """The migrations of a database, in their order."""
    return [name for folder in db.dialect.migrations() for name in FILES[folder] if not name.endswith(".rollback")]


def tables(db: Database) -> set[str]:
    with db.transaction() as tx:
        names = {str(row["table_name"]) for row in tx.run("schema/tables").rows}
    behind = [dataset for dataset in db.statements.datasets.values() if dataset.behind_view]
    read_as = {stored: shown for dataset in behind for stored, shown in dataset.read_as.items()}
    return {read_as.get(name, name) for name in names - ON_CITUS if "yoyo" not in name}


def dump(db: Database, dialect: str) -> list[Any]:
    """Everything that is declared, and the rows that migrations insert."""
    with db.transaction() as tx:
        found = [tx.execute(query).rows for query in SCHEMA[db.dialect.family[-1]]]
        return [*found, tx.execute("SELECT code FROM currencies ORDER BY code").rows]


def test_each_database_has_the_same_migrations() -> None:
    assert FILES["postgresql"] == FILES["sqlite"]


def test_migrate(empty: Database) -> None:
    assert tables(empty) == set()
    assert migrate(empty) == names(empty)
    assert tables(empty) == TABLES
    assert migrate(empty) == []
    schema = read_schema(empty)
    assert (schema.applied, schema.pending) == (sorted(names(empty)), [])


def test_the_first_command_migrates(empty: Database) -> None:
    ensure_schema(empty)
    ensure_schema(empty)
    assert tables(empty) == TABLES


def test_back_and_forth_gives_the_same_schema(db: Database, dialect: str) -> None:
    before = dump(db, dialect)
    rollback(db)
    assert tables(db) == set()
    assert read_schema(db).applied == []
    migrate(db)
    assert dump(db, dialect) == before


def test_back_is_a_no_op_twice(db: Database) -> None:
    rollback(db)
    rollback(db)
    assert tables(db) == set()


START = """
import sys, yoyo
from dbsvc import connect, migrate
from dbsvc.engine.migrations import ensure_schema
with connect(sys.argv[1]) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    {}(db)
"""


@pytest.mark.parametrize("command", ["migrate", "ensure_schema"])
def test_starting_at_the_same_instant(empty_url: str, command: str) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START.format(command), empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdout
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("go\n")
        starter.stdin.flush()
    errors = [starter.communicate(timeout=30)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, "\n".join(errors)
    with connect(empty_url) as db:
        assert tables(db) == TABLES
        assert read_schema(db).pending == []


def apply_one(db: Database) -> None:
    """Die after the first migration."""
    with migrations.yoyo_migrations(db) as (backend, known):
        backend.apply_one(known[0])
    assert read_schema(db).pending == names(db)[1:]


def test_a_first_command_that_was_killed_half_way(empty: Database) -> None:
    """Run the same command again, and it goes on."""
    apply_one(empty)
    ensure_schema(empty)
    assert tables(empty) == TABLES


def test_a_first_command_while_another_one_migrates(empty: Database, empty_url: str) -> None:
    with connect(empty_url) as other, ThreadPoolExecutor(1) as pool:
        with migrations.yoyo_migrations(other) as (backend, known):
            backend.apply_one(known[0])
            future = pool.submit(ensure_schema, empty)
            time.sleep(0.2)
            for migration in known[1:]:
                backend.apply_one(migration)
        future.result(10)
    assert tables(empty) == TABLES


def test_an_older_schema_with_data_is_for_the_operator(empty: Database) -> None:
    apply_one(empty)
    with empty.transaction() as tx:
        tx.execute("INSERT INTO datasets (dataset) VALUES ('usage')")
        add_load(tx)
    with pytest.raises(ConfigurationError, match=rf"lacks {len(names(empty)) - 1} migration.*dbsvc db migrate"):
        ensure_schema(empty)
    assert migrate(empty) == names(empty)[1:]


def test_a_newer_schema(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) "
            "VALUES ('f00', '9999_future', '2099-01-01 00:00:00')"
        )
    for act in (read_schema, ensure_schema, migrate, reset):
        with pytest.raises(ConfigurationError, match=r"newer schema .*9999_future.*: update dbsvc"):
            act(db)
    assert tables(db) == TABLES


def add_load(tx: Transaction) -> int:
    load_id = int(tx.run("ledger/draw_load_id").rows[0]["load_id"])
    tx.run(
        "ledger/add_load",
        load_id=load_id,
        dataset="usage",
        source="usage.csv",
        sha256=f"{load_id}",
        bytes=1,
        header=b"",
        rules="r",
    )
    return load_id


def test_reset(db: Database, dialect: str) -> None:
    before = dump(db, dialect)
    with db.transaction() as tx:
        for _ in range(2):
            load_id = add_load(tx)
            staged, columns = f"staged_usage_{load_id}", ["bill_date", "bill_id"]
            given = {"staged": staged, "table": "bills", "columns": columns}
            create = "load/staging/create"
            tx.run(create, **{name: given[name] for name in tx.statements[create].parameters})
    assert tables(db) == TABLES | {"staged_usage_1", "staged_usage_2"}
    reset(db)
    assert tables(db) == TABLES
    assert dump(db, dialect) == before
    with db.transaction() as tx:
        assert tx.run("schema/count_rows", table="loads").rows == [{"row_count": 0}]
        assert tx.run("ledger/draw_load_id").rows == [{"load_id": 1}]


def test_reset_of_an_empty_database(empty: Database) -> None:
    reset(empty)
    assert tables(empty) == TABLES


@pytest.mark.parametrize("name", ["a b.db", "ü漢.db", "q?a#b%20.db", "100%.db"])
def test_paths_that_a_url_must_escape(tmp_path: Path, name: str) -> None:
    with connect(f"sqlite:///{quote(str(tmp_path / name))}") as db:
        migrate(db)
        assert tables(db) == TABLES
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_values_are_stored_the_same_before_and_after_a_migration(empty: Database) -> None:
    """The migrator teaches SQLite's driver, which is one for the process, its own way to write times."""
    migrate(empty)
    moment = datetime.datetime(2021, 10, 1, 12, 30, tzinfo=datetime.UTC)
    with empty.transaction() as tx:
        tx.insert_rows(
            "check_results", ["check_name", "checked_at", "state", "findings", "seconds"], [("x", moment, "ok", 0, 0.5)]
        )
        (row,) = tx.execute("SELECT checked_at, CAST(checked_at AS text) AS written FROM check_results").rows
    assert row["checked_at"] == moment
    assert row["written"].startswith("2021-10-01 12:30:00")
