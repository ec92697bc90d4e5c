"""The report: is anything wrong, since when, what was earned, what is missing. All of it is read in one snapshot.

What is true of all datasets is asked by ``sql/reports/overview``. What a dataset shows of its own data comes from the
statements in its folder ``report``: the leading comment of each says its title and how its rows are drawn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any, TypeVar

from dbsvc.engine import checks
from dbsvc.engine.db.database import Database
from dbsvc.engine.db.dialect import Row
from dbsvc.engine.db.transaction import Transaction
from dbsvc.engine.errors import ContentionError, DatabaseError, UnavailableError
from dbsvc.engine.limits import MOST_DAYS
from dbsvc.engine.loads.model import Load
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.reports.loads import newest_loads
from dbsvc.engine.statements.rules import MISSING, charts_of
from dbsvc.engine.statements.statement import Statement

T = TypeVar("T")

_SAMPLE = 5  # rows of a finding
_TOP = 12  # customers, reasons, sources
_LOADS = 12
_STALE = "datasets_stale"  # the check that knows how often a dataset comes
#: ages of open rejects: the first that is not less than it, in days
_AGES = ((1, "less than a day"), (7, "less than a week"), (30, "less than 30 days"), (None, "30 days and more"))


@dataclass(frozen=True)
class Missing:
    """What a statement of the report says is missing."""

    #: the column that counts it
    column: str
    #: whether the rejects of the dataset count it already
    in_rejects: bool
    #: what it is: ``bills without an exchange rate``
    what: str
    #: what one types about it
    todo: str | None


@dataclass(frozen=True)
class Section:
    """What a dataset shows of its own data: the rows of one statement, and how they are drawn."""

    dataset: str
    name: str
    title: str
    #: what it means
    text: str
    unit: str
    #: what its sum is called at a glance; None if it is not shown there
    glance: str | None
    #: how the rows are drawn: kinds of charts, and by which columns
    charts: Sequence[tuple[str, tuple[str, ...]]]
    missing: Sequence[Missing]
    #: the days it looks at
    first: date
    last: date
    #: ``value`` is what is drawn, None where it is unknown
    rows: Sequence[Row]
    #: why there are no rows, if the statement could not run
    error: str | None = None


@dataclass(frozen=True)
class CheckDay:
    """How a check ended on one day."""

    day: date
    runs: int
    not_ok: int
    #: the most urgent state of the day
    worst: str


@dataclass(frozen=True)
class Deliveries:
    """What is known of a dataset's deliveries."""

    name: str
    published: int
    held: int
    unfinished: int
    #: when its newest load was published
    newest: datetime | None
    #: since when a load of it is open
    oldest_open: datetime | None
    #: the usual hours between its loads, once there are enough of them
    usual_hours: float | None
    #: nothing new came for much longer than usual
    is_stale: bool
    #: whether it is declared
    is_declared: bool


@dataclass(frozen=True)
class OpenRejects:
    """The open rejects: counted by what they broke, where they came from, and how old they are."""

    total: int = 0
    #: ``dataset``, ``reason``, ``records``: one record may have several reasons
    by_reason: Sequence[Row] = ()
    #: ``dataset``, ``source``, ``load_id`` of the newest, ``records``; the one without a source stands for ``others``
    by_source: Sequence[Row] = ()
    #: ``age``, ``records``
    by_age: Sequence[Row] = ()
    by_dataset: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What the report shows, as the database was at one moment."""

    made_at: datetime
    #: the database, without secrets
    database: str
    version: str
    #: how many days back it looks
    days: int
    #: whether anything was ever loaded
    anything: bool
    #: what the checks find now
    results: Sequence[checks.CheckResult]
    #: how they ended before: a check's name → its days
    history: Mapping[str, Sequence[CheckDay]]
    datasets: Sequence[Deliveries]
    #: what was published, by dataset and day
    load_days: Sequence[Row]
    loads: Sequence[Load]
    loads_in_all: int
    rejects: OpenRejects
    sections: Sequence[Section]
    #: what could not be read, and why
    unreadable: Mapping[str, str]
    #: where people read the RUNBOOK
    runbook_url: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all of it could be read."""
        return not self.unreadable and not any(section.error for section in self.sections)

    @property
    def state(self) -> str:
        """The most urgent state of the checks; unknown if nothing was ever loaded."""
        found = {result.state for result in self.results} or {"ok"}
        worst = next(state for state in checks.STATES if state in found) if self.anything else "unknown"
        return "unknown" if worst == "ok" and not self.is_complete else worst

    @property
    def problems(self) -> list[checks.CheckResult]:
        """The results that are not ok, the most urgent first."""
        found = [result for result in self.results if result.state != "ok"]
        return sorted(found, key=lambda result: checks.STATES.index(result.state))

    def page(self) -> str:
        """Return it as one page of HTML, without secrets."""
        from dbsvc.engine.reports.page.render import render
        from dbsvc.engine.settings import read_secrets, redact

        secrets = read_secrets()
        return render(self, lambda text: redact(text, secrets))


def read_report(db: Database, days: int, *, runbook_url: str = "", progress: Progress = unseen) -> Report:
    """Run the checks, and return what there is to report of the last ``days`` (1 to 92). Nothing is written.

    What cannot be read is said in the report. Raises UnavailableError if the database is gone, ConfigurationError for a
    threshold that cannot be.
    """
    return db.read(lambda tx: _read(db, tx, max(1, min(days, MOST_DAYS)), runbook_url, progress))


def _read(db: Database, tx: Transaction, days: int, runbook_url: str, progress: Progress) -> Report:
    unreadable: dict[str, str] = {}
    nothing_before: dict[str, list[CheckDay]] = {}

    def attempt(what: str, read: Callable[[], T], otherwise: T) -> T:
        """Read in a savepoint: what fails is left out, and said."""
        try:
            with db.snapshot():
                return read()
        except (ContentionError, UnavailableError):
            raise
        except DatabaseError as error:
            unreadable[what] = str(error)
            return otherwise

    anything = bool(tx.run("reports/anything_stored").rows)
    now = datetime.now(UTC)
    today = now.date()
    since = datetime.combine(today - timedelta(days - 1), datetime.min.time(), UTC)
    results = checks.look(db, days, most=_SAMPLE, progress=progress) if anything else []
    progress("report")
    loads = attempt("loads", lambda: newest_loads(tx, _LOADS), None)
    return Report(
        made_at=now.replace(microsecond=0),
        database=db.dialect.label,
        version=version("dbsvc"),
        days=days,
        anything=anything,
        results=results,
        history=attempt("history", lambda: _history(tx, since), nothing_before),
        datasets=attempt("datasets", lambda: list(_datasets(db, tx, now)), []),
        load_days=attempt("load days", lambda: tx.run("reports/overview/load_days", since=since).rows, []),
        loads=loads.loads if loads else [],
        loads_in_all=loads.total if loads else 0,
        rejects=attempt("rejects", lambda: _rejects(tx, now), OpenRejects()),
        sections=list(_sections(db, tx, days, today)) if anything else [],
        unreadable=unreadable,
        runbook_url=runbook_url,
    )


_WORST = ("ok", "warning", "unknown", "critical")


def _history(tx: Transaction, since: datetime) -> dict[str, list[CheckDay]]:
    found: dict[str, list[CheckDay]] = {}
    for row in tx.run("reports/overview/check_days", since=since).rows:
        day = CheckDay(date.fromisoformat(row["day"]), row["runs"], row["not_ok"], _WORST[row["worst"]])
        found.setdefault(row["check_name"], []).append(day)
    return found


def _datasets(db: Database, tx: Transaction, now: datetime) -> Iterator[Deliveries]:
    """Yield the datasets in use, in the order of what depends on what, then others that something was loaded of."""
    check = next((check for check in checks.load_checks(db.statements) if check.name == _STALE), None)
    usual: dict[str, float] = {}
    stale: set[str] = set()
    if check:
        given = check.read_thresholds()
        everything = {name: 0 if name in ("factor", "min_hours") else value for name, value in given.items()}
        for row in checks.find(tx, check, date.min, now.date(), everything, most=1000).rows:
            usual[row["dataset"]] = float(row["usual_hours"])
        stale = {row["dataset"] for row in checks.find(tx, check, date.min, now.date(), given, most=1000).rows}
    rows = {row["dataset"]: row for row in tx.run("reports/overview/datasets").rows}
    declared = db.statements.datasets
    names = [*declared, *(name for name in rows if name not in declared and rows[name]["published"])]
    for name in names:
        row = rows.get(name, {"published": 0, "held": 0, "unfinished": 0, "newest": None, "oldest_open": None})
        yield Deliveries(
            name=name,
            published=row["published"],
            held=row["held"],
            unfinished=row["unfinished"],
            newest=_time(row["newest"]),
            oldest_open=_time(row["oldest_open"]),
            usual_hours=usual.get(name),
            is_stale=name in stale,
            is_declared=name in declared,
        )


def _rejects(tx: Transaction, now: datetime) -> OpenRejects:
    reasons: Counter[tuple[str, str]] = Counter()
    sources: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], int] = {}
    ages: Counter[str] = Counter()
    datasets: Counter[str] = Counter()
    for row in tx.stream("reports/overview/open_rejects"):
        records, dataset, source = row["records"], row["dataset"], (row["dataset"], row["source"])
        for reason in row["reasons"].split():
            reasons[dataset, reason] += records
        sources[source] += records
        newest[source] = max(newest.get(source, 0), row["load_id"])
        days = (now.timestamp() - row["registered"]) / 86_400
        ages[next(name for most, name in _AGES if most is None or days < most)] += records
        datasets[dataset] += records
    by_source: list[Row] = [
        {"dataset": dataset, "source": source, "load_id": newest[dataset, source], "records": records}
        for (dataset, source), records in sources.most_common(_TOP)
    ]
    if len(sources) > len(by_source):
        rest = sources.total() - sum(row["records"] for row in by_source)
        by_source.append({"others": len(sources) - len(by_source), "records": rest})
    return OpenRejects(
        total=datasets.total(),
        by_reason=[
            {"dataset": dataset, "reason": reason, "records": records}
            for (dataset, reason), records in reasons.most_common(_TOP)
        ],
        by_source=by_source,
        by_age=[{"age": name, "records": ages[name]} for _, name in _AGES],
        by_dataset=datasets,
    )


def _sections(db: Database, tx: Transaction, days: int, today: date) -> Iterator[Section]:
    """Yield what datasets show of their own data, of the ``days`` before the newest one of it."""
    for dataset in db.statements.datasets:
        statements = db.statements.phase(f"datasets/{dataset}/report")
        if not statements:
            continue
        last = today
        for _, result in tx.run_phase(f"datasets/{dataset}/newest_day"):
            if newest := result.rows[0]["newest"]:
                last = min(today, newest if isinstance(newest, date) else date.fromisoformat(newest))
        first = last - timedelta(days - 1)
        for statement in statements:
            yield _section(db, tx, dataset, statement, first, last)


def _section(db: Database, tx: Transaction, dataset: str, statement: Statement, first: date, last: date) -> Section:
    rows: list[Row] = []
    error = None
    try:
        with db.snapshot():
            rows = tx.run_with(statement.name, {"since": first, "until": last, "most": _TOP}).rows
    except (ContentionError, UnavailableError):
        raise
    except DatabaseError as failure:
        error = str(failure)
    said = [line.removeprefix("-- ") for line in statement.comment]
    known = (*(f"{name}: " for name in ("title", "chart", "unit", "glance")), "missing ")
    return Section(
        dataset=dataset,
        name=statement.name.rpartition("/")[2],
        title=statement.header["title"],
        text=" ".join(line for line in said if not line.startswith(known)),
        unit=statement.header.get("unit", ""),
        glance=statement.header.get("glance"),
        charts=charts_of(statement),
        missing=[_missing(found) for line in statement.comment if (found := MISSING.match(line))],
        first=first,
        last=last,
        rows=rows,
        error=error,
    )


def _missing(found: re.Match[str]) -> Missing:
    column, in_rejects, what, todo = found.groups()
    return Missing(column, in_rejects is not None, what, todo)


def _time(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
