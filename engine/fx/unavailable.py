"""What a provider does not have, said in one sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dbsvc.engine.db.dialect import Row

_MOST_NAMED = 5  # days or currencies in a sentence


def explain_unavailable(rows: list[Row]) -> str:
    """Say in one sentence what the provider does not have, and what to do."""
    unknown = sorted({row["currency"] for row in rows if row["reason"] == "currency_unknown"})
    days_of = defaultdict(set)
    for row in rows:
        if row["reason"] != "currency_unknown":
            days_of[row["currency"]].add(row["rate_date"])
    currencies_of = defaultdict(list)  # which have the same days
    for currency, days in sorted(days_of.items()):
        currencies_of[tuple(sorted(days))].append(currency)
    parts = [f"does not know {_listed(unknown)}"] if unknown else []
    parts += [f"has no rates of {_listed(currencies)} for {_listed(days)}" for days, currencies in currencies_of.items()]
    return (
        f"{rows[0]['provider']} {_listed(parts, '; ')}: correct the bills where their currency or date is wrong, or ask again "
        "later with `dbsvc fx --retry-unavailable`."
    )


def _listed(things: Sequence[object], mark: str = ", ") -> str:
    named = [str(thing) for thing in things[:_MOST_NAMED]]
    more = len(things) - len(named)
    return mark.join([*named, f"and {more:,} more"] if more else named)
