"""CSV as bytes: where records begin and end, what is wrong with one's structure, and how a chunk becomes clean CSV.

A record ends at LF, CR LF or the CR CR LF of some exporters. A quoted field may hold line ends. A record whose quotes make no
sense is the one physical line it begins on, and reading goes on with the next: one bad quote never swallows a file.

Every pattern here takes time in proportion to the bytes, whatever they are: what was matched is not given back, and what may
begin a pattern at every byte (blanks, CRs) begins one only where a row of them begins.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Iterator, Sequence
from functools import lru_cache

from dbsvc.engine.db.batches import slices
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK, LONGEST_READ, LONGEST_RECORD, FastRecords, Record

_BLANKS = " \t\r\u00a0"  # what is trimmed around a field: space, tab, CR, no-break space
_MARKS = b"(?:%b)*+" % BYTE_ORDER_MARK
_QUOTED = rb'[ \t]*+"[^"]*+(?:""[^"]*+)*+"[ \t]*+(?=[,\r\n]|\Z)'
_PLAIN = rb'[^",\n]*+'
_RECORD = re.compile(rb"%b(?:%b|%b)(?:,(?:%b|%b))*+\r*+(?:\n|\Z)" % (_MARKS, _QUOTED, _PLAIN, _QUOTED, _PLAIN))
# The record is well formed so far, but a quoted field is open where the bytes end.
_OPEN = re.compile(rb'%b(?:(?:%b|%b),)*+[ \t]*+"[^"]*+(?:""[^"]*+)*+"?\Z' % (_MARKS, _QUOTED, _PLAIN))
# A run of records that all readers of CSV understand alike: no blanks around fields, no line end within quotes.
_TIDY = re.compile(rb'(?:(?:"(?![ \t])[^"\n]*+(?:""[^"\n]*+)*+(?<![ \t])"|(?![ \t])[^",\n]*+(?<![ \t]))(?:,|\r*+\n))*+')
# A run of blanks that begins after a border, or ends at one.
_BLANKS_AT_BORDER = re.compile(rb"[ \t](?:(?<=[,\n].)[ \t]*+|(?<![ \t].)[ \t]*+(?=[,\n]))")
_RETURNS = re.compile(rb"\r(?<!\r\r)\r*+(?=\n)")
_FIELD = re.compile(r'[ \t]*+"([^"]*+(?:""[^"]*+)*+)"[ \t\r]*+(,|\Z)|([^",]*+)(,|\Z)')
_FIELD_BYTES = re.compile(rb'[ \t]*+(")([^"]*+(?:""[^"]*+)*+)"[ \t\r]*+(?:,|\Z)|([^",]*+)(?:,|\Z)')
_BLANKS_BEFORE = re.compile(rb"(?:[ \t\r]|\xc2\xa0)*+")
_BLANKS_AFTER = re.compile(rb"(?:[ \t\r]|\xa0\xc2)*+")  # read backwards
_MOST_PIECES = 1_000  # of a record that is not well formed
_LONGEST_RUN = 6
_PIECE = re.compile(rb'[^",\r\n]++')
#: How many names of columns make a record a header, whatever else it has.
_FEWEST_NAMES = 3
_LONGEST_TIDY = 2**20  # bytes
#: So much is taken apart at once: each line of it is an object.
_PART = 64 * 1024  # bytes


def is_hole(_before: bytes, _length: int, _after: bytes) -> bool:
    """Return False: a file is delivered whole, and one with NULs is damaged."""
    return False


def count_lines(data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
    """Return how many lines end in ``data``; what comes before does not matter to that."""
    return data.count(b"\n"), carry


def cut(data: bytes, final: bool) -> int:
    """Return where the last complete record of ``data`` ends; ``data`` begins with one. ``final``: no more bytes follow."""
    position = 0
    while (quote := data.find(b'"', position)) >= 0:
        position = data.rfind(b"\n", position, quote) + 1 or position  # the lines before are records each
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
        for part in slices(data, _PART, position, plain_until):
            for raw in part.removesuffix(b"\n").split(b"\n"):
                if not _is_blank(raw):
                    yield Record(position, position + len(raw.rstrip(b"\r")), line, _too_long(len(raw)))
                position, line = position + len(raw) + 1, line + 1
        if quote >= 0:
            end, fault = whole_record(data, position)
            raw = data[position:end]
            yield Record(position, position + len(raw.rstrip(b"\r\n")), line, _too_long(len(raw)) or fault)
            position, line = end, line + raw.count(b"\n")


def read_fields(raw: bytes, most: int | None = None) -> list[str]:
    """Return the trimmed fields of one well-formed record, not many more than ``most``. Raises UnicodeDecodeError."""
    text = raw.decode().lstrip("\ufeff")
    if '"' not in text:
        return [field.strip(_BLANKS) for field in text.split(",", -1 if most is None else most)]
    fields: list[str] = []
    position, more = 0, ","
    while more and (most is None or len(fields) <= most):
        field = _FIELD.match(text, position)
        if field is None:
            raise ValueError(f"not a well-formed record: {text[:100]!r}")
        quoted, quoted_more, plain, plain_more = field.groups()
        fields.append((plain if quoted is None else quoted.replace('""', '"')).strip(_BLANKS))
        position, more = field.end(), plain_more if quoted is None else quoted_more
    return fields


def to_clean_csv(data: bytes) -> bytes | None:
    """Return a chunk as clean CSV, its records on the same lines, if that needs no look at single records; else None.

    Clean: UTF-8, LF, no blank lines, no blanks around fields, quotes only where they belong. Fields are not counted.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    if b"\r" in data:
        data = _RETURNS.sub(b"", data)
    # a line with nothing but \. would end PostgreSQL's COPY
    if b"\r" in data or b"\0" in data or b"\\." in data:
        return None
    if not data.isascii() and (b"\xc2\xa0" in data or begins_with_mark(data) or not is_utf8(data)):
        return None
    if has_long_line(data):
        return None
    if b'"' in data:
        if _run_of_tidy(data, 0) < len(data):
            return None
    elif data[:1] == b" " or b"\t" in data or any(border in data for border in (b", ", b" ,", b"\n ", b" \n")):
        data = _BLANKS_AT_BORDER.sub(b"", data).lstrip(b" \t")
    return None if b"\n\n" in data or data.startswith(b"\n") else data


def fast_records(data: bytes, _names: Sequence[str], patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
    """Return the one form that there is, unless the bytes are no text."""
    if not (data.isascii() or is_utf8(data)):
        return []
    guard = "" if data.isascii() or not begins_with_mark(data) else "(?!\\xef\\xbb\\xbf)"
    return [_fast_form(tuple(map(tuple, patterns)), guard)]


@lru_cache(maxsize=8)
def _fast_form(fields: tuple[tuple[str, ...], ...], guard: str) -> FastRecords:
    """Compile the patterns of fields, and what no record begins with, to one of a run of records.

    What matched is never tried another way.
    """
    record = ",".join(f"(?:{'|'.join(patterns)})" for patterns in fields)
    return FastRecords(re.compile(rf"(?>{guard}{record}\r*+\n)*+".encode()), _without_returns)


def _without_returns(data: bytes) -> bytes:
    return _RETURNS.sub(b"", data) if b"\r" in data else data


def whole_record(data: bytes, start: int) -> tuple[int, str]:
    """Return where the record that begins at ``start`` of a chunk ends, with its line end, and its structural fault."""
    end, fault = _record_at(data, start, final=True)
    assert end is not None, "all bytes are there"
    return end, fault


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are text."""
    position, view = 0, memoryview(data)
    try:
        while position < len(data):  # not all at once: as text it may take four times as much
            final = position + _PART >= len(data)
            position += utf_8_decode(view[position : position + _PART], "strict", final)[1]
    except UnicodeDecodeError:
        return False
    return True


def begins_with_mark(data: bytes) -> bool:
    """Whether a line begins with a byte order mark."""
    return data.startswith(BYTE_ORDER_MARK) or b"\n" + BYTE_ORDER_MARK in data


def has_long_line(data: bytes) -> bool:
    """Whether a line is too long to be read with its neighbours. All lines end in LF."""
    position = 0
    while position + _LONGEST_TIDY < len(data):
        end = data.rfind(b"\n", position, position + _LONGEST_TIDY) + 1
        if not end:
            return True
        position = end
    return False


def fields(raw: bytes, names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the faults of one well-formed record, and its fields: all empty unless there is one for each of the names.

    Bytes that are no text are replaced in the fields, and named as a fault; the record itself is kept elsewhere as it came.
    A record that is a header again, as files have that were joined, is a fault, too.
    """
    faults = []
    try:
        found = read_fields(raw, len(names))
    except UnicodeDecodeError:
        faults.append("invalid_utf8")
        found = read_fields(raw.decode(errors="replace").encode(), len(names))
    if b"\0" in raw:
        faults.append("nul_byte")
        found = [field.replace("\0", "\ufffd") for field in found]
    if header := _header_again(found, names):
        faults.append(header)
    elif len(found) != len(names):
        faults.append("too_few_fields" if len(found) < len(names) else "too_many_fields")
    else:
        return " ".join(faults), found
    return " ".join(faults), [""] * len(names)


def texts(raw: bytes, names: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[int, int, bytes]]:
    """Yield where the fields of these names stand in a record, and what they say: trimmed, without quotes around or in them.

    Where a record has not one field for each of the names, any run of pieces of it may be one.
    """
    spans = _find_fields(raw)
    if spans and len(spans) == len(names):
        yield from (span for name, span in zip(names, spans, strict=True) if name in wanted)
        return
    pieces = [found.span() for found in _PIECE.finditer(raw)][:_MOST_PIECES]
    for first, (start, _) in enumerate(pieces):
        for _, end in reversed(pieces[first : first + _LONGEST_RUN]):
            yield _trimmed(raw, start, end)


def _find_fields(raw: bytes) -> list[tuple[int, int, bytes]] | None:
    """Return where the fields of a well-formed record stand; None if it is not."""
    spans = []
    position = len(BYTE_ORDER_MARK) if raw.startswith(BYTE_ORDER_MARK) else 0
    while field := _FIELD_BYTES.match(raw, position):
        group = 2 if field[1] else 3
        start, end, text = _trimmed(raw, *field.span(group))
        spans.append((start, end, text.replace(b'""', b'"') if field[1] else text))
        position = field.end()
        if not field[0].endswith(b","):
            return spans
    return None


def _trimmed(raw: bytes, start: int, end: int) -> tuple[int, int, bytes]:
    before, after = _BLANKS_BEFORE.match(raw[start:end]), _BLANKS_AFTER.match(raw[start:end][::-1])
    start, end = start + (before.end() if before else 0), end - (after.end() if after else 0)
    return start, end, raw[start:end]


def mentions_header(data: bytes, names: Sequence[str]) -> bool:
    """Whether a record may name the columns, as a header does that stands inside: cheap, and never wrongly no."""
    lowered = data.lower()
    return 2 * sum(name.lower().encode() in lowered for name in names) >= len(names)


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


def _header_again(found: Sequence[str], names: Sequence[str]) -> str:
    """Return the fault of a record that names the columns, or half of them: again as before, or otherwise."""
    if len(found) < _FEWEST_NAMES:
        return ""
    known, again = _folded(tuple(names)), tuple(map(str.casefold, found))
    if len(set(again).intersection(known)) < max(_FEWEST_NAMES, len(known) / 2):
        return ""
    return "header_repeated" if again == known else "header_differs"


@lru_cache(maxsize=8)
def _folded(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str.casefold, names))


def _too_long(size: int) -> str:
    return "record_too_long" if size > LONGEST_READ else ""


def _run_of_tidy(data: bytes, start: int) -> int:
    match = _TIDY.match(data, start)
    return match.end() if match else start


def _is_blank(line: bytes) -> bool:
    rest = line.strip(b" \t\r")
    if not rest or rest[0] not in (0xC2, 0xEF):
        return not rest
    return not line.decode(errors="replace").lstrip("\ufeff").strip(_BLANKS)
