"""What users would pick instead, installed by the bench itself: dlt, sqlite-utils, pgloader.

sling and ingestr fetch a program of theirs from elsewhere, so they take part only where they are installed already.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import say

_DLT = """
import csv, sys
import dlt

def bills():
    with open(sys.argv[1], newline="") as file:
        yield from csv.DictReader(file)

resource = dlt.resource(bills, name="bills", write_disposition="merge", primary_key=["date_", "bill_id"])
pipeline = dlt.pipeline("bench", pipelines_dir=sys.argv[2], dataset_name="bench",
                        destination=dlt.destinations.postgres(sys.argv[3]))
pipeline.run(resource).raise_on_failed_jobs()
"""
_PGLOADER = """
LOAD CSV FROM '{file}' HAVING FIELDS (bill_date, bill_id, currency, customer_name, product1_revenue, product2_revenue)
INTO {url}?tablename=bills_plain
TARGET COLUMNS (bill_date, bill_id, currency, customer_name, product1_revenue, product2_revenue)
WITH skip header = 1, fields terminated by ',';
"""
_SLING = (
    "sling run --src-stream file://{file} --tgt-conn {url} --tgt-object public.bills_other --mode incremental "
    "--primary-key Date_,Bill_ID"
)
_INGESTR = (
    "ingestr ingest --source-uri csv://{file} --source-table bills --dest-uri {url} --dest-table public.bills_other "
    "--incremental-strategy merge --primary-key Date_,Bill_ID --yes"
)


@dataclass(frozen=True)
class Other:
    """Another tool: the command that loads a file into $DATABASE_URL, and what it gives up."""

    name: str
    database: str
    command: Sequence[str | Path]
    gives_up: str
    #: where the bills are then
    table: str | tuple[str, ...]
    #: what it writes beside the database, to be forgotten before the next run
    state: Path | None = None


def find_others(folder: Path, database: str, file: Path, url: str) -> list[Other]:
    """Install the tools for a database, as far as this machine lets us, and return how each loads the file."""
    found = []
    if database == "sqlite" and (tools := _install(folder, "sqlite-utils")):
        insert = (tools / "sqlite-utils", "insert", url.removeprefix("sqlite:///"), "bills_other", file, "--csv")
        keys = ("--pk", "Date_", "--pk", "Bill_ID")
        gives_up = "columns of text, no rejects: nothing is validated; a second run fails on the key"
        found.append(Other("sqlite-utils insert", database, (*insert, *keys), gives_up, "bills_other"))
    if database == "postgresql" and (tools := _install(folder, "dlt[postgres]")):
        script, state = folder / "load_by_dlt.py", folder / "dlt"
        script.write_text(_DLT)
        gives_up = "no rejects (types are guessed, odd ones become columns), state in local files; atomic, re-run safe"
        found.append(
            Other(
                "dlt merge",
                database,
                (tools / "python", script, file, state, _by_tcp(url)),
                gives_up,
                ("bench", "bills"),
                state,
            )
        )
    if database == "postgresql" and (_has("pgloader") or _apt("pgloader")):
        script = folder / "load.pgloader"
        script.write_text(_PGLOADER.format(file=file, url=_by_tcp(url)))
        gives_up = "not atomic (commits batch by batch), rejects in local files, a second run rejects every row"
        found.append(Other("pgloader", database, ("pgloader", "--quiet", script), gives_up, "bills_plain"))
    for name, template in (("sling", _SLING), ("ingestr", _INGESTR)):
        if database == "postgresql" and _has(name):
            command = template.format(file=file, url=_by_tcp(url)).split()
            found.append(Other(name, database, command, "no rejects; atomic, re-run safe", "bills_other"))
    return found


def _by_tcp(url: str) -> str:
    """Return the URL of the bench's own server for those that know no sockets; another server's as it is."""
    port = re.search(r"port=(\d+)", url)
    return f"postgresql://postgres:any@127.0.0.1:{port[1]}/dbsvc_bench" if port else url


def _install(folder: Path, package: str) -> Path | None:
    """Install a Python package into an environment of the bench's own. Returns its folder of programs."""
    environment = folder / f"with-{package.partition('[')[0]}"
    if not environment.exists():
        say(f"Installing {package}")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip: list[str | Path] = [environment / "bin" / "pip", "install", "-q", package]
        if subprocess.run(pip, stderr=subprocess.DEVNULL).returncode:
            say(f"{package} cannot be installed here, so it is left out.")
            return None
    return environment / "bin"


def _apt(package: str) -> bool:
    """Install a Debian package, if we may."""
    if os.geteuid() == 0 and _has("apt-get"):
        say(f"Installing {package}")
        subprocess.run(["apt-get", "install", "-y", "-qq", package], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not _has(package):
        say(f"{package} is not here and cannot be installed, so it is left out: install the package {package}.")
    return _has(package)


def _has(program: str) -> bool:
    return shutil.which(program) is not None
