"""The command line as people and programs meet it: real processes."""

from __future__ import annotations

import ctypes
import json
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers import forked, usage_csv, write

GOOD = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
DBSVC = [sys.executable, "-m", "dbsvc"]


@dataclass(frozen=True)
class Ran:
    """A process that ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What programs read."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def logs(self) -> list[dict[str, Any]]:
        """What programs log."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def error(self) -> str:
        """The error that a program reads: one clear sentence."""
        (logged,) = [line for line in self.logs if line["event"] == "error"]
        assert logged["exit_code"] == self.code
        sentence = str(logged["error"])
        assert "\n" not in sentence
        assert "Traceback" not in sentence
        return sentence


@dataclass(frozen=True)
class Cli:
    """The program in a folder of its own, with the database ``url`` (or its default)."""

    folder: Path
    url: str | None = None

    def __call__(self, *arguments: str, stdin: bytes = b"", wrapper: tuple[str, ...] = (), **options: Any) -> Ran:
        env = self.env(options.pop("env", {}))
        if forked.serves(env) and not (stdin or wrapper or options):
            return Ran(*forked.run(arguments, self.folder, env))
        ran = subprocess.run(
            [*wrapper, *DBSVC, *arguments],
            cwd=self.folder,
            env=env,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
            **options,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def env(self, more: Mapping[str, str]) -> dict[str, str]:
        url = {} if self.url is None else {"DATABASE_URL": self.url}
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "DBSVC_", "NO_COLOR"))
        }
        return {**clean, **url, "COLUMNS": "100", "TERM": "xterm-256color", **more}

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content)
        return name

    def on_a_terminal(
        self, *arguments: str, types: bytes = b"", narrows: bytes = b"", ok: tuple[int, ...] = (0,), **env: str
    ) -> str:
        """What a person sees, who types that, and makes the window 20 columns narrow when there is such a text."""
        terminal, theirs = pty.openpty()
        os.write(terminal, types)
        termios.tcsetwinsize(terminal, (24, 80))
        with subprocess.Popen(
            [*DBSVC, *arguments], cwd=self.folder, env=self.env(env), stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            seen = b""
            try:
                while part := os.read(terminal, 65536):
                    seen += part
                    if narrows and narrows in seen:
                        narrows = b""
                        termios.tcsetwinsize(terminal, (24, 20))
                        seen += b"<narrow>"
            except OSError:  # Linux says so when the last writer has left
                pass
            os.close(terminal)
        assert process.returncode in ok, seen
        return seen.decode()


def summary(ran: Ran) -> dict[str, Any]:
    """The final line's counters."""
    line = ran.objects[-1]
    assert line.pop("event") == "ingested"
    assert line.pop("seconds") >= 0
    return line


def obey_file_modes() -> None:
    """Have no more rights than any other user, as root too: CAP_DAC_OVERRIDE goes."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP


def normal(text: bytes) -> str:
    """What does not change from run to run, or with every edit of a rule."""
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2021-12-31 23:59:59", text.decode())
    shown = re.sub(r"(rules:? +)[0-9a-f]{16}", r"\g<1>0123456789abcdef", shown)
    shown = re.sub(r" {2,}(?:< 1|\d+) s\b", lambda took: "< 1 s".rjust(len(took[0])), shown)
    shown = re.sub(r"\d+ other tables", "9 other tables", shown)  # a migration adds one
    return "\n".join(line.rstrip() for line in shown.splitlines())


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])(?:;\d+)*m")
