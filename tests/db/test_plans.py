"""What PostgreSQL expects, which decides how it goes about a query."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dbsvc import Database
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.loads.model import Load
from dbsvc.engine.loads.phases import parameters, run_statement
from tests.helpers import buckets, load, query, usage_csv, write

COMPARE = "load/merge/find_changes"


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_month_of_one_load_is_not_taken_for_empty(db: Database, tmp_path: Path) -> None:
    """Else a check that joins it takes minutes, where it takes a tenth of a second."""
    load(db, write(tmp_path / "usage.csv", usage_csv([("2021-10-01", n, "USD", f"A{n}", 1, 1) for n in range(1_000)])))
    with db.transaction() as tx:
        tx.execute("ANALYZE bills_stored")
    plan = query(db, "EXPLAIN SELECT * FROM bills")[0][0]
    (expected,) = re.findall(r"rows=(\d+)", plan)
    assert 300 <= int(expected) <= 1_500


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How PostgreSQL compares staged rows with stored ones, with nothing between it and more cores: a plan for each load."""
    plans: list[str] = []

    def explain(tx: Transaction, load: Load, name: str) -> Counter[str]:
        if name == COMPARE:
            for setting in ("parallel_setup_cost", "min_parallel_table_scan_size"):
                tx.execute(f"SET LOCAL {setting} = 0")
            given = {name: value for name, value in parameters(tx, load).items() if name in tx.statements[COMPARE].parameters}
            rows = tx.execute(f"EXPLAIN {tx.statements[COMPARE].text}", **given).rows
            plans.append("\n".join(row["QUERY PLAN"] for row in rows))
        return run_statement(tx, load, name)

    monkeypatch.setattr("dbsvc.engine.loads.publish.run_statement", explain)
    return plans


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_months_are_compared_each_by_itself_on_all_cores(db: Database, tmp_path: Path, compared: list[str]) -> None:
    """Else five million rows spill, and one core works alone. A reject of the file must not change that."""
    rows = [(f"2021-{month}-01", n, "USD", f"A{n}", 1, 1) for month in (10, 11) for n in range(500)]
    load(db, write(tmp_path / "1.csv", usage_csv(rows)), month_records=1)
    rows[0] = ("2021-10-01", 0, "USD", "A0", 2, 1)
    again = write(tmp_path / "2.csv", usage_csv([*rows, ("2021-11-02", 1, "USD", "A1", -1, 1)]))
    assert buckets(load(db, again, month_records=1).load) == {"updated": 1, "unchanged": 999, "rejected": 1}
    (plan,) = compared
    assert plan.startswith("Gather")
    assert len(re.findall(r"Join|Nested Loop Left", plan)) > 1, plan


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_few_rows_seek_theirs_by_the_key(db: Database, tmp_path: Path, compared: list[str]) -> None:
    """Else a file of ten bills reads all that are stored."""
    rows = [(f"2021-{month:02}-01", n, "USD", f"A{n}", 1, 1) for month in range(1, 13) for n in range(300)]
    load(db, write(tmp_path / "1.csv", usage_csv(rows)), month_records=1)
    load(db, write(tmp_path / "2.csv", usage_csv([(day, n, "USD", "B", 1, 1) for day, n, *_ in rows[::100]])))
    (plan,) = compared
    assert "Index Scan" in plan
    assert "Seq Scan on bills_2021_01 " not in plan, plan


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_is_taken_back_seeks_its_past_by_the_key(db: Database) -> None:
    """Else a revert of one row reads the whole history."""
    given = db.statements.datasets["usage"].merge_parameters()
    statement = db.statements["load/revert/10_find_changes"]
    used = {name: value for name, value in {**given, "load_id": 1}.items() if name in statement.parameters}
    with db.transaction() as tx:
        plan = [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {statement.text}", **used).rows]
    assert "SEARCH past USING PRIMARY KEY (bill_date=? AND bill_id=?)" in plan


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_repeated_keys_are_looked_for_by_hash_where_joins_are_not(db: Database) -> None:
    """Else each staged event is compared with each repeated one."""
    text = db.statements["datasets/telemetry/identity/10_find_conflicts"].text
    with db.transaction() as tx:
        tx.execute("CREATE TEMP TABLE repeated AS SELECT event_id FROM inverter_telemetry_raw")
        tx.execute("CREATE TEMP TABLE conflicts (line_no bigint, reasons text, record_key text)")
        tx.execute("SET LOCAL enable_hashjoin = off")
        tx.execute("SET LOCAL enable_mergejoin = off")
        rows = tx.execute(f"EXPLAIN {text}", staged="inverter_telemetry_raw").rows
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert not re.search(r"Join Filter: .*repeated", plan)
    assert len(re.findall("hashed SubPlan", plan)) >= 3, plan
