"""``dbsvc report``: one page that shows whether anything is wrong, since when, what was earned, and what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, output
from dbsvc.cli.database import open_database
from dbsvc.engine.limits import MOST_DAYS

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.reports.report import Report

app = commands.group()

_EXAMPLES = commands.examples(
    "dbsvc report                    write report.html, and say what it says",
    "dbsvc report -o week.html --days 7",
    "dbsvc report --serve            show it at http://127.0.0.1:8642/, renewed",
)
_PORT = 8642
_USUAL = Path("report.html")
_STDOUT = Path("-")


class Page(commands.Command):
    """A command whose results are a page: ``-o`` names a file, and no form of results."""

    formats = ()
    without = ("results",)


@app.command(cls=Page, epilog=_EXAMPLES)
def report(
    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write the page; - for standard output. By default report.html on a terminal, else standard output.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MOST_DAYS,
            help="How many days to show, back from the newest of the data. By default DBSVC_CHECK_DAYS.",
            show_default=False,
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the page to this machine only, renewed whenever it is loaded, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="With --serve: where; 0 for any free one.")
    ] = _PORT,
) -> None:
    """Write one page for a browser: checks, revenue, loads, rejects, freshness. It needs no network, and runs no script.

    The checks run, and their results are not kept. Nothing in the database changes.
    """
    if serve and file:
        raise typer.BadParameter("--output goes without --serve, which writes no file.")
    if file and file.name in ("table", "json", "csv", "junit"):
        raise typer.BadParameter(f"-o names the file here, such as report.html. For -o {file}: `dbsvc check -o {file}`.")
    from dbsvc.engine.settings import read_settings

    chosen = days or read_settings().check_days
    if serve:
        _serve(chosen, port)
        return
    target = file or (_USUAL if output.stdout_is_terminal() else _STDOUT)
    if target == _STDOUT and output.stdout_is_terminal():
        raise typer.BadParameter("A page is nothing for a terminal: -o FILE, or redirect standard output.")
    if target != _STDOUT:
        _refuse_to_overwrite(target)
    with open_database() as db, output.progress(db.dialect.label) as progress:
        found, page = output.interruptible(db, lambda: _make(db, chosen, progress))
    if target == _STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(page.encode())
        return
    _write(target, page)
    _say(target, found, len(page.encode()))


def _make(db: Database, days: int, progress: Any) -> tuple[Report, str]:
    from dbsvc.engine.reports.report import read_report
    from dbsvc.engine.settings import read_settings

    found = read_report(db, days, runbook_url=read_settings().runbook_url, progress=progress)
    return found, found.page()


def _refuse_to_overwrite(target: Path) -> None:
    """See that no file but an earlier report is replaced."""
    from dbsvc.engine.reports.page.render import is_page

    try:
        is_folder = target.is_dir()
    except OSError as error:
        raise _unwritable(target, error) from error
    if is_folder:
        raise typer.BadParameter(f"{target} is a folder: name a file in it, such as {target / _USUAL}.")
    if not is_page(target):
        raise typer.BadParameter(f"{target} holds something else than a report, which would be lost.")


def _write(target: Path, page: str) -> None:
    from dbsvc.cli.files import written_whole

    try:
        with written_whole(target) as file:
            file.write(page.encode())
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> Exception:
    from dbsvc.engine.errors import ConfigurationError

    return ConfigurationError(f"{target}: the report cannot be written there: {error.strerror}.")


def _say(target: Path, found: Report, size: int) -> None:
    problems = sum(result.state != "ok" for result in found.results)
    if output.results_are_json():
        event = {"event": "report", "file": str(target), "bytes": size, "state": found.state, "made_at": found.made_at}
        output.objects([{**event, "checks": len(found.results), "problems": problems}])
        return
    output.headline(f"{found.state.upper()}: {problems} of {len(found.results)} checks found something", found.state)
    output.say(f"{target}: {size:,} bytes. Open it in a browser.")


def _serve(days: int, port: int) -> None:
    from dbsvc.engine.errors import ConfigurationError
    from dbsvc.engine.progress import unseen
    from dbsvc.engine.reports.page.server import Server

    with open_database() as db:
        try:
            server = Server(port, lambda: db.retry(lambda: _make(db, days, unseen))[1], output.redact)
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}. Another one: --port N."
            ) from error
        with server:
            if output.results_are_json():
                output.objects([{"event": "serving", "url": server.url}])
            else:
                output.say(f"{server.url} shows the report, renewed whenever it is loaded. Ctrl-C ends.")
            sys.stdout.flush()
            server.serve_forever(poll_interval=0.2)
