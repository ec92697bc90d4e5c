"""``dbsvc lineage``: where a value came from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands, output
from dbsvc.cli.database import open_database

if TYPE_CHECKING:
    from dbsvc.engine.reports.lineage import Lineage

app = commands.group(
    help="Where a value came from: file, line, load, rules, earlier versions.",
    no_args_is_help=True,
    epilog=commands.examples("dbsvc lineage bill 2021-10-02 17", "dbsvc lineage reading INV-7 2025-04-01T06:00:00Z"),
)

_ORIGIN = ["state", "load_id", "source", "line_no"]


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc lineage bill 2021-10-02 17"))
def bill(
    date: Annotated[
        datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="The bill's date.", show_default=False)
    ],
    bill_id: Annotated[int, typer.Argument(metavar="BILL", help="The bill's id.", show_default=False)],
) -> None:
    """Show every version of a bill, where each came from, and what the bill is in USD at which rate."""
    from dbsvc.engine.reports.lineage import trace_bill

    with open_database() as db:
        found = trace_bill(db, date.date(), bill_id)
    _show(f"bill {bill_id} of {date:%Y-%m-%d}", found)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc lineage reading INV-7 2025-04-01T06:00:00Z"))
def reading(
    inverter_id: Annotated[str, typer.Argument(metavar="INVERTER", help="The inverter's id.", show_default=False)],
    time: Annotated[
        str,
        typer.Argument(metavar="TIME", help="The moment, as 2025-04-01T06:00:00Z; UTC if it has no zone.", show_default=False),
    ],
) -> None:
    """Show every version of the events that carried a reading, where each came from, and the reading itself."""
    from dbsvc.engine.reports.lineage import trace_reading

    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        raise typer.BadParameter("The moment must be a time such as 2025-04-01T06:00:00Z.") from error
    with open_database() as db:
        found = trace_reading(db, inverter_id, moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    _show(f"reading of {inverter_id} at {time}", found)


def _show(what: str, found: Lineage) -> None:
    if output.results_are_json():
        output.objects({"kind": "version", **row} for row in found.versions)
        output.objects({"kind": "result", **row} for row in found.results)
        return
    output.table(what, found.versions, [*_ORIGIN, *found.values], right=["product1_revenue", "product2_revenue"])
    origin = {name: found.current[name] for name in ("published_at", "rules", "sha256")}
    facts = {**(found.results[0] if found.results else {}), **origin}
    fields = [{"field": name, "value": output.plain(value)} for name, value in facts.items() if value is not None]
    output.table("", fields, ["field", "value"])
