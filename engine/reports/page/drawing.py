"""Where the shapes of a chart are: numbers become places in a box of SVG, which the page stretches to its width.

Shapes alone are stretched. What is written stands beside them in HTML, so that it can be read on a telephone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import reduce
from typing import Any

HEIGHT = 100
_LEVELS = 5
#: what does not fit raises, and is never rounded
_EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation])
_MOST_DIGITS = 300  # before the point, and behind it: sums of such numbers fit, and so do their places in a box
_ROWS = 20  # of a heat map


@dataclass(frozen=True)
class Sum:
    """What values come to: the sum of those that are known, and how many are not; and what is said to be missing."""

    known: Decimal | None = None
    unknown: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)


def add_up(rows: Iterable[Mapping[str, Any]], missing: Sequence[str]) -> Sum:
    """Add up the ``value`` of rows, exactly."""
    known: Decimal | None = None
    unknown = 0
    counts = dict.fromkeys(missing, 0)
    for row in rows:
        value = exact(row.get("value"))
        if value is None:
            unknown += 1
        else:
            known = value if known is None else _EXACT.add(known, value)
        for name in missing:
            counts[name] += int(row.get(name) or 0)
    return Sum(known, unknown, counts)


def exact(value: Any) -> Decimal | None:
    """Return a number as a database returns it; None if it is none, or no amount of anything."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    if not found.is_finite() or found.adjusted() > _MOST_DIGITS:
        return None
    exponent = found.as_tuple().exponent
    return found if isinstance(exponent, int) and exponent >= -_MOST_DIGITS else None


def group(rows: Iterable[Mapping[str, Any]], by: Sequence[str], missing: Sequence[str]) -> dict[tuple[Any, ...], Sum]:
    """Add up the rows of each value of some columns, in the order in which they come."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row.get(column) for column in by), []).append(row)
    return {key: add_up(of_key, missing) for key, of_key in found.items()}


def days_between(first: date, last: date) -> list[date]:
    """Return all days from one to another."""
    return [first + timedelta(number) for number in range((last - first).days + 1)]


def as_day(value: Any) -> date | None:
    """Return the day that a database returns as a text or a date; None if it is none."""
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        return None


@dataclass(frozen=True)
class Shape:
    """A rectangle, what it looks like, and what is said when somebody points at it."""

    x: float
    y: float
    height: float
    look: str
    says: str = ""


@dataclass(frozen=True)
class Columns:
    """Columns over days: one unit wide each."""

    days: Sequence[date]
    shapes: Sequence[Shape]
    #: where zero is
    zero: float
    top: Decimal
    bottom: Decimal
    #: for each thing that is missing, the places of the days that miss it
    lanes: Mapping[str, Sequence[int]]


def columns(
    days: Sequence[date],
    stacks: Mapping[date, Sequence[tuple[str, Decimal]]],
    lanes: Mapping[str, Sequence[int]],
    say: Callable[[date], str],
) -> Columns:
    """Return a column a day, of parts that each have a look; those below zero hang down."""
    highs = [sum((part for _, part in stack if part > 0), Decimal(0)) for stack in stacks.values()]
    lows = [sum((part for _, part in stack if part < 0), Decimal(0)) for stack in stacks.values()]
    top, bottom = max([Decimal(0), *highs]), min([Decimal(0), *lows])
    scale = float(top - bottom) or 1.0
    zero = float(top) / scale * HEIGHT
    shapes = []
    for number, day in enumerate(days):
        up = down = zero
        for look, part in stacks.get(day, ()):
            height = abs(float(part)) / scale * HEIGHT
            if part > 0:
                up -= height
            shapes.append(Shape(number, up if part > 0 else down, max(height, 0.6 if part else 0), look, say(day)))
            if part < 0:
                down += height
    return Columns(days, shapes, zero, top, bottom, lanes)


@dataclass(frozen=True)
class Heat:
    """A map of rows and days. A path a level: the places of all its cells."""

    labels: Sequence[Any]
    days: Sequence[date]
    #: how strong a cell is, from 1 to 5, or ``unknown`` → the path of these cells
    paths: Mapping[str, str]
    cells: Mapping[tuple[Any, date], Sum]
    #: where each level begins
    steps: Sequence[Decimal]
    left_out: int

    def has(self, day: date) -> bool:
        """Whether anything is there on a day."""
        return any((label, day) in self.cells for label in self.labels)


def heat(cells: Mapping[tuple[Any, date], Sum], days: Sequence[date], top: Decimal | None = None) -> Heat:
    """Return a map of the rows that come to most."""
    totals: dict[Any, Decimal] = {}
    for (label, _), each in cells.items():
        totals[label] = totals.get(label, Decimal(0)) + abs(each.known or Decimal(0))
    ranked = sorted(totals, key=lambda label: (-totals[label], str(label)))
    labels = sorted(ranked[:_ROWS], key=str)
    known = [abs(each.known) for each in cells.values() if each.known is not None]
    most = top or max(known, default=Decimal(0)) or Decimal(1)
    places = {day: number for number, day in enumerate(days)}
    paths: dict[str, str] = {}
    for row, label in enumerate(labels):
        for day, place in places.items():
            if cell := cells.get((label, day)):
                level = "unknown" if cell.known is None else str(_level(abs(cell.known), most))
                paths[level] = f"{paths.get(level, '')}M{place} {row}h1v1h-1z"
    steps = [most * number / _LEVELS for number in range(_LEVELS)]
    return Heat(labels, days, paths, cells, steps, len(ranked) - len(labels))


def _level(value: Decimal, most: Decimal) -> int:
    """Return 0 for nothing, else a fifth of the most."""
    return 0 if not value else min(_LEVELS, int(value * _LEVELS / most) + 1) if value < most else _LEVELS


@dataclass(frozen=True)
class Bar:
    """A row of a table with a bar: from where to where, in hundredths of its width."""

    label: Any
    sum: Sum
    start: float
    width: float
    #: it stands for that many others
    others: int = 0


def bars(sums: Mapping[Any, Sum], most: int, together: Sum, others: int = 0) -> list[Bar]:
    """Return the rows that come to most, the largest first, then all others together, then what has no name.

    ``together`` is what a number of ``others`` comes to already.
    """
    named = [label for label in sums if label is not None]
    ranked = sorted(named, key=lambda label: (sums[label].known is None, -(sums[label].known or 0), str(label)))
    shown = [(label, sums[label], 0) for label in ranked[:most]]
    rest = [sums[label] for label in ranked[most:]]
    if others or rest:
        shown.append((None, _join([together, *rest]), others + len(rest)))
    if None in sums:
        shown.append((None, sums[None], 0))
    values = [each.known for _, each, number in shown if each.known is not None and not number]
    top, bottom = max([Decimal(0), *values]), min([Decimal(0), *values])
    scale = float(top - bottom) or 1.0
    zero = -float(bottom) / scale * 100
    found = []
    for label, each, number in shown:
        width = 0 if number else abs(float(each.known or 0)) / scale * 100  # many together would make all others small
        found.append(Bar(label, each, zero - width if (each.known or 0) < 0 else zero, width, number))
    return found


def _join(sums: Sequence[Sum]) -> Sum:
    """Return what sums come to together."""
    known = [each.known for each in sums if each.known is not None]
    missing: Counter[str] = Counter()
    for each in sums:
        missing.update(each.missing)
    return Sum(reduce(_EXACT.add, known) if known else None, sum(each.unknown for each in sums), missing)
