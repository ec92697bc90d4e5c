"""Make files of any size: `python bench/generate.py usage ROWS OUT.csv`, `… orders ROWS FOLDER`, `… telemetry ROWS FOLDER`.

Same options, same bytes.

With the same seed, a usage file with `--changed` is the file without it, but for the amounts of that many bills.
"""

from __future__ import annotations

import argparse
import datetime
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle, islice, product
from pathlib import Path
from zoneinfo import ZoneInfo

HEADER = "Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue\n"
ORDERS = "order_id,customer,ordered_at,shipped_on,currency,country,quantity,unit_price,discount,total,paid,note\n"

_DAYS = 365
_CURRENCIES = ("USD", "ILS", "EUR", "GBP")
_FIRST = ("Acme", "Apex", "Aurora", "Beacon", "Cedar", "Delta", "Ember", "Falcon", "Granite", "Harbor")
_SECOND = ("Energy", "Foods", "Freight", "Glass", "Hotels", "Labs", "Media", "Mills", "Motors", "Retail")
_NAMES = [f"{first} {second} {number}" for first, second, number in product(_FIRST, _SECOND, range(1, 51))]
#: countries that order, each with the clock of its shop
_SHOPS = [
    (country, datetime.timezone(datetime.timedelta(hours=hours)))
    for country, hours in zip(["GB", "DE", "IL", "US"], (0, 1, 2, -5), strict=True)
]
_NOTES = ("leave at the door", "a gift", "call before", "deliver in the morning")
#: how far back a repeated record lies, in records: some are in another chunk
_APART = 150_000

_FIRST_EVENT = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
_YEAR = 366 * 86_400  # seconds
_EVERY = datetime.timedelta(minutes=5)  # an inverter reports; 10 million events are a year
_AFTER = datetime.timedelta(seconds=3)  # the next inverter does
_EVENTS_A_DAY = datetime.timedelta(1) // _EVERY
_ZONES = (
    *("UTC", "Asia/Jerusalem", "Europe/London", "Europe/Athens", "Asia/Kolkata"),
    *("America/New_York", "America/Los_Angeles", "America/Sao_Paulo", "Australia/Adelaide", "Africa/Johannesburg"),
)
_MODELS = (("Sungrow", "SG33CX", 33), ("Huawei", "SUN2000-50KTL", 50), ("SMA", "Core1", 50), ("Fronius", "Tauro", 100))
_INVERTERS = 100  # ten a plant
_LATEST = datetime.timedelta(hours=1) // _EVERY


def write_usage(
    path: Path, rows: int, *, seed: int = 1, bad: float = 0, duplicates: float = 0, changed: float = 0
) -> Counter[str]:
    """Write a usage file of ``rows`` records, of which shares in percent are odd. Returns the count of each kind."""
    counts = Counter[str]()
    lines = _records(rows, seed, bad, duplicates, changed, counts)
    _write(path, [HEADER], lines)
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


def write_orders(folder: Path, rows: int, *, seed: int = 1) -> Counter[str]:
    """Write orders.csv, and flat.csv: the same orders as SQLite stores them, with moments by the clock of UTC and 1 for true.

    Orders come in the order of their times. So do their ids, which are UUIDs of version 7.
    """
    folder.mkdir()
    draw = random.Random(seed).getrandbits
    with (folder / "orders.csv").open("w") as file, (folder / "flat.csv").open("w") as flat:
        file.write(ORDERS)
        flat.write(ORDERS)
        for number in range(rows):
            bits = draw(160)
            moment = _FIRST_EVENT + datetime.timedelta(seconds=number * _YEAR // rows)
            time = f"{round(moment.timestamp() * 1000):012x}"
            key = f"{time[:8]}-{time[8:]}-7{bits & 4095:03x}-8{bits >> 12 & 4095:03x}-{bits >> 24 & 2**48 - 1:012x}"
            country, zone = _SHOPS[bits >> 72 & 3]
            quantity, price = 1 + (bits >> 74 & 31), bits >> 79 & 2**22 - 1
            cents = quantity * price // 100
            discount = cents * (bits >> 101 & 15) // 100
            start = f"{key},{_NAMES[(bits >> 105) % len(_NAMES)]},"
            middle = (
                f",{(moment + datetime.timedelta(1 + (bits >> 125 & 7))).date()},{_CURRENCIES[bits >> 128 & 3]},{country},"
                f"{quantity},{price // 10000}.{price % 10000:04},{discount // 100}.{discount % 100:02},"
                f"{(cents - discount) // 100}.{(cents - discount) % 100:02},"
            )
            paid, note = bits >> 130 & 7 > 0, _NOTES[bits >> 133 & 3]
            file.write(
                f"{start}{moment.astimezone(zone).isoformat(timespec='seconds')}{middle}{'true' if paid else 'false'},{note}\n"
            )
            flat.write(f"{start}{moment.isoformat(' ', 'seconds')[:19]}{middle}{paid:d},{note}\n")
    return Counter(good=rows)


def write_telemetry(folder: Path, rows: int, *, seed: int = 1) -> Counter[str]:
    """Write plants.csv, inverters.csv, and telemetry.jsonl of ``events`` events. Returns the count of each kind.

    Events come in the order of their times, but for 1 % that are written up to an hour late; 1 % are written twice. Numbers
    come as numbers or as texts, power in kW or W. Two more files hold what telemetry.jsonl lacks, 1 % each: scattered.jsonl
    events from everywhere in it, outage.jsonl whole days of inverters whose loggers were out.
    """
    plants = [f"p_{n:02},Plant {n},{zone.partition('/')[2]},{zone}\n" for n, zone in enumerate(_ZONES)]
    _write(folder / "plants.csv", ["plant_id,name,location,timezone\n"], plants)
    inverters = [
        f"inv_{n:03},p_{n % len(_ZONES):02},{vendor},{model},{capacity},2023-06-01\n"
        for n, (vendor, model, capacity) in zip(range(_INVERTERS), cycle(_MODELS), strict=False)
    ]
    _write(folder / "inverters.csv", ["inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n"], inverters)
    counts = Counter[str]()
    with (folder / "scattered.jsonl").open("w") as scattered, (folder / "outage.jsonl").open("w") as outage:
        aside = {"scattered": scattered, "outage": outage}

        def written() -> Iterator[str]:
            for kind, line in _events(seed):
                counts[kind] += 1
                if kind in aside:
                    aside[kind].write(line)
                else:
                    yield line

        _write(folder / "telemetry.jsonl", [], islice(written(), rows))
    return counts


def _events(seed: int) -> Iterator[tuple[str, str]]:
    """Yield events without end, in the order they are written, each with what kind it is."""
    draw, dirt = random.Random(seed).getrandbits, random.Random(seed + 1)
    zones = [ZoneInfo(zone) for zone in _ZONES]
    counters = [1000 * n for n in range(_INVERTERS)]
    waiting = deque[list[tuple[str, str]]]([] for _ in range(_LATEST + 1))
    for tick in count():
        out = tick // _EVENTS_A_DAY % _INVERTERS
        for n in range(_INVERTERS):
            plant, bits, kind = n % len(_ZONES), draw(96), dirt.random() * 100
            time = (_FIRST_EVENT + tick * _EVERY + n * _AFTER).astimezone(zones[plant])
            # the sun's power is a parabola from 6 to 18 o'clock
            sun = max(0, 360**2 - (time.hour * 60 + time.minute - 720) ** 2)
            watts = _MODELS[n % len(_MODELS)][2] * 1000 * sun * (128 + (bits & 127)) // (256 * 360**2)
            counters[n] += watts * _EVERY.seconds // 3600
            ac, dc, unit = (watts, watts * 33 // 32, "W") if n // 10 % 2 else (watts / 1000, watts * 33 / 32000, "kW")
            mark = '"' if n // 20 % 2 else ""
            line = (
                f'{{"event_id":"{bits >> 32:016x}","plant_id":"p_{plant:02}","inverter_id":"inv_{n:03}",'
                f'"event_time":"{time.isoformat()}","source":"mqtt","ac_power":{mark}{ac}{mark},"ac_power_unit":"{unit}",'
                f'"dc_power":{mark}{dc}{mark},"dc_power_unit":"{unit}","energy_wh_total":{mark}{counters[n]}{mark},'
                f'"temperature_c":{(bits >> 7 & 255) / 10},"status":"ok"}}\n'
            )
            if n == out:
                yield "outage", line
            elif kind < 1:
                yield "scattered", line
            elif kind < 2:
                waiting[1 + (bits >> 15) % _LATEST].append(("late", line))
            else:
                yield "on time", line
                if kind < 3:
                    waiting[1 + (bits >> 15) % _LATEST].append(("resent", line))
        yield from waiting.popleft()
        waiting.append([])


def _write(path: Path, head: Iterable[str], lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(head)
        file.writelines(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write files, the same ones for the same options.")
    datasets = parser.add_subparsers(dest="dataset", required=True)
    usage = datasets.add_parser("usage", help="a usage file")
    orders = datasets.add_parser("orders", help="a file of orders, and the same orders as SQLite stores them")
    telemetry = datasets.add_parser("telemetry", help="plants, inverters and telemetry, and two files of late events")
    for one, out in ((usage, "out.csv"), (orders, "folder"), (telemetry, "folder")):
        one.add_argument("rows", type=int)
        one.add_argument("out", type=Path, metavar=out)
        one.add_argument("--seed", type=int, default=1)
    for kind, what in (
        ("bad", "break the contract"),
        ("duplicates", "repeat another record"),
        ("changed", "have other amounts than the same file without this option"),
    ):
        usage.add_argument(f"--{kind}", type=float, default=0, metavar="PERCENT", help=f"share of records that {what}")
    options = vars(parser.parse_args())
    writers: dict[str, Callable[..., Counter[str]]] = {
        "usage": write_usage,
        "orders": write_orders,
        "telemetry": write_telemetry,
    }
    counts = writers[options.pop("dataset")](options.pop("out"), **options)
    print(", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())))


if __name__ == "__main__":
    main()
