"""What a shell proposes for the word that is typed. It is silent and soon done, whatever is wrong, and creates nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands

if TYPE_CHECKING:
    from dbsvc.engine import Database

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc completion bash > ~/.local/share/bash-completion/completions/dbsvc",
    "dbsvc completion zsh >> ~/.zshrc",
    "dbsvc completion fish > ~/.config/fish/completions/dbsvc.fish",
)
#: how the environment says that a shell asks
VARIABLE = "_DBSVC_COMPLETE"

_SECONDS = 1.5  # who types waits no longer
_MOST_LOADS = 50
#: Which loads a command is for.
_STATES = {
    "release": ("held", "discarded"),
    "publish": ("staged",),
    "discard": ("staging", "staged", "held"),
    "revert": ("published",),
}

Proposals = list[tuple[str, str]]


class Shell(StrEnum):
    """Shells that can complete."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@app.command(cls=commands.Command, epilog=_EXAMPLES)
def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)]) -> None:
    """Write what a shell needs to complete commands, options, checks, datasets and loads.

    For one session: eval "$(dbsvc completion bash)".
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name="dbsvc", complete_var=VARIABLE, shell=shell.value))


def _ask(question: Callable[[Database], Iterable[tuple[str, str]]], incomplete: str) -> Proposals:
    """Ask the database, if there is one that answers soon."""
    found: Proposals = []

    def work() -> None:
        from dbsvc.engine.db.connect import connect

        with suppress(Exception), connect(create=False, name="dbsvc completion", lock_seconds=1) as db:
            if not db.dialect.absent():
                found.extend(proposal for proposal in question(db) if proposal[0].startswith(incomplete))

    logging.disable()
    asking = threading.Thread(target=work, daemon=True)
    asking.start()
    asking.join(_SECONDS)
    return [*found]


def _know(question: Callable[[Database], Iterable[tuple[str, str]]], incomplete: str) -> Proposals:
    """Say what is known without a database."""
    from dbsvc.engine.db.connect import connect

    with suppress(Exception), connect(create=False) as db:
        return [proposal for proposal in question(db) if proposal[0].startswith(incomplete)]
    return []


def checks(incomplete: str) -> Proposals:
    """Propose checks."""
    from dbsvc.engine.checks import load_checks

    return _know(lambda db: [(check.name, check.title) for check in load_checks(db.statements)], incomplete)


def datasets(incomplete: str) -> Proposals:
    """Propose datasets."""
    return _know(lambda db: [(name, dataset.title) for name, dataset in db.statements.datasets.items()], incomplete)


def profiles(incomplete: str) -> Proposals:
    """Propose profiles of the project."""
    from dbsvc.engine.profiles import find_profiles

    return _know(
        lambda db: [(one.name, one.origin) for one in find_profiles(db.statements.project, db.statements.datasets)], incomplete
    )


def derived(incomplete: str) -> Proposals:
    """Propose what can be derived again."""
    return _know(lambda db: [(name, of.title) for of in db.statements.datasets.values() for name in of.rebuild], incomplete)


def currencies(incomplete: str) -> Proposals:
    """Propose currencies, also after a comma."""
    from dbsvc.engine.fx.rates import list_currencies

    before, comma, last = incomplete.upper().rpartition(",")
    return _ask(lambda db: [(f"{before}{comma}{code}", "") for code in list_currencies(db) if code.startswith(last)], "")


def loads(context: typer.Context, incomplete: str) -> Proposals:
    """Propose the newest loads that the command is for."""
    from dbsvc.engine.reports.loads import list_loads

    states = _STATES.get(context.info_name or "")
    return _ask(
        lambda db: [
            (str(load.load_id), f"{load.status}, {load.source}")
            for load in list_loads(db, _MOST_LOADS).loads
            if not states or load.status in states
        ],
        incomplete,
    )
