"""The entry point: commands, the options they share, errors as one sentence, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import typer

from dbsvc.cli import commands, completion, metrics, otel, output, streams

#: Each command is a module of that name, imported when it is called; and what it is for, which the first page of the help says.
COMMANDS = {
    "ingest": "Load files, each whole or not at all.",
    "fx": "Fetch historical exchange rates against USD, and store them once.",
    "revenue": "Show revenue in USD, exactly.",
    "check": "Find what is missing, duplicate, changed or damaged.",
    "loads": "The ledger: every delivery, how far it got, where its records went.",
    "rejects": "The quarantine: records that broke their contract.",
    "status": "Show what is in the database: its tables, its newest loads and days of inverters, notifications that are owed.",
    "report": "Write one page for a browser: checks, revenue, loads, rejects, freshness.",
    "lineage": "Where a value came from: file, line, load, rules, earlier versions.",
    "datasets": "What can be loaded: the datasets, built in and of your project.",
    "db": "The database's schema, and housekeeping.",
    "doctor": "Look at settings, database, schema, clocks, rights, room, project and the API of rates.",
    "config": "The settings, and where they come from.",
    "completion": "Write what a shell needs to complete commands, options, checks, datasets and loads.",
}
_FORMER = {"trace": "lineage"}  # its name until 0.1


class _Built(Mapping[str, Any]):
    """The commands by their names, each built when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if name in COMMANDS or name in _FORMER:
            return _build(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([*COMMANDS, *_FORMER])

    def __len__(self) -> int:
        return len(COMMANDS) + len(_FORMER)


@cache
def _build(name: str) -> Any:
    command = typer.main.get_command(import_module(f"dbsvc.cli.{_FORMER.get(name, name)}").app)
    command.name, command.hidden = name, name in _FORMER
    return command


class _Program(commands.Group):
    """The program: its help needs none of its commands."""

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.commands: Any = _Built()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return [*self.commands]

    def summaries(self) -> list[tuple[str, str]]:
        """Return the commands that a person is shown, each with what it is for."""
        return [*COMMANDS.items()]


app = commands.group(
    _Program,
    no_args_is_help=True,
    epilog=commands.examples(
        "dbsvc ingest deliveries/        load what is new in a folder",
        "dbsvc status                    see what is in the database",
        "dbsvc check                     see whether it can be trusted",
        "dbsvc revenue --by customer     see what was earned, in USD",
        "dbsvc report                    see all of it in a browser",
    ),
)


@app.callback()
def _root(context: typer.Context) -> None:
    """Load files into a SQL database exactly once: audited, atomic, restartable.

    The database is named by DATABASE_URL, by default sqlite:///var/data.db. Options of every command may stand before or
    after it.
    """
    output.options.command = context.invoked_subcommand or ""
    output.begin()
    otel.start(output.options.command)


def main() -> NoReturn:
    """Run the command line and exit."""
    streams.secure()
    output.begin(settled=False)  # what is wrong with the command line is said, too
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) == signal.SIG_DFL:  # under nohup it goes on
            signal.signal(number, _stop)
    try:
        code = _run()
    except output.Stopped as stopped:
        output.error(str(stopped), stopped.exit_code)
        _finish(stopped.exit_code)
        # Threads may still be rolling back, which the database does without us.
        os._exit(stopped.exit_code)
    sys.exit(_finish(code))


def _run() -> int:
    """Run the command; returns the exit code."""
    if completion.VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(prog_name="dbsvc")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        code = int(getattr(error, "exit_code", 1))
        output.error(output.explain(error), code)
        return code
    return 0


def _finish(code: int) -> int:
    """Deliver the results, and say what the run was; returns the exit code, which is not 0 if they were not delivered."""
    command = output.options.command
    failure = streams.deliver()
    if isinstance(failure, BrokenPipeError):  # who read it has enough, as `head` does
        code = code or (_unknown() if command == "check" else 128 + signal.SIGPIPE)
    elif failure:
        code = code or (_unknown() if command == "check" else 1)
        because = str(failure.strerror).lower()
        output.error(f"Not all results could be written to standard output ({because}). What was done stays done.", code)
    return metrics.finish(command, code, output.options.metrics) if command else code


def _unknown() -> int:
    from dbsvc.cli.check import UNKNOWN

    return UNKNOWN


def _stop(number: int, _frame: object) -> None:
    raise output.Stopped(number)
