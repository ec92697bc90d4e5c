"""The entry point: commands, the options they share, errors as one sentence, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dbsvc.cli import check, datasets, db, fx, ingest, lineage, loads, metrics, output, rejects, revenue, status, streams


class Results(StrEnum):
    """How results are shown."""

    table = "table"
    json = "json"
    csv = "csv"
    junit = "junit"


class Logs(StrEnum):
    """How logs are written."""

    text = "text"
    json = "json"


app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(ingest.ingest)
app.command()(fx.fx)
app.command()(revenue.revenue)
app.command(cls=check.Plugin)(check.check)
app.add_typer(loads.app, name="loads")
app.add_typer(rejects.app, name="rejects")
app.command()(status.status)
app.add_typer(lineage.app, name="lineage")
app.add_typer(lineage.app, name="trace", hidden=True)  # its name until 0.1
app.add_typer(datasets.app, name="datasets")
app.add_typer(db.app, name="db")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dbsvc {version('dbsvc')}")
        raise typer.Exit


@app.callback()
def _shared(
    context: typer.Context,
    results: Annotated[
        Results | None,
        typer.Option(
            "--output",
            help="Results as tables or JSON lines, revenue also as csv, check as junit. By default tables on a terminal.",
        ),
    ] = None,
    logs: Annotated[
        Logs | None,
        typer.Option("--log-format", help="Log every step. By default as JSON, and on a terminal only warnings."),
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option("--metrics-file", help="Write metrics of this run for Prometheus's textfile collector.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Load files into a SQL database exactly once: audited, atomic, restartable.

    The database is named by DATABASE_URL, by default sqlite:///var/data.db. Options may stand before or after a command.
    """
    only = {Results.csv: "revenue", Results.junit: "check"}
    if results in only and context.invoked_subcommand != only[results]:
        raise typer.BadParameter(f"--output {results} goes with `dbsvc {only[results]}`.")
    if metrics_file and not metrics.is_for_metrics(metrics_file):
        raise typer.BadParameter(f"--metrics-file {metrics_file} holds something else than metrics, which would be lost.")
    output.choose(results, logs, debug)
    output.options.command, output.options.metrics = context.invoked_subcommand or "", metrics_file


def main() -> NoReturn:
    """Run the command line and exit."""
    streams.secure()
    output.choose(None, None, debug=False)  # what is wrong with the command line is said, too
    for number in (signal.SIGTERM, signal.SIGINT):
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
    try:
        app(args=_shared_first(sys.argv[1:]), prog_name="dbsvc")
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
    if failure := streams.deliver():
        code = code or (check.UNKNOWN if command == "check" else 1)
        because = str(failure.strerror).lower()
        output.error(f"Not all results could be written to standard output ({because}). What was done stays done.", code)
    return metrics.finish(command, code, output.options.metrics) if command else code


def _stop(number: int, _frame: object) -> None:
    raise output.Stopped(number)


_WITH_VALUE = ("--output", "--log-format", "--metrics-file")


def _shared_first(arguments: list[str]) -> list[str]:
    """Move the shared options to where Typer looks for them, in front of the command."""
    shared, others = [], []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others += [argument, *rest]
        elif argument == "--debug" or argument.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            shared.append(argument)
        elif argument in _WITH_VALUE:
            shared += [argument, *(value for value in [next(rest, None)] if value is not None)]
        else:
            others.append(argument)
    return shared + others
