"""``dbsvc revenue``: what was earned, in USD."""

from __future__ import annotations

import csv
import io
import logging
import re
import sys
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, output, sparks, streams
from dbsvc.cli.database import open_database
from dbsvc.engine.reports.revenue import By

if TYPE_CHECKING:
    from dbsvc.engine.db.dialect import Row
    from dbsvc.engine.reports.revenue import Revenue, Uncounted

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc revenue                                  by day",
    "dbsvc revenue --by customer --from 2021-10-01  by customer, from a day on",
    "dbsvc revenue --explain                        with the rates that were used",
    "dbsvc revenue -o csv > revenue.csv             for a spreadsheet",
)

_BAR = 20  # characters
_MOST = 40  # rows of a table
#: What begins a formula in some spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class Spreadsheet(commands.Command):
    """A command whose results can be shown as CSV, too."""

    formats = (*commands.Command.formats, "csv")


@app.command(cls=Spreadsheet, epilog=_EXAMPLES)
def revenue(
    first: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DATE", formats=["%Y-%m-%d"], help="The first day; by default all.", show_default=False),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", metavar="DATE", formats=["%Y-%m-%d"], help="The last day; by default all.", show_default=False),
    ] = None,
    by: Annotated[By, typer.Option(help="What to group by.")] = By.day,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            "--top",
            metavar="N",
            min=0,
            help="How many rows a table shows: the largest, of days the newest; 0 for all.",
        ),
    ] = _MOST,
    explain: Annotated[bool, typer.Option("--explain", help="Show which rates were used, and where they come from.")] = False,
) -> None:
    """Show revenue in USD, exactly. Bills whose rate is missing are listed apart, and never counted as zero."""
    from dbsvc.engine import arguments
    from dbsvc.engine.reports import revenue as reports

    days = arguments.days(first, last, ("--from", "--to"))
    if explain and output.results_are_csv():
        raise typer.BadParameter("--explain goes with --output table or json.")
    with open_database() as db:
        found = reports.revenue(db, *days, by=by, with_rates=explain)
    if output.results_are_csv():
        _write_csv(by, found)
    elif output.results_are_json():
        output.objects({"kind": "revenue", by.value: row["label"], **_without_label(row)} for row in found.groups)
        output.objects({"kind": "missing_rate", **row} for row in found.missing)
        output.objects({"kind": "used_rate", **row} for row in found.used)
        output.objects({"kind": "unpublished_load", **row} for row in found.uncounted.unpublished)
        counts = {"missing_rates": len(found.missing), **_sums(found.uncounted)}
        output.objects([{"event": "revenue", "by": by.value, **found.total, **counts}])
    else:
        _show(by, found, limit or sys.maxsize, _command(first, last, by, explain=explain))
        for sentence in _sentences(found.uncounted):
            output.say(sentence)


def _sums(uncounted: Uncounted) -> dict[str, int]:
    return {
        "bills_quarantined": uncounted.quarantined,
        "bills_quarantined_of_unknown_day": uncounted.quarantined_of_unknown_day,
        "bills_unpublished": sum(load["bills"] for load in uncounted.unpublished),
    }


def _sentences(uncounted: Uncounted) -> list[str]:
    """Say what is in no sum, and where to look."""
    sentences = []
    if uncounted.quarantined or uncounted.quarantined_of_unknown_day:
        unknown = uncounted.quarantined_of_unknown_day
        days = f"{uncounted.quarantined:,} of these days" + (f", {unknown:,} of unknown day" if unknown else "")
        sentences.append(f"In quarantine, and in no sum above: {days}. `dbsvc rejects` says why.")
    return sentences + [
        f"Not published, and in no sum above: {load['bills']:,} of these days in load {load['load_id']}, which is "
        f"{load['status']}. Look: `dbsvc loads show {load['load_id']}`."
        for load in uncounted.unpublished
    ]


def _write_csv(by: By, found: Revenue) -> None:
    from dbsvc.engine.log import event

    columns = list(found.total)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([by.value, *columns])
    writer.writerows([_harmless(output.plain(row[column])) for column in ("label", *columns)] for row in found.groups)
    sys.stdout.buffer.write(text.getvalue().encode())  # UTF-8 on every terminal: a file has no other way to be exact
    for row in found.missing:
        event("missing_rate", logging.WARNING, **row)
    if found.uncounted:
        event("uncounted", logging.WARNING, **_sums(found.uncounted))


def _harmless(cell: str) -> str:
    """Return what a spreadsheet takes for a text where it would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell


def _command(first: datetime | None, last: datetime | None, by: By, *, explain: bool) -> str:
    """Return the command that shows all of the same."""
    days = "".join(f" --{name} {day:%Y-%m-%d}" for name, day in (("from", first), ("to", last)) if day)
    groups = "" if by is By.day else f" --by {by.value}"
    return f"dbsvc revenue{days}{groups}{' --explain' if explain else ''} --limit 0"


def _show(by: By, found: Revenue, most: int, command: str) -> None:
    groups, total, missing, used = found.groups, found.total, found.missing, found.used
    if not groups:
        output.say("There are no bills in these days.")
        return
    amounts = [column for column in total if column.endswith("_usd")]
    counts = ["bills"] if by is By.product or not missing else ["bills", "bills_without_rate"]
    largest = max(_cents(row["revenue_usd"]) for row in groups) or 1
    rows = [
        {
            by.value: row["label"],
            **{column: row[column] for column in counts},
            **{column: "missing" if row[column] is None else Decimal(f"{Decimal(row[column]):.2f}") for column in amounts},
            "": streams.shape("█" * round(_BAR * _cents(row["revenue_usd"]) / largest)),
        }
        for row in (groups[-most:] if by is By.day else groups[:most])
    ]
    output.table("", rows, [by.value, *counts, *amounts, ""], right=amounts)
    output.rest(len(rows), len(groups), f"{by.value}s" if by is not By.currency else "currencies", command)
    if by is By.day:
        by_day = {row["label"]: None if row["bills_without_rate"] else Decimal(row["revenue_usd"] or 0) for row in groups}
        sparks.show_by_day("revenue a day", by_day)
    if total["revenue_usd"] is not None:
        exact, lacking = Decimal(total["revenue_usd"]), total["bills_without_rate"]
        extent = f"without {lacking:,} of {total['bills']:,} bills" if lacking else "in all"
        output.say(f"{exact:,.2f} USD {extent}; exactly {exact:f}.")
    if missing:
        columns = ["rate_date", "currency", "bills", "amount"]
        output.table("without a rate, in no sum above", missing[:most], columns, right=["amount"])
        output.rest(len(missing[:most]), len(missing), "missing rates", command)
        output.say("`dbsvc fx --missing` fetches these rates, and `--dry-run` says in how many calls.")
    if used:
        rates = [
            {**row, "revenue_usd": Decimal(f"{Decimal(row['revenue_usd']):.2f}"), "state": _state(row)} for row in used[:most]
        ]
        columns = ["rate_date", "currency", "amount", "rate", "revenue_usd", "provider", "state"]
        output.table("rates used, in units for 1 USD", rates, columns, right=["amount", "rate", "revenue_usd"])
        output.rest(len(rates), len(used), "rates", command)


def _state(rate: dict[str, Any]) -> str:
    words = [f"provisional, of {rate['quoted_at']:%Y-%m-%d %H:%M:%SZ}" if rate["provisional"] else "final"]
    return "; ".join([*words, *([f"quoted {rate['disputed_rate']} by now"] if rate["disputed_rate"] else [])])


def _cents(amount: Any) -> int:
    return int(Decimal(amount or 0) * 100)


def _without_label(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "label"}
