"""A chunk is prepared while the one before is inserted: of use if it is the next one that is claimed, else forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import CancelledError, ChangedError
from dbsvc.engine.loads import prepare as preparing
from dbsvc.engine.loads.fast_path import Prepared, find_patterns, prepare
from dbsvc.engine.loads.model import LoadChunk
from dbsvc.engine.loads.prepare import Preparing
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.scan import Chunk, scan
from dbsvc.engine.threads import workers

pytestmark = pytest.mark.one_database

HEADER = "Date_,Bill_ID,Currency,Name,Product1 revenue,Product2 revenue\n"
LINES = [f"2021-10-31,{number},USD,Acme,{number},0\n" for number in range(1, 4)]


def claimed(chunk: Chunk) -> LoadChunk:
    return LoadChunk(1, **vars(chunk), read=None, staged=None, rejected=None)


@contextmanager
def scanned(db: Database, path: Path) -> Iterator[tuple[Preparing, list[Chunk]]]:
    path.write_text(HEADER + "".join(LINES))
    with SourceFile(str(path)) as file, workers(db, 1, "prepare") as pool:
        header = read_header(file, db.statements.datasets.values())
        chunks = scan(file, header, 1).chunks
        assert len(chunks) == 3
        ahead = Preparing(file, header)
        ahead.ahead(db, pool, chunks)
        yield ahead, chunks


def test_the_next_chunk_is_prepared_once(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(data: bytes, *more: Any) -> Prepared:
        read.append(data.decode())
        return prepare(data, *more)

    monkeypatch.setattr(preparing, "prepare", counted)
    with db.transaction() as tx:
        patterns = find_patterns(tx, db.statements.datasets["usage"])
    with scanned(db, tmp_path / "usage.csv") as (ahead, chunks):
        found = [ahead.prepare(claimed(chunk), patterns) for chunk in chunks]
    assert [one.split for one in found] == [([(1, line.encode())], []) for line in LINES]
    assert read == LINES


def test_another_chunk_or_other_patterns_are_prepared_anew(db: Database, tmp_path: Path) -> None:
    with db.transaction() as tx:
        patterns = find_patterns(tx, db.statements.datasets["usage"])
    assert patterns
    with scanned(db, tmp_path / "usage.csv") as (ahead, chunks):
        ahead.prepare(claimed(chunks[0]), patterns)
        # another instance has staged the second one
        assert ahead.prepare(claimed(chunks[2]), patterns).data == LINES[2].encode()
    with scanned(db, tmp_path / "usage.csv") as (ahead, chunks):
        ahead.prepare(claimed(chunks[0]), patterns)
        # meanwhile the table of currencies has lost them all
        assert ahead.prepare(claimed(chunks[1]), {**patterns, "currency": ["XXX"]}).split is None


def test_a_transaction_that_is_run_again_begins_no_copy(db: Database, tmp_path: Path) -> None:
    with scanned(db, tmp_path / "usage.csv") as (ahead, chunks):
        ahead.prepare(claimed(chunks[0]), None)
        begun = ahead._ahead
        ahead.prepare(claimed(chunks[0]), None)
        assert begun
        assert ahead._ahead is begun


def test_who_is_stopped_waits_for_no_thread(db: Database) -> None:
    go_on = threading.Event()
    stuck: list[Future[bool]] = []

    def be_stopped() -> None:
        with workers(db, 1, "stuck") as pool:
            stuck.append(pool.submit(go_on.wait, 30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_stopped()
    assert not stuck[0].done()
    go_on.set()
    with pytest.raises(CancelledError):
        db.pause(0)


def test_a_chunk_that_changed_is_told_when_it_is_claimed(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    with scanned(db, path) as (ahead, chunks):
        path.write_text(HEADER + LINES[0] + LINES[1].replace("Acme", "Emca") + LINES[2])
        ahead.prepare(claimed(chunks[0]), None)
        with pytest.raises(ChangedError):
            ahead.prepare(claimed(chunks[1]), None)
        assert ahead.prepare(claimed(chunks[2]), None).data == LINES[2].encode()
