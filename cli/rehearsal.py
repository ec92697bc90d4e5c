"""``dbsvc ingest --dry-run``: what would be, shown in the words of ``dbsvc ingest``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbsvc.cli import ingest, output

if TYPE_CHECKING:
    from dbsvc.engine.loads.ingested import IngestedFile
    from dbsvc.engine.settings import Settings


def show_rehearsal(files: list[str], settings: Settings, profile: str | None, *, again: bool, require_files: bool) -> int:
    """Show what an ingest of these files would do, and do nothing; returns the exit code that it would have."""
    from dbsvc.engine.loads.model import BUCKETS
    from dbsvc.engine.loads.rehearse import stage_of
    from dbsvc.engine.loads.run import Run

    with output.connect() as db, stage_of(db) as stage:
        run = Run(stage, settings, profile, again=again, show=output.progress)
        rehearsed = output.interruptible(stage, lambda: run.rehearse(files, temporary=stage is not db))
    whole = rehearsed.require_files() if require_files else rehearsed
    reports = [_report(file) for file in whole.files]
    if output.results_are_json():
        tally = whole.count()
        line = {word: tally[word] for word in (*ingest.COUNTED, "read", *BUCKETS)}
        output.objects(reports)
        output.objects([{"event": "ingested", "dry_run": True, "temporary_database": whole.in_temporary_database, **line}])
    else:
        _show(reports)
        if whole.in_temporary_database:
            output.say("Nothing was loaded here yet, so this was tried in an empty database, which is gone again.")
    ingest.tell_what_was_not_read(rehearsed)
    if not output.results_are_json():
        output.say("Nothing was stored: this is what `dbsvc ingest` would do.")
    for file in whole.failures:
        output.error(str(file.error), file.exit_code)
    return whole.exit_code


def _report(file: IngestedFile) -> dict[str, Any]:
    report = ingest.describe(file)
    if file.load:
        reasons = {reason.reason: reason.records for reason in file.reasons}
        report |= {"reasons": reasons, "rejects": list(file.rejects)}
    return {**report, "dry_run": True}


def _show(reports: list[dict[str, Any]]) -> None:
    from dbsvc.engine.loads.model import BUCKETS

    rows = [
        {
            "would be": report["outcome"],
            "records": output.sums(report, BUCKETS) if "read" in report else "",
            "source": report["source"],
        }
        for report in reports
    ]
    if rows:
        output.table("", rows, ["would be", "records", "source"])
    for report in reports:
        source = report["source"]
        for finding in (report.get("held_because") or "").splitlines():
            output.say(f"{source} would be held: {finding}.")
        if report["outcome"] == "skipped":
            output.say(f"Skipped {report['because']}")
        if reasons := report.get("reasons"):
            counted = ", ".join(f"{records:,} {reason}" for reason, records in reasons.items())
            shown = [{**row, "raw_record": output.shortened(row["raw_record"])} for row in report["rejects"]]
            output.table(f"{source}: would be rejected: {counted}", shown, ["line_no", "reasons", "raw_record"])
            output.rest(len(shown), report["rejected"], "rejects")
