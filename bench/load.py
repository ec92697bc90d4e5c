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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chart import draw
from common import Measured, Target, bench, expect, ingest, say
from generate import write_usage
from others import find_others

from dbsvc import connect, migrate

_ROOT = Path(__file__).parents[1]
_FILE_COLUMNS = ("bill_date", "bill_id", "currency", "customer_name", "product1_revenue", "product2_revenue")
_BULK_LOAD = {
    "sqlite": '.import --csv --skip 1 "{file}" bills_plain',
    "postgresql": rf"\copy bills_plain ({', '.join(_FILE_COLUMNS)}) FROM '{{file}}' WITH (FORMAT csv, HEADER)",
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
_HEADER = (
    "| database | rows | work | seconds | ratio | peak MB | gives up |",
    "|---|--:|---|--:|--:|--:|---|",
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
        return (
            f"| {self.database} | {self.rows:,} | {self.work} | {self.measured.median:.1f} | {self.ratio:.2f} "
            f"| {self.measured.peak_mb:.0f} | {self.gives_up} |"
        )


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[Line]:
    """Load all ways in turn; large files in fewer turns."""
    clean, same, changed, dirty = _make(folder, rows)
    plain = Measured()
    ours = {(work, jobs): Measured() for jobs in _JOBS[target.name] for work in _WORKS}
    others: dict[str, tuple[Measured, str]] = {}
    for turn in range(max(1, min(repeat, repeat * 1_000_000 // rows))):
        url = _create(target)
        plain.run(target.client(_BULK_LOAD[target.name].format(file=clean)), url)
        expect(url, "bills_plain", rows)
        for jobs in _JOBS[target.name]:
            url = _create(target)
            for work, file in zip(_WORKS, (clean, same, changed), strict=False):
                ours[work, jobs].run((*ingest(file), "--jobs", str(jobs)), url)
                expect(url, "bills", rows)
            url = _create(target)
            ours[_WORKS[3], jobs].run((*ingest(dirty), "--jobs", str(jobs)), url)
        if rows <= _MOST_FOR_OTHERS:
            url = _create(target)
            for other in find_others(folder, target.name, clean, url):
                if other.state:
                    shutil.rmtree(other.state, ignore_errors=True)
                others.setdefault(other.name, (Measured(), other.gives_up))[0].run(other.command, url)
                expect(url, other.table, rows)
                url = _create(target)
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


def _create(target: Target) -> str:
    url = target.create()
    with connect(url) as db:
        migrate(db)
        with db.transaction() as tx:
            tx.execute(plain_table(target.name))
    return url


def plain_table(dialect: str) -> str:
    """Return the DDL of `bills_plain`: a file's columns in its order, keyed and constrained as `bills` is."""
    migration = re.sub(r" *--.*\n", "", (_ROOT / "migrations" / dialect / "0002_usage.sql").read_text())
    table = re.search(r"CREATE TABLE IF NOT EXISTS bills \(\s*(.*?)\n\)(.*?);", migration, re.DOTALL)
    assert table
    definitions = {text.split()[0]: text for text in re.split(r",\s*\n\s*", table[1])}
    wanted = ",\n".join(definitions[name] for name in (*_FILE_COLUMNS, "PRIMARY"))
    return f"CREATE TABLE bills_plain ({wanted}){table[2]}"


def publish(title: str, lines: list[Line]) -> None:
    """Put the table and its chart where the documentation shows them."""
    page = _ROOT / "docs" / "benchmarks.md"
    table = "\n".join([title, "", *_HEADER, *map(str, lines)])
    text = re.sub(
        r"(<!-- bench -->\n).*?(<!-- /bench -->)",
        lambda found: f"{found[1]}{table}\n{found[2]}",
        page.read_text(),
        flags=re.DOTALL,
    )
    page.write_text(text)
    most = max(line.rows for line in lines)
    bars = [(line.database, re.sub(r"[`*]", "", line.work), line.ratio) for line in lines if line.rows == most]
    (_ROOT / "bench" / "load.svg").write_text(draw(f"Seconds for {most:,} bills, the plain bulk load = 1", bars))


if __name__ == "__main__":
    bench(
        "Compare `dbsvc ingest` with the plain bulk load of the same bills.",
        compare,
        rows=[1_000_000, 5_000_000, 20_000_000],
        header=_HEADER,
        publish=publish,
    )
