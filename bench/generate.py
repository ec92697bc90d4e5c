"""Make a usage file of any size: `python bench/generate.py ROWS OUT.csv`. Same options, same bytes.

With the same seed, a file with `--changed` is the file without it, but for the amounts of so many bills.
"""

from __future__ import annotations

import argparse
import datetime
import random
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

HEADER = "Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue\n"

_DAYS = 365
_CURRENCIES = ("USD", "ILS", "EUR", "GBP")
_FIRST = ("Acme", "Apex", "Aurora", "Beacon", "Cedar", "Delta", "Ember", "Falcon", "Granite", "Harbor")
_SECOND = ("Energy", "Foods", "Freight", "Glass", "Hotels", "Labs", "Media", "Mills", "Motors", "Retail")
_NAMES = [f"{first} {second} {number}" for first, second, number in product(_FIRST, _SECOND, range(1, 51))]
#: how far back a repeated record lies, in records: some are in another chunk
_APART = 150_000


def write_usage(
    path: Path, rows: int, *, seed: int = 1, bad: float = 0, duplicates: float = 0, changed: float = 0
) -> Counter[str]:
    """Write a usage file of ``rows`` records, so many percent of them odd. Returns the count of each kind."""
    counts = Counter[str]()
    lines = _records(rows, seed, bad, duplicates, changed, counts)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        while batch := "".join(islice(lines, 10_000)):
            file.write(batch)
    counts["good"] = rows - counts["bad"] - counts["duplicate"]
    return counts


def _records(rows: int, seed: int, bad: float, duplicates: float, changed: float, counts: Counter[str]) -> Iterator[str]:
    draw, dirt = random.Random(seed).getrandbits, random.Random(seed + 1)
    before = deque[str](maxlen=_APART)
    dirty = bad + duplicates + changed
    for day in range(_DAYS):
        date = datetime.date(2021, 1, 1) + datetime.timedelta(day)
        iso, day_first = (
            f"{date:%Y-%m-%d}",
            f"31/{date:%m/%Y}" if date.month in (2, 4, 6, 9, 11) else "31.12.2021",
        )
        for bill_id in range(day * rows // _DAYS + 1, (day + 1) * rows // _DAYS + 1):
            bits = draw(104)
            currency, name = _CURRENCIES[bits & 3], _NAMES[(bits >> 2) % len(_NAMES)]
            one, two = (
                f"{bits >> 15 & 8191}.{(bits >> 28) % 10**8:08}",
                f"{bits >> 56 & 8191}.{(bits >> 69) % 10**8:08}",
            )
            line = f"{iso},{bill_id},{currency},{name},{one},{two}\n"
            if dirty:
                kind = dirt.random() * 100
                if kind < bad:
                    counts["bad"] += 1
                    yield (
                        f"{iso},{bill_id},{currency},{name},-5,{two}\n",
                        f"{day_first},{bill_id},{currency},{name},{one},{two}\n",
                        f"{iso},{bill_id},QQQ,{name},{one},{two}\n",
                        f"{iso},{bill_id},{currency},,{one},1e3\n",
                    )[bits & 3]
                    continue
                if kind < bad + duplicates and before:
                    counts["duplicate"] += 1
                    yield before[0]
                    continue
                if bad + duplicates <= kind < dirty:
                    counts["changed"] += 1
                    line = f"{iso},{bill_id},{currency},{name},{one},9{two}\n"
                if duplicates:
                    before.append(line)
            yield line


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a usage file, the same one for the same options.")
    parser.add_argument("rows", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    for kind, what in (
        ("bad", "break the contract"),
        ("duplicates", "repeat another record"),
        ("changed", "have other amounts than the same file without this option"),
    ):
        parser.add_argument(f"--{kind}", type=float, default=0, metavar="PERCENT", help=f"share of records that {what}")
    options = parser.parse_args()
    counts = write_usage(options.out, **{k: v for k, v in vars(options).items() if k != "out"})
    print(", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())))


if __name__ == "__main__":
    main()
