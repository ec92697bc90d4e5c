"""``dbsvc fx``: exchange rates."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, metrics, output
from dbsvc.cli.database import open_database

if TYPE_CHECKING:
    from datetime import date

    from dbsvc.engine import Database, DbsvcError
    from dbsvc.engine.fx.rates import Pair, Plan
    from dbsvc.engine.progress import Progress

_UNAVAILABLE, _REFUSED, _NOT_FINAL = 65, 69, 75  # exit codes
_MOST_SHOWN = 50  # rates; of more, people are shown the unusual ones

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc fx --missing                             what bills need and lack",
    "dbsvc fx --missing --dry-run                   how many calls that costs",
    "dbsvc fx --date 2021-10-02 --currency EUR      one rate",
    "dbsvc fx --from 2021-10-01 --to 2021-10-31     the rates of a month",
)


@app.command(cls=commands.Command, epilog=_EXAMPLES)
def fx(
    date: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="One day.", show_default=False)
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DATE", formats=["%Y-%m-%d"], help="The first of several days.", show_default=False),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", metavar="DATE", formats=["%Y-%m-%d"], help="The last of them.", show_default=False),
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Every day and currency that bills need and lack.")] = False,
    currency: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            autocompletion=completion.currencies,
            help="Only these, by their codes; by default EUR, GBP and ILS, with --missing all.",
            show_default=False,
        ),
    ] = None,
    timeframe: Annotated[
        bool, typer.Option("--timeframe", help="Up to 365 days a call; needs a plan that includes it.")
    ] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for stored rates again, and record what changed.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="With --refresh: use what changed; the old rates are kept.")] = False,
    allow_provisional: Annotated[
        bool, typer.Option("--allow-provisional", help="Store rates that are not final, until they are.")
    ] = False,
    retry_unavailable: Annotated[
        bool,
        typer.Option("--retry-unavailable", help="Ask again for what the provider did not have; by itself for all of that."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many calls it would cost, and ask nobody.")] = False,
) -> None:
    """Fetch historical exchange rates against USD, and store them once.

    What is stored costs no call, nor what the provider is known not to have.
    """
    from dbsvc.engine.fx.rates import plan as find_calls

    named_codes = (code.strip().upper() for codes in currency or () for code in codes.split(","))
    codes = list(dict.fromkeys(code for code in named_codes if code))
    named = (date is not None) + (first is not None or last is not None) + missing
    if named > 1 or not (named or retry_unavailable):
        raise typer.BadParameter("Name the days by one of --date, --from with --to, --missing, and --retry-unavailable.")
    if (first is None) != (last is None):
        raise typer.BadParameter("--from and --to go together.")
    if first and last and first > last:
        raise typer.BadParameter("--from is after --to.")
    if currency and not codes:
        raise typer.BadParameter("--currency names currencies by their codes, such as EUR,ILS.")
    if timeframe and date:
        raise typer.BadParameter("--timeframe goes with --from and --to, with --missing, or with --retry-unavailable.")
    if accept and not refresh:
        raise typer.BadParameter("--accept goes with --refresh.")
    if refresh and not (date or first):
        raise typer.BadParameter("--refresh goes with --date, or with --from and --to.")
    span = [day.date() for day in (first or date, last or date) if day]
    started = time.perf_counter()
    with open_database(create=bool(span) and not dry_run) as db:
        pairs = _find_pairs(db, span, codes, missing=missing)
        plan = find_calls(db, pairs, refresh=refresh, retry_unavailable=retry_unavailable, time_frames=timeframe)
        if dry_run:
            _show_plan(plan)
            return
        code = _carry_out(db, plan, started, unattended=missing, allow_provisional=allow_provisional, accept=accept)
    raise typer.Exit(code)


def _find_pairs(db: Database, span: list[date], codes: list[str], *, missing: bool) -> list[Pair]:
    from dbsvc.engine.fx import rates as fx

    fx.check_currencies(db, codes)
    if span:
        return [(day, code) for day in fx.days(span[0], span[-1]) for code in codes or fx.CURRENCIES]
    pairs = fx.find_needed(db) if missing else fx.find_unavailable(db)
    return [pair for pair in pairs if not codes or pair[1] in codes]


def _show_plan(plan: Plan) -> None:
    calls = [{"from": call.first, "to": call.last, "currencies": " ".join(call.currencies)} for call in plan.calls]
    lacking = sum(len(call.wanted) for call in plan.calls)
    if output.results_are_json():
        output.objects(calls)
        numbers = {"calls": len(calls), "rates": lacking, "already_stored": len(plan.stored)}
        numbers |= {"known_unavailable": len(plan.unavailable), "too_early": len(plan.too_early)}
        output.objects([{"event": "fx", "dry_run": True, **numbers}])
        return
    if calls:
        output.table("", calls, ["from", "to", "currencies"])
    output.say(
        f"{_count(len(calls), 'call')} for {_count(lacking, 'rate')}; {len(plan.stored):,} already stored. Nothing was asked."
    )
    if calls:
        output.say("If the provider does not have all of them, finding out which costs more calls.")
    for hint in _plan_hints(plan, plan.unavailable):
        output.say(hint)


def _carry_out(db: Database, plan: Plan, started: float, *, unattended: bool, **choices: bool) -> int:
    """Make the calls, and show what they brought, also before an error; returns the exit code."""
    from dbsvc.engine.fx.providers import provider_for
    from dbsvc.engine.fx.rates import carry_out
    from dbsvc.engine.settings import read_settings

    provider = provider_for(read_settings(), db.pause) if plan.calls else None
    rows: list[dict[str, Any]] = []
    failures: list[tuple[date, DbsvcError]] = []

    def work(progress: Progress) -> None:
        assert provider
        for step in carry_out(db, provider, plan, **choices):
            rows.extend(step.rows)
            if step.error:
                failures.append((step.call.first, step.error))
            progress("fetch", len(rows), sum(len(call.wanted) for call in plan.calls))

    try:
        if plan.calls:
            with output.progress(provider.name if provider else "") as progress:
                output.interruptible(db, lambda: work(progress))
    finally:
        code = _tell_errors(rows, failures, plan, unattended=unattended)
        requests = provider.requests if provider else 0
        seconds = round(time.perf_counter() - started, 3)
        _show(rows, plan, requests, unattended=unattended, retries=db.retries, seconds=seconds)
    return code


def _tell_errors(rows: list[dict[str, Any]], failures: list[tuple[date, DbsvcError]], plan: Plan, *, unattended: bool) -> int:
    """Tell what did not come, once each; returns the exit code."""
    from dbsvc.engine.fx.unavailable import explain_unavailable
    from dbsvc.engine.log import event

    told: dict[str, int] = {}
    for day, error in failures:
        told.setdefault(f"{day}: {error}" if len(plan.calls) > 1 else str(error), error.exit_code)
    told |= {row["because"]: _REFUSED for row in rows if row["outcome"] == "refused"}
    lacking = [row for row in rows if row["outcome"] == "unavailable"]
    if unattended and plan.unavailable:  # told as an error in the night it was found
        event("known_unavailable", logging.WARNING, rates=len(plan.unavailable), because=explain_unavailable(plan.unavailable))
    elif not unattended:
        lacking += plan.unavailable
    if lacking:
        told[explain_unavailable(lacking)] = _UNAVAILABLE
    for sentence, code in told.items():
        output.error(sentence, code)
    return next(iter(told.values()), _NOT_FINAL if any(row["outcome"] == "not_final" for row in rows) else 0)


def _show(rows: list[dict[str, Any]], plan: Plan, requests: int, *, unattended: bool, retries: int, seconds: float) -> None:
    from dbsvc.engine.fx.rates import OUTCOMES

    nothing = {"rate": None, "provisional": False}
    known = [{**row, "outcome": "already_stored"} for row in plan.stored]
    known += [{**nothing, **row, "outcome": "known_unavailable"} for row in plan.unavailable]
    asked = {(row["rate_date"], row["currency"]) for row in rows}
    left = {pair for call in plan.calls for pair in call.wanted} - asked
    rows = known + rows
    tally = Counter(row["outcome"] for row in rows)
    counts = {outcome: tally[outcome] for outcome in (*OUTCOMES, "already_stored", "known_unavailable")}
    metrics.numbers.update(requests=requests, retries=retries)
    metrics.families["rates"].update({**counts, "left": len(left)})
    if output.results_are_json():
        output.objects(rows)
        more = {"left": len(left), "too_early": len(plan.too_early), "retries": retries, "seconds": seconds}
        output.objects([{"event": "fx", "requests": requests, **counts, **more}])
        return
    usual = ("stored", "already_stored", "unchanged")
    shown = rows if len(rows) <= _MOST_SHOWN else [row for row in rows if row["outcome"] not in usual]
    if shown:
        output.table("", [{**row, "outcome": _outcome(row)} for row in shown], ["rate_date", "currency", "rate", "outcome"])
    parts = [f"{_count(tally[outcome], 'rate')} {outcome.replace('_', ' ')}" for outcome in tally]
    otherwise = "No rate was stored" if plan.calls else "No rate is missing"
    output.say(f"{', '.join(parts) or otherwise}; {_count(requests, 'request') if requests else 'no request was made'}.")
    hints = _hints(tally, sum(bool(row["provisional"]) for row in rows))
    if len(shown) < len(rows):
        hints.insert(0, f"{len(rows) - len(shown):,} of these rates are as usual and not shown: --output json shows all.")
    if left and (rows or len(plan.calls) > 1):
        days = len({day for day, _ in left})
        hints.append(
            f"{_count(len(left), 'rate')} of {_count(days, 'day')} {'is' if len(left) == 1 else 'are'} left. What was stored "
            "stays: the same command goes on from there."
        )
    for hint in hints + _plan_hints(plan, plan.unavailable if unattended else []):
        output.say(hint)


def _outcome(row: dict[str, Any]) -> str:
    words = str(row["outcome"]).replace("_", " ")
    if row["outcome"] in ("disputed", "not_final") and row["quoted_rate"] is not None:
        words += f": quoted {row['quoted_rate']}"
    return f"{words}, provisional" if row["provisional"] else words


def _hints(tally: Counter[str], provisional: int) -> list[str]:
    hints = []
    if tally["disputed"]:
        hints.append(
            "The provider now quotes otherwise what is stored. Revenue goes on with the stored rates, the others are in "
            "fx_rates_history; to use them instead, add --accept."
        )
    if tally["not_final"]:
        hints.append("What is not final was not stored. Run the same command again later, or add --allow-provisional.")
    if tally["unavailable"]:
        hints.append("What is unavailable is remembered, and not asked again; `dbsvc fx --retry-unavailable` does.")
    if provisional:
        hints.append("Provisional rates are replaced when `dbsvc fx` is asked for them again, as `dbsvc fx --missing` does.")
    return hints


def _plan_hints(plan: Plan, unavailable: list[dict[str, Any]]) -> list[str]:
    """Say what is not asked for."""
    from dbsvc.engine.fx.unavailable import explain_unavailable

    hints = []
    if unavailable:
        hints.append(f"{_count(len(unavailable), 'rate')} not asked for: {explain_unavailable(unavailable)}")
    if plan.too_early:
        days = len({day for day, _ in plan.too_early})
        hints.append(f"Bills of {_count(days, 'day')} not over yet, by UTC, wait for their rates.")
    return hints


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
