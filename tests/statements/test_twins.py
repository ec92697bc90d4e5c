"""Statements with a file for each database: few, each with a reason, and none that could be one file."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from difflib import SequenceMatcher
from importlib.resources import files
from itertools import chain, combinations, takewhile
from pathlib import Path

import pytest

from dbsvc.engine.statements.portable import Functions

SQL = Path(str(files("dbsvc"))) / "sql"
#: More of them need a reason to change this number.
MOST = 28
#: The more of two bodies is the same, the less there is that keeps them apart.
ALIKE = 0.87
DIALECTS = ("postgresql", "sqlite")


def find_twins() -> dict[str, list[Path]]:
    """The files of each statement that has more than one."""
    found = defaultdict(list)
    for path in sorted(SQL.rglob("*.sql")):
        found[str(path.relative_to(SQL)).partition(".")[0]].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


TWINS = find_twins()


def test_there_are_few() -> None:
    assert len(TWINS) <= MOST, "\n".join(TWINS)


OWN = [path for paths in TWINS.values() for path in paths if path.name.count(".") == 2]


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(SQL)))
def test_each_says_what_was_measured_or_is_impossible(path: Path) -> None:
    """A line before the statement begins with ``-- Twin:``; what follows is the reason."""
    comment = takewhile(lambda line: not line or line.startswith("--"), path.read_text().splitlines())
    assert re.search(r"-- Twin: \w.{30}", "\n".join(comment)), f"{path}: say why it cannot be one file: -- Twin: ..."


# --- could it be one?


def read_spellings() -> list[tuple[re.Pattern[str], str]]:
    """How a database writes each function of ours, longest first, and what we call it."""
    found = []
    for heading, texts in chain.from_iterable(
        tomllib.loads(path.read_text()).items() for path in (SQL / "functions").glob("*.toml")
    ):
        name = re.sub(r"\W", " ", heading).split()[0]
        for text in texts.values():
            parts = re.split(r"\{\w+\}", strip(text))
            pattern = "(.+?)".join(map(re.escape, parts))
            if name not in text and re.search(r"\w", "".join(parts)):
                places = " ".join(rf"\{n}" for n in range(1, len(parts)))
                found.append((len(text), re.compile(rf"(?<!\w){pattern}"), f"{name} {places}"))
    return [(pattern, name) for _, pattern, name in sorted(found, key=lambda entry: -entry[0])]


def strip(text: str) -> str:
    """Leave out comments, casts and parentheses: what is in the way of seeing that two texts say the same."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text).lower()
    text = re.sub(r"::[a-z_]+( precision)?(\[\])?", " ", text)
    text = re.sub(r"\bas (integer|bigint|real|text|numeric|double precision)\b|\bcast\b", " ", text)
    return " ".join(re.sub(r"([(),])", " ", text).split())


#: Other spellings, as they were before there were functions.
OLDER = [
    (re.compile(r"'([+-]?)(\d+) (day|hour|second)s?'"), r"\1 \2 * interval '1 \3'"),
    (re.compile(r"\b(floor|trunc|round|least|min|greatest|max|date|datetime|interval)\b"), " "),
    (re.compile(r"\b(cross|inner) join\b"), "join"),
    (re.compile(r"'(\d+)\.?0*'|\b(\d+)\.0\b"), r"\1\2"),
]


def normal(text: str) -> str:
    """Write a statement without what the databases spell differently."""
    text = strip(text)
    for pattern, replacement in [*read_spellings(), *OLDER]:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def alike(one: str, other: str) -> float:
    """Which part of two statements' words is the same, in the same order."""
    return SequenceMatcher(None, normal(one).split(), normal(other).split(), autojunk=False).ratio()


@pytest.mark.parametrize("name", TWINS)
def test_none_could_be_one(name: str) -> None:
    """Those of Citus are left out: it takes PostgreSQL's where it has none, so what it refuses by one word is a file."""
    for one, other in combinations((path for path in TWINS[name] if ".citus." not in path.name), 2):
        assert alike(one.read_text(), other.read_text()) < ALIKE, (
            f"{one} and {other.name} say nearly the same; sql/functions helps to write one file"
        )


#: what is filled with other statements, or is made of functions alone
OTHERS = {"contract", "scaffold", "doctor"}
USING = [path for path in sorted(SQL.rglob("*.sql")) if path.name.count(".") == 1 and not OTHERS & {*path.parts}]


def test_what_is_one_now_would_be_refused_as_two() -> None:
    """The statements that need a function, as two files: this is how those look that the test above is there to find."""
    functions = [Functions((dialect,), SQL / "functions") for dialect in DIALECTS]
    missed, checked = [], 0
    for path in USING:
        one, other = (function.expand(path.read_text(), str(path)) for function in functions)
        if one != other and len(normal(one).split()) > 5:
            checked += 1
            if alike(one, other) < ALIKE:
                missed.append(f"{path}: {alike(one, other):.2f}")
    assert checked > 20
    assert not missed
