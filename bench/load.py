"""How long does a load take, compared with the plain bulk load a person would use instead?

`python bench/load.py` loads a file by `dbsvc ingest` and by `psql \\copy` (or `sqlite3 .import`) into a
table with the same key and constraints, in turn, each time into a fresh database, and prints a table of medians.
"""

from __future__ import annotations

import re
from pathlib import Path

from common import Measured, Target, bench, expect, ingest, line, say
from generate import write_usage

from dbsvc import connect, migrate

_MIGRATIONS = Path(__file__).parents[1] / "migrations"
_FILE_COLUMNS = ("bill_date", "bill_id", "currency", "customer_name", "product1_revenue", "product2_revenue")
_BULK_LOAD = {
    "sqlite": '.import --csv --skip 1 "{file}" bills_plain',
    "postgresql": rf"\copy bills_plain ({', '.join(_FILE_COLUMNS)}) FROM '{{file}}' WITH (FORMAT csv, HEADER)",
}


def compare(target: Target, folder: Path, rows: int, repeat: int) -> list[str]:
    """Load a file both ways in turn."""
    file = folder / f"usage-{rows}.csv"
    if not file.exists():
        say(f"Making {file}")
        write_usage(file, rows)
    plain, ours = Measured(), Measured()
    for turn in range(1, repeat + 1):
        for way, table in ((plain, "bills_plain"), (ours, "bills")):
            url = target.create()
            with connect(url) as db:
                migrate(db)
                with db.transaction() as tx:
                    tx.execute(plain_table(target.name))
            way.run(target.client(_BULK_LOAD[target.name].format(file=file)) if way is plain else ingest(file), url)
            expect(url, table, rows)
        say(f"{target.name} {turn}: plain {plain.seconds[-1]:.2f} s, dbsvc {ours.seconds[-1]:.2f} s")
    return [line(f"new file, {target.name}", rows, plain, ours)]


def plain_table(dialect: str) -> str:
    """Return the DDL of `bills_plain`: a file's columns in its order, keyed and constrained as `bills` is."""
    migration = re.sub(r" *--.*\n", "", (_MIGRATIONS / dialect / "0002_usage.sql").read_text())
    table = re.search(r"CREATE TABLE IF NOT EXISTS bills \(\s*(.*?)\n\)(.*?);", migration, re.DOTALL)
    assert table
    definitions = {text.split()[0]: text for text in re.split(r",\s*\n\s*", table[1])}
    wanted = ",\n".join(definitions[name] for name in (*_FILE_COLUMNS, "PRIMARY"))
    return f"CREATE TABLE bills_plain ({wanted}){table[2]}"


if __name__ == "__main__":
    bench("Compare `dbsvc ingest` with the plain bulk load of the same file.", compare)
