"""``dbsvc loads``: the ledger."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, output, sparks, waiting
from dbsvc.cli.database import DryRun, Yes, confirm, open_database
from dbsvc.cli.notify import Notify, Teller
from dbsvc.engine.limits import MOST_PAST
from dbsvc.engine.loads.model import LoadStatus

if TYPE_CHECKING:
    from dbsvc.engine.loads.model import Load

app = commands.group(
    help="The ledger: every delivery, how far it got, where its records went.",
    invoke_without_command=True,
    epilog=commands.examples(
        "dbsvc loads              the newest loads",
        "dbsvc loads show 17      one of them, and what to do next",
        "dbsvc loads release 17   publish one that is held",
    ),
)

LoadId = Annotated[
    int,
    typer.Argument(
        metavar="LOAD", autocompletion=completion.loads, help="The load's number, from `dbsvc loads`.", show_default=False
    ),
]
Most = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="How many rows to show; 0 for all.")]
Of = Annotated[
    str,
    typer.Option(
        "--dataset",
        metavar="DATASET",
        autocompletion=completion.datasets,
        help="Only the loads of this dataset.",
        show_default=False,
    ),
]
In = Annotated[
    LoadStatus | None, typer.Option("--status", metavar="STATE", help="Only the loads in this state.", show_default=False)
]
Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"],
        help="Only what was registered since this moment (UTC), such as 2021-10-01.",
        show_default=False,
    ),
]
Named = Annotated[
    str, typer.Option("--source", metavar="TEXT", help="Only the loads of files whose name has this in it.", show_default=False)
]

_HELD = 65


@app.callback()
def _loads(
    context: typer.Context,
    dataset: Of = "",
    status: In = None,
    since: Since = None,
    source: Named = "",
    limit: Most = 20,
) -> None:
    if context.invoked_subcommand is None:
        list_loads(dataset, status, since, source, limit)


@app.command("list", cls=commands.Command, epilog=commands.examples("dbsvc loads list --status held --since 2021-10-01"))
def list_loads(dataset: Of = "", status: In = None, since: Since = None, source: Named = "", limit: Most = 20) -> None:
    """List the newest loads: when each came, how large it was, how long it took, where its records went."""
    from dbsvc.engine.reports import loads

    wanted: dict[str, Any] = {"dataset": dataset, "status": status.value if status else "", "name_part": source}
    if since:
        wanted["since"] = since.replace(tzinfo=UTC)
    with open_database() as db:
        newest = loads.list_loads(db, limit or sys.maxsize, loads.Wanted(**wanted))
    if any(wanted.values()) and not newest.loads:
        output.say("There is no such load; `dbsvc loads` lists all.")
        return
    show_loads("", newest.loads)
    asked = {
        "dataset": dataset,
        "status": wanted["status"],
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}" if since else "",
        "source": source,
    }
    filters = "".join(f" --{name} {shlex.quote(value)}" for name, value in asked.items() if value)
    output.rest(len(newest.loads), newest.total, "loads", f"dbsvc loads{filters} --limit 0")
    if not filters:
        sparks.show_activity(newest.activity)


@app.command("show", cls=commands.Command, epilog=commands.examples("dbsvc loads show 17", "dbsvc loads show 17 -o json"))
def show_load(load_id: LoadId) -> None:
    """Show one load: its state, its buckets, why it is held, which rules its rejects broke."""
    from dbsvc.engine.reports import loads

    with open_database() as db:
        details = loads.show_load(db, load_id, most_past=MOST_PAST)
    columns = {**output.load_row(details.load), "chunks": details.chunks, "staged_chunks": details.staged_chunks}
    if details.profile:
        columns["profile"] = details.profile
    if details.version:
        columns["version"] = details.version
    if output.results_are_json():
        output.objects([{**columns, "reasons": details.reasons, "rejects": details.rejects, "past": details.past}])
        return
    findings = (details.load.held_because or "").splitlines()
    output.record("", {**columns, "held_because": "; ".join(findings) or None, "duration": details.load.duration})
    if details.reasons:
        output.table("rejected because", details.reasons, ["records", "reasons"])
    if details.rejects:
        output.say("Rejects: " + ", ".join(f"{records:,} {state}" for state, records in details.rejects.items()) + ".")
    if past := details.past:
        output.table("not current" + (f", the first {MOST_PAST}" if len(past) == MOST_PAST else ""), past, list(past[0]))
    output.say(_NEXT[details.load.status].format(load_id=load_id, source=shlex.quote(details.load.source)))


_NEXT = {
    "staging": "Not all of it is staged. Run `dbsvc ingest {source}` to go on, or `dbsvc loads discard {load_id}`.",
    "staged": "Audited, not published yet. `dbsvc loads publish {load_id}`, or `dbsvc loads discard {load_id}`.",
    "held": "Nothing of it is published. `dbsvc loads release {load_id}` or `dbsvc loads discard {load_id}`.",
    "published": "Done. Its rejects: `dbsvc rejects show {load_id}`. To take it back: `dbsvc loads revert {load_id}`.",
    "reverted": "Taken back: no row stands by it. `dbsvc ingest {source}` loads it again.",
    "discarded": "Nothing of it is published. `dbsvc loads release {load_id}` allows it to be loaded after all.",
}


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc loads release 17"))
def release(load_id: LoadId, notify: Notify = None) -> None:
    """Publish a held load as it is; or allow a discarded one to be loaded after all."""
    from dbsvc.engine.loads import operations

    teller = Teller(notify)
    with open_database() as db:
        load = output.interruptible(db, lambda: operations.release(db, load_id), "release")
        hints = waiting.find_hints(db, [load])
        show_loads("", [load])
        for hint in hints:
            output.say(hint)
        if load.status == "staging":
            again = f"`dbsvc ingest {shlex.quote(load.source)}` loads it, unaudited, as load {load.load_id}."
            output.say(f"The file is needed again: {again}")
        teller.tell(db)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc loads publish 17"))
def publish(load_id: LoadId, notify: Notify = None) -> None:
    """Publish a load of which all is staged; its file is not needed."""
    from dbsvc.engine.loads import operations
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    teller = Teller(notify, settings)
    with open_database() as db:
        load = output.interruptible(db, lambda: operations.publish_staged(db, load_id, settings), "publish")
        show_loads("", [load])
        if load.status != "published":
            output.say(_NEXT[load.status].format(load_id=load.load_id, source=shlex.quote(load.source)))
        teller.tell(db)
    if load.status != "published":
        raise typer.Exit(_HELD)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc loads discard 17"))
def discard(
    load_id: LoadId,
    yes: Yes = False,
    notify: Notify = None,
) -> None:
    """Give up a load that is not published: what is staged of it is deleted."""
    from dbsvc.engine.loads import operations

    teller = Teller(notify)
    with open_database() as db:
        confirm(f"Delete what is staged of load {load_id} in {db.dialect.label}?", yes=yes)
        load = output.interruptible(db, lambda: operations.discard(db, load_id), "discard")
        show_loads("", [load])
        teller.tell(db)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc loads revert 17 --dry-run", "dbsvc loads revert 17"))
def revert(
    load_id: LoadId,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Take back a published load: its rows go, and what they had replaced stands again."""
    from dbsvc.engine.loads import revert as reverting

    with open_database() as db:
        confirm(f"Take back load {load_id} in {db.dialect.label}?", yes=yes or dry_run)
        reverted = output.interruptible(db, lambda: reverting.revert(db, load_id, dry_run=dry_run), "revert")
    columns = {
        "load_id": load_id,
        "status": reverted.load.status,
        "rows_removed": reverted.removed,
        "rows_restored": reverted.restored,
        "source": reverted.load.source,
    }
    repeating = reverted.perhaps_repeated_by
    if output.results_are_json():
        output.objects([{**columns, "dry_run": dry_run, "perhaps_repeated_by": repeating}])
        return
    output.table("", [columns], list(columns))
    if dry_run:
        output.say("Nothing was changed: this is what would be.")
    else:
        output.say(f"Taken back. `dbsvc ingest {shlex.quote(reverted.load.source)}` loads these bytes again.")
    for later in repeating:
        output.say(
            f"Load {later['load_id']} repeated {later['records']:,} rows that were there already, perhaps by load {load_id}: "
            f"`dbsvc ingest --again {shlex.quote(later['source'])}` brings them back."
        )


def show_loads(title: str, loads: Sequence[Load]) -> None:
    """Show loads: how their buckets add up to the records read."""
    from dbsvc.engine.loads.model import BUCKETS

    rows = [output.load_row(load) for load in loads]
    if output.results_are_json():
        output.objects(rows)
    elif rows:
        told = [{**row, "duration": load.duration} for row, load in zip(rows, loads, strict=True)]
        output.ledger(title, told, BUCKETS, "dataset", "status", "registered_at", "bytes", "duration")
    else:
        output.say("Nothing was loaded yet: `dbsvc ingest FILE`.")
