"""A dataset of one's own from a sample: what is inferred, what is written, what is refused."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from dbsvc import InputError
from dbsvc.engine.inference import MOST, infer
from dbsvc.engine.project import find_project
from dbsvc.engine.project_check import check_project
from dbsvc.engine.scaffold import make_dataset
from dbsvc.engine.settings import Settings
from dbsvc.engine.words import SQL_WORDS, to_name
from tests.helpers.cli import Cli
from tests.helpers.project import FILES, UP, make_project

ORDERS = b"""Order ID,Customer,Ordered At,Shipped,Total,Paid,Zip,Note
1001,Ann,2024-05-01T10:00:00+02:00,2024-05-03,19.90,yes,01234,
1002,Bob,2024-05-01T11:30:00+02:00,,5,no,80331,by door
1003,Ann,2024-05-02T08:15:00Z,2024-05-04,120.5,yes,10115,
"""


def write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


#: the values of a column, and what is said of it: its type, its limits, whether it is optional, and a word of the note
COLUMNS = {
    "whole": (["1", "20"], ("whole", {}, False, "")),
    "signed": (["1", "-20"], ("whole", {"signed": True}, False, "")),
    "decimal": (["1.25", "20", "-.5"], ("decimal", {"places": 2, "signed": True}, False, "rounded")),
    "large": (["1234567890123456.5", "1"], ("decimal", {"places": 1, "digits": 18}, False, "rounded")),
    "zeros": (["007", "12"], ("text", {}, False, "zeros before")),
    "too large": (["1234567890123456789", "1"], ("text", {}, False, "more than 18 digits")),
    "exponent": (["1e5", "2"], ("text", {}, False, "")),
    "day": (["2024-02-29", "2024-12-31"], ("date", {}, False, "")),
    "no day": (["2023-02-29", "2024-12-31"], ("text", {}, False, "")),
    "day first": (["31/12/2024", "01/02/2024"], ("date", {"day_first": True}, False, "")),
    "month first": (["12/31/2024", "01/02/2024"], ("text", {}, False, "month first")),
    "either first": (["01/02/2024", "03/04/2024"], ("text", {}, False, "day first or month first?")),
    "neither": (["31/12/2024", "12/31/2024"], ("text", {}, False, "")),
    "moment": (["2024-01-01T10:00:00Z", "2024-01-01 11:00:00+02:00"], ("timestamp", {}, False, "")),
    "moment without zone": (["2024-01-01 10:00:00", "2024-01-01 11:00"], ("text", {}, False, "without a zone")),
    "time": (["06:30", "23:59:59"], ("time", {}, False, "")),
    "yes": (["yes", "No"], ("boolean", {}, False, "")),
    "zero": (["0", "1"], ("whole", {}, False, "")),
    "uuid": (["9f3b1c1e-0d1b-4c6e-8a55-0123456789ab"] * 2, ("uuid", {}, False, "")),
    "json": (['{"a": 1}', "[2]"], ("json", {}, False, "as it is written")),
    "empty": (["", ""], ("text", {}, True, "empty in the whole sample")),
    "some": (["", "x"], ("text", {}, True, "")),
    "long": (["x" * 1500, "y"], ("text", {"max": 2048}, False, "")),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_what_a_column_is(tmp_path: Path, case: str) -> None:
    values, (kind, limits, optional, note) = COLUMNS[case]
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    table = "".join(f"{nth},{value}\n" for nth, value in enumerate(quoted))
    found = infer(write(tmp_path, "x.csv", f"id,Value\n{table}".encode())).columns[1]
    assert (found.type, found.limits, found.optional) == (kind, limits, optional)
    assert note in found.note
    assert bool(note) == bool(found.note)


def test_what_objects_are(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "on": True, "n": 1.5, "payload": {"x": [1]}, "odd": True},
        {"id": "b", "on": False, "n": 2, "payload": None, "odd": 3, "more": "x"},
    ]
    found = infer(write(tmp_path, "x.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode()))
    assert {column.name: (column.type, column.optional) for column in found.columns} == {
        "id": ("text", False),
        "on_field": ("boolean", False),
        "n": ("decimal", False),
        "payload": ("json", True),
        "odd": ("json", False),
        "more": ("text", True),
    }
    assert found.key == ("id",)


NAMES = {"Order ID": "order_id", "orderId": "order_id", "Größe (cm)": "grosse_cm", "2nd": "n_2nd", "  a--b ": "a_b", "日本": ""}


@pytest.mark.parametrize("written", NAMES)
def test_names(written: str) -> None:
    assert to_name(written) == NAMES[written]


def test_names_of_columns_are_good_and_differ(tmp_path: Path) -> None:
    header = "id,Order,load_id,Order ID,order-id,日本,id value"
    found = infer(write(tmp_path, "x.csv", f"{header}\n1,2,3,4,5,6,7\n".encode()))
    assert [column.name for column in found.columns] == [
        *("id", "order_field", "load_id_field", "order_id", "order_id_2", "column_6", "id_value_field"),
    ]


#: a sample, the key that is asked for, and what is said
REFUSED = {
    "empty": (b"", (), "the sample is empty: types are told by records"),
    "blank": (b"\n \n", (), "the sample is empty"),
    "no record": (b"a,b\n", (), "the sample has no record"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), (), "the sample is no UTF-8 text"),
    "cp1252": ("a,b\nü,2\n".encode("cp1252"), (), "the sample is no UTF-8 text"),
    "an array": (b'[{"a": 1}]', (), "one array of JSON objects: write one object a line"),
    "semicolons": (b"a;b\n1;2\n", (), "its fields seem to be separated by ';', and are to be by ','"),
    "no header": (b"1,2\n3,4\n", (), "its first line holds values, such as 1: it must be the header"),
    "a column twice": (b"a,A\n1,2\n", (), "its header has A twice"),
    "a column without a name": (b"a,b,\n1,2,\n", (), "column 3 of its header has no name"),
    "ragged": (b"a,b\n1\n2\n3,4\n", (), "2 of 3 records have other fields than the header has names"),
    "a long record": (b"a,b\n" + b"x" * (MOST + 5), (), "the sample has no record"),
    "a key of no column": (b"a,meter\n1,2\n", ("metre",), "--key names no column: metre; did you mean meter?"),
    "a key that is empty": (b"a,b\n1,\n", ("b",), "b is empty in some records of the sample"),
    "no key": (b"a,b\n1,2\n1,2\n", (), "no column, and no two of them, tell its records apart"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_sample_that_cannot_be(tmp_path: Path, case: str) -> None:
    data, key, says = REFUSED[case]
    source = write(tmp_path, "x.csv", data)
    with pytest.raises(InputError) as caught:
        make_dataset("orders", source, Settings(project=str(tmp_path / "ours")), key)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ours").exists()


def test_an_enormous_sample_is_read_a_little(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.write(b"id,name\n" + b"".join(b"%d,somebody\n" % n for n in range(MOST // 10)))
        file.truncate(2**33)
    found = infer(str(path))
    assert found.notes[0].startswith("only the first 4 MiB of the sample were read, ")


def test_a_key_of_two_columns_and_one_that_repeats(tmp_path: Path) -> None:
    source = write(tmp_path, "x.csv", b"day,meter,v\n2024-01-01,a,1.5\n2024-01-01,b,1.5\n2024-01-02,a,2.5\n2024-01-02,b,2.5\n")
    assert infer(source).key == ("day", "meter")
    found = infer(source, ["day"])
    assert (found.key, found.notes) == (
        ("day",),
        ["the key day stands in several records of the sample: the last of them wins"],
    )


# --- what is written


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(project=str(tmp_path / "ours"))


def test_references_and_codes(tmp_path: Path, settings: Settings) -> None:
    names = b"order_id,plant_id,inverter,order_currency,grid_unit,size_unit,plant_currency\n"
    sample = names + b"1,P1,I1,USD,kW,kg,EUR\n2,P2,I1,eur,W,W,none\n"
    made = make_dataset("orders", write(tmp_path, "orders.csv", sample), settings)
    declared = tomllib.loads(Path(made.files[-1]).read_text())
    assert declared["depends_on"] == ["inverters", "plants"]
    assert declared["columns"] == {
        "order_id": {"type": "whole"},
        "plant_id": {"type": "reference", "to": "plants"},
        "inverter": {"type": "reference", "to": "inverters"},
        "order_currency": {"type": "code", "table": "currencies", "column": "code", "upper": True},
        "grid_unit": {"type": "code", "table": "power_units", "column": "unit"},
        "size_unit": {"type": "text"},
        "plant_currency": {"type": "text"},
    }
    assert [note.partition(":")[0] for note in made.notes[1:]] == ["plant_id", "inverter", "order_currency", "grid_unit"]
    project = find_project(settings.project)
    assert project is not None
    assert check_project(project).problems == []


def test_what_is_written_fits(tmp_path: Path, settings: Settings) -> None:
    made = make_dataset("orders", write(tmp_path, "orders.csv", ORDERS), settings)
    project = find_project(settings.project)
    assert project
    assert sorted(made.files) == sorted(str(path) for path in project.folder.rglob("*") if path.is_file())
    assert check_project(project) == type(check_project(project))(["orders"], ["orders_0001"], [])
    declared = tomllib.loads(project.path("datasets/orders/dataset.toml").read_text())
    assert declared["key"] == ["order_id"]
    assert declared["columns"]["zip"] == {"name": "Zip", "type": "text"}
    assert "zip: numbers with zeros before them, which a number would lose" in made.notes


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, settings: Settings) -> None:
    source = write(tmp_path, "orders.csv", ORDERS)
    files = {path: Path(path).read_text() for path in make_dataset("orders", source, settings).files}
    declared = tmp_path / "ours" / "datasets" / "orders"
    shutil.rmtree(declared)  # as if it was killed before the last file
    make_dataset("orders", source, settings)
    assert {path: Path(path).read_text() for path in files} == files
    shutil.rmtree(declared)
    first = tmp_path / "ours" / "migrations" / "postgresql" / "orders_0001.sql"
    first.write_text("-- mine")
    with pytest.raises(InputError, match=r"orders_0001\.sql is there already, and is not overwritten\.$"):
        make_dataset("orders", source, settings)
    assert (first.read_text(), declared.exists()) == ("-- mine", False)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("usage", "there is a dataset of that name. our_usage would do."),
        ("bills", "there is a table of that name. our_bills would do."),
        ("loads", "there is a table of that name. our_loads would do."),
        ("bills_stored", "there is a table of that name. our_bills_stored would do."),
        ("order", "it is a word of SQL. orders would do."),
        ("Order Items", "a dataset is named by small letters, digits and _, 30 at most. order_items would do."),
        ("x" * 40, f"a dataset is named by small letters, digits and _, 30 at most. {'x' * 26} would do."),
    ],
)
def test_a_name_that_cannot_be(tmp_path: Path, settings: Settings, name: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        make_dataset(name, write(tmp_path, "orders.csv", ORDERS), settings)
    assert str(caught.value) == f"A dataset cannot be named {name}: {says}"
    assert not Path(settings.project).exists()


def test_words_of_sql() -> None:
    assert {"select", "order", "table", "user", "group", "without"} <= SQL_WORDS


# --- a project is checked

BROKEN = {
    "no pair": ({"migrations/sqlite/meters_2.sql": UP, "migrations/sqlite/meters_2.rollback.sql": ""}, "has no pair in"),
    "no table": (
        {f"migrations/{kind}/meters_1.sql": "SELECT 1;\n" for kind in ("sqlite", "postgresql")},
        "dataset.toml:1: no migration makes the table meters",
    ),
    "no column": (
        {"migrations/sqlite/meters_1.sql": UP.replace("reading bigint NOT NULL, ", "")},
        "the table meters that the migrations make lacks reading",
    ),
    "one column more": (
        {"migrations/sqlite/meters_1.sql": UP.replace("reading bigint NOT NULL, ", "reading bigint, x text NOT NULL, ")},
        "the table meters needs x, which the dataset does not declare",
    ),
    "no SQL": ({"migrations/sqlite/meters_1.sql": "nonsense;\n"}, "meters_1.sql:1: The database refused"),
    "a rule that cannot run": (
        {"datasets/meters/rules.sql": '-- x\nSELECT line_in_chunk, nonsense AS reading FROM :"validated"'},
        "rules.sql:1: The database refused",
    ),
    "a check that cannot run": (
        {"checks/x.sql": "-- title: T\n-- severity: warning\n-- do: D\n-- runbook: R\nSELECT nonsense FROM meters"},
        "checks/x.sql:1: The database refused",
    ),
    "an unknown type": (
        {"datasets/meters/dataset.toml": FILES["datasets/meters/dataset.toml"].replace('"whole"', '"hole"')},
        "dataset.toml:11: there is no type hole; did you mean whole?",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_project_that_does_not_fit(tmp_path: Path, case: str) -> None:
    files, says = BROKEN[case]
    project = find_project(str(make_project(tmp_path / "ours", {**FILES, **files})))
    assert project
    found = check_project(project).problems
    assert says in found[0]
    assert found[0].startswith(str(project.folder))


def test_a_project_is_looked_at_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(tmp_path / "ours", FILES))
    project = find_project(".")
    assert project
    assert check_project(project).datasets == ["meters"]


def test_the_commands(cli: Cli) -> None:
    cli.write("orders.csv", ORDERS)
    assert b"There is no project" in cli("datasets", "check", "--output", "table").out
    shown = cli("datasets", "new", "orders", "--from", "orders.csv", "--output", "table").out.decode()
    assert "dbsvc/datasets/orders/dataset.toml\n" in shown
    assert "Then: `dbsvc db migrate`, and `dbsvc ingest orders.csv`." in shown
    assert b"dbsvc is fine: 1 dataset and" in cli("datasets", "check", "--output", "table").out
    cli.write("returns.csv", b"id,amount\n1,5.\n2,-3.\n")
    assert cli("datasets", "new", "returns", "--from", "returns.csv").code == 0
    assert cli("datasets", "check").objects[0] == {
        "datasets": ["orders", "returns"],
        "migrations": ["orders_0001", "returns_0001"],
        "problems": [],
    }
    assert cli("datasets", "new", "orders", "--from", "orders.csv").code == 65
    assert cli("db", "migrate").code == 0
    assert cli("ingest", "orders.csv").objects[0]["inserted"] == 3
    assert cli("check").code == 0
    (cli.folder / "dbsvc" / "datasets" / "orders" / "dataset.toml").write_text("nonsense")
    ran = cli("datasets", "check")
    assert (ran.code, ran.objects[0]["problems"]) == (
        1,
        ["dbsvc/datasets/orders/dataset.toml:1: not TOML: Expected '=' after a key in a key/value pair (at end of document)"],
    )


#: the name of a sample, its bytes, and the names of its columns
ODD = {
    "half a character": ("x.jsonl", b'{"id": 1, "\\ud83dx": "a", "b": "\\ud83d"}\n{"id": 2, "b": ""}\n', ["id", "b"]),
    "DEL": ("x.csv", b"id,a\x7fb\n1,2\n2,3\n", ["id", "a\x7fb"]),
    "nothing but DEL": ("x.csv", b"id,\x7f\n1,2\n2,3\n", ["id", "\x7f"]),
    "control characters": ("x.csv", "id,a\x01\x1b[31m\u2028\u0085\u202e\U000e0001\n1,2\n".encode(), None),
    "in JSON": ("x.jsonl", b'{"id": 1, "a\\u0000\\u007f": 1}\n', ["id", "a\x00\x7f"]),
    "a line end": ("x.csv", b'id,"a\nb"\n1,2\n2,3\n', ["id", "a\nb"]),
    "quotes": ("x.csv", b'id,"a""\\b"\n1,2\n2,3\n', ["id", 'a"\\b']),
    "a file's name of two lines": ("x\ny = 1\x7f\x1b]0;.csv", b"id,a\n1,2\n2,3\n", ["id", "a"]),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_names_are_declared_as_they_are(tmp_path: Path, settings: Settings, case: str) -> None:
    name, data, names = ODD[case]
    made = make_dataset("orders", write(tmp_path, name, data), settings)
    project = find_project(settings.project)
    assert project
    assert check_project(project).problems == []
    text = project.path("datasets/orders/dataset.toml").read_text()
    assert all(character.isprintable() for line in text.split("\n") for character in line)
    found = [column.get("name", ours) for ours, column in tomllib.loads(text)["columns"].items()]
    assert found == (names or data.decode().split("\n")[0].split(","))
    assert ("left out, as its name holds half a character: \\ud83dx" in made.notes) == (case == "half a character")
