"""``dbsvc fx``: exchange rates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import output, signals
from dbsvc.cli.data import open_database

if TYPE_CHECKING:
    from datetime import date

    from dbsvc.engine import Database
    from dbsvc.engine.fx import Plan

_NOT_FINAL = 75
_MOST_SHOWN = 50  # rates; of more, people are shown the unusual ones


def fx(
    date: Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="One day.", show_default=False)] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first of several days.", show_default=False)
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last of them.", show_default=False)
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Every day and currency that bills need and lack.")] = False,
    currency: Annotated[
        list[str] | None,
        typer.Option(help="Only these, by their codes; by default EUR, GBP and ILS, with --missing all.", show_default=False),
    ] = None,
    timeframe: Annotated[
        bool, typer.Option("--timeframe", help="Up to 365 days a call; needs a plan that includes it.")
    ] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for stored rates again, and record what changed.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="With --refresh: use what changed; the old rates are kept.")] = False,
    allow_provisional: Annotated[
        bool, typer.Option("--allow-provisional", help="Store rates that are not final, until they are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many calls it would cost, and ask nobody.")] = False,
) -> None:
    """Fetch historical exchange rates against USD, and store them once. What is stored costs no call."""
    codes = sorted({code.strip().upper() for codes in currency or () for code in codes.split(",") if code.strip()})
    if (date is not None) + (first is not None or last is not None) + missing != 1:
        raise typer.BadParameter("Name the days by one of --date, --from with --to, and --missing.")
    if (first is None) != (last is None):
        raise typer.BadParameter("--from and --to go together.")
    if first and last and first > last:
        raise typer.BadParameter("--from is after --to.")
    if currency and not codes:
        raise typer.BadParameter("--currency names currencies by their codes, such as EUR,ILS.")
    if timeframe and date:
        raise typer.BadParameter("--timeframe goes with --from and --to, or with --missing.")
    if accept and not refresh:
        raise typer.BadParameter("--accept goes with --refresh.")
    if refresh and missing:
        raise typer.BadParameter("--refresh goes with --date, or with --from and --to.")
    span = None if missing else tuple(day.date() for day in (first or date, last or date) if day)
    started = time.perf_counter()
    with open_database() as db:
        plan = _plan(db, span, codes, refresh=refresh, time_frames=timeframe)
        if dry_run:
            _show_plan(plan)
            return
        code = _carry_out(db, plan, started, allow_provisional=allow_provisional, accept=accept)
    raise typer.Exit(code)


def _plan(db: Database, span: tuple[date, ...] | None, codes: list[str], **choices: bool) -> Plan:
    from dbsvc.engine import fx

    fx.check_currencies(db, codes)
    if span:
        pairs = [(day, code) for day in fx.days(span[0], span[-1]) for code in codes or fx.CURRENCIES]
    else:
        pairs = [pair for pair in fx.find_needed(db) if not codes or pair[1] in codes]
    return fx.plan(db, pairs, **choices)


def _show_plan(plan: Plan) -> None:
    calls = [{"from": call.first, "to": call.last, "currencies": " ".join(call.currencies)} for call in plan.calls]
    lacking = sum(len(call.wanted) for call in plan.calls)
    if output.results_are_json():
        output.objects(calls)
        output.objects(
            [{"event": "fx", "dry_run": True, "calls": len(calls), "rates": lacking, "already_stored": len(plan.stored)}]
        )
        return
    if calls:
        output.table("", calls, ["from", "to", "currencies"])
    output.say(
        f"{_count(len(calls), 'call')} for {_count(lacking, 'rate')}; {len(plan.stored):,} already stored. Nothing was asked."
    )


def _carry_out(db: Database, plan: Plan, started: float, **choices: bool) -> int:
    """Make the calls, and show what they brought, also before an error; returns the exit code."""
    from dbsvc.engine.errors import NoRatesError
    from dbsvc.engine.fx import fetch
    from dbsvc.engine.providers import provider_for
    from dbsvc.engine.settings import read_settings

    provider = provider_for(read_settings(), db.pause) if plan.calls else None
    rows: list[dict[str, Any]] = [{**row, "outcome": "already_stored"} for row in plan.stored]
    without: list[NoRatesError] = []

    def work(progress: Callable[[int, int], None]) -> None:
        assert provider
        for done, call in enumerate(plan.calls, 1):
            try:
                rows.extend(fetch(db, provider, call, **choices))
            except NoRatesError as error:  # another day may have them
                without.append(error)
            progress(done, len(plan.calls))

    try:
        if plan.calls:
            with output.progress("rates", "calls") as progress:
                output.interruptible(db, lambda: work(progress))
    finally:
        for error in without:
            output.error(str(error), error.exit_code)
        requests = provider.requests if provider else 0
        _show(rows, plan, requests, no_rates=len(without), retries=db.retries, seconds=round(time.perf_counter() - started, 3))
    if without:
        return without[0].exit_code
    return _NOT_FINAL if any(row["outcome"] == "not_final" for row in rows) else 0


def _show(rows: list[dict[str, Any]], plan: Plan, requests: int, retries: int, **more: Any) -> None:
    from dbsvc.engine.fx import OUTCOMES

    tally = Counter(row["outcome"] for row in rows)
    line = {"requests": requests, **{outcome: tally[outcome] for outcome in (*OUTCOMES, "already_stored")}}
    line |= {"too_early": len(plan.too_early), "retries": retries, **more}
    signals.numbers.update(requests=requests, retries=retries)
    signals.families["rates"].update({outcome: tally[outcome] for outcome in (*OUTCOMES, "already_stored")})
    if output.results_are_json():
        output.objects(rows)
        output.objects([{"event": "fx", **line}])
        return
    usual = ("stored", "already_stored", "unchanged")
    shown = rows if len(rows) <= _MOST_SHOWN else [row for row in rows if row["outcome"] not in usual]
    if shown:
        output.table("", [{**row, "outcome": _outcome(row)} for row in shown], ["rate_date", "currency", "rate", "outcome"])
    parts = [f"{_count(tally[outcome], 'rate')} {outcome.replace('_', ' ')}" for outcome in tally]
    nothing = "No rate was stored" if plan.calls else "No rate is missing"
    output.say(f"{', '.join(parts) or nothing}; {_count(requests, 'request') if requests else 'no request was made'}.")
    for hint in _hints(tally, plan, sum(bool(row["provisional"]) for row in rows)):
        output.say(hint)


def _outcome(row: dict[str, Any]) -> str:
    words = str(row["outcome"]).replace("_", " ")
    if row["outcome"] in ("disputed", "not_final"):
        words += f": quoted {row['quoted_rate']}"
    return f"{words}, provisional" if row["provisional"] else words


def _hints(tally: Counter[str], plan: Plan, provisional: int) -> list[str]:
    hints = []
    if tally["disputed"]:
        hints.append(
            "The provider now quotes otherwise what is stored. Revenue goes on with the stored rates, the others are in "
            "fx_rates_history; to use them instead, add --accept."
        )
    if tally["not_final"]:
        hints.append("What is not final was not stored. Run the same command again later, or add --allow-provisional.")
    if provisional:
        hints.append("Provisional rates are replaced when `dbsvc fx` is asked for them again, as `dbsvc fx --missing` does.")
    if plan.too_early:
        days = len({day for day, _ in plan.too_early})
        hints.append(f"Bills of {_count(days, 'day')} not over yet, by UTC, wait for their rates.")
    return hints


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
