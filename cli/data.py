"""``dbsvc loads``, ``dbsvc rejects`` and ``dbsvc status``: the ledger, the quarantine, what is in the database."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import output, streams
from dbsvc.cli.files import written_whole

if TYPE_CHECKING:
    from dbsvc.engine import Database, Transaction
    from dbsvc.engine.ingest import Retried

_HELD = 65

loads = typer.Typer(help="The ledger: every delivery, how far it got, where its records went.", invoke_without_command=True)
rejects = typer.Typer(help="The quarantine: records that broke their contract.", invoke_without_command=True)

LoadId = Annotated[int, typer.Argument(help="The load's number, from `dbsvc loads`.", show_default=False)]
_SHOWN = 480  # bytes of a record that are looked at: 120 characters at least
Most = Annotated[int, typer.Option("--limit", min=1, help="How many rows to show.")]


@contextlib.contextmanager
def open_database(*, create: bool = False) -> Iterator[Database]:
    """Open the database that the settings name, and see to its schema; make what does not exist only if told to."""
    from dbsvc.engine.migrations import ensure_schema, require_schema

    with output.connect(create=create) as db:
        (ensure_schema if create else require_schema)(db)
        yield db


_MOST_PAST = 10  # records that are not current are shown of a load


@loads.callback()
def _loads(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_loads()


@loads.command("list")
def list_loads(limit: Most = 20) -> None:
    """List the newest loads."""
    with open_database() as db, db.snapshot() as tx:
        rows = tx.run("ledger/list_loads", most=limit).rows
        total = _count(tx, "loads")
    _show_loads("", rows)
    output.rest(len(rows), total, "loads", "dbsvc loads list")


@loads.command("show")
def show_load(load_id: LoadId) -> None:
    """Show one load: its state, its buckets, why it is held, which rules its rejects broke."""
    from dbsvc.engine.ingest import find_load, find_past

    with open_database() as db, db.snapshot() as tx:
        load = _plain(find_load(tx, load_id))
        past = find_past(tx, load, _MOST_PAST)
        chunks = tx.run("ledger/count_chunks", load_id=load_id).rows[0]
        reasons = tx.run("ledger/count_reasons", load_id=load_id).rows
    load |= {"chunks": chunks["chunks"], "staged_chunks": chunks["staged_chunks"]}
    if output.results_are_json():
        output.objects([{**load, "reasons": reasons, "past": past}])
        return
    fields = []
    for name, value in load.items():
        first, *others = (value or "").splitlines() or [None] if name == "held_because" else [value]  # a line each finding
        fields += [{"field": name, "value": first}, *({"field": "", "value": other} for other in others)]
    output.table("", fields, ["field", "value"])
    if reasons:
        output.table("rejected because", reasons, ["records", "reasons"])
    if past:
        output.table("not current" + (f", the first {_MOST_PAST}" if len(past) == _MOST_PAST else ""), past, list(past[0]))
    output.say(_NEXT[load["status"]].format(load_id=load_id, source=load["source"]))


_NEXT = {
    "staging": "Not all of it is staged. Run `dbsvc ingest {source}` to go on, or `dbsvc loads discard {load_id}`.",
    "staged": "Audited, not published yet. Run `dbsvc ingest {source}` to go on, or `dbsvc loads discard {load_id}`.",
    "held": "Nothing of it is published. `dbsvc loads release {load_id}` or `dbsvc loads discard {load_id}`.",
    "published": "Done. Its rejects: `dbsvc rejects show {load_id}`.",
    "discarded": "Nothing of it is published. `dbsvc loads release {load_id}` allows it to be loaded after all.",
}


@loads.command()
def release(load_id: LoadId) -> None:
    """Publish a held load as it is; or allow a discarded one to be loaded after all."""
    from dbsvc.engine import ingest

    with open_database() as db:
        load = output.interruptible(db, lambda: ingest.release(db, load_id))
    _show_loads("", [load])
    if load["status"] == "staging":
        output.say(f"The file is needed again: `dbsvc ingest {load['source']}` loads it, unaudited, as load {load['load_id']}.")


@loads.command()
def discard(load_id: LoadId) -> None:
    """Give up a load that is not published."""
    from dbsvc.engine import ingest

    with open_database() as db:
        _show_loads("", [ingest.discard(db, load_id)])


def _show_loads(title: str, rows: list[dict[str, Any]]) -> None:
    from dbsvc.engine.ingest import BUCKETS

    if output.results_are_json():
        output.objects(_plain(row) for row in rows)
    elif rows:
        output.ledger(title, rows, BUCKETS, "status")
    else:
        output.say("Nothing was loaded yet: `dbsvc ingest FILE`.")


def _plain(load: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in load.items() if name != "header"}


@rejects.callback()
def _rejects(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show_rejects()


@rejects.command("show")
def show_rejects(
    load_id: Annotated[int, typer.Argument(help="A load's number; by default all loads.", show_default=False)] = 0,
    limit: Most = 50,
) -> None:
    """Show rejected records: file, line, every broken rule, the record."""
    from dbsvc.engine.ingest import find_load

    with open_database() as db, db.snapshot() as tx:
        if load_id:
            find_load(tx, load_id)
        reasons = tx.run("ledger/count_reasons", load_id=load_id).rows
        total = sum(row["records"] for row in reasons) if load_id else _count(tx, "rejects")
        if not total and not output.results_are_json():
            output.say("No record was rejected.")
            return
        rows = tx.stream("ledger/list_rejects", load_id=load_id, most=limit)
        if output.results_are_json():
            output.objects(rows)
        else:
            shortened = [{**row, "raw_record": _shortened(row["raw_record"])} for row in rows]
            output.table("rejects", shortened, ["load_id", "source", "line_no", "reasons", "raw_record"])
    output.rest(min(limit, total), total, "rejects", f"dbsvc rejects show {load_id or ''}".rstrip())


def _count(tx: Transaction, table: str) -> int:
    return int(tx.run("schema/count_rows", table=table).rows[0]["row_count"])


def _shortened(record: bytes) -> str:
    shown = record[:_SHOWN].decode(errors="backslashreplace")
    return shown if len(record) <= _SHOWN and len(shown) <= 120 else shown[:120] + "…"


@rejects.command("export")
def export_rejects(
    load_id: LoadId,
    to: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Write a load's rejected records byte for byte as they came, under the file's header: to mend and ingest again."""
    from dbsvc.engine.errors import DbsvcError
    from dbsvc.engine.ingest import find_load

    with open_database() as db, db.snapshot() as tx:
        header = find_load(tx, load_id)["header"]
        try:
            with written_whole(to) if to else contextlib.nullcontext(sys.stdout.buffer) as file:
                if header:
                    file.write(header + b"\n")
                for row in tx.stream("ledger/export_rejects", load_id=load_id):
                    file.write(row["raw_record"] + b"\n")
                    if streams.failure():  # nobody reads on
                        break
        except OSError as error:
            raise DbsvcError(f"{to} cannot be written: {error.strerror}. It is as it was.") from error


@rejects.command("retry")
def retry_rejects(
    load_id: Annotated[int, typer.Argument(help="A load's number; by default all loads.", show_default=False)] = 0,
) -> None:
    """Judge rejected records again, by today's rules and registries; publish those that pass."""
    from dbsvc.engine import ingest
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    with open_database() as db:
        if load_id:
            with db.snapshot() as tx:
                ingest.find_load(tx, load_id)
        chosen = [one for one in ingest.find_retryable(db) if load_id in (0, one)]
        retried = output.interruptible(db, lambda: [ingest.retry(db, one, settings) for one in chosen])
    if output.results_are_json():
        output.objects(
            {"tried": one.tried, "passed": one.passed, "findings": one.findings, **_plain(one.load)} for one in retried
        )
    elif retried:
        rows = [{**one.load, "retried": f"{one.passed:,} of {one.tried:,} pass"} for one in retried]
        output.table("", rows, ["load_id", "status", "retried", "source"])
    else:
        output.say("There is nothing to retry.")
    for one in retried:
        _tell_findings(one)
    if any(one.findings for one in retried):
        raise typer.Exit(_HELD)


def _tell_findings(retried: Retried) -> None:
    """Say why records that pass were not published."""
    load_id = retried.load["load_id"]
    for finding in retried.findings:
        if retried.load["status"] == "held":
            output.say(f"Load {load_id} is held still: {finding}. `dbsvc loads release {load_id}` or `discard {load_id}`.")
        else:
            output.say(
                f"Load {load_id}: the records that pass stay in quarantine, for with them {finding}. They are in order? "
                f"`dbsvc rejects export {load_id}`, and ingest that as a file, which can be released."
            )


def status() -> None:
    """Show what is in the database: its tables, its newest loads, the newest days of inverters."""
    with open_database() as db, db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
        counts = [{"table": table, "rows": _count(tx, table)} for table in tables if "yoyo" not in table]
        newest = tx.run("ledger/list_loads", most=5).rows
        days = tx.run("report/newest_days", most=5).rows
    if output.results_are_json():
        shown = [_plain(row) for row in newest]
        output.objects([{"database": db.dialect.label, "tables": counts, "loads": shown, "daily_summary": days}])
        return
    output.say(db.dialect.label)
    output.table("", counts, ["table", "rows"])
    _show_loads("newest loads", newest)
    total = next(row["rows"] for row in counts if row["table"] == "loads")
    output.rest(len(newest), total, "loads", "dbsvc loads list")
    if days:
        output.table("newest days", days, list(days[0])[:7])
