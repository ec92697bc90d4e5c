"""``dbsvc revenue``: what was earned, in USD."""

from __future__ import annotations

import csv
import io
import logging
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import output
from dbsvc.cli.data import open_database

if TYPE_CHECKING:
    from dbsvc.engine.revenue import Uncounted


class By(StrEnum):
    """What revenue is grouped by."""

    day = "day"
    customer = "customer"
    product = "product"
    currency = "currency"


_COLUMNS = {By.day: "bill_date", By.customer: "customer_name", By.currency: "currency"}
_BAR = 20  # characters
#: What begins a formula in some spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def revenue(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day; by default all.", show_default=False)
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day; by default all.", show_default=False)
    ] = None,
    by: Annotated[By, typer.Option(help="What to group by.")] = By.day,
    explain: Annotated[bool, typer.Option("--explain", help="Show which rates were used, and where they come from.")] = False,
) -> None:
    """Show revenue in USD, exactly. Bills whose rate is missing are listed apart, and never counted as zero."""
    from dbsvc.engine.revenue import find_uncounted

    if first and last and first > last:
        raise typer.BadParameter("--from is after --to.")
    if explain and output.results_are_csv():
        raise typer.BadParameter("--explain goes with --output table or json.")
    span = {"first": first.date() if first else date.min, "last": last.date() if last else date.max}
    with open_database() as db, db.snapshot() as tx:
        tx.run("report/hold_bills")
        if by is By.product:
            rows = tx.run("revenue/by_product", **span).rows
        else:
            rows = tx.run("revenue/by", by=_COLUMNS[by], **span).rows
        missing = tx.run("revenue/missing_rates", **span).rows
        used = tx.run("revenue/used_rates", **span).rows if explain else []
        uncounted = find_uncounted(tx, **span)
    groups = [_without(row, "is_total") for row in rows if not row["is_total"]]
    (total,) = [_without(row, "is_total", "label") for row in rows if row["is_total"]]
    if by in (By.customer, By.currency):
        groups.sort(key=lambda row: (row["revenue_usd"] is None, -Decimal(row["revenue_usd"] or 0), row["label"]))
    if output.results_are_csv():
        _write_csv(by, groups, [*total], missing, uncounted)
    elif output.results_are_json():
        output.objects({"kind": "revenue", by.value: row["label"], **_without(row, "label")} for row in groups)
        output.objects({"kind": "missing_rate", **row} for row in missing)
        output.objects({"kind": "used_rate", **row} for row in used)
        output.objects({"kind": "unpublished_load", **row} for row in uncounted.unpublished)
        output.objects([{"event": "revenue", "by": by.value, **total, "missing_rates": len(missing), **_sums(uncounted)}])
    else:
        _show(by, groups, total, missing, used)
        for sentence in _sentences(uncounted):
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


def _write_csv(
    by: By, groups: list[dict[str, Any]], columns: list[str], missing: list[dict[str, Any]], uncounted: Uncounted
) -> None:
    from dbsvc.engine.log import event

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([by.value, *columns])
    writer.writerows([_harmless(output.plain(row[column])) for column in ("label", *columns)] for row in groups)
    sys.stdout.buffer.write(text.getvalue().encode())  # UTF-8 on every terminal: a file has no other way to be exact
    for row in missing:
        event("missing_rate", logging.WARNING, **row)
    if uncounted:
        event("uncounted", logging.WARNING, **_sums(uncounted))


def _harmless(cell: str) -> str:
    """Return what a spreadsheet takes for a text where it would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell


def _show(
    by: By, groups: list[dict[str, Any]], total: dict[str, Any], missing: list[dict[str, Any]], used: list[dict[str, Any]]
) -> None:
    from rich.bar import Bar

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
            **{column: "missing" if row[column] is None else f"{Decimal(row[column]):,.2f}" for column in amounts},
            "": Bar(largest, 0, _cents(row["revenue_usd"]), width=_BAR),
        }
        for row in groups
    ]
    output.table("", rows, [by.value, *counts, *amounts, ""], right=amounts)
    if total["revenue_usd"] is not None:
        exact, lacking = Decimal(total["revenue_usd"]), total["bills_without_rate"]
        extent = f"without {lacking:,} of {total['bills']:,} bills" if lacking else "in all"
        output.say(f"{exact:,.2f} USD {extent}; exactly {exact:f}.")
    if missing:
        output.table("without a rate, in no sum above", missing, ["rate_date", "currency", "bills", "amount"], right=["amount"])
        output.say("`dbsvc fx --missing` fetches these rates, and `--dry-run` says in how many calls.")
    if used:
        rates = [{**row, "revenue_usd": f"{Decimal(row['revenue_usd']):,.2f}", "state": _state(row)} for row in used]
        columns = ["rate_date", "currency", "amount", "rate", "revenue_usd", "provider", "state"]
        output.table("rates used, in units for 1 USD", rates, columns, right=["amount", "rate", "revenue_usd"])


def _state(rate: dict[str, Any]) -> str:
    words = [f"provisional, of {rate['quoted_at']:%Y-%m-%d %H:%M:%S}" if rate["provisional"] else "final"]
    return "; ".join([*words, *([f"quoted {rate['disputed_rate']} by now"] if rate["disputed_rate"] else [])])


def _cents(amount: Any) -> int:
    return int(Decimal(amount or 0) * 100)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
