"""Exchange rates: what is needed and lacking, in how few calls it can be had, and storing what a provider answers, once.

One currency or day that a provider does not have fails its whole call, mostly without saying which one it was. The call is then
asked in two parts, and each part that fails likewise, until what fails is a currency of a day alone, or for a time frame a
currency alone. That is remembered, and not asked again. Of a call for n currencies of which k are not there this makes at most
1 + 2k log2 n calls (the logarithm rounded up), and never more than 2n - 1; one more than the call itself if the provider names
the culprits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import DbsvcError, InputError, NoRatesError, ProviderError
from dbsvc.engine.functions.decimals import plain
from dbsvc.engine.fx.providers import BASE, NAME, Provider, Quote
from dbsvc.engine.log import event
from dbsvc.engine.words import nearest

CURRENCIES = ("EUR", "GBP", "ILS")  # what is fetched if nothing else is asked for

#: What becomes of a quote; ``sql/fx/store`` decides. What is refused is no quote: zero, negative, absurd.
OUTCOMES = ("stored", "replaced", "disputed", "unchanged", "not_final", "unavailable", "refused")

_LONGEST_FRAME = 365  # days
_SETTLES = timedelta(3)  # a provider that has no rate so soon after its day is asked once more
_DOUBTFUL = 3  # calls that failed one after the other: then another one decides whether it is the provider or the calls

Pair = tuple[date, str]


@dataclass(frozen=True)
class Call:
    """One call of a provider: a day, or a time frame, and the currencies that are wanted of it."""

    first: date
    last: date
    currencies: tuple[str, ...]
    #: the days and currencies that it is made for: a time frame brings others along
    wanted: frozenset[Pair]

    @classmethod
    def for_pairs(cls, pairs: Iterable[Pair]) -> Call:
        """Return the call that brings these days and currencies."""
        wanted = frozenset(pairs)
        return cls(min(wanted)[0], max(wanted)[0], tuple(sorted({currency for _, currency in wanted})), wanted)


@dataclass(frozen=True)
class Plan:
    """The calls to make, and what is not asked: stored already, not over yet, or known not to be available."""

    calls: list[Call]
    stored: list[Row]
    too_early: list[Pair]
    unavailable: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """What came of a call: what became of its rates, or the error that is its own."""

    call: Call
    rows: list[Row]
    error: DbsvcError | None = None


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


def list_currencies(db: Database) -> list[str]:
    """Return the codes of all currencies."""
    with db.snapshot() as tx:
        return sorted(row["code"] for row in tx.run("fx/currencies").rows)


def check_currencies(db: Database, codes: Collection[str]) -> None:
    """Raise InputError for what needs no rate, or is no currency."""
    if BASE in codes:
        raise InputError(f"{BASE} needs no rate: every rate is against it.")
    known = list_currencies(db)
    if unknown := sorted(set(codes) - set(known)):
        meant = nearest(unknown[0], [*CURRENCIES, *known], cutoff=0.5)
        hint = f" Did you mean {meant} by {unknown[0]}?" if meant else ""
        raise InputError(f"Not a currency of ISO 4217: {', '.join(unknown)}.{hint}")


def find_unavailable(db: Database, provider: str = NAME) -> list[Pair]:
    """Return every day and currency that the provider does not have: those it was asked for, and those that bills need."""
    with db.snapshot() as tx:
        known = tx.run("fx/unavailable_rates", provider=provider).rows
        needed = tx.run("fx/needed_rates").rows
    unknown = _unknown_currencies(known)
    return [(row["rate_date"], row["currency"]) for row in (*known, *(row for row in needed if row["currency"] in unknown))]


def plan(
    db: Database,
    wanted: Collection[Pair],
    *,
    provider: str = NAME,
    refresh: bool = False,
    retry_unavailable: bool = False,
    time_frames: bool = False,
) -> Plan:
    """Find the calls that bring what is wanted and not stored, except what the provider does not have.

    With ``retry_unavailable`` that is asked again, with ``refresh`` also what is stored.
    """
    today = _today()
    too_early = [pair for pair in wanted if pair[0] >= today]
    pairs = set(wanted) - set(too_early)
    if not pairs:
        return Plan([], [], too_early)
    with db.snapshot() as tx:
        found = tx.run("fx/stored_rates", first=min(pairs)[0], last=max(pairs)[0]).rows
        known = tx.run("fx/unavailable_rates", provider=provider).rows
    stored = [row for row in found if not refresh and not row["provisional"] and (row["rate_date"], row["currency"]) in pairs]
    lacking = pairs - {(row["rate_date"], row["currency"]) for row in stored}
    unavailable = [] if refresh or retry_unavailable else _find_known(lacking, known, today)
    lacking -= {(row["rate_date"], row["currency"]) for row in unavailable}
    frames: list[list[Pair]] = []
    longest = timedelta(_LONGEST_FRAME if time_frames else 1)
    for pair in sorted(lacking):
        if not frames or pair[0] - frames[-1][0][0] >= longest:
            frames.append([])
        frames[-1].append(pair)
    return Plan([Call.for_pairs(frame) for frame in frames], stored, too_early, unavailable)


def carry_out(
    db: Database, provider: Provider, plan: Plan, *, allow_provisional: bool = False, accept: bool = False
) -> Iterator[Step]:
    """Make the calls of a plan, and more where the provider lacks something; yield what came of each, stored as it is.

    A call that fails does not keep the others from being made. Raises what fails for all of them: a setting, the quota, the
    network, and a provider of whom one call after the other fails.
    """
    work = _Work(db, provider, allow_provisional, accept)
    unknown: set[str] = set()  # currencies, on any day
    absent: set[str] = set()  # currencies that others' days do have rates of
    queue, failures = deque(plan.calls), 0
    while queue:
        # when calls fail one after the other the newest decides: these may be the only ones that fail, every night
        call = queue.pop() if failures == _DOUBTFUL else queue.popleft()
        if gone := [pair for pair in call.wanted if pair[1] in unknown]:
            yield Step(call, [_row(pair, provider, "unavailable", reason="currency_unknown") for pair in sorted(gone)])
        # what will probably fail the call is asked apart, and last, so that it takes no quota from the others
        apart = absent.intersection(call.currencies) - unknown if len(call.currencies) > 1 else set()
        queue += [Call.for_pairs(pair for pair in call.wanted if pair[1] == currency) for currency in sorted(apart)]
        rest = [pair for pair in call.wanted if pair[1] not in unknown | apart]
        if not rest:
            continue
        lacked, had = set(), set()
        for step in work.ask(Call.for_pairs(rest)):
            failures = failures + 1 if step.error else 0
            if step.error and failures > _DOUBTFUL:
                raise step.error
            for row in step.rows:
                if row["outcome"] != "unavailable":
                    had.add(row["currency"])
                elif row["reason"] == "currency_unknown":
                    unknown.add(row["currency"])
                elif row["reason"] == "no_rates":
                    lacked.add(row["currency"])
            yield step
        # without any rate it may be the day that has none
        absent = (absent | lacked if had else absent) - had


def fetch(db: Database, provider: Provider, call: Call, *, allow_provisional: bool = False, accept: bool = False) -> list[Row]:
    """Make a call, and store what it brings in one transaction. Returns for each rate what became of it.

    Nothing is locked while the provider is asked; what another process stored in the meantime stays. With ``accept``, final
    rates that differ replace the stored ones, instead of being recorded as disputed.
    """
    return _Work(db, provider, allow_provisional, accept).fetch(call)


@dataclass(frozen=True)
class _Work:
    """Asking a provider, and storing what it says."""

    db: Database
    provider: Provider
    allow_provisional: bool
    accept: bool

    def ask(self, call: Call, guilty: NoRatesError | None = None) -> Generator[Step, None, bool]:
        """Make a call; if the provider does not have all of it, its parts. Returns whether nothing failed.

        ``guilty``: what the provider said of more than this, of which all else turned out to be there.
        """
        parts = _parts(call, guilty) if guilty else None
        named = guilty is not None and guilty.currencies.issuperset(call.currencies)
        if not parts and not named:
            try:
                yield Step(call, self.fetch(call))
                return True
            except NoRatesError as error:
                guilty, parts = error, _parts(call, error)
            except (InputError, ProviderError) as error:
                if getattr(error, "lasting", False):
                    raise
                yield Step(call, [], error)
                return False
        assert guilty
        if parts and not named:
            fine = yield from self.ask(parts[0])
            yield from self.ask(parts[1], guilty if fine else None)
        else:
            nothing = [Quote(day, currency, None, None, False) for day, currency in sorted(call.wanted)]
            yield Step(call, self.store(nothing, guilty.reason))
        return False

    def fetch(self, call: Call) -> list[Row]:
        """Make a call, and store what it brings."""
        because = None
        try:
            quotes = self.provider.quotes(call.first, call.last, call.currencies)
        except ProviderError as error:
            if error.usable is None:
                raise
            quotes, because = list(error.usable), str(error)
        wanted = [quote for quote in quotes if (quote.rate_date, quote.currency) in call.wanted]
        rows = self.store(wanted, "left_out")
        if because:
            refused = call.wanted - {(quote.rate_date, quote.currency) for quote in wanted}
            rows += [_row(pair, self.provider, "refused", because=because) for pair in sorted(refused)]
        return rows

    def store(self, quotes: list[Quote], reason: str) -> list[Row]:
        """Store quotes in one transaction, and ``reason`` for what the provider does not have."""
        rows = self.db.run_transaction(partial(self._store, fetched_at=datetime.now(UTC), quotes=quotes, reason=reason))
        for row in rows:
            level = logging.WARNING if row["outcome"] in ("disputed", "unavailable") else logging.DEBUG
            event("rate", level, **{name: row[name] for name in ("rate_date", "currency", "quoted_rate", "outcome")})
        return rows

    def _store(self, tx: Transaction, fetched_at: datetime, quotes: list[Quote], reason: str) -> list[Row]:
        tx.run("ledger/lock_dataset", dataset="fx")
        tx.run("fx/create_quotes")
        tx.insert_rows(
            "quotes",
            ("rate_date", "currency", "rate", "reason", "provider", "quoted_at", "fetched_at", "provisional"),
            (
                (q.rate_date, q.currency, *_rate_or(q, reason), self.provider.name, q.quoted_at, fetched_at, q.provisional)
                for q in quotes
            ),
        )
        for _ in tx.run_phase("fx/store", allow_provisional=self.allow_provisional, accept=self.accept):
            pass
        rows = tx.run("fx/quote_outcomes").rows
        tx.run("fx/drop_quotes")
        return rows


def _rate_or(quote: Quote, reason: str) -> tuple[str | None, str | None]:
    return (None, reason) if quote.rate is None else (plain(quote.rate), None)


def _row(pair: Pair, provider: Provider, outcome: str, **more: str) -> Row:
    """Return what became of a rate of which nothing was stored."""
    event("rate", logging.WARNING, rate_date=pair[0], currency=pair[1], outcome=outcome, **more)
    nothing = {"rate": None, "quoted_rate": None, "provisional": False}
    return {"rate_date": pair[0], "currency": pair[1], "outcome": outcome, "provider": provider.name, **nothing, **more}


def _parts(call: Call, error: NoRatesError) -> tuple[Call, Call] | None:
    """Return what to ask instead of what failed: first what is rather not to blame; None if it cannot be told apart."""
    if error.reason == "date_refused":  # for all currencies, and because it is too early
        days = sorted({day for day, _ in call.wanted})
        middle = days[len(days) // 2]
        first = {pair for pair in call.wanted if pair[0] >= middle}
    else:
        suspects = error.currencies.intersection(call.currencies)
        if not suspects or len(suspects) == len(call.currencies):
            suspects = frozenset(call.currencies[len(call.currencies) // 2 :])
        first = {pair for pair in call.wanted if pair[1] not in suspects}
    second = call.wanted - first
    return (Call.for_pairs(first), Call.for_pairs(second)) if first and second else None


def _find_known(pairs: Collection[Pair], known: list[Row], today: date) -> list[Row]:
    """Return what is known not to be available, a row for each day and currency."""
    unknown = _unknown_currencies(known)
    by_pair = {(row["rate_date"], row["currency"]): row for row in known if _is_settled(row, today)}
    found = ((pair, by_pair.get(pair) or unknown.get(pair[1])) for pair in sorted(pairs))
    return [{**row, "rate_date": pair[0]} for pair, row in found if row]


def _unknown_currencies(known: list[Row]) -> dict[str, Row]:
    return {row["currency"]: row for row in known if row["reason"] == "currency_unknown"}


def _is_settled(row: Row, today: date) -> bool:
    """Whether what the provider did not have is not worth asking again: said long after its day, or not long before today."""
    settles = row["rate_date"] + _SETTLES
    return bool(row["recorded_at"].date() >= settles or today < settles)


def _today() -> date:
    return datetime.now(UTC).date()
