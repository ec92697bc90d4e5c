"""``dbsvc check``: a Nagios plugin that says what is wrong with the data, since when, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, metrics, output, streams
from dbsvc.cli.database import open_database
from dbsvc.cli.notify import Notify
from dbsvc.engine.limits import MOST_SAMPLES

if TYPE_CHECKING:
    from dbsvc.engine.checks import Check, Checked, CheckResult

_CODES = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
UNKNOWN = _CODES["unknown"]
_SAMPLE = 10  # rows of a finding

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc check                             everything",
    "dbsvc check --dataset usage             what is about one dataset",
    "dbsvc check --explain bills_orphaned    what a check means, and what to do",
    "dbsvc check -o junit > checks.xml       for a CI server",
)


class FailOn(StrEnum):
    """What counts as a failure."""

    warning = "warning"
    critical = "critical"


class Plugin(commands.Command):
    """A command whose mistaken use is UNKNOWN to Nagios, too: its 2 would be CRITICAL."""

    formats = (*commands.Command.formats, "junit")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if getattr(error, "exit_code", None) == 2:
                error.exit_code = UNKNOWN  # type: ignore[attr-defined]
            raise


@app.command(cls=Plugin, epilog=_EXAMPLES)
def check(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", autocompletion=completion.checks, help="Only these checks, by name.", show_default=False),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET", autocompletion=completion.datasets, help="Only the checks of these datasets.", show_default=False
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="The first day to look at; by default DBSVC_CHECK_DAYS back.",
            show_default=False,
        ),
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="From which state on the exit code is not 0.")] = FailOn.warning,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Write nothing to the database: for a role that may only read.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=MOST_SAMPLES,
            help="How many rows of what each check finds to show; 0 for all, up to 10,000.",
        ),
    ] = _SAMPLE,
    notify: Notify = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="CHECK",
            autocompletion=completion.checks,
            help="Say what one check means, its thresholds, its query, what to do.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Find what is missing, duplicate, changed or damaged. A Nagios plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
    try:
        if explain:
            code = _explain(explain)
        else:
            told = notify or []
            code = _check(only or [], dataset or [], since, fail_on, told, record=not no_record, most=limit or MOST_SAMPLES)
    except Exception as error:
        output.headline(f"UNKNOWN: {output.explain(error)}")
        code = UNKNOWN
    raise typer.Exit(code)


def _check(
    only: list[str],
    datasets: list[str],
    since: datetime | None,
    fail_on: FailOn,
    notify: list[str],
    *,
    record: bool,
    most: int,
) -> int:
    from dbsvc.engine import checks
    from dbsvc.engine.notify.receivers import read_receivers
    from dbsvc.engine.settings import read_settings

    settings = read_settings()
    if notify and not record:
        raise typer.BadParameter("--notify keeps in the database what it told; --no-record writes nothing to it.")
    receivers = read_receivers(settings, notify) if record else []
    days = settings.check_days
    with open_database() as db:
        chosen = checks.choose(checks.load_checks(db.statements), _split(only) or None, _split(datasets) or None)
        first = since.date() if since else None
        with output.progress(db.dialect.label) as progress:
            run = partial(checks.run, db, chosen, days, first, record=record, most=most, progress=progress)
            results = output.interruptible(db, run)
        code = _show_results(checks.Checked(tuple(results)), fail_on)
        if receivers:
            from dbsvc.engine.notify.notices import tell_of_checks

            output.interruptible(db, lambda: tell_of_checks(db, settings, receivers, results))
    return code


def _show_results(checked: Checked, fail_on: FailOn) -> int:
    for result in checked.results:
        metrics.families["check_state"][result.check.name] = _CODES[result.state]
        if result.findings is not None:
            metrics.families["check_findings"][result.check.name] = result.findings
    worst = checked.state
    if output.options.results == "json":
        _show_json(checked)
    elif output.options.results == "junit":
        _show_junit(checked)
    else:
        output.headline(_first_line(checked), worst)
        _show(checked.problems)
    return 0 if worst == "warning" and fail_on is FailOn.critical else _CODES[worst]


def _split(names: list[str]) -> list[str]:
    return [name.strip() for given in names for name in given.split(",") if name.strip()]


def _first_line(checked: Checked) -> str:
    """Return what Nagios shows and records; a person on a terminal is spared the numbers behind the bar."""
    found, number = [f"{result.check.name} ({_count(result)})" for result in checked.problems], len(checked.results)
    summary = f"{len(found)} of {number} checks: {', '.join(found)}" if found else f"{number} checks are fine"
    perfdata = " ".join(f"{result.check.name}={_perfdata(result)}" for result in checked.results)
    return f"{checked.state.upper()}: {summary}" + ("" if output.stdout_is_terminal() else f" | {perfdata}")


def _count(result: CheckResult) -> str:
    return "cannot run" if result.findings is None else f"{result.findings:,}"


def _perfdata(result: CheckResult) -> str:
    value = "U" if result.findings is None else result.findings
    return f"{value};0;;0" if result.check.severity == "warning" else f"{value};;0;0"


def _show(problems: Sequence[CheckResult]) -> None:
    if not problems:
        return
    rows = [
        {
            "state": result.state,
            "check": result.check.name,
            "found": result.findings,
            "since": result.since,
            "what": result.check.title,
        }
        for result in problems
    ]
    output.table("", rows, ["state", "check", "found", "since", "what"])
    for result in problems:
        output.headline(f"{result.check.name}: {result.check.title}", result.state)
        if result.error:
            output.headline(result.error)
            output.headline("")
            continue
        output.table("", result.sample, list(result.sample[0]))
        name, found = result.check.name, result.findings or 0
        if found > (shown := len(result.sample)):
            more = f"dbsvc check --only {name} --limit {min(found, MOST_SAMPLES)}"
            output.headline(
                f"Showing {shown:,} of {found:,} rows; `{more}` shows {'all' if found <= MOST_SAMPLES else 'more'}."
                if shown < MOST_SAMPLES
                else f"Showing {shown:,} of {found:,} rows; `dbsvc check --explain {name}` shows the query for the others."
            )
        output.paragraph(f"{result.check.meaning}\nDo: {result.check.todo}")
        output.paragraph(f"More: RUNBOOK.md, section {result.check.runbook}; `dbsvc check --explain {name}`\n")


def _show_json(checked: Checked) -> None:
    tally = checked.count()
    output.objects(
        {
            **_facts(result.check),
            "state": result.state,
            "findings": result.findings,
            "since": result.since,
            "sample": result.sample,
            "error": result.error,
            "seconds": result.seconds,
        }
        for result in checked.results
    )
    numbers = {"state": checked.state, "checks": len(checked.results)}
    output.objects([{"event": "checked", **numbers, **{state: tally[state] for state in _CODES}}])


def _facts(check: Check) -> dict[str, Any]:
    facts = {"check": check.name, "title": check.title, "severity": check.severity, "dataset": check.dataset}
    return {**facts, "meaning": check.meaning, "do": check.todo, "runbook": check.runbook, "query": check.statement.text}


def _show_junit(checked: Checked) -> None:
    from xml.etree import ElementTree

    results = checked.results
    failures = sum(result.state in ("warning", "critical") for result in results)
    errors = sum(result.state == "unknown" for result in results)
    suite = ElementTree.Element(
        "testsuite", name="dbsvc check", tests=str(len(results)), failures=str(failures), errors=str(errors), skipped="0"
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"dbsvc.{result.check.dataset or 'all'}",
            name=result.check.name,
            time=str(result.seconds),
        )
        if result.state != "ok":
            kind = "error" if result.error else "failure"
            message = result.error or f"{result.findings} found: {result.check.title}"
            problem = ElementTree.SubElement(case, kind, type=result.state, message=output.one_line(output.redact(message)))
            rows = [json.dumps(row, default=output.plain, ensure_ascii=False) for row in result.sample]
            if (more := (result.findings or 0) - len(rows)) > 0:
                rows.append(f"... and {more:,} more.")
            text = [*rows, result.check.meaning, f"Do: {result.check.todo}", result.check.statement.text]
            problem.text = output.printable("\n".join(text))
    if streams.is_utf8():
        print(ElementTree.tostring(suite, encoding="unicode"))
    else:
        print(ElementTree.tostring(suite, encoding="us-ascii").decode())


def _explain(name: str) -> int:
    from dbsvc.engine import checks

    with output.connect() as db:
        (check,) = checks.choose(checks.load_checks(db.statements), [name])
    thresholds = [
        {"threshold": threshold, "value": value, "setting": check.setting(threshold), "meaning": check.thresholds[threshold][1]}
        for threshold, value in check.read_thresholds().items()
    ]
    if output.options.results == "json":
        output.objects([{**_facts(check), "thresholds": thresholds}])
        return 0
    output.paragraph(f"{check.name}: {check.title} ({check.severity})\n\n{check.meaning}")
    output.paragraph(f"Do: {check.todo}\nMore: RUNBOOK.md, section {check.runbook}")
    if thresholds:
        output.table("", thresholds, ["threshold", "value", "setting", "meaning"])
    query = check.statement.text.split("\n")[len(check.statement.comment) :]
    print("\n" + output.printable("\n".join(query)))
    return 0
