"""A dataset that is added is covered by the checks of integrity, by being there: they find damage to it as damage to bills."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, connect
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.statements.catalog import Statements
from tests.helpers.check_case import deliver, execute, find

SQL = Path(str(files("dbsvc"))) / "sql"
TODAY = datetime.now(UTC).date()

FILES = {
    "dataset.toml": """
title = "meters"
format = "csv"
depends_on = []
table = "meters"
key = ["meter_id"]
[columns.meter_id]
type = "text"
[columns.place]
type = "text"
[columns.reading]
type = "whole"
""",
}
TABLES = (
    "INSERT INTO datasets (dataset) VALUES ('meters')",
    "CREATE TABLE meters (meter_id text PRIMARY KEY, place text, reading integer, load_id bigint, line_no bigint)",
    "CREATE TABLE meters_history (meter_id text, place text, reading integer, load_id bigint, line_no bigint, "
    "replaced_by_load_id bigint, PRIMARY KEY (meter_id, load_id, line_no))",
)


def meters(*rows: tuple[str, int]) -> bytes:
    return b"meter_id,place,reading\n" + "".join(f"{meter},here,{reading}\n" for meter, reading in rows).encode()


MANY = [(f"m{n:02}", n) for n in range(30)]


@pytest.fixture
def db(url: str, tmp_path: Path) -> Iterator[Database]:
    """A database with meters: 30 of them, one of which was delivered again with another reading, and a reject."""
    root = Path(shutil.copytree(SQL, tmp_path / "sql"))
    for name, text in FILES.items():
        path = root / "datasets" / "meters" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with connect(url) as database:
        database.statements = Statements(database.dialect.family, root)
        execute(database, *TABLES)
        deliver(database, meters(*MANY))
        deliver(database, meters(("m01", 100), ("", 7)))
        yield database


def found(db: Database) -> dict[str, list[dict[str, Any]]]:
    """What each check finds, if it finds something."""
    names = [check.name for check in load_checks(db.statements)]
    rows = {name: find(db, name, date.min, TODAY, **SCHEDULE if name == "loads_overdue" else {}) for name in names}
    return {name: rows[name] for name in names if rows[name]}


SCHEDULE = {"meters_hours": 1}
CONTRADICTING = [(f"m{n % 25:02}", 500 + n) for n in range(30)]
EARLIER = {"sqlite": "datetime('now', '-2 hours')", "postgresql": "current_timestamp - interval '2 hours'"}


def damaged(*statements: str) -> Callable[[Database], object]:
    return lambda db: execute(db, *(text.replace("{earlier}", EARLIER[db.dialect.family[-1]]) for text in statements))


#: what is done, and what each check finds then: these columns
DAMAGE: dict[str, tuple[Callable[[Database], object], Mapping[str, Sequence[Mapping[str, Any]]]]] = {
    "nothing": (damaged(), {}),
    "a row is deleted": (
        damaged("DELETE FROM meters WHERE meter_id = 'm07'"),
        {
            "rows_unaccounted": [{"table_name": "meters", "expected": 30, "found": 29}],
            "rows_differ": [{"table_name": "meters", "what": "rows differ"}],
        },
    ),
    "a row is added": (
        damaged("INSERT INTO meters VALUES ('x', 'there', 1, 1, 99)"),
        {
            "rows_unaccounted": [{"table_name": "meters", "expected": 30, "found": 31}],
            "rows_differ": [{"table_name": "meters", "what": "rows differ"}],
        },
    ),
    "a row of the history is removed": (
        damaged("DELETE FROM meters_history"),
        {"rows_unaccounted": [{"table_name": "meters_history", "expected": 1, "found": 0}]},
    ),
    "a row is said to be of a load that never was": (
        damaged("UPDATE meters SET load_id = 9 WHERE meter_id = 'm03'"),
        {
            "registries_orphaned": [{"table_name": "meters", "row_key": "m03", "load_id": 9}],
            "rows_differ": [{"table_name": "meters", "what": "rows differ"}] * 2,
        },
    ),
    "a row is said to be of a load that is held": (
        lambda db: [
            deliver(db, meters(("", 1), ("", 2), ("m99", 3))),
            db.run_transaction(lambda tx: tx.execute("UPDATE meters SET load_id = 3 WHERE meter_id = 'm04'")),
        ],
        {
            "loads_held": [{"load_id": 3, "dataset": "meters"}],
            "registries_orphaned": [{"table_name": "meters", "row_key": "m04", "load_id": 3}],
            "rows_differ": [{"table_name": "meters", "what": "rows differ"}] * 2,
        },
    ),
    "a past row is said to be of a load that never was": (
        damaged("UPDATE meters_history SET load_id = 9"),
        {"history_broken": [{"table_name": "meters_history", "row_key": "m01", "what": "its load is not published"}]},
    ),
    "a past row is current as well": (
        damaged("UPDATE meters_history SET load_id = 2, line_no = 2"),
        {"history_broken": [{"table_name": "meters_history", "row_key": "m01", "what": "it is current as well"}]},
    ),
    "a past row waits for nothing": (
        damaged("INSERT INTO meters_history VALUES ('m09', 'here', 9, 2, 99, NULL)"),
        {"history_broken": [{"table_name": "meters_history", "row_key": "m09", "what": "it waits for no load"}]},
    ),
    "a reject is removed": (
        damaged("DELETE FROM rejects"),
        {
            "ledger_buckets_wrong": [
                {"load_id": 2, "what": "rejected, and its records in quarantine", "expected": 1, "found": 0}
            ]
        },
    ),
    "records contradict each other": (
        lambda db: deliver(db, meters(*CONTRADICTING)),
        {"records_contradict": [{"load_id": 3, "dataset": "meters", "read": 30, "superseded": 5}]},
    ),
    "a staging table is left behind": (
        damaged("CREATE TABLE staged_meters_1 (a integer)"),
        {"staging_left_behind": [{"table_name": "staged_meters_1", "load_id": 1}]},
    ),
    "no load came for hours": (
        damaged("UPDATE loads SET published_at = {earlier}"),
        {"loads_overdue": [{"dataset": "meters", "expected_every_hours": 1}]},
    ),
    "an old file comes under a new name": (
        lambda db: deliver(db, meters(*reversed(MANY[2:]))),
        {"files_alike": [{"load_id": 3, "dataset": "meters", "unchanged": 28}]},
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.one_database
def test_damage_to_a_new_dataset_is_found(db: Database, damage: str) -> None:
    do, expected = DAMAGE[damage]
    do(db)
    seen = found(db)
    assert {
        name: [{column: row[column] for column in want} for row, want in zip(seen[name], rows, strict=True)]
        for name, rows in expected.items()
    } == expected
    assert seen.keys() == expected.keys()
    states = {result.check.name: result.state for result in run(db, load_checks(db.statements), 28)}
    assert {name for name, state in states.items() if state != "ok"} == expected.keys() - {"loads_overdue"}
