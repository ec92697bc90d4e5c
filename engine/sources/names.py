"""What a file's name says of it: whether it is finished, and whether it is a delivery, packed or not."""

from __future__ import annotations

import os
import re

#: What programs leave while they write, download, edit or copy: no delivery, or not yet.
_UNFINISHED = re.compile(
    r"\.(part|partial|filepart|crdownload|download|opdownload|aria2|tmp|temp|swp|swo|swx|lock|lck|bak|old|orig)$|~$|^~|^#.*#$",
    re.IGNORECASE,
)
#: What comes after the suffix that says what a file is: how it is packed, and what log rotation adds.
_WRAPPED = re.compile(
    r"\.(gz|gzip|zip|zst|zstd|xz|lzma|bz2|lz4|br|z|7z|rar|tar|tgz|gpg|pgp|age|enc|\d+|\d+-\d+-\d+)$", re.IGNORECASE
)
_DELIVERY = re.compile(
    r"\.(csv|tsv|tab|psv|jsonl|ndjson|jsonlines|ldjson|json|xls|xlsx|xlsm|xlsb|ods|parquet|avro|orc|arrow|feather|tgz)$",
    re.IGNORECASE,
)


def is_unfinished(name: str) -> bool:
    """Whether a name is that of a file that is hidden, or not finished."""
    return name.startswith(".") or _UNFINISHED.search(name) is not None


def looks_like_delivery(path: str) -> bool:
    """Whether a file's name says that it is one of the kinds that are delivered, packed or not."""
    return _DELIVERY.search(_unwrapped(path)) is not None


def plain_suffix(path: str) -> str | None:
    """Return the suffix that says how a delivery is written once it is unpacked, as far as its name says so."""
    found = re.search(r"\.(csv|jsonl|ndjson)$", _unwrapped(path), re.IGNORECASE)
    return found[0] if found else None


def _unwrapped(path: str) -> str:
    name = os.path.basename(path)
    while not _DELIVERY.search(name) and (wrapped := _WRAPPED.search(name)):
        name = name[: wrapped.start()]
    return name
