"""The rules of the tests' own house: what is shared is a helper, and tests use only what is public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT

TESTS = ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """What a module imports, also within functions, by full names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "name the whole path"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def patched(path: Path) -> Iterator[str]:
    """The names that a module sets on others: monkeypatch.setattr(module, "name", ...), or ("module.name", ...)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_tests_share_helpers_and_use_what_is_public(path: Path) -> None:
    names = list(imported(path))
    assert [name for name in names if name.startswith("tests.") and not name.startswith("tests.helpers")] == []
    ours = [name.removeprefix("dbsvc.") for name in names if name.startswith("dbsvc.")]
    assert [name for name in [*ours, *patched(path)] if any(part.startswith("_") for part in name.split("."))] == []


def test_every_test_has_a_topic() -> None:
    assert sorted(path.name for path in TESTS.glob("*.py")) == ["__init__.py", "conftest.py"]
