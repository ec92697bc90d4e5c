"""What people type, what CI runs and what is written about it are the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from dbsvc.engine.statements.catalog import Statements, find_folder
from tests.helpers import ROOT

JUSTFILE = (ROOT / "Justfile").read_text()


def read_commands(path: str) -> list[str]:
    """The commands of a page: a command a block of `sh`."""
    return re.findall(r"^```sh\n(.*?)\n```$", (ROOT / path).read_text(), re.MULTILINE | re.DOTALL)


def read_recipe(name: str) -> list[str]:
    """The commands of a recipe of the Justfile."""
    found = re.search(rf"^{name}.*:\n((?:    .*\n)+)", JUSTFILE, re.MULTILINE)
    assert found, name
    return [line.strip() for line in found[1].splitlines()]


def test_ci_runs_what_we_tell_people_to_type() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = lines[lines.index('cd "$(dirname "$0")/.."') + 1 :]
    tests = " && ".join(commands[:3])
    assert tests in read_commands("README.md")
    assert tests in read_commands("CONTRIBUTING.md")
    assert commands[3:] == [".venv/bin/just lint", ".venv/bin/just site", ".venv/bin/just audit"]


def test_each_commit_is_linted_as_by_hand() -> None:
    hooks = re.findall(r"^ +entry: \.venv/bin/(.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    recipe = [re.sub(r" \.$| \$\(.*", "", line) for line in read_recipe("lint")]
    assert [hook.replace(" --force-exclude", "") for hook in hooks] == recipe


def test_paths_that_are_named_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:engine|cli|sql|migrations|tests|docs|src|bench|deploy|samples)/[\w./-]*)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    for path, test in re.findall(r"(tests/\S+\.py)(?:::(\w+))?", text):
        assert f"def {test}" in (ROOT / path).read_text(), test


def test_recipes_that_are_named_exist() -> None:
    recipes = set(re.findall(r"^([\w-]+)[^:\n]*:(?!=)", JUSTFILE, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"`(?:\.venv/bin/)?just ([\w-]+)", (ROOT / page).read_text())) <= recipes


def test_the_changelog_has_every_version() -> None:
    tags = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    titles = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {tag.removeprefix("v") for tag in tags.split()} <= set(titles)


def test_messages_name_the_folder_that_one_edits() -> None:
    assert Path(str(find_folder("migrations"))) == ROOT / "migrations"
    statements = Statements(("sqlite",))
    for name in statements.names:
        assert Path(statements[name].origin).is_relative_to(ROOT / "sql")


def test_a_checkout_without_links_says_so(tmp_path: Path) -> None:
    package = tmp_path / "dbsvc"
    package.mkdir()
    shutil.copy(str(files("dbsvc") / "__init__.py"), package)
    (package / "engine").write_text("../../engine")  # as git leaves it where it may make no links
    ran = subprocess.run([sys.executable, "-m", "dbsvc"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ImportError: This checkout has files where src/dbsvc needs symbolic links: ")
