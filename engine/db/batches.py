"""Batches: records that follow each other, as they stand in a file."""

from __future__ import annotations

from collections.abc import Iterator

#: Records that follow each other, one a line: the number of the line that the first is on, and their bytes.
Batch = tuple[int, bytes]


def slices(data: bytes, size: int, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Cut lines into slices of about ``size`` bytes, each of whole lines."""
    stop = len(data) if stop is None else stop
    while start < stop:
        end = slice_end(data, size, start, stop)
        yield data[start:end]
        start = end


def slice_end(data: bytes, size: int, start: int, stop: int) -> int:
    """Return where a slice of about ``size`` bytes of whole lines ends."""
    most = min(start + size, stop)
    return data.rfind(b"\n", start, most) + 1 or data.find(b"\n", most, stop) + 1 or stop
