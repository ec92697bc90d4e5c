"""``dbsvc ingest``."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, metrics, output, waiting
from dbsvc.cli.notify import Notify, Teller
from dbsvc.engine.limits import MOST_JOBS

if TYPE_CHECKING:
    from dbsvc.engine.loads.ingested import Ingested, IngestedFile
    from dbsvc.engine.loads.model import Replaced
    from dbsvc.engine.loads.run import Run

_HELD = 65
_MOST_NAMES = 5  # are shown of what is left out
_LEFT_ALONE = 300.0  # seconds without notifications, after a receiver took none
#: What is counted of a run, and of its records.
COUNTED = ("files", "published", "already_published", "held", "discarded", "skipped", "failed")
#: Columns of a load that its report leaves out.
_UNSAID = ("header", "source", "released", "out_of_turn")

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc ingest deliveries/                 a folder, what others need first",
    "dbsvc ingest usage.csv plants.csv.gz     files, packed or not",
    "zcat usage.csv.gz | dbsvc ingest -       what comes through a pipe",
    "dbsvc ingest --dry-run usage.csv         what would be stored, and what not",
    "dbsvc ingest --follow telemetry.jsonl    a file that grows, until stopped",
)


@app.command(cls=commands.Command, epilog=_EXAMPLES)
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
        typer.Option(metavar="N", min=1, max=MOST_JOBS, help="Staging workers; by default what suits the database."),
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
    notify: Notify = None,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="With --follow: publish at most this often.")] = 10.0,
    idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="With --follow: end when nothing came for this long.", show_default=False),
    ] = None,
) -> None:
    """Load files, each whole or not at all. After any failure run it again: it goes on where it was."""
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
    if dry_run and notify:
        raise typer.BadParameter("--dry-run changes nothing, so there is nothing to --notify of.")
    settings = read_settings()
    teller = Teller(notify, settings)
    if dry_run:
        from dbsvc.cli.rehearsal import show_rehearsal

        raise typer.Exit(show_rehearsal(files, settings, profile, again=again, require_files=require_files))
    from dbsvc.engine.loads.ingested import Ingested
    from dbsvc.engine.loads.run import Run

    started = time.perf_counter()
    with output.connect(create=True) as db:
        if follow:
            tell = partial(teller.tell, db)
            tally = output.interruptible(db, lambda: _follow(Run(db, settings, jobs=jobs), files[0], every, idle, tell))
            ingested = Ingested(retries=db.retries)
        else:
            run = Run(db, settings, profile, jobs, again, show=output.progress, tell=_show)
            ingested = output.interruptible(db, lambda: run.ingest(files))
            tell_what_was_not_read(ingested)
            if require_files:
                ingested = _require_files(ingested)
            tally = ingested.count()
        _conclude(tally, ingested, again=again, seconds=round(time.perf_counter() - started, 3))
        teller.tell(db, ingested.files)
    if code := ingested.exit_code or (_HELD if tally["held"] else 0):
        raise typer.Exit(code)


def _require_files(ingested: Ingested) -> Ingested:
    """Return it with a failure for each folder of which nothing was loaded, and show these."""
    whole = ingested.require_files()
    for failure in whole.files[len(ingested.files) :]:
        _show(failure)
    return whole


def tell_what_was_not_read(ingested: Ingested) -> None:
    """Tell which files of folders were left out, and if there was nothing to load."""
    for left_out in ingested.left_out:
        names = left_out.names
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        output.say(f"{left_out.folder}: {len(names):,} left out ({left_out.why}): {shown}.")
    for folder in ingested.empty:
        output.say(f"{folder}: there is no file to load in this folder.")
    if ingested.nothing_to_load:
        output.say("There was nothing to load.")


def _follow(
    run: Run, source: str, every: float, idle: float | None, tell: Callable[[Sequence[IngestedFile]], bool]
) -> Counter[str]:
    from dbsvc.engine.loads.ingested import count
    from dbsvc.engine.loads.model import BUCKETS

    tally = Counter[str]()
    tell_at = 0.0
    for file in run.follow(source, every, idle):
        _measure(file)
        tally += count(file)
        report = describe(file)
        if output.results_are_json():
            output.objects([report])
        output.say(f"load {report['load_id']} {report['outcome']}: {output.sums(report, BUCKETS)}")
        for hint in _hints(file):
            output.say(hint)
        if time.monotonic() >= tell_at and not tell([file]):
            tell_at = time.monotonic() + _LEFT_ALONE  # meanwhile it reads
    return tally


def describe(file: IngestedFile) -> dict[str, Any]:
    """Return what became of a file, as programs read it."""
    said = {"source": file.source, "outcome": file.outcome.value}
    if file.load is None:
        return {**said, "because": str(file.error), "exit_code": file.exit_code}
    load = {name: value for name, value in file.load.as_row().items() if name not in _UNSAID}
    if not file.is_known:
        load |= dict.fromkeys(("load_id", "registered_at", "published_at"))
    found: dict[str, Any] = {"waiting_bytes": file.waiting_bytes, "replaced_load_id": file.replaced_load_id}
    if file.replaced is not None:
        found |= {"replaced_by": file.replaced.by, "perhaps_replaced_by": file.replaced.perhaps_by}
    more = {"mended_rejects": file.mended_rejects, "waiting_rejects": file.waiting_rejects}
    found |= {"seconds": file.seconds, "exit_code": file.exit_code, **_if_any(more)}
    return {**said, **load, **found}


def _describe_name(file: IngestedFile) -> dict[str, Any]:
    """Return how a file that was read was found, and by which profile it was read."""
    if file.load is None:
        return {}
    return {"named": file.named, **_if_any({"wrong_name": file.wrong_name, "profile": file.profile})}


def _if_any(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _show(file: IngestedFile) -> None:
    """Show what became of a file, and count it."""
    _measure(file)
    if file.outcome == "failed":
        output.error(str(file.error), file.exit_code)
    if output.results_are_json():
        output.objects([{**describe(file), **_describe_name(file)}])


def _measure(file: IngestedFile) -> None:
    """Count what a load took, and which rules its rejects broke."""
    spent: Any = metrics.families["phase_seconds"]  # a Counter adds up seconds, too
    for phase, seconds in file.seconds.items():
        spent[phase] = round(spent[phase] + seconds, 3)
    metrics.families["rejected"].update(file.broken_rules)


def _conclude(tally: Counter[str], ingested: Ingested, *, again: bool, seconds: float) -> None:
    """End with the buckets and where to look next; for programs with one line that has every counter."""
    from dbsvc.engine.loads.model import BUCKETS

    words = (*COUNTED, "read", *BUCKETS)
    line: dict[str, Any] = {**{word: tally[word] for word in words}, "retries": ingested.retries, "seconds": seconds}
    metrics.numbers["retries"] = ingested.retries
    for word in words[1:]:
        metrics.families["records" if word in ("read", *BUCKETS) else "files"][word] = tally[word]
    if output.results_are_json():
        replaced = [asdict(pair) for pair in ingested.replaced]
        output.objects([{"event": "ingested", **line, **({"replaced": replaced} if replaced else {})}])
        return
    if loads := [describe(file) for file in ingested.files if file.outcome != "failed"]:
        output.ledger("", loads, BUCKETS, "outcome")
    hints = [hint for file in ingested.files for hint in _hints(file)]
    hints += [*_closing_hints(ingested), *_hints_of_known(ingested, again), *_hints_of_replaced(ingested)]
    for hint in hints:
        output.say(hint)


def _closing_hints(ingested: Ingested) -> list[str]:
    from dbsvc.engine.sources.names import plain_suffix

    hints = []
    published = [(file, file.load) for file in ingested.files if file.load and file.outcome == "published"]
    if superseded := [load for _, load in published if load.superseded]:
        records = sum(load.superseded for load in superseded)
        were = "record was" if records == 1 else "records were"
        hints.append(
            f"{records:,} {were} superseded by a later line of the file, or by a later load, with the same key and other "
            f"values: `dbsvc loads show {superseded[0].load_id}` says which."
        )
    if rejected := [(file, load) for file, load in published if load.rejected]:
        records = sum(load.rejected for _, load in rejected)
        file, load = rejected[0]
        corrected = f"corrected{plain_suffix(file.source) or '.csv'}"
        by = f"--profile {shlex.quote(file.profile)} " if file.profile else ""
        hints.append(
            f"{records:,} {'record is' if records == 1 else 'records are'} in quarantine: `dbsvc rejects` says why. "
            f"Correct them: `dbsvc rejects export {load.load_id} > {corrected}`, an editor, `dbsvc ingest {by}{corrected}`. "
            "When rules or registries have changed: `dbsvc rejects retry`."
        )
    return hints


def _hints_of_known(ingested: Ingested, again: bool) -> list[str]:
    """Say what was published before, and what later loads have replaced of it; of what was only found, in one sentence."""
    known = [(file, file.load) for file in ingested.files if file.load and file.outcome == "already published"]
    replaced = [(file, load, file.replaced) for file, load in known if file.replaced]
    found = sum(not file.named and bool(what.by) for file, _, what in replaced)
    more = f" Later loads replaced rows of {found:,} of them; `dbsvc ingest --again FILE` delivers one again." if found else ""
    hints = []
    if len(known) > 1 or (known and found):
        were = "file was" if len(known) == 1 else "files were"
        hints.append(f"{len(known):,} {were} published already; nothing changed.{more}")
    elif known:
        ((file, load),) = known
        stands = " No later load replaced any of its rows, so there is nothing to deliver again." if again else ""
        hints.append(f"{file.source}: these bytes were already published as load {load.load_id}; nothing changed.{stands}")
    return hints + [
        f"{file.source}: since load {load.load_id}, {_say_replaced(what)}. "
        f"`dbsvc ingest --again {shlex.quote(file.source)}` delivers it again."
        for file, load, what in replaced
        if file.named
    ]


def _say_replaced(replaced: Replaced) -> str:
    """Say what later loads have replaced of one, as far as it is known."""
    if not replaced.records:
        return f"{_loads(replaced.perhaps_by)} may have replaced rows that it repeated"
    at_least = "at least " if replaced.perhaps_by else ""
    return f"{_loads([row['load_id'] for row in replaced.by])} replaced {at_least}{replaced.records:,} of its rows"


def _hints_of_replaced(ingested: Ingested) -> list[str]:
    """Say which files of this run brought other values for the same rows."""
    sources = {file.load.load_id: file.source for file in ingested.files if file.load}
    hints = [
        f"Load {pair.replaced_by_load_id} ({sources[pair.replaced_by_load_id]}) replaced {pair.records:,} "
        f"{_rows(pair.records)} of load {pair.load_id} ({sources[pair.load_id]}) of this run."
        for pair in ingested.replaced
    ]
    more = len(hints) - _MOST_NAMES
    return [*hints[:_MOST_NAMES], *([f"… and {more:,} more pairs of files like these."] if more > 0 else [])]


def _loads(load_ids: list[int]) -> str:
    shown = ", ".join(map(str, load_ids[:_MOST_NAMES])) + (", …" if len(load_ids) > _MOST_NAMES else "")
    return f"load {shown}" if len(load_ids) == 1 else f"loads {shown}"


def _rows(records: int) -> str:
    return "row" if records == 1 else "rows"


def _hints(file: IngestedFile) -> list[str]:
    load, source = file.load, file.source
    if load is None:
        return [f"Skipped {file.error}"] if file.outcome == "skipped" else []
    load_id = load.load_id
    hints = []
    if file.wrong_name:
        hints.append(f"{source}: {file.wrong_name}, so that is what it was read as.")
    if file.replaced_load_id:
        hints.append(
            f"{source} was replaced or truncated since load {file.replaced_load_id}; all that is not known of it was read."
        )
    match file.outcome.value:
        case "held":
            findings = (load.held_because or "").splitlines()
            hints += [f"Load {load_id} is held, nothing of it is published: {finding}." for finding in findings]
            hints.append(f"Look: `dbsvc loads show {load_id}`. Then `dbsvc loads release {load_id}` or `discard {load_id}`.")
        case "published" if file.brought_nothing:
            hints.append(f"{source}: all of its records were rejected, load {load_id} brought nothing.")
        case "discarded":
            hints.append(f"Load {load_id} was discarded. `dbsvc loads release {load_id}` allows it after all.")
    hints += [
        f"Load {load_id} mended {records:,} {'reject' if records == 1 else 'rejects'} of load {of}."
        for of, records in file.mended_rejects.items()
    ]
    if file.waiting_rejects:
        hints.append(waiting.hint(load_id, file.waiting_rejects))
    if file.waiting_bytes:
        hints.append(f"{source}: the last line is incomplete ({file.waiting_bytes:,} bytes); it waits for the next run.")
    return hints
