"""``dbsvc ingest``."""

from __future__ import annotations

import logging
import shlex
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, metrics, output, waiting

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.loads.model import Outcome
    from dbsvc.engine.loads.plan import PlannedFile
    from dbsvc.engine.profiles import Profile
    from dbsvc.engine.settings import Settings
    from dbsvc.engine.sources.folders import Found

_HELD = 65
_MOST_NAMES = 5  # are shown of what is left out
#: What is counted of a run, and of its records.
COUNTED = ("files", "published", "already_published", "held", "discarded", "skipped", "failed")
#: Columns of a load that its report leaves out.
_UNSAID = ("header", "source", "released", "out_of_turn")
_MOST_JOBS = 4  # each has a chunk in memory; for more start more instances

EXAMPLES = commands.examples(
    "dbsvc ingest deliveries/                 a folder, what others need first",
    "dbsvc ingest usage.csv plants.csv.gz     files, packed or not",
    "zcat usage.csv.gz | dbsvc ingest -       what comes through a pipe",
    "dbsvc ingest --dry-run usage.csv         what would be stored, and what not",
    "dbsvc ingest --follow telemetry.jsonl    a file that grows, until stopped",
)


def ingest(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Files, folders, globs, URLs (s3://, gs://, az://, https://), or - for standard input; packed or not.",
            show_default=False,
        ),
    ],
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=_MOST_JOBS, help="Staging workers; by default what suits the database."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep reading one file while it grows, until stopped.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Deliver known bytes again, so that they win over what came after them.")
    ] = False,
    require_files: Annotated[
        bool, typer.Option("--require-files", help="A folder or glob in which there is nothing to load is an error (66).")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="PROFILE",
            autocompletion=completion.profiles,
            help="Read the files by this profile, whatever theirs is.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Say what would be stored, rejected or held, and store nothing; the exit code is what it would be. It is done "
            "in one transaction and taken back: meanwhile loads of the same datasets wait where they merge, and on SQLite "
            "whoever writes.",
        ),
    ] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="With --follow: publish at most this often.")] = 10.0,
    idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="With --follow: end when nothing came for this long.", show_default=False),
    ] = None,
) -> None:
    """Load files, each whole or not at all. After any failure run it again: it goes on where it was."""
    from dbsvc.engine.loads.ledger import find_replaced_among
    from dbsvc.engine.settings import read_settings
    from dbsvc.engine.sources.urls import is_folder, shown_name

    if follow and (len(files) > 1 or files == ["-"]):
        raise typer.BadParameter("--follow reads one file.")
    if idle is not None and not follow:
        raise typer.BadParameter("--idle goes with --follow.")
    if profile and follow:
        raise typer.BadParameter("--profile is for files that are delivered whole; --follow reads one that grows.")
    if again and follow:
        raise typer.BadParameter("--again delivers a whole file; --follow reads one that grows.")
    if folders := [name for name in files if again and is_folder(name)]:
        raise typer.BadParameter(f"--again delivers the files that you name; {shown_name(folders[0])} is a folder.")
    if dry_run and follow:
        raise typer.BadParameter("--dry-run says what one run would do; --follow does not end.")
    settings = read_settings()
    if dry_run:
        from dbsvc.cli.rehearsal import show_rehearsal

        raise typer.Exit(show_rehearsal(files, settings, profile, again=again, require_files=require_files))
    started = time.perf_counter()
    with output.connect(create=True) as db:
        workers = jobs or db.dialect.jobs
        reports: list[dict[str, Any]] = []
        if follow:
            tally = output.interruptible(db, lambda: _follow(db, files[0], settings, workers, every, idle))
        else:
            reports = output.interruptible(db, lambda: _ingest_all(db, files, settings, profile, workers, again, require_files))
            tally = sum(map(count, reports), Counter[str]())
        published = {report["load_id"] for report in reports if report["outcome"] == "published"}
        replaced = find_replaced_among(db, published)
        seconds = round(time.perf_counter() - started, 3)
        _conclude(tally, reports, replaced, again=again, retries=db.retries, seconds=seconds)
    if codes := [report["exit_code"] for report in reports if report["exit_code"]] or [_HELD] * tally["held"]:
        raise typer.Exit(codes[0])


def _ingest_all(
    db: Database, files: list[str], settings: Settings, profile: str | None, jobs: int, again: bool, require_files: bool
) -> list[dict[str, Any]]:
    from dbsvc.engine.loads.plan import plan
    from dbsvc.engine.migrations import ensure_schema
    from dbsvc.engine.profiles import find_profiles
    from dbsvc.engine.sources.folders import find_sources

    found = find_sources(files)
    if any(source.error is None for source in found.sources):
        with output.progress(db.dialect.label) as progress:
            ensure_schema(db, progress)
    profiles = find_profiles(db.statements.project, db.statements.datasets, profile)
    reports = []
    files_planned = plan(db, found.sources, settings, profiles)
    for number, planned in enumerate(files_planned, 1):
        if planned.skipped:
            report = {"source": planned.source, "outcome": "skipped", "because": str(planned.error), "exit_code": 0}
        elif planned.error:
            report = describe_failure(planned.source, planned.error)
        else:
            place = f"{number}/{len(files_planned)} " if len(files_planned) > 1 else ""
            reports += _ingest_one(db, planned, settings, profiles, jobs, again and planned.named, place)
            continue
        reports.append(report)
        _show(report)
    tell_what_was_not_read(found, reports)
    for failure in describe_unloaded(found, reports) if require_files else []:
        reports.append(failure)
        _show(failure)
    return reports


def describe_unloaded(found: Found, reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a failure for each folder of which no file was loaded, or tried."""
    from dbsvc.engine.errors import InputMissingError

    tried = {report["source"] for report in reports if report["outcome"] != "skipped"}
    return [
        describe_failure(folder, InputMissingError(f"{folder}: there is no file to load in it."))
        for folder, within in found.folders.items()
        if tried.isdisjoint(within)
    ]


def tell_what_was_not_read(found: Found, reports: list[dict[str, Any]]) -> None:
    """Tell which files of folders were left out, and if there was nothing to load."""
    from dbsvc.engine.log import event

    for (argument, why), names in found.left_out.items():
        event("left_out", folder=argument, why=why, names=names)
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        output.say(f"{argument}: {len(names):,} left out ({why}): {shown}.")
    for folder in found.empty:
        event("empty", folder=folder)
        output.say(f"{folder}: there is no file to load in this folder.")
    if all(report["outcome"] == "skipped" for report in reports):
        event("nothing_to_load", level=logging.WARNING, files=len(reports))
        output.say("There was nothing to load.")


def _ingest_one(
    db: Database, planned: PlannedFile, settings: Settings, profiles: list[Profile], jobs: int, again: bool, place: str
) -> list[dict[str, Any]]:
    from dbsvc.engine.errors import SourceError
    from dbsvc.engine.loads.lifecycle import ingest_all
    from dbsvc.engine.sources.file import SourceFile
    from dbsvc.engine.sources.header import read_header

    source = planned.source
    reports: list[dict[str, Any]] = []
    try:
        with (
            output.progress(f"{place}{source}") as progress,
            planned.file or SourceFile(planned.path, settings.max_unpacked) as file,
        ):
            header = read_header(file, db.statements.datasets.values(), profiles)
            found: dict[str, Any] = {"named": planned.named}
            found |= {"wrong_name": file.wrong_name} if file.wrong_name else {}
            found |= {"profile": header.profile.name} if header.profile else {}
            for outcome in ingest_all(db, file, header, settings, jobs=jobs, progress=progress, again=again):
                _measure(db, outcome)
                reports.append({**describe(source, outcome), **_quarantine(db, outcome), **found})
    except SourceError as error:
        reports.append(describe_failure(source, error))
    for report in reports:
        _show(report)
    return reports


def _follow(db: Database, source: str, settings: Settings, jobs: int, every: float, idle: float | None) -> Counter[str]:
    from dbsvc.engine.loads.follow import follow
    from dbsvc.engine.loads.model import BUCKETS
    from dbsvc.engine.migrations import ensure_schema
    from dbsvc.engine.sources.urls import shown_name

    ensure_schema(db)
    tally = Counter[str]()
    for outcome in follow(db, source, settings, jobs=jobs, every=every, idle=idle):
        _measure(db, outcome)
        report = {**describe(shown_name(source), outcome), **_quarantine(db, outcome)}
        tally += count(report)
        _show(report)
        output.say(f"load {report['load_id']} {report['outcome']}: {output.sums(report, BUCKETS)}")
        for hint in _hints(report):
            output.say(hint)
    return tally


def _measure(db: Database, outcome: Outcome) -> None:
    """Count what a load took, and if it was published now, which rules its rejects broke."""
    from dbsvc.engine.reports.rejects import count_broken_rules

    spent: Any = metrics.families["phase_seconds"]  # a Counter adds up seconds, too
    for phase, seconds in outcome.seconds.items():
        spent[phase] = round(spent[phase] + seconds, 3)
    load = outcome.load
    if load.rejected and load.status == "published" and not outcome.already:
        metrics.families["rejected"].update(count_broken_rules(db, load.load_id))


def _quarantine(db: Database, outcome: Outcome) -> dict[str, Any]:
    """How many rejects, of which loads, were mended by this one, or wait for what it has just brought."""
    from dbsvc.engine.loads.corrections import read_mended
    from dbsvc.engine.loads.waiting import find_waiting

    if outcome.already or outcome.load.status != "published":
        return {}
    found = {"mended_rejects": read_mended(db, outcome.load.load_id), "waiting_rejects": find_waiting(db, outcome.load)}
    return {name: dict(loads) for name, loads in found.items() if loads}


def describe(source: str, outcome: Outcome) -> dict[str, Any]:
    """Return what became of a load, and the exit code for it."""
    load = {name: value for name, value in outcome.load.as_row().items() if name not in _UNSAID}
    word = "already published" if outcome.already else str(outcome.load.status)
    nothing = word == "published" and load["read"] == load["rejected"] > 0
    code = _HELD if load["status"] in ("held", "discarded") or nothing else 0
    replaced = outcome.scan.replaced.load_id if outcome.scan.replaced else None
    found: dict[str, Any] = {"waiting_bytes": outcome.scan.waiting, "replaced_load_id": replaced}
    if outcome.replaced is not None:
        found |= {"replaced_by": outcome.replaced.by, "perhaps_replaced_by": outcome.replaced.perhaps_by}
    return {"source": source, "outcome": word, **load, **found, "seconds": outcome.seconds, "exit_code": code}


def describe_failure(source: str, error: Exception) -> dict[str, Any]:
    """Return why a file could not be loaded."""
    return {
        "source": source,
        "outcome": "failed",
        "because": str(error),
        "exit_code": getattr(error, "exit_code", 1),
    }


def _show(report: dict[str, Any]) -> None:
    if report["outcome"] == "failed":
        output.error(report["because"], report["exit_code"])
    elif report["outcome"] != "skipped" and (report["outcome"] != "already published" or report.get("named")):
        _log(report)
    if output.results_are_json():
        output.objects([report])


def _log(report: dict[str, Any]) -> None:
    """Log what became of a load, in one line."""
    from dbsvc.engine.loads.model import BUCKETS
    from dbsvc.engine.log import event

    said = {name: report[name] for name in ("load_id", "dataset", "source", "outcome", "held_because") if report[name]}
    event("load", **said, **{bucket: report[bucket] for bucket in ("read", *BUCKETS)}, seconds=_spent(report))


def _spent(report: dict[str, Any]) -> float:
    return float(round(sum(report["seconds"].values()), 3))


def count(report: dict[str, Any]) -> Counter[str]:
    """Count a file, what became of it, and the records that were published now."""
    from dbsvc.engine.loads.model import BUCKETS

    buckets = ("read", *BUCKETS) if report["outcome"] == "published" else ()
    return Counter({"files": 1, report["outcome"].replace(" ", "_"): 1, **{bucket: report[bucket] for bucket in buckets}})


def _conclude(
    tally: Counter[str],
    reports: list[dict[str, Any]],
    replaced: list[dict[str, Any]],
    *,
    again: bool,
    retries: int,
    seconds: float,
) -> None:
    """End with the buckets and where to look next; for programs with one line that has every counter."""
    from dbsvc.engine.loads.model import BUCKETS

    words = (*COUNTED, "read", *BUCKETS)
    line: dict[str, Any] = {**{word: tally[word] for word in words}, "retries": retries, "seconds": seconds}
    metrics.numbers["retries"] = retries
    for word in words[1:]:
        metrics.families["records" if word in ("read", *BUCKETS) else "files"][word] = tally[word]
    if output.results_are_json():
        output.objects([{"event": "ingested", **line, **({"replaced": replaced} if replaced else {})}])
        return
    loads = [report for report in reports if report["outcome"] != "failed"]
    if loads:
        output.ledger("", loads, BUCKETS, "outcome")
    hints = [hint for report in reports for hint in _hints(report)]
    for hint in [*hints, *_closing_hints(reports), *_hints_of_known(reports, again), *_hints_of_replaced(reports, replaced)]:
        output.say(hint)


def _closing_hints(reports: list[dict[str, Any]]) -> list[str]:
    from dbsvc.engine.sources.names import plain_suffix

    hints = []
    superseded = [report for report in reports if report["outcome"] == "published" and report["superseded"]]
    if superseded:
        records = sum(report["superseded"] for report in superseded)
        were = "record was" if records == 1 else "records were"
        hints.append(
            f"{records:,} {were} superseded by a later line of the file, or by a later load, with the same key and other "
            f"values: `dbsvc loads show {superseded[0]['load_id']}` says which."
        )
    rejected = [report for report in reports if report["outcome"] == "published" and report["rejected"]]
    if rejected:
        records = sum(report["rejected"] for report in rejected)
        load_id, source = rejected[0]["load_id"], rejected[0]["source"]
        corrected = f"corrected{plain_suffix(source) or '.csv'}"
        by = f"--profile {shlex.quote(rejected[0]['profile'])} " if rejected[0].get("profile") else ""
        hints.append(
            f"{records:,} {'record is' if records == 1 else 'records are'} in quarantine: `dbsvc rejects` says why. "
            f"Correct them: `dbsvc rejects export {load_id} > {corrected}`, an editor, `dbsvc ingest {by}{corrected}`. "
            "When rules or registries have changed: `dbsvc rejects retry`."
        )
    return hints


def _hints_of_known(reports: list[dict[str, Any]], again: bool) -> list[str]:
    """Say what was published before, and what later loads have replaced of it; of what was only found, in one sentence."""
    known = [report for report in reports if report["outcome"] == "already published"]
    replaced = [report for report in known if report.get("replaced_by") or report.get("perhaps_replaced_by")]
    found = sum(not report["named"] and bool(report["replaced_by"]) for report in replaced)
    more = f" Later loads replaced rows of {found:,} of them; `dbsvc ingest --again FILE` delivers one again." if found else ""
    hints = []
    if len(known) > 1 or (known and found):
        were = "file was" if len(known) == 1 else "files were"
        hints.append(f"{len(known):,} {were} published already; nothing changed.{more}")
    elif known:
        (only,) = known
        stands = " No later load replaced any of its rows, so there is nothing to deliver again." if again else ""
        hints.append(
            f"{only['source']}: these bytes were already published as load {only['load_id']}; nothing changed.{stands}"
        )
    return hints + [
        f"{report['source']}: since load {report['load_id']}, {_replaced(report)}. "
        f"`dbsvc ingest --again {shlex.quote(report['source'])}` delivers it again."
        for report in replaced
        if report["named"]
    ]


def _replaced(report: dict[str, Any]) -> str:
    """Say what later loads have replaced of one, as far as it is known."""
    by, perhaps_by = report["replaced_by"], report["perhaps_replaced_by"]
    records = sum(row["records"] for row in by)
    if not records:
        return f"{_loads(perhaps_by)} may have replaced rows that it repeated"
    at_least = "at least " if perhaps_by else ""
    return f"{_loads([row['load_id'] for row in by])} replaced {at_least}{records:,} of its rows"


def _hints_of_replaced(reports: list[dict[str, Any]], replaced: list[dict[str, Any]]) -> list[str]:
    """Say which files of this run brought other values for the same rows."""
    sources = {report["load_id"]: report["source"] for report in reports if report.get("load_id")}
    hints = [
        f"Load {row['replaced_by_load_id']} ({sources[row['replaced_by_load_id']]}) replaced {row['records']:,} "
        f"{_rows(row['records'])} of load {row['load_id']} ({sources[row['load_id']]}) of this run."
        for row in replaced
    ]
    more = len(hints) - _MOST_NAMES
    return [*hints[:_MOST_NAMES], *([f"… and {more:,} more pairs of files like these."] if more > 0 else [])]


def _loads(load_ids: list[int]) -> str:
    shown = ", ".join(map(str, load_ids[:_MOST_NAMES])) + (", …" if len(load_ids) > _MOST_NAMES else "")
    return f"load {shown}" if len(load_ids) == 1 else f"loads {shown}"


def _rows(records: int) -> str:
    return "row" if records == 1 else "rows"


def _hints(report: dict[str, Any]) -> list[str]:
    load_id, source = report.get("load_id"), report["source"]
    hints = []
    if report.get("wrong_name"):
        hints.append(f"{source}: {report['wrong_name']}, so that is what it was read as.")
    if report.get("replaced_load_id"):
        hints.append(
            f"{source} was replaced or truncated since load {report['replaced_load_id']}; all that is not known of it was read."
        )
    match report["outcome"]:
        case "held":
            hints += [
                f"Load {load_id} is held, nothing of it is published: {finding}."
                for finding in report["held_because"].splitlines()
            ]
            hints.append(f"Look: `dbsvc loads show {load_id}`. Then `dbsvc loads release {load_id}` or `discard {load_id}`.")
        case "published" if report["read"] == report["rejected"] > 0:
            hints.append(f"{source}: all of its records were rejected, load {load_id} brought nothing.")
        case "discarded":
            hints.append(f"Load {load_id} was discarded. `dbsvc loads release {load_id}` allows it after all.")
        case "skipped":
            hints.append(f"Skipped {report['because']}")
    if mended := report.get("mended_rejects"):
        hints += [
            f"Load {load_id} mended {records:,} {'reject' if records == 1 else 'rejects'} of load {of}."
            for of, records in mended.items()
        ]
    if found := report.get("waiting_rejects"):
        hints.append(waiting.hint(report["load_id"], found))
    if report.get("waiting_bytes"):
        hints.append(f"{source}: the last line is incomplete ({report['waiting_bytes']:,} bytes); it waits for the next run.")
    return hints
