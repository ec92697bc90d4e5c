"""Lines of small columns for a person on a terminal: how numbers went, day by day."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import ceil

from dbsvc.cli import output, streams

_COLUMNS = "▁▂▃▄▅▆▇█"
_SIMPLE = "_.:-=+*#"  # for a terminal that has no such characters
_TERMS = ("dumb", "linux", "vt100", "vt220", "ansi")
_WIDTH = 56  # characters at most


def wanted() -> bool:
    """Whether somebody looks at a terminal, and did not ask for results of another form."""
    return output.stdout_is_terminal() and not output.results_are_json() and not output.options.quiet


def spark(values: Sequence[Decimal | int | None]) -> str:
    """Return a column a value, or a value's part of a column if they are many; ``?`` where it is unknown.

    Nothing is a blank. What is below zero stands as low as zero does.
    """
    size = -(-len(values) // _WIDTH) or 1
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    sums = [None if None in part else sum(value or 0 for value in part) for part in parts]
    most = max((each for each in sums if each is not None), default=0)
    columns = _COLUMNS if streams.shape("█") == "█" and os.environ.get("TERM") not in _TERMS else _SIMPLE
    return "".join(_column(each, most, columns) for each in sums)


def _column(value: Decimal | int | None, most: Decimal | int, columns: str) -> str:
    if value is None:
        return "?"
    if value == 0 or most <= 0:
        return " " if value == 0 else columns[0]
    return columns[max(0, ceil(value * len(columns) / most) - 1)]


def show_by_day(title: str, by_day: Mapping[date, Decimal | int | None]) -> None:
    """Show how one number went; not worth a line where there are fewer than three days."""
    if not wanted() or len(by_day) < 3:
        return
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    output.headline(f"{title}, {first} to {last}: {spark([by_day.get(day, 0) for day in days])}")


def show_activity(activity: Mapping[str, Sequence[int]]) -> None:
    """Show how many records each dataset brought on the last days, up to today."""
    if not wanted() or not any(sum(1 for number in numbers if number) > 1 for numbers in activity.values()):
        return
    width = max(map(len, activity))
    output.headline(f"records a day, the last {len(next(iter(activity.values())))} days")
    for dataset, numbers in activity.items():
        output.headline(f"  {dataset:<{width}}  {spark(numbers)}  {sum(numbers):,}")
