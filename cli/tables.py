"""Tables for people. No column, letter or digit is ever lost: what does not fit stands below its row, as ``field: value``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from dbsvc.cli import streams
from dbsvc.cli.output import one_line, plain

_GAP = 2  # columns of the terminal
_INDENT = 4
_PROSE = 20  # a text of several words is not folded to less
_ROOM = 12  # a value is not folded to less beside its name
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NAMES = re.compile(r"(_|^)(id|no|line|delivery)$")  # numbers that are typed, so they are shown as they are
_STATES = ("state", "status", "outcome")
#: What a state looks like, by its first word.
_COLOURS = {
    **dict.fromkeys(("ok", "published", "applied", "stored", "current", "replaced"), "green"),
    **dict.fromkeys(("held", "warning", "pending", "staging", "staged", "open", "provisional", "disputed", "not"), "yellow"),
    **dict.fromkeys(("critical", "wrong", "failed", "missing", "refused", "unavailable", "error"), "bold red"),
    **dict.fromkeys(("unknown",), "magenta"),
    **dict.fromkeys(("already", "discarded", "reverted", "dismissed", "skipped", "unchanged", "known"), "dim"),
}


def lay_out(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], right: Collection[str], width: int) -> Text:
    """Return rows as a table of that width; in it, or below each row, is everything. Those of ``right`` are amounts."""
    shown = [_Column(name, [row.get(name) for row in rows], name in right) for name in columns]
    widths = _fit(shown, width)
    if widths is None:  # what only adorns goes first
        shown = [column for column in shown if column.name]
        widths = _fit(shown, width)
    beside = len(shown) if widths else _count_beside(shown, width)
    above, below = shown[:beside], shown[beside:]
    widths = widths or _fit(above, width, unfolded=True) or []
    lines = []
    if above:
        lines = _side_by_side([(column.title, "") for column in above], above, widths)
        lines.append(Text(streams.shape("─") * (sum(widths) + _GAP * (len(widths) - 1)), "dim"))
    for number in range(len(rows)):
        cells = [(column.cells[number], column.colour(number)) for column in above]
        lines += _side_by_side(cells, above, widths) if above else [Text("")] * (number > 0)
        pairs = [(column.title, column.cells[number].lstrip(), column.colour(number)) for column in below]
        lines += _fields(pairs, width, _INDENT if above else 0)
    return Text("\n").join(lines)


def one_by_one(fields: Mapping[str, Any], right: Collection[str], width: int) -> Text:
    """Return one row as lines of ``field: value``. Those of ``right`` are amounts."""
    columns = [_Column(name, [value], name in right) for name, value in fields.items()]
    return Text("\n").join(_fields([(column.title, column.cells[0], column.colour(0)) for column in columns], width, 0))


def in_colour(line: str, state: str) -> Text:
    """Return a line whose first word looks like a state."""
    first, _, _ = line.partition(" ")
    return Text.assemble((first, _COLOURS.get(state, "")), line[len(first) :])


def sentence(text: str, width: int) -> Text:
    """Return a sentence, folded between words (not at all with a width of 0); what is to be typed is in one piece."""
    if not width:
        return Text(text)
    whole = re.sub(r"`[^`]+`", lambda found: found[0].replace(" ", "\ue000") if cell_len(found[0]) <= width else found[0], text)
    return Text("\n".join(_fold(whole, width)).replace("\ue000", " "))


class _Column:
    """A column: its values as they are shown, and how wide they are."""

    def __init__(self, name: str, values: list[Any], amount: bool) -> None:
        self.name = name
        self.title = one_line(name.replace("_", " "))
        numbers = [_number(value, amount) for value in values]
        known = [number for number in numbers if number is not None]
        others = [value for value, number in zip(values, numbers, strict=True) if number is None and value is not None]
        self.is_number = bool(known) and (amount or not others)
        if self.is_number:
            most = max(map(_places, known))
            places = max(most, 2) if amount else 0  # amounts stand point below point
            comma = "" if _NAMES.search(name) else ","
            self.cells = [
                _shown(value) if number is None else f"{number:{comma}.{places or _places(number)}f}"
                for value, number in zip(values, numbers, strict=True)
            ]
        else:
            self.cells = [_shown(value) for value in values]
        self.right = self.is_number or amount or any(isinstance(value, timedelta) for value in values)
        heading = max((cell_len(word) for word in self.title.split()), default=0)
        content = max(map(cell_len, self.cells), default=0)
        prose = not self.right and any(" " in cell for cell in self.cells) and not all(map(_is_time, values))
        words = max((cell_len(word) for cell in self.cells for word in cell.split()), default=0)
        #: with its title in one line; with its values in one line; folded as far as that can be read
        self.wide = max(cell_len(self.title), content)
        self.solid = max(heading, content)
        self.narrow = max(heading, words, min(content, _PROSE)) if prose else self.solid

    def colour(self, row: int) -> str:
        """Return the style of a value."""
        return _COLOURS.get(self.cells[row].partition(" ")[0].rstrip(":;,"), "") if self.name in _STATES else ""


def _number(value: Any, amount: bool) -> Decimal | None:
    """Return a number as one, whichever way a database returns it."""
    if isinstance(value, str) and amount and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def _places(number: Decimal) -> int:
    return len(f"{number:f}".partition(".")[2].rstrip("0"))


def _is_time(value: Any) -> bool:
    return value is None or isinstance(value, datetime)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return one_line(plain(value))


def duration(seconds: float) -> str:
    """Return how long something took, in whole seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s" if rest else "< 1 s"


def _fit(columns: Sequence[_Column], width: int, *, unfolded: bool = False) -> list[int] | None:
    """Return how wide each column is, so that all stand side by side, their values ``unfolded``; None if they cannot."""
    room = width - _GAP * (len(columns) - 1)
    widths = [column.wide for column in columns]
    least = [column.solid if unfolded else column.narrow for column in columns]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda n: (widths[n] > least[n], widths[n]))
        widths[widest] -= 1
    return widths


def _count_beside(columns: Sequence[_Column], width: int) -> int:
    """Return how many columns, from the left, stand side by side unfolded."""
    used = 0
    for number, column in enumerate(columns):
        used += column.solid + _GAP * (number > 0)
        if used > width:
            return number
    return len(columns)


_CONSOLE = Console(width=80)


def _fold(text: str, width: int) -> list[str]:
    if cell_len(text) <= width:  # most do
        return [text.rstrip()]
    return [line.plain.rstrip() for line in Text(text).wrap(_CONSOLE, max(width, 2), overflow="fold")] or [""]


def _side_by_side(cells: Sequence[tuple[str, str]], columns: Sequence[_Column], widths: Sequence[int]) -> list[Text]:
    """Return the lines of a row: its values, each with its style, folded."""
    lines = []
    all_folded = [_fold(value, width) for (value, _), width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, all_folded))):
        line = Text()
        for (_, style), folded, column, width in zip(cells, all_folded, columns, widths, strict=True):
            part = folded[number] if number < len(folded) else ""
            space = " " * (width - cell_len(part))
            line.append(space if column.right else "").append(part, style).append("" if column.right else space)
            line.append(" " * _GAP)
        line.rstrip()
        lines.append(line)
    return lines


def _fields(pairs: Sequence[tuple[str, str, str]], width: int, indent: int) -> list[Text]:
    """Return lines of ``field: value``; where that is too narrow, a value stands below its field."""
    names = max((cell_len(name) for name, _, _ in pairs), default=0)
    beside = indent + names + 2
    room, room_below = width - beside, width - indent - 2
    lines = []
    for name, value, style in pairs:
        label = f"{' ' * indent}{name}:"
        word = max(map(cell_len, value.split()), default=0)
        if room >= min(_ROOM, cell_len(value)) and (word <= room or word > room_below):
            first, *others = _fold(value, room)
            lines.append(Text(label.ljust(beside)).append(first, style))
            lines += [Text(" " * beside).append(other, style) for other in others]
        else:
            lines += [Text(" " * indent + part) for part in _fold(f"{name}:", width - indent)]
            lines += [Text(" " * (indent + 2)).append(part, style) for part in _fold(value, room_below)]
    for line in lines:
        line.rstrip()
    return lines
