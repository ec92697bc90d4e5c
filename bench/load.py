"""How long does a load take, compared with the plain bulk load a person would use instead?

`python bench/load.py` loads the same bills by `dbsvc ingest` and by `psql \\copy` (or `sqlite3 .import`) into a table with the
same key and constraints, in turn: a new file, clean and dirty (1 % bad records, 1 % repeated ones), the same rows in another
file, and 1 % of them changed; by one job and, where a database has use for it, by two. Up to a million rows it also runs what
users would pick instead. Prints a table; `--write` also puts it, and its chart, into the documentation.

The constraints are those that the bills had when the table was not partitioned (migration 0002).
"""

from __future__ import annotations

import re
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chart import draw
from common import Measured, Target, bench, expect, ingest, say
from generate import write_usage
from others import Rows, find_others

from dbsvc import connect, migrate

_ROOT = Path(__file__).parents[1]
_FILE_COLUMNS = ("bill_date", "bill_id", "currency", "customer_name", "product1_revenue", "product2_revenue")
_DECIMALS = {"Product1 revenue": (23, 8), "Product2 revenue": (23, 8)}
_BULK_LOAD = {
    "sqlite": '.import --csv --skip 1 "{file}" {table}',
    "postgresql": r"\copy {table} ({columns}) FROM '{file}' WITH (FORMAT csv, HEADER)",
}
_PLAIN = {"sqlite": "sqlite3 .import", "postgresql": r"psql \copy"}
_JOBS = {"sqlite": (1,), "postgresql": (1, 2)}
_WORKS = ("new file, clean", "same rows in another file", "1 % of the rows changed", "new file, 1 % bad, 1 % repeated")
_PLAIN_GIVES_UP = {
    "sqlite": "a bad record is a line on stderr, the rest is stored, exit code 0; a second run fails row by row",
    "postgresql": "one bad record stops it; a second run fails on the key",
}
#: More rows would take the others hours.
_MOST_FOR_OTHERS = 1_000_000
HEADER = (
    "| database | rows | work | seconds | ratio | core s | ratio | peak MB | gives up |",
    "|---|--:|---|--:|--:|--:|--:|--:|---|",
)


@dataclass
class Line:
    """A line of the table: how something was done, measured, beside the plain bulk load of the same rows."""

    database: str
    rows: int
    work: str
    measured: Measured
    plain: Measured
    gives_up: str

    @property
    def ratio(self) -> float:
        return self.measured.median / self.plain.median

    def __str__(self) -> str:
        busy, plain = (statistics.median(each.busy) for each in (self.measured, self.plain))
        return (
            f"| {self.database} | {self.rows:,} | {self.work} | {self.measured.median:.1f} | {self.ratio:.2f} "
            f"| {busy:.1f} | {busy / plain:.2f} | {self.measured.peak_mb:.0f} | {self.gives_up} |"
        )


@dataclass(frozen=True)
class Subject:
    """What is loaded, and the plain way to do it."""

    table: str
    migration: Path
    #: what is loaded the plain way, and by other tools
    plain: Rows
    #: what dbsvc loads: each series of files into a fresh database
    series: Sequence[Mapping[str, Path]]


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[Line]:
    """Load bills in all ways."""
    clean, *_ = files = _make(folder, rows)
    works = dict(zip(_WORKS, files, strict=True))
    dirty = {_WORKS[3]: works.pop(_WORKS[3])}
    plain = Rows(clean, "bills_plain", _FILE_COLUMNS, ("Date_", "Bill_ID"), _DECIMALS)
    bills = Subject("bills", _ROOT / "migrations" / target.name / "0002_usage.sql", plain, (works, dirty))
    return compare_ways(target, folder, rows, repeat, bills)


def compare_ways(target: Target, folder: Path, rows: int, repeat: int, subject: Subject) -> Iterator[Line]:
    """Load all ways in turn; large files in fewer turns."""
    file, name, columns = subject.plain.file, subject.plain.table, ", ".join(subject.plain.columns)
    copy = target.client(_BULK_LOAD[target.name].format(file=file, table=name, columns=columns))
    table = plain_table(subject.migration, subject.table, subject.plain.columns)
    plain = Measured(target)
    ours = {(work, jobs): Measured(target) for jobs in _JOBS[target.name] for series in subject.series for work in series}
    others: dict[str, tuple[Measured, str]] = {}
    for turn in range(max(1, min(repeat, repeat * 1_000_000 // rows))):
        url = _create(target, table)
        plain.run(copy, url)
        expect(url, name, rows)
        for jobs in _JOBS[target.name]:
            for series in subject.series:
                url = _create(target, table)
                for work, file in series.items():
                    ours[work, jobs].run((*ingest(file), "--jobs", str(jobs)), url)
                    if series is subject.series[0]:
                        expect(url, subject.table, rows)
        if rows <= _MOST_FOR_OTHERS:
            url = _create(target, table)
            for other in find_others(folder, target.name, subject.plain, url):
                if other.state:
                    shutil.rmtree(other.state, ignore_errors=True)
                others.setdefault(other.name, (Measured(target), other.gives_up))[0].run(other.command, url)
                expect(url, other.table, rows)
                url = _create(target, table)
        seconds = ", ".join(f"{work} by {jobs} {measured.seconds[-1]:.1f} s" for (work, jobs), measured in ours.items())
        say(f"{target.name} {rows:,} {turn + 1}: plain {plain.seconds[-1]:.1f} s, {seconds}")
    yield Line(target.name, rows, f"`{_PLAIN[target.name]}`, clean", plain, plain, _PLAIN_GIVES_UP[target.name])
    for (work, jobs), measured in ours.items():
        by = f", {jobs} job{'s' * (jobs > 1)}" if len(_JOBS[target.name]) > 1 else ""
        yield Line(target.name, rows, f"**dbsvc**: {work}{by}", measured, plain, "nothing")
    for name, (measured, gives_up) in others.items():
        yield Line(target.name, rows, f"{name}, clean", measured, plain, gives_up)


def _make(folder: Path, rows: int) -> tuple[Path, Path, Path, Path]:
    clean, same, changed, dirty = (folder / f"usage-{rows}-{kind}.csv" for kind in ("clean", "same", "changed", "dirty"))
    if not clean.exists():
        say(f"Making files of {rows:,} bills")
        write_usage(clean, rows)
        write_usage(changed, rows, changed=1)
        write_usage(dirty, rows, bad=1, duplicates=1)
        with clean.open("rb") as source, same.open("wb") as copy:
            copy.write(source.readline().upper())  # other bytes, the same rows
            shutil.copyfileobj(source, copy, 2**20)
    return clean, same, changed, dirty


def _create(target: Target, table: str) -> str:
    url = target.create()
    with connect(url) as db:
        migrate(db)
        with db.transaction() as tx:
            tx.execute(table)
    return url


def plain_table(migration: Path, name: str, columns: Sequence[str]) -> str:
    """Return the DDL of a table of these columns, keyed and constrained as the one that a migration makes."""
    text = re.sub(r" *--.*\n", "", migration.read_text())
    table = re.search(rf"CREATE TABLE IF NOT EXISTS {name}(?:_stored)? \(\s*(.*?)\n\)(.*?);", text, re.DOTALL)
    assert table
    definitions = {text.split()[0]: text for text in re.split(r",\s*\n\s*", table[1])}
    wanted = ",\n".join(definitions[name] for name in (*columns, "PRIMARY"))
    return f"CREATE TABLE {name}_plain ({wanted}){table[2]}"


def publish(title: str, lines: list[Line]) -> None:
    """Put the table and its chart where the documentation shows them."""
    write_table("bench", title, lines)
    most = max(line.rows for line in lines)
    bars = [(line.database, re.sub(r"[`*]", "", line.work), line.ratio) for line in lines if line.rows == most]
    (_ROOT / "bench" / "load.svg").write_text(draw(f"Seconds for {most:,} bills, the plain bulk load = 1", bars))


def write_table(mark: str, title: str, lines: list[Line]) -> None:
    """Put a table between its marks in the documentation."""
    page = _ROOT / "docs" / "benchmarks.md"
    table = "\n".join([title, "", *HEADER, *map(str, lines)])
    text = re.sub(
        rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)",
        lambda found: f"{found[1]}{table}\n{found[2]}",
        page.read_text(),
        flags=re.DOTALL,
    )
    page.write_text(text)


if __name__ == "__main__":
    bench(
        "Compare `dbsvc ingest` with the plain bulk load of the same bills.",
        compare,
        rows=[1_000_000, 5_000_000, 20_000_000],
        header=HEADER,
        publish=publish,
    )
