"""``dbsvc rejects``: the quarantine."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands, completion, output, streams, waiting
from dbsvc.cli.database import Yes, confirm, open_database
from dbsvc.cli.files import written_whole
from dbsvc.cli.loads import LoadId, Most
from dbsvc.cli.notify import Notify, Teller

if TYPE_CHECKING:
    from dbsvc.engine.db.dialect import Row
    from dbsvc.engine.loads.model import Retried, RetriedLoads
    from dbsvc.engine.reports.rejects import Reason

app = commands.group(
    help="The quarantine: records that broke their contract.",
    invoke_without_command=True,
    epilog=commands.examples(
        "dbsvc rejects                               what is open, and why",
        "dbsvc rejects export 17 > corrected.csv     to correct, and ingest again",
        "dbsvc rejects retry                         when rules or registries changed",
    ),
)

_HELD = 65


Closed = Annotated[bool, typer.Option("--all", help="Also those that are mended or dismissed.")]
AnyLoad = Annotated[
    int,
    typer.Argument(
        metavar="LOAD", autocompletion=completion.loads, help="A load's number; by default all loads.", show_default=False
    ),
]


@app.callback()
def _rejects(context: typer.Context, closed: Closed = False, limit: Most = 50) -> None:
    if context.invoked_subcommand is None:
        show_rejects(closed=closed, limit=limit)


@app.command(
    "show", cls=commands.Command, epilog=commands.examples("dbsvc rejects show", "dbsvc rejects show 17 --all --limit 200")
)
def show_rejects(load_id: AnyLoad = 0, closed: Closed = False, limit: Most = 50) -> None:
    """Show open rejects: which rules they broke in all; then each one's file, line, broken rules, and the record."""
    from dbsvc.engine.reports import rejects

    with open_database() as db, db.snapshot():
        states = rejects.count_rejects(db, load_id or None)
        total = states.total() - states["retried"] if closed else states["open"]
        if not output.results_are_json():
            if total:
                _show_reasons(rejects.sum_reasons(db, load_id or None, closed=closed))
            _say_closed(states, load_id, closed=closed)
        rows = rejects.list_rejects(db, load_id or None, limit or sys.maxsize, closed=closed)
        if output.results_are_json():
            output.objects(rows)
        elif total:
            columns = ["load_id", "source", "line_no", *(["state"] if closed else []), "reasons", "raw_record"]
            output.table("rejects", map(_shown, rows), columns)
    command = f"dbsvc rejects show {load_id or ''}".rstrip() + (" --all" if closed else "")
    output.rest(min(limit or total, total), total, "rejects", f"{command} --limit 0")


@app.command("reasons", cls=commands.Command, epilog=commands.examples("dbsvc rejects reasons", "dbsvc rejects reasons 17"))
def show_reasons(load_id: AnyLoad = 0, closed: Closed = False) -> None:
    """Show how many open rejects broke which rule, of how many loads."""
    from dbsvc.engine.reports import rejects

    with open_database() as db, db.snapshot():
        states = rejects.count_rejects(db, load_id or None)
        reasons = rejects.sum_reasons(db, load_id or None, closed=closed)
        if output.results_are_json():
            output.objects(asdict(reason) for reason in reasons)
            return
        if reasons:
            _show_reasons(reasons)
        _say_closed(states, load_id, closed=closed)


def _show_reasons(reasons: Sequence[Reason]) -> None:
    output.table("reasons", [asdict(reason) for reason in reasons], ["records", "loads", "reason"])


def _say_closed(states: Counter[str], load_id: int, *, closed: bool) -> None:
    """Say what is not shown, or that there is nothing."""
    ended = {state: states[state] for state in ("mended", "dismissed", "discarded", "reverted") if states[state]}
    if not ended and not states["open"]:
        output.say("No record was rejected." if not states["retried"] else "No reject is left: all passed a retry.")
    elif ended and not closed:
        nothing = "" if states["open"] else "No reject is open. "
        counted = ", ".join(f"{records:,} {state}" for state, records in ended.items())
        output.say(f"{nothing}Not shown: {counted}. `dbsvc rejects show {f'{load_id} ' if load_id else ''}--all` shows them.")


def _shown(row: Row) -> Row:
    state = row["state"]
    if state == "mended":
        state = f"mended by {row['mended_by_load_id']}:{row['mended_by_line_no']}"
    elif row["reason"]:
        state = f"{state}: {row['reason']}"
    source = f"{row['source']} ({row['version']})" if row["version"] else row["source"]
    return {**row, "source": source, "state": state, "raw_record": output.shortened(row["raw_record"])}


@app.command(
    "export",
    cls=commands.Command,
    epilog=commands.examples("dbsvc rejects export 17 > corrected.csv", "dbsvc rejects export 17 --to corrected.csv"),
)
def export_rejects(
    load_id: LoadId,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to this file instead of standard output.")] = None,
    closed: Closed = False,
) -> None:
    """Write a load's open rejects byte for byte as they came, under the file's header: to correct and ingest again."""
    from dbsvc.engine.errors import DbsvcError
    from dbsvc.engine.log import event
    from dbsvc.engine.reports import rejects

    with open_database() as db, contextlib.closing(rejects.export_rejects(db, load_id, closed=closed)) as records:
        first = next(records, None)  # before anything is written it is seen that there is such a load
        try:
            as_it_came = bool(to) or not output.stdout_is_terminal()
            with written_whole(to) if to else contextlib.nullcontext(sys.stdout.buffer) as file:
                for record in itertools.chain([] if first is None else [first], records):
                    file.write((record if as_it_came else _harmless(record)) + b"\n")
                    if streams.failure():  # nobody reads on
                        break
        except OSError as error:
            raise DbsvcError(f"{to} cannot be written: {error.strerror}. It is as it was.") from error
        states = rejects.count_rejects(db, load_id)
    if left_out := 0 if closed else states["mended"] + states["dismissed"]:
        event(
            "closed_rejects_left_out", logging.WARNING, load_id=load_id, records=left_out, all=f"rejects export {load_id} --all"
        )


def _harmless(record: bytes) -> bytes:
    """Return a record as a terminal may see it: nothing in it moves the cursor, or turns the direction of reading."""
    text = record.decode(errors="backslashreplace").replace("\t", " ")
    return output.printable(text).encode(sys.stdout.encoding, errors="replace")


@app.command(
    "dismiss", cls=commands.Command, epilog=commands.examples('dbsvc rejects dismiss 17 --line 3 --line 8 --reason "a test"')
)
def dismiss_rejects(
    load_id: LoadId,
    line: Annotated[
        list[int] | None, typer.Option(metavar="LINE", min=1, help="The reject on this line; may be given again.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why nobody needs them, for whoever looks later.")] = None,
    yes: Yes = False,
) -> None:
    """Close open rejects of a load that nobody is going to correct. They keep their bytes: `rejects show --all`."""
    from dbsvc.engine.loads import operations

    which = f"{len(line):,} of the rejects" if line else "all open rejects"
    with open_database() as db:
        confirm(f"Dismiss {which} of load {load_id} in {db.dialect.label}?", yes=yes)
        done = operations.dismiss(db, load_id, line, reason)
    if output.results_are_json():
        output.objects([{"load_id": load_id, "dismissed": done.records, "open": done.left, "reason": reason}])
    elif done.records:
        output.say(f"Load {load_id}: {done.records:,} dismissed, {done.left:,} open.")
    else:
        output.say(f"Load {load_id}: nothing of that is open, so nothing was dismissed; {done.left:,} open.")


@app.command("retry", cls=commands.Command, epilog=commands.examples("dbsvc rejects retry", "dbsvc rejects retry 17"))
def retry_rejects(load_id: AnyLoad = 0, notify: Notify = None) -> None:
    """Validate rejected records again, by today's rules and registries; publish those that pass. Dismissed ones stay."""
    from dbsvc.engine.loads import operations
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    teller = Teller(notify, settings)
    with open_database() as db:
        found = output.interruptible(db, lambda: operations.retry_all(db, settings, load_id or None), "retry")
        _show_retried(found)
        teller.tell(db)
    if found.errors or any(one.findings for one in found.loads):
        raise typer.Exit(_HELD)


def _show_retried(found: RetriedLoads) -> None:
    """Show what passes now, and why the rest does not."""
    retried = found.loads
    if output.results_are_json():
        output.objects(
            {"tried": one.tried, "passed": one.passed, "findings": one.findings, **output.load_row(one.load)} for one in retried
        )
    elif retried:
        rows = [{**output.load_row(one.load), "retried": f"{one.passed:,} of {one.tried:,} pass"} for one in retried]
        output.table("", rows, ["load_id", "status", "retried", "source"])
    elif not found.errors:
        output.say("There is nothing to retry.")
    for one in retried:
        _tell_findings(one)
    for brought, loads in found.waiting.items():
        output.say(waiting.hint(brought, loads))
    for error in found.errors:
        output.error(str(error), error.exit_code)


def _tell_findings(retried: Retried) -> None:
    """Say why records that pass were not published."""
    load_id = retried.load.load_id
    for finding in retried.findings:
        if retried.load.status == "held":
            output.say(f"Load {load_id} is held still: {finding}. `dbsvc loads release {load_id}` or `discard {load_id}`.")
        else:
            output.say(
                f"Load {load_id}: the records that pass stay in quarantine, for with them {finding}. They are in order? "
                f"`dbsvc rejects export {load_id}`, and ingest that as a file, which can be released."
            )
