"""Digests of texts."""

from __future__ import annotations

import hashlib


def text_digest(text: str | None) -> str | None:
    """Return the SHA-256 of a text, as 64 hexadecimal digits."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
