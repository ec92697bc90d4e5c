"""A project adds datasets, checks and migrations to the built-in ones, overlays them, and leaves out what it does not want."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dbsvc import ConfigurationError, Database, StatementError, connect, migrate
from dbsvc.engine.checks import load_checks
from dbsvc.engine.db.dialects import all_families
from dbsvc.engine.migrations import read_schema, require_schema, reset
from dbsvc.engine.project import Project, find_project
from dbsvc.engine.statements.catalog import Statements
from tests.helpers.cli import Cli
from tests.helpers.project import METERS, UP, make_project

CHECK = """-- Meters that stand still.
-- title: Meters that stand still
-- severity: warning
-- do: look at them
-- runbook: Damage
-- :most = 3: as many are allowed
SELECT meter_id FROM meters WHERE reading = :most
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with meters, which the setting names."""
    made = make_project(tmp_path / "ours")
    monkeypatch.setenv("DBSVC_PROJECT", str(made))
    return made


@pytest.fixture
def ours(cli_on: Cli) -> Cli:
    """The program in a folder with a project of the usual name."""
    make_project(cli_on.folder / "dbsvc")
    cli_on.write("meters.csv", b"meter_id,reading\nm1,1\nm2,2\nm3,x\n")
    return cli_on


def statements(folder: Path) -> Statements:
    return Statements(("sqlite",), project=find_project(str(folder)))


def error(folder: Path) -> str:
    with pytest.raises((StatementError, ConfigurationError)) as caught:
        statements(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is taken


def test_a_project_adds_a_dataset(folder: Path) -> None:
    built_in = Statements(("sqlite",))
    found = statements(folder)
    assert [*found.datasets] == sorted(found.datasets, key=list(found.datasets).index)
    assert {*found.datasets} == {*built_in.datasets, "meters"}
    assert {name: found.fingerprint(name) for name in built_in.datasets} == {
        name: built_in.fingerprint(name) for name in built_in.datasets
    }
    assert found.datasets["meters"].origin == f"{folder}/datasets/meters/dataset.toml"


@pytest.mark.parametrize("name", ["datasets/usage/dataset.toml", "datasets/usage/rules.sql", "datasets/telemetry/rules.sql"])
def test_a_file_of_the_same_path_is_taken_instead(folder: Path, name: str) -> None:
    built_in = Statements(("sqlite",))
    text = Path(str(built_in.root)).joinpath(name).read_text()
    before = statements(folder)
    make_project(folder, {name: f"{text}\n# ours" if name.endswith("toml") else f"{text}\n-- ours"})
    dataset = name.split("/")[1]
    after = statements(folder)
    assert after.fingerprint(dataset) != before.fingerprint(dataset) == built_in.fingerprint(dataset)


def test_checks_are_added_and_overlaid(folder: Path) -> None:
    files = {"checks/still.sql": CHECK, "datasets/meters/checks/lost.sql": CHECK, "checks/files_alike.sql": CHECK}
    make_project(folder, files)
    checks = {check.name: check for check in load_checks(statements(folder))}
    assert checks["still"].dataset is None
    assert checks["lost"].dataset == "meters"
    assert checks["files_alike"].title == "Meters that stand still"
    assert checks["still"].read_thresholds() == {"most": 3}


def test_the_threshold_of_a_project_is_a_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(folder, {"checks/still.sql": CHECK})
    monkeypatch.setenv("DBSVC_CHECK_STILL_MOST", "7")
    with connect("sqlite:///never.db") as db:
        checks = {check.name: check for check in load_checks(db.statements)}
    assert checks["still"].read_thresholds() == {"most": 7}
    monkeypatch.setenv("DBSVC_CHECK_STIL_MOST", "7")
    with pytest.raises(
        ConfigurationError, match=r"DBSVC_CHECK_STIL_MOST is no setting of dbsvc: did you mean DBSVC_CHECK_STILL"
    ):
        connect("sqlite:///never.db")


@pytest.mark.parametrize(
    ("text", "left"),
    [('datasets = ["meters"]', {"meters"}), ('without = ["usage", "telemetry"]', {"meters", "plants", "inverters"})],
)
def test_built_in_datasets_are_left_out(folder: Path, text: str, left: set[str]) -> None:
    make_project(folder, {"project.toml": text})
    found = statements(folder)
    assert {*found.datasets} == left
    assert [name for name in found.names if name.startswith("datasets/usage/")] == []
    with pytest.raises(ConfigurationError, match=r"^The dataset usage is not in use: .*/project.toml:1 leaves it out\.$"):
        found.datasets["usage"]


def test_the_usual_folder_is_taken_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_project("") is None
    make_project(tmp_path / "dbsvc")
    assert find_project("") == Project(Path("dbsvc"), tmp_path / "dbsvc")
    (tmp_path / "dbsvc" / "pyproject.toml").touch()  # a checkout of the program is none
    assert find_project("") is None


# --- what is wrong with one

WRONG = {
    "no key of a project": ({"project.toml": "\nwithot = []"}, "project.toml:2: there is no key withot; did you mean without?"),
    "no dataset": ({"project.toml": 'without = ["usge"]'}, "project.toml:1: there is no dataset usge; did you mean usage?"),
    "no list": ({"project.toml": 'datasets = "meters"'}, "project.toml:1: datasets must be a list of datasets"),
    "both": ({"project.toml": 'datasets = []\nwithout = ["usage"]'}, "project.toml:2: datasets says which are in use"),
    "not TOML": ({"project.toml": "without = [usage]"}, "project.toml:1: not TOML: "),
    "one is needed": (
        {"project.toml": '\nwithout = ["plants"]'},
        "project.toml:2: inverters needs plants, which is left out: leave out inverters, too",
    ),
    "a folder": ({"dataset/x/dataset.toml": METERS}, "dataset:1: a project has no folder dataset; did you mean datasets?"),
    "a name": (
        {"datasets/Meters 2/dataset.toml": METERS},
        "datasets/Meters 2/dataset.toml:1: the dataset Meters 2 must be named by small letters, digits and _, 30 at most",
    ),
    "a table of a built-in one": (
        {"datasets/meters/dataset.toml": METERS.replace('table = "meters"', 'table = "bills"')},
        "datasets/meters/dataset.toml:4: the table bills is that of the dataset usage",
    ),
    "the stored table of a built-in one": (
        {"datasets/meters/dataset.toml": METERS.replace('table = "meters"', 'table = "bills_stored"')},
        "datasets/meters/dataset.toml:4: the table bills_stored is that of the dataset usage",
    ),
    "a name of a table": (
        {"datasets/meters/dataset.toml": METERS.replace('table = "meters"', 'table = "Meters!"')},
        "datasets/meters/dataset.toml:4: the table Meters! must be named by small letters",
    ),
    "a column of ours": (
        {"datasets/meters/dataset.toml": METERS + '[columns.load_id]\ntype = "text"'},
        "datasets/meters/dataset.toml:12: load_id is the name of a column of ours",
    ),
    "a column that is another one's value": (
        {"datasets/meters/dataset.toml": METERS + '[columns.reading_value]\ntype = "text"'},
        "datasets/meters/dataset.toml:12: reading_value is the name of a column of ours",
    ),
    "an unknown type": (
        {"datasets/meters/dataset.toml": METERS.replace('"whole"', '"hole"')},
        "datasets/meters/dataset.toml:11: there is no type hole; did you mean whole?",
    ),
    "an unknown limit": (
        {"datasets/meters/dataset.toml": METERS + "mx = 3"},
        "datasets/meters/dataset.toml:12: a column of type whole has no mx; did you mean max?",
    ),
    "an unknown key": (
        {"datasets/meters/dataset.toml": METERS.replace("table =", "tabel =")},
        "datasets/meters/dataset.toml:4: there is no key tabel; did you mean table?",
    ),
    "a column of the key": (
        {"datasets/meters/dataset.toml": METERS.replace('["meter_id"]', '["metre_id"]')},
        "datasets/meters/dataset.toml:5: key names no column: metre_id; did you mean meter_id?",
    ),
    "a circle": (
        {"datasets/meters/dataset.toml": METERS.replace("on = []", 'on = ["meters"]')},
        "datasets/meters/dataset.toml:3: the datasets depend on each other in a circle: meters → meters",
    ),
    "a file of no use": (
        {"datasets/meters/rule.sql": "-- x\nSELECT 1"},
        "datasets/meters/rule.sql:1: nothing uses this statement",
    ),
    "a column that nothing is made of": (
        {"datasets/meters/lineage.toml": '[metered]\nfrom = "meters"\n[metered.columns]\nn = ["reding"]'},
        "datasets/meters/lineage.toml:4: n names no column of meters: reding; did you mean reading?",
    ),
    "a table before what it is made of": (
        {"datasets/meters/lineage.toml": '[metered]\nfrom = "metered"\ncolumns = {n = ["n"]}'},
        "datasets/meters/lineage.toml:1: metered comes after what it is made of: metered does not stand before it",
    ),
    "a lineage of a built-in one": (
        {"datasets/usage/lineage.toml": '[sums]\nform = "bills"'},
        "datasets/usage/lineage.toml:2: sums has no key form; did you mean from?",
    ),
    "a lineage of a table of rows": (
        {"datasets/meters/lineage.toml": '[bills]\nfrom = "meters"'},
        "datasets/meters/lineage.toml:1: bills is a table of the dataset usage, and derived from none",
    ),
    "a word without a key": (
        {"datasets/meters/lineage/meter.sql": "-- x\nSELECT 1"},
        "datasets/meters/lineage/meter.sql:1: key and values name columns: ",
    ),
    "a word of another key": (
        {"datasets/meters/lineage/meter.sql": "-- key: reading\n-- x\nSELECT 1"},
        "datasets/meters/lineage/meter.sql:1: the key is not that of meters, so datasets/meters/lineage/rows/meter.sql must",
    ),
    "a check that says nothing": ({"checks/x.sql": "-- x\nSELECT 1"}, "checks/x.sql:1: a check must say its title, "),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_fault_is_said_with_file_and_line(folder: Path, fault: str) -> None:
    files, says = WRONG[fault]
    make_project(folder, files)
    assert error(folder).startswith(f"{folder}/{says}")


def test_a_folder_that_does_not_exist(cli_on: Cli) -> None:
    for command in (["datasets"], ["ingest", "x.csv"], ["check"], ["db", "migrate"]):
        ran = cli_on(*command, env={"DBSVC_PROJECT": "nowhere"})
        said = ran.error if command != ["check"] else ran.out.decode()
        assert "DBSVC_PROJECT names nowhere, which is no folder." in said
        assert ran.code == (3 if command == ["check"] else 78)


# --- its migrations


def migrations(folder: Path, dialect: str) -> Path:
    """Where a project's migrations lie, for this kind of database and those that inherit from it."""
    return folder / "migrations" / all_families()[dialect][-1]


@pytest.fixture
def db_of(url: str, folder: Path) -> Callable[[], Database]:
    """Open the database with the project as it is now."""

    def open_it() -> Database:
        db = connect(url)
        db.statements = Statements(db.dialect.family, project=find_project(str(folder)))
        return db

    return open_it


def test_migrations_come_after_the_built_in_ones_and_go_with_a_reset(db_of: Callable[[], Database]) -> None:
    with db_of() as db:
        with pytest.raises(ConfigurationError, match=r"lacks 1 migration\(s\): run `dbsvc db migrate`"):
            require_schema(db)
        assert migrate(db) == ["meters_1"]
        assert read_schema(db).pending == []
        reset(db)
        assert "meters_1" in read_schema(db).applied
        require_schema(db)


MIGRATIONS = {
    "four digits": (
        "0007_meters.sql",
        UP,
        "0007_meters.sql:1: built-in migrations begin with four digits: call it m",
    ),
    "no way back": ("meters_2.sql", UP, "meters_2.sql:1: there is no meters_2.rollback.sql, the way back"),
    "no way there": (
        "meters_2.rollback.sql",
        UP,
        "meters_2.rollback.sql:1: there is no meters_2.sql",
    ),
    "no SQL": ("meters_2.py", "", "meters_2.py:1: a migration is a file of SQL: "),
    "an odd name": ("Meters 2.sql", UP, "Meters 2.sql:1: a migration is named by small letters, digits and _"),
    "depends on nothing": (
        "meters_1.sql",
        f"-- depends: meters_0\n{UP}",
        "meters_1.sql:1: depends on a migration that there is not: meters_0; did you mean meters_1?",
    ),
}


@pytest.mark.parametrize("fault", MIGRATIONS)
def test_a_migration_that_is_wrong(db_of: Callable[[], Database], folder: Path, dialect: str, fault: str) -> None:
    name, text, says = MIGRATIONS[fault]
    place = migrations(folder, dialect)
    (place / name).write_text(text)
    with db_of() as db, pytest.raises(StatementError) as caught:
        migrate(db)
    assert str(caught.value).startswith(f"{place}/{says}")


def test_a_migration_that_changed_since(db_of: Callable[[], Database], folder: Path, dialect: str) -> None:
    file = migrations(folder, dialect) / "meters_1.sql"
    with db_of() as db:
        migrate(db)
        file.write_text(UP.replace("\n", "\r\n"))  # other line ends are no change
        require_schema(db)
        file.write_text(UP.replace("bigint NOT NULL", "bigint"))
        with pytest.raises(ConfigurationError, match=rf"^{re.escape(str(file))}:1: changed since .* was given it: put its"):
            require_schema(db)
        reset(db)  # which begins from nothing
        require_schema(db)


def test_a_migration_that_the_database_refuses_is_named(db_of: Callable[[], Database], folder: Path, dialect: str) -> None:
    file = migrations(folder, dialect) / "meters_1.sql"
    file.write_text("CREATE TABLE meters (a nonsense nonsense nonsense(;\n")
    with db_of() as db:
        before = read_schema(db)
        with pytest.raises(Exception, match=rf"^{re.escape(str(file))}:1: The database refused"):
            migrate(db)
        assert read_schema(db) == before


# --- the whole of it


def test_from_a_file_to_rows(ours: Cli) -> None:
    assert ours("db", "migrate").objects[0]["applied"] == ["meters_1"]
    ran = ours("ingest", "meters.csv")
    assert ran.code == 0
    assert [load["inserted"] for load in ours("loads").objects] == [2]
    assert {"table": "meters", "rows": 2} in ours("status").objects[0]["tables"]
    assert [reject["reasons"] for reject in ours("rejects").objects] == ["reading_invalid"]
    assert ours("check").code == 0


@pytest.mark.one_database
def test_a_dataset_says_which_word_lineage_answers_to(ours: Cli) -> None:
    word = "-- key: meter_id\n-- What a meter read.\nSELECT reading AS read FROM meters WHERE meter_id = :key_1"
    make_project(ours.folder / "dbsvc", {"datasets/meters/lineage/meter.sql": word})
    ours("db", "migrate")
    assert ours("ingest", "meters.csv").code == 0
    version, result = ours("lineage", "meter", "m1").objects
    assert (version["kind"], version["meter_id"], result["kind"]) == ("version", "m1", "result")
    assert b"\n  meter    Show every version of a meter" in ours("lineage", "--help").out
    assert ours("lineage", "meter", "m9").code == 65
    assert b"Did you mean" in ours("lineage", "metre", "m9").err


@pytest.mark.one_database
def test_a_dataset_that_is_removed(ours: Cli) -> None:
    ours("db", "migrate")
    ours("ingest", "meters.csv")
    for gone in ("datasets", "migrations"):
        shutil.rmtree(ours.folder / "dbsvc" / gone)
        for command in (["loads"], ["loads", "show", "1"], ["status"], ["rejects"], ["check"], ["rejects", "retry"]):
            ran = ours(*command)
            assert ran.code == 0, ran
            assert b"The dataset meters is declared nowhere" in ran.err
        ran = ours("loads", "revert", "1", "--yes")
        assert (ran.code, ran.error) == (78, ran.error)
        assert ran.error.startswith("The dataset meters is declared nowhere: is DBSVC_PROJECT the right folder")
    ran = ours("db", "reset", "--yes")
    assert ran.code == 78
    assert "has the migration meters_1 of a project" in ran.error
    make_project(ours.folder / "dbsvc")
    assert ours("loads", "revert", "1", "--yes").code == 0


@pytest.mark.one_database
def test_nothing_crashes_without_the_built_in_datasets(ours: Cli) -> None:
    make_project(ours.folder / "dbsvc", {"project.toml": 'datasets = ["meters"]'})
    ours("db", "migrate")
    assert ours("ingest", "meters.csv").code == 0
    commands = {
        ("check",): 0,
        ("status",): 0,
        ("revenue",): 0,
        ("fx", "--missing", "--dry-run"): 0,
        ("datasets",): 0,
        ("db", "rebuild"): 0,
        ("db", "prune", "--before", "2020-01-01"): 0,
        ("db", "reconcile", "--reason", "x"): 0,
        ("lineage", "bill", "2024-01-01", "1"): 78,
        ("lineage", "reading", "i1", "2024-01-01T00:00:00Z"): 78,
        ("datasets", "show", "usage"): 65,
    }
    for command, code in commands.items():
        ran = ours(*command)
        assert (command, ran.code) == (command, code), ran
        assert b"Traceback" not in ran.err
    (status,) = ours("status").objects
    listed = {row["table"]: row["rows"] for row in status["tables"]}
    assert listed["meters"] == 2
    counts = {"bills_seen"}  # of merges, and not of bills
    assert [table for table in listed.keys() - counts if table.startswith(("bill", "plant", "inverter"))] == []


@pytest.mark.one_database
def test_datasets_are_listed_and_shown(ours: Cli) -> None:
    found = {row["dataset"]: row["declared_in"] for row in ours("datasets").objects}
    assert (found["meters"], found["usage"]) == ("dbsvc/datasets/meters/dataset.toml", "built in")
    listed = list(found)
    (shown,) = ours("datasets", "show", "meters").objects
    assert [column["column"] for column in shown["columns"]] == ["meter_id", "reading"]
    assert shown["columns"][1]["reasons"] == ["reading_missing", "reading_invalid", "reading_too_large"]
    assert "statements" not in shown
    assert "validate" in ours("datasets", "show", "meters", "--sql").objects[0]["statements"]
    assert ours("datasets", "show", "metres").error == "There is no dataset metres; did you mean meters?"
    for name in listed:
        assert b"reading_invalid" in ours("datasets", "show", "meters", "--output", "table").out
        assert json.loads(ours("datasets", "show", name, "--sql").out)
