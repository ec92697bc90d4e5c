"""Instances that freeze while they hold claims: others go on after a stated time, and their late return does no harm."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import usage_csv
from tests.helpers.processes import Instance, query
from tests.helpers.server import Server

pytestmark = pytest.mark.slow

FREEZE = 2
#: what makes an instance give up a claim early, and look early who is in its way
QUICK: dict[str, Any] = {"DBSVC_FREEZE_SECONDS": FREEZE, "DBSVC_LOCK_SECONDS": 1}
#: ... within this many seconds: it is looked after twice, at most half a freeze too late, by a process that may wait its turn
SOON = 4 * FREEZE + 6

STATES = {
    "between statements": "state = 'idle in transaction'",
    "in the middle of a copy": "state = 'active' AND wait_event = 'ClientRead'",
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one chunk that takes a while."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    rows = (("2021-10-01", n, "EUR", f"Customer {n % 503} {'x' * 40}", f"{n % 997}.5", 1) for n in range(200_000))
    path.write_bytes(usage_csv(rows))
    return path


def freeze(instance: Instance, url: str, state: str) -> None:
    """Stop a process at a moment when a session of it stays in that state, and holds the lock of a chunk."""
    own = f"application_name LIKE '% {instance.pid}@%' AND {state}"
    held = "SELECT count(*) FROM load_chunks WHERE read IS NULL"
    while True:
        assert instance.process.poll() is None, instance.events[-5:]
        instance.kill(signal.SIGSTOP)
        time.sleep(0.05)  # for what it has already sent
        ((open_chunks,),) = query(url, held)
        free = len(query(url, "SELECT 1 FROM load_chunks WHERE read IS NULL FOR UPDATE SKIP LOCKED"))
        if free < open_chunks and query(url, f"SELECT 1 FROM pg_stat_activity WHERE {own}"):
            return
        instance.kill(signal.SIGCONT)
        time.sleep(0.003)


@pytest.mark.parametrize("state", STATES)
def test_a_frozen_instance_loses_its_claim(server: Server, large: Path, state: str) -> None:
    url = server.create()
    chunks = {"DBSVC_CHUNK_BYTES": 4_000_000} | QUICK
    with Instance(url, "ingest", "--jobs", "1", large, **chunks) as frozen:
        freeze(frozen, url, STATES[state])
        began = time.monotonic()
        with Instance(url, "ingest", large, **chunks) as other:
            other.succeed()
            print(f"\n{state}: {time.monotonic() - began:.1f} s, {[e['behind'] for e in other.logged('waiting')]}")
            assert time.monotonic() - began < SOON + 10
            assert other.logged("published")
        frozen.kill(signal.SIGCONT)
        frozen.succeed()  # it finds that its load was published meanwhile
    assert query(url, "SELECT status, read, inserted FROM loads") == [("published", 200_000, 200_000)]
    assert query(url, "SELECT count(*), count(DISTINCT line_no) FROM bills") == [(200_000, 200_000)]
