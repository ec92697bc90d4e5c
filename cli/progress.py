"""Progress of work that takes long: a line at the foot of a terminal, elsewhere now and then a line in the log."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from dbsvc.cli import streams
from dbsvc.engine import log

_SOON = 0.1  # seconds: what takes less is over before anybody has read it
BEAT = 30.0  # seconds between two lines in the log
_BAR = 24  # characters at most
#: What is counted in a phase, and how many of it are one.
_UNITS = {
    "scan": ("MB", 1e6),
    "stage": ("rows", 1),
    "place": ("months", 1),
    "copy": ("pages", 1),
    "check": ("checks", 1),
    "fetch": ("rates", 1),
    "migrate": ("migrations", 1),
}


class Progress:
    """Some work: its name, its phase, and how much of that is done. To be called with these, by any thread.

    A phase of unknown size has 0 in all: it shows how long it has lasted. None is complete while it lasts.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = time.monotonic()
        self.phase, self._done, self._total, self._since = "open", 0, 0, self._begun
        self._ended = threading.Event()
        self._written = threading.Lock()
        self._is_shown = False

    def __call__(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Note how far it is."""
        if phase != self.phase:
            self._since = time.monotonic()
        self.phase, self._done, self._total = phase, done, total

    def run(self) -> None:
        """Show it until it ends."""
        draws = is_drawn()
        while not self._ended.wait(_SOON if draws else BEAT):
            if draws:
                with self._written:
                    if not self._ended.is_set():
                        _write(f"\r\x1b[K{self.line(_width() - 1)}")
                        self._is_shown = True
            elif sys.stderr.isatty():
                _write(f"{self.line(_width())}\n")
            else:
                seconds = round(time.monotonic() - self._begun)
                log.event("progress", of=self._name, phase=self.phase, done=self._done, total=self._total, seconds=seconds)

    def end(self) -> None:
        """Show it no more."""
        self._ended.set()
        with self.aside():
            pass

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Clear its line, for others to be written."""
        with self._written:
            if self._is_shown:
                _write("\r\x1b[K")
                self._is_shown = False
            yield

    def line(self, width: int) -> str:
        """Return what fits into a line of that width: the phase; then how far it is; then the rest."""
        from rich.cells import cell_len

        lasted = time.monotonic() - self._since
        unit, size = _UNITS.get(self.phase, ("", 1))
        before, after = self.phase, ""
        if self._total:
            pace = self._done / lasted if lasted else 0
            after = f"{min(99, 100 * self._done // max(self._total, 1))} %"
            counted = f"{self._done / size:,.0f} of {max(self._done, self._total) / size:,.0f} {unit}".rstrip()
            left = f"{_clock(max(0, self._total - self._done) / pace)} left" if pace else ""
            for more in (counted, f"{counted}  {left}", f"{counted}  {pace / size:,.0f} {unit}/s  {left}"):
                after = more if len(before) + len(more) + 2 <= width else after
        else:
            after = _clock(lasted)
        room = width - len(before) - len(after) - 4
        if room >= 8:
            before += f" {_cut(self._name, room)}"
        room = min(_BAR, width - cell_len(before) - len(after) - 4)
        if self._total and room >= 8:
            filled = min(room - 1, room * self._done // max(self._total, 1))
            before += f"  {streams.shape('━') * filled}{streams.shape('·') * (room - filled)}"
        return f"{before}  {after}"[:width]


_current: list[Progress] = []


@contextlib.contextmanager
def showing(name: str) -> Iterator[Progress]:
    """Show the progress of some work while it lasts."""
    progress = Progress(name)
    _current.append(progress)
    threading.Thread(target=progress.run, daemon=True, name="progress").start()
    try:
        yield progress
    finally:
        _current.remove(progress)
        progress.end()


def aside() -> contextlib.AbstractContextManager[None]:
    """Clear the line of what is at work, for others to be written."""
    return _current[-1].aside() if _current else contextlib.nullcontext()


def end() -> None:
    """Show nothing any more: the process is about to end."""
    for progress in _current:
        progress.end()


class Handler(logging.StreamHandler[Any]):
    """Writes log lines above the line of progress."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        with aside():
            super().emit(record)


def is_drawn() -> bool:
    """Whether it is a line that changes, for a person who may be looking."""
    return streams.redraws(sys.stderr)


def _width() -> int:
    with contextlib.suppress(OSError):
        return os.get_terminal_size(2).columns or 80
    return 80


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _cut(name: str, room: int) -> str:
    """Return the end of a name, by which files differ."""
    from rich.cells import cell_len

    if cell_len(name) <= room:
        return name
    mark = streams.shape("…")
    while cell_len(name) > room - len(mark):
        name = name[1:]
    return mark + name


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
