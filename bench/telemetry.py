"""How long does telemetry take, compared with the plainest way to the same tables?

`python bench/telemetry.py` loads a file of events by `dbsvc ingest`; and the same events, flattened to CSV and rid of repeats
beforehand, by `psql \\copy` or `sqlite3 .import` into the same keyed table, from which two plain statements fill the tables
of readings and of daily summaries. In turn, each time into a fresh database that knows the inverters. Then it adds late events,
1 % of those that are loaded: scattered over all inverters and days, or whole days of some inverters. Their plain way is what
one does who does not know which days they touch: empty the tables of readings and daily summaries, and fill them from all
events, by the very statements that a load runs, as if it brought them all. Prints a table of medians, of clock and cores.
"""

from __future__ import annotations

import csv
import datetime
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import median

from common import Measured, Target, bench, expect, ingest, say
from generate import write_telemetry

from dbsvc import connect
from dbsvc.engine.statements.catalog import find_folder
from dbsvc.engine.statements.portable import FOLDER, Functions

HEADER = (
    "| work | rows | plain s | dbsvc s | ratio | plain core s | dbsvc core s | ratio | server alone | dbsvc MB |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)
_BULK_LOAD = {
    "sqlite": (".mode csv", '.import "{file}" inverter_telemetry_raw'),
    "postgresql": (r"\copy inverter_telemetry_raw FROM '{file}' WITH (FORMAT csv)",),
}
_EMPTY = {"sqlite": 'DELETE FROM :"table"', "postgresql": 'TRUNCATE :"table"'}
#: what a person would write who knows that no two events are of one moment
_READINGS = """
INSERT INTO inverter_telemetry_clean
SELECT
    events.inverter_id, events.event_time, events.plant_id, local_day(events.event_time, plants.timezone),
    events.event_id, events.source,
    whole(events.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000.0,
    whole(events.dc_power * (dc_unit.watts * 1000) + 0.5) / 1000.0,
    whole(events.energy_wh_total * 1000 + 0.5) / 1000.0,
    (whole((events.temperature_c + 300) * 1000 + 0.5) - 300000) / 1000.0,
    events.status
FROM inverter_telemetry_raw AS events
INNER JOIN plants ON events.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
"""
#: a table that grows at its end
_ORDER = {"sqlite": "ORDER BY 1, 2", "postgresql": ""}
_SUMMARIES = """
INSERT INTO inverter_daily_summary (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time,
    points_with_power, energy_wh_uncounted, counter_faults
)
SELECT
    plant_id, inverter_id, day,
    whole_div(2 * milliwatts + points_with_power, nullif(2 * points_with_power, 0)) / 1000.0,
    most_milliwatts / 1000.0, points, CASE WHEN counters > 1 THEN energy_counted(energy) / 1000.0 END,
    first_event_time, last_event_time, points_with_power, energy_uncounted(energy) / 1000.0, energy_faults(energy)
FROM (
    SELECT
        clean.plant_id, clean.inverter_id, clean.day,
        sum(cast(round(clean.ac_power_w * 1000) AS bigint)) AS milliwatts,
        max(cast(round(clean.ac_power_w * 1000) AS bigint)) AS most_milliwatts,
        count(*) AS points, count(clean.ac_power_w) AS points_with_power, count(clean.energy_wh_total) AS counters,
        counted_energy(
            clean.event_time, cast(round(clean.energy_wh_total * 1000) AS bigint), inverters.capacity_kw
        ) AS energy,
        min(clean.event_time) AS first_event_time, max(clean.event_time) AS last_event_time
    FROM inverter_telemetry_clean AS clean
    INNER JOIN inverters ON clean.inverter_id = inverters.inverter_id
    GROUP BY clean.inverter_id, clean.day, clean.plant_id
) AS summed
"""


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[str]:
    """Load a file both ways in turn; then add late events, and compute everything again."""
    folder = folder / f"telemetry-{rows}"
    counts = _make(folder, rows)
    plain, ours, again = Measured(target), Measured(target), Measured(target)
    late = {"scattered": Measured(target), "outage": Measured(target)}
    for turn in range(1, repeat + 1):
        registries = ingest(folder / "plants.csv", folder / "inverters.csv")
        url = target.create()
        Measured().run(registries, url)
        copy = target.client(*(text.format(file=folder / "flat.csv") for text in _BULK_LOAD[target.name]))
        plain.run(_both(copy, (sys.executable, __file__, "--derive")), url)
        for table in ("inverter_telemetry_raw", "inverter_telemetry_clean"):
            expect(url, table, rows - counts["resent"])
        url = target.create()
        Measured().run(registries, url)
        ours.run(ingest(folder / "telemetry.jsonl"), url)
        for kind, measured in late.items():
            measured.run(ingest(folder / f"{kind}.jsonl"), url)
        again.run((sys.executable, __file__, "--again"), url)
        for table in ("inverter_telemetry_raw", "inverter_telemetry_clean"):
            expect(url, table, rows - counts["resent"] + counts["scattered"] + counts["outage"])
        seconds = {"plain": plain, "dbsvc": ours, **late, "again": again}
        said = (f"{way} {measured.seconds[-1]:.2f} s, {measured.busy[-1]:.2f} core s" for way, measured in seconds.items())
        say(f"{target.name} {turn}: " + "; ".join(said))
    yield _line(f"new file, {target.name}", rows, plain, ours)
    for kind, measured in late.items():
        yield _line(f"late events, {kind}, {target.name}", counts[kind], again, measured)


def _line(work: str, rows: int, plain: Measured, ours: Measured) -> str:
    busy, served = ([median(way) for way in both] for both in ((plain.busy, ours.busy), (plain.served, ours.served)))
    return (
        f"| {work} | {rows:,} | {plain.median:.2f} | {ours.median:.2f} | {ours.median / plain.median:.2f} "
        f"| {busy[0]:.2f} | {busy[1]:.2f} | {busy[1] / busy[0]:.2f} "
        f"| {f'{served[1] / served[0]:.2f}' if served[0] else ''} | {ours.peak_mb:.0f} |"
    )


@cache
def _make(folder: Path, rows: int) -> Counter[str]:
    say(f"Making {folder}")
    folder.mkdir()
    counts = write_telemetry(folder, rows)
    _flatten(folder / "telemetry.jsonl", folder / "flat.csv")
    return counts


def _flatten(source: Path, target: Path) -> None:
    """Write each event once, as its table has it."""
    known = set()
    with source.open() as lines, target.open("w", newline="") as file:
        writer = csv.writer(file)
        for number, text in enumerate(lines, 1):
            event = json.loads(text)
            if event["event_id"] not in known:
                known.add(event["event_id"])
                time = datetime.datetime.fromisoformat(event["event_time"]).astimezone(datetime.UTC)
                writer.writerow([*(event | {"event_time": f"{time:%Y-%m-%d %H:%M:%S}"}).values(), 1, number])


def _both(first: Sequence[str | Path], then: Sequence[str | Path]) -> Sequence[str]:
    """Return the command that runs one command, and then another."""
    return "sh", "-c", " && ".join(shlex.join(map(str, command)) for command in (first, then))


def derive() -> None:
    """Fill the tables of readings and daily summaries by a plain statement each."""
    with connect() as db, db.transaction() as tx:
        functions = Functions(db.dialect.family, find_folder("sql").joinpath(FOLDER))
        for statement in (_READINGS + _ORDER[db.dialect.family[0]], _SUMMARIES):
            tx.execute(functions.expand(statement, __file__))


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
    elif sys.argv[1:] == ["--derive"]:
        derive()
    else:
        bench("Compare the load of telemetry with plainer ways.", compare, header=HEADER)
