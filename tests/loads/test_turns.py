"""Operators get their turn beside running workers, and what they do ends the workers with a sentence."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dbsvc import connect
from dbsvc.engine.loads.operations import discard
from tests.helpers import usage_csv
from tests.helpers.processes import Instance, query

pytestmark = pytest.mark.slow

ROWS = 60_000
SMALL: dict[str, Any] = {"DBSVC_CHUNK_BYTES": 8_000}  # some 500 chunks
SOON = 10.0  # seconds, on a busy machine


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.csv"
    path.write_bytes(usage_csv(("2021-10-01", n, "EUR", f"Customer {n % 503}", f"{n % 997}.5", 1) for n in range(ROWS)))
    return path


def test_discard_gets_its_turn(url: str, file: Path) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(Instance(url, "ingest", "--jobs", "2", file, **SMALL)) for _ in range(3)]
        workers[0].await_event("staged", 20)
        with connect(url) as db:
            began = time.monotonic()
            assert discard(db, 1).status == "discarded"
            took = time.monotonic() - began
        ((left,),) = query(url, "SELECT count(*) FROM load_chunks WHERE read IS NULL")
        print(f"\ndiscarded after {took:.2f} s, {left} chunks left")
        assert took < SOON
        assert left > 0
        for worker in workers:
            assert worker.await_end(SOON) == 65
            assert '"discarded"' in worker.output()
    assert query(url, "SELECT status FROM loads") == [("discarded",)]
