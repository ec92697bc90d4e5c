"""Shells complete commands, options, choices, checks, datasets and loads; silently, whatever is wrong, and create nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dbsvc.cli.completion import VARIABLE
from tests.helpers.cli import GOOD, Cli, Ran


def ask(cli: Cli, *words: str, shell: str = "bash", **env: str) -> Ran:
    """What a shell asks when the last of these words is to be completed."""
    typed = " ".join(("dbsvc", *words))
    asked = {
        "bash": {"COMP_WORDS": typed, "COMP_CWORD": str(len(words))},
        "zsh": {"_TYPER_COMPLETE_ARGS": typed},
        "fish": {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    ran = cli(env={VARIABLE: f"complete_{shell}", **asked, **env})
    assert (ran.code, ran.err) == (0, b"")
    return ran


def test_what_is_proposed(cli: Cli) -> None:
    cli("ingest", cli.write("usage.csv", GOOD))
    assert ask(cli, "re").out.split() == [b"revenue", b"rejects", b"report"]
    assert ask(cli, "check", "--only", "bills_o").out.split() == [b"bills_orphaned"]
    assert ask(cli, "check", "--fail-on", "").out.split() == [b"warning", b"critical"]
    assert ask(cli, "datasets", "show", "p").out.split() == [b"plants"]
    assert ask(cli, "loads", "revert", "").out.split() == [b"1"]
    assert ask(cli, "loads", "release", "").out.split() == []  # it is for none that is held
    assert b"published, usage.csv" in ask(cli, "loads", "show", "", shell="fish").out
    assert b"bills_orphaned" in ask(cli, "check", "--only", "bills_o", shell="zsh").out


def test_whatever_is_wrong(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert ask(cli, "loads", "show", "").out.split() == []
    assert ask(cli, "loads", "show", "", DATABASE_URL="postgresql://10.255.255.1/x").out.split() == []
    assert list(tmp_path.iterdir()) == []
    cli.write(".env", b"DBSVC_LOCK_SECONDS=soon\n")
    assert ask(cli, "check", "--only", "").out.split() == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_real_shell(cli: Cli, tmp_path: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    program = tmp_path / "bin" / "dbsvc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dbsvc "$@"\n')
    program.chmod(0o755)
    script = {
        "bash": 'eval "$(dbsvc completion bash)"; COMP_WORDS=(dbsvc reven); COMP_CWORD=1; '
        '$(complete -p dbsvc | sed "s/.*-F \\([^ ]*\\).*/\\1/") dbsvc; echo "${COMPREPLY[@]}"',
        "zsh": 'autoload -U compinit; compinit -D; eval "$(dbsvc completion zsh)"; echo ${_comps[dbsvc]:+revenue}',
        "fish": "dbsvc completion fish | source; complete -C 'dbsvc reven'",
    }[shell]
    env = cli.env({"PATH": f"{program.parent}:/usr/bin:/bin"})
    ran = subprocess.run([shell, "-c", script], cwd=tmp_path, env=env, capture_output=True, check=False, timeout=60)
    assert ran.stdout.split()[0] == b"revenue", ran.stderr
