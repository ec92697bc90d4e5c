"""The first pass over a file: its digest, its chunks, and how much of it the ledger knows already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from dbsvc.engine.errors import InputError
from dbsvc.engine.progress import Progress, unseen
from dbsvc.engine.sources.ending import Ending, find_ending
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import Format
from dbsvc.engine.sources.formats.record import LONGEST_RECORD, NOTHING
from dbsvc.engine.sources.header import Header, complete

_BLOCK = 2**20  # bytes
_TAIL = 4096  # bytes
_LONGEST_FOOTER = 64 * 1024  # bytes
_ZEROS = bytes(_BLOCK)


class Known(Protocol):
    """What a scan has to know of a load of this file, as it was."""

    @property
    def load_id(self) -> int:
        """Its number."""

    @property
    def source(self) -> str:
        """The file's name."""

    @property
    def bytes(self) -> int:
        """How much of the file, from its start, it brought to its end."""

    @property
    def sha256(self) -> str:
        """The digest of that."""

    @property
    def is_unfinished(self) -> bool:
        """Whether it is still to be brought to its end."""


@dataclass(frozen=True)
class Chunk:
    """A record-aligned byte range of a file."""

    chunk_no: int
    byte_start: int
    byte_end: int
    first_line: int
    sha256: str


@dataclass(frozen=True)
class Position:
    """How far a file was read: by whoever reads on, so that the bytes before need not be read again."""

    end: int
    next_line: int
    digest: hashlib._Hash
    #: the last bytes before, which tell whether it is still the same file
    tail: bytes

    @classmethod
    def at(cls, file: SourceFile, end: int, next_line: int, digest: hashlib._Hash) -> Position:
        """Return the position at ``end``, with the digest of all bytes before it."""
        return cls(end, next_line, digest.copy(), file.read(max(0, end - _TAIL), min(end, _TAIL)))

    def is_in(self, file: SourceFile) -> bool:
        """Whether the file still has the bytes that lead here."""
        return file.read(self.end - len(self.tail), len(self.tail)) == self.tail


@dataclass(frozen=True)
class Scan:
    """What one pass over a file finds.

    ``checkpoint`` is the newest load that this file begins with, if it grows: then ``chunks`` are what was appended since, and
    ``sha256`` is still the digest of everything from the start.
    """

    sha256: str
    chunks: list[Chunk]
    lines: int
    checkpoint: Known | None
    #: where the chunks end
    end: Position
    #: a load that this file begins with as well, and that is not brought to its end yet
    unfinished: Known | None
    #: bytes of an incomplete last line, which waits for the rest of it
    waiting: int
    #: the newest load of this name, if the file does not begin with it any more
    replaced: Known | None
    #: how a file ends that is delivered whole, and lacks its last line end
    ending: Ending | None = None

    @classmethod
    def of_known(cls, sha256: str) -> Scan:
        """Return what is found of bytes that are known, and were not read."""
        return cls(sha256, [], 0, None, Position(0, 1, hashlib.sha256(), b""), None, 0, None)


def scan(
    file: SourceFile,
    header: Header,
    chunk_bytes: int,
    known: Sequence[Known] = (),
    resume_from: Position | None = None,
    progress: Progress = unseen,
) -> Scan:
    """Read a file once: digest its content and find its chunks. Raises InputError for a line no record can have.

    ``known`` are the loads that this file, as it was, may have been; a file that grows is cut from the last one that it was.
    ``resume_from`` is where the last scan of this file ended.
    """
    header = complete(header, file)
    known_here, begin = _find_checkpoints(file, header, known, resume_from)
    checkpoint = known_here[-1] if known_here else None
    unfinished = next((load for load in known_here if load.is_unfinished), None)
    start, line, digest = begin.end, begin.next_line, begin.digest.copy()
    done = start  # where the last chunk ends
    of = header.format
    chunks: list[Chunk] = []
    rest, blank, carry = b"", True, _open_line(file, begin, header)
    with ThreadPoolExecutor(1) as beside:  # both digests at once
        while start < file.size:
            behind = header.stop is not None and start >= header.stop  # the records
            bound = file.size if behind or header.stop is None else header.stop
            if (rest[:1] or file.read(start, 1)) == b"\0":
                hole = file.end_of_hole(start)
                before = file.read(max(0, start - 1), min(start, 1))
                after = file.read(hole, min(8, max(0, file.size - hole)))
                if of.is_hole(before, hole - start, after):
                    if not after:  # what is there may yet be written over
                        rest = b""
                        break
                    (_, carry), start, rest = of.count_lines(_ZEROS[: hole - start], carry), hole, b""
            # where a record is longer than a chunk, its end is looked for in twice as much each time
            wanted = max(chunk_bytes, min(2 * len(rest), LONGEST_RECORD + 1))
            block = file.read(start + len(rest), min(wanted, bound - start) - len(rest))
            data = rest + block
            final = behind or start + len(data) >= bound or not block
            if data[-1:] == b"\0" and of.is_hole(b"", 1, b""):
                final = final or file.end_of_hole(start + len(data)) >= file.size
                data = data.rstrip(b"\0") if final else data
            end = len(data) if final and not file.can_grow else of.cut(data, final)
            if end == 0:
                rest = data
                if len(data) > LONGEST_RECORD:
                    longest = f"{LONGEST_RECORD // 2**20} MiB, which no record does."
                    raise InputError(f"{file.source}: line {line} goes on for more than {longest}")
                if final:
                    break
                continue
            content, rest = data[:end], data[end:]
            blank = blank and not content.strip(NOTHING)
            if carry and _breaks(of, carry, content):
                line, carry = line + 1, b""
            _digest_hole(digest, start - done)
            hashing = beside.submit(digest.update, content)
            chunks.append(Chunk(len(chunks), start, start + end, line, hashlib.sha256(content).hexdigest()))
            hashing.result()
            lines, carry = of.count_lines(content, carry)
            start = done = start + end
            progress("scan", done, file.size)
            line += lines
    if header.stop is not None:
        chunks = [chunk for chunk in chunks if chunk.byte_start < header.stop]
    elif header.translation:
        chunks = _without_footer(file, chunks, header.translation.find_footer)
    read_on = resume_from is not None and begin.end >= resume_from.end and resume_from.is_in(file)
    replaced = _replaced(file, known, checkpoint) if file.can_grow and not read_on else None
    waiting = len(rest.strip(b"\0"))
    if checkpoint and blank:  # nothing that needs a load of its own
        return Scan(checkpoint.sha256, [], 0, checkpoint, begin, unfinished, waiting, replaced)
    reached = Position.at(file, done, line, digest)
    ending = None
    if header.stop is None and not header.dataset.grows and file.read(file.size - 1, 1) != b"\n":
        parts = ((c.first_line, file.read(c.byte_start, c.byte_end - c.byte_start)) for c in chunks[-2:])
        ending = find_ending(header, parts)
    return Scan(digest.hexdigest(), chunks, line - begin.next_line, checkpoint, reached, unfinished, waiting, replaced, ending)


def _without_footer(file: SourceFile, chunks: list[Chunk], find_footer: Callable[[bytes], int]) -> list[Chunk]:
    """Return chunks without the last lines that are no records."""
    if not chunks:
        return []
    start, end = max(chunks[0].byte_start, chunks[-1].byte_end - _LONGEST_FOOTER), chunks[-1].byte_end
    footer = start + find_footer(file.read(start, end - start))
    left = [chunk for chunk in chunks if chunk.byte_start < footer]
    if left and left[-1].byte_end > footer:
        content = file.read(left[-1].byte_start, footer - left[-1].byte_start)
        left[-1] = replace(left[-1], byte_end=footer, sha256=hashlib.sha256(content).hexdigest())
    return left


def _find_checkpoints(
    file: SourceFile, header: Header, known: Sequence[Known], resume_from: Position | None
) -> tuple[list[Known], Position]:
    """Return the known loads that the file begins with, the longest last, and where that ends."""
    beginning = Position(header.end, header.next_line, hashlib.sha256(file.read(0, header.end)), b"")
    for position in [resume_from, beginning] if resume_from and resume_from.is_in(file) else [beginning]:
        digest, end, line = position.digest.copy(), position.end, position.next_line
        carry = _open_line(file, position, header)
        found: list[Known] = []
        for load in sorted(known, key=lambda load: load.bytes):
            if not end <= load.bytes <= file.size:
                continue
            while end < load.bytes and (block := file.read(end, min(_BLOCK, load.bytes - end))):
                digest.update(block)
                lines, carry = header.format.count_lines(block, carry)
                end, line = end + len(block), line + lines
            # a load may have ended within a line of this file: a packed copy of its beginning
            around = file.read(end - 1, 2)
            if digest.hexdigest() == load.sha256 and (around[:1] == b"\n" or around[1:] in (b"", b"\r", b"\n", b"\0")):
                found.append(load)
                reached = Position.at(file, end, line, digest)
        if found:
            return found, reached
    return [], beginning


def _open_line(file: SourceFile, position: Position, header: Header) -> bytes:
    """Return what a line that is left open at a position ends with."""
    start = max(header.end, position.end - _TAIL)
    return header.format.count_lines(file.read(start, position.end - start))[1]


def _breaks(of: Format, carry: bytes, content: bytes) -> bool:
    """Whether a hole broke the line before: then what follows counts as the next one, unless the line ends there anyway."""
    beginning = content[:8].partition(b"\n")[0]
    # a few NULs alone are a record, too
    left = carry.strip(NOTHING) or any(record.end <= len(carry) for record in of.records(carry + beginning))
    return bool(left) and content.lstrip(b"\0 \t\r")[:1] != b"\n"


def _digest_hole(digest: hashlib._Hash, length: int) -> None:
    while length > 0:
        digest.update(_ZEROS[: min(length, _BLOCK)])
        length -= _BLOCK


def _replaced(file: SourceFile, known: Sequence[Known], checkpoint: Known | None) -> Known | None:
    """Return the newest load of the file's name unless the file still begins with it."""
    namesakes = [load for load in known if load.source == file.source]
    newest = max(namesakes, key=lambda load: load.load_id, default=None)
    still = newest is None or (checkpoint is not None and checkpoint.bytes >= newest.bytes)
    return None if still else newest
