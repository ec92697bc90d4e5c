"""The documentation is true: its commands and examples are run, its links lead somewhere, its reference is the code's."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbsvc import connect
from dbsvc.engine import Database
from dbsvc.engine.checks import load_checks
from dbsvc.engine.db.dialects import all_families
from dbsvc.engine.loads import operations
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT, bucket_server, load, query, register, stage, statuses, usage_csv, write
from tests.helpers.currencylayer import changed, quoting, serving
from tests.helpers.shell import RUNBOOK, blocks, run, section, text_of

README = (ROOT / "README.md").read_text()

STATES = ("staging", "staged", "held", "published", "discarded")
INCIDENTS = (
    "SIGTERM during ingestion",
    "A connection lost mid-transaction",
    "Two instances on one dataset",
    "A frozen instance",
    "A restored backup",
    "A node of a cluster is lost",
    "A wrong file was published",
    "A packed file is refused",
    "A store does not answer",
    "A file of another form",
    "A notification does not come",
    "A changed rate",
    "It does not start",
)
RATES = ("Rates are missing", "Rates are not final", "Rates are disputed")
EXIT_CODES = ("0", "1", "2", "65", "66", "69", "75", "78", "130", "143")


PAGES = sorted((ROOT / "docs").rglob("*.md"))
NAMES = {page: str(page.relative_to(ROOT)) for page in [*PAGES, ROOT / "README.md", ROOT / "RUNBOOK.md"]}


def test_the_readme_is_one_page() -> None:
    assert README.count("\n") <= 120


def adds_files(page: Path) -> list[tuple[str, str]]:
    """The files that a page adds to the repository: their names and contents."""
    return re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', page.read_text(), re.MULTILINE | re.DOTALL)


def pages_with(*languages: str) -> list[Path]:
    return [page for page in [ROOT / "README.md", *PAGES] if any(blocks(page.read_text(), each) for each in languages)]


@pytest.mark.parametrize("page", pages_with("python"), ids=NAMES.get)
def test_python_examples_run(page: Path, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    for example in blocks(page.read_text(), "python"):
        ran = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, text=True, capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        if page.name == "README.md":
            assert 10 <= example.count("\n") <= 20
            assert ran.stdout == "3\n"


@pytest.mark.parametrize("page", [page for page in pages_with("sh", "console") if not adds_files(page)], ids=NAMES.get)
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    """In a folder of their own with the samples, one after the other; what they show is what they print on 80 columns."""
    text = page.read_text()
    if page.name == "README.md":
        text = re.sub(r"^python3 -m venv .*", "", text, flags=re.MULTILINE)  # what CI does
    found = [block for language in ("sh", "console") for block in blocks(text, language) if block.strip()]
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    with serving() as api, bucket_server.serving() as buckets:
        buckets.hold(ROOT / "samples")
        env = {**api.env(), **buckets.env, "COLUMNS": "80", "DATABASE_URL": "sqlite:///var/data.db"}
        for block in sorted(found, key=text.index):
            command, _, shown = block.removeprefix("$ ").partition("\n") if block.startswith("$ ") else (block, "", "")
            ran = run(f"set -e\n{command} --output table" if shown else f"set -e\n{command}", tmp_path, **env)
            assert ran.returncode == 0, (block, ran.stdout, ran.stderr)
            if shown:
                lines = [line.rstrip() for line in ran.stdout.splitlines()]
                assert lines[bool(lines and not lines[0]) :] == shown.splitlines()


@pytest.mark.parametrize("page", [page for page in PAGES if adds_files(page)], ids=NAMES.get)
def test_what_a_page_adds_to_the_repository_works(page: Path, empty_url: str, tmp_path: Path) -> None:
    for folder in ("cli", "engine", "sql", "migrations", "src", "samples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True)
    for name, content in adds_files(page):
        path = tmp_path / name
        if path.exists():
            pytest.skip(f"the repository has its own {name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for block in blocks(page.read_text(), "sh"):
        ran = run(f"set -e\n{block}", tmp_path, DATABASE_URL=empty_url, PYTHONPATH=str(tmp_path / "src"))
        assert ran.returncode == 0, (block, ran.stdout, ran.stderr)


def test_the_reference_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs" / "generate_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for page, text in module.pages().items():
        assert page.read_text() == text, f"{NAMES[page]} is not current: run `just docs`"


def test_every_check_is_in_the_table_of_checks() -> None:
    text = (ROOT / "docs" / "reference" / "checks.md").read_text()
    listed = re.findall(r"\[(\w+)\]\(#\1\)", text.partition("<!-- generated -->")[0])
    names = {check.name for family in all_families().values() for check in load_checks(Statements(family))}
    assert sorted(listed) == sorted(names)


def anchors(page: Path) -> set[str]:
    """The anchors that a code host and the site both give to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = [title.lower() for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    found = [re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles]
    assert len(found) == len(set(found)), f"{NAMES[page]}: two headings have the same anchor"
    return set(found)


def test_links_lead_somewhere() -> None:
    known = {page: anchors(page) for page in NAMES}
    for page, name in NAMES.items():
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?://", link):
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                assert target.exists(), (name, link)
                assert not anchor or anchor in known[target], (name, link)


def test_the_site_is_built_and_asks_no_other_host(tmp_path: Path) -> None:
    ran = run(f"mkdocs build --strict --quiet --site-dir {tmp_path}/site", ROOT, NO_MKDOCS_2_WARNING="1")
    assert ran.returncode == 0, ran.stderr
    index = (tmp_path / "site" / "index.html").read_text()
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.?https?://", index) == []
    assert (tmp_path / "site" / "RUNBOOK" / "index.html").exists()


def test_runbook_has_a_section_for_every_state_exit_code_incident_and_check() -> None:
    titles = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)
    checks = {check.runbook for family in all_families().values() for check in load_checks(Statements(family))}
    assert {*STATES, *EXIT_CODES, *INCIDENTS, *RATES, *checks} == set(titles)
    assert all(section(title) for title in titles)
    index = RUNBOOK.partition("## States")[0]
    for title in (*STATES, *EXIT_CODES, *INCIDENTS, *RATES):
        assert f"](#{title.lower().replace(' ', '-')})" in index


@pytest.mark.parametrize("title", re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))
def test_a_section_has_five_lines_and_sets_what_it_uses(title: str) -> None:
    text = text_of(title)
    assert re.findall(r"^\*\*(\w+)\*\* · ", text, re.MULTILINE) == ["Symptom", "Impact", "Look", "Fix", "Escalate"]
    known: set[str] = set()
    used: set[str] = set()
    for line in "".join(blocks(text, "sh")).splitlines():
        used |= set(re.findall(r"\$([A-Z]+)", line))
        known |= set(re.findall(r"^([A-Z]+)=", line))
        assert used <= known, line
    assert known == used | (known & {"TMPDIR"})


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


@pytest.mark.slow  # it starts many processes
def test_runbook_begins_with_commands_that_work(url: str, db: Database, good: Path) -> None:
    load(db, good)
    found = blocks(RUNBOOK[: RUNBOOK.index("## States")], "sh")
    assert len(found) == 1
    for block in found:
        ran = run(f"set -e\n{block}", good.parent, DATABASE_URL=url, LOAD="1", FILE=str(good), DAY="2021-10-01")
        assert ran.returncode == 0, (block, ran.stdout, ran.stderr)


@pytest.mark.slow  # it starts many processes
@pytest.mark.parametrize("state", ["staging", "staged"])
def test_runbook_unfinished(url: str, db: Database, good: Path, state: str) -> None:
    registered = register(db, good)
    if state == "staged":
        stage(db, good, registered)
    assert statuses(db) == [state]
    follow(url, state, good, lambda blocks: blocks[:2])
    assert after(url) == ["published"]


@pytest.mark.slow  # it starts many processes
def test_runbook_staging_given_up(url: str, db: Database, good: Path) -> None:
    register(db, good)
    follow(url, "staging", good, lambda blocks: blocks[2:])
    assert after(url) == ["discarded"]


@pytest.mark.slow  # it starts many processes
@pytest.mark.parametrize(("block", "state"), [(1, "published"), (3, "discarded")])
def test_runbook_held(url: str, db: Database, bad: Path, block: int, state: str) -> None:
    load(db, bad)
    assert statuses(db) == ["held"]
    follow(url, "held", bad, lambda blocks: [blocks[0], blocks[block]])
    assert after(url) == [state]


@pytest.mark.slow  # it starts many processes
def test_runbook_discarded(url: str, db: Database, bad: Path) -> None:
    load(db, bad)
    operations.discard(db, 1)
    follow(url, "discarded", bad, lambda blocks: blocks)
    assert after(url) == ["published"]


@pytest.mark.slow  # it starts many processes
def test_runbook_published_with_rejects(url: str, db: Database, bad: Path) -> None:
    load(db, bad)
    operations.release(db, 1)
    export, ingest_corrected = section("published")[1].splitlines()
    assert run(export, bad.parent, DATABASE_URL=url, LOAD="1").returncode == 0
    assert run(ingest_corrected, bad.parent, DATABASE_URL=url).returncode == 65  # nothing was corrected
    corrected = bad.parent / "corrected.csv"
    corrected.write_text(corrected.read_text().replace(",x,", ",2,").replace("never", "2021-10-01"))
    assert run(ingest_corrected, bad.parent, DATABASE_URL=url).returncode == 0
    assert after(url) == ["published", "held", "published"]
    follow(url, "published", bad, lambda blocks: blocks[2:])


@pytest.mark.slow
@pytest.mark.one_database
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


@pytest.mark.slow  # it starts many processes
def test_runbook_missing_rates(url: str, db: Database, foreign: Path) -> None:
    with serving() as server:
        follow(url, "Rates are missing", foreign, lambda blocks: blocks, **server.env())
        assert len(server.requests) == 1
    assert stored(db) == [("EUR", "0.8625", False), ("GBP", "0.742611", False), ("ILS", "3.2", False)]


@pytest.mark.slow  # it starts many processes
def test_runbook_rates_that_are_not_final(url: str, db: Database, foreign: Path) -> None:
    with serving(changed(timestamp=1633100000)) as server:
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 75
        assert stored(db) == []
        follow(url, "Rates are not final", foreign, lambda blocks: blocks, **server.env())
        assert {provisional for _, _, provisional in stored(db)} == {True}
        server.answer = quoting(ILS="3.25")
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 0
    assert stored(db)[2] == ("ILS", "3.25", False)


@pytest.mark.slow  # it starts many processes
def test_runbook_disputed_rates(url: str, db: Database, foreign: Path) -> None:
    with serving() as server:
        assert run("dbsvc fx --missing", foreign.parent, DATABASE_URL=url, **server.env()).returncode == 0
        server.answer = quoting(ILS="3.25")
        follow(url, "Rates are disputed", foreign, lambda blocks: blocks[:2], **server.env())
        assert stored(db)[2] == ("ILS", "3.2", False)
        assert '"disputed_rate": "3.25"' in run("dbsvc revenue --explain", foreign.parent, DATABASE_URL=url).stdout
        follow(url, "Rates are disputed", foreign, lambda blocks: blocks[2:], **server.env())
    assert stored(db)[2] == ("ILS", "3.25", False)
