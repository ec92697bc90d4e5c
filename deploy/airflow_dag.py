"""The nightly run as a DAG of Airflow: put it into the folder of DAGs; `dbsvc` is installed where the tasks run.

A task that is killed, or tried again, goes on where it was. What passes by itself is tried again; a load that is held and the
findings of a check are for people.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from airflow.exceptions import AirflowFailException
from airflow.sdk import dag, task

import dbsvc

FROM = "s3://bucket/incoming/"
AGAIN = (69, 75)

T = TypeVar("T")


def run(work: Callable[[], T]) -> T:
    """Do some work. DATABASE_URL and the rest are in the worker's environment; what is logged is in the task's log."""
    try:
        return work()
    except dbsvc.DbsvcError as error:
        if error.exit_code in AGAIN:
            raise  # Airflow tries again
        raise AirflowFailException(f"{error} See RUNBOOK.md.") from error


@dag(
    schedule="15 2 * * *",  # after the rates of the day before are final, by UTC
    start_date=datetime(2026, 1, 1),
    catchup=False,  # a run loads all that has come
    max_active_runs=1,
    default_args={"retries": 6, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True},
)
def dbsvc_nightly() -> None:
    """Ingest, retry, rates, check: what fails does not keep the check from running."""

    @task
    def ingest() -> dict[str, int]:
        return dict(run(lambda: dbsvc.ingest(FROM, raise_held=True)).count())

    @task(trigger_rule="all_done")
    def retry() -> int:
        return sum(one.passed for one in run(dbsvc.retry).loads)

    @task(trigger_rule="all_done")
    def rates() -> dict[str, int]:
        return run(lambda: dbsvc.fx(missing=True)).count()

    @task(trigger_rule="all_done")
    def check() -> None:
        checked = run(dbsvc.check)
        if checked.state != "ok":
            found = ", ".join(f"{result.check.name} ({result.state})" for result in checked.problems)
            raise AirflowFailException(f"{found}: see RUNBOOK.md.")

    ingest() >> retry() >> rates() >> check()


dbsvc_nightly()
