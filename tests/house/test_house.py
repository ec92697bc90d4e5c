"""The rules of the house: no SQL in Python, no dialect in the orchestration, arrows that point one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT

ENGINE, CLI = ROOT / "engine", ROOT / "cli"
DIALECTS = ENGINE / "db" / "dialects"
MODULES = sorted([*ENGINE.rglob("*.py"), *CLI.rglob("*.py"), *(ROOT / "src" / "dbsvc").glob("*.py")])

SQL = re.compile(
    r"\bSELECT\b.*\bFROM\b|\bSELECT\s+[\d:*'(]|\b(INSERT|MERGE|REPLACE)\s+INTO\b|\bUPDATE\b.*\bSET\b|\bDELETE\s+FROM\b"
    r"|\b(CREATE|DROP|ALTER|TRUNCATE|ANALYZE|LOCK)\s+(TEMP\s+|UNLOGGED\s+)?(TABLE|INDEX|VIEW|DATABASE)\b"
    r"|\bCOPY\b.*\b(FROM|TO)\b|\bPRAGMA\b|\bBEGIN\b|\bCOMMIT\b|\bROLLBACK\b|\bSAVEPOINT\b|\bVALUES\s*\("
    r"|\bON\s+CONFLICT\b|\bGROUP\s+BY\b|\bORDER\s+BY\b|\bFOR\s+UPDATE\b",
    re.DOTALL,
)
DIALECT = re.compile(r"sqlite|postgres|psycopg|citus|\bpg_", re.IGNORECASE)
BUSINESS = re.compile(r"\b(bills?|loads?|datasets?|chunks?|rejects?|usage|plants?|inverters?|telemetry)\b", re.IGNORECASE)


def parse(path: Path) -> ast.Module:
    """A module without its docstrings (and comments, which the parser drops)."""
    tree = ast.parse(path.read_text(), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return tree


def code(path: Path) -> list[str]:
    return ast.unparse(parse(path)).splitlines()


def imports(path: Path) -> Iterator[str]:
    """What a module imports, by absolute names, also within functions."""
    package = ["dbsvc", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_sql_in_python(path: Path) -> None:
    texts = (node.value for node in ast.walk(parse(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    assert [text for text in texts if SQL.search(text)] == []


def test_the_rule_against_sql_finds_it() -> None:
    for text in ("SELECT a\nFROM b", "SELECT 1", "INSERT INTO t", "UPDATE t SET", "DELETE FROM", "PRAGMA x", "BEGIN IMMEDIATE"):
        assert SQL.search(text), text
    for text in ("Select a file", "the COPY failed", "UPDATED", "begin", "INSERTED INTO"):
        assert not SQL.search(text), text


@pytest.mark.parametrize("path", [path for path in MODULES if DIALECTS not in path.parents], ids=relative)
def test_no_dialect_outside_the_dialects(path: Path) -> None:
    if ENGINE in path.parents and path.parent != ENGINE / "functions":
        allowed = r"sqlite:///var/data\.db" if path.name == "settings.py" else r"(?!)"
        assert [line for line in code(path) if DIALECT.search(re.sub(allowed, "", line))] == []
    assert [name for name in imports(path) if DIALECT.search(name)] == []
    assert "citus" not in path.read_text().lower()  # not even where one reads: it is a database as others are


@pytest.mark.parametrize("path", sorted(DIALECTS.glob("*.py")), ids=relative)
def test_a_dialect_knows_nothing_of_what_is_stored(path: Path) -> None:
    assert [line for line in code(path) if BUSINESS.search(line)] == []


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=relative)
def test_the_command_line_only_shows(path: Path) -> None:
    """It runs no statement and puts nothing in order: what it shows comes from typed functions of the engine."""
    nodes = list(ast.walk(parse(path)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    assert names & {"tx", "sorted", "sort", "execute", "run_phase"} == set()
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if re.fullmatch(r"(ledger|reports|rows|schema|session|fx|load)/[a-z_/]+", text)] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_arrows_point_one_way(path: Path) -> None:
    found = [name for name in imports(path) if name.startswith("dbsvc.")]
    if CLI in path.parents:
        assert [name for name in found if name.startswith("dbsvc.engine.db.dialects")] == []
    if ENGINE in path.parents:
        assert [name for name in found if name.startswith("dbsvc.cli")] == []
    if path.parent == ENGINE and path.name != "database.py":
        assert [name for name in found if name.startswith("dbsvc.engine.db.dialects")] == []
    if path.parent == DIALECTS:
        allowed = r"dbsvc\.engine\.(db\.(batches|dialect|dialects\.postgresql)|errors|functions|settings|statements)\b"
        assert [name for name in found if not re.match(allowed, name)] == []


#: Words that were ours alone; docs/explanation/glossary.md has those that everybody knows.
PRIVATE = re.compile(
    r"\b(judg(e|es|ed|ing)|sift(s|ed|ing)?|anew|mend(s|ing)?|strangers?|so many|behind our back|yields? to|hold_bills"
    r"|copy_runs)\b",
    re.IGNORECASE,
)
WRITTEN = [
    path
    for folder in ("engine", "cli", "sql", "tests", "bench", "docs", "deploy", ".")
    for path in sorted((ROOT / folder).glob("*" if folder == "." else "**/*"))
    if path.suffix in (".py", ".sql", ".toml", ".md") or path.name == "Justfile"
]


def test_words_that_everybody_knows() -> None:
    """Migrations are left as they were applied; the change log and the glossary tell what a word was before."""
    allowed = {Path(__file__), ROOT / "CHANGELOG.md", ROOT / "docs" / "explanation" / "glossary.md"}
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in WRITTEN
        if path not in allowed
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert found == []


# --- no dataset is named outside its own folder

STATEMENTS = ROOT / "sql"
DATASETS = list(Statements(("sqlite",)).datasets.values())
#: What may name a dataset or its tables outside its folder, and why.
MAY_NAME = {
    "sql/schema/meanings.toml": "it says what every table means",
    "sql/fx/needed_rates.sql": "rates are needed for bills",
    "sql/reports/revenue/": "revenue is a report on bills",
    "sql/reports/newest_summaries.sql": "status shows the newest days of telemetry",
    "engine/reports/revenue.py": "revenue is a report on bills",
    "engine/fx/unavailable.py": "it tells people to correct their bills",
}


def names_of(dataset: Dataset) -> set[str]:
    """Its name, its tables, and those that are derived from them."""
    derived = (path.read_text() for path in (STATEMENTS / "datasets" / dataset.name / "derive").rglob("*.sql"))
    tables = {table for text in derived for table in re.findall(r"^INSERT INTO (\w+)", text, re.MULTILINE)}
    return {dataset.name, dataset.table, f"{dataset.table}_history", *tables}


NAMES = {dataset.name: names_of(dataset) for dataset in DATASETS}


def named_in(path: Path) -> set[str]:
    """The datasets that a file names, comments aside."""
    comment = r"#.*" if path.suffix == ".toml" else r"--.*|/\*[^*]*\*/"
    text = "\n".join(code(path)) if path.suffix == ".py" else re.sub(comment, "", path.read_text())
    words = set(re.findall(r"\w+", text))
    return {dataset for dataset, names in NAMES.items() if words & names}


@pytest.mark.parametrize(
    "path", sorted([*ENGINE.rglob("*.py"), *STATEMENTS.rglob("*.sql"), *STATEMENTS.rglob("*.toml")]), ids=relative
)
def test_no_dataset_is_named_outside_its_own_folder(path: Path) -> None:
    """A dataset may name those it depends on, and they what they depend on."""
    name = relative(path)
    allowed: set[str] = set()
    if STATEMENTS / "datasets" in path.parents:
        waiting = {path.relative_to(STATEMENTS / "datasets").parts[0]}
        while waiting - allowed:
            allowed |= waiting
            waiting = {other for dataset in DATASETS if dataset.name in allowed for other in dataset.depends_on}
    elif name.startswith(tuple(MAY_NAME)):
        allowed = set(NAMES)
    assert named_in(path) <= allowed


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=relative)
def test_the_command_line_names_no_dataset_but_in_what_people_read(path: Path) -> None:
    """A sentence or an example may; a text that is a dataset's name, or the path of its statement, is handed to the engine."""
    texts = {node.value for node in ast.walk(parse(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert texts & NAMES.keys() == set()
    assert [text for text in texts if re.match(r"datasets/\w", text)] == []


def test_what_may_name_a_dataset_does() -> None:
    paths = [*ENGINE.rglob("*.py"), *STATEMENTS.rglob("*.sql"), *STATEMENTS.rglob("*.toml")]
    for start in MAY_NAME:
        assert any(named_in(path) for path in paths if relative(path).startswith(start)), start


def test_the_tables_of_a_dataset_are_known() -> None:
    assert NAMES["usage"] == {"usage", "bills", "bills_history"}
    assert {"inverter_telemetry_raw", "inverter_telemetry_clean", "inverter_daily_summary"} <= NAMES["telemetry"]
