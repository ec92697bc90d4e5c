"""What is delivered is whole, and runs where nothing else is: `just build` makes it, these tests try it."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT
from tests.helpers.check_case import bills

DIST = ROOT / "dist"
PROGRAMS = ["one file", "one folder"]


def test_the_wheel_is_whole_and_brings_nothing_else(tmp_path: Path) -> None:
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="pip install hatchling hatch-vcs enables this")
    (wheel,) = wheels.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not re.match(r"dbsvc-[^/]*\.(dist-info|data)/", name)}
    listed = subprocess.run(
        ["git", "ls-files", "cli", "engine", "sql", "migrations"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    tracked = {name for name in listed if (ROOT / name).exists()}
    assert len(tracked) > 500
    assert {f"dbsvc/{name}" for name in tracked} <= names
    assert {name.split("/")[0] for name in names} == {"dbsvc"}
    assert {name.split("/")[1] for name in names} == {
        *("cli", "engine", "sql", "migrations"),
        *("__init__.py", "__main__.py", "aio.py", "py.typed"),
    }


def test_help_needs_no_engine() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dbsvc", "--help"], capture_output=True, text=True, check=True
    )
    imported = set(re.findall(r"\| +(\S+)$", ran.stderr, re.MULTILINE))
    assert "dbsvc.cli.main" in imported
    heavy = (
        "dbsvc.engine.db",
        "dbsvc.engine.statements",
        "dbsvc.engine.sources",
        "psycopg",
        "sqlite3",
        "rich",
        "httpx",
        "yoyo",
    )
    assert [name for name in imported if name.startswith(heavy)] == []


@pytest.fixture(scope="module")
def built() -> Path:
    """What `just build` made."""
    if not (DIST / "SHA256SUMS").exists():
        pytest.skip("there is no dist/SHA256SUMS: `.venv/bin/just build` enables this")
    return DIST


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder that belongs to a user who owns nothing else, and is not within ours."""
    folder = Path(tempfile.mkdtemp(prefix="dbsvc-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, built: Path, place: Path) -> Path:
    """A program as it is delivered: copied, or unpacked."""
    if request.param == "one file":
        found = Path(shutil.copy(built / "dbsvc.pex", place / "dbsvc"))
    else:
        (archive,) = built.glob("dbsvc-*-*-*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        found = (place / "dbsvc").rename(place / "folder") / "dbsvc"
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    (place / "work").mkdir()
    if os.getuid() == 0:
        shutil.chown(place / "work", "nobody")
    return found


def as_nobody() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def env(place: Path, **more: str) -> dict[str, str]:
    """A machine without this environment: the system's programs, and a home."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place / "work"), "LANG": "C.UTF-8", **more}


def start(program: Path, place: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [program, *arguments],
        cwd=place / "work",
        env=env(place, **more),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **as_nobody(),
    )


def run(program: Path, place: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    process = start(program, place, *arguments, **more)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.long
def test_a_program_works_from_an_empty_folder(program: Path, place: Path, empty_url: str, dialect: str) -> None:
    url = {} if dialect == "sqlite" else {"DATABASE_URL": empty_url}  # by default a file in the folder
    (place / "work" / "usage.csv").write_bytes(bills({"day": "2021-10-01"}, {"day": "2021-10-02"}))
    code, out, err = run(program, place, "--version")
    (wheel,) = DIST.glob("*.whl")
    assert (code, out) == (0, f"dbsvc {wheel.name.split('-')[1]}\n"), err
    for arguments in (["db", "migrate"], ["ingest", "usage.csv"], ["ingest", "usage.csv"], ["check"], ["revenue"]):
        code, out, err = run(program, place, *arguments, **url)
        assert code == 0, (arguments, out, err)
    assert json.loads(out.splitlines()[0])["bills"] == 2 or "revenue" in out
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    code, out, err = run(program, place, "datasets", **url, **traced)
    assert (code, "does not start" in err, "pip install" in err) == (0, False, False), err


@pytest.mark.long
def test_nothing_is_left_by_a_kill(program: Path, place: Path) -> None:
    """Whoever kills the process that he started has killed all of it: also while it loads."""
    run(program, place, "--help")
    for milliseconds in (5, 20, 50, 100, 200, 400, 800):
        process = start(program, place, "ingest", "-")
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.05)
        assert [line for line in running() if str(place) in line] == []


def running() -> list[str]:
    """The command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.long
def test_help_is_quick(program: Path, place: Path) -> None:
    """The processor's seconds, warm: those of a machine that is busy are as many."""

    def measure(*command: str | Path) -> float:
        seconds = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, cwd=place / "work", env=env(place), capture_output=True, check=True, **as_nobody())
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return sorted(seconds)[2]

    run(program, place, "--help")
    mine, python = measure(program, "--help"), measure("/usr/bin/env", "python3", "-c", "pass")
    print(f"--help {mine:.3f} s, python3 -c pass {python:.3f} s")
    assert mine < python + 0.2


@pytest.mark.long
def test_one_file_works_without_a_home(built: Path, place: Path) -> None:
    """Nowhere to write but /tmp, and no home: it says so, and works."""
    found = Path(shutil.copy(built / "dbsvc.pex", place / "dbsvc"))
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    (place / "work").mkdir()
    code, out, err = run(found, place, "--version", HOME="/nonexistent")
    assert (code, out.startswith("dbsvc ")) == (0, True), err


@pytest.mark.long
def test_hashes_and_sbom_are_of_what_is_delivered(built: Path) -> None:
    sums = {line.split()[1]: line.split()[0] for line in (built / "SHA256SUMS").read_text().splitlines()}
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built.iterdir() if path.name in sums}
    assert set(sums) == {path.name for path in built.iterdir()} - {"SHA256SUMS"}
    bom = json.loads((built / "dbsvc.cdx.json").read_text())
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "deploy" / "requirements.txt").read_text(), re.MULTILINE)
    assert {(each["name"], each["version"]) for each in bom["components"]} == set(pinned)
    root = bom["metadata"]["component"]
    assert root["name"] == "dbsvc"
    names = {each["bom-ref"]: each["name"] for each in [root, *bom["components"]]}
    needs = {names[each["ref"]]: {names[ref] for ref in each.get("dependsOn", [])} for each in bom["dependencies"]}
    assert set(needs) == set(names.values())
    assert {"obstore", "psycopg", "typer", "apprise"} <= needs["dbsvc"]
    assert "psycopg-binary" in needs["psycopg"]
    reached, waiting = set(), ["dbsvc"]
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += needs[name]
    assert set(needs) - reached == set()  # all that is in it, something needs
