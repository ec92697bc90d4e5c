"""Headers: which dataset a file is of, and which column stands where."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import InputError, ProfileError, UnrecognisedError
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.apart import refuse_apart
from dbsvc.engine.sources.document import Document
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import Format, delimited, jsonlines
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK
from dbsvc.engine.sources.gathering import Gathering
from dbsvc.engine.sources.likeness import describe_nearest
from dbsvc.engine.sources.objects import Objects
from dbsvc.engine.sources.oddities import find_kind, looks_like_array
from dbsvc.engine.sources.pairs import lines_of, pairing
from dbsvc.engine.sources.proposal import find_array, propose
from dbsvc.engine.sources.spellings import ORDERS, WRONG, spell_days
from dbsvc.engine.sources.summing import summing
from dbsvc.engine.sources.translation import Framing, Translation, keeps_ascii

_LONGEST_HEADER = 1024 * 1024  # bytes
#: So much of a file is asked whether its dates make sense.
_SAMPLE = 64 * 1024  # bytes


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
    #: where the records end, if something follows them
    stop: int | None = None
    #: how its profile reads it, if it has one
    translation: Translation | Objects | Gathering | None = None

    @property
    def format(self) -> Format:
        """Where its records begin and end, and what fields they have."""
        return self.translation or self.dataset.format

    @property
    def profile(self) -> Profile | None:
        """How its source writes, if that was declared."""
        return self.translation.profile if self.translation else None

    @property
    def names(self) -> list[str]:
        """The columns as the file names them."""
        return [self.dataset.columns[column].written for column in self.columns]

    @property
    def takes(self) -> dict[str, str]:
        """What of JSON is accepted under which names besides texts and numbers."""
        return {column.written: column.type.json for column in self.dataset.columns.values() if column.type.json}


def read_header(file: SourceFile, datasets: Iterable[Dataset], profiles: Iterable[Profile] = ()) -> Header:
    """Find out whose a file is, and which profile it is read by, if any.

    Raises InputError when it is nobody's, columns miss or are unknown, or several profiles are for it.
    """
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
    if profile := _find_profile(file, profiles):
        return _read_by(profile, file, next(dataset for dataset in known if dataset.name == profile.dataset))
    mark = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    try:
        if looks_like_array(head):
            raise UnrecognisedError(f"{source}: its JSON is one array.")
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UnrecognisedError(f"{source}: the file is UTF-16 text; save it as UTF-8.")
        beginning = file.read(hole or mark, _LONGEST_HEADER)
        if beginning[-1:] == b"\0":  # and within a hole
            beginning += file.read(file.end_of_hole((hole or mark) + len(beginning)), _LONGEST_HEADER)
        objects = [(dataset, _has_half(dataset)) for dataset in known if dataset.format is jsonlines]
        return _find_objects(beginning, mark, objects) or _read_header_record(source, head[mark:], mark, known)
    except InputError as found:
        raise _explain(found, file, head, known) from None


def _explain(found: InputError, file: SourceFile, head: bytes, datasets: list[Dataset]) -> InputError:
    """Return the error for a file that cannot be read as it is, with what is odd about it and what may be done."""
    problem, recognised = str(found), not isinstance(found, UnrecognisedError)
    if file.wrong_name and not recognised:
        problem += f" By the way, {file.wrong_name}."
    if proposal := propose(head, datasets):
        recognised = recognised or proposal.is_certain
        if proposal.hint:
            problem += (
                f" It looks like a file of {proposal.dataset.title} that a profile can read: {proposal.hint}. "
                f"`dbsvc datasets profile {shlex.quote(file.source)}` proposes one."
            )
    elif array := find_array(head):
        problem += (
            f" A profile can read it: `array = {array}`, and [names] says by which paths the values of a record are found."
        )
    elif not recognised:
        problem += describe_nearest(head, datasets)
    return InputError(problem) if recognised else UnrecognisedError(problem)


def header_of(dataset: Dataset, raw: bytes, source: str, profile: Profile | None = None) -> Header:
    """Return the header of a load from its ledger's row. Raises InputError if it is not one of the dataset any more."""
    if profile and dataset.format is jsonlines:
        return Header(
            dataset, tuple(dataset.columns), raw, 0, 1, translation=_gather(_read_objects_by(profile, dataset), dataset)
        )
    if profile:
        return _bind(profile, dataset, raw, source)
    if not raw:
        return Header(dataset, tuple(dataset.columns), raw, 0, 1)
    _, columns = _recognise(source, delimited.read_fields(raw), [dataset])
    return Header(dataset, columns, raw, len(raw), 1)


def _find_profile(file: SourceFile, profiles: Iterable[Profile]) -> Profile | None:
    """Return the profile that is for a file. Raises ProfileError if several are."""
    found = [profile for profile in profiles if profile.is_for(file.source) and _has_names(file, profile)]
    if len(found) > 1:
        both = " and ".join(f"{profile.name} ({profile.origin})" for profile in found)
        raise ProfileError(f"{file.source}: {len(found)} profiles are for it: {both}. Name one with --profile.")
    return found[0] if found else None


def _has_names(file: SourceFile, profile: Profile) -> bool:
    """Whether the header of a file has the names that a profile is told by."""
    if not profile.header:
        return True
    encoding = profile.encoding
    if profile.array is not None:
        document = Document(file, profile.array)
        try:
            found = document.first_object(document.find() or 0)
        except InputError:  # it ends, or breaks, before there is one
            return False
        return found is not None and all(jsonlines.find_value(found, path) != "" for path in profile.header)
    head = file.read(0, _LONGEST_HEADER)
    if profile.of_objects:
        found = next(
            (one for start, end, *_ in jsonlines.records(head) if (one := jsonlines.read_object(head[start:end]))), None
        )
        return found is not None and all(jsonlines.find_value(found, path) != "" for path in profile.header)
    if not keeps_ascii(encoding):
        head = head.decode(encoding, errors="replace").encode()
    header = Framing(profile).read_header(head, profile.skip_lines)
    return header is not None and {name.casefold() for name in header.names} >= {*profile.header}


def _read_objects_by(profile: Profile, dataset: Dataset) -> Objects:
    """Return what reads objects: records, or lines of them."""
    dataset = dataset.signed() if profile.negative else dataset
    return Objects(profile, lines_of(dataset, profile.long) if profile.long else dataset)


def _gather(lines: Objects, dataset: Dataset) -> Objects | Gathering:
    long = lines.profile.long
    return pairing(lines, dataset, long) if long else lines


def _read_by(profile: Profile, file: SourceFile, dataset: Dataset) -> Header:
    """Return the header of a file as its profile reads it."""
    header = _read_header_by(profile, file, dataset)
    if profile.array is None and not profile.long:
        return header
    file.can_grow = False  # an array ends, and the lines of a record might come one after the other
    return replace(header, stream=None)


def _read_header_by(profile: Profile, file: SourceFile, dataset: Dataset) -> Header:
    if profile.of_objects:
        translation = _read_objects_by(profile, dataset)
        if profile.array is not None:
            return _read_array(profile, file, dataset, translation)
        head = file.read(0, _LONGEST_HEADER)
        mark = len(BYTE_ORDER_MARK) * head.startswith(BYTE_ORDER_MARK)
        if found := _find_objects(head, mark, [(dataset, translation.fits)]):
            return replace(found, translation=_gather(translation, dataset))
        raise profile.refuse(file.source, "none of its first lines is an object that has half of the values")
    if not keeps_ascii(profile.encoding):
        file.decode(profile.encoding)
    head = file.read(0, _LONGEST_HEADER)
    header = _bind(profile, dataset, head, file.source)
    _refuse_other_order(profile, header, head, file.source)
    return header


def _read_array(profile: Profile, file: SourceFile, dataset: Dataset, translation: Objects) -> Header:
    """Return the header of a file that is an array, or has one; or of objects that follow each other, as exported rejects."""
    path = profile.array or ()
    document = Document(file, path)
    start = document.find()
    first = document.first_object(start or 0)
    if start is None and (first is None or not translation.fits(first)):
        named = f"an array at {'.'.join(path)}" if path else "one array"
        raise profile.refuse(file.source, f"its JSON is not {named} of records" if not path else f"its JSON has not {named}")
    if first is not None and not translation.fits(first):
        raise profile.refuse(file.source, "the first record of its array has not half of the values")
    next_line = 1 + file.read(0, start or 0).count(b"\n")
    return Header(dataset, tuple(dataset.columns), b"", start or 0, next_line, translation=_gather(translation, dataset))


def complete(header: Header, file: SourceFile) -> Header:
    """Return the header of a file that is read from its start to its end, which a profile may ask for, with its end.

    Raises InputError where the array of its records is not whole, or lines of one record lie apart.
    """
    profile = header.profile
    if profile and profile.array is not None:
        document = Document(file, profile.array)
        start = document.find()
        header = replace(header, stop=document.check_objects() if start is None else document.check(start))
    if isinstance(header.translation, Gathering) and header.translation.profile.long:
        refuse_apart(file, header.translation, header.end, header.next_line, header.stop)
    return header


def _bind(profile: Profile, dataset: Dataset, head: bytes, source: str) -> Header:
    """Return the header of what begins so, as its profile reads it."""
    found = Framing(profile).read_header(head, profile.skip_lines)
    if found is None:
        raise profile.refuse(source, f"there is no header that can be read after {profile.skip_lines} line(s)")
    names = [name.casefold() for name in found.names]
    if profile.trailing_delimiter and names and not names[-1]:
        names.pop()
    dataset = dataset.signed() if profile.negative else dataset
    held = lines_of(dataset, profile.long) if profile.long else dataset  # by a line
    known = {column.written.casefold(): ours for ours, column in held.columns.items()} | dict(profile.names)
    columns = [None if name in profile.ignore else known.get(name, f"?{name}") for name in names]
    read = [column for column in columns if column]
    problems = {
        "lacks": [column.written for ours, column in held.columns.items() if ours not in {*read, *profile.constants}],
        "has unknown": [found.names[at] for at, column in enumerate(columns) if column and column not in held.columns],
        "repeats": [name for name, column in zip(found.names, columns, strict=False) if column and read.count(column) > 1],
        "has, beside a constant,": [dataset.columns[ours].written for ours in profile.constants if ours in read],
    }
    if said := [f"{problem} column(s): {_shown(listed)}" for problem, listed in problems.items() if listed]:
        raise profile.refuse(source, f"a file of {dataset.title} that {', and '.join(said)}")
    lines = Translation(profile, held, found.names[: len(names)], columns, head[found.start : found.end])
    translation = summing(lines, dataset) if profile.sum else pairing(lines, dataset, profile.long) if profile.long else lines
    next_line = 1 + head.count(b"\n", 0, found.next)
    return Header(dataset, translation.columns, head[: found.end], found.next, next_line, translation=translation)


def _refuse_other_order(profile: Profile, header: Header, head: bytes, source: str) -> None:
    """Raise ProfileError if no date of the first records makes sense as the profile says, and all do in the other order."""
    other = {"day_first": "month_first", "month_first": "day_first"}
    lines = header.translation.lines if isinstance(header.translation, Gathering) else header.translation
    if len(profile.date) != 1 or profile.date[0] not in other or not isinstance(lines, Translation):
        return
    declared, otherwise = spell_days(profile.date), spell_days([other[profile.date[0]]])
    sample = head[header.end :][:_SAMPLE]
    for column, texts in lines.written(sample[: sample.rfind(b"\n") + 1]).items():
        days = {text for text in texts if text and ORDERS[profile.date[0]].fullmatch(text)}
        if days and all(declared(day) == WRONG != otherwise(day) for day in days):
            order = other[profile.date[0]].replace("_", " ")
            raise profile.refuse(source, f"every {column} makes sense only with the {order}, as {min(days)} does")


def _has_half(dataset: Dataset) -> Callable[[Mapping[str, Any]], bool]:
    names = set(_written(dataset))
    return lambda found: 2 * len(found.keys() & names) >= len(names)


def _find_objects(
    head: bytes, mark: int, known: Iterable[tuple[Dataset, Callable[[Mapping[str, Any]], bool]]]
) -> Header | None:
    """Recognise JSON lines by the first object that has at least half of a dataset's names."""
    first = b""
    for start, end, _, fault in jsonlines.records(head):
        line = head[start:end].lstrip(BYTE_ORDER_MARK).strip()
        first = first or line
        if not fault and line.startswith(b"{") and (found := jsonlines.read_object(line)):
            for dataset, fits in known:
                if fits(found):
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
