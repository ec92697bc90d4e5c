"""``dbsvc rejects``: the quarantine."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import output, streams
from dbsvc.cli.database import open_database
from dbsvc.cli.files import written_whole
from dbsvc.cli.loads import LoadId, Most

if TYPE_CHECKING:
    from dbsvc.engine.loads.model import Retried

app = typer.Typer(help="The quarantine: records that broke their contract.", invoke_without_command=True)

_HELD = 65
_SHOWN = 480  # bytes of a record that are looked at: 120 characters at least


@app.callback()
def _rejects(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show_rejects()


@app.command("show")
def show_rejects(
    load_id: Annotated[int, typer.Argument(help="A load's number; by default all loads.", show_default=False)] = 0,
    limit: Most = 50,
) -> None:
    """Show rejected records: file, line, every broken rule, the record."""
    from dbsvc.engine.reports import rejects

    with open_database() as db, db.snapshot():
        total = rejects.count_rejects(db, load_id or None)
        if not total and not output.results_are_json():
            output.say("No record was rejected.")
            return
        rows = rejects.list_rejects(db, load_id or None, limit)
        if output.results_are_json():
            output.objects(rows)
        else:
            shortened = [{**row, "raw_record": _shortened(row["raw_record"])} for row in rows]
            output.table("rejects", shortened, ["load_id", "source", "line_no", "reasons", "raw_record"])
    output.rest(min(limit, total), total, "rejects", f"dbsvc rejects show {load_id or ''}".rstrip())


def _shortened(record: bytes) -> str:
    shown = record[:_SHOWN].decode(errors="backslashreplace")
    return shown if len(record) <= _SHOWN and len(shown) <= 120 else shown[:120] + "…"


@app.command("export")
def export_rejects(
    load_id: LoadId,
    to: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Write a load's rejected records byte for byte as they came, under the file's header: to correct and ingest again."""
    from dbsvc.engine.errors import DbsvcError
    from dbsvc.engine.reports import rejects

    with open_database() as db, contextlib.closing(rejects.export_rejects(db, load_id)) as records:
        first = next(records, None)  # before anything is written it is seen that there is such a load
        try:
            with written_whole(to) if to else contextlib.nullcontext(sys.stdout.buffer) as file:
                if first is not None:
                    file.write(first + b"\n")
                for record in records:
                    file.write(record + b"\n")
                    if streams.failure():  # nobody reads on
                        break
        except OSError as error:
            raise DbsvcError(f"{to} cannot be written: {error.strerror}. It is as it was.") from error


@app.command("retry")
def retry_rejects(
    load_id: Annotated[int, typer.Argument(help="A load's number; by default all loads.", show_default=False)] = 0,
) -> None:
    """Validate rejected records again, by today's rules and registries; publish those that pass."""
    from dbsvc.engine.errors import InputError
    from dbsvc.engine.loads import operations
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    failures: list[InputError] = []

    def work() -> list[Retried]:
        retried = []
        for one in operations.find_retryable(db, load_id or None):
            try:
                retried.append(operations.retry(db, one, settings))
            except InputError as failure:  # of one load, which keeps no other from being retried
                failures.append(failure)
        return retried

    with open_database() as db:
        retried = output.interruptible(db, work)
    if output.results_are_json():
        output.objects(
            {"tried": one.tried, "passed": one.passed, "findings": one.findings, **output.load_row(one.load)} for one in retried
        )
    elif retried:
        rows = [{**output.load_row(one.load), "retried": f"{one.passed:,} of {one.tried:,} pass"} for one in retried]
        output.table("", rows, ["load_id", "status", "retried", "source"])
    elif not failures:
        output.say("There is nothing to retry.")
    for one in retried:
        _tell_findings(one)
    for failure in failures:
        output.error(str(failure), failure.exit_code)
    if failures or any(one.findings for one in retried):
        raise typer.Exit(_HELD)


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
