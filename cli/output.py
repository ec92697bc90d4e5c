"""What people and programs see: results on standard output, logs, progress and errors on standard error."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dbsvc.cli import streams
from dbsvc.engine import log, settings
from dbsvc.engine.db import connect as opening
from dbsvc.engine.db.database import Database

if TYPE_CHECKING:
    from dbsvc.engine.loads.model import Load

T = TypeVar("T")

_RUNS = ("ingest", "fx", "check")  # commands whose run is said, whatever became of it
_SHORT = 10  # characters: a date; what is no longer is not folded
_WIDEST = 10_000  # characters
_STOP_WITHIN = 4.0  # seconds: what runs has that long to roll back


@dataclass
class Options:
    """The options that every command shares; None until chosen; and which command it is."""

    results: str | None = None
    logs: str | None = None
    debug: bool = False
    #: results and errors only
    quiet: bool = False
    #: every step
    verbose: bool = False
    metrics: Path | None = None
    #: which command is run
    command: str = ""


options = Options()


class Stopped(BaseException):
    """A signal asked us to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Stopped by {signal.Signals(number).name}; nothing is half done. Run the same command again to go on."
        )
        self.exit_code = 128 + number


def begin() -> None:
    """Log as the options say, as far as they are known."""
    handler = logging.StreamHandler(sys.stderr)
    clean = redact if logs_are_json() else lambda text: one_line(redact(text))
    handler.setFormatter(log.Formatter(clean, as_json=logs_are_json()))
    logger = logging.getLogger("dbsvc")
    logger.handlers[:] = [handler]
    logger.setLevel(_level())
    logger.propagate = False


def _level() -> int:
    usual = "info" if options.logs or not sys.stderr.isatty() else "warning"
    asked = "error" if options.quiet else "debug" if options.verbose else settings.read_log_level()
    return logging.getLevelNamesMapping()[(asked or usual).upper()]


def stdout_is_terminal() -> bool:
    """Whether a person may be looking."""
    return sys.stdout.isatty()


def results_are_json() -> bool:
    """Whether results go out as JSON lines."""
    return options.results == "json" or (options.results is None and not stdout_is_terminal())


def results_are_csv() -> bool:
    """Whether results go out as CSV, which is asked for."""
    return options.results == "csv"


def logs_are_json() -> bool:
    """Whether logs and errors go out as JSON lines."""
    return options.logs == "json" or (options.logs is None and not sys.stderr.isatty())


_opened: list[Database] = []


def connect(*, create: bool = False) -> Database:
    """Return the database that the settings name, for the command that is run; ``create`` a file that does not exist."""
    _opened.append(opening.connect(create=create, name=f"dbsvc {options.command}".strip()))
    return _opened[-1]


def only_read() -> bool:
    """Whether the command that was run changed nothing, and was not meant to."""
    return options.command not in _RUNS and not any(db.wrote for db in _opened)


_secrets = functools.cache(settings.read_secrets)


def redact(text: str) -> str:
    """Return the text without passwords and access keys."""
    return settings.redact(text, _secrets())


def explain(error: Exception) -> str:
    """Return an error as a sentence; show its traceback if that is asked for."""
    if options.debug:
        print(printable(redact("".join(traceback.format_exception(error)))), file=sys.stderr)
    return str(error) if hasattr(error, "exit_code") else f"Unexpected {type(error).__name__}: {error} (see --debug)."


def error(sentence: str, code: int) -> None:
    """Show an error."""
    if logs_are_json():
        log.event("error", level=logging.ERROR, error=sentence, exit_code=code)
    else:
        print(f"dbsvc: {one_line(redact(sentence))}", file=sys.stderr)


def say(sentence: str) -> None:
    """Tell a person something that is no result. Programs are not told."""
    if not (options.quiet or results_are_json()):
        _console().print(one_line(sentence))


def headline(sentence: str) -> None:
    """Print a line as it is, however long, to be read by people and programs."""
    print(one_line(redact(sentence)))


def paragraph(text: str) -> None:
    """Print a text, folded between words on a terminal."""
    _console().print(printable(text), soft_wrap=not stdout_is_terminal())


def objects(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print JSON lines. They are exact on every terminal: what cannot be shown there is escaped."""
    for row in rows:
        text = json.dumps(row, default=plain, ensure_ascii=not streams.is_utf8())
        print(text if text.isprintable() else "".join(map(_escaped, text)))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], right: Sequence[str] = ()) -> None:
    """Show rows as a table for people: these columns; integers, and those of ``right``, to the right; long texts folded."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    heading = Text(one_line(title), style="bold") if title else None
    shown = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        cells = [row.get(column) for row in rows]
        number = column in right or (
            any(isinstance(cell, int) for cell in cells) and not any(isinstance(cell, str) for cell in cells)
        )
        justify: Literal["right", "left"] = "right" if number else "left"
        whole = number or all(len(plain(cell)) <= _SHORT for cell in cells)
        shown.add_column(column.replace("_", " "), justify=justify, no_wrap=whole, overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(row.get(column)) for column in columns))
    console = _console()
    # a terminal that is too narrow folds the lines; a number is never cut off
    console.width = max(console.width, console.measure(shown, options=console.options.update(max_width=_WIDEST)).minimum)
    console.print(shown)


def load_row(load: Load) -> dict[str, Any]:
    """Return a load's columns; its header record is nobody's to read."""
    return {name: value for name, value in load.as_row().items() if name != "header"}


def ledger(title: str, loads: Sequence[Mapping[str, Any]], buckets: Sequence[str], state: str) -> None:
    """Show loads as a table: their state, how their buckets add up to the records read, and the file."""
    rows = [load if load.get("read") is None else {**load, "records": sums(load, buckets)} for load in loads]
    table(title, rows, ["load_id", state, "records", "source"])


def sums(load: Mapping[str, Any], buckets: Sequence[str]) -> str:
    """Return how a load's buckets add up to the records read."""
    filled = [f"{load[bucket]:,} {bucket}" for bucket in buckets if load[bucket]]
    return f"{load['read']:,} read" + (f" = {' + '.join(filled)}" if filled else "")


def show(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Show rows: all their fields as JSON lines for programs, or some as a table for people."""
    if results_are_json():
        objects(rows)
    else:
        table(title, rows, columns)


def rest(shown: int, total: int, what: str, command: str) -> None:
    """Say that there are more than are shown, and how to see all of them: to programs by a closing object."""
    if shown >= total:
        return
    if results_are_json():
        objects([{"event": what, "shown": shown, "in_all": total}])
    else:
        say(f"These are {shown:,} of {total:,} {what}; all of them: `{command} --limit {total}`.")


@contextlib.contextmanager
def progress(name: str, unit: str = "rows") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yields the function to call with the units done and in all."""
    if not sys.stderr.isatty() or logs_are_json() or options.quiet:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {unit}"),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(one_line(name), total=1, pace="", visible=False)

        def update(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            pace = f"{speed:,.0f} {unit}/s" if speed else ""
            bar.update(task, completed=done, total=max(done, total), pace=pace, visible=True)

        yield update


def interruptible(db: Database, work: Callable[[], T]) -> T:
    """Run work aside, so that a signal finds us waiting: what runs in the database is then cancelled and rolled back."""
    results: list[T] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as failure:  # raised again below, where it is handled
            failures.append(failure)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        done.wait()
    except Stopped:
        if db.interrupt():
            done.wait(_STOP_WITHIN)
        raise
    if failures:
        raise failures[0]
    return results[0]


def _console() -> Any:
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if hasattr(value, "__rich_console__"):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if hasattr(value, "strftime") and hasattr(value, "hour"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return one_line(plain(value))


def printable(text: str) -> str:
    """Return the text without what would move the cursor, turn the direction of reading, or break a document."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def one_line(text: str) -> str:
    """Return the text as one printable line: a name must not look like a line of ours."""
    return printable(text).replace("\n", "\ufffd")


def plain(value: Any) -> str:
    """Return a value as text: nothing for None, all digits of a decimal, bytes as far as they are UTF-8."""
    match value:
        case None:
            return ""
        case bytes():
            return value.decode(errors="backslashreplace")
        case Decimal():
            return format(value, "f")
    return str(value)
