"""The help of every command reads well and is true; options that all share are alike everywhere; slips are understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from dbsvc.cli import commands, main, output
from tests.helpers import ROOT as REPOSITORY
from tests.helpers.cli import Cli

ROOT: Any = typer.main.get_command(main.app)


def contexts(command: Any = ROOT, name: str = "dbsvc", parent: Any = None) -> Iterator[Any]:
    """A context of each command that a person is shown."""
    context = typer.Context(command, info_name=name, parent=parent, terminal_width=80, **command.context_settings)
    yield context
    for child in getattr(command, "commands", {}).values():
        if not child.hidden:
            yield from contexts(child, child.name, context)


def parse(words: list[str]) -> None:
    """Read a command line, and run nothing."""
    name, command, context = "dbsvc", ROOT, None
    while command:
        context = command.make_context(name, words, parent=context)
        words = [*getattr(context, "_protected_args", []), *context.args]
        name, command, words = command.resolve_command(context, words) if words else ("", None, [])


@pytest.mark.parametrize("context", list(contexts()), ids=lambda context: context.command_path)
def test_help_reads_well(context: Any) -> None:
    text = context.command.get_help(context)
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in re.sub(r"[A-Z]\]?[.]{3}", "", text)  # no sentence is cut off
    assert not re.search(r"<\w+|%Y|\bint\b|[<>]=", text)  # no word of a programmer
    options, examples = text.partition("\nExamples:\n")[::2]
    for option in ("-h, --help", "-o, --output F", "-q, --quiet", "-v, --verbose"):  # a FORMAT, or a FILE
        assert option in options
    assert examples


@pytest.mark.parametrize("context", list(contexts()), ids=lambda context: context.command_path)
def test_examples_are_what_the_command_takes(context: Any) -> None:
    for line in context.command.epilog.splitlines():
        typed = re.split(r"  +", line)[0].partition(" > ")[0].partition(" >> ")[0].rpartition(" | ")[2]
        program, *words = shlex.split(typed)
        assert program == "dbsvc"
        if context.parent:
            assert words[: len(path := context.command_path.split()[1:])] == path
        parse(words)


def test_the_first_page_says_of_each_command_what_its_own_says() -> None:
    assert ROOT.summaries() == [
        (name, commands.summary(command)) for name, command in ROOT.commands.items() if not command.hidden
    ]
    modules = {path.stem for path in (REPOSITORY / "cli").glob("*.py") if re.search("^app = ", path.read_text(), re.MULTILINE)}
    assert modules - {"main"} == {*main.COMMANDS}


def test_shared_options_stand_anywhere(cli: Cli) -> None:
    shown = [cli(*words.split()) for words in ("-o json datasets list", "datasets list -qojson")]
    assert len({ran.out for ran in shown}) == 1
    assert shown[0].objects[0]["dataset"]
    assert shown[1].err == b""
    assert cli("datasets", "list", "-V").out.startswith(b"dbsvc 0")


def test_the_value_of_an_option_is_no_option() -> None:
    parse(["rejects", "dismiss", "1", "--reason", "-v"])
    assert not output.options.verbose


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ingst x.csv", "'ingest'"),
        ("loads shwo 3", "'show'"),
        ("loads 3", "`dbsvc loads show 3`"),
        ("ingest --folow x.csv", "--follow"),
        ("revenue --by custmer", "customer"),
        ("revenue -o jsn", "json"),
        ("check --fail-on critcal", "critical"),
    ],
)
def test_slips_are_understood(typed: str, meant: str) -> None:
    with pytest.raises(Exception, match=f"Did you mean {meant}\\?") as raised:
        parse(typed.split())
    assert raised.value.exit_code == (3 if typed.startswith("check") else 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "typed", ["loads --dataset plants list", "loads --limit 3 show 2", "rejects --all show", "rejects --limit 5 reasons"]
)
def test_no_option_is_lost_before_a_command(cli: Cli, typed: str) -> None:
    ran = cli(*typed.split())
    assert ran.code == 2
    assert (
        f"{typed.split()[1]} before {typed.split()[-1 if typed.split()[-1].isalpha() else -2]} would be lost"
        in ran.err.decode()
    )
    assert cli("loads", "-o", "json", "list").code == 0
