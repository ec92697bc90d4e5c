"""The fast path of JSON lines: objects whose names stand in the order of others become CSV without being read one by one.

The layouts of some lines, which are read for that, are made into expressions: one that matches runs of lines whose fields match
their patterns, and one that takes these apart. A line with an escape, an exponent, a name twice, a mark or a hole matches none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from dbsvc.engine.db.batches import slices
from dbsvc.engine.sources.formats.record import FastRecords

#: How many lines of a chunk are looked at, from its beginning to its end; how many of their layouts are tried.
_LINES, _LAYOUTS = 200, 4
_LONGEST = 2**16  # bytes of such a line
_PART = 256 * 1024  # bytes taken apart at once: each field is an object
_TEXT, _PLAIN = r'"[^"\\\n]*+"', r"[-+.\w]++"
_MEMBER = re.compile(rf'( *+[{{,] *+"([^"\\\n]*+)" *+: *+)(?:{_TEXT}|{_PLAIN})'.encode())
_END = re.compile(rb"( *+\} *+)\r*+\n")
#: a number as its digits, and what may follow it
_NUMBER, _AFTER_NUMBER = r"-?+(?:0|[1-9]\d*+)(?:\.\d++)?+", "[ ,}]"
#: what a name holds that is no column's
_IGNORED = rf'(?:"[^"\\\n]{{0,1000}}+"|(?=[-+.\w]{{1,1000}}+[ ,}}])(?:{_NUMBER}|true|false|null))'
#: what no text in JSON holds unless it is escaped, and how that begins
_ESCAPED = bytes({*range(32), ord("\\")} - {ord("\n"), ord("\r")})
_UNESCAPED = r"(?=[^\\\x00-\x09\x0b\x0c\x0e-\x1f\n]*+\n)"


class _Layout(NamedTuple):
    """What stands before each value of a line, the names, and what stands at the end."""

    before: tuple[bytes, ...]
    names: tuple[bytes, ...]
    end: bytes


def fast_forms(
    data: bytes, names: Sequence[str], patterns: Sequence[Sequence[str]], is_sound: Callable[[bytes], bool]
) -> list[FastRecords]:
    """Return the forms of the lines of a chunk that is text without NULs. ``is_sound``: whether a line holds an object."""
    guard = "" if len(data.translate(None, _ESCAPED)) == len(data) else _UNESCAPED
    columns = tuple((name.encode(), tuple(found)) for name, found in zip(names, patterns, strict=True))
    layouts: Counter[_Layout] = Counter()
    starts = {data.rfind(b"\n", 0, len(data) * nth // _LINES) + 1 for nth in range(_LINES)}
    for start in starts:
        line = data[start : min(data.find(b"\n", start) + 1, start + _LONGEST)]
        if is_sound(line) and (layout := _layout(line)):
            layouts[layout] += 1
    found = (_form(layout, columns, guard) for layout, _ in layouts.most_common(_LAYOUTS))
    return [form for form in found if form]


def _layout(line: bytes) -> _Layout | None:
    """Return the layout of a line with a sound object; None if there are escapes in it, or values in values."""
    members, position = [], 0
    while member := _MEMBER.match(line, position):
        members.append(member)
        position = member.end()
    end = _END.fullmatch(line, position)
    return _Layout(tuple(found[1] for found in members), tuple(found[2] for found in members), end[1]) if end else None


@lru_cache(maxsize=32)
def _form(layout: _Layout, columns: tuple[tuple[bytes, tuple[str, ...]], ...], guard: str) -> FastRecords | None:
    """Compile a layout; None if a field must be there that is not, or if there is but one."""
    patterns = dict(columns)
    missing = [name for name, found in columns if name not in layout.names]
    if len(columns) == 1 or any("" not in patterns[name] for name in missing):
        return None
    run = taken = ""
    for before, name in zip(layout.before, layout.names, strict=True):
        literal = re.escape(before.decode())
        run += literal + (_value(patterns[name]) if name in patterns else _IGNORED)
        taken += literal + ('(?:null|"?+((?<=")[^"]*+|[^ ,}]*+)"?+)' if name in patterns else rf"(?:{_TEXT}|{_PLAIN})")
    end = rf"{re.escape(layout.end.decode())}\r*+\n"
    order = [*(name for name in layout.names if name in patterns), *missing]
    take = re.compile((taken + end + "()" * len(missing)).encode())
    sort = itemgetter(*(order.index(name) for name, _ in columns))
    return FastRecords(re.compile(rf"(?>{guard}{run}{end})*+".encode()), partial(_to_csv, take, sort))


def _value(patterns: Sequence[str]) -> str:
    """Return a pattern of a value: a text, or a number with the same digits; or null, where nothing is good.

    Without groups: Python 3.11 loses count of those within what is not given back.
    """
    field = f"(?:{'|'.join(patterns)})"
    value = f'"{field}"|(?={_NUMBER}{_AFTER_NUMBER}){field}'
    return f"(?:null|{value})" if "" in patterns else f"(?:{value})"


def _to_csv(take: re.Pattern[bytes], sort: Callable[[tuple[bytes, ...]], tuple[bytes, ...]], data: bytes) -> bytes:
    parts = (b"\n".join([b",".join(sort(fields)) for fields in take.findall(part)]) for part in slices(data, _PART))
    return b"\n".join(parts) + b"\n"
