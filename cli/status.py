"""``dbsvc status``: what is in the database."""

from __future__ import annotations

from dbsvc.cli import commands, output
from dbsvc.cli.database import open_database
from dbsvc.cli.loads import show_loads

EXAMPLES = commands.examples(
    "dbsvc status            tables, newest loads, newest days",
    "dbsvc status -o json    for a program",
)


def status() -> None:
    """Show what is in the database: its tables, its newest loads, the newest days of inverters."""
    from dbsvc.engine.reports.status import read_status

    with open_database() as db:
        found = read_status(db)
    loads = found.newest.loads
    if output.results_are_json():
        shown = [output.load_row(load) for load in loads]
        output.objects([{"database": db.dialect.label, "tables": found.tables, "loads": shown, "daily_summary": found.days}])
        return
    output.say(db.dialect.label)
    output.table("", found.tables, ["table", "rows"])
    show_loads("newest loads", loads)
    output.rest(len(loads), found.newest.total, "loads", "dbsvc loads list")
    if found.days:
        output.table("newest days", found.days, list(found.days[0])[:7])
