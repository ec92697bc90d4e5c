"""``dbsvc status``: what is in the database, once or again and again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands, output, sparks, streams
from dbsvc.cli.database import open_database
from dbsvc.cli.loads import show_loads

if TYPE_CHECKING:
    from dbsvc.engine.reports.status import Status

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc status                        tables, newest loads, newest days",
    "dbsvc status --watch --every 5      again and again, until Ctrl-C",
    "dbsvc status -o json                for a program",
)
_CLEAR = "\x1b[H\x1b[2J"


@app.command(cls=commands.Command, epilog=_EXAMPLES)
def status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C; off a terminal a line each time.")
    ] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.2, help="With --watch: how often.")] = 2.0,
) -> None:
    """Show what is in the database: its tables, its newest loads and days of inverters, notifications that are owed."""
    from dbsvc.engine.reports.status import read_status

    with open_database() as db:
        if not watch:
            _show(db.dialect.label, read_status(db))
            return
        try:
            while not streams.failure():
                found = db.retry(lambda: read_status(db))
                if streams.redraws(sys.stdout) and not output.results_are_json():
                    print(_CLEAR, end="")
                _show(db.dialect.label, found)
                sys.stdout.flush()
                db.pause(every)
        except output.Stopped as stopped:  # which is how it ends
            raise typer.Exit(stopped.exit_code) from None


def _show(label: str, found: Status) -> None:
    loads = found.newest.loads
    if output.results_are_json():
        shown = [output.load_row(load) for load in loads]
        owed = [
            {"receiver": one.receiver, "notices": one.notices, "since": one.since, "because": one.because}
            for one in found.undelivered
        ]
        named = {"tables": found.tables, "loads": shown, "daily_summary": found.days, "undelivered": owed}
        output.objects([{"database": label, **named}])
        return
    output.say(label)
    filled = [table for table in found.tables if table["rows"]]
    output.table("", filled, ["table", "rows"])
    output.say(f"{len(found.tables) - len(filled)} other tables are empty.")
    show_loads("newest loads", loads)
    output.rest(len(loads), found.newest.total, "loads", "dbsvc loads --limit 0")
    sparks.show_activity(found.newest.activity)
    if found.days:
        output.table("newest days", found.days, list(found.days[0])[:7])
    for one in found.undelivered:
        output.say(f"Notifications: {one} The next run that names it tries again.")
