"""Build what is released, into dist: `just build` runs it, in an environment that has the pinned requirements.

- a wheel and an sdist, and the wheel is made of the sdist;
- `dbsvc.pex`, one file for machines that have Python: on Linux any that we support, elsewhere the one that runs this;
- `dbsvc-….tar.gz`, one folder for machines that have none. Not one file: that would run as two processes, and `kill -9` of the
  first would leave the second at work;
- `dbsvc.cdx.json`, the SBOM, and `SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DIST, WORK = ROOT / "dist", ROOT / "var" / "build"
PINNED = ROOT / "deploy" / "requirements.txt"
PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")
#: what is in the programs
EXTRAS = {"cloud", "notify", "openlineage", "otel"}
#: systems that the pinned requirements are for
SYSTEMS = ({}, {"sys_platform": "win32", "platform_system": "Windows"}, {"sys_platform": "emscripten"})
#: what is imported by a name that only the program knows, or read as a file
COLLECTED = ("dbsvc", "yoyo", "psycopg", "tzdata", "obstore")
IMPORTED = ("psycopg_binary._psycopg", "psycopg_binary.pq", "opentelemetry.context.contextvars_context")
DESCRIBED = ("dbsvc", "yoyo-migrations", "opentelemetry-api", "opentelemetry-sdk")


def run(*command: str | Path) -> None:
    """Run a tool of this environment."""
    print(*command, flush=True)
    subprocess.run([WORK / "bin" / command[0], *command[1:]], cwd=ROOT, check=True)


def main() -> None:
    """Build everything."""
    shutil.rmtree(DIST, ignore_errors=True)
    run("python", "-m", "build", "--outdir", DIST)
    (wheel,) = DIST.glob("*.whl")
    run("pip", "install", "-q", "--no-deps", "--force-reinstall", wheel)
    one_file(wheel)
    one_folder(wheel.name.split("-")[1])
    run(
        "cyclonedx-py",
        "requirements",
        PINNED,
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        "-o",
        DIST / "dbsvc.cdx.json",
    )
    add_graph(DIST / "dbsvc.cdx.json")
    sums = [f"{digest(path)}  {path.name}\n" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(sums))


def add_graph(path: Path) -> None:
    """Say in the SBOM which component needs which: what the metadata of those that are installed here says, for any Python."""
    bom = json.loads(path.read_text())
    root = bom["metadata"]["component"]
    refs = {canonicalize_name(each["name"]): each["bom-ref"] for each in [root, *bom["components"]]}
    extras = {name: {""} for name in refs}
    extras["dbsvc"] |= EXTRAS
    needed: dict[str, set[str]] = {}
    waiting = [*refs]
    while waiting:
        name = waiting.pop()
        found = needed.setdefault(name, set())
        for need in map(Requirement, _requires(name)):
            other = canonicalize_name(need.name)
            if other not in refs or not any(_is_needed(need, extra) for extra in extras[name]):
                continue
            found.add(refs[other])
            if not need.extras <= extras[other]:
                extras[other] |= need.extras
                waiting.append(other)
    bom["dependencies"] = [
        {"ref": refs[name], **({"dependsOn": sorted(found)} if found else {})} for name, found in sorted(needed.items())
    ]
    path.write_text(json.dumps(bom, indent=2) + "\n")


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # another Python or system needs it
        return []


def _is_needed(need: Requirement, extra: str) -> bool:
    if need.marker is None:
        return True
    pythons = [{"python_version": version.rpartition(".")[0], "python_full_version": version} for version in PYTHONS]
    return any(need.marker.evaluate({"extra": extra, **python, **of}) for python in pythons for of in SYSTEMS)


def one_file(wheel: Path) -> None:
    """Pack the wheel and all that it needs into one file, which Python runs."""
    pinned = WORK / "requirements.txt"
    pinned.write_text(f"{PINNED.read_text()}\n{wheel} --hash=sha256:{digest(wheel)}\n")
    machine = f"linux_{platform.machine()}"
    tags = [f"cp{version.replace('.', '')[:-1]}" for version in PYTHONS]
    targets = [f"--platform={machine}-cp-{version}-{tag}" for version, tag in zip(PYTHONS, tags, strict=True)]
    for_all = targets if sys.platform == "linux" else []
    # the constraint tells the shell where the unpacked program lies: without it, each start is two of Python
    as_venv = ("--venv", "prepend", "--sh-boot", "--interpreter-constraint=CPython>=3.11,<3.15")
    run("pex", "--use-pip-config", "-r", pinned, "-c", "dbsvc", *as_venv, *for_all, "-o", DIST / "dbsvc.pex")


def one_folder(version: str) -> None:
    """Pack Python, too, into a folder."""
    entry = WORK / "entry.py"
    entry.write_text("from dbsvc.cli.main import main\n\nmain()\n")
    installed = [name for name in COLLECTED if next((WORK / "lib").glob(f"python*/site-packages/{name}"), None)]
    collected = [option for name in installed for option in (f"--collect-submodules={name}", f"--collect-data={name}")]
    described = [f"--copy-metadata={name}" for name in DESCRIBED]
    imported = [f"--hidden-import={name}" for name in IMPORTED]
    made = WORK / "programs"
    folders = (f"--workpath={WORK / 'pyinstaller'}", f"--specpath={WORK}", f"--distpath={made}")
    run(
        "pyinstaller",
        "--noconfirm",
        "--onedir",
        "--name=dbsvc",
        "--log-level=WARN",
        *folders,
        *collected,
        *described,
        *imported,
        entry,
    )
    with tarfile.open(DIST / f"dbsvc-{version}-{sys.platform}-{platform.machine()}.tar.gz", "w:gz") as archive:
        archive.add(made / "dbsvc", "dbsvc")


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
