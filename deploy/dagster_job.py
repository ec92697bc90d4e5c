"""The nightly run as a job of Dagster: `dagster dev -f deploy/dagster_job.py`; `dbsvc` is installed beside Dagster.

A step that is killed, or tried again, goes on where it was. What passes by itself is tried again; a load that is held and the
findings of a check are for people.
"""

from collections.abc import Callable
from typing import TypeVar

import dagster

import dbsvc

FROM = "s3://bucket/incoming/"
AGAIN = (69, 75)

T = TypeVar("T")


def run(work: Callable[[], T]) -> T:
    """Do some work. DATABASE_URL and the rest are in the environment."""
    try:
        return work()
    except dbsvc.DbsvcError as error:
        if error.exit_code in AGAIN:
            raise dagster.RetryRequested(max_retries=6, seconds_to_wait=120) from error
        raise dagster.Failure(f"{error} See RUNBOOK.md.", allow_retries=False) from error


@dagster.op
def ingest(context: dagster.OpExecutionContext) -> int:
    """Load what has come. What failed, or is held, is told by the check's step."""
    done = run(lambda: dbsvc.ingest(FROM, raise_failed=False))
    context.log.info("%s", dict(done.count()))
    if any(file.exit_code in AGAIN for file in done.failures):
        run(done.raise_for_failures)
    return done.exit_code


@dagster.op
def complete(context: dagster.OpExecutionContext, ingested: int) -> int:
    """Retry what waited for it, and fetch the rates that bills need."""
    retried = run(lambda: dbsvc.retry(raise_failed=False))
    fetched = run(lambda: dbsvc.fx(missing=True))
    context.log.info("%d retried, %s", len(retried.loads), fetched.count())
    return ingested or max((error.exit_code for error in retried.errors), default=0) or fetched.exit_code


@dagster.op
def check(context: dagster.OpExecutionContext, completed: int) -> None:
    """Say whether the data can be trusted."""
    checked = run(dbsvc.check)
    context.log.info("%s", checked.state)
    if completed or checked.state != "ok":
        found = ", ".join(f"{result.check.name} ({result.state})" for result in checked.problems)
        raise dagster.Failure(f"exit code {completed}; {found or 'checks are fine'}: see RUNBOOK.md.", allow_retries=False)


@dagster.job
def dbsvc_nightly() -> None:
    """Ingest, retry, rates, check."""
    check(complete(ingest()))


definitions = dagster.Definitions(
    jobs=[dbsvc_nightly],
    schedules=[dagster.ScheduleDefinition(job=dbsvc_nightly, cron_schedule="15 2 * * *", execution_timezone="UTC")],
)
