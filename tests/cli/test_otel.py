"""Traces and metrics go to a collector if OTEL_* says so; whatever becomes of them changes nothing else."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers.cli import GOOD, Cli

pytest.importorskip("opentelemetry.proto", reason="pip install -e '.[otel]' enables this")

from tests.helpers.collector import Collector, collecting, read

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NOBODY = "http://127.0.0.1:1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.mark.one_database
def test_a_load_is_traced_by_its_phases_and_counted(cli_on: Cli, collector: Collector) -> None:
    cli_on.write("usage.csv", GOOD)
    cli_on.write("odd.csv", b"what,is,this\n1,2,3\n")
    env = {ENDPOINT: collector.url, "TRACEPARENT": TRACEPARENT, "OTEL_RESOURCE_ATTRIBUTES": "worker=3"}
    ran = cli_on("ingest", "usage.csv", "odd.csv", env={**env, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hidden"})
    assert ran.code == 65  # of the other file
    assert b"opentelemetry" not in ran.err
    assert b"hidden" not in ran.out + ran.err
    spans = {span.name: span for span in collector.spans}
    assert sorted(spans) == ["audit", "dbsvc ingest", "load", "publish", "scan", "stage"]
    run, load = spans["dbsvc ingest"], spans["load"]
    assert (run.trace_id.hex(), run.parent_span_id.hex()) == tuple(TRACEPARENT.split("-")[1:3])
    assert load.parent_span_id == run.span_id
    assert {spans[phase].parent_span_id for phase in ("scan", "stage", "audit", "publish")} == {load.span_id}
    assert read(run.attributes) == {"dbsvc.exit_code": 65}
    told = read(load.attributes)
    assert (told["dbsvc.source"], told["dbsvc.dataset"], told["dbsvc.status"]) == ("usage.csv", "usage", "published")
    assert (told["dbsvc.read"], told["dbsvc.inserted"]) == (3, 3)
    assert collector.metrics["dbsvc.records"]["ingest", "inserted"] == 3
    assert collector.metrics["dbsvc.files"]["ingest", "failed"] == 1
    assert collector.metrics["dbsvc.run_exit_code"] == {("ingest",): 65}
    assert {("ingest", phase) for phase in ("scan", "stage", "audit", "publish")} == set(
        collector.metrics["dbsvc.phase_seconds"]
    )
    for resource in collector.resources:
        assert (resource["service.name"], resource["worker"]) == ("dbsvc", "3")
    assert {headers["authorization"] for headers in collector.headers} == {"hidden"}


def test_an_error_is_told_by_its_type(cli: Cli, collector: Collector) -> None:
    cli.write("usage.csv", GOOD.replace(b"name 1", b"name \xff"))
    cli("ingest", "usage.csv", env={ENDPOINT: collector.url, "OTEL_METRICS_EXPORTER": "none", "OTEL_SERVICE_NAME": "ours"})
    assert {span.name for span in collector.spans} >= {"dbsvc ingest", "load"}
    assert all(not span.events for span in collector.spans)
    assert (collector.metrics, {resource["service.name"] for resource in collector.resources}) == ({}, {"ours"})


@pytest.mark.parametrize(
    "env",
    [
        {},
        pytest.param({ENDPOINT: NOBODY, "OTEL_SDK_DISABLED": "true"}, marks=pytest.mark.long),
        pytest.param(
            {ENDPOINT: NOBODY, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, marks=pytest.mark.long
        ),
        pytest.param({"OTEL_SERVICE_NAME": "named, and no more"}, marks=pytest.mark.long),
    ],
)
def test_it_is_off(cli: Cli, env: dict[str, str]) -> None:
    ran = cli("datasets", env={**env, "PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.code == 0
    assert b"prometheus" not in ran.err
    assert b"| opentelemetry" not in ran.err.replace(b"  ", b"")


@contextmanager
def silent() -> Iterator[str]:
    """A collector that takes what comes, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://user:hidden@127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def absent() -> Iterator[str]:
    yield "http://user:hidden@127.0.0.1:1"


@contextmanager
def failing() -> Iterator[str]:
    with collecting(403) as collector:
        yield collector.url


@pytest.mark.parametrize("kind", [silent, *(pytest.param(each, marks=pytest.mark.long) for each in (absent, failing))])
def test_a_collector_that_is_not_there_costs_a_moment(cli: Cli, kind: object) -> None:
    assert callable(kind)
    with kind() as url:
        started = time.monotonic()
        ran = cli("db", "status", env={ENDPOINT: url})
        seconds = time.monotonic() - started
    without = cli("db", "status")
    assert (ran.code, ran.out) == (without.code, without.out)
    (warning,) = [line["warning"] for line in ran.logs if line["event"] == "opentelemetry"]
    assert warning.startswith("OpenTelemetry: ")
    assert "hidden" not in warning
    assert seconds < 10  # the collector's share is at most 1.5 s of it; this machine may be busy


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"),
        pytest.param({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER must be otlp or none", marks=pytest.mark.long),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "hidden"}, "OpenTelemetry: Header format invalid!"),
        ({"PYTHONPATH": "absent"}, "pip install 'dbsvc[otel]'"),
    ],
)
def test_what_is_not_understood_is_said(cli: Cli, env: dict[str, str], says: str) -> None:
    cli.write("absent/opentelemetry/__init__.py", b"raise ImportError")
    ran = cli("datasets", env={ENDPOINT: NOBODY, "OTEL_METRICS_EXPORTER": "none", **env})
    assert ran.code == 0
    assert says in ran.err.decode()
    assert b"hidden" not in ran.err
