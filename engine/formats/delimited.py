"""CSV as bytes: where records begin and end, what is wrong with one's structure, and how a chunk becomes clean CSV.

A record ends at LF, CR LF or the CR CR LF of some exporters. A quoted field may hold line ends. A record whose quotes make no
sense is the one physical line it begins on, and reading goes on with the next: one bad quote never swallows a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbsvc.engine.formats.record import LONGEST_RECORD, Record

_BLANKS = " \t\r\u00a0"  # what is trimmed around a field: space, tab, CR, no-break space
_QUOTED = rb'[ \t]*"[^"]*+(?:""[^"]*+)*+"[ \t]*(?=[,\r\n]|\Z)'
_PLAIN = rb'[^",\n]*+'
_RECORD = re.compile(rb"(?:%b|%b)(?:,(?:%b|%b))*+\r*(?:\n|\Z)" % (_QUOTED, _PLAIN, _QUOTED, _PLAIN))
# The record is well formed so far, but a quoted field is open where the bytes end.
_OPEN = re.compile(rb'(?:(?:%b|%b),)*+[ \t]*"[^"]*+(?:""[^"]*+)*+"?\Z' % (_QUOTED, _PLAIN))
# A run of records that all readers of CSV understand alike: no blanks around fields, no line end within quotes.
_TIDY = re.compile(rb'(?:(?:"(?![ \t])[^"\n]*+(?:""[^"\n]*+)*+(?<![ \t])"|(?![ \t])[^",\n]*+(?<![ \t]))(?:,|\r*\n))*+')
_BLANKS_AT_BORDER = re.compile(rb"[ \t]*([,\n])[ \t]*")
_FIELD = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t\r]*(,|\Z)|([^",]*)(,|\Z)')


def is_hole(_before: bytes, _length: int, _after: bytes) -> bool:
    """Return False: a file is delivered whole, and one with NULs is damaged."""
    return False


def count_lines(data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
    """Return how many lines end in ``data``; what comes before does not matter to that."""
    return data.count(b"\n"), carry


def cut(data: bytes, final: bool) -> int:
    """Return where the last complete record of ``data`` ends; ``data`` begins with one. ``final``: no more bytes follow."""
    position = 0
    while data.find(b'"', position) >= 0:
        position = data.rfind(b"\n", position, _run_of_tidy(data, position)) + 1 or position
        if position == len(data):
            return position
        end, _ = _record_at(data, position, final)
        if end is None:
            return position
        position = end
    return len(data) if final else data.rfind(b"\n", position) + 1 or position


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a chunk, all of them complete. Blank lines are no records."""
    position, line = 0, 1
    while position < len(data):
        quote = data.find(b'"', position)
        plain_until = len(data) if quote < 0 else data.rfind(b"\n", position, quote) + 1
        if plain_until > position:
            lines = data[position:plain_until].removesuffix(b"\n").split(b"\n")
            for raw in lines:
                if not _is_blank(raw):
                    yield Record(position, position + len(raw.rstrip(b"\r")), line, "")
                position, line = position + len(raw) + 1, line + 1
        if quote >= 0:
            end, fault = whole_record(data, position)
            raw = data[position:end]
            yield Record(position, position + len(raw.rstrip(b"\r\n")), line, fault)
            position, line = end, line + raw.count(b"\n")


def read_fields(raw: bytes) -> list[str]:
    """Return the trimmed fields of one well-formed record. Raises UnicodeDecodeError."""
    text = raw.decode()
    if '"' not in text:
        return [field.strip(_BLANKS) for field in text.split(",")]
    fields, position, more = [], 0, ","
    while more:
        field = _FIELD.match(text, position)
        if field is None:
            raise ValueError(f"not a well-formed record: {text!r}")
        quoted, quoted_more, plain, plain_more = field.groups()
        fields.append((plain if quoted is None else quoted.replace('""', '"')).strip(_BLANKS))
        position, more = field.end(), plain_more if quoted is None else quoted_more
    return fields


def tidy(data: bytes) -> bytes | None:
    """Return a chunk as clean CSV, its records on the same lines, if that needs no look at single records; else None.

    Clean: UTF-8, LF, no blank lines, no blanks around fields, quotes only where they belong. Fields are not counted.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    if b"\r" in data:
        data = re.sub(rb"\r+\n", b"\n", data)
    # a line with nothing but \. would end PostgreSQL's COPY
    if b"\r" in data or b"\0" in data or b"\\." in data:
        return None
    if not data.isascii() and (b"\xc2\xa0" in data or not is_utf8(data)):
        return None
    if b'"' in data:
        if _run_of_tidy(data, 0) < len(data):
            return None
    elif data[:1] == b" " or b"\t" in data or any(border in data for border in (b", ", b" ,", b"\n ", b" \n")):
        data = _BLANKS_AT_BORDER.sub(rb"\1", data).lstrip(b" \t")
    return None if b"\n\n" in data or data.startswith(b"\n") else data


def whole_record(data: bytes, start: int) -> tuple[int, str]:
    """Return where the record that begins at ``start`` of a chunk ends, and its fault."""
    end, fault = _record_at(data, start, final=True)
    assert end is not None, "all bytes are there"
    return end, fault


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are text."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def fields(raw: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the faults of one well-formed record, and its fields: all empty unless there is one for each of the names.

    Bytes that are no text are replaced in the fields, and named as a fault; the record itself is kept elsewhere as it came.
    """
    faults = []
    try:
        found = read_fields(raw)
    except UnicodeDecodeError:
        faults.append("invalid_utf8")
        found = read_fields(raw.decode(errors="replace").encode())
    if b"\0" in raw:
        faults.append("nul_byte")
        found = [field.replace("\0", "\ufffd") for field in found]
    if len(found) != len(names):
        faults.append("too_few_fields" if len(found) < len(names) else "too_many_fields")
        found = [""] * len(names)
    return " ".join(faults), found


def _record_at(data: bytes, start: int, final: bool) -> tuple[int | None, str]:
    """Return the end of the record at ``start``, and its fault; no end while the bytes do not tell."""
    match = _RECORD.match(data, start)
    if match and match.end() - start <= LONGEST_RECORD and (final or data[match.end() - 1 : match.end()] == b"\n"):
        return match.end(), ""
    if not final and len(data) - start <= LONGEST_RECORD and (match or _OPEN.match(data, start)):
        return None, ""
    newline = data.find(b"\n", start)
    if newline < 0 and not final:
        return None, ""
    end = len(data) if newline < 0 else newline + 1
    return end, "unterminated_quote" if _OPEN.match(data[start:end].rstrip(b"\r\n")) else "stray_quote"


def _run_of_tidy(data: bytes, start: int) -> int:
    match = _TIDY.match(data, start)
    return match.end() if match else start


def _is_blank(line: bytes) -> bool:
    rest = line.strip(b" \t\r")
    return not rest or (rest.startswith(b"\xc2\xa0") and not rest.decode(errors="replace").strip(_BLANKS))
