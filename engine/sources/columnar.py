"""Parquet."""

from __future__ import annotations

from typing import BinaryIO

from dbsvc.engine.errors import InputError
from dbsvc.engine.sources.spool import Stream


def as_text(file: BinaryIO, source: str) -> Stream:
    """Return the text."""
    raise InputError(f"{source}: is a Parquet file; export it as CSV or JSON lines.")
