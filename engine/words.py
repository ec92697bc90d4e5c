"""Names: words that are none in SQL, names that are made of what people write, and which one may be meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from difflib import get_close_matches

_WORDS = """
abort add all alter analyse analyze and any array as asc asymmetric attach authorization autoincrement begin between
binary both by cascade case cast check collate collation column commit concurrently constraint create cross
current_catalog current_date current_role current_schema current_time current_timestamp current_user database default
deferrable deferred delete desc detach distinct do drop each else end escape except exists explain false fetch for
foreign freeze from full glob grant group having if ilike in index initially inner insert instead intersect interval
into is isnull join key lateral leading left like limit localtime localtimestamp match natural not notnull null of
offset on only or order outer over overlaps placing plan pragma primary query range references reindex release replace
returning right rollback row rows savepoint select session_user set similar some symmetric system_user table tablesample
temp temporary then to trailing transaction trigger true union unique update user using vacuum values variadic verbose
view virtual when where window with without
"""
#: Words that a database takes for its own where a name stands without quotes.
SQL_WORDS = frozenset(_WORDS.split())
_MOST_SHOWN = 200  # characters of a name that is none
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})


def to_name(written: str, most: int = 60) -> str:
    """Return a name in small letters, digits and _ that is made of a text; empty if nothing of it can be in a name."""
    text = unicodedata.normalize("NFKD", _CAMEL.sub("_", written).lower().translate(_LETTERS))
    bare = "".join(character for character in text if not unicodedata.combining(character))
    name = re.sub(r"[^a-z0-9]+", "_", bare).strip("_")[:most].strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


def good_name(written: str, taken: Container[str], most: int) -> str:
    """Return the name nearest to what is written that is no word of SQL, and not taken."""
    name = to_name(written, most - 4) or "ours"
    plural = [f"{name}s"] if name in SQL_WORDS else []
    candidates = (name, *plural, f"our_{name}", *(f"{name}_{number}" for number in range(2, 1000)))
    return next(found for found in candidates if found not in taken and found not in SQL_WORDS)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that may be meant, whatever its case; of several that are as near, the first."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def or_nearest(name: str, known: Iterable[str]) -> str:
    """Return a name that is not known, with what may be meant, else with all that are known."""
    known = list(known)
    near = nearest(name, known)
    name = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}\u2026"
    return f"{name}; did you mean {near}?" if near else f"{name}, only {', '.join(known)}"
