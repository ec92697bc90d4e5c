"""A run of ``fx``: which rates are wanted, the calls that bring them, and what came of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property, partial
from typing import NoReturn

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.errors import (
    ConfigurationError,
    DatabaseError,
    DbsvcError,
    InputError,
    ProviderError,
    UsageError,
    raise_first,
)
from dbsvc.engine.fx import rates
from dbsvc.engine.fx.providers import Provider
from dbsvc.engine.fx.rates import OUTCOMES, Pair, Plan, Step
from dbsvc.engine.fx.unavailable import explain_unavailable
from dbsvc.engine.log import event
from dbsvc.engine.progress import Progress, unseen

#: how days are named, beside the fields
_CALLED = {"days": "first (with last)"}
_UNAVAILABLE, _REFUSED, _NOT_FINAL = 65, 69, 75  # exit codes


@dataclass(frozen=True)
class Asked:
    """What is asked for: the rates of one day, of several, or (``missing``) what bills lack; and how."""

    day: date | None = None
    first: date | None = None
    last: date | None = None
    missing: bool = False
    #: codes, of which several may be in one text; None stands for the usual ones
    currencies: Collection[str] | None = None
    time_frames: bool = False
    refresh: bool = False
    accept: bool = False
    allow_provisional: bool = False
    retry_unavailable: bool = False

    def check(self, called: Mapping[str, str] = _CALLED) -> Asked:
        """Return it, with its currencies as codes. Raises UsageError for what goes together with nothing.

        ``called`` is what the one who asks calls the fields, and how days are named.
        """

        def refuse(sentence: str) -> NoReturn:
            raise UsageError(sentence.format(**{field.name: field.name for field in fields(self)} | {**called}))

        codes = _codes(self.currencies or ())
        if self.currencies is not None and not codes:
            refuse("{currencies} names currencies by their codes, such as EUR,ILS.")
        if self.last and not self.first:
            refuse("{last} goes with {first}.")
        if self.first and not self.last:
            refuse("{first} goes with {last}.")
        ways = sum(map(bool, (self.day, self.first, self.missing)))
        if ways > 1 or not (ways or self.retry_unavailable):
            refuse("Name the days by one of {days}, {missing}, and {retry_unavailable}.")
        if self.first and self.last and self.first > self.last:
            refuse("{first} is after {last}.")
        if self.time_frames and self.day:
            refuse("{time_frames} is for several days: {first} with {last}, {missing}, or {retry_unavailable}.")
        if self.accept and not self.refresh:
            refuse("{accept} goes with {refresh}.")
        if self.refresh and not (self.day or self.first):
            refuse("{refresh} asks for days again: name them by {days}.")
        return replace(self, currencies=codes)

    def plan(self, db: Database) -> Plan:
        """Find the calls. Raises InputError for what is no currency, and for days that are not over."""
        find = partial(rates.plan, refresh=self.refresh, retry_unavailable=self.retry_unavailable, time_frames=self.time_frames)
        return find(db, self._find_pairs(db))

    def _find_pairs(self, db: Database) -> list[Pair]:
        codes = self.currencies or ()
        rates.check_currencies(db, codes)
        if first := self.day or self.first:
            days = rates.days(first, self.last or first)
            return [(day, code) for day in days for code in codes or rates.CURRENCIES]
        pairs = rates.find_needed(db) if self.missing else rates.find_unavailable(db)
        return [pair for pair in pairs if not codes or pair[1] in codes]


@dataclass(frozen=True)
class Fetched:
    """What came of the calls of a plan."""

    asked: Asked
    plan: Plan
    #: of each call, what became of its rates, or the error that is its own
    steps: tuple[Step, ...] = ()
    #: how many requests were made
    requests: int = 0
    #: how many transactions were run again
    retries: int = 0
    #: how long it took
    seconds: float = 0.0
    #: what failed for all calls that were left
    stopped_by: DbsvcError | None = None
    #: nobody was asked
    dry_run: bool = False

    @cached_property
    def rates(self) -> tuple[Row, ...]:
        """What became of each rate that was asked for: ``rate_date``, ``currency``, ``rate``, ``outcome`` and more."""
        return tuple(row for step in self.steps for row in step.rows)

    @property
    def failures(self) -> tuple[Step, ...]:
        """The calls that failed."""
        return tuple(step for step in self.steps if step.error)

    @cached_property
    def unavailable(self) -> tuple[Row, ...]:
        """What the provider does not have: found now, and unless what is missing was asked for, known from before."""
        known = () if self.asked.missing else self.plan.unavailable
        return (*(row for row in self.rates if row["outcome"] == "unavailable"), *known)

    @cached_property
    def left(self) -> frozenset[Pair]:
        """The days and currencies that were not asked for, because something failed before."""
        asked = {(row["rate_date"], row["currency"]) for row in self.rates}
        return frozenset(pair for call in self.plan.calls for pair in call.wanted if pair not in asked)

    def count(self) -> dict[str, int]:
        """Count the rates by what became of them."""
        tally = Counter(row["outcome"] for row in self.rates)
        known = {"already_stored": len(self.plan.stored), "known_unavailable": len(self.plan.unavailable)}
        return {**{outcome: tally[outcome] for outcome in OUTCOMES}, **known}

    @cached_property
    def problems(self) -> dict[str, int]:
        """What did not come, a sentence each, and the exit code for it."""
        told: dict[str, int] = {}
        for step in self.failures:
            assert step.error
            sentence = f"{step.call.first}: {step.error}" if len(self.plan.calls) > 1 else str(step.error)
            told.setdefault(sentence, step.error.exit_code)
        told |= {row["because"]: _REFUSED for row in self.rates if row["outcome"] == "refused"}
        if self.unavailable:
            told[explain_unavailable([*self.unavailable])] = _UNAVAILABLE
        return told

    @property
    def exit_code(self) -> int:
        """What ``dbsvc fx`` would end with."""
        if self.stopped_by:
            return self.stopped_by.exit_code
        not_final = any(row["outcome"] == "not_final" for row in self.rates)
        return next(iter(self.problems.values()), _NOT_FINAL if not_final else 0)

    def raise_for_failures(self) -> None:
        """Raise what stopped it, else the error of the first call that failed. Its ``fetched`` is this result."""
        errors = [self.stopped_by] if self.stopped_by else [step.error for step in self.failures if step.error]
        raise_first(errors, "fetched", self)


def _codes(written: Iterable[str]) -> tuple[str, ...]:
    """Return codes of currencies, each once; several may be in one text, with commas between."""
    named = (code.strip().upper() for text in written for code in text.split(","))
    return tuple(dict.fromkeys(code for code in named if code))


def fetch(
    db: Database,
    asked: Asked,
    plan: Plan,
    provider: Provider | None,
    *,
    progress: Progress = unseen,
    tell: Callable[[Step], object] = lambda _: None,
) -> Fetched:
    """Make the calls of a plan; without a provider none. ``tell`` is given what came of each, as it comes.

    Raises what is no error of the provider: DatabaseError.
    """
    started = time.perf_counter()
    steps: list[Step] = []
    stopped_by = None
    wanted, brought = sum(len(call.wanted) for call in plan.calls), 0
    try:
        how = {"allow_provisional": asked.allow_provisional, "accept": asked.accept}
        for step in rates.carry_out(db, provider, plan, **how) if provider else ():
            steps.append(step)
            tell(step)
            brought += len(step.rows)
            progress("fetch", brought, wanted)
    except (ProviderError, InputError, ConfigurationError) as error:
        if isinstance(error, DatabaseError):
            raise
        stopped_by = error
    finally:
        if asked.missing and plan.unavailable:  # told as an error in the night it was found
            because = explain_unavailable(plan.unavailable)
            event("known_unavailable", logging.WARNING, rates=len(plan.unavailable), because=because)
    seconds = round(time.perf_counter() - started, 3)
    requests = provider.requests if provider else 0
    return Fetched(asked, plan, tuple(steps), requests, db.retries, seconds, stopped_by)
