"""``dbsvc db``: the schema, and housekeeping."""

from __future__ import annotations

from typing import Annotated

import typer

from dbsvc.cli import commands, housekeeping, output

app = commands.group(
    help="The database's schema, and housekeeping.",
    no_args_is_help=True,
    epilog=commands.examples("dbsvc db status", "dbsvc db migrate", "dbsvc db backup backup.db"),
)
app.command(
    cls=commands.Command, epilog=commands.examples("dbsvc db backup backup.db", "dbsvc db backup backup.db --overwrite")
)(housekeeping.backup)
app.command(cls=commands.Command, epilog=commands.examples("dbsvc db rebuild --dry-run", "dbsvc db rebuild summaries"))(
    housekeeping.rebuild
)
app.command(cls=commands.Command, epilog=commands.examples('dbsvc db erase --customer "Jane Doe"'))(housekeeping.erase)
app.command(
    cls=commands.Command,
    epilog=commands.examples("dbsvc db prune --before 2023-01-01 --dry-run", "dbsvc db prune --before 2023-01-01"),
)(housekeeping.prune)
app.command(
    cls=commands.Command,
    epilog=commands.examples("dbsvc db reconcile --dry-run", 'dbsvc db reconcile --reason "test rows deleted"'),
)(housekeeping.reconcile)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc db migrate"))
def migrate() -> None:
    """Bring the schema up to date. A new database gets it by itself."""
    from dbsvc.engine import migrate as apply

    with output.connect(create=True) as db:
        with output.progress(db.dialect.label) as progress:
            applied = output.interruptible(db, lambda: apply(db, progress))
        output.show("", [{"database": db.dialect.label, "applied": applied}], ["database", "applied"])


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc db status"))
def status() -> None:
    """Show which migrations the database has, and which it lacks."""
    from dbsvc.engine.migrations import read_schema

    with output.connect() as db:
        schema = read_schema(db)
        rows = [{"migration": name, "state": "applied"} for name in schema.applied]
        rows += [{"migration": name, "state": "pending"} for name in schema.pending]
        for name in schema.foreign:
            output.say(f"{name} is of a project that is not here: DBSVC_PROJECT names another one, or its file is gone.")
        output.say(db.dialect.absent() or db.dialect.label)
        output.show("", rows, ["migration", "state"])


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc db reset"))
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete ALL data: take back every migration, and apply them again."""
    from dbsvc.engine import migrations

    with output.connect() as db:
        if not yes:
            typer.confirm(f"Delete all data in {db.dialect.label}?", abort=True, err=True)
        output.interruptible(db, lambda: migrations.reset(db), "reset")
        output.say(f"{db.dialect.label} is empty.")
