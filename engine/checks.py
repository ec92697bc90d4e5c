"""Checks of what is published: each is a query that returns what is wrong, and says what it means.

Those in ``sql/checks`` are of all datasets; with ``for each: dataset`` in its leading comment, one runs for each of them, and
its rows are put together. A dataset's own are in ``sql/datasets/<name>/checks``. One of them may add to a check that runs for
each dataset, by its name, or run ``instead of`` it.

The leading comment of a check has a title, a severity, what to do, a RUNBOOK section, thresholds with their defaults, and what
a finding means. A check is given its thresholds, and ``since`` and ``today`` if it asks for them. One that cannot run is
unknown, never ok.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Result as Sample
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ConfigurationError, ContentionError, DbsvcError, InputError, UnusableError
from dbsvc.engine.log import event, step
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.project import Project
from dbsvc.engine.settings import read_number
from dbsvc.engine.statements.catalog import Statements, find_folder
from dbsvc.engine.statements.rules import THRESHOLD, runs_for_each
from dbsvc.engine.statements.statement import Statement
from dbsvc.engine.threads import workers
from dbsvc.engine.words import or_nearest

_WORKERS = 2  # checks run at the same time
_TOO_MUCH = 10**12  # for a threshold
_SQL = find_folder("sql")
_HEADING = re.compile(r"(title|severity|dataset|for each|instead of|do|runbook): ")
SAMPLE = 10  # rows of a finding that are kept to be shown

#: The states of a check, the most urgent first.
STATES = ("critical", "unknown", "warning", "ok")


@dataclass(frozen=True)
class Check:
    """A query that finds what is wrong."""

    statement: Statement
    #: whose data it looks at; None if it is all of them
    dataset: str | None
    #: what it runs: a statement, and for which dataset
    parts: tuple[tuple[Statement, Dataset | None], ...]

    def __getstate__(self) -> dict[str, Any]:
        """Return what of it gets to another process, which only shows it: all but the datasets that it runs for."""
        parts = tuple((statement, None) for statement, _ in self.parts)
        return {**vars(self), "parts": parts, "meaning": self.meaning, "thresholds": self.thresholds}

    @property
    def name(self) -> str:
        """Its file's name."""
        return _stem(self.statement)

    @property
    def title(self) -> str:
        """What it looks for, in a few words."""
        return self.statement.header["title"]

    @property
    def severity(self) -> str:
        """How bad a finding is: warning or critical."""
        return self.statement.header["severity"]

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
        return " ".join(line for line in lines if not (_HEADING.match(line) or THRESHOLD.match(f"-- {line}")))

    @cached_property
    def thresholds(self) -> dict[str, tuple[str, str]]:
        """Its thresholds: the default, and what it means."""
        datasets = [dataset.name for _, dataset in self.parts if dataset]
        return {
            name: (default, meaning)
            for line in self.statement.comment
            for name, default, meaning in _read_threshold(line, datasets)
        }

    def read_thresholds(self) -> dict[str, int | float]:
        """Return the thresholds as they are set."""
        return {name: read_number(self.setting(name), default) for name, (default, _) in self.thresholds.items()}

    def setting(self, threshold: str) -> str:
        """Return the name of the setting that changes a threshold."""
        return _setting(self.name, threshold)


@dataclass(frozen=True)
class CheckResult:
    """What a check found: how many rows, the first of them, and since when it finds something."""

    check: Check
    state: str
    findings: int | None = None
    sample: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Checked:
    """What checks found."""

    #: of each check, in the order of their names
    results: tuple[CheckResult, ...]

    @cached_property
    def problems(self) -> tuple[CheckResult, ...]:
        """The results that are not ok, the most urgent first."""
        return tuple(sorted((one for one in self.results if one.state != "ok"), key=lambda one: STATES.index(one.state)))

    @property
    def state(self) -> str:
        """The most urgent state: ok, warning, critical, or unknown where a check cannot run. It is ok if there are none."""
        return next((result.state for result in self.problems), "ok")

    def count(self) -> Counter[str]:
        """Count the checks in each state."""
        return Counter(result.state for result in self.results)


def _setting(check: str, threshold: str) -> str:
    return f"DBSVC_CHECK_{check}_{threshold}".upper()


def _read_threshold(line: str, datasets: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the thresholds that a line declares: the name, the default, and what it means."""
    if found := THRESHOLD.match(line):
        for dataset in datasets if found[1] else [""]:
            name = f"{dataset}_{found[2]}" if found[1] else found[2]
            yield name, found[3], found[4].replace("<dataset>", dataset)


def threshold_settings(project: Project | None = None) -> set[str]:
    """Return the names of all settings that change a threshold, of whichever database."""
    roots: list[Traversable] = [_SQL, *([project.folder] if project else [])]
    parents = [root.joinpath("datasets") for root in roots]
    datasets = [folder for parent in parents if parent.is_dir() for folder in parent.iterdir() if folder.is_dir()]
    names = [folder.name for folder in datasets]
    folders = [folder.joinpath("checks") for folder in (*roots, *datasets)]
    return {
        _setting(file.name.partition(".")[0], name)
        for folder in folders
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".sql")
        for line in file.read_text("utf-8").splitlines()
        for name, _, _ in _read_threshold(line, names)
    }


def load_checks(statements: Statements) -> list[Check]:
    """Return all checks, in the order of their names."""
    datasets = list(statements.datasets.values())
    own = [(check, dataset) for dataset in datasets for check in statements.phase(f"datasets/{dataset.name}/checks")]
    found = []
    for check in statements.phase("checks"):
        parts: list[tuple[Statement, Dataset | None]] = [(check, None)]
        if runs_for_each(check):
            replaced = [dataset for other, dataset in own if other.header.get("instead of") == _stem(check)]
            parts = [(check, dataset) for dataset in datasets if dataset not in replaced]
            parts += [(other, dataset) for other, dataset in own if _stem(other) == _stem(check)]
        found.append(Check(check, check.header.get("dataset"), tuple(parts)))
    names = {check.name for check in found}
    found += [Check(check, dataset.name, ((check, dataset),)) for check, dataset in own if _stem(check) not in names]
    return sorted(found, key=lambda check: check.name)


def _stem(statement: Statement) -> str:
    return statement.name.rpartition("/")[2]


def choose(checks: list[Check], only: Collection[str] | None, datasets: Collection[str] | None = None) -> list[Check]:
    """Return the checks of these names and datasets; None stands for all. Raises InputError for what is unknown."""
    for kind, asked, known in (
        ("check", only, {check.name for check in checks}),
        ("dataset with checks", datasets, {check.dataset for check in checks if check.dataset}),
    ):
        if unknown := sorted(set(asked or ()) - known):
            raise InputError(f"There is no {kind} {or_nearest(unknown[0], sorted(known))}")
    return [
        check for check in checks if (only is None or check.name in only) and (datasets is None or check.dataset in datasets)
    ]


def run(
    db: Database,
    checks: list[Check],
    days: int,
    since: date | None = None,
    *,
    record: bool = True,
    most: int = SAMPLE,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = unseen,
) -> list[CheckResult]:
    """Run checks, each in a snapshot of its own, and keep their results. ``since`` is the first day they look at.

    By default they look ``days`` back from the newest day of their data. Without ``record`` nothing is written. Of what a check
    finds, the first ``most`` rows are kept. ``thresholds`` go before the settings of the same names. Raises ConfigurationError
    for a threshold that cannot be, and if nothing was ever loaded: all would be fine with a database of a wrong name.
    """
    limits = _limits(checks, thresholds or {})
    checked_at = datetime.now(UTC)

    def newest_days(tx: Transaction) -> dict[str, Any]:
        if not tx.run("reports/anything_stored").rows:
            raise ConfigurationError(
                f"Nothing was ever loaded into {db.dialect.label}: is that the right DATABASE_URL? Else load something: "
                "`dbsvc ingest FILE`."
            )
        return dict(_newest_days(tx))

    newest = db.read(newest_days)
    today = checked_at.date()

    def run_one(check: Check) -> CheckResult:
        start = since or _look_back(newest.get(check.dataset or "", today), today, days)
        result = _run(db, check, start, today, limits[check.name], most)
        done.append(check.name)
        progress("check", len(done), len(checks))
        return result

    done: list[str] = []
    progress("check", 0, len(checks))

    with workers(db, _WORKERS, "check") as pool:
        results = list(pool.map(run_one, checks))
    kept = _keep(db, results, checked_at) if record else None
    failing = _read_since(db) if kept is None else kept
    return [
        replace(result, since=failing.get(result.check.name, checked_at)) if result.findings else result for result in results
    ]


def _limits(checks: list[Check], given: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return the thresholds of each check. Raises ConfigurationError for one that there is not, or that cannot be."""
    known = {check.setting(name) for check in checks for name in check.thresholds}
    if unknown := sorted(set(given) - known):
        raise ConfigurationError(f"These checks have no threshold {or_nearest(unknown[0], sorted(known) or ['none'])}")
    for name, value in given.items():
        if not isinstance(value, int | float) or not 0 <= value < _TOO_MUCH:  # which nan is not
            raise ConfigurationError(f"The threshold {name} must be a number from 0 to below {_TOO_MUCH:,}, such as 12.")
    return {
        check.name: {name: given.get(check.setting(name), value) for name, value in check.read_thresholds().items()}
        for check in checks
    }


def find(
    tx: Transaction, check: Check, since: date, today: date, thresholds: Mapping[str, float], most: int = SAMPLE
) -> Sample:
    """Run a check; return how many rows it finds, and the first of them, in the order of their columns from left to right."""
    rows: list[Row] = []
    count = 0
    for statement, dataset in check.parts:
        given: dict[str, Any] = {"since": since, "today": today, **thresholds}
        if dataset:
            prefix = f"{dataset.name}_"
            given |= {name.removeprefix(prefix): value for name, value in thresholds.items()} | dataset.check_parameters()
        found = tx.sample(statement.name, most, **{name: given[name] for name in statement.parameters})
        rows += found.rows
        count += found.row_count
    if len(check.parts) > 1:
        rows.sort(key=lambda row: [(value is None, type(value).__name__, value) for value in row.values()])
    return Sample(rows[:most], count)


def _run(db: Database, check: Check, since: date, today: date, thresholds: Mapping[str, float], most: int) -> CheckResult:
    started = time.perf_counter()
    found = error = None
    try:
        found = db.read(lambda tx: find(tx, check, since, today, thresholds, most))
    except DbsvcError as failure:
        if db.in_transaction and isinstance(failure, ContentionError):
            raise  # all of it is read again
        error = str(failure)
    seconds = round(time.perf_counter() - started, 3)
    findings = found.row_count if found else None
    state = "unknown" if findings is None else check.severity if findings else "ok"
    step("checked", check=check.name, state=state, findings=findings, seconds=seconds)
    return CheckResult(check, state, findings, found.rows if found else [], seconds, error)


def _newest_days(tx: Transaction) -> Iterator[tuple[str, Any]]:
    """Yield whose data has days, and the newest one of them."""
    for dataset in tx.statements.datasets.values():
        for _, result in tx.run_phase(f"datasets/{dataset.name}/newest_day"):
            yield dataset.name, result.rows[0]["newest"]
    yield "fx", tx.run("fx/newest_day").rows[0]["newest"]


def _keep(db: Database, results: list[CheckResult], checked_at: datetime) -> dict[str, datetime] | None:
    """Store the results; return since when each check finds something, or None if we may not write."""
    columns = ("check_name", "checked_at", "state", "findings", "seconds")
    rows = [(result.check.name, checked_at, result.state, result.findings, result.seconds) for result in results]

    def keep(tx: Transaction) -> dict[str, datetime]:
        tx.insert_rows("check_results", columns, rows)
        return _find_since(tx)

    try:
        return db.run_transaction(keep)
    except UnusableError as error:
        event("results_not_kept", logging.WARNING, because=str(error))
        return None


def _read_since(db: Database) -> dict[str, datetime]:
    """Return since when each check finds something, as far as results were kept."""
    with db.snapshot() as tx:
        return _find_since(tx)


def _find_since(tx: Transaction) -> dict[str, datetime]:
    return {row["check_name"]: row["checked_at"] for row in tx.run("reports/failing_since").rows}


def _look_back(newest: Any, today: date, days: int) -> date:
    """Return the day that is ``days`` before the newest one; a date in the future is a mistake, and no newest one."""
    if newest is None:
        return date.min
    newest = min(newest if isinstance(newest, date) else date.fromisoformat(newest), today)
    return newest - timedelta(days) if newest > date.min + timedelta(days) else date.min


def look(db: Database, days: int, *, most: int = SAMPLE, progress: Progress = unseen) -> list[CheckResult]:
    """Run all checks, one after another, and keep nothing. Inside a snapshot they see what it sees.

    They look ``days`` back from the newest day of their data; of what each finds, the first ``most`` rows are kept. Raises
    ConfigurationError for a threshold that cannot be.
    """
    checks = load_checks(db.statements)
    thresholds = {check.name: check.read_thresholds() for check in checks}
    now = datetime.now(UTC)
    with db.snapshot() as tx:
        newest = dict(_newest_days(tx))
        failing = _find_since(tx)
        results = []
        for done, check in enumerate(checks):
            progress("check", done, len(checks))
            start = _look_back(newest.get(check.dataset or "", now.date()), now.date(), days)
            result = _run(db, check, start, now.date(), thresholds[check.name], most)
            results.append(replace(result, since=failing.get(check.name, now)) if result.findings else result)
    return results
