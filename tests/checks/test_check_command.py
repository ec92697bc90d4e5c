"""`dbsvc check` as Nagios, people and programs meet it; what a run says of itself; `dbsvc trace`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families
from syrupy.assertion import SnapshotAssertion

from dbsvc import Database
from dbsvc.engine.checks import load_checks
from tests.helpers import ROOT, query
from tests.helpers.check_case import bills, execute
from tests.helpers.cli import Cli, Ran, normal
from tests.helpers.rates import final, tell

SAMPLES = ROOT / "samples"
SOME = ["--only", "bill_days_missing,fx_rates_missing", "--only", "loads_held"]


@pytest.fixture
def cli(tmp_path: Path, url: str) -> Cli:
    return Cli(tmp_path, url)


def first_line(ran: Ran) -> str:
    return ran.out.decode().splitlines()[0]


def gap(cli: Cli) -> None:
    """Bills with a day missing."""
    cli("ingest", cli.write("gap.csv", bills({"day": "2021-10-01"}, {"day": "2021-10-03"})))


def no_gap(cli: Cli) -> None:
    """A bill with which nothing is wrong."""
    cli("ingest", cli.write("fine.csv", bills({"day": "2021-10-01"})))


def no_rate(cli: Cli) -> None:
    """A bill without a rate."""
    cli("ingest", cli.write("euro.csv", bills({"bill": 9, "currency": "EUR"})))


# --- Nagios


@pytest.mark.slow  # it starts many processes
def test_nagios(cli: Cli, db: Database) -> None:
    no_gap(cli)
    ran = cli("check", *SOME)
    assert ran.code == 0
    assert ran.out.decode().splitlines() == [
        "OK: 3 checks are fine | bill_days_missing=0;0;;0 fx_rates_missing=0;;0;0 loads_held=0;0;;0"
    ]
    gap(cli)
    ran = cli("check", *SOME)
    assert ran.code == 1
    assert first_line(ran) == (
        "WARNING: 1 of 3 checks: bill_days_missing (1) | bill_days_missing=1;0;;0 fx_rates_missing=0;;0;0 loads_held=0;0;;0"
    )
    no_rate(cli)
    ran = cli("check", *SOME)
    assert ran.code == 2
    assert first_line(ran).startswith("CRITICAL: 2 of 3 checks: fx_rates_missing (1), bill_days_missing (1) | ")
    tell(db, final("0.9", currency="EUR"))
    assert cli("check", *SOME, "--fail-on", "critical").code == 0
    assert cli("check", *SOME, "--fail-on", "warning").code == 1
    assert cli("check", *SOME, "--since", "2021-10-02").code == 0
    assert cli("check", "--only", "fx_rates_missing").code == 0
    assert cli("check", "--dataset", "usage", "--only", "bill_days_missing").code == 1


def test_a_check_that_cannot_run_is_unknown_and_never_ok(cli: Cli, db: Database) -> None:
    execute(db, "DROP VIEW revenue_daily", "DROP VIEW bills_in_usd", "DROP TABLE fx_rates_history", "DROP TABLE fx_rates")
    execute(db, "CREATE TABLE fx_rates (rate_date date)")
    no_gap(cli)
    ran = cli("check", *SOME)
    assert ran.code == 3
    assert first_line(ran).startswith("UNKNOWN: 1 of 3 checks: fx_rates_missing (cannot run) | ")
    assert "fx_rates_missing=U;;0;0" in first_line(ran)
    assert query(db, "SELECT check_name, state, findings FROM check_results ORDER BY check_name")[1] == (
        "fx_rates_missing",
        "unknown",
        None,
    )
    gap(cli)
    assert cli("check", *SOME).code == 3  # a warning does not hide it


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["--only", "nothing"], {}, "UNKNOWN: There is no check nothing, only "),
        (["--dataset", "planets"], {}, "UNKNOWN: There is no dataset with checks planets"),
        (["--explain", "nothing"], {}, "UNKNOWN: There is no check nothing"),
        (
            [],
            {"DATABASE_URL": "postgresql://u:GeheimWort@127.0.0.1:1/x"},
            "UNKNOWN: postgresql://127.0.0.1:1/x is not reachable",
        ),
        ([], {"DATABASE_URL": "oracle://x"}, "UNKNOWN: DATABASE_URL must begin with"),
        ([], {"DBSVC_CHECK_DAYS": "many"}, "UNKNOWN: The setting DBSVC_CHECK_DAYS must be"),
        (
            ["--only", "customers_stopped"],
            {"DBSVC_CHECK_CUSTOMERS_STOPPED_MIN_DAYS": "-1"},
            "UNKNOWN: The setting DBSVC_CHECK_CUSTOMERS_STOPPED_MIN_DAYS must be a number, such as 5.",
        ),
    ],
)
def test_what_cannot_be_checked_is_unknown(tmp_path: Path, arguments: list[str], env: dict[str, str], says: str) -> None:
    cli = Cli(tmp_path)
    cli("db", "migrate")
    ran = cli("check", *arguments, env=env)
    assert (ran.code, first_line(ran)[: len(says)]) == (3, says)
    assert b"Geheim" not in ran.out + ran.err


def test_debug_shows_the_traceback_and_stays_a_plugin(tmp_path: Path) -> None:
    ran = Cli(tmp_path)("check", "--debug", env={"DATABASE_URL": "postgresql://u:GeheimWort@127.0.0.1:1/x"})
    assert (ran.code, first_line(ran)[:8]) == (3, "UNKNOWN:")
    assert b"Traceback" in ran.err
    assert b"Geheim" not in ran.out + ran.err


@pytest.mark.parametrize("arguments", [["--what"], ["--fail-on", "nothing"], ["--since", "yesterday"]])
def test_a_command_line_that_is_not_understood_is_unknown(tmp_path: Path, arguments: list[str]) -> None:
    assert Cli(tmp_path)("check", *arguments).code == 3


@pytest.mark.slow  # it starts many processes
def test_thresholds_are_settings(cli: Cli) -> None:
    rows = [{"day": f"2021-10-{day:02}", "name": "Other"} for day in range(1, 10)]
    cli("ingest", cli.write("usage.csv", bills(*rows, *({"day": f"2021-10-0{day}", "name": "Regular"} for day in range(1, 6)))))
    only = ["check", "--only", "customers_stopped"]
    assert cli(*only).code == 0
    cli.write(".env", b"DBSVC_CHECK_CUSTOMERS_STOPPED_SILENT_DAYS=3\n")
    assert cli(*only).code == 1
    assert cli(*only, env={"DBSVC_CHECK_CUSTOMERS_STOPPED_SILENT_DAYS": "4"}).code == 0


@pytest.mark.slow  # it starts many processes
def test_it_looks_back_from_the_newest_day_as_far_as_it_is_told(cli: Cli) -> None:
    days = ["2021-09-01", "2021-09-03", "2021-10-09", "2021-10-10", "2021-10-11"]
    cli("ingest", cli.write("usage.csv", bills(*({"day": day} for day in days))))

    def found(*arguments: str, **env: str) -> int:
        return int(cli("check", "--only", "bill_days_missing", "--output", "json", *arguments, env=env).objects[0]["findings"])

    assert found() == 0  # the 28 days before 2021-10-11
    assert found(DBSVC_CHECK_DAYS="38") == 1
    assert found("--since", "2021-09-01") == 2


@pytest.mark.slow  # it starts many processes
def test_since_when(cli: Cli, db: Database) -> None:
    only = ["check", "--only", "bill_days_missing", "--output", "json"]
    no_gap(cli)
    assert cli(*only).objects[0]["since"] is None
    gap(cli)
    first, second = (cli(*only).objects[0]["since"] for _ in range(2))
    stored = query(db, "SELECT checked_at FROM check_results ORDER BY checked_at")[1][0]
    assert first == second == stored.isoformat().replace("+00:00", "Z")
    cli("ingest", cli.write("corrected.csv", bills({"day": "2021-10-02"})))
    assert cli(*only).objects[0]["since"] is None
    cli("ingest", cli.write("more.csv", bills({"day": "2021-10-05"})))
    assert cli(*only).objects[0]["since"] > first
    assert [state for (state,) in query(db, "SELECT state FROM check_results ORDER BY checked_at")] == [
        "ok",
        "warning",
        "warning",
        "ok",
        "warning",
    ]


def test_without_a_record(cli: Cli, db: Database) -> None:
    gap(cli)
    only = ["check", "--only", "bill_days_missing", "--output", "json"]
    ran = cli(*only, "--no-record")
    assert (ran.code, ran.objects[0]["since"] is None) == (1, False)
    assert query(db, "SELECT * FROM check_results") == []
    since = cli(*only).objects[0]["since"]
    assert cli(*only, "--no-record").objects[0]["since"] == since
    assert len(query(db, "SELECT * FROM check_results")) == 1


# --- programs


def test_json(cli: Cli) -> None:
    gap(cli)
    *results, last = cli("check", *SOME, "--output", "json").objects
    assert last == {"event": "checked", "state": "warning", "checks": 3, "ok": 2, "warning": 1, "critical": 0, "unknown": 0}
    found = results[0]
    assert (found["check"], found["state"], found["findings"]) == ("bill_days_missing", "warning", 1)
    assert [{name: str(value) for name, value in row.items()} for row in found["sample"]] == [
        {"last_day_before": "2021-10-01", "first_day_after": "2021-10-03"}
    ]
    assert {"title", "severity", "meaning", "do", "runbook", "query", "since", "seconds"} <= found.keys()


def test_junit(cli: Cli, db: Database) -> None:
    gap(cli)
    execute(db, "INSERT INTO currencies (code) VALUES ('X\x01<')")
    suite = ElementTree.fromstring(cli("check", *SOME, "--output", "junit").out.decode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    case, *others = suite.findall("testcase")
    failure = case.find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("warning", "1 found: Days without bills")
    assert "FROM bills" in (failure.text or "")
    assert all(len(other) == 0 for other in others)


@pytest.mark.slow  # it starts many processes
def test_a_finding_of_many_rows_is_sampled(cli: Cli) -> None:
    cli("ingest", cli.write("usage.csv", bills(*({"day": f"2021-10-{day:02}"} for day in range(1, 30, 2)))))
    (found, _) = cli("check", "--only", "bill_days_missing", "--output", "json").objects
    assert (found["findings"], len(found["sample"])) == (14, 10)
    assert (
        "Showing 10 of 14 rows; `dbsvc check --only bill_days_missing --limit 14` shows all."
        in cli("check", "--only", "bill_days_missing").out.decode()
    )
    (found, _) = cli("check", "--only", "bill_days_missing", "--limit", "0", "--output", "json").objects
    assert len(found["sample"]) == 14


# --- people


@pytest.mark.slow  # it starts many processes
def test_what_people_read(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    cli = Cli(tmp_path)

    def run(*arguments: str, env: dict[str, str] | None = None) -> None:
        ran = cli("check", *arguments, env=env or {})
        shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(?!:)", "2021-12-31 23:59", normal(ran.out))
        shown = re.sub(r'time="[\d.]+"', 'time="0.001"', re.sub(r'"seconds": [\d.]+', '"seconds": 0.001', shown))
        shown = re.sub(r'"since": "[^"]+"', '"since": "2021-12-31T23:59:59Z"', shown)
        shown = shown.replace(str(tmp_path), "/folder")
        assert f"$ dbsvc check {' '.join(arguments)}\nexit code {ran.code}\n{shown}" == snapshot

    run(*SOME)
    cli("db", "migrate")
    run(*SOME)
    no_gap(cli)
    run(*SOME)
    gap(cli)
    no_rate(cli)
    run(*SOME)
    run(*SOME, "--output", "json")
    run(*SOME, "--output", "junit")
    run("--explain", "customers_stopped", env={"DBSVC_CHECK_CUSTOMERS_STOPPED_SILENT_DAYS": "3"})
    run("--explain", "loads_held")


def test_a_person_on_a_terminal_is_spared_the_perfdata(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    no_gap(cli)
    assert cli.on_a_terminal("check", *SOME, NO_COLOR="1").splitlines()[0] == "OK: 3 checks are fine"


# --- what a run says of itself


def metrics(cli: Cli, name: str = "dbsvc.prom") -> dict[tuple[str, ...], float]:
    """Name and labels of each metric."""
    text = (cli.folder / name).read_text()
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "command")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_of_a_load(cli: Cli) -> None:
    content = bills({}, {}, {"day": "never"}, {"day": "never", "currency": "QQQ"}, *({} for _ in range(9)))
    ran = cli("ingest", cli.write("usage.csv", content), "--metrics-file", "dbsvc.prom")
    assert ran.code == 0
    found = metrics(cli)
    assert found["dbsvc_run_exit_code",] == 0
    assert found["dbsvc_retries",] == 0
    assert (found["dbsvc_records", "read"], found["dbsvc_records", "inserted"], found["dbsvc_records", "rejected"]) == (
        13,
        11,
        2,
    )
    assert (found["dbsvc_rejected", "bill_date_invalid"], found["dbsvc_rejected", "currency_unknown"]) == (2, 1)
    assert {"scan", "stage", "audit", "publish"} == {key[1] for key in found if key[0] == "dbsvc_phase_seconds"}
    assert found["dbsvc_run_timestamp_seconds",] > 1.6e9
    (line,) = [line for line in ran.logs if line["event"] == "run"]
    assert line.items() >= {"command": "ingest", "exit_code": 0, "retries": 0}.items()
    assert (line["records"]["read"], line["rejected"]) == (13, {"bill_date_invalid": 2, "currency_unknown": 1})


def test_metrics_of_a_check_and_of_a_failure(cli: Cli) -> None:
    gap(cli)
    cli("check", *SOME, "--metrics-file=dbsvc.prom")
    found = metrics(cli)
    assert (found["dbsvc_run_exit_code",], found["dbsvc_check_state", "bill_days_missing"]) == (1, 1)
    assert (found["dbsvc_check_findings", "bill_days_missing"], found["dbsvc_check_findings", "loads_held"]) == (1, 0)
    assert cli("ingest", "nothing.csv", "--metrics-file", "dbsvc.prom").code == 66
    assert metrics(cli)["dbsvc_run_exit_code",] == 66


def test_metrics_as_they_are_written(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    cli = Cli(tmp_path)
    gap(cli)
    cli("check", *SOME, "--metrics-file", "dbsvc.prom")
    text = (cli.folder / "dbsvc.prom").read_text()
    assert re.sub(r"(dbsvc_run_(?:timestamp_)?seconds\{[^}]*\}) .*", r"\1 1", text) == snapshot


def test_metrics_that_cannot_be_written_are_told(cli: Cli) -> None:
    no_gap(cli)
    ran = cli("check", *SOME, "--metrics-file", "nowhere/dbsvc.prom")
    assert ran.code == 0
    assert "nowhere/dbsvc.prom: the metrics cannot be written" in ran.error


@pytest.mark.parametrize("command", ["status", "loads", "rejects", "revenue", "db status", "loads show 9", "fx --missing"])
def test_who_only_reads_logs_nothing(cli: Cli, command: str) -> None:
    """Unless all is to be logged: then the last line says what the run was."""
    ran = cli(*command.split())
    assert {line["event"] for line in ran.logs} <= ({"run"} if command == "fx --missing" else {"error"})
    ran = cli(*command.split(), env={"DBSVC_LOG_LEVEL": "debug"})
    assert ran.logs[-1].items() >= {"event": "run", "command": command.split()[0], "exit_code": ran.code}.items()
    assert ran.logs[-1]["seconds"] >= 0


# --- trace


def test_trace_a_bill(cli: Cli, db: Database) -> None:
    cli("ingest", cli.write("a.csv", bills({"one": "1"}, {"bill": 1, "one": "2"})))
    cli("loads", "release", "1")  # it contradicts itself
    cli("ingest", cli.write("b.csv", bills({"one": "3", "currency": "ILS"})))
    tell(db, final("3.2"))
    *versions, result = cli("trace", "bill", "2021-10-01", "1").objects
    assert [
        (v["state"], v["load_id"], v["source"], v["line_no"], v["product1_revenue"], v["replaced_by_load_id"]) for v in versions
    ] == [
        ("superseded", 1, "a.csv", 2, "1.00000000", 1),
        ("replaced", 1, "a.csv", 3, "2.00000000", 2),
        ("current", 2, "b.csv", 2, "3.00000000", None),
    ]
    assert all(len(version["rules"]) == 16 for version in versions)
    assert result.items() >= {"rate": "3.2", "product1_usd": "0.937500000000", "provider": "told", "provisional": False}.items()
    ran = cli("trace", "bill", "2021-10-01", "2")
    assert (ran.code, ran.error) == (
        65,
        "There is no row 2021-10-01 2 of usage, and never was; `dbsvc rejects` shows what was not accepted.",
    )


@pytest.mark.slow  # it starts many processes
def test_trace_a_reading(cli: Cli) -> None:
    for name in ("plants.csv", "inverters.csv", "telemetry.jsonl"):
        cli("ingest", cli.write(name, (SAMPLES / name).read_bytes()))
    changed = (SAMPLES / "telemetry.jsonl").read_bytes().splitlines()[1].replace(b'"12.5"', b'"12.6"')
    cli("ingest", cli.write("more.jsonl", changed + b"\n"))
    *versions, result = cli("trace", "reading", "inv_negev_1", "2025-03-30T11:00:00+03:00").objects
    assert [(v["state"], v["event_id"], v["source"], v["line_no"], v["ac_power"]) for v in versions] == [
        ("replaced", "e_02", "telemetry.jsonl", 2, 12.5),
        ("current", "e_02", "more.jsonl", 1, 12.6),
    ]
    assert (result["ac_power_w"], result["day"], result["event_id"]) == (12600.0, "2025-03-30", "e_02")
    assert cli("trace", "reading", "inv_negev_1", "2025-03-30 08:00").code == 0
    assert cli("trace", "reading", "inv_negev_1", "2025-03-30T08:00:01Z").code == 65
    assert cli("trace", "reading", "inv_negev_1", "noon").code == 2


@pytest.mark.slow  # it starts many processes
def test_trace_as_people_read_it(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    cli = Cli(tmp_path)
    for name in ("plants.csv", "inverters.csv", "telemetry.jsonl", "usage.csv"):
        cli("ingest", cli.write(name, (SAMPLES / name).read_bytes()))
    for command in ("bill 2021-11-02 2", "reading inv_negev_1 2025-03-30T08:00:00Z"):
        shown = normal(cli("trace", *command.split(), "--output", "table").out)
        shown = re.sub(r"(rules|sha256):\s+[0-9a-f]+", r"\1: 0123456789abcdef", shown)
        assert f"$ dbsvc trace {command}\n{shown}" == snapshot


def test_every_check_explains_itself(tmp_path: Path) -> None:
    from dbsvc.engine.statements.catalog import Statements

    known = {dialect: load_checks(Statements((dialect,))) for dialect in ("sqlite", "postgresql")}
    for check, other in zip(*known.values(), strict=True):
        for of in ("name", "title", "severity", "dataset", "todo", "runbook", "meaning", "thresholds"):
            assert getattr(check, of) == getattr(other, of), check.name
        assert check.meaning.endswith("."), check.name
        assert check.title[0].isupper(), check.name
        assert all(re.fullmatch(r"[\d.]+", default) and meaning for default, meaning in check.thresholds.values()), check.name
    assert json.loads(Cli(tmp_path)("check", "--explain", "loads_held", "--output", "json").out)["thresholds"] == []
