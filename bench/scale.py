"""How far a cluster carries: `python bench/scale.py`. One to eight workers, simulated from measured CPU seconds.

The times are of two workers on one machine, busier than for docs/benchmarks.md. A load has shards for all of its months,
as many as the docs ask for; each such part costs something by itself. A chunk waits for a core of the coordinator, then for one
of the worker whose turn it is. Disks and networks are as fast as they must be: this is the most that can be hoped for.
"""

from __future__ import annotations

import argparse
import heapq

#: CPU seconds of a million bills of twelve months in four shards: of the coordinator, and of all workers together
MEASURED = {"first load": (0.9, 7.1), "half of the bills changed": (0.8, 32.1)}
#: ... of these, what its 48 parts cost however few rows they have: by 240,000 bills, which took 0.7 and 2.5, and 0.5 and 6.3
FIXED = {"first load": (0.63, 1.1), "half of the bills changed": (0.38, 0.0)}
MEASURED_PARTS = 12 * 4
SHARDS = 4  # of each worker
CHUNK = 100_000  # rows that are handled at once
CHUNKS = 20_000
MOST = 8  # workers


def cost(work: str, parts: int, rows: float) -> tuple[float, float]:
    """Return the CPU seconds per million rows, of the coordinator and of the workers, of a load of these parts and rows."""
    coordinator, worker = (
        measured - fixed + fixed * parts / MEASURED_PARTS / (rows / 1_000_000)
        for measured, fixed in zip(MEASURED[work], FIXED[work], strict=True)
    )
    return coordinator, worker


def simulate(workers: int, cores: int, coordinator: float, worker: float) -> tuple[float, float, float]:
    """Return how many rows a second are done, and what share of the coordinator's and of the workers' cores is busy."""
    share = CHUNK / 1_000_000
    front, back = [0.0] * cores, [[0.0] * cores for _ in range(workers)]
    done = 0.0
    for number in range(CHUNKS):
        begun = heapq.heappop(front) + coordinator * share
        heapq.heappush(front, begun)
        node = back[number % workers]
        ended = max(heapq.heappop(node), begun) + worker * share
        heapq.heappush(node, ended)
        done = max(done, ended)
    busy = CHUNKS * share / done / cores
    return CHUNKS * CHUNK / done, busy * coordinator, busy * worker / workers


def main() -> None:
    """Print a table for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=8, help="of every node (default: %(default)s)")
    parser.add_argument("--rows", type=float, default=100e9, help="how many there are to load (default: %(default).0e)")
    parser.add_argument("--load", type=float, default=10e6, help="how many rows a load brings (default: %(default).0e)")
    parser.add_argument("--months", type=int, default=12, help="of how many months they are (default: %(default)s)")
    given = parser.parse_args()
    for work in MEASURED:
        print(f"\n{work}: {given.load:,.0f} rows of {given.months} months a load, {given.cores} cores a node\n")
        print("| workers | rows a second | coordinator busy | workers busy | days for all |")
        print("|--:|--:|--:|--:|--:|")
        for workers in range(1, MOST + 1):
            each = cost(work, given.months * SHARDS * workers, given.load)
            speed, front, back = simulate(workers, given.cores, *each)
            print(f"| {workers} | {speed:,.0f} | {front:.0%} | {back:.0%} | {given.rows / speed / 86_400:,.1f} |")


if __name__ == "__main__":
    main()
