"""What our statements call by name, for a database that lacks it. The other databases have the same in ``sql/functions``."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from dbsvc.engine.functions import counters, decimals, digests, natural, texts, times

#: Functions whose result depends on nothing but their arguments: how many these are, and the function.
SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "utc_time": (1, times.utc_time),
    "local_day": (2, times.local_day),
    "nearest_float": (1, times.nearest_float),
    "natural_key": (1, natural.natural_key),
    "text_digest": (1, digests.text_digest),
    "record_digest": (1, zlib.crc32),
    "decimal_mul": (2, decimals.multiply),
    "decimal_add": (2, decimals.add),
    "decimal_div": (3, decimals.divide),
    "decimal_round": (2, decimals.round_to),
    "decimal_less": (2, decimals.is_less),
    "is_json": (1, texts.is_json),
}
#: Aggregates: how many arguments, and a class with ``step`` and ``finalize``.
AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {
    "decimal_sum": (1, decimals.Sum),
    "counted_energy": (3, counters.CountedEnergy),
}
