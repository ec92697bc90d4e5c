"""A profile's files as bytes: a format of its own, whose records have the fields of our contract, spelled as it reads them.

Where records begin and end is found as in any CSV: marks of the profile are exchanged with ours, one byte by one byte, so every
place stays where it is. Records keep their lines and their very bytes; only fields are translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.profiles import Profile
from dbsvc.engine.sources.formats import Format, delimited, part
from dbsvc.engine.sources.formats.record import BYTE_ORDER_MARK, FastRecords, Record
from dbsvc.engine.sources.spellings import Numbers, Spelling, spell_days, spell_distinct, spell_moments

#: How many lines are translated at once.
_LINES = 1000
#: What stands for a record that has to be looked at: it is read as CSV by nobody.
_TO_LOOK_AT = '?"'
_MARKS = ',"'
#: What makes a formula of a text. Within quotes, quotes stand twice.
_FORMULA = re.compile(rb'(?m)(^|,)=(?="[^",\n]++"(?:,|\r*+$))')
#: What takes the places of our marks where the profile has others.
_SPARE = "\x01\x02"
_FOOTER_LINES = 1000
#: In the place of columns that nobody reads.
_IGNORED = "?"


class HeaderRecord(NamedTuple):
    """Where a header begins and ends, where what follows its line begins, and its names."""

    start: int
    end: int
    next: int
    names: list[str]


class Framing:
    """Where the header and the records of a profile's files begin and end, and what stands between the marks."""

    def __init__(self, profile: Profile) -> None:
        self._told = profile.columns
        self._formulas = profile.text_formulas
        self.encoding = profile.encoding if keeps_ascii(profile.encoding) else "utf-8"
        ours_of = dict(zip(f"{profile.delimiter}{profile.quote}", _MARKS, strict=False))
        others = [mark for mark in (*_MARKS, *_SPARE) if mark not in ours_of]
        free = [mark for mark in (*_SPARE, *_MARKS, *ours_of) if mark not in ours_of.values()]
        ours_of |= zip(others, dict.fromkeys(free), strict=True)
        self._in = bytes.maketrans("".join(ours_of).encode(), "".join(ours_of.values()).encode())
        self.to_ours = str.maketrans(ours_of)
        self._back = str.maketrans({ours: theirs for theirs, ours in ours_of.items()})
        self._moved = [ours for theirs, ours in ours_of.items() if theirs != ours]
        marks = "|".join(re.escape(mark) for mark in profile.comment).encode(self.encoding)
        self._comment = re.compile(rb"(?m)^(?:\xef\xbb\xbf)*+(?:%b)[^\n]*+" % marks) if marks else None

    def mark(self, data: bytes) -> bytes:
        """Return bytes with our marks in the place of theirs, and with blanks in the place of comments. Places stay."""
        marked = data.translate(self._in)
        if self._formulas:
            marked = _FORMULA.sub(rb"\1 ", marked)
        if self._comment and (comments := [found.span() for found in self._comment.finditer(data)]):
            marked = _blank(marked, comments)
        return marked

    def as_utf8(self, marked: bytes) -> bytes:
        """Return marked bytes as UTF-8; what is no text stays none."""
        if self.encoding == "utf-8" or marked.isascii():
            return marked
        return marked.decode(self.encoding, errors="surrogateescape").encode(errors="surrogateescape")

    def unmark(self, text: str) -> str:
        """Return a text with their marks in the place of ours, as it was written."""
        return text.translate(self._back) if any(mark in text for mark in self._moved) else text

    def read_header(self, data: bytes, skip_lines: int) -> HeaderRecord | None:
        """Return the header of what begins so; None if there is none that can be read. One that is told has no bytes."""
        start = 0
        for _ in range(skip_lines):
            start = data.find(b"\n", start) + 1
            if not start:
                return None
        if self._told:
            return HeaderRecord(start, start, start, list(self._told))
        record = next(delimited.records(self.mark(data[start:])), None)
        if record is None or record.fault:
            return None
        start, end = start + record.start, start + record.end
        try:
            fields = delimited.read_fields(self.as_utf8(self.mark(data[start:end])))
        except (UnicodeDecodeError, ValueError):
            return None
        start += len(BYTE_ORDER_MARK) * data.startswith(BYTE_ORDER_MARK, start)
        return HeaderRecord(start, end, data.find(b"\n", end) + 1 or len(data), list(map(self.unmark, fields)))


class Translation:
    """A profile, on files with one header: a ``Format``."""

    def __init__(
        self, profile: Profile, dataset: Dataset, names: Sequence[str], columns: Sequence[str | None], raw: bytes
    ) -> None:
        self.profile = profile
        #: our columns, in the order of the records that come out of it
        self.columns = (*(column for column in columns if column), *profile.constants)
        self._frame = Framing(profile)
        self._names = names
        self._marked_names = [name.translate(self._frame.to_ours) for name in names]
        self._places = [at for at, column in enumerate(columns) if column]
        self._of_file = [column or _IGNORED for column in columns]
        self._constants = list(profile.constants.values())
        self._kinds = [dataset.columns[column].type.name for column in columns if column]
        self._numbers = find_numbers(profile)
        self._spell = [
            find_spelling(profile, column, kind, self._numbers) for column, kind in zip(self.columns, self._kinds, strict=False)
        ]
        self._header = raw if profile.repeated_header else None

    def is_hole(self, _before: bytes, _length: int, _after: bytes, /) -> bool:
        """Return False: a file is delivered whole."""
        return False

    def count_lines(self, data: bytes, carry: bytes = b"") -> tuple[int, bytes]:
        """Return how many lines end in ``data``."""
        return delimited.count_lines(data, carry)

    def cut(self, data: bytes, final: bool) -> int:
        """Return where the last complete record of ``data`` ends."""
        return delimited.cut(self._frame.mark(data), final)

    def records(self, data: bytes) -> Iterator[Record]:
        """Yield the records of a chunk. Comments, and headers that may stand inside again, are none."""
        found = delimited.records(self._frame.mark(data))
        if self._header is None:
            return found
        return (one for one in found if data[one.start : one.end].replace(BYTE_ORDER_MARK, b"") != self._header)

    def whole_record(self, data: bytes, start: int) -> tuple[int, str]:
        """Return where the record that begins at ``start`` ends, with its line end, and its structural fault."""
        return delimited.whole_record(self._frame.mark(data), start)

    def fast_records(self, _data: bytes, _names: Sequence[str], _patterns: Sequence[Sequence[str]]) -> list[FastRecords]:
        """Return none: what is fast is what they are translated to."""
        return []

    def mentions_header(self, data: bytes, _names: Sequence[str]) -> bool:
        """Whether a record may name the columns."""
        return delimited.mentions_header(self._frame.as_utf8(self._frame.mark(data)), self._marked_names)

    def to_clean_csv(self, data: bytes) -> bytes | None:
        """Return a chunk as clean CSV of our columns, if that needs no look at single records; else None."""
        return delimited.to_clean_csv(self.translate(data))

    def fields(self, raw: bytes, _names: Sequence[str]) -> tuple[str, list[str]]:
        """Return the faults of one record, and its fields by our columns, translated."""
        faults, written = self._read(raw)
        spelled = [spell(text) if spell else text for spell, text in zip(self._spell, written, strict=True)]
        return faults, spelled + self._constants

    def _read(self, raw: bytes) -> tuple[str, list[str]]:
        """Return the faults of one record, and its fields by our columns, as they are written."""
        marked = self._frame.mark(raw)
        if self.profile.trailing_delimiter:
            marked = _without_last_delimiter(marked)
        faults, found = delimited.fields(self._frame.as_utf8(marked), self._marked_names)
        return faults, [self._frame.unmark(found[at]) for at in self._places]

    def texts(self, raw: bytes, _names: Sequence[str], wanted: Sequence[str], /) -> Iterator[tuple[int, int, bytes]]:
        """Yield where the fields that are wanted may stand in a record, and what they say, as UTF-8.

        Columns that nobody reads are among them: they are kept in records nevertheless.
        """
        marked = self._frame.mark(raw)
        if self.profile.trailing_delimiter:
            marked = _without_last_delimiter(marked)
        for start, end, text in delimited.texts(marked, self._of_file, (*wanted, _IGNORED)):
            yield start, end, self._frame.unmark(text.decode(self._frame.encoding, errors="replace")).encode()

    def translate(self, data: bytes) -> bytes:
        """Return a chunk as CSV of our columns: UTF-8, LF, every record on its line.

        What is no record is a blank line; what has to be looked at is something that is no record of anybody's.
        """
        return b"".join(self._translate(block) for _, block in part(self, (1, data), _LINES))

    def _translate(self, block: bytes) -> bytes:
        columns = self._split(block)
        return write_lines(self, block, write_csv) if columns is None else self._join(columns)

    def _split(self, block: bytes) -> list[str] | None:
        """Return the fields of plain records by their columns, a line each; None if they have to be looked at one by one."""
        clean = delimited.to_clean_csv(self._frame.as_utf8(self._frame.mark(block)))
        if clean is None or b'"' in clean:
            return None
        width, lines = len(self._names), clean.count(b"\n")
        text = clean.decode()
        if self.profile.trailing_delimiter:
            if text.count(",\n") != lines:
                return None
            text = text.replace(",\n", "\n")
        fields = text.replace("\n", ",\n,").split(",")
        fields.pop()
        # every field number `width` must be the end of a record, and no other field may be one
        if len(fields) != lines * (width + 1) or fields[width :: width + 1] != ["\n"] * lines or "\n" in fields[:width]:
            return None
        return ["\n".join(fields[at :: width + 1]) for at in self._places]

    def _join(self, columns: list[str]) -> bytes:
        lines = columns[0].count("\n") + 1
        fields = [self._spell_all(*one) for one in zip(columns, self._kinds, self._spell, strict=True)]
        fields += [[_quoted(constant)] * lines for constant in self._constants]
        return ("\n".join(map(",".join, zip(*fields, strict=True))) + "\n").encode()

    def _spell_all(self, texts: str, kind: str, spell: Spelling | None) -> list[str]:
        texts = self._frame.unmark(texts)
        if spell is None:
            return texts.split("\n") if "," not in texts and '"' not in texts else list(map(_quoted, texts.split("\n")))
        if self._numbers and spell == self._numbers.spell:
            return self._numbers.spell_all(texts)
        return spell_distinct(lambda text: _quoted(spell(text)), texts.split("\n"))

    def begins_after_line_ends(self, data: bytes) -> bool:
        """Whether a record begins after each line end."""
        return not self.profile.quote or self.profile.quote.encode() not in data

    def written(self, data: bytes) -> dict[str, list[str]]:
        """Return what stands in the columns of days, as it is written."""
        days = [column for column, kind in zip(self.columns, self._kinds, strict=False) if kind == "date"]
        found: dict[str, list[str]] = {column: [] for column in days}
        for start, end, _, fault in self.records(data):
            faults, fields = (fault, []) if fault else self._read(data[start:end])
            for column, text in zip(self.columns, fields, strict=False):
                if column in found and not faults:
                    found[column].append(text)
        return found

    def find_footer(self, data: bytes) -> int:
        """Return where the last lines begin, of the last bytes of a file, that are no records, as the profile says."""
        if not (beginnings := tuple(mark.encode(self._frame.encoding) for mark in self.profile.footer)):
            return len(data)
        end, found = len(data), len(data)
        blanks = b" \t\r\n" + self.profile.delimiter.encode()
        for _ in range(_FOOTER_LINES):
            start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            line = data[start:end]
            if line.startswith(beginnings):
                found = start
            elif line.strip(blanks):
                break
            end = start
            if not start:
                break
        return found


def write_csv(fields: list[str]) -> str:
    """Return a record as CSV."""
    return ",".join(map(_quoted, fields))


def write_lines(of: Format, block: bytes, write: Callable[[list[str]], str]) -> bytes:
    """Return the records of some bytes, each on its line; in the place of what has to be looked at, what is nobody's record."""
    found = (
        (line, *((fault, []) if fault else of.fields(block[start:end], ()))) for start, end, line, fault in of.records(block)
    )
    return write_read(found, of.count_lines(block)[0], write)


def write_read(found: Iterable[tuple[int, str, list[str]]], number: int, write: Callable[[list[str]], str]) -> bytes:
    """Return records, of which each is on its line, with its faults and its fields, in that number of lines."""
    lines: list[str] = []
    for line, faults, fields in found:
        lines += [""] * (line - 1 - len(lines))
        lines += (_TO_LOOK_AT if faults else write(fields)).split("\n")
    lines += [""] * (number - len(lines))
    return "".join(f"{line}\n" for line in lines).encode()


def find_numbers(profile: Profile) -> Numbers | None:
    """Return how numbers are spelled, if a profile says so."""
    if not profile.decimal:
        return None
    return Numbers(profile.decimal, profile.thousands, negative=profile.negative, marks=profile.currency_marks)


def find_spelling(profile: Profile, column: str, kind: str, numbers: Numbers | None) -> Spelling | None:
    """Return what translates the fields of a column; None if they stay as they are."""
    spell: Spelling | None = None
    if kind in ("decimal", "number") and numbers:
        spell = numbers.spell
    elif kind == "whole" and numbers:
        spell = numbers.spell_whole
    elif kind == "date" and profile.date:
        spell = spell_days(profile.date)
    elif kind == "timestamp" and (profile.timestamp or profile.zone):
        spell = spell_moments(profile.timestamp, profile.zone)
    words = dict.fromkeys(profile.null, "") | dict(profile.values.get(column, {}))
    return _with_words(words, spell) if words else spell


@cache
def keeps_ascii(encoding: str) -> bool:
    """Whether every byte below 128 is a character of ASCII wherever it stands: marks can then be found among bytes.

    Files of other encodings are decoded before they are read.
    """
    low = b"\x1b$B" + bytes(range(128)) + b"\x1b$)C~{+"  # and what makes some encodings mean something else by it
    pairs = b"".join(bytes([high, byte]) for high in range(128, 256) for byte in low)
    try:
        return (2 * low).decode(encoding) == 2 * low.decode() and (
            pairs.decode(encoding, errors="replace")[1::2] == 128 * low.decode()
        )
    except UnicodeError:
        return False


def _with_words(words: Mapping[str, str], spell: Spelling | None) -> Spelling:
    """Return what translates as before, but for words that stand for something else, or for nothing."""

    def spell_word(text: str) -> str:
        word = words.get(text)
        return word if word is not None else spell(text) if spell else text

    return spell_word


def _without_last_delimiter(marked: bytes) -> bytes:
    stripped = marked.rstrip(b" \t\r\n")
    return stripped[:-1] if stripped.endswith(b",") else marked


def _quoted(text: str) -> str:
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _blank(marked: bytes, comments: list[tuple[int, int]]) -> bytes:
    """Return bytes with blanks in the place of comments: lines that begin so where a record could begin."""
    found = bytearray(marked)
    if b'"' not in marked:
        for start, end in comments:
            found[start:end] = b" " * (end - start)
        return bytes(found)
    position = 0
    for start, end in comments:
        while position < start:
            quote = marked.find(b'"', position, start)
            # the lines before the one with the quote are records each
            position = start if quote < 0 else marked.rfind(b"\n", position, quote) + 1 or position
            if quote >= 0:
                position, _ = delimited.whole_record(marked, position)
        if position == start:  # and not within quotes
            found[start:end] = b" " * (end - start)
            position = min(end + 1, len(found))
    return bytes(found)
