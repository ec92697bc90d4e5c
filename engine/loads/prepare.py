"""Prepare: what is done for a chunk before the database has to work on it, which may be while it works on the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import ChangedError
from dbsvc.engine.loads.fast_path import Patterns, Prepared, prepare
from dbsvc.engine.loads.model import LoadChunk
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import Header
from dbsvc.engine.sources.scan import Chunk
from dbsvc.engine.threads import Threads

#: Seconds for which the thread that prepares lets go of the interpreter, after each slice: the other one would wait for longer.
_PAUSE = 0.00005


class Preparing:
    """Reads the chunks of a load and takes them apart, one ahead if it is told which ones there are.

    What is prepared ahead is used if it is that chunk which is claimed, by the patterns of then.
    """

    def __init__(self, file: SourceFile, header: Header) -> None:
        self.file, self.header = file, header
        self._chunks: Sequence[Chunk] = ()
        self._lent: tuple[Database, Threads] | None = None
        self._ahead: tuple[Chunk, Patterns | None, Future[Prepared]] | None = None

    def ahead(self, db: Database, pool: Threads, chunks: Sequence[Chunk]) -> None:
        """From now on prepare the next one of these chunks, too, by a thread of the pool, which stops with the database."""
        self._lent, self._chunks = (db, pool), chunks

    def prepare(self, chunk: LoadChunk, patterns: Patterns | None) -> Prepared:
        """Return a chunk, prepared. Raises ChangedError."""
        ready = None
        if self._ahead and _is_same(chunk, self._ahead[0]):
            _, of, future = self._ahead
            self._ahead, ready = None, future if of == patterns else None
        prepared = ready.result() if ready else prepare(read_chunk(chunk, self.file), self.header, patterns)
        at = chunk.chunk_no
        if at + 1 < len(self._chunks) and _is_same(chunk, self._chunks[at]):
            self._begin(self._chunks[at + 1], chunk.load_id, patterns)
        return prepared

    def _begin(self, chunk: Chunk, load_id: int, patterns: Patterns | None) -> None:
        """Prepare a chunk ahead, unless that was begun: a transaction that is run again asks for it again."""
        if self._lent and not (self._ahead and self._ahead[:2] == (chunk, patterns)):
            db, pool = self._lent
            self._ahead = chunk, patterns, pool.submit(self._prepare_ahead, db, chunk, load_id, patterns)

    def _prepare_ahead(self, db: Database, chunk: Chunk, load_id: int, patterns: Patterns | None) -> Prepared:
        return prepare(_read(self.file, chunk, load_id), self.header, patterns, partial(db.pause, _PAUSE))


def read_chunk(chunk: LoadChunk, file: SourceFile) -> bytes:
    """Return the bytes of a chunk. Raises ChangedError if they are others than were scanned."""
    return _read(file, chunk, chunk.load_id)


def _read(file: SourceFile, chunk: Chunk | LoadChunk, load_id: int) -> bytes:
    data = file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start)
    if hashlib.sha256(data).hexdigest() != chunk.sha256:
        raise ChangedError(file.source, f"load {load_id} was reading it")
    return data


def _is_same(claimed: LoadChunk, scanned: Chunk) -> bool:
    return all(getattr(claimed, part) == value for part, value in vars(scanned).items())
