"""``dbsvc fx``: exchange rates."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, metrics, output
from dbsvc.cli.database import open_database

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.fx.fetched import Asked, Fetched
    from dbsvc.engine.fx.rates import Plan, Step

_MOST_SHOWN = 50  # rates; of more, people are shown the unusual ones

#: what options are called that are no words of the engine
_CALLED = {
    "days": "--date, --from with --to",
    "first": "--from",
    "last": "--to",
    "missing": "--missing",
    "retry_unavailable": "--retry-unavailable",
    "currencies": "--currency",
    "time_frames": "--timeframe",
    "accept": "--accept",
    "refresh": "--refresh",
}

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
    from dbsvc.engine import arguments
    from dbsvc.engine.fx.fetched import Asked

    started = time.perf_counter()
    asked = Asked(
        day=arguments.day(date),
        first=arguments.day(first),
        last=arguments.day(last),
        missing=missing,
        currencies=currency or None,
        time_frames=timeframe,
        refresh=refresh,
        accept=accept,
        allow_provisional=allow_provisional,
        retry_unavailable=retry_unavailable,
    ).check(_CALLED)
    with open_database(create=bool(asked.day or asked.first) and not dry_run) as db:
        plan = asked.plan(db)
        if dry_run:
            _show_plan(plan)
            return
        code = _fetch(db, asked, plan, started)
    raise typer.Exit(code)


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


def _fetch(db: Database, asked: Asked, plan: Plan, started: float) -> int:
    """Make the calls, and show what they brought, also before an error; returns the exit code."""
    from dbsvc.engine.fx.fetched import Fetched, fetch
    from dbsvc.engine.fx.providers import provider_for
    from dbsvc.engine.settings import read_settings

    provider = provider_for(read_settings(), db.pause) if plan.calls else None
    steps: list[Step] = []
    stopped_by = None
    try:
        if provider:
            with output.progress(provider.name) as progress:
                work = partial(fetch, db, asked, plan, provider, progress=progress, tell=steps.append)
                stopped_by = output.interruptible(db, work).stopped_by
        else:
            fetch(db, asked, plan, None)
    finally:
        requests = provider.requests if provider else 0
        seconds = round(time.perf_counter() - started, 3)
        fetched = Fetched(asked, plan, tuple(steps), requests, db.retries, seconds)
        for sentence, code in fetched.problems.items():
            output.error(sentence, code)
        _show(fetched)
    if stopped_by:
        raise stopped_by
    return fetched.exit_code


def _show(fetched: Fetched) -> None:
    plan, counts, left = fetched.plan, fetched.count(), fetched.left
    requests, retries = fetched.requests, fetched.retries
    nothing = {"rate": None, "provisional": False}
    known = [{**row, "outcome": "already_stored"} for row in plan.stored]
    known += [{**nothing, **row, "outcome": "known_unavailable"} for row in plan.unavailable]
    rows = [*known, *fetched.rates]
    metrics.numbers.update(requests=requests, retries=retries)
    metrics.families["rates"].update({**counts, "left": len(left)})
    if output.results_are_json():
        output.objects(rows)
        more = {"left": len(left), "too_early": len(plan.too_early), "retries": retries, "seconds": fetched.seconds}
        output.objects([{"event": "fx", "requests": requests, **counts, **more}])
        return
    usual = ("stored", "already_stored", "unchanged")
    shown = rows if len(rows) <= _MOST_SHOWN else [row for row in rows if row["outcome"] not in usual]
    if shown:
        output.table("", [{**row, "outcome": _outcome(row)} for row in shown], ["rate_date", "currency", "rate", "outcome"])
    tally = Counter(str(row["outcome"]) for row in rows)
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
    for hint in hints + _plan_hints(plan, plan.unavailable if fetched.asked.missing else []):
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
