"""Exchange rates: what is needed and lacking, in how few calls it can be had, and storing what a provider answers, once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dbsvc.engine.database import Database, Row, Transaction
from dbsvc.engine.decimals import plain
from dbsvc.engine.errors import InputError
from dbsvc.engine.log import event
from dbsvc.engine.providers import BASE, Provider, Quote

CURRENCIES = ("EUR", "GBP", "ILS")  # what is fetched if nothing else is asked for

#: What becomes of a quote; ``sql/fx/store`` decides.
OUTCOMES = ("stored", "replaced", "disputed", "unchanged", "not_final")

_LONGEST_FRAME = 365  # days

Pair = tuple[date, str]


@dataclass(frozen=True)
class Call:
    """One call of a provider: a day, or a time frame, and the currencies that are wanted of it."""

    first: date
    last: date
    currencies: tuple[str, ...]
    #: the days and currencies that it is made for: a time frame brings others along
    wanted: frozenset[Pair]


@dataclass(frozen=True)
class Plan:
    """The calls to make, the rates that are stored already, and what cannot be asked yet because its day is not over."""

    calls: list[Call]
    stored: list[Row]
    too_early: list[Pair]


def days(first: date, last: date) -> list[date]:
    """Return the days from ``first`` to ``last``. Raises InputError unless they are over."""
    if last >= _today():
        yesterday = _today() - timedelta(1)
        raise InputError(
            f"{last} is not over yet, and a rate is final when its day has ended by UTC: ask for {yesterday} or earlier."
        )
    return [first + timedelta(offset) for offset in range((last - first).days + 1)]


def find_needed(db: Database) -> list[Pair]:
    """Return every day and currency that bills need a rate for, and that lacks a final one."""
    with db.snapshot() as tx:
        return [(row["rate_date"], row["currency"]) for row in tx.run("fx/needed_rates").rows]


def check_currencies(db: Database, codes: Collection[str]) -> None:
    """Raise InputError for what needs no rate, or is no currency."""
    if BASE in codes:
        raise InputError(f"{BASE} needs no rate: every rate is against it.")
    with db.snapshot() as tx:
        known = {row["code"] for row in tx.run("fx/currencies").rows}
    if unknown := sorted(set(codes) - known):
        raise InputError(f"Not a currency of ISO 4217: {', '.join(unknown)}.")


def plan(db: Database, wanted: Collection[Pair], *, refresh: bool = False, time_frames: bool = False) -> Plan:
    """Find the calls that bring what is wanted and not stored; with ``refresh`` also what is stored."""
    today = _today()
    too_early = [pair for pair in wanted if pair[0] >= today]
    pairs = set(wanted) - set(too_early)
    if not pairs:
        return Plan([], [], too_early)
    with db.snapshot() as tx:
        found = tx.run("fx/stored_rates", first=min(pairs)[0], last=max(pairs)[0]).rows
    stored = [row for row in found if not refresh and not row["provisional"] and (row["rate_date"], row["currency"]) in pairs]
    lacking = pairs - {(row["rate_date"], row["currency"]) for row in stored}
    frames: list[list[Pair]] = []
    longest = timedelta(_LONGEST_FRAME if time_frames else 1)
    for pair in sorted(lacking):
        if not frames or pair[0] - frames[-1][0][0] >= longest:
            frames.append([])
        frames[-1].append(pair)
    calls = [
        Call(frame[0][0], frame[-1][0], tuple(sorted({currency for _, currency in frame})), frozenset(frame))
        for frame in frames
    ]
    return Plan(calls, stored, too_early)


def fetch(db: Database, provider: Provider, call: Call, *, allow_provisional: bool = False, accept: bool = False) -> list[Row]:
    """Make a call, and store what it brings in one transaction. Returns for each rate what became of it.

    Nothing is locked while the provider is asked; what another process stored in the meantime stays. With ``accept``, final
    rates that differ replace the stored ones, instead of being recorded as disputed.
    """
    quotes = provider.quotes(call.first, call.last, call.currencies)
    wanted = [quote for quote in quotes if (quote.rate_date, quote.currency) in call.wanted]
    fetched_at = datetime.now(UTC)
    rows = db.run_transaction(
        lambda tx: _store(tx, provider.name, fetched_at, wanted, allow_provisional=allow_provisional, accept=accept)
    )
    for row in rows:
        level = logging.WARNING if row["outcome"] == "disputed" else logging.INFO
        event("rate", level, **{name: row[name] for name in ("rate_date", "currency", "quoted_rate", "outcome")})
    return rows


def _store(tx: Transaction, provider: str, fetched_at: datetime, quotes: list[Quote], **choices: Any) -> list[Row]:
    tx.run("ledger/lock_dataset", dataset="fx")
    tx.run("fx/create_quotes")
    tx.insert_rows(
        "quotes",
        ("rate_date", "currency", "rate", "provider", "quoted_at", "fetched_at", "provisional"),
        ((q.rate_date, q.currency, plain(q.rate), provider, q.quoted_at, fetched_at, q.provisional) for q in quotes),
    )
    for _ in tx.run_phase("fx/store", **choices):
        pass
    rows = tx.run("fx/quote_outcomes").rows
    tx.run("fx/drop_quotes")
    return rows


def _today() -> date:
    return datetime.now(UTC).date()
