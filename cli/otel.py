"""Traces and metrics of a run for OpenTelemetry, by OTLP over HTTP: its own environment variables (OTEL_*) turn them on.

What becomes of them changes nothing of the run: no exit code, and its end by no more than a moment.
"""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any, NamedTuple

_PATIENCE = 1.5  # seconds that the collector has, when the run ends
_PROTOCOL = "http/protobuf"
_SIGNALS = {"traces": "TRACES", "metrics": "METRICS"}


class Series(NamedTuple):
    """One number that a run tells: counted up, or measured."""

    name: str
    meaning: str
    labels: Mapping[str, str]
    value: float
    counted: bool = False


Sender = Callable[[int, Iterable[Series]], None]


class _Complaints(logging.Handler):
    """Keeps what OpenTelemetry complains of, to be said once, when the run ends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said += record.getMessage().splitlines()[:1]


_complaints = _Complaints()
#: what sends the rest of each signal
_senders: list[Sender] = []


def start(command: str) -> None:
    """Trace and measure the run, as far as OTEL_* asks for it."""
    wanted = [signal for signal in _SIGNALS if _is_wanted(signal)]
    if not wanted:
        return
    logger = logging.getLogger("opentelemetry")
    logger.handlers[:], logger.propagate = [_complaints], False
    try:
        resource = _describe()
        if "traces" in wanted:
            _senders.append(_trace(command, resource))
        if "metrics" in wanted:
            _senders.append(_measure(command, resource))
    except ImportError:
        _warn("OTEL_* asks for traces or metrics, which come with the extra otel: pip install 'dbsvc[otel]'.")
    except Exception as error:  # a setting that it does not understand; what it says may hold a header
        _warn(f"OpenTelemetry does not start ({type(error).__name__}): are the settings OTEL_* right?")


def finish(code: int, series: Iterable[Series]) -> None:
    """Send what is left, within a moment. Say so if not all of it arrived."""
    if not _senders:
        return
    told = list(series)
    deadline = time.monotonic() + _PATIENCE
    sending = [Thread(target=send, args=(code, told), daemon=True) for send in _senders]
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join(max(0.0, deadline - time.monotonic()))
    if _complaints.said:
        _warn(f"OpenTelemetry: {_clean(_complaints.said[0]).rstrip('.')}.")
    elif any(thread.is_alive() for thread in sending):
        _warn(f"OpenTelemetry: the collector did not take all of this run's traces and metrics within {_PATIENCE} seconds.")


def _is_wanted(signal: str) -> bool:
    """Whether the environment names a collector for it, or the exporter otlp."""
    name = _SIGNALS[signal]
    given = {variable: value.strip() for variable, value in os.environ.items() if variable.startswith("OTEL_")}
    exporter = given.get(f"OTEL_{name}_EXPORTER", "").lower()
    collector = given.get(f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT") or given.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none" or not (exporter or collector):
        return False
    protocol = given.get(f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL") or given.get("OTEL_EXPORTER_OTLP_PROTOCOL") or _PROTOCOL
    if exporter not in ("", "otlp"):
        _warn(f"OTEL_{name}_EXPORTER must be otlp or none: there are no {signal} of this run.")
    elif protocol.lower() != _PROTOCOL:
        _warn(f"OTEL_EXPORTER_OTLP_PROTOCOL must be {_PROTOCOL}: there are no {signal} of this run.")
    else:
        return True
    return False


def _describe() -> Any:
    from importlib.metadata import version

    from opentelemetry.sdk.resources import Resource

    found = Resource.create({"service.version": version("dbsvc")})
    named = not str(found.attributes["service.name"]).startswith("unknown_service")
    return found if named else found.merge(Resource({"service.name": "dbsvc"}))


def _trace(command: str, resource: Any) -> Sender:
    """Begin the span of the run, in which all others lie, within that of TRACEPARENT. Spans travel while the run goes on."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    from dbsvc.engine import tracing

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    ours = {name.lower(): os.environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in os.environ}
    run = provider.get_tracer("dbsvc").start_span(f"dbsvc {command}", TraceContextTextMapPropagator().extract(ours))
    tracing.root = trace.set_span_in_context(run)

    def send(code: int, series: Iterable[Series]) -> None:
        run.set_attribute("dbsvc.exit_code", code)
        if code and command != "check":  # whose code says how the data are
            run.set_status(trace.StatusCode.ERROR)
        run.end()
        provider.shutdown()

    return send


def _measure(command: str, resource: Any) -> Sender:
    """Return what tells the counters, when the run ends."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=math.inf)
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)

    def send(code: int, series: Iterable[Series]) -> None:
        meter = provider.get_meter("dbsvc")
        instruments: dict[str, Any] = {}
        for one in series:
            if (instrument := instruments.get(one.name)) is None:
                make = meter.create_counter if one.counted else meter.create_gauge
                instrument = instruments[one.name] = make(f"dbsvc.{one.name}", description=one.meaning)
            tell = instrument.add if one.counted else instrument.set
            tell(one.value, {"command": command, **one.labels})
        reader.force_flush()
        provider.shutdown()

    return send


def _warn(sentence: str) -> None:
    from dbsvc.engine.log import event

    event("opentelemetry", level=logging.WARNING, warning=sentence)


def _clean(complaint: str) -> str:
    """Leave out passwords and headers, and what is too long to read."""
    from dbsvc.engine.settings import redact

    given = ",".join(value for name, value in os.environ.items() if name.startswith("OTEL_") and name.endswith("_HEADERS"))
    return redact(re.sub(r"://[^/@\s]*@", "://", complaint), set(re.split("[,=]", given)) - {""})[:300]
