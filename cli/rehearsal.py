"""``dbsvc ingest --dry-run``: what would be, shown in the words of ``dbsvc ingest``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dbsvc.cli import ingest, output

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.loads.rehearse import Rehearsed, RehearsedFile
    from dbsvc.engine.settings import Settings
    from dbsvc.engine.sources.folders import Found


def show_rehearsal(files: list[str], settings: Settings, profile: str | None, *, again: bool, require_files: bool) -> int:
    """Show what an ingest of these files would do, and do nothing; returns the exit code that it would have."""
    from dbsvc.engine.loads import rehearse as rehearsing
    from dbsvc.engine.loads.model import BUCKETS

    with output.connect() as db, rehearsing.stage_of(db) as stage:
        sources, found = output.interruptible(stage, lambda: _rehearse(stage, files, settings, profile, again=again))
    temporary = stage is not db
    reports = [report for one in found for report in _reports(one)]
    if require_files:
        reports += [{**failure, "dry_run": True} for failure in ingest.describe_unloaded(sources, reports)]
    codes = [report["exit_code"] for report in reports if report["exit_code"]]
    if output.results_are_json():
        tally = sum(map(ingest.count, reports), Counter[str]())
        line = {word: tally[word] for word in (*ingest.COUNTED, "read", *BUCKETS)}
        output.objects(reports)
        output.objects([{"event": "ingested", "dry_run": True, "temporary_database": temporary, **line}])
    else:
        _show(reports)
        if temporary:
            output.say("Nothing was loaded here yet, so this was tried in an empty database, which is gone again.")
    ingest.tell_what_was_not_read(sources, reports)
    if not output.results_are_json():
        output.say("Nothing was stored: this is what `dbsvc ingest` would do.")
    for report in reports:
        if report["outcome"] == "failed":
            output.error(report["because"], report["exit_code"])
    return codes[0] if codes else 0


def _rehearse(
    db: Database, files: list[str], settings: Settings, profile: str | None, *, again: bool
) -> tuple[Found, list[RehearsedFile]]:
    from dbsvc.engine.loads.plan import plan
    from dbsvc.engine.loads.rehearse import rehearse
    from dbsvc.engine.profiles import find_profiles
    from dbsvc.engine.sources.folders import find_sources

    profiles = find_profiles(db.statements.project, db.statements.datasets, profile)
    found = find_sources(files)
    planned = plan(db, found.sources, settings, profiles)
    return found, rehearse(db, planned, settings, profiles, again=again, show=output.progress)


def _reports(file: RehearsedFile) -> list[dict[str, Any]]:
    source = file.planned.source
    reports = [_report(source, one) for one in file.loads]
    if file.planned.skipped:
        reports.append({"source": source, "outcome": "skipped", "because": str(file.error), "exit_code": 0})
    elif file.error:
        reports.append(ingest.describe_failure(source, file.error))
    return [{**report, "dry_run": True} for report in reports]


def _report(source: str, one: Rehearsed) -> dict[str, Any]:
    report = ingest.describe(source, one.outcome)
    if not one.was_there:
        report |= dict.fromkeys(("load_id", "registered_at", "published_at"))
    return {**report, "reasons": {reason.reason: reason.records for reason in one.reasons}, "rejects": one.rejects}


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
