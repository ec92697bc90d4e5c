"""One SQL statement: its text, its header, its parameters.

``:name`` is a value, ``:"name"`` an identifier, ``:'name'`` a literal, where no values can be: in what makes tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any

from dbsvc.engine.errors import StatementError

_TOKEN = re.compile(
    r""":'(?P<literal>\w+)' | (?P<skip>'(?:[^']|'')*' | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | ::)
      | :"(?P<identifier>\w+)" | (?P<quoted>"[^"]*") | :(?P<value>[A-Za-z_]\w*)
      | (?P<open>['"] | /\*)""",
    re.VERBOSE | re.DOTALL,
)
_HEADER = re.compile(r"^-- (for each|instead of|\w+): (.+)$")


@dataclass(frozen=True)
class Statement:
    """One SQL statement and where it stands."""

    name: str
    text: str
    origin: str = "<string>"

    def __post_init__(self) -> None:
        for token in _TOKEN.finditer(self.text):
            if token["open"]:
                line = self.text.count("\n", 0, token.start()) + 1
                raise StatementError(f"{self.origin}:{line}: {token['open']} is opened and never closed")

    @cached_property
    def header(self) -> dict[str, str]:
        """The ``-- key: value`` lines of the leading comment."""
        return {match[1]: match[2].strip() for line in self.comment if (match := _HEADER.match(line))}

    @property
    def comment(self) -> list[str]:
        """The lines of the leading comment."""
        return list(takewhile(lambda line: line.startswith("--"), self.text.splitlines()))

    @cached_property
    def parameters(self) -> dict[str, int]:
        """Every parameter, value, identifier or literal, and the line it first stands on."""
        found: dict[str, int] = {}
        for token in _TOKEN.finditer(self.text):
            if name := token["value"] or token["identifier"] or token["literal"]:
                found.setdefault(name, self.text.count("\n", 0, token.start()) + 1)
        return found

    @cached_property
    def values(self) -> frozenset[str]:
        """The parameters that travel as values."""
        return frozenset(token["value"] for token in _TOKEN.finditer(self.text) if token["value"])

    def bind(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Return those of the parameters that travel as values."""
        return {name: parameters[name] for name in self.values}

    def render(
        self,
        placeholder: Callable[[str], str],
        identifiers: Mapping[str, object],
        escape: Callable[[str], str] = str,
    ) -> str:
        """Return the text in a driver's style: values as placeholders, other parameters quoted in place, the rest escaped."""
        parts, position = [], 0
        for token in _TOKEN.finditer(self.text):
            parts.append(escape(self.text[position : token.start()]))
            if token["value"]:
                parts.append(placeholder(token["value"]))
            elif token["literal"]:
                literal = str(identifiers[token["literal"]]).replace("'", "''")
                parts.append(escape(f"'{literal}'"))
            else:
                parts.append(escape(quote(identifiers[token["identifier"]]) if token["identifier"] else token[0]))
            position = token.end()
        return "".join([*parts, escape(self.text[position:])])


def quote(identifier: object) -> str:
    """Quote a name ``"a"``, a path ``"a"."b"`` (tuple), several names (list), assignments ``"a" = "x"."a"`` (dict of paths).

    Columns of types are ``"a" "text"`` (dict of names).
    """
    match identifier:
        case str():
            return '"' + identifier.replace('"', '""') + '"'
        case tuple():
            return ".".join(quote(part) for part in identifier)
        case list():
            return ", ".join(quote(part) for part in identifier)
        case dict():
            return ", ".join(
                f"{quote(left)} {'' if isinstance(right, str) else '= '}{quote(right)}" for left, right in identifier.items()
            )
    raise TypeError(f"not an identifier: {identifier!r}")
