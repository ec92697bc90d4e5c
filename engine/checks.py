"""Checks of what is published: each is a query in ``sql/checks`` that returns what is wrong, and says what it means.

The leading comment of a check has a title, a severity, what to do, a RUNBOOK section, thresholds with their defaults, and what
a finding means. A check is given its thresholds, and ``since`` and ``today`` if it asks for them. One that cannot run is
unknown, never ok.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from typing import Any

from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, DbsvcError, InputError, UnusableError
from dbsvc.engine.log import event
from dbsvc.engine.settings import read_number
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.statements.rules import THRESHOLD
from dbsvc.engine.statements.statement import Statement

_WORKERS = 2  # checks run at the same time
_FOLDER = files("dbsvc").joinpath("sql", "checks")
SAMPLE = 10  # rows of a finding that are kept to be shown

#: The states of a check, the most urgent first.
STATES = ("critical", "unknown", "warning", "ok")


@dataclass(frozen=True)
class Check:
    """One file of ``sql/checks``."""

    statement: Statement

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.statement.name.rpartition("/")[2]

    @property
    def title(self) -> str:
        """What it looks for, in a few words."""
        return self.statement.header["title"]

    @property
    def severity(self) -> str:
        """How bad a finding is: warning or critical."""
        return self.statement.header["severity"]

    @property
    def dataset(self) -> str | None:
        """Whose data it looks at; None if it is all of them."""
        return self.statement.header.get("dataset")

    @property
    def todo(self) -> str:
        """What to do about a finding."""
        return self.statement.header["do"]

    @property
    def runbook(self) -> str:
        """The section of the RUNBOOK that says more."""
        return self.statement.header["runbook"]

    @cached_property
    def meaning(self) -> str:
        """What a finding means."""
        lines = [line.removeprefix("-- ") for line in self.statement.comment]
        return " ".join(line for line in lines if not re.match(r"(title|severity|dataset|do|runbook): |:\w+ = ", line))

    @cached_property
    def thresholds(self) -> dict[str, tuple[str, str]]:
        """Its thresholds: the default, and what it means."""
        return {found[1]: (found[2], found[3]) for line in self.statement.comment if (found := THRESHOLD.match(line))}

    def read_thresholds(self) -> dict[str, int | float]:
        """Return the thresholds as they are set."""
        return {name: read_number(self.setting(name), default) for name, (default, _) in self.thresholds.items()}

    def setting(self, threshold: str) -> str:
        """Return the name of the setting that changes a threshold."""
        return _setting(self.name, threshold)


@dataclass(frozen=True)
class Result:
    """What a check found: how many rows, the first of them, and since when it finds something."""

    check: Check
    state: str
    findings: int | None = None
    sample: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    since: datetime | None = None


def problems(results: list[Result]) -> list[Result]:
    """Return the results that are not ok, the most urgent first."""
    return sorted((one for one in results if one.state != "ok"), key=lambda result: STATES.index(result.state))


def worst_state(results: list[Result]) -> str:
    """Return the most urgent state; ok if there are no results."""
    return next((result.state for result in problems(results)), "ok")


def _setting(check: str, threshold: str) -> str:
    return f"DBSVC_CHECK_{check}_{threshold}".upper()


def threshold_settings() -> set[str]:
    """Return the names of all settings that change a threshold, of whichever database."""
    texts = [(file.name.partition(".")[0], file.read_text("utf-8")) for file in _FOLDER.iterdir()]
    return {
        _setting(check, found[1]) for check, text in texts for line in text.splitlines() if (found := THRESHOLD.match(line))
    }


def load_checks(statements: Statements) -> list[Check]:
    """Return all checks, in the order of their names."""
    return [Check(statement) for statement in statements.phase("checks")]


def choose(checks: list[Check], only: Collection[str], datasets: Collection[str]) -> list[Check]:
    """Return the checks of these names and datasets; all if none are given. Raises InputError for what is unknown."""
    for kind, asked, known in (
        ("check", only, {check.name for check in checks}),
        ("dataset with checks", datasets, {check.dataset for check in checks if check.dataset}),
    ):
        if unknown := sorted(set(asked) - known):
            raise InputError(f"There is no {kind} {', '.join(unknown)}; there is: {', '.join(sorted(known))}.")
    return [check for check in checks if (not only or check.name in only) and (not datasets or check.dataset in datasets)]


def run(db: Database, checks: list[Check], days: int, since: date | None = None) -> list[Result]:
    """Run checks, each in a snapshot of its own, and keep their results. ``since`` is the first day they look at.

    By default they look ``days`` back from the newest day of their data. Raises ConfigurationError for a threshold that
    cannot be, and if nothing was ever loaded: all would be fine with a database of a wrong name.
    """
    thresholds = {check.name: check.read_thresholds() for check in checks}
    checked_at = datetime.now(UTC)
    with db.snapshot() as tx:
        if not tx.run("reports/anything_stored").rows:
            raise ConfigurationError(
                f"Nothing was ever loaded into {db.dialect.label}: is that the right DATABASE_URL? Else load something: "
                "`dbsvc ingest FILE`."
            )
        newest = {row["dataset"]: row["newest"] for row in tx.run("reports/newest_days").rows}
    today = checked_at.date()

    def run_one(check: Check) -> Result:
        start = since or _look_back(newest.get(check.dataset or "", today), today, days)
        return _run(db, check, {**thresholds[check.name], "since": start, "today": today})

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="check") as pool:
        results = list(pool.map(run_one, checks))
    return _keep(db, results, checked_at)


def _run(db: Database, check: Check, parameters: Mapping[str, Any]) -> Result:
    started = time.perf_counter()
    found = error = None
    try:
        with db.snapshot() as tx:
            tx.run("reports/lock_bills")
            used = {name: parameters[name] for name in check.statement.parameters}
            found = tx.sample(check.statement.name, SAMPLE, **used)
    except DbsvcError as failure:
        error = str(failure)
    seconds = round(time.perf_counter() - started, 3)
    findings = found.row_count if found else None
    state = "unknown" if findings is None else check.severity if findings else "ok"
    event("checked", check=check.name, state=state, findings=findings, seconds=seconds)
    return Result(check, state, findings, found.rows if found else [], seconds, error)


def _keep(db: Database, results: list[Result], checked_at: datetime) -> list[Result]:
    """Store the results, and add since when each check finds something; who may not write goes without."""
    columns = ("check_name", "checked_at", "state", "findings", "seconds")
    rows = [(result.check.name, checked_at, result.state, result.findings, result.seconds) for result in results]

    def keep(tx: Transaction) -> dict[str, datetime]:
        tx.insert_rows("check_results", columns, rows)
        return {row["check_name"]: row["checked_at"] for row in tx.run("reports/failing_since").rows}

    try:
        since = db.run_transaction(keep)
    except UnusableError as error:
        event("results_not_kept", logging.WARNING, because=str(error))
        since = {}
    return [replace(result, since=since.get(result.check.name)) if result.findings else result for result in results]


def _look_back(newest: Any, today: date, days: int) -> date:
    """Return the day that is ``days`` before the newest one; a date in the future is a mistake, and no newest one."""
    if newest is None:
        return date.min
    newest = min(newest if isinstance(newest, date) else date.fromisoformat(newest), today)
    return newest - timedelta(days) if newest > date.min + timedelta(days) else date.min
