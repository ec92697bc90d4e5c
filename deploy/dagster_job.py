"""The nightly run as a job of Dagster: `dagster dev -f deploy/dagster_job.py`; `dbsvc` is installed beside Dagster.

A step is a command in a process of its own: one that is killed, or tried again, goes on where it was. The exit code says what
is worth a try: 69 and 75 pass by themselves, 65 (a held load) and the findings of a check are for people.
"""

import json
import subprocess
import sys

import dagster

FROM = "s3://bucket/incoming/"
AGAIN = (69, 75, 130, 143)


def run(context: dagster.OpExecutionContext, *arguments: str) -> int:
    """Run a command of dbsvc, and show its results. DATABASE_URL and the rest are in the environment."""
    ran = subprocess.run([sys.executable, "-m", "dbsvc", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    results = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    context.log.info("dbsvc %s: exit code %s, %s", " ".join(arguments), ran.returncode, results[-1:])
    if ran.returncode in AGAIN or ran.returncode < 0:
        raise dagster.RetryRequested(max_retries=6, seconds_to_wait=120)
    return ran.returncode


@dagster.op
def ingest(context: dagster.OpExecutionContext) -> int:
    """Load what has come. A held load (65) is told by the check."""
    return run(context, "ingest", FROM)


@dagster.op
def complete(context: dagster.OpExecutionContext, ingested: int) -> int:
    """Retry what waited for it, and fetch the rates that bills need."""
    return max(ingested, run(context, "rejects", "retry"), run(context, "fx", "--missing"))


@dagster.op
def check(context: dagster.OpExecutionContext, completed: int) -> None:
    """Say whether the data can be trusted."""
    if code := max(run(context, "check"), completed):
        raise dagster.Failure(f"dbsvc: exit code {code}, see RUNBOOK.md", allow_retries=False)


@dagster.job
def dbsvc_nightly() -> None:
    """Ingest, retry, rates, check."""
    check(complete(ingest()))


definitions = dagster.Definitions(
    jobs=[dbsvc_nightly],
    schedules=[dagster.ScheduleDefinition(job=dbsvc_nightly, cron_schedule="15 2 * * *", execution_timezone="UTC")],
)
