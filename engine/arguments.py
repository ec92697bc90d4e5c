"""What a caller gives a function, as it can be used. What cannot be is UsageError: one sentence, by the argument's name."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import wraps
from operator import index
from typing import Any, ParamSpec, TypeVar

from dbsvc.engine.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, which is only called with arguments that are what its annotations say.

    Whole numbers and texts of other libraries become Python's own: what a driver cannot store never gets there.
    """
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.annotation.removesuffix(" | None") in _KINDS, parameter

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            takes = ", ".join(signature.parameters)
            raise UsageError(f"{function.__name__}: {error}; it takes {takes}.") from None
        for name, value in given.arguments.items():
            parameter = signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                given.arguments[name] = tuple(_as_annotated(name, one, parameter.annotation) for one in value)
            else:
                given.arguments[name] = _as_annotated(name, value, parameter.annotation)
        return function(*given.args, **given.kwargs)

    return call


def _as_annotated(name: str, value: Any, annotation: str) -> Any:
    kind = annotation.removesuffix(" | None")
    if value is None and kind != annotation:
        return None
    convert, words = _KINDS[kind]
    try:
        return convert(value)
    except TypeError:
        raise UsageError(f"{name} is {words}, not {_type_of(value)}.") from None
    except ValueError:
        raise UsageError(f"{name} is {words}, without NUL and halves of characters.") from None


def _type_of(value: Any) -> str:
    """Say what type a value has, and what is in it."""
    within = {type(one).__name__ for one in value} if isinstance(value, (list, tuple, set, Mapping)) else ()
    return type(value).__name__ + (f" of {' and '.join(sorted(within))}" if within else "")


def _is(wanted: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if not wanted(value):
            raise TypeError
        return value

    return convert


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return index(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    _no_nul(value.encode())
    return value


def _path(value: Any) -> str:
    found = os.fsdecode(value)
    _no_nul(os.fsencode(found))
    return found


def _no_nul(encoded: bytes) -> None:
    if b"\0" in encoded:
        raise ValueError


def _texts(value: Any) -> list[str]:
    return [_text(value)] if isinstance(value, str) else list(map(_text, _several(value)))


def _several(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError
    return list(value)


def _numbers(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {_text(name): number for name, number in value.items()}


def _date(value: Any) -> date:
    if isinstance(value, date):
        with suppress(ValueError):  # pandas' NaT is none
            value.toordinal()
            return value
    raise TypeError


def _settings(value: Any) -> Any:
    from dbsvc.engine.settings import Settings

    return _is(lambda given: isinstance(given, Settings))(value)


def _is_database(value: Any) -> bool:
    from dbsvc.engine.db.database import Database

    return isinstance(value, Database)


#: What each annotation lets through, and how it is called.
_KINDS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "bool": (_is(lambda given: isinstance(given, bool)), "True or False"),
    "int": (_whole, "a whole number"),
    "str": (_text, "text"),
    "str | os.PathLike[str]": (_path, "a name or a path"),
    "date": (_date, "a date, such as date(2021, 10, 1)"),
    "date | datetime": (_date, "a date, such as date(2021, 10, 1), or a datetime"),
    "Collection[str]": (_texts, "a text or a list of texts"),
    "Collection[int]": (lambda given: list(map(_whole, _several(given))), "a list of whole numbers"),
    "Mapping[str, float]": (_numbers, "a dict of numbers by the names of settings"),
    "Database": (_is(_is_database), "an open Database"),
    "str | Database": (
        lambda given: given if _is_database(given) else _text(given),
        "a URL, as in DATABASE_URL, or an open Database",
    ),
    "Settings": (_settings, "what read_settings() returns"),
    "Progress": (_is(callable), "a function that takes a phase, and how much of it is done of all"),
    "Callable[[Event], object]": (_is(callable), "a function that takes an Event"),
    "object": (lambda given: given, "anything"),
}


def names(what: str, given: Collection[str] | None) -> list[str] | None:
    """Return names; None stands for all, and is not the same as no name."""
    if given is not None and not given:
        raise UsageError(f"{what} names nothing: name something, or leave it out.")
    return None if given is None else list(given)


def day(given: date | None) -> date | None:
    """Return a day."""
    return given.date() if isinstance(given, datetime) else given


def days(first: date | None, last: date | None, called: tuple[str, str] = ("first", "last")) -> tuple[date, date]:
    """Return the days from the first to the last; what is not named is open."""
    begin, end = day(first) or date.min, day(last) or date.max
    if begin > end:
        raise UsageError(f"{called[0]} is after {called[1]}.")
    return begin, end


def moment(what: str, given: date | None) -> datetime | None:
    """Return a moment in UTC, where it is unless it has a zone; a day stands for its midnight."""
    if given is None:
        return None
    found = given if isinstance(given, datetime) else datetime.combine(given, time.min)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise UsageError(f"{what} is in no year from 1 to 9999 in UTC.") from None


def number(what: str, given: int, least: int, most: int, more: str = "") -> int:
    """Return a number of which there can be too many."""
    if not least <= given <= most:
        raise UsageError(f"{what} is {least} to {most:,}{more}.")
    return given


def limit(given: int, most: int = sys.maxsize) -> int:
    """Return how many rows are wanted, of which 0 means all."""
    return number("limit", given, 0, most, ", and 0 is all") or most
