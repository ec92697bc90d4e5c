"""Texts that hold more than text."""

from __future__ import annotations

import json


def is_json(text: str) -> bool:
    """Whether a text is a value in JSON."""
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str, parse_float=str)  # however many digits
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"not JSON: {constant}")
