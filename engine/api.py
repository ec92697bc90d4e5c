"""What the commands do, as functions: typed results come back, errors are raised, the caller's process stays as it is.

Each takes a ``database``: its URL, or one that is open already, and by default the one that the settings name. ``settings``
are what the environment and ``.env`` say, unless they are given. ``progress`` is told how far the work is, ``on_event`` what
the log says, both by whichever thread it happens in. What one of them raises stops the work: nothing is half done, and the
error comes through. Every function may be called by several threads at once, and in processes that were forked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from dbsvc.engine import arguments, calls
from dbsvc.engine.errors import UsageError
from dbsvc.engine.limits import MOST_DAYS, MOST_JOBS, MOST_PAST, MOST_SAMPLES

if TYPE_CHECKING:
    from dbsvc.engine.calls import Call
    from dbsvc.engine.checks import Checked
    from dbsvc.engine.db.database import Database
    from dbsvc.engine.fx.fetched import Fetched
    from dbsvc.engine.loads.ingested import Ingested
    from dbsvc.engine.loads.model import Dismissed, Load, RetriedLoads
    from dbsvc.engine.loads.revert import Reverted
    from dbsvc.engine.log import Event
    from dbsvc.engine.notify.receivers import Receiver
    from dbsvc.engine.progress import Progress
    from dbsvc.engine.reports.lineage import Lineage
    from dbsvc.engine.reports.loads import LoadDetails, LoadList
    from dbsvc.engine.reports.rejects import Rejects
    from dbsvc.engine.reports.report import Report
    from dbsvc.engine.reports.revenue import Revenue
    from dbsvc.engine.reports.status import Status
    from dbsvc.engine.settings import Settings

T = TypeVar("T")


@arguments.checked
def ingest(
    *sources: str | os.PathLike[str],
    database: str | Database | None = None,
    settings: Settings | None = None,
    profile: str | None = None,
    jobs: int | None = None,
    again: bool = False,
    require_files: bool = False,
    dry_run: bool = False,
    notify: Collection[str] | None = None,
    raise_failed: bool = True,
    raise_held: bool = False,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Ingested:
    """Load files, folders, globs and URLs, each file whole or not at all. Call it again after any failure: it goes on.

    A file that cannot be loaded stands in no other's way: when all are done, the error of the first one is raised, and its
    ``ingested`` is the whole result; the errors of others are its notes. With ``raise_failed=False`` the result comes back,
    and ``failures`` are in it. A load that is held is a result, for a person has to decide; with ``raise_held`` it is
    HeldError. ``profile`` is the one to read all files by, ``jobs`` the number of staging threads, 1 to 4. ``again`` delivers
    known bytes of files once more, so that they win over what came after them. With ``require_files`` a folder or glob in
    which there is nothing to load is a failure. ``dry_run`` says what would be, and stores nothing. ``notify`` names URLs of
    receivers, beside those of the settings, who are told of loads that are held and files that failed.

    >>> done = dbsvc.ingest("samples/usage.csv", database="sqlite:///example.db")
    >>> [(file.outcome.value, file.load.read, file.load.inserted) for file in done.files]
    [('published', 11, 6)]
    >>> dbsvc.ingest("samples/usage.csv", database="sqlite:///example.db").files[0].outcome.value
    'already published'
    """
    names = _names(sources, again=again, jobs=jobs)
    if dry_run and notify:
        raise UsageError("dry_run changes nothing, so there is nothing to notify of.")

    def work(call: Call) -> Ingested:
        from dbsvc.engine.loads.rehearse import stage_of
        from dbsvc.engine.loads.run import Run
        from dbsvc.engine.notify.notices import tell_of_loads
        from dbsvc.engine.settings import read_settings

        chosen = settings or read_settings()
        if dry_run:
            with stage_of(call.db) as stage, call.on(stage):
                run = Run(stage, chosen, profile, again=again, show=call.show)
                rehearsed = run.rehearse(names, temporary=stage is not call.db)
                return rehearsed.require_files() if require_files else rehearsed
        receivers = _receivers(chosen, notify)
        ingested = Run(call.db, chosen, profile, jobs, again, show=call.show).ingest(names)
        ingested = ingested.require_files() if require_files else ingested
        tell_of_loads(call.db, chosen, receivers, ingested.files)
        return ingested

    ingested = calls.run(work, database, settings, progress, on_event, create=not dry_run, ready=False)
    ingested.raise_for_failures(failed=raise_failed, held=raise_held)
    return ingested


@arguments.checked
def check(
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    only: Collection[str] | None = None,
    datasets: Collection[str] | None = None,
    since: date | None = None,
    thresholds: Mapping[str, float] | None = None,
    record: bool = True,
    limit: int = 10,
    notify: Collection[str] | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Checked:
    """Find what is missing, duplicate, changed or damaged. What is found is a result, and no error.

    ``only`` names checks, ``datasets`` whose checks to run: one name, or several; by default all. An empty list is UsageError,
    for nothing would be looked at. They look at what is since the day ``since``, by default 28 days back from the newest.
    ``thresholds`` go before the settings of these names, as ``DBSVC_CHECK_LOADS_UNFINISHED_HOURS``. Without ``record`` nothing
    is written. Of each finding the first ``limit`` rows are kept, at most 10,000. ``notify`` names URLs of receivers, beside
    those of the settings, who are told what changed since the last run.

    >>> checked = dbsvc.check(database="sqlite:///example.db", only=["bills_orphaned", "loads_held"])
    >>> checked.state, [result.check.name for result in checked.problems]
    ('ok', [])
    """
    wanted, whose = arguments.names("only", only), arguments.names("datasets", datasets)
    if notify and not record:
        raise UsageError("notify keeps in the database what it told; without record nothing is written to it.")
    start, most = arguments.day(since), arguments.limit(limit, MOST_SAMPLES)

    def work(call: Call) -> Checked:
        from dbsvc.engine import checks
        from dbsvc.engine.notify.notices import tell_of_checks
        from dbsvc.engine.settings import read_settings

        using = settings or read_settings()
        receivers = _receivers(using, notify) if record else []
        chosen = checks.choose(checks.load_checks(call.db.statements), wanted, whose)
        how = partial(checks.run, record=record, most=most, thresholds=thresholds, progress=call.progress)
        checked = checks.Checked(tuple(how(call.db, chosen, using.check_days, start)))
        tell_of_checks(call.db, using, receivers, checked.results)
        return checked

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def fx(
    first: date | None = None,
    last: date | None = None,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    missing: bool = False,
    currencies: Collection[str] | None = None,
    time_frames: bool = False,
    refresh: bool = False,
    accept: bool = False,
    allow_provisional: bool = False,
    retry_unavailable: bool = False,
    dry_run: bool = False,
    raise_failed: bool = True,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Fetched:
    """Fetch exchange rates against USD from ``first`` to ``last`` (by default one day), or all that bills lack (``missing``).

    What is stored costs no call, nor what the provider is known not to have; ``retry_unavailable`` asks for that again, by
    itself for all of it. ``currencies`` (one, or several) are EUR, GBP and ILS unless named, of what is missing all.
    ``refresh`` asks for stored rates, too, and ``accept`` takes what changed of them. ``time_frames`` asks for up to 365 days a
    call. ``dry_run`` asks nobody: the ``plan`` of the result has the calls.

    When all other calls are made, the error of the first one that failed is raised, and its ``fetched`` is the whole result;
    with ``raise_failed=False`` that comes back. A rate that the provider does not have is no error: it is ``unavailable``.

    >>> from datetime import date
    >>> planned = dbsvc.fx(date(2021, 10, 1), database="sqlite:///example.db", currencies=["EUR", "GBP"], dry_run=True)
    >>> len(planned.plan.calls), planned.requests
    (1, 0)
    """
    from dbsvc.engine.fx.fetched import Asked

    begin, end = arguments.day(first), arguments.day(last)
    asked = Asked(
        day=None if end else begin,
        first=begin if end else None,
        last=end,
        missing=missing,
        currencies=currencies,
        time_frames=time_frames,
        refresh=refresh,
        accept=accept,
        allow_provisional=allow_provisional,
        retry_unavailable=retry_unavailable,
    ).check()

    def work(call: Call) -> Fetched:
        from dbsvc.engine.fx.fetched import Fetched, fetch
        from dbsvc.engine.fx.providers import provider_for
        from dbsvc.engine.settings import read_settings

        plan = asked.plan(call.db)
        if dry_run:
            return Fetched(asked, plan, dry_run=True)
        provider = provider_for(settings or read_settings(), call.db.pause) if plan.calls else None
        return fetch(call.db, asked, plan, provider, progress=call.progress)

    fetched = calls.run(work, database, settings, progress, on_event, create=bool(first) and not dry_run)
    if raise_failed:
        fetched.raise_for_failures()
    return fetched


@arguments.checked
def revenue(
    first: date | None = None,
    last: date | None = None,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    by: str = "day",
    with_rates: bool = False,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Revenue:
    """Return revenue in USD from ``first`` to ``last``, exactly, by ``day``, ``customer``, ``product`` or ``currency``.

    Bills whose rate is missing are listed apart, and never counted as zero. ``with_rates`` lists the rates that were used.

    >>> found = dbsvc.revenue(database="sqlite:///example.db", by="currency")
    >>> [(group["label"], group["bills"], group["revenue_usd"]) for group in found.groups]
    [('USD', 3, Decimal('1557.75000000')), ('EUR', 1, None), ('GBP', 1, None), ('ILS', 1, None)]
    >>> [(rate["rate_date"].isoformat(), rate["currency"]) for rate in found.missing]
    [('2021-11-01', 'EUR'), ('2021-11-01', 'ILS'), ('2021-11-02', 'GBP')]
    """
    days = arguments.days(first, last)

    def work(call: Call) -> Revenue:
        from dbsvc.engine.reports import revenue as reports
        from dbsvc.engine.words import or_nearest

        if by not in list(reports.By):
            raise UsageError(f"Revenue is not grouped by {or_nearest(by, list(reports.By))}.")
        return reports.revenue(call.db, *days, by=reports.By(by), with_rates=with_rates)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def rejects(
    load_id: int | None = None,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    closed: bool = False,
    limit: int = 50,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Rejects:
    """Return the open rejects of a load, or of all: how many, which rules they broke, and the first ``limit`` with their bytes.

    ``limit=0`` returns all of them, which takes as much memory as they do. ``closed`` returns those that are mended or
    dismissed as well.

    >>> found = dbsvc.rejects(database="sqlite:///example.db")
    >>> found.total, found.rejects[0].reasons, found.rejects[0].raw_record
    (3, 'bill_date_invalid', b'31/02/2021,4,USD,No Such Day,1,1')
    """

    def work(call: Call) -> Rejects:
        from dbsvc.engine.reports.rejects import find_rejects

        return find_rejects(call.db, load_id, arguments.limit(limit), closed=closed)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def retry(
    load_id: int | None = None,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    raise_failed: bool = True,
    raise_held: bool = False,
    notify: Collection[str] | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> RetriedLoads:
    """Validate the rejects of a load, or of all, again by today's rules and registries; publish those that pass.

    A load that cannot be retried keeps no other from it: the first error is raised when all are done. What the audits found
    in records that would pass is a result; with ``raise_held`` it is HeldError.

    >>> [(retried.load.load_id, retried.tried, retried.passed) for retried in dbsvc.retry(database="sqlite:///example.db").loads]
    [(1, 3, 0)]
    """

    def work(call: Call) -> RetriedLoads:
        from dbsvc.engine.loads.operations import retry_all

        return _telling(call, settings, notify, lambda chosen: retry_all(call.db, chosen, load_id))

    retried = calls.run(work, database, settings, progress, on_event)
    retried.raise_for_failures(failed=raise_failed, held=raise_held)
    return retried


@arguments.checked
def dismiss(
    load_id: int,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    lines: Collection[int] | None = None,
    reason: str | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Dismissed:
    """Close open rejects of a load that nobody is going to correct: those that begin on these lines, by default all.

    Where ``lines`` is empty, none is closed.

    >>> dbsvc.dismiss(1, reason="a test", database="sqlite:///example.db").records
    3
    """

    def work(call: Call) -> Dismissed:
        from dbsvc.engine.loads import operations

        return operations.dismiss(call.db, load_id, lines, reason)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def release(
    load_id: int,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    notify: Collection[str] | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Load:
    """Publish a held load as it is; or allow a discarded one to be loaded after all: then it is ``staging``.

    Receivers of notifications are told that nothing holds it any more.

    >>> dbsvc.release(1, database="sqlite:///example.db")
    Traceback (most recent call last):
    dbsvc.engine.errors.InputError: Load 1 is published: only a held or discarded load can be released.
    """

    def work(call: Call) -> Load:
        from dbsvc.engine.loads import operations

        return _telling(call, settings, notify, lambda _: operations.release(call.db, load_id))

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def discard(
    load_id: int,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    notify: Collection[str] | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Load:
    """Give up a load that is not published: what is staged of it is deleted.

    Receivers of notifications are told that nothing holds it any more.

    >>> dbsvc.discard(1, database="sqlite:///example.db")
    Traceback (most recent call last):
    dbsvc.engine.errors.InputError: Load 1 is published: only a load that is not published can be discarded.
    """

    def work(call: Call) -> Load:
        from dbsvc.engine.loads import operations

        return _telling(call, settings, notify, lambda _: operations.discard(call.db, load_id))

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def revert(
    load_id: int,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Reverted:
    """Take back a published load: its rows go, and what they had replaced stands again. ``dry_run`` says what would be.

    >>> dbsvc.revert(1, dry_run=True, database="sqlite:///example.db").removed
    6
    """

    def work(call: Call) -> Reverted:
        from dbsvc.engine.loads import revert as reverting

        return reverting.revert(call.db, load_id, dry_run=dry_run)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def loads(
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    dataset: str = "",
    status: str = "",
    since: date | datetime | None = None,
    source: str = "",
    limit: int = 20,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> LoadList:
    """Return the newest loads: of a dataset, in a state, since a day or a moment, of files named alike; or any.

    A day begins at midnight in UTC, and a moment is in UTC if it has no zone. ``limit=0`` returns all.

    >>> [(load.load_id, load.status.value) for load in dbsvc.loads(database="sqlite:///example.db").loads]
    [(1, 'published')]
    """

    def work(call: Call) -> LoadList:
        from dbsvc.engine.reports.loads import list_loads, wanted

        chosen = wanted(dataset, status, arguments.moment("since", since), source)
        return list_loads(call.db, arguments.limit(limit), chosen)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def load(
    load_id: int,
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> LoadDetails:
    """Return one load: its buckets, why it is held, which rules its rejects broke, what of it is not current.

    >>> shown = dbsvc.load(1, database="sqlite:///example.db")
    >>> shown.load.buckets["inserted"], shown.chunks
    (6, 1)
    """

    def work(call: Call) -> LoadDetails:
        from dbsvc.engine.reports.loads import show_load

        return show_load(call.db, load_id, most_past=MOST_PAST)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def lineage(
    dataset: str,
    *key: object,
    database: str | Database | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Lineage:
    """Return the versions of a row: file, line, load, values; and what of its key lies in quarantine.

    ``key`` is the values of the dataset's key in its order, as files have them; dates and numbers do as well.

    >>> from datetime import date
    >>> found = dbsvc.lineage("usage", date(2021, 11, 1), 1, database="sqlite:///example.db")
    >>> found.current["source"], found.current["line_no"], found.current["values"]["currency"]
    ('samples/usage.csv', 2, 'USD')
    """
    written = [value.isoformat() if isinstance(value, date) else str(value) for value in key]

    def work(call: Call) -> Lineage:
        from dbsvc.engine.reports.lineage import trace_row

        return trace_row(call.db, dataset, written)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def status(
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Status:
    """Return what is in the database: its tables, the newest loads, the newest days of inverters, notifications that are owed.

    >>> found = dbsvc.status(database="sqlite:///example.db")
    >>> [table for table in found.tables if table["table"] == "bills"]
    [{'table': 'bills', 'rows': 6}]
    """

    def work(call: Call) -> Status:
        from dbsvc.engine.reports.status import read_status

        return read_status(call.db)

    return calls.run(work, database, settings, progress, on_event)


@arguments.checked
def report(
    *,
    database: str | Database | None = None,
    settings: Settings | None = None,
    days: int | None = None,
    progress: Progress | None = None,
    on_event: Callable[[Event], object] | None = None,
) -> Report:
    """Run the checks, and return what a person wants to see of the last ``days``: 1 to 92, by default those of checks.

    Its ``page()`` is one file of HTML that needs no other. Nothing is written. What cannot be read is said in it.

    >>> found = dbsvc.report(database="sqlite:///example.db", days=7)
    >>> found.days, [dataset.name for dataset in found.datasets if dataset.published], found.page()[:15]
    (7, ['usage'], '<!doctype html>')
    """

    def work(call: Call) -> Report:
        from dbsvc.engine.reports.report import read_report
        from dbsvc.engine.settings import read_settings

        chosen = settings or read_settings()
        shown = chosen.check_days if days is None else arguments.number("days", days, 1, MOST_DAYS)
        return read_report(call.db, shown, runbook_url=chosen.runbook_url, progress=call.progress)

    return calls.run(work, database, settings, progress, on_event, ready=False)


def _receivers(settings: Settings, notify: Collection[str] | None) -> list[Receiver]:
    """Return who is to be told."""
    from dbsvc.engine.notify.receivers import read_receivers

    return read_receivers(settings, notify or ())


def _telling(call: Call, settings: Settings | None, notify: Collection[str] | None, work: Callable[[Settings], T]) -> T:
    """Do what may let a load be held no more, and tell of it."""
    from dbsvc.engine.notify.notices import tell_of_loads
    from dbsvc.engine.settings import read_settings

    chosen = settings or read_settings()
    receivers = _receivers(chosen, notify)
    result = work(chosen)
    tell_of_loads(call.db, chosen, receivers)
    return result


def _names(sources: tuple[str | os.PathLike[str], ...], *, again: bool, jobs: int | None) -> list[str]:
    """Return what is to be loaded, as it is named on the command line. Raises UsageError for what cannot be."""
    from dbsvc.engine.sources.urls import is_folder, shown_name

    names = [os.fsdecode(source) for source in sources]
    if not names:
        raise UsageError("There is nothing to load: name a file, a folder, a glob or a URL.")
    if jobs is not None:
        arguments.number("jobs", jobs, 1, MOST_JOBS, ": each has a chunk in memory; for more start more instances")
    if folders := [name for name in names if again and is_folder(name)]:
        raise UsageError(f"again delivers the files that you name; {shown_name(folders[0])} is a folder.")
    return names
