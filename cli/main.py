"""The entry point: commands, the options they share, errors as one sentence, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

import typer

from dbsvc.cli import (
    check,
    commands,
    completion,
    config,
    datasets,
    db,
    doctor,
    fx,
    ingest,
    lineage,
    loads,
    metrics,
    otel,
    output,
    rejects,
    revenue,
    status,
    streams,
)

app = commands.group(
    no_args_is_help=True,
    epilog=commands.examples(
        "dbsvc ingest deliveries/        load what is new in a folder",
        "dbsvc status                    see what is in the database",
        "dbsvc check                     see whether it can be trusted",
        "dbsvc revenue --by customer     see what was earned, in USD",
    ),
)
app.command(cls=commands.Command, epilog=ingest.EXAMPLES)(ingest.ingest)
app.command(cls=commands.Command, epilog=fx.EXAMPLES)(fx.fx)
app.command(cls=revenue.Spreadsheet, epilog=revenue.EXAMPLES)(revenue.revenue)
app.command(cls=check.Plugin, epilog=check.EXAMPLES)(check.check)
app.add_typer(loads.app, name="loads")
app.add_typer(rejects.app, name="rejects")
app.command(cls=commands.Command, epilog=status.EXAMPLES)(status.status)
app.add_typer(lineage.app, name="lineage")
app.add_typer(lineage.app, name="trace", hidden=True)  # its name until 0.1
app.add_typer(datasets.app, name="datasets")
app.add_typer(db.app, name="db")
app.command(cls=commands.Command, epilog=doctor.EXAMPLES)(doctor.doctor)
app.add_typer(config.app, name="config")
app.command(cls=commands.Command, epilog=completion.EXAMPLES)(completion.completion)


@app.callback()
def _root(context: typer.Context) -> None:
    """Load files into a SQL database exactly once: audited, atomic, restartable.

    The database is named by DATABASE_URL, by default sqlite:///var/data.db. Options of every command may stand before or
    after it.
    """
    output.options.command = context.invoked_subcommand or ""
    otel.start(output.options.command)


def main() -> NoReturn:
    """Run the command line and exit."""
    streams.secure()
    output.begin()  # what is wrong with the command line is said, too
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
        code = code or (check.UNKNOWN if command == "check" else 128 + signal.SIGPIPE)
    elif failure:
        code = code or (check.UNKNOWN if command == "check" else 1)
        because = str(failure.strerror).lower()
        output.error(f"Not all results could be written to standard output ({because}). What was done stays done.", code)
    return metrics.finish(command, code, output.options.metrics) if command else code


def _stop(number: int, _frame: object) -> None:
    raise output.Stopped(number)
