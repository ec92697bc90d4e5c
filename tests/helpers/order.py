"""The order of names as people count."""

from __future__ import annotations

import re
from typing import Any


def natural(name: str) -> tuple[Any, ...]:
    """What names are compared by: characters one by one, digits as numbers."""
    parts = re.findall("[0-9]+|[^0-9]", name)
    return [(ord(part[0]), -1) if part[0] not in "0123456789" else (ord("0"), int(part)) for part in parts], name
