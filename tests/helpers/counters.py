"""Telemetry of inverters with counters of energy."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

START = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
PLANTS = b"plant_id,name,location,timezone\np1,Roof,here,UTC\n"


def inverters(*capacities: float) -> bytes:
    """A registry of i1, i2 and so on."""
    lines = "".join(f"i{n},p1,V,M,{capacity},\n" for n, capacity in enumerate(capacities, 1))
    return f"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\n{lines}".encode()


def events(counters: Sequence[tuple[int, Any]], inverter: str = "i1", **more: Any) -> bytes:
    """A file: the counter of an inverter at some minutes of the day."""
    return b"".join(
        json.dumps(
            {
                "event_id": f"{inverter}-{minute}",
                "plant_id": "p1",
                "inverter_id": inverter,
                "event_time": f"{START + datetime.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}",
                "ac_power": 0,
                "ac_power_unit": "W",
                "energy_wh_total": counter,
                **more,
            }
        ).encode()
        + b"\n"
        for minute, counter in counters
    )
