"""``dbsvc db backup | rebuild | erase | prune | reconcile``: what keeps a database in order over the years."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dbsvc.cli import completion, output
from dbsvc.cli.database import DryRun, Yes, confirm, open_database


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write. It gets its name when it is whole.", show_default=False)
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
) -> None:
    """Copy a SQLite database into one file, consistent beside whoever writes. A server's is backed up by pg_dump."""
    from dbsvc.engine.housekeeping.backup import back_up

    with output.connect() as db, output.progress(file.name) as progress:
        copied = partial(progress, "copy")
        size = output.interruptible(db, lambda: back_up(db, file, overwrite=overwrite, progress=copied))
        output.show("", [{"database": db.dialect.label, "file": str(file), "bytes": size}], ["database", "file", "bytes"])


def rebuild(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            autocompletion=completion.derived,
            help="readings, or summaries; by default all.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Derive readings and summaries again from the stored events, as loading does; what somebody damaged is right again."""
    from dbsvc.engine.housekeeping.rebuild import rebuild as rebuilding

    with open_database() as db, output.progress(db.dialect.label) as progress:
        tables = output.interruptible(db, lambda: rebuilding(db, what, dry_run=dry_run, progress=progress))
    rows = [{"table": one.table, "rows": one.rows, "corrected": one.corrected, "dry_run": dry_run} for one in tables]
    output.show("", rows, ["table", "rows", "corrected"])
    if dry_run and any(one.corrected for one in tables):
        output.say("Nothing is changed yet. Without --dry-run these are corrected.")


def erase(
    customer: Annotated[str, typer.Option("--customer", metavar="NAME", help="The name, as it is stored.", show_default=False)],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Erase a person's name: a pseudonym takes its place, now and whenever the name is delivered again."""
    from dbsvc.engine.housekeeping.erase import erase as erasing

    with open_database() as db:
        confirm(f"Erase this name for good in {db.dialect.label}?", yes=yes or dry_run)
        erased = output.interruptible(db, lambda: erasing(db, customer, dry_run=dry_run), "erase")
    rows = [
        {"pseudonym": erased.pseudonym, "table": table, "records": records, "dry_run": dry_run}
        for table, records in erased.records.items()
    ]
    output.show("", rows, ["pseudonym", "table", "records"])
    if not any(erased.records.values()):
        output.say("Nothing has that name" + ("." if dry_run else ". Should it be delivered, the pseudonym is stored."))


def prune(
    before: Annotated[
        datetime,
        typer.Option("--before", metavar="DATE", formats=["%Y-%m-%d"], help="The first day to keep.", show_default=False),
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Delete old evidence: replaced versions of rows, records of closed rejects, results of checks, receivers long gone."""
    from dbsvc.engine.housekeeping.prune import prune as pruning

    with open_database() as db:
        confirm(f"Delete what is older than {before:%Y-%m-%d} in {db.dialect.label}?", yes=yes or dry_run)
        pruned = output.interruptible(db, lambda: pruning(db, before.date(), dry_run=dry_run), "prune")
    rows = [{"table": table, "pruned": records, "dry_run": dry_run} for table, records in pruned.items()]
    output.show("", rows, ["table", "pruned"])


def reconcile(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it may stay so; kept with the difference.")] = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Accept rows that somebody deleted, added or changed by hand: from now on the ledger counts with them."""
    from dbsvc.engine.housekeeping.reconcile import reconcile as reconciling

    with open_database() as db:
        confirm(f"Accept the rows of {db.dialect.label} as they are?", yes=yes or dry_run)
        differences = output.interruptible(db, lambda: reconciling(db, reason, dry_run=dry_run), "reconcile")
    columns = ["table", "expected", "found", "changed"]
    rows = [{name: getattr(one, name) for name in columns} | {"dry_run": dry_run} for one in differences]
    output.show("", rows, columns)
    if not rows:
        output.say("All tables have the rows that the ledger says.")
