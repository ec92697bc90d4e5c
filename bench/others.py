"""What users would pick instead, installed by the bench itself: dlt, sqlite-utils, pgloader.

sling and ingestr fetch a program of theirs from elsewhere, so they take part only where they are installed already.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import say

# as its pages advise for speed: tables of Arrow, brought by COPY
_DLT = """
import json, sys
import dlt, pyarrow, pyarrow.csv

file, state, url, name, key, decimals, written = sys.argv[1:]
types = {column: pyarrow.decimal128(*digits) for column, digits in json.loads(decimals).items()}
batches = pyarrow.csv.open_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
tables = map(lambda batch: pyarrow.Table.from_batches([batch]), batches)
resource = dlt.resource(tables, name=name, primary_key=key.split(","),
                        write_disposition={"disposition": "merge", "strategy": "upsert"})
pipeline = dlt.pipeline("bench", pipelines_dir=state, dataset_name="bench", destination=dlt.destinations.postgres(url))
pipeline.run(resource, loader_file_format=written).raise_on_failed_jobs()
"""
_PGLOADER = """
LOAD CSV FROM '{file}' HAVING FIELDS ({columns})
INTO {url}?tablename={table}
TARGET COLUMNS ({columns})
WITH skip header = 1, fields terminated by ',';
"""
_SLING = (
    "sling run --src-stream file://{file} --tgt-conn {url} --tgt-object public.other --mode incremental --primary-key {key}"
)
_INGESTR = (
    "ingestr ingest --source-uri csv://{file} --source-table rows --dest-uri {url} --dest-table public.other "
    "--incremental-strategy merge --primary-key {key} --yes"
)


@dataclass(frozen=True)
class Rows:
    """A file, and the keyed and constrained table that takes it as it is."""

    file: Path
    table: str
    columns: Sequence[str]
    #: in the words of the file's header, as the next ones
    key: Sequence[str]
    #: precision and scale
    decimals: Mapping[str, tuple[int, int]]


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


def find_others(folder: Path, database: str, rows: Rows, url: str) -> list[Other]:
    """Install the tools for a database, as far as this machine lets us, and return how each loads the file."""
    found = []
    if database == "sqlite" and (tools := _install(folder, "sqlite-utils")):
        file, columns_of_key = _in_words_of_the_table(rows, folder)
        upsert = (tools / "sqlite-utils", "upsert", url.removeprefix("sqlite:///"), rows.table, file, "--csv")
        keys = [word for column in columns_of_key for word in ("--pk", column)]
        gives_up = "no rejects: a record that breaks a constraint stops it, and what came before stays"
        found.append(Other("sqlite-utils upsert", database, (*upsert, *keys), gives_up, rows.table))
    if database == "postgresql" and (tools := _install(folder, "dlt[postgres]", "pyarrow")):
        script, state = folder / "load_by_dlt.py", folder / "dlt"
        script.write_text(_DLT)
        key, decimals = ",".join(rows.key), json.dumps(dict(rows.decimals))
        command = (tools / "python", script, rows.file, state, _by_tcp(url), "other", key, decimals, "csv")
        gives_up = "no constraints but the key's, no rejects, state in local files; atomic, re-run safe"
        found.append(Other("dlt upsert", database, command, gives_up, ("bench", "other"), state))
    if database == "postgresql" and (_has("pgloader") or _apt("pgloader")):
        script = folder / "load.pgloader"
        columns = ", ".join(rows.columns)
        script.write_text(_PGLOADER.format(file=rows.file, url=_by_tcp(url), table=rows.table, columns=columns))
        gives_up = "no merge; not atomic (commits batch by batch), rejects in local files, a second run rejects every row"
        found.append(Other("pgloader", database, ("pgloader", "--quiet", script), gives_up, rows.table))
    for name, template in (("sling", _SLING), ("ingestr", _INGESTR)):
        if database == "postgresql" and _has(name):
            words = template.format(file=rows.file, url=_by_tcp(url), key=",".join(rows.key)).split()
            found.append(Other(name, database, words, "no rejects; atomic, re-run safe", "other"))
    return found


def _by_tcp(url: str) -> str:
    """Return the URL of the bench's own server for those that know no sockets; another server's as it is."""
    port = re.search(r"port=(\d+)", url)
    return f"postgresql://postgres:any@127.0.0.1:{port[1]}/dbsvc_bench" if port else url


def _in_words_of_the_table(rows: Rows, folder: Path) -> tuple[Path, list[str]]:
    """Return the file with the table's columns for its header, and which of them are the key."""
    renamed = folder / f"{rows.table}.csv"
    with rows.file.open() as file, renamed.open("w") as written:
        header = file.readline().strip().split(",")
        written.write(",".join(rows.columns) + "\n")
        shutil.copyfileobj(file, written)
    return renamed, [rows.columns[header.index(name)] for name in rows.key]


def _install(folder: Path, package: str, *more: str) -> Path | None:
    """Install a Python package into an environment of the bench's own. Returns its folder of programs."""
    environment = folder / f"with-{package.partition('[')[0]}"
    if not environment.exists():
        say(f"Installing {package}")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip: list[str | Path] = [environment / "bin" / "pip", "install", "-q", package, *more]
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
