"""Columns and their types: what a field may hold, what it becomes, and the bytes that surely keep to that.

Each ``sql/types/<type>.toml`` says what a type means, on every database, in SQL; a column of a dataset's declaration sets its
limits. ``statements/contract.py`` puts both together to the statements of a dataset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from importlib.resources.abc import Traversable
from math import isfinite
from typing import Any, NamedTuple

from dbsvc.engine.errors import StatementError
from dbsvc.engine.toml import parse, read_text

FOLDER = "types"
#: What a column may say besides the limits of its type.
COMMON = ("name", "type", "optional", "default")

_PLACE = re.compile(r"\{([a-z_]\w*)\}")
#: what a limit is: in words, and the test of a value
KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "whole": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "date": ("a date as 2024-12-31, without quotes", lambda value: type(value) is date),
    "name": ("a name in the database", lambda value: isinstance(value, str) and bool(re.fullmatch(r"[a-z_][a-z0-9_]*", value))),
    "dataset": ("the name of a dataset", lambda value: isinstance(value, str)),
}


class Limit(NamedTuple):
    """What a limit of a type may be; a limit without a default and not set leaves out what speaks of it."""

    kind: str
    says: str
    default: Any
    least: int | None
    most: int | None


@dataclass(frozen=True)
class Part:
    """A piece of a type: SQL or a pattern, and when it applies."""

    text: str
    only_if: str | None = None
    unless: str | None = None
    #: a rule: the reason that a reject gets; and whether the patterns keep it
    reason: str = ""
    kept: bool = False

    def fill(self, limits: Mapping[str, Any], **given: str) -> str | None:
        """Return the text with the limits in it; None if it does not apply, or speaks of a limit that is not set."""
        if (self.only_if and not limits.get(self.only_if)) or (self.unless and limits.get(self.unless)):
            return None
        known = {name: _literal(value) for name, value in limits.items() if value is not None} | given
        if not set(_PLACE.findall(self.text)) <= known.keys():
            return None
        return _PLACE.sub(lambda place: known[place[1]], self.text)


@dataclass(frozen=True)
class ColumnType:
    """One ``sql/types/<name>.toml``, as a dialect means it."""

    name: str
    says: str
    limits: Mapping[str, Limit]
    storage: Part
    wrong: tuple[Part, ...]
    value: Part
    #: what becomes of the value when it is staged
    stored: Part
    fast: tuple[Part, ...]
    fast_value: Part
    #: whether its patterns are the codes themselves
    lists_codes: bool
    #: what constraints its values keep in a table: such as the patterns surely keep
    checks: tuple[Part, ...]
    #: what of JSON is accepted besides texts and numbers: ``booleans``, or all ``values`` as they are written
    json: str
    #: whether a column of it may say what is stored where its field is empty
    takes_default: bool
    text: str = field(repr=False)


@dataclass(frozen=True)
class Column:
    """A column of a dataset: its name in the file, its type, and what its type is limited to."""

    name: str
    written: str
    type: ColumnType
    optional: bool
    #: what is stored where the field is empty
    default: str | None
    limits: Mapping[str, Any]
    #: of these, what its declaration says itself
    told: Mapping[str, Any]
    #: the whole of a reject's reason where the value is not known; by default the column's name and the type's reason
    reasons: Mapping[str, str]

    def wrong(self, text: str, value: str, *, of_text: bool | None = None, kept: bool | None = None) -> list[tuple[str, str]]:
        """Return the rules, each with its reason, first ones first.

        ``of_text``: those that need the text alone, or those that ask for the value; ``kept``: those that the patterns keep, or
        those that they leave open.
        """
        found = []
        for rule in self.type.wrong:
            wanted = of_text in (None, "{value}" not in rule.text) and kept in (None, rule.kept)
            if wanted and (when := rule.fill(self.limits, text=text, value=value)):
                found.append((rule.reason, when))
        return found

    def value(self, text: str) -> str:
        """Return the SQL that makes a value of the text."""
        return self.type.value.fill(self.limits, text=text) or text

    def stored(self, value: str) -> str:
        """Return the SQL that stores the value."""
        return self.type.stored.fill(self.limits, value=value) or value

    def fast_value(self, text: str) -> str:
        """Return the SQL that makes a value of a text that matched a pattern."""
        return self.type.fast_value.fill(self.limits, text=text) or text

    def storage(self) -> str:
        """Return the SQL type that it is stored as."""
        return self.type.storage.fill(self.limits) or ""

    def checks(self, value: str) -> list[str]:
        """Return the conditions that what is stored keeps; none where an empty text may be stored."""
        found = [part.fill(self.limits, value=value) for part in self.type.checks if self.default != ""]
        return [condition for condition in found if condition]

    def patterns(self, today: date, codes: Iterable[str] = ()) -> list[str]:
        """Return regular expressions over UTF-8 of fields that need no quotes and surely keep the contract; perhaps none."""
        if self.type.lists_codes:
            found = [pattern] if (pattern := _one_of(codes)) else []
        else:
            years = {"years": pattern} if (pattern := _years(self.limits, today)) else {}
            found = [text for part in self.type.fast if (text := part.fill(self.limits, **years))]
        return [*found, ""] if found and self.optional and self.default in (None, "") else found

    def signed(self) -> Column:
        """Return the column as it is where amounts may be negative."""
        unsigned = self.type.name == "decimal" and not self.limits["signed"]
        return replace(self, limits=complete({**self.limits, "signed": True})) if unsigned else self

    def reason(self, wrong: str) -> str:
        """Return the reason of a reject for what is wrong."""
        return self.reasons.get(wrong, f"{self.name}_{wrong}")


def read_types(folder: Traversable, family: tuple[str, ...]) -> dict[str, ColumnType]:
    """Return the types as a dialect means them. Raises StatementError for what is not understood."""
    files = sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else []
    return {file.name[:-5]: _read_type(file, family) for file in files if file.name.endswith(".toml")}


def _read_type(file: Traversable, family: tuple[str, ...]) -> ColumnType:
    def of_dialect(texts: Any) -> str:
        if isinstance(texts, str):
            return texts.strip()
        found = next((texts[dialect] for dialect in family if dialect in texts), None)
        if not isinstance(found, str):
            raise StatementError(f"{file}:1: says nothing for {family[0]}: {texts}")
        return " ".join(found.split())

    text = read_text(file)
    try:
        told = parse(str(file), text)
        limits = {
            name: Limit(limit["is"], limit["says"], limit.get("default"), limit.get("least"), limit.get("most"))
            for name, limit in told["limits"].items()
        }
        wrong = tuple(
            Part(of_dialect(rule["when"]), rule.get("if"), rule.get("unless"), rule["reason"], rule.get("kept", False))
            for rule in told.get("wrong", ())
        )
        fast = told.get("fast", ())
        return ColumnType(
            name=file.name[:-5],
            says=" ".join(line[2:] for line in text.split("\n\n")[0].splitlines()),
            limits=limits,
            storage=Part(of_dialect(told["storage"])),
            wrong=wrong,
            value=Part(of_dialect(told["value"])),
            stored=Part(of_dialect(told.get("stored", "{value}"))),
            fast=tuple(Part(part["pattern"], part.get("if"), part.get("unless")) for part in fast if "pattern" in part),
            fast_value=Part(of_dialect(told["fast_value" if {*told.get("fast_value", ())} & {*family} else "value"])),
            lists_codes=any(part.get("codes") for part in fast),
            checks=tuple(Part(of_dialect(part["that"]), part.get("if"), part.get("unless")) for part in told.get("check", ())),
            json=told.get("json", ""),
            takes_default=told.get("takes_default", False),
            text=text,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StatementError(f"{file}:1: not understood: {error}") from error


def _literal(value: Any) -> str:
    match value:
        case bool():
            return str(value).upper()
        case date():
            return f"'{value}'"
        case _:
            return str(value)


def complete(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return limits with what follows from them."""
    more: dict[str, Any] = dict(limits)
    if "places" in limits:
        more |= {"precision": limits["digits"] + limits["places"] + 1, "zeros": "0" * limits["places"]}
        more["digits_but_one"] = limits["digits"] - 1
        more |= {
            "signed_places": limits["signed"] and limits["places"],
            "signed_whole": limits["signed"] and not limits["places"],
        }
    if "not_negative" in limits:
        more["may_be_negative"] = not any(limits[flag] for flag in ("not_negative", "positive", "negative_is_zero"))
    return more


def _years(limits: Mapping[str, Any], today: date) -> str:
    """Return a pattern of the years whose days are surely neither too old nor too far ahead; empty if there are none.

    Where a column says nothing of the future, rules may: years to come are left to them.
    """
    earliest = limits["min"] if isinstance(limits.get("min"), date) else date(1900, 1, 1)
    first = earliest.year + (earliest > date(earliest.year, 1, 1))
    ahead = limits.get("max_days_ahead")
    last = today.year if ahead is None else (today + timedelta(1 + ahead)).year - 1
    decades: dict[int, list[int]] = {}
    for year in range(max(first, 1000), min(last, 9999) + 1):
        decades.setdefault(year // 10, []).append(year % 10)
    # the newest first: most files are of these
    parts = [f"{decade}[{units[0]}-{units[-1]}]" for decade, units in sorted(decades.items(), reverse=True)]
    return f"(?:{'|'.join(parts)})" if parts else ""


def _one_of(words: Iterable[str]) -> str:
    """Return a pattern of any of these words, told apart by their first letters."""
    by_first: dict[str, list[str]] = {}
    for word in sorted(word for word in words if word and not re.search(r'[",\s\0]', word)):
        by_first.setdefault(word[0], []).append(re.escape(word[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_first.items())
