"""What happens to loads is told to OpenLineage if its variables say so, and changes nothing else."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import usage_csv
from tests.helpers.cli import GOOD, Cli
from tests.helpers.growing import event as reading
from tests.helpers.receiver import Told, told

pytest.importorskip("openlineage.client", reason="pip install -e '.[openlineage]' enables this")

#: the folder ``spec`` of a checkout of OpenLineage: its schemas are in no package
SPEC = os.environ.get("DBSVC_TEST_OPENLINEAGE_SPEC", "")
MIXED = usage_csv([("2021-10-01", n, "QQQ" if n == 9 else "USD", "a", 1, 0) for n in range(1, 30)])
HELD = usage_csv([("2021-10-01", n, "QQQ" if n else "USD", "a", 1, 0) for n in range(5)])


@pytest.fixture
def receiver() -> Iterator[Told]:
    with told() as found:
        yield found


def kinds(receiver: Told) -> list[str]:
    return [event["eventType"] for event in receiver.messages]


def url_of(receiver: Told) -> dict[str, str]:
    return {"OPENLINEAGE_URL": f"http://127.0.0.1:{receiver.port}", "OPENLINEAGE_API_KEY": "hidden-1234567890"}


def validate(events: list[Any]) -> None:
    """Compare events with the published schemas, each facet with the one that it names."""
    jsonschema: Any = pytest.importorskip("jsonschema")
    referencing: Any = pytest.importorskip("referencing")
    files = [*Path(SPEC).glob("*.json"), *Path(SPEC).glob("facets/*.json")]
    schemas = [json.loads(path.read_text()) for path in files]
    pairs = ((schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas)
    registry = referencing.Registry().with_resources(pairs)
    newest = {schema["$id"].rpartition("/")[2]: schema["$id"] for schema in schemas}

    def check(value: Any, url: str) -> None:
        place, _, pointer = url.partition("#")
        reference = {"$ref": f"{newest[place.rpartition('/')[2]]}#{pointer}"}
        jsonschema.Draft202012Validator(reference, registry=registry, format_checker=jsonschema.FormatChecker()).validate(value)

    def facets(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if "_schemaURL" in value:
                yield value
            for each in value.values():
                yield from facets(each)
        elif isinstance(value, list):
            for each in value:
                yield from facets(each)

    for event in events:
        check(event, event["schemaURL"])
        for facet in facets(event):
            check(facet, facet["_schemaURL"])


@pytest.mark.one_database
def test_a_load_is_told_from_start_to_end(cli_on: Cli, receiver: Told) -> None:
    parent = "airflow/nightly.load/0176f6f3-5b2e-7000-8000-0123456789ab"
    cli_on.write("usage.csv", MIXED)
    env = {**url_of(receiver), "OPENLINEAGE_NAMESPACE": "ours", "OPENLINEAGE_PARENT_ID": parent}
    ran = cli_on("ingest", "usage.csv", env=env)
    assert (ran.code, kinds(receiver)) == (0, ["START", "RUNNING", "COMPLETE"])
    assert b"hidden" not in ran.err
    assert len({event["run"]["runId"] for event in receiver.messages}) == 1
    start, _, end = receiver.messages
    assert end["job"]["namespace"] == "ours"
    assert end["job"]["name"] == "ingest.usage"
    assert end["run"]["facets"]["parent"]["job"]["name"] == "nightly.load"
    given, rates = end["inputs"]
    made, *derived = end["outputs"]
    assert (given["namespace"], given["name"]) == ("file", str(cli_on.folder / "usage.csv"))
    quality = given["inputFacets"]
    assert quality["dataQualityMetrics"]["rowCount"] == 29
    assertions = {
        (each["assertion"], each.get("column")): each["success"] for each in quality["dataQualityAssertions"]["assertions"]
    }
    assert assertions["currency_unknown", "Currency"] is False
    assert assertions["bill_id_missing", "Bill_ID"] is assertions["audits", None] is True
    assert made["name"].endswith(".bills")
    assert [field["name"] for field in made["facets"]["schema"]["fields"]][:2] == ["bill_date", "bill_id"]
    (origin,) = made["facets"]["columnLineage"]["fields"]["currency"]["inputFields"]
    assert (origin["name"], origin["field"]) == (given["name"], "Currency")
    assert made["facets"]["version"]["datasetVersion"] == "1"
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 28
    assert [each["name"].rpartition(".")[2] for each in (rates, *derived)] == ["fx_rates", "bills_in_usd", "revenue_daily"]
    assert origins(derived[1], "revenue_usd") == {
        ("usage.csv", "Product1 revenue"): "AGGREGATION",
        ("usage.csv", "Product2 revenue"): "AGGREGATION",
        ("usage.csv", "Date_"): "AGGREGATION",
        ("usage.csv", "Currency"): "AGGREGATION",
        ("fx_rates", "inverse_rate"): "AGGREGATION",
    }
    assert "dataQualityMetrics" not in start["inputs"][0]["inputFacets"]
    # nothing is told of what is known
    cli_on("ingest", "usage.csv", env=env)
    cli_on("ingest", "--dry-run", "usage.csv", env=env)
    assert len(receiver.messages) == 3
    if SPEC:
        validate(receiver.messages)


def origins(output: Any, column: str) -> dict[tuple[str, str], str]:
    """Which fields of which inputs a column is made of, and how."""
    fields = output["facets"]["columnLineage"]["fields"][column]["inputFields"]
    names = [Path(each["name"]).name.removeprefix("main.").rpartition(".public.")[2] for each in fields]
    return {(name, each["field"]): each["transformations"][0]["subtype"] for name, each in zip(names, fields, strict=True)}


def test_what_is_derived_is_told_down_to_the_fields_of_the_file(cli: Cli, receiver: Told) -> None:
    cli.write("plants.csv", b"plant_id,name,location,timezone\np1,a,,Europe/Paris\n")
    cli.write("inverters.csv", b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\ni1,p1,,,100,\n")
    cli.write("events.jsonl", reading(0) + reading(1))
    assert cli("ingest", ".", env=url_of(receiver)).code == 0
    told_last = receiver.messages[-1]
    assert (told_last["job"]["name"], told_last["eventType"]) == ("ingest.telemetry", "COMPLETE")
    _, *besides = told_last["inputs"]
    tables = {each["name"]: [field["name"] for field in each["facets"]["schema"]["fields"]] for each in besides}
    assert tables == {"main.plants": ["timezone"], "main.power_units": ["watts"], "main.inverters": ["capacity_kw"]}
    outputs = {each["name"]: each for each in told_last["outputs"]}
    readings, summaries = outputs["main.inverter_telemetry_clean"], outputs["main.inverter_daily_summary"]
    file = "events.jsonl"
    assert origins(readings, "day") == {(file, "event_time"): "TRANSFORMATION", ("plants", "timezone"): "TRANSFORMATION"}
    assert origins(summaries, "energy_wh") == {
        (file, "event_time"): "AGGREGATION",
        (file, "energy_wh_total"): "AGGREGATION",
        ("inverters", "capacity_kw"): "AGGREGATION",
    }
    grouped = [
        (each["field"], each["transformations"][0]["subtype"]) for each in summaries["facets"]["columnLineage"]["dataset"]
    ]
    assert grouped == [(name, "GROUP_BY") for name in ("plant_id", "inverter_id", "event_time", "timezone")]
    assert (
        summaries["facets"]["version"]["datasetVersion"]
        == outputs["main.inverter_telemetry_raw"]["facets"]["version"]["datasetVersion"]
    )
    # every field that is named is one of an input
    fields = {(each["name"], field["name"]) for each in told_last["inputs"] for field in each["facets"]["schema"]["fields"]}
    for output in told_last["outputs"]:
        for made in output["facets"]["columnLineage"]["fields"].values():
            assert {(each["name"], each["field"]) for each in made["inputFields"]} <= fields
    if SPEC:
        validate(receiver.messages)


def test_a_held_load_and_its_release_are_one_run(cli: Cli, receiver: Told) -> None:
    cli.write("usage.csv", HELD)
    cli.write("broken.jsonl", b'{"event_id": "1", "plant_id": "p", "inverter_id": "i", "event_time": "x"}\n')
    env = url_of(receiver)
    assert cli("ingest", "usage.csv", env=env).code == 65
    assert cli("loads", "release", "1", env=env).code == 0
    assert kinds(receiver) == ["START", "FAIL", "COMPLETE"]
    assert len({event["run"]["runId"] for event in receiver.messages}) == 1
    failed = receiver.messages[1]
    assert "rejected" in failed["run"]["facets"]["errorMessage"]["message"]
    audits = failed["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"][-1]
    assert (audits["assertion"], audits["success"]) == ("audits", False)
    assert cli("loads", "revert", "1", "--yes", env=env).code == 0
    assert kinds(receiver)[-1] == "ABORT"
    if SPEC:
        validate(receiver.messages)


def test_a_file_that_breaks_off_has_failed(cli: Cli, receiver: Told) -> None:
    rows = [("2021-10-01", n, "USD", hashlib.sha256(str(n).encode()).hexdigest(), n, 0) for n in range(30_000)]
    cli.write("usage.csv.gz", gzip.compress(usage_csv(rows), 1)[:-1000])
    ran = cli("ingest", "usage.csv.gz", env=url_of(receiver))
    assert (ran.code, kinds(receiver)) == (65, ["FAIL"])
    assert "usage.csv" in receiver.messages[0]["run"]["facets"]["errorMessage"]["message"]


PROGRAM = """
import dbsvc, multiprocessing
dbsvc.ingest("1.csv", database="sqlite:///ours.db")
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.apply(dbsvc.ingest, ["2.csv"], {"database": "sqlite:///ours.db"})
    pool.close()
    pool.join()
"""


def test_a_program_and_its_processes_tell_all_before_they_end(tmp_path: Path, receiver: Told) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_bytes(usage_csv([("2021-10-01", number, "USD", "x", 1, 0)]))
    env = {**os.environ, **url_of(receiver)}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=env, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr, sorted(kinds(receiver))) == (0, b"", sorted(["START", "RUNNING", "COMPLETE"] * 2))


OFF = {"OPENLINEAGE_URL": "http://127.0.0.1:1", "OPENLINEAGE_DISABLED": "true"}


@pytest.mark.parametrize("env", [OFF, pytest.param({}, marks=pytest.mark.long)])
def test_it_is_off(cli: Cli, env: dict[str, str]) -> None:
    cli.write("usage.csv", GOOD)
    ran = cli("ingest", "usage.csv", env={**env, "PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.code == 0
    assert b"openlineage.client" not in ran.err


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"OPENLINEAGE_URL": "http://127.0.0.1:1/hidden"}, "OpenLineage: "),
        pytest.param({"OPENLINEAGE_URL": "no url"}, "OpenLineage: ", marks=pytest.mark.long),
        pytest.param({"OPENLINEAGE__TRANSPORT__TYPE": "pigeon"}, "OpenLineage: ", marks=pytest.mark.long),
        ({"OPENLINEAGE_URL": "http://127.0.0.1:1", "PYTHONPATH": "absent"}, "pip install 'dbsvc[openlineage]'"),
    ],
)
def test_who_is_not_there_is_said_once_and_costs_a_moment(cli: Cli, env: dict[str, str], says: str) -> None:
    cli.write("absent/openlineage/__init__.py", b"raise ImportError")
    cli.write("usage.csv", GOOD)
    started = time.monotonic()
    ran = cli("ingest", "usage.csv", env=env)
    assert time.monotonic() - started < 20  # the receiver's share is 1.5 s of it; this machine may be busy
    assert ran.code == 0
    (warning,) = [line["warning"] for line in ran.logs if line["event"] == "openlineage"]
    assert says in warning
    assert b"hidden" not in ran.err
