"""Small functions and clauses under one name on every database, so that a statement needs one file.

``sql/functions/*.toml`` says what each is called, and its text on each database: ``add_days(day, days)`` is a function,
``exact_decimal`` a word, ``/*:for_update*/`` a clause, which a linter takes for a comment. The loader writes the text in their
place, so the database gets what was written by hand before, with the same plan, and no function call a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from itertools import pairwise

from dbsvc.engine.errors import StatementError
from dbsvc.engine.toml import parse, read_text

FOLDER = "functions"
_NAME = re.compile(r"(?P<word>\w+)(?:\((?P<parameters>[\w, ]*)\))?|/\*:(?P<clause>\w+)\*/")
_SKIPPED = r"""'(?:[^']|'')*' | --[^\n]* | /\*(?!:).*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | "[^"]*" """
_ARGUMENTS = re.compile(rf"{_SKIPPED} | (?P<mark>[(),])", re.VERBOSE | re.DOTALL)
#: what stands by itself wherever it is put
_SIMPLE = re.compile(r""":?\w+(\.\w+)* | :"\w+" | '[^']*' | \w+\([^()]*\)""", re.VERBOSE)
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class _Function:
    """What is written in place of a name; without parentheses after it if it has no parameters at all."""

    parameters: tuple[str, ...] | None
    text: str

    def write(self, arguments: list[str]) -> str:
        """Return the text with the arguments in it."""
        given = {
            name: argument if _SIMPLE.fullmatch(argument) else f"({argument})"
            for name, argument in zip(self.parameters or (), arguments, strict=True)
        }
        return _PLACE.sub(lambda place: given[place[1]], self.text)


class Functions:
    """The functions of one dialect. ``family`` is the dialect's name, then its parents', nearest first."""

    def __init__(self, family: tuple[str, ...], folder: Traversable) -> None:
        self._family = family
        self._known: dict[str, _Function] = {}
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else ():
            if file.name.endswith(".toml"):
                self._load(file)
        words = "|".join(sorted(name for name in self._known if not name.startswith("/"))) or r"\b\B"
        self._token = re.compile(
            rf"(?P<skip>{_SKIPPED}) | (?P<clause>/\*:.*?\*/) | \b(?<![.:]) (?P<word>{words}) (?!\w) (?P<call>\()?",
            re.VERBOSE | re.DOTALL,
        )

    def expand(self, text: str, origin: str) -> str:
        """Return a statement as its database is to see it, with each line where it was. Raises StatementError."""
        if "/*:" not in text and not any(name in text for name in self._known):
            return text  # as most do, which need not be looked through token by token
        parts, position = [], 0
        while token := self._token.search(text, position):
            parts.append(text[position : token.start()])
            position = token.end()
            if token["skip"]:
                parts.append(token[0])
                continue
            line = text.count("\n", 0, token.start()) + 1
            name = token["clause"] or token["word"]
            function = self._known.get(name)
            if function is None:
                raise StatementError(f"{origin}:{line}: no such fragment {name}, only {', '.join(self._clauses())}")
            if bool(token["call"]) != (function.parameters is not None):
                parts.append(token[0])  # a column of that name
                position = token.end()
                continue
            arguments: list[str] = []
            if token["call"]:
                arguments, position = self._arguments(text, position, f"{origin}:{line}: {name}", origin)
                if len(arguments) != len(function.parameters or ()):
                    wanted = ", ".join(function.parameters or ())
                    raise StatementError(f"{origin}:{line}: {name}({wanted}) is given {len(arguments)} arguments")
            parts += [function.write(arguments), "\n" * text.count("\n", token.start(), position)]
        return "".join([*parts, text[position:]])

    def _arguments(self, text: str, start: int, place: str, origin: str) -> tuple[list[str], int]:
        """Return the arguments of a call, expanded, each on one line, and where the call ends."""
        depth, cuts = 0, [start]
        for token in _ARGUMENTS.finditer(text, start):
            if token[0].startswith("--"):
                raise StatementError(f"{place}: no comment among its arguments")
            if token["mark"] == "," and depth == 0:
                cuts.append(token.end())
            elif token["mark"] == ")" and depth == 0:
                cuts.append(token.end())
                written = [text[here : there - 1].strip() for here, there in pairwise(cuts)]
                return [self.expand(part, origin).replace("\n", " ") for part in written if written != [""]], token.end()
            depth += {"(": 1, ")": -1}.get(token["mark"] or "", 0)
        raise StatementError(f"{place}( is opened and never closed")

    def _load(self, file: Traversable) -> None:
        for heading, texts in parse(str(file), read_text(file)).items():
            name = _NAME.fullmatch(heading)
            text = next((texts[dialect] for dialect in self._family if dialect in texts), None)
            if name is None or not isinstance(text, str):
                raise StatementError(f"{file}:1: {heading} is not named as a function is, or has no text for {self._family[0]}")
            parameters = None if name["parameters"] is None else tuple(re.findall(r"\w+", name["parameters"]))
            if parameters is None and name["word"] and not heading.endswith("_type"):  # it would take the place of any column
                raise StatementError(f"{file}:1: {heading} must end in _type, or have parentheses")
            if unknown := set(_PLACE.findall(text)) - set(parameters or ()):
                raise StatementError(f"{file}:1: {heading} has no parameter {', '.join(sorted(unknown))}")
            self._known[name["word"] or heading] = _Function(parameters, " ".join(text.split()))

    def _clauses(self) -> Iterator[str]:
        return (name for name in self._known if name.startswith("/"))
