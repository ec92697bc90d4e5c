"""The nightly run is as the examples say: by cron and by systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.helpers.check_case import bills
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
