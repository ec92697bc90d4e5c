"""The nightly run as a flow of Prefect: `python deploy/prefect_flow.py` serves it; `dbsvc` is installed beside Prefect.

A task that is killed, or tried again, goes on where it was. What passes by itself is tried again; a load that is held and the
findings of a check are for people.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

import dbsvc

FROM = "s3://bucket/incoming/"
AGAIN = (69, 75)


def passes(_task: Any, _run: Any, state: Any) -> bool:
    """Say whether a failure passes by itself."""
    error = state.result(raise_on_failure=False)
    return getattr(error, "exit_code", 1) in AGAIN


@task(retries=6, retry_delay_seconds=120, retry_condition_fn=passes)
def ingest(source: str) -> dict[str, int]:
    """Load what has come."""
    return dict(dbsvc.ingest(source, raise_held=True).count())


@task(retries=6, retry_delay_seconds=120, retry_condition_fn=passes)
def retry() -> int:
    """Retry what waited for it."""
    return sum(one.passed for one in dbsvc.retry().loads)


@task(retries=6, retry_delay_seconds=120, retry_condition_fn=passes)
def rates() -> dict[str, int]:
    """Fetch the rates that bills need."""
    return dbsvc.fx(missing=True).count()


@task
def check() -> str:
    """Say whether the data can be trusted."""
    checked = dbsvc.check()
    if checked.state != "ok":
        found = ", ".join(f"{result.check.name} ({result.state})" for result in checked.problems)
        raise RuntimeError(f"{found}: see RUNBOOK.md.")
    return checked.state


@flow
def dbsvc_nightly(source: str = FROM) -> str:
    """Ingest, retry, rates, check: what fails does not keep the check from running, but fails the flow."""
    states = [ingest(source, return_state=True), retry(return_state=True), rates(return_state=True)]
    state = check()
    for each in states:
        each.result()
    return state


if __name__ == "__main__":
    dbsvc_nightly.serve(cron="15 2 * * *")
