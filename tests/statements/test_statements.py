"""The loader: which file is taken on which dialect, and what is wrong with the files, before the first one runs."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from dbsvc import StatementError
from dbsvc.engine.db.dialects import all_families
from dbsvc.engine.statements import catalog
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.rules import DATASET_PHASES, LOAD_FOLDERS, PLACE_FOLDERS
from dbsvc.engine.statements.statement import Statement, quote
from dbsvc.engine.toml import read_text

SQL = Path(str(files("dbsvc"))) / "sql"
FAMILIES = all_families()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the statements, to break."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


@pytest.fixture
def write(root: Path) -> Callable[..., Path]:
    """Write one more statement."""

    def write(name: str, text: str | bytes) -> Path:
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


# --- the files we have


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_nothing_is_wrong_with_them(family: tuple[str, ...]) -> None:
    Statements(family).check()


def test_a_command_reads_what_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Traversable] = []

    def note(file: Traversable) -> str:
        read.append(file)
        return read_text(file)

    monkeypatch.setattr(catalog, "read_text", note)
    statements = Statements(("sqlite",))
    assert statements["reports/loaded_datasets"].text
    assert statements.declared
    assert len(read) == 1


def test_the_trees_of_the_dialects_match() -> None:
    """What is run by its name is there for all; only a step of a phase, or a check, may be one database's alone."""
    names = {dialect: set(Statements(family).names) for dialect, family in FAMILIES.items()}
    for found in names.values():
        assert [name for name in set.union(*names.values()) - found if not re.search(r"^checks/|/\d\d_\w+$", name)] == []


def test_no_file_is_for_a_dialect_that_does_not_exist() -> None:
    dialects = {member for family in FAMILIES.values() for member in family}
    suffixes = {path.name.removesuffix(".sql").partition(".")[2] for path in SQL.rglob("*.sql")}
    assert suffixes - {""} <= dialects


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda path: str(path.relative_to(SQL)))
def test_every_file_begins_with_its_rule_and_is_one_statement(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"-- \w", text)
    assert ";" not in re.sub(r"--.*|'[^']*'", "", text).strip().removesuffix(";")


def test_every_override_is_needed() -> None:
    """A variant that equals the portable statement, or that every dialect has alike, is none."""
    for path in SQL.rglob("*.*.sql"):
        name = path.name.partition(".")[0]
        others = [other.read_text() for other in path.parent.glob(f"{name}.*sql") if other != path]
        assert path.read_text() not in others, f"{path} is the same as another variant"


# --- what the engine uses of them

ENGINE = SQL.parent / "engine"
#: a literal that names a statement or a phase: a path below a folder of ``sql``
NAMED = re.compile(rf"({'|'.join(folder.name for folder in SQL.iterdir() if folder.name != 'contract')})(/[a-z0-9_]+)+")
#: phases that are run by a name that is put together
PHASES = re.compile(
    rf"load/({'|'.join((*LOAD_FOLDERS, *PLACE_FOLDERS, 'audit'))})"
    rf"|datasets/\w+/({'|'.join((*DATASET_PHASES, 'contract', 'contract/lineage', 'audit', 'checks'))})|checks"
)


def named(tree: ast.AST) -> set[str]:
    """The statements and phases that a module names."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if NAMED.fullmatch(text)}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_engine_uses_all_statements_and_no_others(family: tuple[str, ...]) -> None:
    statements = Statements(family)
    used = {name for path in ENGINE.rglob("*.py") for name in named(ast.parse(path.read_text()))}
    folders = {name.rpartition("/")[0] for name in statements.names}
    others = [path.relative_to(SQL) for path in SQL.rglob("*.*.sql")]  # what only other databases have, maybe
    elsewhere = {*(str(path.parent) for path in others), *(str(path).partition(".")[0] for path in others)}
    assert used - {*statements.names, *folders, *elsewhere, *DATASET_PHASES} == set()
    phases = {folder for folder in folders if folder in used or PHASES.fullmatch(folder)}
    phases |= {phase for dataset in statements.datasets for phases in statements.derivations(dataset) for phase in phases}
    rebuilding = {f"datasets/{dataset.name}/rebuild" for dataset in statements.datasets.values() if dataset.rebuild}
    phases |= {folder for folder in folders if folder.startswith(tuple(rebuilding))}
    assert [name for name in statements.names if name not in used and name.rpartition("/")[0] not in phases] == []


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_engine_gives_statements_what_they_ask_for(family: tuple[str, ...]) -> None:
    statements, seen = Statements(family), 0
    calls = (
        (path, node)
        for path in ENGINE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("run", "stream")
    )
    for path, call in calls:
        given = {keyword.arg for keyword in call.keywords}
        match call.args:
            case [ast.Constant(value=str(name)), *_] if None not in given and NAMED.fullmatch(name):
                assert given == set(statements[name].parameters), f"{path}:{call.lineno}"
                seen += 1
    assert seen > 50


# --- which file is taken


def test_the_nearest_dialect_wins(write: Callable[..., Path], root: Path) -> None:
    def text(*family: str) -> str:
        return Statements(family, root)["load/audit/90_more"].text

    write("load/audit/90_more.sql", "-- portable")
    assert text("citus", "postgresql") == text("postgresql") == text("sqlite") == "-- portable"
    write("load/audit/90_more.postgresql.sql", "-- parent")
    assert text("citus", "postgresql") == text("postgresql") == "-- parent"
    assert text("sqlite") == "-- portable"
    write("load/audit/90_more.citus.sql", "-- own")
    assert text("citus", "postgresql") == "-- own"
    assert text("postgresql") == "-- parent"


def test_a_phase_runs_in_the_order_of_its_names(write: Callable[..., Path], root: Path) -> None:
    write("load/audit/05_early.sql", "-- early")
    write("load/audit/15_between.sqlite.sql", "-- between")
    names = [statement.name for statement in Statements(("sqlite",), root).phase("load/audit")]
    assert names == sorted(names)
    assert [name for name in names if "early" in name or "between" in name or "rejected" in name] == [
        "load/audit/05_early",
        "load/audit/10_rejected_share",
        "load/audit/15_between",
    ]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_fingerprint_follows_the_rules(write: Callable[..., Path], root: Path, family: tuple[str, ...]) -> None:
    def fingerprint() -> str:
        return Statements(family, root).fingerprint("usage")

    seen = {Statements(family).fingerprint("usage")}
    assert fingerprint() in seen
    write("datasets/usage/audit/90_nothing_of_ours.oracle.sql", "-- another dialect's rule\nSELECT 1")
    assert fingerprint() in seen
    rule, description = root / "datasets/usage/audit/90_more.sql", root / "datasets/usage/dataset.toml"
    changes: list[Callable[[], object]] = [
        lambda: rule.write_text("-- one more rule\nSELECT 1"),
        lambda: rule.write_text("-- one more rule\nSELECT 2"),
        lambda: rule.rename(root / "datasets/usage/audit/91_more.sql"),
        lambda: description.write_text(description.read_text() + "\n# more"),
        lambda: (root / "types/date.toml").write_text((root / "types/date.toml").read_text() + "\n# more"),
        lambda: (root / "datasets/usage/rules.sql").write_text((root / "datasets/usage/rules.sql").read_text() + "\n-- more"),
    ]
    for change in changes:
        change()
        assert fingerprint() not in seen
        seen.add(fingerprint())


# --- what is wrong with a file


def error(root: Path) -> str:
    with pytest.raises(StatementError) as caught:
        Statements(("sqlite",), root)
    return str(caught.value)


@pytest.mark.parametrize("file", ["ledger/add_load.sql", "rows/copy.sqlite.sql"])
def test_a_statement_the_engine_needs_is_missing(root: Path, file: str) -> None:
    (root / file).unlink()
    name = file.partition(".")[0]
    with pytest.raises(StatementError) as caught:
        Statements(("sqlite",), root)[name]
    assert str(caught.value) == f"{root}/{name}.sql:1: no such statement for sqlite"


def test_a_phase_is_missing(root: Path) -> None:
    for path in (root / "load/dedupe").iterdir():
        path.unlink()
    assert f"{root}/load/dedupe:1: no statement for sqlite" in error(root)


@pytest.mark.parametrize("name", ["load/update_rows", "datasets/telemetry/index", "load/sweep_later", "ledger/sweep"])
def test_a_phase_is_missing_beside_others(root: Path, name: str) -> None:
    shutil.rmtree(root / name)
    with pytest.raises(StatementError, match=f"{name}.* no statement for"):
        Statements(FAMILIES["sqlite" if name.startswith("datasets") else "citus"], root)


@pytest.mark.parametrize("name", ["datasets/usage/unheard_of/10_x.sql", "datasets/usage/x.sql"])
def test_a_file_that_nothing_uses(write: Callable[..., Path], root: Path, name: str) -> None:
    path = write(name, "-- what for?\nSELECT 1")
    assert error(root) == f"{path}:1: nothing uses this statement"


def test_an_unknown_parameter(write: Callable[..., Path], root: Path) -> None:
    path = write("datasets/usage/control_total/90_more.sql", "-- a rule\n-- of two lines\nSELECT\n    :load_id,\n    :colour\n")
    assert error(root) == f"{path}:5: no parameter :colour here, only :load_id, :staged"


CHECK = "-- title: T\n-- severity: warning\n-- do: D\n-- runbook: R\n"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("checks/x.sql", "-- severity: warning\nSELECT 1", "1: a check must say its title, do, runbook"),
        ("checks/x.sql", CHECK.replace("warning", "bad") + "SELECT 1", "1: the severity of a check is warning or critical"),
        ("checks/x.sql", CHECK + "-- for each: table\nSELECT 1", "1: a check runs for each dataset, not for each table"),
        ("checks/x.sql", CHECK + 'SELECT 1 FROM :"table"', "5: no parameter :table here, only :since, :today"),
        ("datasets/usage/checks/x.sql", CHECK + "-- instead of: y\nSELECT 1", "1: no check y runs for each dataset"),
        ("datasets/usage/checks/x.sql", CHECK + "-- instead of: loads_held\nSELECT 1", "1: no check loads_held runs for each"),
        ("datasets/usage/checks/loads_held.sql", CHECK + "SELECT 1", "1: there is a check of that name, "),
        (
            "datasets/telemetry/checks/bills_changed.sql",
            CHECK + "SELECT 1",
            "1: there is a check of that name, ",
        ),
    ],
)
def test_a_check_that_is_wrong(write: Callable[..., Path], root: Path, name: str, text: str, says: str) -> None:
    path = write(name, text)
    assert error(root).startswith(f"{path}:{says.format(root=root)}")


@pytest.mark.parametrize("opened", ["'", '"', "/*"])
def test_a_quote_that_is_never_closed(write: Callable[..., Path], root: Path, opened: str) -> None:
    path = write("load/audit/90_more.sql", f"-- it's a rule\nSELECT 'a''b', \"c\"\nFROM {opened}d\n")
    assert error(root) == f"{path}:3: {opened} is opened and never closed"


def test_a_file_that_is_not_utf8(write: Callable[..., Path], root: Path) -> None:
    path = write("load/audit/90_more.sql", b"-- a rule\nSELECT '\xff'")
    assert error(root) == f"{path}:2: not UTF-8 text"


@pytest.mark.parametrize("text", ["SELECT 1 -- a comment too late", "", "/* another style */ SELECT 1"])
def test_a_file_without_its_rule(write: Callable[..., Path], root: Path, text: str) -> None:
    path = write("load/audit/90_more.sql", text)
    assert error(root).startswith(f"{path}:1: must begin with a comment")


def test_an_unknown_statement(root: Path) -> None:
    with pytest.raises(StatementError, match=r"nonsense/x\.sql:1: no such statement for sqlite"):
        Statements(("sqlite",), root)["nonsense/x"]


# --- parameters and identifiers

MIXED = """-- count: inserted
-- not a :parameter
-- Note: a header too
SELECT ':s', "co:l", /* :c
*/ :a::text, $x$ :d $x$, $$ :e $$, 'it''s :f', b[1:2]
-- later: no header
FROM :"table" WHERE x = :b AND y = :a"""


def test_parameters() -> None:
    statement = Statement("x", MIXED)
    assert statement.parameters == {"a": 5, "table": 7, "b": 7}
    assert statement.values == {"a", "b"}
    assert statement.header["count"] == "inserted"
    assert "later" not in statement.header


def test_render() -> None:
    rendered = Statement("x", MIXED).render(lambda name: f"%({name})s", {"table": ("s", 't"')})
    expected = MIXED.replace(":a::text", "%(a)s::text").replace("= :b", "= %(b)s").replace("= :a", "= %(a)s")
    assert rendered == expected.replace(':"table"', '"s"."t"""')


@pytest.mark.parametrize(
    ("identifier", "quoted"),
    [
        ("a", '"a"'),
        ('a"b', '"a""b"'),
        ('"; DROP TABLE loads; --', '"""; DROP TABLE loads; --"'),
        (("schema", 'ta"ble'), '"schema"."ta""ble"'),
        (["a", "b c"], '"a", "b c"'),
        ({"a": ("excluded", "a"), 'b"': ("excluded", 'b"')}, '"a" = "excluded"."a", "b""" = "excluded"."b"""'),
    ],
)
def test_quote(identifier: object, quoted: str) -> None:
    assert quote(identifier) == quoted


@pytest.mark.parametrize("identifier", [None, 1, b"a", {"a"}])
def test_what_is_no_identifier(identifier: object) -> None:
    with pytest.raises(TypeError, match="not an identifier"):
        quote(identifier)
