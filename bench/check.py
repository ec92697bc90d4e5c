"""How long does `dbsvc check` take, compared with loading 5 % of what it looks at?

`python bench/check.py` loads a file of bills, then runs all checks and loads a twentieth of as many bills into a fresh
database, in turn, and prints a table of medians.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import Measured, Target, bench, expect, ingest, line, say
from generate import write_usage

_SHARE = 20
#: a finding is no failure here
_CHECK = ("sh", "-c", f"{sys.executable} -m dbsvc check; test $? -lt 3")


def compare(target: Target, folder: Path, rows: int, repeat: int) -> list[str]:
    """Check many bills, and load few, in turn."""
    many, few = folder / f"usage-{rows}.csv", folder / f"usage-{rows}-part.csv"
    for file, count in ((many, rows), (few, rows // _SHARE)):
        if not file.exists():
            say(f"Making {file}")
            write_usage(file, count)
    loading, checking = Measured(), Measured()
    for turn in range(1, repeat + 1):
        url = target.create()
        loading.run(ingest(few), url)
        url = target.create()
        Measured().run(ingest(many), url)
        expect(url, "bills", rows)
        if target.name == "postgresql":  # what autovacuum has done by itself a minute later
            Measured().run(target.client("ANALYZE"), url)
        checking.run(_CHECK, url)
        say(f"{target.name} {turn}: load {loading.seconds[-1]:.2f} s, check {checking.seconds[-1]:.2f} s")
    return [line(f"all checks, {target.name}; plain is loading 5 %", rows, loading, checking)]


if __name__ == "__main__":
    bench("Compare `dbsvc check` with loading 5 % of what it looks at.", compare)
