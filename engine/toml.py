"""Texts that people write, TOML above all, and where a key stands in it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from dbsvc.engine.errors import DbsvcError, StatementError
from dbsvc.engine.words import or_nearest

_HEADING = re.compile(r"""\s*\[\s*["']?([\w-]+)["']?(?:\.["']?([\w-]+)["']?)?\s*\]""")
_ASSIGNED = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""")


class Kind(NamedTuple):
    """What a key may hold."""

    says: str
    fits: Callable[[Any], bool]


FLAG = Kind("true or false", lambda value: isinstance(value, bool))


def check_keys(
    told: Mapping[str, Any], kinds: Mapping[str, Kind], whose: str, refuse: Callable[..., DbsvcError], *table: str
) -> None:
    """Raise what ``refuse`` makes of a problem and its keys, if a table has a key that is none, or holds what it may not.

    ``whose`` begins the sentence on a key that is none: ``there is``, or ``match has``.
    """
    for key, value in told.items():
        if key not in kinds:
            raise refuse(f"{whose} no key {or_nearest(key, kinds)}", *table, key)
        if not kinds[key].fits(value):
            raise refuse(f"{key} must be {kinds[key].says}", *table, key)


def to_toml(value: Any) -> str:
    """Return a text, a list of texts or a flag as TOML, which takes no character that cannot be seen."""
    if isinstance(value, list):
        return f"[{', '.join(map(to_toml, value))}]"
    return "".join(map(_escaped, json.dumps(value, ensure_ascii=False)))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def read_text(file: Traversable) -> str:
    """Return what a file says. Raises StatementError, with the line where it is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StatementError(f"{file}:{line}: not UTF-8 text") from error
    except OSError as error:
        raise StatementError(f"{file}:1: cannot be read: {error.strerror}") from error


def parse(origin: str, text: str) -> dict[str, Any]:
    """Return what a TOML text says. Raises StatementError with the line of its fault."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = int(line[1]) if line else len(text.splitlines())
        raise StatementError(f"{origin}:{number}: not TOML: {error}") from error


def line_of(text: str, *keys: str) -> int:
    """Return the line of a key, however deep in tables; else that of the table it is in, else the first."""
    table: tuple[str, ...] = ()
    found, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        if heading := _HEADING.match(line):
            here = table = tuple(part for part in heading.groups() if part)
        elif key := _ASSIGNED.match(line):
            here = (*table, key[1])
        else:
            continue
        shared = min(len(here), len(keys))
        if keys[:shared] == here[:shared] and shared > depth:
            found, depth = number, shared
    return found
