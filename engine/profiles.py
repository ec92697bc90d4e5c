"""Profiles: how one source writes its files. Each ``profiles/<name>.toml`` of a project is read, and each fault said.

A profile is declared and never guessed. What it means for the bytes of a file is in ``sources/translation.py``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from encodings.aliases import aliases
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import ProfileError, StatementError
from dbsvc.engine.project import USUAL, Project
from dbsvc.engine.sources.formats import delimited
from dbsvc.engine.sources.packed import without_suffix
from dbsvc.engine.sources.spellings import NAMED, FormError, read_form
from dbsvc.engine.toml import FLAG, Kind, check_keys, line_of, parse, read_text
from dbsvc.engine.words import or_nearest


@dataclass(frozen=True)
class Long:
    """How the lines of a record name its columns, each with a value: the field with the name, that with the value."""

    name: str
    value: str
    #: what a line names → our column
    columns: Mapping[str, str]
    #: what lines name that nobody reads
    ignore: frozenset[str]


@dataclass(frozen=True)
class Profile:
    """One ``<name>.toml``."""

    name: str
    dataset: str
    #: which files it is for: patterns of their names, and names that their header has
    file_names: tuple[str, ...]
    header: tuple[str, ...]
    encoding: str
    delimiter: str
    #: empty: there are no quotes
    quote: str
    #: the decimal mark, and the characters that may stand between groups of three digits; empty: as the dataset says
    decimal: str
    thousands: str
    #: what may stand before or after a number, and is no part of it
    currency_marks: tuple[str, ...]
    #: the order or the forms of days, those of moments, and the zone of those that have none; empty: as the dataset says
    date: tuple[str, ...]
    timestamp: tuple[str, ...]
    zone: str
    #: the names of the fields, in their order, where no header says them
    columns: tuple[str, ...]
    #: lines before the header; lines that begin so are no records; last lines that begin so are none either
    skip_lines: int
    comment: tuple[str, ...]
    footer: tuple[str, ...]
    trailing_delimiter: bool
    #: whether fields may be written as formulas that are a text: ="00123"
    text_formulas: bool
    repeated_header: bool
    #: a name in the header, case folded → our column
    names: Mapping[str, str]
    #: names in the header of columns that nobody reads, case folded
    ignore: frozenset[str]
    #: our column → a text in it → what that means
    values: Mapping[str, Mapping[str, str]]
    #: our column → what it holds in every record
    constants: Mapping[str, str]
    #: whether amounts may be negative, as those of credit notes are
    negative: bool
    #: our columns that are added up, where a record has several lines
    sum: frozenset[str]
    #: how lines that follow each other name the columns of one record; None if a line has all of them
    long: Long | None
    #: what stands for nothing
    null: frozenset[str]
    #: whether the files are JSON
    of_objects: bool
    #: where in a file the array of its records is: names that lead there, none if the file is that array
    array: tuple[str, ...] | None
    origin: str = field(repr=False, compare=False)
    text: str = field(repr=False)

    def is_for(self, source: str) -> bool:
        """Whether the name of a file is one of those it is for; if it says none, the header tells."""
        name = source.replace("\\", "/").rpartition("/")[2]
        names = {name, without_suffix(name)}
        return not self.file_names or any(fnmatchcase(each, pattern) for each in names for pattern in self.file_names)

    def refuse(self, source: str, problem: str) -> ProfileError:
        """Return the error that this profile does not fit a file."""
        return ProfileError(f"{source}: {problem}, by the profile {self.name} ({self.origin}).")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_texts(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and _is_texts(value) and len({name.casefold() for name in value}) == len(value)


def _is_mark(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[!-/:-@\[-`{-~\t ]", value))


_TEXT = Kind("a text", _is_text)
_TEXTS = Kind("a text or a list of texts", _is_texts)
# a line end in one would move all records after it
_TABLE = Kind(
    "a table of texts, each on one line",
    lambda value: isinstance(value, dict) and all(isinstance(text, str) and text.isprintable() for text in value.values()),
)
_KINDS = {
    "dataset": _TEXT,
    "match": Kind("a table with name, header, or both", lambda value: isinstance(value, dict)),
    "encoding": _TEXT,
    "delimiter": Kind("one character that is no letter and no digit, as ';'", _is_mark),
    "quote": Kind("one character that is no letter and no digit, or '' for none", lambda v: v == "" or _is_mark(v)),
    "decimal": Kind("',' or '.'", lambda value: value in (",", ".")),
    "thousands": Kind(
        "the characters that may stand between groups of digits, as '.'",
        lambda value: isinstance(value, str) and bool(re.fullmatch(r"[^0-9A-Za-z+\-\n]+", value)),
    ),
    "currency_marks": Kind(
        "a text or a list of texts without digits and signs, as '$'",
        lambda value: _is_texts(value) and not any(re.search(r"[-+0-9.,()\u2212 ]", mark) for mark in _texts({"": value}, "")),
    ),
    "date": _TEXTS,
    "timestamp": _TEXTS,
    "zone": _TEXT,
    "columns": Kind("a list of names, one for each field and none twice", _is_names),
    "skip_lines": Kind("a number of lines", lambda value: type(value) is int and 0 <= value <= 10_000),
    "comment": _TEXTS,
    "footer": _TEXTS,
    "trailing_delimiter": FLAG,
    "text_formulas": FLAG,
    "repeated_header": FLAG,
    "array": Kind(
        "true, or the names that lead to the array of records, as 'data.items'",
        lambda value: value is True or (_is_text(value) and all(value.split("."))),
    ),
    "names": _TABLE,
    "ignore": _TEXTS,
    "constants": _TABLE,
    "null": _TEXTS,
    "values": Kind(
        "tables of texts, as [values.currency]",
        lambda value: isinstance(value, dict) and all(_TABLE.fits(texts) for texts in value.values()),
    ),
    "negative": FLAG,
    "sum": _TEXTS,
    "long": Kind("a table with name, value and columns, as [long] and [long.columns]", lambda value: isinstance(value, dict)),
}
_MATCH_KINDS = {"name": _TEXTS, "header": _TEXTS}
_LONG_KINDS = {"name": _TEXT, "value": _TEXT, "columns": _TABLE, "ignore": _TEXTS}


#: Keys that say how CSV is written.
_OF_CSV = (
    *("encoding", "delimiter", "quote", "columns", "skip_lines", "comment", "footer", "trailing_delimiter"),
    *("text_formulas", "repeated_header", "ignore", "sum"),
)


def read_profiles(folder: Path, datasets: Mapping[str, Dataset]) -> list[Profile]:
    """Return the profiles of a folder, by their names; none if it is not there. Raises ProfileError for what is wrong."""
    found = []
    for file in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
        try:
            text = read_text(file)
        except StatementError as error:
            raise ProfileError(str(error)) from error
        found.append(read_profile(file.stem, str(file), text, datasets))
    return found


def find_profiles(project: Project | None, datasets: Mapping[str, Dataset], only: str | None = None) -> list[Profile]:
    """Return the profiles that files may be read by; or ``only`` this one, for any file. Raises ProfileError."""
    folder = project.path("profiles") if project else Path(USUAL, "profiles")
    found = read_profiles(folder, datasets) if project else []
    if only is None:
        return found
    if chosen := [replace(profile, file_names=(), header=()) for profile in found if profile.name == only]:
        return chosen
    names = [profile.name for profile in found]
    raise ProfileError(f"There is no profile {or_nearest(only, names) if names else only} in {folder}.")


def read_profile(name: str, origin: str, text: str, datasets: Mapping[str, Dataset]) -> Profile:
    """Return the profile that a text declares. Raises ProfileError."""

    def refuse(problem: str, *keys: str) -> ProfileError:
        return ProfileError(f"{origin}:{line_of(text, *keys)}: {problem}")

    try:
        told = parse(origin, text)
    except StatementError as error:
        raise ProfileError(str(error)) from error
    check_keys(told, _KINDS, "a profile has", refuse)
    if "dataset" not in told:
        raise refuse("the key dataset is missing: of which dataset are the files?")
    if told["dataset"] not in datasets:
        raise refuse(f"there is no dataset {or_nearest(told['dataset'], datasets)}", "dataset")
    dataset = datasets[told["dataset"]]
    of_objects = dataset.format is not delimited
    for key in _OF_CSV if of_objects else ():
        if key in told:
            raise refuse(f"{dataset.name} is delivered as JSON lines, of which a profile says no {key}", key)
    if "array" in told and not of_objects:
        raise refuse(f"{dataset.name} is delivered as CSV, of which a profile says no array", "array")
    match = told.get("match", {})
    check_keys(match, _MATCH_KINDS, "match has", refuse, "match")
    if not match:
        raise refuse("the table match is missing: [match] with name = 'pattern*.csv', header = ['a name', …], or both", "match")
    columns = _Columns(dataset, refuse)
    fold = str if of_objects else str.casefold
    names = {fold(written): columns.find(ours, "names", written) for written, ours in told.get("names", {}).items()}
    for path, ours in names.items() if of_objects else ():
        if [*names.values()].count(ours) > 1:
            raise refuse(f"{ours} has two paths", "names", path)
        if dataset.columns[ours].type.json == "values" and "." in path:
            raise refuse(f"{ours} is kept as it is written, so it cannot lie within another value", "names", path)
    long = _long(told, columns, names, refuse)
    pair = tuple(map(fold, (long.name, long.value) if long else ()))
    ignore = frozenset(written.casefold() for written in _texts(told, "ignore"))
    for written in _texts(match, "header"):
        if fold(written) not in (*names, *ignore, *pair, *(columns.shown if of_objects else columns.written)):
            known = (*told.get("names", {}), *_texts(told, "ignore"), *columns.shown)
            raise refuse(f"header names what is neither a column nor ignored: {or_nearest(written, known)}", "match", "header")
    headerless = _texts(told, "columns")
    for written in headerless:
        if fold(written) not in (*names, *ignore, *pair, *columns.written):
            known = (*told.get("names", {}), *_texts(told, "ignore"), *columns.shown)
            raise refuse(f"columns names what is neither a column nor ignored: {or_nearest(written, known)}", "columns")
    if headerless and "header" in match:
        raise refuse("a file whose columns are told here has no header to be known by", "match", "header")
    if headerless and "repeated_header" in told:
        raise refuse("a file whose columns are told here has no header that may stand inside again", "repeated_header")
    profile = Profile(
        name=name,
        dataset=dataset.name,
        file_names=_texts(match, "name"),
        header=tuple(map(fold, _texts(match, "header"))),
        encoding=_encoding(told.get("encoding", "utf-8"), refuse),
        delimiter=told.get("delimiter", ","),
        quote=told.get("quote", '"'),
        decimal=told.get("decimal", "." if {"thousands", "negative", "currency_marks"} & told.keys() else ""),
        thousands=told.get("thousands", ""),
        currency_marks=_texts(told, "currency_marks"),
        date=_forms("date", told, refuse),
        timestamp=_forms("timestamp", told, refuse),
        zone=told.get("zone", ""),
        columns=headerless,
        skip_lines=told.get("skip_lines", 0),
        comment=_texts(told, "comment"),
        footer=_texts(told, "footer"),
        trailing_delimiter=told.get("trailing_delimiter", False),
        text_formulas=told.get("text_formulas", False),
        repeated_header=told.get("repeated_header", False),
        names=names,
        ignore=ignore,
        values={columns.find(ours, "values", ours): texts for ours, texts in told.get("values", {}).items()},
        constants={columns.find(ours, "constants", ours): value for ours, value in told.get("constants", {}).items()},
        sum=frozenset(columns.find(ours, "sum") for ours in _texts(told, "sum")),
        long=long,
        negative=told.get("negative", False),
        null=frozenset(_texts(told, "null")),
        of_objects=of_objects,
        array=_array(told.get("array")),
        origin=origin,
        text=text,
    )
    for key in ("comment", "footer"):
        for mark in getattr(profile, key):
            try:
                mark.encode(profile.encoding)
            except UnicodeError:
                raise refuse(f"{profile.encoding} has no way to write {mark}", key) from None
    for ours in profile.sum:
        if dataset.columns[ours].type.name not in ("decimal", "whole") or ours in (*dataset.key, *profile.constants):
            raise refuse(f"{dataset.columns[ours].written} is no amount of the file that can be added up", "sum")
    if long and profile.sum:
        raise refuse("sum and long both say what makes one record of several lines: one of them must do", "sum")
    for ours in long.columns.values() if long else ():
        if ours in profile.constants:
            raise refuse(f"{dataset.columns[ours].written} is both a constant and named by lines", "constants")
    if profile.negative and dataset.signed() == dataset:
        raise refuse(f"{dataset.name} has no amounts that may not be negative", "negative")
    if profile.delimiter == profile.quote:
        raise refuse("delimiter and quote are the same character", "quote")
    if profile.decimal and profile.decimal in profile.thousands:
        raise refuse("decimal and thousands are the same character", "thousands" if "thousands" in told else "decimal")
    if profile.zone and profile.zone not in available_timezones():
        raise refuse(f"there is no zone {_nearest(profile.zone, available_timezones())}", "zone")
    return profile


class _Columns:
    """The columns of a dataset, by our names and by those it is usually delivered with, in any case."""

    def __init__(self, dataset: Dataset, refuse: Callable[..., ProfileError]) -> None:
        self._refuse = refuse
        self.dataset = dataset
        self.shown = [column.written for column in dataset.columns.values()]
        self.written = {column.written.casefold(): name for name, column in dataset.columns.items()}
        self._known = self.written | {name.casefold(): name for name in dataset.columns}

    def find(self, column: str, *keys: str) -> str:
        """Return our name of a column."""
        if found := self._known.get(column.casefold()):
            return found
        raise self._refuse(f"there is no column {or_nearest(column, self.shown)}", *keys)


def _texts(told: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = told.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)


def _long(
    told: Mapping[str, Any], columns: _Columns, names: Mapping[str, str], refuse: Callable[..., ProfileError]
) -> Long | None:
    """Return what the table long says. ``names``: a name in the file → our column."""
    if "long" not in told:
        return None
    table = told["long"]
    check_keys(table, _LONG_KINDS, "long has", refuse, "long")
    if missing := [key for key in ("name", "value", "columns") if not table.get(key)]:
        raise refuse(
            f"long lacks {missing[0]}: it says which field has the name, which has the value, and what names what", "long"
        )
    if table["name"].casefold() == table["value"].casefold():
        raise refuse("name and value are the same field", "long", "value")
    found: dict[str, str] = {}
    for written, told_ours in table["columns"].items():
        if (name := written.strip()) in found:
            raise refuse(f"{name} stands here twice, but for blanks", "long", "columns", written)
        ours = found[name] = columns.find(told_ours, "long", "columns", written)
        column = columns.dataset.columns[ours]
        if ours in columns.dataset.key:
            raise refuse(f"{column.written} is of the key, which each line has", "long", "columns", written)
        if column.type.json == "values":
            raise refuse(f"{column.written} is kept as it is written, and cannot be named by lines", "long", "columns", written)
        if ours in names.values():
            raise refuse(f"{column.written} is named by lines, and cannot have a name of its own", "names")
    ignored = frozenset(name.strip() for name in _texts(table, "ignore"))
    if both := sorted(ignored & found.keys()):
        raise refuse(f"{both[0]} is both read and ignored", "long", "ignore")
    for key in ("name", "value"):
        same = columns.written.get(table[key].casefold())
        if same and same not in (*found.values(), *names.values()):
            raise refuse(f"{table[key]} is a column of {columns.dataset.name}: say in [names] what that is called", "long", key)
    return Long(table["name"], table["value"], found, ignored)


def _array(told: Any) -> tuple[str, ...] | None:
    return None if told is None else () if told is True else tuple(told.split("."))


def _forms(key: str, told: Mapping[str, Any], refuse: Callable[..., ProfileError]) -> tuple[str, ...]:
    forms = _texts(told, key)
    for form in forms:
        if "%" not in form and (key != "date" or form not in NAMED):
            orders = f"one of {', '.join(NAMED)}, or " if key == "date" else ""
            raise refuse(f"{key} must be {orders}forms as '%d.%m.%Y': not {or_nearest(form, NAMED)}", key)
        try:
            if "%" in form:
                read_form(form, with_time=key == "timestamp")
        except FormError as error:
            raise refuse(f"{key}: {error}", key) from error
    return forms


def _encoding(named: str, refuse: Callable[..., ProfileError]) -> str:
    if found := _find_encoding(named):
        return found
    known = {name for name in {*aliases, *aliases.values()} if _find_encoding(name)}
    raise refuse(f"there is no encoding {_nearest(named, known)}", "encoding")


def _find_encoding(named: str) -> str | None:
    """Return how Python calls an encoding of texts; None if there is none, or it encodes something else."""
    try:
        found = codecs.lookup(named).name
        with suppress(UnicodeError):
            b"a".decode(found)  # what is no encoding of texts is refused here
    except (LookupError, ValueError):
        return None
    return found


def _nearest(name: str, known: set[str]) -> str:
    """Return a name that is not known, with what may be meant; there are too many to list."""
    shown = or_nearest(name.casefold(), {each.casefold(): each for each in sorted(known)})
    return f"{name}; {shown.partition('; ')[2]}" if "did you mean" in shown else name
