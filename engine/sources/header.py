"""Headers: which dataset a file is of, and which column stands where."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import InputError, UnrecognisedError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import delimited, jsonlines
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK
from dbsvc.engine.sources.oddities import find_kind, find_odd_header

_LONGEST_HEADER = 1024 * 1024  # bytes


@dataclass(frozen=True)
class Header:
    """How a file begins: whose it is, our columns in the file's order, its header record, and where the records begin.

    A file that grows is told from others by its first line, whose digest is ``stream``.
    """

    dataset: Dataset
    columns: tuple[str, ...]
    raw: bytes
    end: int
    next_line: int
    stream: str | None = None

    @property
    def names(self) -> list[str]:
        """The columns as the file names them."""
        return [self.dataset.columns[column].written for column in self.columns]


def read_header(file: SourceFile, datasets: Iterable[Dataset]) -> Header:
    """Find out whose a file is. Raises InputError when it is nobody's, or columns miss or are unknown."""
    source = file.source
    known = list(datasets)
    if file.table:
        file.table.as_objects = _nearest(file.table.names, known).format is jsonlines
    head = file.read(0, _LONGEST_HEADER)
    if not head:
        raise UnrecognisedError(f"{source}: the file is empty.")
    hole = file.end_of_hole(0) if head[:1] == b"\0" else 0
    if hole >= file.size:
        raise UnrecognisedError(f"{source}: the file holds nothing but NULs.")
    if kind := find_kind(head, file.packing):
        raise InputError(f"{source}: {kind}.")
    mark = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    try:
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UnrecognisedError(f"{source}: the file is UTF-16 text; save it as UTF-8.")
        beginning = file.read(hole or mark, _LONGEST_HEADER)
        if beginning[-1:] == b"\0":  # and within a hole
            beginning += file.read(file.end_of_hole((hole or mark) + len(beginning)), _LONGEST_HEADER)
        return _find_objects(beginning, mark, known) or _read_header_record(source, head[mark:], mark, known)
    except UnrecognisedError as found:
        problem = UnrecognisedError(f"{found} By the way, {file.wrong_name}.") if file.wrong_name else found
        if odd := find_odd_header(head, {dataset.title: _written(dataset) for dataset in known}):
            kind_of_error = InputError if odd.in_first_line else UnrecognisedError
            raise kind_of_error(f"{problem} {odd.sentence}") from None
        raise problem from None


def header_of(dataset: Dataset, raw: bytes, source: str) -> Header:
    """Return the header of a load from its ledger's row. Raises InputError if it is not one of the dataset any more."""
    if not raw:
        return Header(dataset, tuple(dataset.columns), raw, 0, 1)
    _, columns = _recognise(source, delimited.read_fields(raw), [dataset])
    return Header(dataset, columns, raw, len(raw), 1)


def _find_objects(head: bytes, mark: int, datasets: list[Dataset]) -> Header | None:
    """Recognise JSON lines by the first object that has at least half of a dataset's names."""
    known = [(dataset, set(_written(dataset))) for dataset in datasets if dataset.format is jsonlines]
    first = b""
    for start, end, _, fault in jsonlines.records(head):
        line = head[start:end].lstrip(BYTE_ORDER_MARK).strip()
        first = first or line
        if not fault and line.startswith(b"{") and (found := jsonlines.read_object(line)):
            for dataset, names in known:
                if 2 * len(found.keys() & names) >= len(names):
                    stream = hashlib.sha256(first).hexdigest() if dataset.grows else None
                    return Header(dataset, tuple(dataset.columns), b"", mark, 1, stream)
    return None


def _read_header_record(source: str, head: bytes, mark: int, datasets: list[Dataset]) -> Header:
    first = next(delimited.records(head), None)
    if b"\0" in head[:1024] and (first is None or b"\0" in head[: first.end]):
        utf16 = head[1:2] == b"\0" or head[:1] == b"\0"
        raise UnrecognisedError(f"{source}: " + ("looks like UTF-16; save it as UTF-8." if utf16 else "is not a text file."))
    if first is None:
        raise UnrecognisedError(f"{source}: the file holds nothing but blank lines.")
    raw = head[first.start : first.end]
    if raw.startswith(b"{"):
        raise UnrecognisedError(f"{source}: none of its first lines is a whole JSON object of a dataset.")
    if b"\r" in raw:
        raise UnrecognisedError(f"{source}: its lines end in CR alone; convert them to LF.")
    try:
        if first.fault:
            raise ValueError(first.fault)
        names = delimited.read_fields(raw)
    except UnicodeDecodeError:
        raise UnrecognisedError(f"{source}: the header is not UTF-8 text.") from None
    except ValueError:
        raise UnrecognisedError(f"{source}: the header has a quote that is out of place.") from None
    line_end = head.find(b"\n", first.end)
    if line_end < 0 and mark + len(head) >= _LONGEST_HEADER:
        raise UnrecognisedError(f"{source}: its first line goes on for more than 1 MiB, which no header does.")
    end = len(head) if line_end < 0 else line_end + 1
    dataset, columns = _recognise(source, names, [dataset for dataset in datasets if dataset.format is delimited])
    return Header(dataset, columns, raw, mark + end, first.line + head.count(b"\n", first.start, end))


def _recognise(source: str, names: list[str], datasets: list[Dataset]) -> tuple[Dataset, tuple[str, ...]]:
    folded = [name.casefold() for name in names]
    dataset = _nearest(names, datasets)
    ours = {column.written.casefold(): ours for ours, column in dataset.columns.items()}
    if 2 * len(ours.keys() & set(folded)) < len(ours):
        raise UnrecognisedError(f"{source}: the header is that of no dataset: {_shown(names)}.")
    missing = [dataset.columns[column].written for written, column in ours.items() if written not in folded]
    unknown = [name for name in names if name.casefold() not in ours]
    count = Counter(folded)
    twice = sorted({name for name in names if count[name.casefold()] > 1})
    found = (("lacks", missing), ("has unknown", unknown), ("repeats", twice))
    if problems := [f"{problem} column(s): {_shown(columns)}" for problem, columns in found if columns]:
        ending = " (its header ends in a delimiter)" if not names[-1] else ""
        raise InputError(f"{source}: a file of {dataset.title} that {', and '.join(problems)}{ending}. Nothing was loaded.")
    return dataset, tuple(ours[name] for name in folded)


def _written(dataset: Dataset) -> list[str]:
    return [column.written for column in dataset.columns.values()]


def _nearest(names: list[str], datasets: list[Dataset]) -> Dataset:
    """Return the dataset that has most of these columns."""
    folded = {name.casefold() for name in names}
    return max(datasets, key=lambda dataset: len(folded & {name.casefold() for name in _written(dataset)}))


def _shown(names: list[str]) -> str:
    text = ", ".join(f"'{name[:200]}'" for name in names[:200])
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text if len(text) <= 200 else text[:200] + "…"
