"""From a report to its page: what is drawn and said, in the order in which somebody in a hurry asks for it."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsvc.engine.loads.model import BUCKETS
from dbsvc.engine.reports.page import drawing, words
from dbsvc.engine.reports.report import Report, Section
from dbsvc.engine.statements.rules import CHARTS

if TYPE_CHECKING:
    from jinja2 import Template

    from dbsvc.engine.loads.model import Load

#: how the file begins, by which one of ours is known
MARK = b'<!doctype html>\n<html lang="en" data-made-by="dbsvc report">'
_BARS = 12
_NAMED = 8  # datasets of a sentence
_ALL = tuple(CHARTS)
_FINDINGS = 60  # are shown with their rows; what a finding holds is bounded, so the page is
_MOST_BYTES = 300_000
#: What is shown, as long as it is too much: the rows of how many findings, which kinds of charts, how many of each list.
_LEVELS = (
    *((findings, _ALL, sys.maxsize) for findings in (_FINDINGS, 20, 5, 0)),
    (0, ("columns", "bars"), sys.maxsize),
    *((0, (), listed) for listed in (sys.maxsize, 200, 40)),
)
_ADDRESSES = ("https://", "http://")
_SPACE = re.compile(r"\n\s*")


def render(report: Report, clean: words.Clean = str) -> str:
    """Return the page. ``clean`` takes secrets out of a text.

    It stays below 300 KB: of a report with more to say, the rows of the less urgent findings are left out, then tables and
    heat maps, then all that datasets draw, then all but the first of each list: those where something is wrong come first.
    The page says so.
    """
    runbook = report.runbook_url if report.runbook_url.startswith(_ADDRESSES) else ""
    for most, kinds, listed in _LEVELS:
        page = _template().render(view=View(report, clean, most, kinds, listed), runbook=runbook)
        if len(page.encode()) < _MOST_BYTES:
            break
    return page


def is_page(path: Path) -> bool:
    """Whether a file may be replaced by a page: it is new, empty, no regular file, or a page already."""
    try:
        if not path.is_file():
            return True
        with path.open("rb") as file:
            return file.read(len(MARK)) in (b"", MARK)
    except OSError:  # which is said when it is written
        return True


@cache
def _template() -> Template:
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = files("dbsvc").joinpath("engine", "reports", "page")
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith((".html", ".css"))}
    style = _SPACE.sub("\n", texts.pop("page.css")).strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=DictLoader(texts), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"style": style, "style_digest": digest, "mark": MARK.decode()}
    environment.filters |= {
        "number": words.number,
        "short": words.short,
        "time": words.time,
        "day": words.day,
        "span": words.span,
        "hours": words.hours,
    }
    environment.globals["count"] = words.count
    return environment.get_template("page.html")


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be: what it is, how much of it, since when, and where more stands."""

    state: str
    what: str
    found: str
    #: the place on the page that says more; empty if there was no room for it
    anchor: str


class View:
    """What the template shows of a report."""

    def __init__(
        self, report: Report, clean: words.Clean, most_findings: int, kinds: Sequence[str], listed: int = sys.maxsize
    ) -> None:
        self.report = report
        #: the kinds of charts that there is room for
        self.kinds = kinds
        self.has_tables = tuple(kinds) == _ALL
        self.text = partial(words.text, clean=clean)
        self.plain = partial(words.plain, clean=clean)
        self.problems = report.problems
        #: how many of each list there is room for
        self.listed = listed
        self.fine = [result for result in report.results if result.state == "ok"]
        self.with_rows = {result.check.name for result in self.problems[:most_findings]}
        self.drawn = [_Drawn(section, self) for section in report.sections if section.rows or section.error]
        self.sections, self.datasets = self.drawn, report.datasets
        if max(len(self.drawn), len(report.datasets)) > listed:
            self.sections = sorted(self.drawn, key=lambda drawn: not (drawn.section.error or any(drawn.total.missing.values())))
            self.datasets = sorted(report.datasets, key=lambda one: not (one.is_stale or one.held or one.unfinished))
        self.sections, self.datasets = self.sections[:listed], self.datasets[:listed]
        self._places = {drawn.anchor for drawn in self.sections}
        self.days = drawing.days_between(report.made_at.date() - timedelta(report.days - 1), report.made_at.date())
        self.buckets = BUCKETS

    @property
    def left_out(self) -> str:
        """Say what there is no room for in lists; empty if there is."""
        counted = {
            "datasets": self.report.datasets,
            "parts": self.drawn,
            "checks with findings": self.problems,
            "checks without": self.fine,
            "reasons why something could not be read": self.report.unreadable,
        }
        longer = [f"{words.number(len(those))} {what}" for what, those in counted.items() if len(those) > self.listed]
        if not longer:
            return ""
        return f"Of {' and '.join(longer)} the first {self.listed} are shown, and first those where something is wrong."

    @property
    def verdict(self) -> str:
        """One sentence: is anything wrong, and since when."""
        report = self.report
        if not report.anything:
            return "Nothing was ever loaded into this database. Is it the right DATABASE_URL?"
        if not self.problems:
            fine = f"All {len(report.results)} checks are fine."
            return fine if report.is_complete else f"{fine} But not all could be read."
        return f"{len(self.problems)} of {words.count(len(report.results), 'check')} found something."

    @property
    def since(self) -> Any:
        """When the oldest of what is wrong was seen first; None if it never was before."""
        seen = [result.since for result in self.problems if result.since and result.since < self.report.made_at]
        return min(seen, default=None)

    def age(self, moment: Any) -> str:
        """Return how long ago something was."""
        return words.span(self.report.made_at - moment) if moment else ""

    @property
    def missing(self) -> list[Problem]:
        """What is missing, as far as we know of it."""
        found = []
        for drawn in self.drawn:
            if drawn.section.glance:
                found += [
                    Problem("warning", f"{drawn.section.dataset}: {each.what}", words.number(number), self._place(drawn))
                    for each in drawn.section.missing
                    if (number := drawn.total.missing.get(each.column, 0)) and not each.in_rejects
                ]
        rejects = self.report.rejects
        if rejects.total:
            several = [f"{words.number(number)} of {name}" for name, number in rejects.by_dataset.items()]
            of = ", ".join(several[:_NAMED]) + (", \u2026" if len(several) > _NAMED else "")
            found.append(Problem("warning", f"records in quarantine ({of})", words.number(rejects.total), "rejects"))
        for dataset in self.report.datasets:
            if dataset.held:
                found.append(
                    Problem(
                        "warning",
                        f"{dataset.name}: held until somebody decides",
                        words.count(dataset.held, "load"),
                        "freshness",
                    )
                )
            if dataset.unfinished:
                found.append(
                    Problem(
                        "unknown", f"{dataset.name}: not published yet", words.count(dataset.unfinished, "load"), "freshness"
                    )
                )
            if dataset.is_stale:
                usual = words.hours(dataset.usual_hours or 0)
                found.append(
                    Problem(
                        "warning", f"{dataset.name}: nothing new (usually every {usual})", self.age(dataset.newest), "freshness"
                    )
                )
        for what in self.report.unreadable:
            found.append(Problem("unknown", f"{what}: could not be read", "", "unreadable"))
        for drawn in self.drawn:
            if drawn.section.error:
                found.append(Problem("unknown", f"{drawn.section.title}: could not be read", "", self._place(drawn)))
        return found

    def _place(self, drawn: _Drawn) -> str:
        return drawn.anchor if drawn.anchor in self._places else ""

    def history(self, check: str) -> Mapping[str, Any] | None:
        """Return how a check ended on the days of the report, to be drawn."""
        days = {day.day: day for day in self.report.history.get(check, ())}
        if not days:
            return None
        runs, not_ok = sum(day.runs for day in days.values()), sum(day.not_ok for day in days.values())
        cells = [(number, days[day].worst) for number, day in enumerate(self.days) if day in days]
        says = f"not ok in {words.number(not_ok)} of {words.count(runs, 'run')} in {words.count(self.report.days, 'day')}"
        return {"cells": cells, "days": len(self.days), "says": says}

    # --- loads

    @property
    def loads_by_day(self) -> drawing.Columns:
        """Records of published loads by the day they came, a part a bucket."""
        stacks: dict[date, list[tuple[str, Decimal]]] = {}
        says: dict[date, str] = {}
        for day, row in self.load_rows.items():
            stacks[day] = [(bucket, Decimal(row[bucket])) for bucket in BUCKETS if row[bucket]]
            parts = ", ".join(f"{words.number(row[bucket])} {bucket}" for bucket in BUCKETS if row[bucket])
            says[day] = f"{day}: {words.number(row['read'])} read: {parts}"
        return drawing.columns(self.days, stacks, {}, lambda day: says.get(day, ""))

    @property
    def speed_by_day(self) -> drawing.Columns:
        """Records a second, of loads that took a second or more."""
        rates = {day: Decimal(row["timed_records"]) / row["seconds"] for day, row in self.load_rows.items() if row["seconds"]}
        stacks = {day: [("value", rate)] for day, rate in rates.items()}
        return drawing.columns(
            self.days,
            stacks,
            {},
            lambda day: (
                f"{day}: {words.number(rates[day], 0)} records a second, {words.number(self.load_rows[day]['seconds'])} s"
            ),
        )

    @property
    def load_rows(self) -> dict[date, dict[str, int]]:
        """What was loaded on each day, all datasets together."""
        found: dict[date, dict[str, int]] = {}
        names = ("loads", "read", *BUCKETS, "timed_records", "seconds")
        for row in self.report.load_days:
            if day := drawing.as_day(row["day"]):
                total = found.setdefault(day, dict.fromkeys(names, 0))
                for name in names:
                    total[name] += int(row[name] or 0)
        return dict(sorted(found.items()))

    @property
    def loads_by_dataset(self) -> drawing.Heat:
        """Records read, by dataset and day."""
        rows = [
            {"dataset": row["dataset"], "day": drawing.as_day(row["day"]), "value": row["read"]}
            for row in self.report.load_days
        ]
        return drawing.heat(drawing.group(rows, ["dataset", "day"], []), self.days)

    def rate(self, load: Load) -> str:
        """Return how many records a second a load took."""
        seconds = load.duration.total_seconds() if load.duration else 0
        return words.number(Decimal(load.read) / Decimal(seconds), 0) if seconds >= 1 and not load.released else ""

    def shares(self, load: Load) -> list[tuple[str, float, float]]:
        """Return where a load's records ended, as parts of a bar."""
        found, start = [], 0.0
        for bucket, records in load.buckets.items():
            if records and load.read:
                width = records / load.read * 100
                found.append((bucket, start, width))
                start += width
        return found

    # --- rejects

    def ranked(self, rows: Sequence[Mapping[str, Any]], *labels: str) -> list[drawing.Bar]:
        """Return counted rows as bars, in the order that they have."""
        most = max((row["records"] for row in rows), default=1) or 1
        return [
            drawing.Bar(
                tuple(row.get(label) for label in labels),
                drawing.Sum(Decimal(row["records"])),
                0,
                row["records"] / most * 100,
                row.get("others", 0),
            )
            for row in rows
        ]


class _Drawn:
    """What a dataset shows: its charts, and the table behind them."""

    def __init__(self, section: Section, view: View) -> None:
        self.section = section
        self.view = view
        self.anchor = f"{section.dataset}-{section.name}"
        self.columns = [each.column for each in section.missing]
        self.rows = [{**row, "day": drawing.as_day(row["day"])} if "day" in row else row for row in section.rows]
        self.total = drawing.add_up(self.rows, self.columns)
        self.days = drawing.days_between(section.first, section.last)
        self.places = 2 if any(isinstance(row.get("value"), str | Decimal | float) for row in self.rows) else 0
        self.charts = [self._draw(kind, by) for kind, by in section.charts if kind in view.kinds] if self.rows else []

    @property
    def spark(self) -> drawing.Columns | None:
        """Return its days as columns, to be shown at a glance."""
        return next((chart["drawn"] for chart in self.charts if chart["kind"] == "columns"), None)

    def lacking(self, total: drawing.Sum) -> str:
        """Say what is not in a sum."""
        found = [
            words.number(number) + " " + each.what
            for each in self.section.missing
            if (number := total.missing.get(each.column))
        ]
        return ", ".join(found)

    def amount(self, total: drawing.Sum) -> str:
        """Return a sum in its unit's usual places; a word where it is unknown."""
        if total.known is None:
            return "unknown" if total.unknown else "0"
        return words.number(total.known, self.places)

    def _draw(self, kind: str, by: tuple[str, ...]) -> dict[str, Any]:
        sums = drawing.group(self.rows, by, self.columns)
        chart: dict[str, Any] = {"kind": kind, "by": by, "title": f"{self.section.title} by {' and '.join(by)}"}
        if kind == "columns":
            by_day = {key[0]: total for key, total in sums.items()}
            chart |= {"drawn": self._columns(by_day), "sums": by_day, "undated": by_day.get(None)}
        elif kind == "bars":
            # a row without a name may stand for others
            together = [row for row in self.rows if row.get(by[0]) is None and row.get("others")]
            single = drawing.group(
                [row for row in self.rows if row.get(by[0]) is not None or not row.get("others")], by, self.columns
            )
            others = max((int(row["others"]) for row in together), default=0)
            chart["drawn"] = drawing.bars(
                {key[0]: total for key, total in single.items()}, _BARS, drawing.add_up(together, self.columns), others
            )
        else:
            cells = {(label, day): total for (label, day), total in sums.items()}
            chart["drawn"] = drawing.heat(cells, self.days, Decimal(100) if kind == "gaps" else None)
        return chart

    def _columns(self, sums: Mapping[Any, drawing.Sum]) -> drawing.Columns:
        stacks = {day: [("value", total.known)] for day, total in sums.items() if day and total.known is not None}
        lanes = {
            each.what: [number for number, day in enumerate(self.days) if day in sums and sums[day].missing.get(each.column)]
            for each in self.section.missing
        }

        def say(day: date) -> str:
            total = sums[day]
            lacking = self.lacking(total)
            return f"{day}: {self.amount(total)} {self.section.unit}" + (f"; without {lacking}" if lacking else "")

        return drawing.columns(self.days, stacks, {what: places for what, places in lanes.items() if places}, say)
