"""What operators do with loads, in every state, and done again."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from dbsvc import ConfigurationError, ContentionError, Database, InputError, connect, migrate
from dbsvc.engine.errors import GoneError
from dbsvc.engine.loads.ledger import share_load
from dbsvc.engine.loads.operations import discard, publish_staged, release
from dbsvc.engine.migrations import reset
from dbsvc.engine.settings import Settings
from tests.helpers import bills, buckets, load, query, register, stage, statuses, usage_csv, write
from tests.helpers.server import Server, driver

ROWS = [("2021-10-01", n, "USD", "A", n, 0) for n in range(1, 6)]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.csv", usage_csv(ROWS))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A file that is held."""
    return write(tmp_path / "bad.csv", usage_csv([*ROWS, *[("x", 1, "USD", "A", 1, 0)] * 9]))


# --- publish


def test_a_staged_load_is_published_without_its_file(db: Database, good: Path) -> None:
    stage(db, good, register(db, good))
    good.unlink()
    assert statuses(db) == ["staged"]
    for _ in range(2):
        published = publish_staged(db, 1, Settings())
        assert (published.status, buckets(published)) == ("published", {"inserted": 5})
    assert len(bills(db)) == 5


def test_a_load_that_nobody_came_to_audit(db: Database, good: Path, bad: Path) -> None:
    """All chunks are staged, and then the instance died."""
    for file in (good, bad):
        stage(db, file, register(db, file))
    with db.transaction() as tx:
        tx.execute("UPDATE loads SET status = 'staging', read = 0, rejected = 0")
    assert publish_staged(db, 1, Settings()).status == "published"
    held = publish_staged(db, 2, Settings())
    assert (held.status, held.held_because) == ("held", "9 of 14 records are rejected, which is more than half")


def test_what_cannot_be_published_says_what_to_do(db: Database, good: Path, bad: Path) -> None:
    register(db, good, chunk_bytes=100)
    load(db, bad)
    said = {1: r"Load 1 is staging: 0 of its \d chunks are staged.* need its file: `dbsvc ingest .*good.csv`"}
    said |= {2: "Load 2 is held: `dbsvc loads release 2`", 3: "There is no load 3"}
    for load_id, sentence in said.items():
        with pytest.raises(InputError, match=sentence):
            publish_staged(db, load_id, Settings())
    discard(db, 2)
    with pytest.raises(InputError, match="Load 2 is discarded: `dbsvc loads release 2`"):
        publish_staged(db, 2, Settings())
    assert statuses(db) == ["staging", "discarded"]


def test_nothing_holds_a_staged_load(db: Database, good: Path) -> None:
    stage(db, good, register(db, good))
    with pytest.raises(InputError, match="nothing holds it: `dbsvc loads publish 1`"):
        release(db, 1)


# --- release


def test_a_discarded_load_is_released_by_any_number_it_had(db: Database, bad: Path) -> None:
    load(db, bad)
    discard(db, 1)
    for _ in range(2):  # the second time it was killed before it could say the new number
        released = release(db, 1)
        assert (released.load_id, released.status, released.released) == (2, "staging", True)
    with pytest.raises(InputError, match="There is no load 1 any more: it was released, and is load 2 now"):
        discard(db, 1)
    discard(db, 2)
    assert release(db, 2).load_id == 3
    assert release(db, 1).load_id == 3
    assert load(db, bad).load.status == "published"
    with pytest.raises(InputError, match="Load 1 is published"):
        release(db, 1)
    assert statuses(db) == ["published"]


# --- what somebody deletes


def test_a_load_that_is_gone(db: Database, good: Path, bad: Path) -> None:
    """A reset comes in between, and the next load has its number."""
    registered = register(db, good)
    reset(db)
    with pytest.raises(GoneError, match="is there no more") as caught:
        stage(db, good, registered)
    assert (caught.value.exit_code, isinstance(caught.value, ContentionError | ConfigurationError)) == (75, False)
    register(db, bad)
    with pytest.raises(GoneError, match=r"good.csv is there no more"), db.transaction() as tx:
        share_load(tx, registered)
    assert load(db, good).load.status == "published"


# --- tables that nobody owns


@pytest.mark.parametrize("name", ["staged_usage_1", "staged_usage_1_2021_10", "staged_usage_1_rest", "landed_usage"])
@pytest.mark.parametrize("month_records", [1, 10_000])
def test_a_table_that_nobody_owns_stops_no_load(db: Database, good: Path, name: str, month_records: int) -> None:
    with db.transaction() as tx:
        tx.execute('CREATE TABLE :"name" (line_no integer, other text)', name=name)
        tx.execute("INSERT INTO :\"name\" VALUES (1, 'x')", name=name)
    row = load(db, good, month_records=month_records).load
    assert (row.status, buckets(row)) == ("published", {"inserted": 5})
    assert len(bills(db)) == 5


def test_a_table_that_nobody_owns_stops_no_restart(db: Database, bad: Path) -> None:
    load(db, bad)
    discard(db, 1)
    with db.transaction() as tx:
        for number in (1, 2):
            tx.execute('CREATE TABLE :"name" (line_no integer)', name=f"staged_usage_{number}")
    release(db, 1)
    assert load(db, bad).load.status == "published"


def test_a_table_of_another_load_is_left_alone(db: Database, good: Path, bad: Path) -> None:
    load(db, bad)
    with db.transaction() as tx:
        tx.execute("CREATE TABLE staged_usage_21 (line_no integer)")
    assert load(db, good).load.status == "published"
    with db.transaction() as tx:
        tables = {row["table_name"] for row in tx.run("schema/tables").rows}
    assert {"staged_usage_1", "staged_usage_21"} <= tables
    assert release(db, 1).status == "published"


def test_an_open_load_without_its_staging_table(db: Database, good: Path, bad: Path) -> None:
    """A backup may leave it out, or somebody drop it: all of the load is staged again."""
    stage(db, good, register(db, good))
    load(db, bad)
    with db.transaction() as tx:
        for load_id in (1, 2):
            tx.run("load/staging/drop", staged=f"staged_usage_{load_id}")
    assert load(db, good).load.status == "published"
    assert release(db, 2).status == "staging"
    assert load(db, bad).load.status == "published"
    assert len(bills(db)) == 5


def test_a_table_of_another_role_stops_no_load(server: Server, good: Path) -> None:
    """Who restored a backup may have been somebody else."""
    role, url = f"dbsvc_loader_{os.getpid()}", server.create(migrated=False)
    server.execute(f"CREATE ROLE {role} LOGIN")
    with driver(url) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {role}".encode())
    try:
        with connect(re.sub(r"://[^@/]*@", f"://{role}@", url)) as db:
            migrate(db)
            with driver(url) as connection:
                connection.execute("CREATE TABLE staged_usage_1 (line_no integer)")
            assert load(db, good).load.load_id == 2
            assert statuses(db) == ["published"]
    finally:
        with driver(url) as connection:
            connection.execute(f"DROP OWNED BY {role}".encode())
        server.execute(f"DROP ROLE {role}")


def test_a_restored_backup_leaves_staging_tables(server: Server, good: Path, bad: Path, tmp_path: Path) -> None:
    """pg_restore --clean drops what the backup knows, and leaves the staging table of a load that came later."""
    url, backup = server.create(), tmp_path / "backup"
    with connect(url) as db:
        load(db, good)
        subprocess.run([server.program("pg_dump"), "-Fc", "-f", backup, url], check=True)
        load(db, bad)
    # it says which of its DROPs did not work, and goes on
    subprocess.run([server.program("pg_restore"), "--clean", "-d", url, backup], check=False, capture_output=True)
    with connect(url) as db:
        assert query(db, "SELECT count(*) FROM pg_class WHERE relname = 'staged_usage_2'") == [(1,)]
        assert statuses(db) == ["published"]
        assert load(db, bad).load.load_id == 2
        assert release(db, 2).status == "published"
