"""How long does telemetry take, compared with copying its lines into one column of JSON?

`python bench/telemetry.py` loads a file of events by `dbsvc ingest`, and its lines as they are by `psql \\copy` into a column
of type json (or `sqlite3 .import` into a column with CHECK (json_valid(line))), in turn, each time into a fresh database. Then
it adds late events, 1 % of those that are loaded: scattered over all inverters and days, or whole days of some inverters. Their
plain way is what one does who does not know which days they touch: empty the tables of readings and daily summaries, and fill
them from all events, by the very statements that a load runs, as if it brought them all. Prints a table of medians.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from common import Measured, Target, bench, expect, ingest, line, say
from generate import write_telemetry

from dbsvc import connect

_PLAIN_TABLE = {
    "sqlite": "CREATE TABLE lines_plain (line text NOT NULL CHECK (json_valid(line)))",
    "postgresql": "CREATE TABLE lines_plain (line json NOT NULL)",
}
# no quotes, and a delimiter that JSON cannot hold
_BULK_LOAD = {
    "sqlite": (".mode ascii", r'.separator "\002" "\n"', '.import "{file}" lines_plain'),
    "postgresql": (r"\copy lines_plain FROM '{file}' WITH (FORMAT csv, QUOTE e'\x01', DELIMITER e'\x02')",),
}
_EMPTY = {"sqlite": 'DELETE FROM :"table"', "postgresql": 'TRUNCATE :"table"'}


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[str]:
    """Load a file both ways in turn; then add late events, and compute everything again."""
    folder = folder / f"telemetry-{rows}"
    counts = _make(folder, rows)
    plain, ours, again = Measured(), Measured(), Measured()
    late = {"scattered": Measured(), "outage": Measured()}
    for turn in range(1, repeat + 1):
        url = target.create()
        with connect(url) as db, db.transaction() as tx:
            tx.execute(_PLAIN_TABLE[target.name])
        plain.run(target.client(*(text.format(file=folder / "telemetry.jsonl") for text in _BULK_LOAD[target.name])), url)
        expect(url, "lines_plain", rows)
        url = target.create()
        Measured().run(ingest(folder / "plants.csv", folder / "inverters.csv"), url)
        ours.run(ingest(folder / "telemetry.jsonl"), url)
        for kind, measured in late.items():
            measured.run(ingest(folder / f"{kind}.jsonl"), url)
        again.run((sys.executable, __file__, "--again"), url)
        for table in ("inverter_telemetry_raw", "inverter_telemetry_clean"):
            expect(url, table, rows - counts["resent"] + counts["scattered"] + counts["outage"])
        seconds = {"plain": plain, "dbsvc": ours, **late, "again": again}
        say(f"{target.name} {turn}: " + ", ".join(f"{way} {measured.seconds[-1]:.2f} s" for way, measured in seconds.items()))
    yield line(f"new file, {target.name}", rows, plain, ours)
    for kind, measured in late.items():
        yield line(f"late events, {kind}, {target.name}", counts[kind], again, measured)


@cache
def _make(folder: Path, rows: int) -> Counter[str]:
    say(f"Making {folder}")
    folder.mkdir()
    return write_telemetry(folder, rows)


def compute_again() -> None:
    """Empty the tables that derive from the events, and run the statements that fill them as if one load brought all events."""
    with connect() as db, db.transaction() as tx:
        for table in ("inverter_telemetry_clean", "inverter_daily_summary"):
            tx.execute(_EMPTY[db.dialect.family[0]], table=table)
        telemetry = tx.statements.datasets["telemetry"]
        # all events are the load, and none of them repeats or replaces another
        parameters = {**telemetry.merge_parameters(), "staged": telemetry.table, "load_id": 0}
        tx.execute("CREATE TEMP TABLE changes AS SELECT *, 'inserted' AS bucket FROM :\"table\"", table=telemetry.table)
        tx.run("load/merge/create_deliveries", table=telemetry.table, columns=parameters["columns"])
        for phase in tx.statements.derivations(telemetry.name)[0]:
            list(tx.run_phase(phase, **parameters))


if __name__ == "__main__":
    if sys.argv[1:] == ["--again"]:
        compute_again()
    else:
        bench("Compare the load of telemetry with plainer ways.", compare)
