"""What is odd about a file that cannot be read as it is: said, so that whoever made it can correct it."""

from __future__ import annotations

import re

#: What files begin with that are no text, but may hold deliveries.
_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"PK[\x03\x05\x07].{0,4096}(xl/|opendocument\.spreadsheet)", "is a workbook; save its sheet as CSV"),
        (rb"PK(\x03\x04|\x05\x06|\x07\x08)(?!.{0,4096}(word/|ppt/|opendocument))", "is packed with zip"),
        (rb"\x28\xb5\x2f\xfd|[\x22-\x28]\xb5\x2f\xfd", "is packed with zstd"),
        (rb"[\x50-\x5f]\x2a\x4d\x18", "is packed with zstd or lz4"),
        (rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18", "is packed with lz4"),
        (rb"\xfd7zXZ\0", "is packed with xz"),
        (rb"\x5d\0\0[\0-\xff]{2}", "is packed with lzma"),
        (rb"LZIP[\x00\x01]", "is packed with lzip"),
        (rb"\x89LZO\0", "is packed with lzop"),
        (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "is packed with bzip2"),
        (rb"7z\xbc\xaf\x27\x1c", "is packed with 7-Zip"),
        (rb"Rar!\x1a\x07", "is packed with rar"),
        (rb"\x1f[\x9d\xa0]", "is packed with compress"),
        (rb"\xff\x06\x00\x00sNaPpY", "is packed with snappy"),
        (rb"MSCF\0\0\0\0", "is packed as a cabinet"),
        (rb".{257}ustar", "is packed with tar"),
        (rb"\x1f\x8b\x08", "is packed with gzip"),
        (rb"PAR1", "is a Parquet file; unpack it"),
        (rb"Obj\x01", "is an Avro file; export it as CSV or JSON lines"),
        (rb"ORC[\0-\x1f]", "is an ORC file; export it as CSV or JSON lines"),
        (rb"ARROW1\0\0|FEA1", "is an Arrow file; export it as CSV or JSON lines"),
        (rb"-----BEGIN PGP MESSAGE|age-encryption\.org/|Salted__", "is encrypted; decrypt it"),
    )
)


def find_kind(head: bytes, packing: str | None = None) -> str | None:
    """Return what packs a file's content, or what else it is that may hold a delivery, and what to do; None for all others.

    ``packing`` is what the content came out of.
    """
    for pattern, kind in _KINDS:
        if pattern.match(head):
            what, _, advice = kind.partition("; ")
            within = f" within {packing}" if packing else ""
            return f"{what}{within}; {advice or ('unpack it once' if packing else 'unpack it, or gzip it')}"
    return None


def looks_like_array(head: bytes) -> bool:
    """Whether a file is one array of JSON objects."""
    return re.match(rb'(?:\xef\xbb\xbf)?\s*\[\s*\{\s*"', head) is not None
