"""Whoever calls us keeps what is theirs: signals, streams, warnings, logging, folder, environment; and may fork."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import pytest

import dbsvc
from tests.helpers import ROOT, bills, program, statuses, usage_csv, write

HOST = """
import decimal, datetime, io, logging, os, signal, sqlite3, sys, threading, warnings
from concurrent.futures import ThreadPoolExecutor

CONFIGURED = {configured}
records = []
if CONFIGURED:
    class Keep(logging.Handler):
        def emit(self, record):
            records.append(self.format(record))
    logging.basicConfig(level="DEBUG", handlers=[Keep()], format="%(name)s: %(message)s")
    warnings.simplefilter("error")
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.umask(0o027)
decimal.getcontext().prec = 5

def state():
    ours = ("dbsvc", "httpx", "httpcore", "asyncio", "concurrent", "psycopg")
    loggers = {{name: (log.level, log.propagate, log.disabled) for name, log in logging.root.manager.loggerDict.items()
                if isinstance(log, logging.Logger) and not name.startswith(ours)}}
    umask = os.umask(0); os.umask(umask)
    aside = sqlite3.connect(":memory:")
    stored = aside.execute("SELECT ?, ?", (datetime.datetime(2021, 10, 1, 12), datetime.date(2021, 10, 1))).fetchone()
    return [
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)],
        sys.stdout, sys.stderr, sys.stdin, sys.excepthook, threading.excepthook, list(warnings.filters), os.getcwd(),
        dict(os.environ), list(logging.root.handlers), logging.root.level, loggers, umask, decimal.getcontext().prec, stored,
    ]

before = state()
import dbsvc
from datetime import date

url, file = sys.argv[1:]

def everything():
    dbsvc.ingest(file, "nowhere.csv", database=url, raise_failed=False)
    dbsvc.check(database=url)
    dbsvc.revenue(database=url)
    dbsvc.rejects(database=url)
    dbsvc.retry(database=url)
    dbsvc.loads(database=url)
    dbsvc.status(database=url)
    dbsvc.fx(date(2021, 10, 1), database=url, dry_run=True)
    for call in (dbsvc.load, dbsvc.revert, dbsvc.release, dbsvc.discard, dbsvc.dismiss):
        try:
            call(99, database=url)
        except dbsvc.InputError:
            pass

everything()
with ThreadPoolExecutor(1) as pool:
    pool.submit(everything).result()
after = state()
for one, other in zip(before, after, strict=True):
    assert one == other, (one, other)
if CONFIGURED:
    assert any(line.startswith("dbsvc: load load_id=1") for line in records), records
    assert logging.getLogger("dbsvc").propagate
"""


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.one_database
def test_a_host_keeps_what_is_its_own(url: str, tmp_path: Path, configured: bool) -> None:
    file = write(tmp_path / "usage.csv", usage_csv([("2021-10-01", 1, "USD", "x", 1, 0)]))
    script = HOST.format(configured=configured)
    env = {**os.environ, "DATABASE_URL": "sqlite:///elsewhere.db", "TZ": "Asia/Tokyo"}
    ran = subprocess.run(
        [sys.executable, "-c", script, url, file], cwd=tmp_path, capture_output=True, text=True, check=False, env=env
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert not (tmp_path / "elsewhere.db").exists()


def test_importing_is_lean() -> None:
    script = "import dbsvc, sys; dbsvc.ingest, dbsvc.aio; print(*(name for name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"psycopg", "sqlite3", "httpx", "typer", "rich", "yoyo", "structlog", "dbsvc.cli"}
    assert heavy & {*ran.stdout.split()} == set()


@pytest.mark.slow  # it starts processes
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.one_database
def test_in_a_pool_of_processes(url: str, tmp_path: Path, method: str) -> None:
    files = [write(tmp_path / f"{day}.csv", usage_csv([(f"2021-10-{day:02}", 1, "USD", "x", 1, 0)])) for day in range(1, 5)]
    ingest = partial(dbsvc.ingest, database=url)
    with dbsvc.connect(url) as db, ProcessPoolExecutor(2, get_context(method)) as pool:
        dbsvc.ingest(files[0], database=db)
        done = list(pool.map(ingest, files))
        assert sorted(one.files[0].outcome.value for one in done) == ["already published", *["published"] * 3]
        failed = pool.submit(ingest, "nowhere.csv")
        with pytest.raises(dbsvc.InputMissingError) as raised:
            failed.result()
        assert raised.value.ingested
        assert len(bills(db)) == 4


@pytest.mark.slow  # it starts a process
def test_an_open_database_after_a_fork(url: str, tmp_path: Path) -> None:
    """The child opens connections of its own; the parent's go on."""
    files = [write(tmp_path / f"{day}.csv", usage_csv([(f"2021-10-{day:02}", 1, "USD", "x", 1, 0)])) for day in range(1, 4)]
    with dbsvc.connect(url) as db:
        dbsvc.ingest(files[0], database=db)
        if (child := os.fork()) == 0:
            code = 1
            try:
                code = int(dbsvc.ingest(files[1], database=db).files[0].outcome != "published")
            finally:
                os._exit(code)
        done = dbsvc.ingest(files[2], database=db)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert done.files[0].outcome == "published"
        assert (len(bills(db)), statuses(db)) == (3, ["published"] * 3)


@pytest.mark.one_database
def test_a_program_of_somebody_else(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It uses every function, and is as typed as we are: the linter reads it, too."""
    program.main(url, str(ROOT / "samples"))
    assert capsys.readouterr().out.splitlines()[-1] == "already published ok"
    text = Path(program.__file__).read_text()
    assert [name for name in dbsvc.__all__ if inspect.isfunction(getattr(dbsvc, name)) and f"dbsvc.{name}" not in text] == []
    assert (ROOT / "src" / "dbsvc" / "py.typed").exists()


@pytest.mark.long
def test_pyright_agrees(tmp_path: Path) -> None:
    if not find_spec("basedpyright"):
        pytest.skip("there is no pyright here: pip install basedpyright enables this")
    shutil.copy(program.__file__, tmp_path)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
