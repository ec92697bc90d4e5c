"""One JSON document: where in it the array of records begins and ends, and whether it is whole.

It is read once, a block at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, Protocol

from dbsvc.engine.errors import InputError
from dbsvc.engine.sources.formats import elements, jsonlines
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK, LONGEST_RECORD

BLOCK = 2**20  # bytes, that are read at once
_TOKEN = re.compile(rb"[\s,:]*+(?:([\[\]{}])|(" + elements.TEXT + rb')|([^\s,:\[\]{}"]++)|(")|\Z)')


class Token(NamedTuple):
    """A bracket, a text or another value: its bytes, and where it ends in the file."""

    raw: bytes
    end: int


class Readable(Protocol):
    """What can be read at any position."""

    source: str

    @property
    def size(self) -> int:
        """Where it ends."""

    def read(self, start: int, size: int, /) -> bytes:
        """Return up to ``size`` bytes from position ``start``."""


class Head:
    """The beginning of a file, as if it were all of it."""

    def __init__(self, data: bytes) -> None:
        self.source, self.size, self._data = "", len(data), data

    def read(self, start: int, size: int, /) -> bytes:
        """Return up to ``size`` bytes from position ``start``."""
        return self._data[start : start + size]


class Document:
    """A file as one JSON document."""

    def __init__(self, file: Readable, path: Sequence[str]) -> None:
        self._file = file
        self._path = path
        self._tokens = self._read(len(BYTE_ORDER_MARK) if file.read(0, 3) == BYTE_ORDER_MARK else 0)
        self._named = f"at {'.'.join(path)}" if path else "of its records"

    def find_all(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield the arrays that names lead to, by these, and where their first elements may begin."""
        brackets: list[bytes] = []
        names: list[str | None] = []  # whose value is read, for each bracket that is open
        for token in self._tokens:
            if token.raw in (b"}", b"]") and brackets:
                brackets.pop()
                names.pop()
            elif brackets and brackets[-1] == b"{" and names[-1] is None:
                names[-1] = _text(token.raw)
                continue
            elif token.raw in (b"{", b"["):
                if token.raw == b"[" and b"[" not in brackets:
                    yield tuple(map(str, names)), token.end
                brackets.append(token.raw)
                names.append(None)
                continue
            if names:
                names[-1] = None

    def first_object(self, start: int) -> dict[str, Any] | None:
        """Return the object that is the first element from there on; None if that is something else, or too long."""
        data = self._file.read(start, BLOCK)
        with suppress(elements.BrokenError):
            for begin, end in elements.find_elements(data, final=False):
                return jsonlines.read_object(data[begin:end])
        return None

    def find(self) -> int | None:
        """Return where the first element of the array may begin; None if there is no such array."""
        opened = next(self._tokens, None)
        for step in self._path:
            opened = self._find_member(step) if opened and opened.raw == b"{" else None
        return opened.end if opened and opened.raw == b"[" else None

    def check(self, start: int) -> int:
        """Return where the array that begins there ends. Raises InputError if the document is not whole, or says it twice."""
        end = self._walk(start, of_array=True)
        self._tokens = self._read(end)
        if (closed := next(self._tokens, None)) is None or closed.raw != b"]":
            self._refuse(
                end,
                f"the array {self._named} does not end: the file seems to be cut off"
                if not closed
                else f"'{closed.raw.decode()}' stands where the array {self._named} has to end",
            )
        for step in reversed(self._path):
            if (again := self._find_member(step)) is not None:
                self._refuse(again.end, f"{step} stands twice on the path {'.'.join(self._path)}")
        if (more := next(self._tokens, None)) is not None:
            self._refuse(more.end, "more follows the end of its JSON document")
        return end

    def check_objects(self) -> int:
        """Return where the file ends, if it is objects that follow each other, as rejects that were exported do."""
        end = self._walk(0, of_array=False)
        if end < self._file.size:
            self._refuse(end, "a bracket is closed that was not opened")
        return end

    def _walk(self, start: int, *, of_array: bool) -> int:
        """Return where elements end that follow each other; those of an array with one comma between two of them.

        Raises InputError where nobody knows where one of them ends, or where a comma is missing, or too many.
        """
        rest, at = b"", start
        wanted, passed = 0, 0  # commas before the next element
        while True:
            block = self._file.read(at + len(rest), max(BLOCK, len(rest)))
            data, final = rest + block, not block
            last = 0
            try:
                for begin, end in elements.find_elements(data, final):
                    passed += data.count(b",", last, begin)
                    if of_array and passed != wanted:
                        says = (
                            "a comma stands where a record has to" if passed > wanted else "no comma stands before this record"
                        )
                        self._refuse(at + begin, says)
                    last, wanted, passed = end, 1, 0
            except elements.BrokenError as error:
                self._refuse(at + error.at, "a quote or a bracket is missing, so that nobody knows where a record ends")
            begin = elements.skip_between(data, last)
            passed += data.count(b",", last, begin)
            if final or data[begin : begin + 1] in (b"]", b"}"):
                if of_array and passed and begin < len(data):
                    self._refuse(at + begin, "a comma stands before the end of the array, and no record between")
                return at + begin
            at, rest = at + begin, data[begin:]
            if len(rest) > LONGEST_RECORD:
                self._refuse(at, f"a record goes on for more than {LONGEST_RECORD // 2**20} MiB, which none does")

    def _find_member(self, name: str) -> Token | None:
        """Return what the value of this name begins with, in the object that is open; None if it ends before."""
        while (key := self._next()).raw != b"}":
            value = self._next()
            if _text(key.raw) == name:
                return value
            self._skip(value)
        return None

    def _skip(self, value: Token) -> None:
        depth = 0
        while True:
            depth += (value.raw in (b"{", b"[")) - (value.raw in (b"}", b"]"))
            if depth <= 0:
                return
            value = self._next()

    def _next(self) -> Token:
        found = next(self._tokens, None)
        if found is None:
            self._refuse(self._file.size, "its JSON document does not end: the file seems to be cut off")
        return found

    def _read(self, at: int) -> Iterator[Token]:
        rest = b""
        while True:
            block = self._file.read(at + len(rest), max(BLOCK, len(rest)))
            data, position = rest + block, 0
            while (found := _TOKEN.match(data, position)) and (found.end() < len(data) or not block):
                if found[4]:
                    if not block or data.find(b"\n", found.start(4)) >= 0:
                        self._refuse(at + found.start(4), "a quote is missing")
                    break
                if found.lastindex:
                    yield Token(found[found.lastindex], at + found.end())
                elif found.end() == len(data):
                    position = len(data)
                    break
                position = found.end()
            if not block:
                return
            at, rest = at + position, data[position:]
            if len(rest) > LONGEST_RECORD:
                self._refuse(at, f"a value goes on for more than {LONGEST_RECORD // 2**20} MiB")

    def _refuse(self, at: int, problem: str) -> NoReturn:
        line, start = 1, 0
        while start < at and (block := self._file.read(start, min(BLOCK, at - start))):
            line, start = line + block.count(b"\n"), start + len(block)
        raise InputError(f"{self._file.source}: line {line}: {problem}. Nothing was loaded.")


def _text(raw: bytes) -> str:
    try:
        return str(json.loads(raw))
    except ValueError:
        return raw.decode(errors="replace")
