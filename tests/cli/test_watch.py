"""``dbsvc status --watch`` shows what changes, by one connection, and ends quietly."""

from __future__ import annotations

import json
import signal
import subprocess

from tests.helpers.cli import DBSVC, GOOD, Cli


def test_what_changes_is_shown(cli: Cli) -> None:
    command = [*DBSVC, "status", "--watch", "--every", "0.2"]
    with subprocess.Popen(command, cwd=cli.folder, env=cli.env({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout
        assert watching.stderr
        assert json.loads(watching.stdout.readline())["loads"] == []
        cli("ingest", cli.write("usage.csv", GOOD))
        while not json.loads(watching.stdout.readline())["loads"]:
            pass
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
        assert watching.stderr.read() == b""
    assert watching.returncode == 130


def test_a_reader_that_leaves_ends_it(cli: Cli) -> None:
    command = [*DBSVC, "status", "--watch", "--every", "0.2"]
    with subprocess.Popen(
        command, cwd=cli.folder, env=cli.env({}), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as watching:
        assert watching.stdout
        watching.stdout.readline()
        watching.stdout.close()
        assert watching.wait(30) == 128 + signal.SIGPIPE
