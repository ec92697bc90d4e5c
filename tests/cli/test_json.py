"""What programs read: every line has the keys and types that docs/json.toml declares, alike on all databases."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date, datetime
from typing import Any

import pytest

from dbsvc.engine import Database
from tests.helpers import ROOT
from tests.helpers.cli import Cli

DECLARED = tomllib.loads((ROOT / "docs" / "json.toml").read_text())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
#: What needs rates, another project, or damage; the tests of their commands look at these.
UNSEEN = {"rate", "used_rate", "made", "project", "backup", "reconciled", "open_reject", "rest", "unpublished_load", "serving"}
TYPES: dict[str, Any] = {
    "text": lambda value: isinstance(value, str),
    "whole": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float),
    "decimal": lambda value: isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value),
    "bool": lambda value: isinstance(value, bool),
    "time": lambda value: TIME.fullmatch(value) and datetime.fromisoformat(value),
    "day": lambda value: date.fromisoformat(value),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "any": lambda value: True,
}


def keys_of(kind: str) -> dict[str, str]:
    declared = dict(DECLARED["kinds"][kind])
    del declared["says"]
    found: dict[str, str] = {}
    for other in declared.pop("like", []):
        found |= keys_of(other)
    for name in declared.pop("without", []):
        del found[name]
    return {**found, **{name.strip(): told for name, told in declared.items()}}  # "says " is a key, too


def wrong(line: dict[str, Any], kind: str) -> list[str]:
    """What of a line is not as its kind declares it."""
    keys = keys_of(kind)
    known = {name.rstrip("?"): told.partition(":")[0] for name, told in keys.items()}
    found = [f"{name} is missing" for name in keys if not name.endswith("?") and name != "*" and name not in line]
    found += [f"{name} is not declared" for name in line if name not in known and "*" not in known]
    for name, told in known.items():
        if name in line and not (line[name] is None and told.endswith("?")):
            value = line[name]
            if value is None or not TYPES[told.rstrip("?")](value):
                found.append(f"{name} = {value!r} is no {told}")
    for name in ("kind", "event"):
        if name in keys and line.get(name) not in (keys[name].partition(": ")[2], None) and kind != "cut":
            found.append(f"of another {name}")
    return found


@pytest.mark.long  # it starts many processes
def test_every_line_is_as_declared(cli_on: Cli, db: Database) -> None:
    samples = str(ROOT / "samples")
    cli_on.write("held.csv", b"Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue\nx\n")
    seen = set()
    for command in (
        f"ingest {samples} held.csv nothing.csv",
        f"ingest {samples}/usage.csv",
        "loads --limit 2",
        "loads show 2",
        "rejects --limit 2",
        "rejects reasons",
        "revenue --explain",
        "revenue --by product",
        "revenue --by customer",
        "check",
        "report -o report.html",
        "check --explain loads_held",
        "fx --missing --dry-run",
        "status",
        "lineage bill 2021-11-01 1",
        "lineage reading inv_kent_1 2025-03-30T08:00:00Z",
        "datasets",
        "db status",
        "db migrate",
        "doctor",
        "config show",
        f"ingest --dry-run {samples}",
        "rejects dismiss 2",
        "rejects retry",
        "datasets show usage",
        "db rebuild --dry-run",
        "db erase --customer nobody --dry-run",
        "db prune --before 2000-01-01 --dry-run",
        "loads revert 5 --dry-run",
        "loads discard 3",
    ):
        words = command.split()
        name = next(found for found in (" ".join(words[:2]), words[0]) if found in DECLARED["commands"])
        ran = cli_on(*words, "--output", "json")
        assert ran.out, (command, ran.err)
        for line in ran.objects:
            if json.dumps(line) == "{}":
                continue
            problems = {kind: wrong(line, kind) for kind in DECLARED["commands"][name]}
            assert [] in problems.values(), (command, line, min(problems.values(), key=len))
            seen |= {kind for kind, found in problems.items() if not found}
    assert {kind for kinds in DECLARED["commands"].values() for kind in kinds} - seen <= UNSEEN
