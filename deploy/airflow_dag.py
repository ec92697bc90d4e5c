"""The nightly run as a DAG of Airflow: put it into the folder of DAGs; `dbsvc` is installed where the tasks run.

A task is a command in a process of its own: one that is killed, or tried again, goes on where it was. The exit code says what
is worth a try: 69 and 75 pass by themselves, 65 (a held load) and the findings of a check are for people.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, task

FROM = "s3://bucket/incoming/"
AGAIN = (69, 75, 130, 143)


def run(*arguments: str) -> None:
    """Run a command of dbsvc; its log is the task's. DATABASE_URL and the rest are in the worker's environment."""
    code = subprocess.run([sys.executable, "-m", "dbsvc", *arguments], check=False).returncode
    if code:
        stop = AirflowException if code in AGAIN or code < 0 else AirflowFailException
        raise stop(f"dbsvc {' '.join(arguments)}: exit code {code}, see RUNBOOK.md")


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
    def ingest() -> None:
        run("ingest", FROM)

    @task(trigger_rule="all_done")
    def retry() -> None:
        run("rejects", "retry")

    @task(trigger_rule="all_done")
    def rates() -> None:
        run("fx", "--missing")

    @task(trigger_rule="all_done")
    def check() -> None:
        run("check")

    ingest() >> retry() >> rates() >> check()


dbsvc_nightly()
