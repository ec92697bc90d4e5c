"""What people and programs see: results on standard output, logs, progress and errors on standard error."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbsvc.cli import progress as progresses
from dbsvc.cli import streams
from dbsvc.engine import log
from dbsvc.engine.progress import unseen

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.loads.model import Load
    from dbsvc.engine.progress import Progress

T = TypeVar("T")

_RUNS = ("ingest", "fx", "check")  # commands whose run is said, whatever became of it
_AT_ONCE = 500  # rows of a table, whose widths are found together
_OF_RECORD = 120  # characters are shown
_LOOKED_AT = 4 * _OF_RECORD  # bytes, which are as many characters at least
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


def begin(*, settled: bool = True) -> None:
    """Log as the options say, as far as they are known, and the settings, if it is ``settled`` that something is run."""
    handler = progresses.Handler(sys.stderr)
    clean = redact if logs_are_json() else lambda text: one_line(redact(text))
    handler.setFormatter(log.Formatter(clean, as_json=logs_are_json()))
    logger = logging.getLogger("dbsvc")
    logger.handlers[:] = [handler]
    logger.setLevel(_level() if settled else logging.INFO)
    logger.propagate = False


def _level() -> int:
    from dbsvc.engine import settings

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
    from dbsvc.engine.db import connect as opening

    _opened.append(opening.connect(create=create, name=f"dbsvc {options.command}".strip()))
    return _opened[-1]


def only_read() -> bool:
    """Whether the command that was run changed nothing, and was not meant to."""
    return options.command not in _RUNS and not any(db.wrote for db in _opened)


@functools.cache
def _secrets() -> set[str]:
    from dbsvc.engine import settings

    return settings.read_secrets()


def redact(text: str) -> str:
    """Return the text without passwords and access keys."""
    from dbsvc.engine import settings

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
        with progresses.aside():
            print(f"dbsvc: {one_line(redact(sentence))}", file=sys.stderr)


def say(sentence: str) -> None:
    """Tell a person something that is no result. Programs are not told."""
    if not (options.quiet or results_are_json()):
        from dbsvc.cli import tables

        console = _console()
        _print(console, tables.sentence(one_line(sentence), console.width))
        _last.append(sentence)


def headline(sentence: str, state: str = "") -> None:
    """Print a line as it is, however long, for people and programs; on a terminal its first word looks like a state."""
    line = one_line(redact(sentence))
    if state and _console().is_terminal:
        from dbsvc.cli import tables

        _print(_console(), tables.in_colour(line, state))
    else:
        print(line)


def paragraph(text: str) -> None:
    """Print a text, folded between words on a terminal."""
    from dbsvc.cli import tables

    width = _console().width if stdout_is_terminal() else 0
    for line in printable(text).split("\n"):
        _print(_console(), tables.sentence(line, width))


def objects(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print JSON lines. They are exact on every terminal: what cannot be shown there is escaped."""
    for row in rows:
        if streams.failure():  # nobody reads on
            return
        text = json.dumps(row, default=plain, ensure_ascii=not streams.is_utf8())
        print(text if text.isprintable() else "".join(map(_escaped, text)))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def table(title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], right: Sequence[str] = ()) -> None:
    """Show rows as a table for people: these columns; those of ``right`` are amounts, which some databases return as text."""
    from dbsvc.cli import tables

    console = _console()
    _print_title(console, title)
    rest = iter(rows)
    while (some := list(itertools.islice(rest, _AT_ONCE))) and not streams.failure():  # bounded memory; a reader may leave
        _print(console, tables.lay_out(some, columns, right, console.width), end="\n\n")


def record(title: str, fields: Mapping[str, Any], right: Sequence[str] = ()) -> None:
    """Show one thing as lines of ``field: value``; those of ``right`` are amounts."""
    from dbsvc.cli import tables

    console = _console()
    _print_title(console, title)
    _print(console, tables.one_by_one(fields, right, console.width), end="\n\n")


def _print_title(console: Any, title: str) -> None:
    if title:
        from rich.text import Text

        if _last:
            print()
        _print(console, Text(one_line(title), style="bold"))


#: the sentences since the last table: between them and a title is an empty line
_last: list[str] = []


def _print(console: Any, text: Any, end: str = "\n") -> None:
    console.print(text, end=end, soft_wrap=True)
    if end != "\n":
        _last.clear()


def load_row(load: Load) -> dict[str, Any]:
    """Return a load's columns; its header record is nobody's to read."""
    return {name: value for name, value in load.as_row().items() if name != "header"}


def ledger(title: str, loads: Sequence[Mapping[str, Any]], buckets: Sequence[str], *columns: str) -> None:
    """Show loads as a table: these columns of them, how their buckets add up to the records read, and the file."""
    rows = [load if load.get("read") is None else {**load, "records": sums(load, buckets)} for load in loads]
    table(title, rows, ["load_id", *columns, "records", "source"])


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


def rest(shown: int, total: int, what: str, command: str = "") -> None:
    """Say that there are more than are shown, and how, if at all, to see all of them: to programs by a closing object."""
    if shown >= total:
        return
    if results_are_json():
        objects([{"event": what, "shown": shown, "in_all": total}])
    else:
        shows = f"; `{command}` shows {'all' if ' --limit 0' in command else 'more'}" if command else ""
        say(f"Showing {shown:,} of {total:,} {what}{shows}.")


def shortened(record: bytes) -> str:
    """Return the beginning of a record, with a mark where something is left out."""
    shown = record[:_LOOKED_AT].decode(errors="backslashreplace")
    return shown if len(record) <= _LOOKED_AT and len(shown) <= _OF_RECORD else shown[:_OF_RECORD] + "…"


@contextlib.contextmanager
def progress(name: str) -> Iterator[Progress]:
    """Show the progress of some work; yields what is told its phase, how much of that is done, and how much there is in all."""
    if options.quiet or (logs_are_json() and sys.stderr.isatty()):
        yield unseen
        return
    with progresses.showing(one_line(name)) as shown:
        yield shown


def interruptible(db: Database, work: Callable[[], T], phase: str = "") -> T:
    """Run work aside, so that a signal finds us waiting: what runs in the database is then cancelled and rolled back.

    It shows its own progress, unless it is of one ``phase``.
    """
    with progress(db.dialect.label) if phase else contextlib.nullcontext(unseen) as told:
        told(phase)
        return _run_aside(db, work)


def _run_aside(db: Database, work: Callable[[], T]) -> T:
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
        progresses.end()
        if db.interrupt():
            done.wait(_STOP_WITHIN)
        raise
    if failures:
        raise failures[0]
    return results[0]


def _console() -> Any:
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


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
        case timedelta():
            return f"{value.total_seconds():.3f}"
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z")
    return str(value)
