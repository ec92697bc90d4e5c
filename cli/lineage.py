"""``dbsvc lineage``: where a value came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands, completion, output
from dbsvc.cli.database import open_database

if TYPE_CHECKING:
    from dbsvc.engine.reports.lineage import Lineage

app = commands.group(
    help="Where a value came from: file, line, load, rules, earlier versions.",
    no_args_is_help=True,
    epilog=commands.examples(
        "dbsvc lineage row plants P1", "dbsvc lineage bill 2021-10-02 17", "dbsvc lineage reading INV-7 2025-04-01T06:00:00Z"
    ),
)

_AMOUNTS = ["product1_revenue", "product2_revenue", "product1_usd", "product2_usd", "rate"]
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
    _show_with_values(f"bill {bill_id} of {date:%Y-%m-%d}", found)


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
    _show_with_values(f"reading of {inverter_id} at {time}", found)


@app.command(
    cls=commands.Command,
    context_settings={"ignore_unknown_options": True},  # a key may be negative
    epilog=commands.examples("dbsvc lineage row usage 2021-10-02 17", "dbsvc lineage row plants P1"),
)
def row(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", autocompletion=completion.datasets, help="The dataset.", show_default=False)
    ],
    key: Annotated[list[str], typer.Argument(metavar="KEY...", help="The values of its key, in order.", show_default=False)],
) -> None:
    """Show every version of a row of any dataset, where each came from, and open rejects of its key."""
    from dbsvc.engine.reports.lineage import trace_row

    with open_database() as db:
        found = trace_row(db, dataset, key)
    if output.results_are_json():
        _objects(found)
        return
    versions = [{**version, "replaced_by": version["replaced_by_load_id"]} for version in found.versions]
    output.table(f"{dataset} {' '.join(key)}", versions, [*_ORIGIN, "published_at", "replaced_by"])
    rows = [
        {"field": name, "value": value, "before": found.replaced.get(name)} for name, value in found.current["values"].items()
    ]
    output.table("", rows, ["field", "value", "before"])
    _show_rest(found)


def _show_with_values(what: str, found: Lineage) -> None:
    versions = [{**version["values"], **version} for version in found.versions]
    if output.results_are_json():
        _objects(replace(found, versions=versions))
        return
    output.table(what, versions, [*_ORIGIN, *found.values], right=_AMOUNTS)
    origin = {name: found.current[name] for name in ("published_at", "rules", "sha256")}
    facts = {**(found.results[0] if found.results else {}), **origin}
    output.record("", {name: value for name, value in facts.items() if value is not None}, right=_AMOUNTS)
    _show_rest(found)


def _objects(found: Lineage) -> None:
    for kind, rows in (("version", found.versions), ("result", found.results), ("reject", found.rejects)):
        output.objects({"kind": kind, **row} for row in rows)
    if found.left_out:
        output.objects([{"kind": "rest", "older_versions": found.left_out}])


def _show_rest(found: Lineage) -> None:
    if found.left_out:
        output.say(f"{found.left_out:,} older versions are not shown.")
    if found.rejects:
        output.table("open rejects of this key", found.rejects, ["load_id", "source", "line_no", "reasons"])
