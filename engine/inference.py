"""What a sample tells of a dataset's columns: their types, which of them may be empty, which tell the records apart.

Nothing is guessed: what can be read in two ways becomes a text, and is said. Only the beginning of a sample is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

from dbsvc.engine.declarations import ENDINGS, RESERVED
from dbsvc.engine.errors import InputError
from dbsvc.engine.functions.texts import is_json
from dbsvc.engine.functions.times import utc_time
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import delimited, jsonlines
from dbsvc.engine.sources.oddities import find_kind
from dbsvc.engine.words import SQL_WORDS, or_nearest, to_name

#: So much of a sample is read.
MOST = 4 * 2**20  # bytes
_MOST_COLUMNS = 500
_DELIMITERS = (";", "\t", "|")
_WHOLE = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_HALF = re.compile("[\ud800-\udfff]")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OTHER_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4})")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_UUID = re.compile(r"(\{)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?(1)\})")
_BOOLEANS = {"true", "false", "t", "f", "yes", "no", "y", "n"}
_LIKE_A_KEY = re.compile(r"(^|_)(id|key|no|nr|number|code|uuid)$")
#: Types that may tell records apart, others measure them.
_KEYS = ("whole", "text", "uuid", "date", "timestamp", "time")
_MOST_DIGITS = 18
_LONGEST_CODE, _MOST_CODES = 10, 200


@dataclass(frozen=True)
class Guess:
    """A column as a sample shows it."""

    name: str
    written: str
    type: str
    optional: bool
    limits: dict[str, Any] = field(default_factory=dict)
    #: what is to be looked at
    note: str = ""
    #: the values, where they are few and short, as codes are
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sample:
    """What a sample tells of a dataset."""

    source: str
    #: csv or jsonl
    format: str
    columns: list[Guess]
    key: tuple[str, ...]
    records: int
    #: what is to be looked at, of no single column
    notes: list[str]


def infer(source: str, key: Sequence[str] = ()) -> Sample:
    """Return what a sample tells. ``key``: the columns that tell records apart, if that is known. Raises InputError."""
    with SourceFile(source) as file:
        head = file.read(0, MOST)
        whole = file.size <= len(head)
        shown = file.source
        if kind := find_kind(head, file.packing):
            raise InputError(f"{shown}: {kind}.")
    if not head.strip():
        raise InputError(f"{shown}: the sample is empty: types are told by records.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:1024]:
        raise InputError(f"{shown}: the sample is no UTF-8 text: save it as such.")
    data = head.removeprefix(b"\xef\xbb\xbf")
    start = data.lstrip()[:1]
    if start == b"[":
        raise InputError(f"{shown}: one array of JSON objects: write one object a line, without brackets and commas.")
    of = jsonlines if start == b"{" else delimited
    end = of.cut(data, whole)
    if not end:
        raise InputError(f"{shown}: its first record goes on for more than {MOST // 2**20} MiB.")
    try:
        names, rows, odd = (_read_objects if of is jsonlines else _read_table)(shown, data[:end])
    except UnicodeDecodeError:
        raise InputError(f"{shown}: the sample is no UTF-8 text: save it as such.") from None
    if not rows:
        raise InputError(f"{shown}: the sample has no record, and types are told by records.")
    if halves := [name for name in names if _HALF.search(name)]:  # which no declaration can hold
        kept = [at for at, name in enumerate(names) if name not in halves]
        names, rows = [names[at] for at in kept], [[row[at] for at in kept] for row in rows]
    if len(names) > _MOST_COLUMNS:
        raise InputError(f"{shown}: the sample has {len(names):,} columns, more than {_MOST_COLUMNS}.")
    notes = [] if whole else [f"only the first {MOST // 2**20} MiB of the sample were read, {len(rows):,} records"]
    if odd:
        notes.append(f"{odd:,} records of the sample could not be read and were left out")
    notes += [
        f"left out, as its name holds half a character: {name.encode('ascii', 'backslashreplace').decode()}" for name in halves
    ]
    columns = [
        _guess(ours, written, [row[at] for row in rows], of is jsonlines)
        for at, (ours, written) in enumerate(zip(_names(names), names, strict=True))
    ]
    chosen = _given_key(shown, key, columns) if key else _find_key(shown, columns, rows)
    places = [next(at for at, column in enumerate(columns) if column.name == name) for name in chosen]
    if len({tuple(map(str, (row[at] for at in places))) for row in rows}) < len(rows):
        notes.append(f"the key {', '.join(chosen)} stands in several records of the sample: the last of them wins")
    elif not key:
        notes.append(f"the key {', '.join(chosen)} tells the {len(rows):,} records of the sample apart: does it tell all?")
    return Sample(shown, "jsonl" if of is jsonlines else "csv", columns, chosen, len(rows), notes)


def _read_table(source: str, data: bytes) -> tuple[list[str], list[list[Any]], int]:
    """Return the names of columns, the fields of each record, and how many records could not be read."""
    records = delimited.records(data)
    first = next(records)
    if first.fault:
        raise InputError(f"{source}: its header has a quote that is out of place.")
    names = delimited.read_fields(data[first.start : first.end])
    if len(names) == 1 and (other := next((mark for mark in _DELIMITERS if mark in names[0]), None)):
        shown = "tabs" if other == "\t" else f"'{other}'"
        raise InputError(f"{source}: its fields seem to be separated by {shown}, and are to be by ','.")
    if "" in names:
        raise InputError(f"{source}: column {names.index('') + 1} of its header has no name.")
    folded = [name.casefold() for name in names]
    if twice := [name for at, name in enumerate(names) if folded[at] in folded[:at]]:
        raise InputError(f"{source}: its header has {twice[0]} twice.")
    if values := [name for name in names if _DECIMAL.fullmatch(name) or _DAY.fullmatch(name)]:
        raise InputError(f"{source}: its first line holds values, such as {values[0]}: it must be the header, with names.")
    rows, odd = [], 0
    for record in records:
        fields = [] if record.fault else delimited.read_fields(data[record.start : record.end])
        if len(fields) == len(names):
            rows.append(fields)
        else:
            odd += 1
    if odd > len(rows):
        raise InputError(f"{source}: {odd:,} of {odd + len(rows):,} records have other fields than the header has names.")
    return names, rows, odd


def _read_objects(source: str, data: bytes) -> tuple[list[str], list[list[Any]], int]:
    found = [jsonlines.read_object(data[record.start : record.end]) for record in jsonlines.records(data)]
    objects = [each for each in found if each is not None]
    if not objects:
        raise InputError(f"{source}: none of its lines is a JSON object.")
    names = list(dict.fromkeys(name for each in objects for name in each))
    return names, [[each.get(name) for name in names] for each in objects], len(found) - len(objects)


def _names(written: Iterable[str]) -> Iterator[str]:
    """Yield a good name for each column."""
    taken: set[str] = set()
    for nth, text in enumerate(written, 1):
        name = to_name(text, 50) or f"column_{nth}"
        if name in SQL_WORDS or name in RESERVED:
            name = f"{name}_field"
        if any(name.endswith(ending) and name.removesuffix(ending) in taken for ending in ENDINGS):
            name = f"{name}_field"
        good = name
        number = 1
        while good in taken:
            number += 1
            good = f"{name}_{number}"
        taken.add(good)
        yield good


def _guess(name: str, written: str, values: list[Any], is_json: bool) -> Guess:
    """Return the type that all values of a column have."""
    given = [value for value in values if value is not None and value != ""]
    optional = len(given) < len(values)
    if is_json and any(isinstance(value, tuple | list) for value in given):
        return Guess(name, written, "json", optional, note="kept as it is written")
    texts = [("true" if value else "false") if isinstance(value, bool) else str(value).strip() for value in given]
    if not texts:
        return Guess(name, written, "text", True, note="empty in the whole sample")
    if is_json and 0 < sum(isinstance(value, bool) for value in given) < len(given):
        return Guess(name, written, "json", optional, note="true or false, and other values: kept as it is written")
    for guess in _GUESSES:
        if found := guess(texts):
            kind, limits, note = found
            return Guess(name, written, kind, optional, limits, note)
    longest = max(map(len, texts))
    limits = {} if longest <= 1000 else {"max": 2 ** (longest - 1).bit_length()}
    few = frozenset(texts) if longest <= _LONGEST_CODE and len({*texts}) <= _MOST_CODES else frozenset()
    return Guess(name, written, "text", optional, limits, codes=few)


_Found = tuple[str, dict[str, Any], str] | None


def _all(pattern: re.Pattern[str], texts: list[str]) -> bool:
    return all(map(pattern.fullmatch, texts))


def _guess_boolean(texts: list[str]) -> _Found:
    return ("boolean", {}, "") if {text.lower() for text in texts} <= _BOOLEANS else None


def _guess_uuid(texts: list[str]) -> _Found:
    return ("uuid", {}, "") if _all(_UUID, texts) else None


def _guess_number(texts: list[str]) -> _Found:
    """Return a whole number or a decimal; a text where zeros lead, or there are too many digits."""
    if not _all(_DECIMAL, texts):
        return None
    bare = [text.lstrip("-") for text in texts]
    if any(len(text) > 1 and text[0] == "0" and text[1] != "." for text in bare):
        return "text", {}, "numbers with zeros before them, which a number would lose"
    signed = {"signed": True} if any(text.startswith("-") for text in texts) else {}
    before = max(len(text.partition(".")[0]) for text in bare)
    places = max(len(text.partition(".")[2]) for text in bare)
    if before > _MOST_DIGITS or places > _MOST_DIGITS:
        return "text", {}, f"numbers of more than {_MOST_DIGITS} digits"
    if not places and _all(_WHOLE, texts):
        return "whole", signed, ""
    digits = {"digits": _MOST_DIGITS} if before > 14 else {}
    return "decimal", {"places": places, **digits, **signed}, f"what has more than {places} places is rounded to these"


def _guess_day(texts: list[str]) -> _Found:
    if _all(_DAY, texts):
        return ("date", {}, "") if all(map(_is_day, texts)) else None
    parts = [found.groups() for text in texts if (found := _OTHER_DAY.fullmatch(text))]
    if len(parts) < len(texts):
        return None
    day_first = all(_is_day(f"{year}-{month}-{day}") for day, month, year in parts)
    month_first = all(_is_day(f"{year}-{month}-{day}") for month, day, year in parts)
    if day_first and month_first:
        said = f"day first or month first? {texts[0]} can be both: if the day is, make it a date with day_first = true"
        return "text", {}, said
    if day_first:
        return "date", {"day_first": True}, ""
    return ("text", {}, f"dates with the month first, as {texts[0]}, which no type reads") if month_first else None


def _guess_moment(texts: list[str]) -> _Found:
    if _all(_TIME, texts):
        return "time", {}, ""
    if not all(len(text) >= 16 and text[:4].isdigit() for text in texts):
        return None
    if all(utc_time(text) for text in texts):
        return "timestamp", {}, ""
    if all(utc_time(f"{text}Z") for text in texts):
        return "text", {}, f"times without a zone, as {texts[0]}: which moments they are is not said"
    return None


def _guess_json(texts: list[str]) -> _Found:
    return ("json", {}, "kept as it is written") if all(text[0] in "{[" and is_json(text) for text in texts) else None


_GUESSES: tuple[Callable[[list[str]], _Found], ...] = (
    _guess_boolean,
    _guess_uuid,
    _guess_number,
    _guess_day,
    _guess_moment,
    _guess_json,
)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _given_key(source: str, key: Sequence[str], columns: list[Guess]) -> tuple[str, ...]:
    """Return the key that was asked for, by the names of columns."""
    known = {name: column for column in columns for name in (column.written, column.name)}
    for name in key:
        if name not in known:
            raise InputError(f"{source}: --key names no column: {or_nearest(name, known)}")
        if known[name].optional:
            raise InputError(f"{source}: {name} is empty in some records of the sample, and cannot be of the key.")
    return tuple(dict.fromkeys(known[name].name for name in key))


def _find_key(source: str, columns: list[Guess], rows: list[list[Any]]) -> tuple[str, ...]:
    """Return the first column that tells all records apart, those that are named as a key before others; else two of them."""
    fit = [at for at, column in enumerate(columns) if not column.optional and column.type in _KEYS]
    fit = [at for at in fit if columns[at].type != "text" or all(len(str(row[at])) <= 200 for row in rows)]
    fit.sort(key=lambda at: (not _LIKE_A_KEY.search(columns[at].name), at))
    for most in (1, 2):
        for chosen in combinations(fit[:12], most):
            if len({tuple(str(row[at]) for at in chosen) for row in rows}) == len(rows):
                return tuple(columns[at].name for at in sorted(chosen))
    raise InputError(f"{source}: no column, and no two of them, tell its records apart: name those that do by --key a,b,c.")
