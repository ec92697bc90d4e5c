"""The README and the RUNBOOK are true: their examples and commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbsvc import connect
from dbsvc.cli import db as schema
from dbsvc.cli import lineage, loads, main, rejects
from dbsvc.engine import Database
from dbsvc.engine.checks import load_checks
from dbsvc.engine.loads import operations
from dbsvc.engine.settings import VARIABLES
from dbsvc.engine.statements.catalog import Statements
from tests.currencylayer import changed, quoting, serving
from tests.helpers import load, query, register, stage, statuses, usage_csv, write

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RUNBOOK = (ROOT / "RUNBOOK.md").read_text()

STATES = ("staging", "staged", "held", "published", "discarded")
INCIDENTS = (
    "SIGTERM during ingestion",
    "A connection lost mid-transaction",
    "Two instances on one dataset",
    "A restored backup",
    "A wrong file was published",
    "A changed rate",
)
RATES = ("Rates are missing", "Rates are not final", "Rates are disputed")
EXIT_CODES = ("0", "1", "2", "65", "66", "69", "75", "78", "130", "143")


def run(command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run shell commands with this environment's dbsvc; the exit code is the last command's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, env={**os.environ, "PATH": path, **env}, text=True, capture_output=True, check=False
    )


def section(title: str) -> list[str]:
    """The commands of a RUNBOOK section, a string a block."""
    match = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert match, f"RUNBOOK has no section {title}"
    return re.findall(r"^```sh\n(.*?)^```", match[1], re.MULTILINE | re.DOTALL)


def test_readme_example(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example
    assert 10 <= example[1].count("\n") <= 20
    ran = subprocess.run([sys.executable, "-c", example[1]], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert (ran.stdout, ran.stderr) == ("3\n", "")


def test_readme_shows_what_the_sample_gives(tmp_path: Path) -> None:
    ran = run("dbsvc ingest samples --output table", ROOT, DATABASE_URL=f"sqlite:///{tmp_path}/a.db", COLUMNS="100")
    shown = re.search(r"\$ dbsvc ingest samples\n(.*?)```", README, re.DOTALL)
    assert shown
    assert " ".join(ran.stdout.replace("─", "").split()) == " ".join(shown[1].replace("─", "").split())


def test_readme_shows_what_the_sample_earns(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/a.db"
    run("dbsvc ingest samples", ROOT, DATABASE_URL=database)
    ran = run("dbsvc revenue --output table", ROOT, DATABASE_URL=database, COLUMNS="100")
    shown = re.search(r"\$ dbsvc revenue\n(.*?)```", README, re.DOTALL)
    assert shown
    assert ran.stdout.replace("─", "").split() == shown[1].replace("─", "").split()


def test_readme_names_every_command_and_setting() -> None:
    for group, commands in {
        "": main.app,
        "loads ": loads.app,
        "rejects ": rejects.app,
        "lineage ": lineage.app,
        "db ": schema.app,
    }.items():
        for command in commands.registered_commands:
            assert command.callback
            name = command.name or command.callback.__name__
            if (group, name) != ("loads ", "list"):
                assert re.search(rf"`dbsvc {group}\[?{name}\b", README), f"{group}{name}"
    for variable, _ in VARIABLES.values():
        assert f"| `{variable}` |" in README
    for check in load_checks(Statements(("sqlite",))):
        assert f"`{check.name}`" in README


def test_runbook_has_a_section_for_every_state_exit_code_incident_and_check() -> None:
    titles = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)
    checks = {check.runbook for check in load_checks(Statements(("sqlite",)))}
    assert {*STATES, *EXIT_CODES, *INCIDENTS, *RATES, *checks} == set(titles)
    assert all(section(title) for title in titles)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.csv", usage_csv([("2021-10-01", 1, "USD", "A", 1, 2), ("2021-10-01", 2, "USD", "B", 1, 2)]))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    rows = [("2021-10-01", 1, "USD", "A", 1, 2), ("2021-10-01", "x", "USD", "B", 1, 2), ("never", 3, "USD", "C", 1, 2)]
    return write(tmp_path / "bad.csv", usage_csv(rows))


def follow(url: str, title: str, path: Path, blocks: Callable[[list[str]], list[str]], **env: str) -> None:
    """Run blocks of a RUNBOOK section, each of which must succeed."""
    for block in blocks(section(title)):
        ran = run(f"set -e\n{block}", path.parent, DATABASE_URL=url, LOAD="1", FILE=str(path), DAY="2021-10-01", **env)
        assert ran.returncode == 0, (block, ran.stdout, ran.stderr)


def after(url: str) -> list[str]:
    with connect(url) as db:
        return statuses(db)


def test_runbook_begins_with_commands_that_work(url: str, db: Database, good: Path) -> None:
    load(db, good)
    blocks = re.findall(r"^```sh\n(.*?)^```", RUNBOOK[: RUNBOOK.index("## States")], re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        ran = run(f"set -e\n{block}", good.parent, DATABASE_URL=url, LOAD="1", FILE=str(good), DAY="2021-10-01")
        assert ran.returncode == 0, (block, ran.stdout, ran.stderr)


@pytest.mark.parametrize("state", ["staging", "staged"])
def test_runbook_unfinished(url: str, db: Database, good: Path, state: str) -> None:
    registered = register(db, good)
    if state == "staged":
        stage(db, good, registered)
    assert statuses(db) == [state]
    follow(url, state, good, lambda blocks: blocks[:1])
    assert after(url) == ["published"]


def test_runbook_staging_given_up(url: str, db: Database, good: Path) -> None:
    register(db, good)
    follow(url, "staging", good, lambda blocks: blocks[1:])
    assert after(url) == ["discarded"]


@pytest.mark.parametrize(("block", "state"), [(1, "published"), (3, "discarded")])
def test_runbook_held(url: str, db: Database, bad: Path, block: int, state: str) -> None:
    load(db, bad)
    assert statuses(db) == ["held"]
    follow(url, "held", bad, lambda blocks: [blocks[0], blocks[block]])
    assert after(url) == [state]


def test_runbook_discarded(url: str, db: Database, bad: Path) -> None:
    load(db, bad)
    operations.discard(db, 1)
    follow(url, "discarded", bad, lambda blocks: blocks)
    assert after(url) == ["published"]


def test_runbook_published_with_rejects(url: str, db: Database, bad: Path) -> None:
    load(db, bad)
    operations.release(db, 1)
    export, ingest_mended = section("published")[0].splitlines()
    assert run(export, bad.parent, DATABASE_URL=url, LOAD="1").returncode == 0
    assert run(ingest_mended, bad.parent, DATABASE_URL=url).returncode == 65  # nothing was mended
    mend = bad.parent / "mend.csv"
    mend.write_text(mend.read_text().replace(",x,", ",2,").replace("never", "2021-10-01"))
    assert run(ingest_mended, bad.parent, DATABASE_URL=url).returncode == 0
    assert after(url) == ["published", "held", "published"]
    follow(url, "published", bad, lambda blocks: blocks[1:])


@pytest.mark.slow  # it starts some hundred processes
@pytest.mark.parametrize("title", [*EXIT_CODES, *INCIDENTS])
def test_runbook_commands_work(url: str, db: Database, good: Path, title: str) -> None:
    if title in INCIDENTS:
        load(db, good)
    follow(url, title, good, lambda blocks: blocks)


@pytest.fixture
def foreign(db: Database, good: Path) -> Path:
    """A published file of bills in three currencies."""
    rows = [("2021-10-01", n, currency, "A", 1, 2) for n, currency in enumerate(("EUR", "GBP", "ILS"))]
    load(db, write(good, usage_csv(rows)))
    return good


def stored(db: Database) -> list[tuple[Any, ...]]:
    return query(db, "SELECT currency, CAST(rate AS text), provisional FROM fx_rates ORDER BY currency")


def test_runbook_missing_rates(url: str, db: Database, foreign: Path) -> None:
    with serving() as server:
        follow(url, "Rates are missing", foreign, lambda blocks: blocks, **server.env())
        assert len(server.requests) == 1
    assert stored(db) == [("EUR", "0.8625", False), ("GBP", "0.742611", False), ("ILS", "3.2", False)]


def test_runbook_rates_that_are_not_final(url: str, db: Database, foreign: Path) -> None:
    with serving(changed(timestamp=1633100000)) as server:
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 75
        assert stored(db) == []
        follow(url, "Rates are not final", foreign, lambda blocks: blocks, **server.env())
        assert {provisional for _, _, provisional in stored(db)} == {True}
        server.answer = quoting(ILS="3.25")
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 0
    assert stored(db)[2] == ("ILS", "3.25", False)


def test_runbook_disputed_rates(url: str, db: Database, foreign: Path) -> None:
    with serving() as server:
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 0
        server.answer = quoting(ILS="3.25")
        follow(url, "Rates are disputed", foreign, lambda blocks: blocks[:2], **server.env())
        assert stored(db)[2] == ("ILS", "3.2", False)
        assert '"disputed_rate": "3.25"' in run("dbsvc revenue --explain", foreign.parent, DATABASE_URL=url).stdout
        follow(url, "Rates are disputed", foreign, lambda blocks: blocks[2:], **server.env())
    assert stored(db)[2] == ("ILS", "3.25", False)
