"""How long does a dataset of one's own take, compared with the plain bulk load of the same rows?

`python bench/orders.py` declares orders of 12 columns by `dbsvc datasets new`, and loads new files of them in the ways of
`load.py`, beside \\copy or .import into a table with the same key and constraints. `.import` gets them as SQLite stores them,
with moments by the clock of UTC; it could not make NULL of an empty field, so every field holds something. Prints a table;
`--write` also puts it into the documentation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from common import Target, bench, say
from generate import ORDERS, write_orders
from load import HEADER, Line, Subject, compare_ways, write_table
from others import Rows

_DECIMALS = {"unit_price": (19, 4), "discount": (17, 2), "total": (17, 2)}


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[Line]:
    """Load orders in all ways."""
    made, project = folder / f"orders-{rows}", folder / "project"
    if not made.exists():
        say(f"Making files of {rows:,} orders")
        write_orders(made, rows)
    os.environ["DBSVC_PROJECT"] = str(project)
    if not project.exists():
        _declare(project, made / "orders.csv")
    plain = made / ("flat.csv" if target.name == "sqlite" else "orders.csv")
    columns = ORDERS.strip().split(",")
    orders = Subject(
        "orders",
        project / "migrations" / target.name / "orders_0001.sql",
        Rows(plain, "orders_plain", columns, columns[:1], _DECIMALS),
        [{"new file, clean": made / "orders.csv"}],
    )
    return compare_ways(target, folder, rows, repeat, orders)


def _declare(project: Path, sample: Path) -> None:
    new = (sys.executable, "-m", "dbsvc", "datasets", "new", "orders", "--from", sample, "--key", "order_id")
    subprocess.run(new, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    bench(
        "Compare `dbsvc ingest` with the plain bulk load of the same orders, a declared dataset.",
        compare,
        rows=[1_000_000, 5_000_000],
        header=HEADER,
        publish=partial(write_table, "orders"),
    )
