"""The order of names as people count: ``evt-9`` comes before ``evt-10``."""

from __future__ import annotations

import re

_DIGITS = re.compile("[0-9]+")


def natural_key(name: str) -> str:
    """Return a text that sorts, byte by byte, as the name does when its digits are read as numbers, of up to 999 digits.

    Names that differ in leading zeros alone have the same key: compare the names themselves then.
    """
    return _DIGITS.sub(_number, name)


def _number(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0") or "0"
    return f"{len(number):03}{number}"
