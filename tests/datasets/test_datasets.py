"""Declarations of datasets: what is wrong with one is said in one sentence, with file and line, before anything runs."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from dbsvc import StatementError
from dbsvc.engine.statements.catalog import Statements

SQL = Path(str(files("dbsvc"))) / "sql"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the statements, to break."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def error(root: Path) -> str:
    with pytest.raises(StatementError) as caught:
        Statements(("sqlite",), root)
    return str(caught.value)


def test_a_dataset_comes_after_those_it_depends_on() -> None:
    seen: set[str] = set()
    for dataset in Statements(("sqlite",)).datasets.values():
        assert seen.issuperset(dataset.depends_on)
        seen.add(dataset.name)
    assert len(seen) > 3


#: what is changed in which dataset's declaration, the line of the fault, and what is said
FAULTS = {
    "an unknown key": ("usage", 'table = "bills"', 'tabel = "bills"', 5, "there is no key tabel; did you mean table?"),
    "a key like no other": ("plants", 'title = "plants"', "xyz = 1", 2, "there is no key xyz, only title, format, "),
    "an unknown key in a table": (
        "plants",
        "[columns.plant_id]",
        "[colums.plant_id]",
        11,
        "there is no key colums; did you mean",
    ),
    "a missing key": ("usage", 'table = "bills"\n', "", 1, "the key table is missing"),
    "a table of others": (
        "plants",
        "[columns.plant_id]",
        "[derive_after]",
        11,
        "derive_after must be a table of lists of texts",
    ),
    "a text that is a number": ("usage", 'title = "bills"', "title = 7", 2, "title must be a text"),
    "an empty text": ("usage", 'table = "bills"', 'table = " "', 5, "table must be a text"),
    "a flag that is a text": ("telemetry", "grows = true", 'grows = "yes"', 5, "grows must be true or false"),
    "a list that is a text": ("usage", "depends_on = []", 'depends_on = "plants"', 4, "depends_on must be a list of texts"),
    "a list with a number": ("usage", "depends_on = []", "depends_on = [1]", 4, "depends_on must be a list of texts"),
    "a list with a text twice": ("usage", '"bill_id"]', '"bill_date"]', 6, "key must be a list of columns, at least one"),
    "an empty key": ("plants", 'key = ["plant_id"]', "key = []", 6, "key must be a list of columns, at least one"),
    "a column with capitals": (
        "plants",
        "[columns.name]",
        "[columns.Name]",
        15,
        "the column Name must be named by small letters",
    ),
    "a column without a type": ("plants", '[columns.name]\ntype = "text"', "[columns.name]", 15, "the column name has no type"),
    "an unknown type": ("plants", 'type = "zone"', 'type = "zones"', 26, "there is no type zones; did you mean zone?"),
    "an unknown limit": ("plants", "max = 200", "mx = 200", 13, "a column of type text has no mx; did you mean max?"),
    "a limit of another type": (
        "plants",
        'type = "zone"',
        'type = "zone"\nmax = 3',
        27,
        "a column of type zone has no max, only ",
    ),
    "a limit that is a text": ("plants", "max = 200", 'max = "200"', 13, "max must be a whole number"),
    "a limit that is too great": (
        "usage",
        "places = 8",
        "places = 40",
        37,
        "places must be a whole number, 0 at least, 18 at most",
    ),
    "a limit that is missing": ("usage", "places = 8", "", 34, "a column of type decimal needs places: the digits after"),
    "a date in quotes": (
        "usage",
        "min = 1900-01-01",
        'min = "1900-01-01"',
        16,
        "min must be a date as 2024-12-31, without quotes",
    ),
    "a flag of a column that is a text": (
        "plants",
        "optional = true",
        'optional = "yes"',
        22,
        "optional must be true or false",
    ),
    "a default of what must be there": ("plants", "optional = true\n", "", 22, "a default is for an optional column"),
    "a limit of nothing": ("plants", "max = 200", "max = 0", 13, "max must be a whole number, 1 at least, 1000000 at most"),
    "a limit that is no number": ("inverters", "max = 100_000", "max = nan", 35, "max must be a number"),
    "a default of what has none": (
        "inverters",
        "date_only = true",
        'default = "x"',
        39,
        "a column of type timestamp takes no default",
    ),
    "a reference to nothing": (
        "inverters",
        'to = "plants"',
        'to = "plant"',
        17,
        "to names no dataset: plant; did you mean plants?",
    ),
    "a reference that is no dependency": (
        "inverters",
        'depends_on = ["plants"]',
        "depends_on = []",
        17,
        "inverters refers to plants, so it must depend on it",
    ),
    "an unknown format": ("usage", '"csv"', '"cvs"', 3, "there is no format cvs; did you mean csv?"),
    "a key that is no column": (
        "usage",
        'key = ["bill_date", "bill_id"]',
        'key = [\n    "bill_date",\n    "bil_id",\n]',
        6,
        "key names no column: bil_id; did you mean bill_id?",
    ),
    "a precedence that is no column": (
        "telemetry",
        'precedence = "event_time"',
        'precedence = "seen"',
        10,
        "precedence names no column: seen, only event_id, ",
    ),
    "a partition that is no column": (
        "usage",
        'partition_by = "bill_date"',
        'partition_by = "date"',
        7,
        "partition_by names no column: date; did you mean bill_date?",
    ),
    "a partition that is no date": (
        "usage",
        'partition_by = "bill_date"',
        'partition_by = "bill_id"',
        7,
        "partition_by must be a date of the key: bill_id is not",
    ),
    "an unknown dependency": (
        "inverters",
        '["plants"]',
        '["plant"]',
        4,
        "depends_on names no dataset: plant; did you mean plants?",
    ),
    "an unknown dataset to derive after": (
        "telemetry",
        'plants = ["rezone"',
        'pants = ["rezone"',
        16,
        "derive_after names no dataset: pants; did you mean plants?",
    ),
    "a phase without a folder": (
        "telemetry",
        'derive = ["add", "clean", "extend", "summarise"]',
        'derive = ["add", "clean", "extend", "summarize"]',
        11,
        "derive/summarize has no statement for sqlite",
    ),
    "a phase of another dataset without a folder": (
        "telemetry",
        '"recount", "summarise"',
        '"recounts", "summarise"',
        18,
        "derive/recounts has no statement for sqlite",
    ),
    "a dataset that depends on itself": (
        "plants",
        "depends_on = []",
        'depends_on = ["plants"]',
        4,
        "the datasets depend on each other in a circle: plants → plants",
    ),
    "datasets that depend on each other": (
        "plants",
        "depends_on = []",
        'depends_on = ["telemetry"]',
        4,
        "the datasets depend on each other in a circle: plants → telemetry → plants",
    ),
    "another dataset's table": (
        "usage",
        'table = "bills"',
        'table = "plants"',
        5,
        "the table plants is that of the dataset plants",
    ),
    "no TOML": ("usage", 'table = "bills"', "table = bills", 5, "not TOML: Invalid value (at line 5, column 9)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_with_file_and_line(root: Path, fault: str) -> None:
    dataset, old, new, line, says = FAULTS[fault]
    path = root / "datasets" / dataset / "dataset.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    said = error(root)
    assert said.startswith(f"{path}:{line}: {says}")
    assert "\n" not in said


def test_a_folder_without_a_declaration(root: Path) -> None:
    (root / "datasets" / "meters").mkdir()
    assert error(root) == f"{root}/datasets/meters/dataset.toml:1: cannot be read: No such file or directory"


def test_a_declaration_that_is_cut_off(root: Path) -> None:
    path = root / "datasets" / "usage" / "dataset.toml"
    path.write_text('title = "bills"\nkey = ["bill_date",')
    assert error(root).startswith(f"{path}:2: not TOML: ")
