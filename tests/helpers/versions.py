"""Test on the oldest and the newest versions we support: `just test-versions` of the databases, `just test-pythons` of Python.

What is not here is skipped, and said, with how to get it. Arguments are pytest's, instead of our choice of tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "var" / "versions"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
FAST = ["-m", "not slow and not long"]
#: The tests that depend on the database's version.
SQL = [f"tests/{folder}" for folder in ("checks", "datasets", "db", "functions", "fx", "loads", "reports")]

#: A version of SQLite, and the npm package's that brings its source.
SQLITE = {"3.39": "better-sqlite3@7.6.2", "3.54": "better-sqlite3@13.2.0"}


#: An interpreter, and what its environment has more.
Chosen = tuple[str, Mapping[str, str]]


class NotHereError(Exception):
    """A version that is not here: why, and how to get it."""


def use_postgresql(version: str) -> Chosen:
    """Choose a PostgreSQL of the distribution, or of a folder that is named."""
    setting = f"DBSVC_TEST_PG_BIN_{version}"
    binaries = Path(os.environ.get(setting) or f"/usr/lib/postgresql/{version}/bin")
    if not (binaries / "initdb").exists():
        raise NotHereError(f"apt-get install postgresql-{version}, or set {setting} to its folder bin")
    return sys.executable, {"DBSVC_TEST_PG_BIN": str(binaries)}


def use_the_wheel() -> Chosen:
    """Choose the PostgreSQL that the environment brings along."""
    return sys.executable, {}


def use_sqlite(version: str) -> Chosen:
    """Give Python's own module sqlite3 another library, which is built once."""
    folder = BUILT / f"sqlite-{version}"
    library = folder / "libsqlite3.so.0"
    if not library.exists():
        if sys.platform != "linux" or not (shutil.which("npm") and shutil.which("cc")):
            raise NotHereError(f"building it needs Linux, npm and cc; or put {library.name} into {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        package = run(["npm", "pack", "--silent", SQLITE[version]], folder).split()[-1]
        run(["tar", "xf", package], folder)
        options = ["-O1", "-fPIC", "-shared", f"-Wl,-soname,{library.name}", "-DSQLITE_ENABLE_MATH_FUNCTIONS"]
        source = "package/deps/sqlite3/sqlite3.c"
        run(["cc", *options, "-o", f"{library.name}.part", source, "-lm", "-lpthread", "-ldl"], folder)
        (folder / f"{library.name}.part").rename(library)
    env = {"LD_LIBRARY_PATH": str(folder)}
    used = run([sys.executable, "-c", "import sqlite3; print(sqlite3.sqlite_version)"], folder, env).strip()
    if not used.startswith(f"{version}."):
        raise NotHereError(f"this Python has SQLite {used} built in: use one that is linked to the system's library")
    return sys.executable, env


def use_python(version: str) -> Chosen:
    """Make a virtual environment of that Python."""
    folder = BUILT / f"python-{version}"
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        run([find_python(version), "-m", "venv", "--clear", str(folder)], ROOT)
    run([str(interpreter), "-m", "pip", "install", "-q", "-r", "requirements-dev.txt", "-e", "."], ROOT)
    return str(interpreter), {}


def find_python(version: str) -> str:
    """Return an interpreter of that version: on the PATH, of pyenv, or of uv."""
    candidates = [f"python{version}", *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    if shutil.which("uv"):
        found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True, check=False)
        candidates += found.stdout.split()
    for candidate in candidates:
        if shutil.which(candidate) and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    raise NotHereError(f"install python{version}, or `uv python install {version}`")


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program; returns what it printed."""
    ran = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NotHereError(f"`{' '.join(command)}` failed: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout


#: What can be tested: its name, how it is chosen, and which tests are about it.
VERSIONS: Mapping[str, Sequence[tuple[str, Callable[[], Chosen], Sequence[str]]]] = {
    "databases": [
        ("PostgreSQL 15", partial(use_postgresql, "15"), ["-k", "postgresql"]),
        ("PostgreSQL 18", use_the_wheel, ["-k", "postgresql"]),
        *((f"SQLite {version}", partial(use_sqlite, version), ["-k", "sqlite"]) for version in SQLITE),
    ],
    "pythons": [(f"Python {version}", partial(use_python, version), []) for version in PYTHONS],
}


def main() -> None:
    """Test all versions of a kind, one after the other."""
    kind, *arguments = sys.argv[1:]
    chosen = arguments or [*FAST, *(SQL if kind == "databases" else [])]
    results = []
    for name, choose, part in VERSIONS[kind]:
        print(f"\n=== {name}", flush=True)
        try:
            interpreter, env = choose()
        except NotHereError as reason:
            results.append(f"skipped  {name}: {reason}")
            continue
        command = [interpreter, "-m", "pytest", "-n", "auto", *chosen, *part]
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, check=False).returncode
        results.append(f"{'FAILED' if code else 'passed'}   {name}")
    print("", *results, sep="\n")
    sys.exit(any(result.startswith("FAILED") for result in results))


if __name__ == "__main__":
    main()
