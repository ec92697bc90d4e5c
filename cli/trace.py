"""``dbsvc trace``: where a value came from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import output
from dbsvc.cli.data import open_database

if TYPE_CHECKING:
    from dbsvc.engine.database import Row

app = typer.Typer(help="Where a value came from: file, line, load, rules, earlier versions.", no_args_is_help=True)

_ORIGIN = ["state", "load_id", "source", "line_no"]


@app.command()
def bill(
    date: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The bill's date.", show_default=False)],
    bill_id: Annotated[int, typer.Argument(help="The bill's id.", show_default=False)],
) -> None:
    """Show every version of a bill, where each came from, and what the bill is in USD at which rate."""
    key = {"bill_date": date.date(), "bill_id": bill_id}
    with open_database() as db, db.snapshot() as tx:
        tx.run("report/hold_bills")
        versions = tx.run("trace/bill", **key).rows
        in_usd = tx.run("trace/bill_in_usd", **key).rows
    _show(
        f"bill {bill_id} of {date:%Y-%m-%d}",
        versions,
        [*_ORIGIN, "customer_name", "currency", "product1_revenue", "product2_revenue"],
        in_usd,
    )


@app.command()
def reading(
    inverter_id: Annotated[str, typer.Argument(help="The inverter's id.", show_default=False)],
    time: Annotated[
        str, typer.Argument(help="The moment, as 2025-04-01T06:00:00Z; UTC if it has no zone.", show_default=False)
    ],
) -> None:
    """Show every version of the events that carried a reading, where each came from, and the reading itself."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        raise typer.BadParameter("The moment must be a time such as 2025-04-01T06:00:00Z.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    key = {"inverter_id": inverter_id, "event_time": moment.astimezone(UTC)}
    with open_database() as db, db.snapshot() as tx:
        versions = tx.run("trace/reading_events", **key).rows
        readings = tx.run("trace/reading", **key).rows
    _show(
        f"reading of {inverter_id} at {time}",
        versions,
        [*_ORIGIN, "event_id", "ac_power", "ac_power_unit", "energy_wh_total"],
        readings,
    )


def _show(what: str, versions: list[Row], columns: list[str], results: list[Row]) -> None:
    from dbsvc.engine.errors import InputError

    if not versions:
        raise InputError(f"There is no {what}, and never was; `dbsvc rejects` shows what was not accepted.")
    if output.results_are_json():
        output.objects({"kind": "version", **row} for row in versions)
        output.objects({"kind": "result", **row} for row in results)
        return
    output.table(what, versions, columns, right=["product1_revenue", "product2_revenue"])
    newest = next((version for version in versions if version["state"] == "current"), versions[-1])
    facts = {**(results[0] if results else {}), **{name: newest[name] for name in ("published_at", "rules", "sha256")}}
    fields = [{"field": name, "value": output.plain(value)} for name, value in facts.items() if value is not None]
    output.table("", fields, ["field", "value"])
