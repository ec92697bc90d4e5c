"""A program of somebody else's, which uses every public function: it is checked as strictly as ours, and run by a test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dbsvc
from dbsvc import Event, Ingested, Load, Progress, aio


def show(phase: str, done: int = 0, total: int = 0) -> None:
    """Show how far it is."""
    print(phase, done, total)


def read(url: str, folder: Path) -> Decimal:
    """Load files; return what was earned."""
    told: list[Event] = []
    progress: Progress = show
    with dbsvc.connect(url) as db:
        names: list[str] = dbsvc.migrate(db)
        done: Ingested = dbsvc.ingest(folder / "usage.csv", str(folder), database=db, progress=progress, on_event=told.append)
        loads: list[Load] = [file.load for file in done.files if file.load]
        counted: dict[str, int] = {name: number for name, number in done.count().items() if number > 0}
        print(names, counted, [event.fields.get("load_id") for event in told], [load.published_at for load in loads])
    usage = next(load for load in loads if load.dataset == "usage")
    for reject in dbsvc.rejects(usage.load_id, database=url).rejects:
        record: bytes = reject.raw_record
        print(reject.line_no, record)
    for retried in dbsvc.retry(database=url).loads:
        print(retried.passed, retried.findings)
    print(dbsvc.dismiss(usage.load_id, lines=[10], reason="a test", database=url).left)
    fetched = dbsvc.fx(date(2021, 10, 1), currencies=["EUR"], database=url, dry_run=True)
    print(len(fetched.plan.calls), fetched.exit_code)
    checked = dbsvc.check(database=url, thresholds={"DBSVC_CHECK_LOADS_UNFINISHED_HOURS": 12})
    print(checked.state, [(result.check.name, result.since) for result in checked.problems])
    newest = dbsvc.loads(database=url, dataset="usage", since=datetime(2021, 10, 1, tzinfo=UTC)).loads
    print(dbsvc.load(newest[0].load_id, database=url).chunks, dbsvc.status(database=url).tables)
    shown: dbsvc.Report = dbsvc.report(database=url, days=28)
    print(shown.state, len(shown.page()))
    row: dbsvc.Lineage = dbsvc.lineage("usage", date(2021, 11, 1), 1, database=url)
    print(row.current["line_no"], row.left_out)
    settings = dbsvc.read_settings()
    print(settings.check_days, dbsvc.revert(newest[0].load_id, database=url, dry_run=True).removed)
    give_up: list[Callable[..., Load]] = [dbsvc.release, dbsvc.discard]
    for work in give_up:
        try:
            work(newest[0].load_id, database=url)
        except dbsvc.InputError as error:
            print(error, error.exit_code, error.ingested)
    revenue = dbsvc.revenue(database=url, by=dbsvc.By.currency)
    return sum((group["revenue_usd"] for group in revenue.groups if group["revenue_usd"] is not None), Decimal())


async def wait(url: str, folder: Path) -> tuple[dbsvc.Ingested, dbsvc.Checked]:
    """Do two things at once."""
    async with asyncio.TaskGroup() as tasks:
        again = tasks.create_task(aio.ingest(folder / "usage.csv", database=url, raise_held=True))
        checked = tasks.create_task(aio.check(database=url, only=["loads_held"]))
    return again.result(), checked.result()


def main(url: str, folder: str) -> None:
    """Run it."""
    print(read(url, Path(folder)))
    ingested, checked = asyncio.run(wait(url, Path(folder)))
    print(ingested.files[0].outcome.value, checked.state)


if __name__ == "__main__":
    main(*sys.argv[1:])
