"""Opening the database for a command, and asking before it is changed for good."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import output

if TYPE_CHECKING:
    from dbsvc.engine import Database


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; off a terminal nobody is asked.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


@contextlib.contextmanager
def open_database(*, create: bool = False) -> Iterator[Database]:
    """Open the database that the settings name, and see to its schema; make what does not exist only if told to.

    Loads of datasets that are declared no more are said.
    """
    from dbsvc.engine.reports.datasets import make_ready

    with output.connect(create=create) as db:
        make_ready(db, create=create)
        yield db


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person on a terminal, unless the answer is given already; end the command if it is no."""
    if not yes and sys.stdin and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)
