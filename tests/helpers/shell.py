"""Commands of the documentation, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT

RUNBOOK = (ROOT / "RUNBOOK.md").read_text()


def run(command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run shell commands with this environment's dbsvc; the exit code is the last command's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, env={**os.environ, "PATH": path, **env}, text=True, capture_output=True, check=False
    )


def text_of(title: str) -> str:
    """A RUNBOOK section."""
    match = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert match, f"RUNBOOK has no section {title}"
    return match[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in that language, but for those that say why they are not run."""
    found = re.findall(rf"^(<!-- not run: [^\n]+ -->\n)?```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [block for excused, block in found if not excused]


#: What a section says its variables are; whoever follows it puts his own values there.
SET = re.compile(r"^(LOAD|FILE|DAY)=\S+( +#.*)?\n", re.MULTILINE)


def section(title: str) -> list[str]:
    """The commands of a RUNBOOK section, a string a block, without the values of its variables."""
    return [SET.sub("", block) for block in blocks(text_of(title), "sh")]
