"""The standard streams, such that nothing about them disturbs the work: closed, broken, full, or of an old terminal.

What could not be delivered is remembered, and said at the end.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

#: What tables, bars and sentences are made of, where a terminal has no such characters; for all else stands a question mark.
_SIMPLER = {
    **dict.fromkeys("─━—", "-"),
    **dict.fromkeys("█▉▊▋▌▍▎▏▐▕", "#"),
    "│": "|",
    "…": "...",
    "·": ".",
    "→": ">",
    "\xa0": " ",
}


class _Outlet(io.FileIO):
    """A stream's end: after the first failure it takes what is written, and drops it."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write, or remember why not."""
        while self.failure is None:
            try:
                if (written := super().write(data)) is not None:
                    return written
                select.select([], [self], [])  # somebody else has made it a stream that does not wait
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


#: Letters that are written from right to left, with what stands among them, but never over the gap between two columns.
_LETTERS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_RIGHT_TO_LEFT = re.compile(rf"[{_LETTERS}]+(?:(?:(?! {{2}}|\n)[\W\d_])*?[{_LETTERS}]+)*")


def isolated(text: str) -> str:
    """Return the text with Hebrew or Arabic between isolates, which take no room.

    Many a terminal turns what is written from right to left, and with it the numbers behind, over into other columns.
    """
    return text if text.isascii() else _RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", text)


class _Lines(io.TextIOWrapper):
    """A stream of text; what stands on a terminal keeps its order."""

    def write(self, text: str, /) -> int:
        """Write it."""
        return super().write(isolated(text) if self.isatty() and (self.encoding or "").lower().startswith("utf") else text)


_results: _Outlet | None = None


def redraws(stream: TextIO) -> bool:
    """Whether what stands there can be cleared and drawn again, for a person who may be looking."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def secure() -> None:
    """Replace standard output and standard error. To be called before anything is opened.

    The number of a stream that was closed would go to the next file that is opened, perhaps a database, and into it what is
    printed.
    """
    global _results
    codecs.register_error("simpler", _simplify)
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):  # results fail there, errors do not
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free
    _results = _Outlet(1, "w", closefd=False)
    sys.stdout = _replace(sys.stdout, _results)
    sys.stderr = _replace(sys.stderr, _Outlet(2, "w", closefd=False), line_buffering=True)


def _replace(stream: TextIO | None, outlet: _Outlet, *, line_buffering: bool = False) -> TextIO:
    return _Lines(
        io.BufferedWriter(outlet),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="simpler",
        line_buffering=line_buffering or getattr(stream, "line_buffering", False),
        write_through=getattr(stream, "write_through", False),
    )


def _simplify(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_SIMPLER.get(character, "?") for character in error.object[error.start : error.end]), error.end


def failure() -> OSError | None:
    """Return why results could not be delivered, as far as is known without writing what is still held back."""
    return _results.failure if _results else None


def deliver() -> OSError | None:
    """Write what is still held back; return why results could not be delivered."""
    with suppress(ValueError):  # somebody closed it
        sys.stdout.flush()
    return failure()


def shape(drawn: str) -> str:
    """Return what a line or a bar is made of, as simply as the locale wants it: values keep their characters."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    if is_utf8() and locale not in ("C", "POSIX") and os.environ.get("LANG") not in ("C", "POSIX"):
        return drawn
    return "".join(_SIMPLER.get(character, character) for character in drawn)


def is_utf8() -> bool:
    """Whether standard output has all characters."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
