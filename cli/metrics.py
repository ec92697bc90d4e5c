"""What a run says of itself when it ends: one canonical log line with every counter, and the same for Prometheus."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dbsvc.cli import otel, output
from dbsvc.cli.files import written_whole
from dbsvc.cli.otel import Series

_started = time.perf_counter()

_BEGINNING = b"# HELP dbsvc_"

#: what the metrics mean; those of a family differ by their label
_FAMILIES = {
    "files": ("outcome", "Files, by what became of them."),
    "records": ("bucket", "Records of the loads that were published, by where they went; read are all of them."),
    "rejected": ("reason", "Rejected records of these loads, by each rule they broke."),
    "phase_seconds": ("phase", "Seconds spent in each phase of loading."),
    "rates": ("outcome", "Exchange rates, by what became of them."),
    "check_state": ("check", "What a check says: 0 ok, 1 warning, 2 critical, 3 unknown."),
    "check_findings": ("check", "How many rows a check finds wrong."),
}
_NUMBERS = {
    "retries": "Transactions that were run again after an error that passes.",
    "requests": "Requests to the provider of exchange rates.",
}

#: family → label → number; and single numbers
families: defaultdict[str, Counter[str]] = defaultdict(Counter)
numbers: Counter[str] = Counter()


def finish(command: str, code: int, metrics_file: Path | None) -> int:
    """Log the canonical line, and write the metrics if they are wanted. Returns the exit code.

    Metrics that cannot be written are a failure, except for a check: its code says how the data are, and nothing else.
    """
    from dbsvc.engine.log import event

    seconds = round(time.perf_counter() - _started, 3)
    fields: dict[str, Any] = {**numbers, **{family: dict(labelled) for family, labelled in families.items()}}
    if metrics_file:
        try:
            _write(metrics_file, command, _series(code, seconds))
        except OSError as error:
            code = code or (0 if command == "check" else 1)
            output.error(f"{metrics_file}: the metrics cannot be written there: {error.strerror}.", code)
    otel.finish(code, _series(code, seconds))
    if sending := sys.modules.get("dbsvc.engine.openlineage.sending"):  # only where something was told
        sending.finish()
    level = logging.DEBUG if output.only_read() else logging.INFO
    event("run", level, command=command, exit_code=code, seconds=seconds, **fields)
    return code


def is_for_metrics(path: Path) -> bool:
    """Whether a file may be replaced by metrics: it is new, empty, no regular file, or holds metrics already."""
    try:
        return not path.is_file() or _read_beginning(path) in (b"", _BEGINNING)
    except OSError:  # which is said when it is written
        return True


def _read_beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_BEGINNING))


def _series(code: int, seconds: float) -> Iterator[Series]:
    """Return every number of the run."""
    yield Series("run_timestamp_seconds", "When the last run ended.", {}, time.time())
    yield Series("run_seconds", "How long it took.", {}, seconds)
    yield Series("run_exit_code", "Its exit code.", {}, code)
    for name, number in numbers.items():
        yield Series(name, _NUMBERS[name], {}, number, counted=True)
    for family, labelled in families.items():
        label, meaning = _FAMILIES[family]
        for value, number in labelled.items():
            yield Series(family, meaning, {label: value}, number, counted=label != "check")


def _write(path: Path, command: str, series: Iterable[Series]) -> None:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for one in series:
        if one.name not in gauges:
            labels = ("command", *one.labels)
            gauges[one.name] = Gauge(f"dbsvc_{one.name}", one.meaning, labels, registry=registry)
        gauges[one.name].labels(command, *one.labels.values()).set(one.value)
    with written_whole(path) as file:
        file.write(generate_latest(registry))
