"""A profile that may fit a file that cannot be read as it is: proposed to a person, used by nobody before it is declared."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import InputError
from dbsvc.engine.sources.document import Document, Head
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import delimited, jsonlines
from dbsvc.engine.sources.packed import without_suffix
from dbsvc.engine.sources.spellings import WRONG, spell_days
from dbsvc.engine.toml import to_toml

_LINES = 20  # are searched for a header
_PART = 64 * 1024  # bytes of its beginning and of its end are looked at
_MOST = 1000  # records are looked at
_DELIMITERS = ",;\t|"
_UTF16 = "utf-16"
_AMOUNT = re.compile(r"[-+]?[0-9][0-9.,' \u00a0\u202f]*")
_FORMS = ("day_first", "month_first", "year_first", "%d %b %Y", "%d-%b-%y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y")
_NUMBERS = ("decimal", "number")
_PLAIN_DAY = {
    True: re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    False: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


_ANY = re.compile(".+")
#: What is plainly a value, by its type: no name of a column looks so.
_PLAIN_VALUE = {
    **dict.fromkeys(("decimal", "number"), re.compile(r"[-+\u2212(]?[0-9.,' \u00a0\u202f]*[0-9][-)]?")),
    "whole": re.compile(r"-?[0-9]+"),
    "date": re.compile(r"[0-9]{1,4}[-./ ]?([0-9]{1,2}|[A-Za-z]{3,9})[-./ ]?[0-9]{2,4}"),
    "timestamp": re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}[Tt ].*"),
    "time": re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?"),
    "uuid": re.compile(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"),
}


@dataclass
class Proposal:
    """What may fit: keys and tables of a profile, and what a person has to say."""

    dataset: Dataset
    #: the line of the header, counted from 0; -1 if there is none, and the first line is data
    line: int
    keys: dict[str, Any] = field(default_factory=dict)
    #: a name in the header, and ours that it is nearly
    names: dict[str, str] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    #: whether a line before it tells the delimiter to spreadsheets
    separator: bool = False
    #: what cannot be told from the file
    open: list[str] = field(default_factory=list)

    @property
    def is_certain(self) -> bool:
        """Whether the file begins with the header, with what spreadsheets write before it, or plainly with data."""
        return self.line <= 0 or self.separator

    @property
    def hint(self) -> str:
        """The keys, as they would stand in a profile, in one line."""
        keys = [f"{key} = {to_toml(value)}" for key, value in self.keys.items()]
        names = ", ".join(f"{to_toml(theirs)} = {to_toml(ours)}" for theirs, ours in self.names.items())
        return ", ".join(f"`{one}`" for one in [*keys, *([f"[names] {names}"] if names else [])])

    def as_toml(self, source: str) -> str:
        """Return it as the text of a profile."""
        name = without_suffix(source.rpartition("/")[2])
        lines = [
            "# Proposed by what a part of the file looks like: check every line.",
            f"dataset = {to_toml(self.dataset.name)}",
        ]
        lines += [f"{key} = {to_toml(value)}" for key, value in self.keys.items()]
        lines += [f"# {sentence}" for sentence in self.open]
        lines += ["", "[match]", f"name = {to_toml(re.sub('[0-9]+([-_.]?[0-9]+)*', '*', name))}"]
        lines += [f"header = {to_toml(self.header)}"] if self.header else []
        if self.names:
            lines += ["", "[names]", *(f"{to_toml(theirs)} = {to_toml(ours)}" for theirs, ours in self.names.items())]
        return "\n".join(lines) + "\n"


def propose(head: bytes, datasets: Iterable[Dataset], tail: bytes = b"") -> Proposal | None:
    """Return what may fit a file that begins, and ends, so: of CSV, or of JSON that has its records in an array.

    None if none of its first lines is a header of a dataset, and these are not plainly the records of one.
    """
    encoding, text = _decode(head)
    lines = re.split("\r\n|\n|\r", text)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("[", "{"):
        return _propose_array(head, [dataset for dataset in datasets if dataset.format is jsonlines])
    known = [dataset for dataset in datasets if dataset.format is delimited]
    found = _find_header(lines, known) or _find_records(lines, known)
    if found is None:
        return None
    dataset, number, delimiter, names = found
    proposal = Proposal(dataset, number, separator=number == 1 and lines[0].lower().lstrip("\ufeff").startswith("sep="))
    keys = proposal.keys
    keys |= {"encoding": encoding} if encoding else {}
    keys |= {"delimiter": delimiter} if delimiter != "," else {}
    keys |= {"skip_lines": number} if number > 0 else {}
    if not names[-1]:
        keys["trailing_delimiter"] = True
        names.pop()
    if number < 0:
        keys["columns"] = names
        proposal.open.append("It has no header: these are the columns in the order of the dataset, whose types fit the fields.")
    columns = _match_names(proposal, names)
    records = [
        [one.strip("\ufeff\u00a0 \t") for one in record]
        for record, _ in zip(
            csv.reader(io.StringIO("\n".join(lines[number + 1 : -1])), delimiter=delimiter), range(_MOST), strict=False
        )
    ]
    if any([one.casefold() for one in record[: len(names)]] == [name.casefold() for name in names] for record in records):
        keys["repeated_header"] = True
    values = {
        column: [
            record[at] for record in records if len(record) > at and record[at] and record[at].casefold() not in _folded(names)
        ]
        for column, at in columns.items()
    }
    kinds = {column: dataset.columns[column].type.name for column in columns}
    _find_marks(proposal, [text for column, texts in values.items() if kinds[column] in _NUMBERS for text in texts])
    _find_order(proposal, {column: texts for column, texts in values.items() if kinds[column] == "date"})
    _find_footer(proposal, (_decode(tail)[1] if encoding != _UTF16 else "") or text, delimiter, columns, kinds)
    return proposal


def propose_for(source: str, datasets: Iterable[Dataset], max_unpacked: int) -> Proposal:
    """Return what may fit a file. Raises InputError if nothing in its beginning is the header of a dataset."""
    with SourceFile(source, max_unpacked) as file:
        head = file.read(0, _PART)
        # what is packed is not unpacked for the sake of its end
        tail = file.read(max(0, file.size - _PART), _PART) if file.size < sys.maxsize else b""
        if found := propose(head, datasets, tail):
            return found
        raise InputError(
            f"{file.source}: none of its first {_LINES} lines is the header of a dataset that is delivered as CSV, and no "
            "array in its beginning has records of one delivered as JSON. A profile names the columns of files without a "
            'header by `columns = ["a name", …]`, and the values of records in an array by `array = true` and [names].'
        )


def find_array(head: bytes) -> str | None:
    """Return where a file that is one JSON document has an array of objects, as a profile says it; None if it has none."""
    if sum(jsonlines.read_object(line) is not None for line in head.splitlines()[:3]) > 1:
        return None  # its lines are documents
    document = Document(Head(head), ())
    with suppress(InputError):
        return next((_array(path) for path, start in document.find_all() if document.first_object(start)), None)
    return None


def _array(path: Sequence[str]) -> str:
    return to_toml(".".join(path) or True)


def _propose_array(head: bytes, datasets: list[Dataset]) -> Proposal | None:
    """Return what may fit a JSON document: the first array in it whose first record has half of the names of a dataset."""
    document = Document(Head(head), ())
    with suppress(InputError):
        for path, start in document.find_all():
            record = document.first_object(start) or {}
            for dataset in datasets:
                columns = list(dataset.columns.values())
                there = [column.written for column in columns if column.written in record]
                if 2 * len(there) >= len(columns):
                    proposal = Proposal(dataset, 0, {"array": ".".join(path) or True}, header=there)
                    if lacking := [one.written for one in columns if one.written not in there and not one.optional]:
                        proposal.open.append(f"It lacks {', '.join(lacking)}: say in [names] by which paths they are found.")
                    return proposal
    return None


def _decode(data: bytes) -> tuple[str, str]:
    """Return the encoding, if it is an odd one, and the characters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF16, data[: len(data) // 2 * 2].decode(_UTF16, errors="replace")
    if b"\0" in data[:64]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return encoding, data[: len(data) // 2 * 2].decode(encoding, errors="replace")
    cut = max(data.rfind(b"\n") + 1, 0) or len(data)
    if delimited.is_utf8(data[:cut]):
        return "", data.decode(errors="replace").lstrip("\ufeff")
    return "cp1252", data.decode("cp1252", errors="replace")


def _find_header(lines: list[str], datasets: list[Dataset]) -> tuple[Dataset, int, str, list[str]] | None:
    """Return the line that has most of a dataset's names, split as it has: whose it is, its number, delimiter, and names."""
    best: tuple[int, Dataset, int, str, list[str]] | None = None
    for number, line in enumerate(lines[:_LINES]):
        for delimiter in _DELIMITERS:
            names = [name.strip("\ufeff\u00a0 \t\"'") for name in line.split(delimiter)]
            for dataset in datasets:
                known = _folded(column.written for column in dataset.columns.values())
                shared = len({name.casefold() for name in names} & known)
                if 2 * shared >= len(known) and (best is None or shared > best[0]):
                    best = shared, dataset, number, delimiter, names
    return best[1:] if best else None


def _find_records(lines: list[str], datasets: list[Dataset]) -> tuple[Dataset, int, str, list[str]] | None:
    """Return the only dataset whose columns, in their order, the first lines plainly hold."""
    found = []
    for delimiter in _DELIMITERS:
        records = list(csv.reader([line for line in lines[:_LINES] if line.strip()][:-1] or lines[:1], delimiter=delimiter))
        for dataset in datasets:
            columns = list(dataset.columns.values())
            ends = [""] if records and all(record and not record[-1] for record in records) else []
            if records and all(_is_record(record[: len(record) - len(ends)], columns) for record in records):
                found.append((dataset, -1, delimiter, [*(column.written for column in columns), *ends]))
    return found[0] if len(found) == 1 else None


def _is_record(fields: list[str], columns: list[Column]) -> bool:
    """Whether fields may be those of the columns, and some of them can be nothing else: what is no text is no name either."""
    if len(fields) != len(columns) or not any(column.type.name in _PLAIN_VALUE for column in columns):
        return False
    return all(
        (not text.strip() and column.optional)
        or (
            bool(text.strip()) and _PLAIN_VALUE.get(column.type.name, _ANY).fullmatch(text.strip("\ufeff\u00a0 \t")) is not None
        )
        for text, column in zip(fields, columns, strict=True)
    )


def _match_names(proposal: Proposal, names: list[str]) -> dict[str, int]:
    """Return where our columns stand; propose names that are nearly ours, and to ignore the others."""
    known = {column.written.casefold(): ours for ours, column in proposal.dataset.columns.items()}
    found = {known[name.casefold()]: at for at, name in enumerate(names) if name.casefold() in known}
    missing = {ours.casefold(): ours for ours in proposal.dataset.columns if ours not in found}
    missing |= {proposal.dataset.columns[ours].written.casefold(): ours for ours in missing.values()}
    ignore = []
    for at, name in enumerate(names):
        if name.casefold() in known:
            continue
        near = get_close_matches(name.casefold(), [key for key, ours in missing.items() if ours not in found], n=1)
        if near:
            found[missing[near[0]]] = at
            proposal.names[name] = proposal.dataset.columns[missing[near[0]]].written
        else:
            ignore.append(name)
    if ignore:
        proposal.keys["ignore"] = ignore
    lacking = [proposal.dataset.columns[ours].written for ours in proposal.dataset.columns if ours not in found]
    if lacking:
        proposal.open.append(
            f"It lacks {', '.join(lacking)}: say in [names] what they are called, or in [constants] what they hold."
        )
    proposal.header = names if proposal.line >= 0 else []
    return found


def _find_marks(proposal: Proposal, amounts: list[str]) -> None:
    """Propose marks in numbers, where some number can only be read so."""
    if any(re.match(r"[-\u2212(]|.*[0-9]-$", text) for text in amounts):
        proposal.open.append("Some amounts are negative: if these are credit notes, `negative = true`.")
    amounts = [text for text in amounts if _AMOUNT.fullmatch(text)]
    comma = any(re.search(r",([0-9]{1,2}|[0-9]{4,})$", text) or re.search(r"\.[0-9]{3},", text) for text in amounts)
    point = any(re.search(r"\.([0-9]{1,2}|[0-9]{4,})$", text) or re.search(r",[0-9]{3}\.", text) for text in amounts)
    groups = "".join(
        mark
        for mark in ".,' "
        if any(re.search(rf"[0-9]{re.escape(mark)}[0-9]{{3}}(?![0-9])", _blanks(text)) for text in amounts)
    )
    if comma and point:
        proposal.open.append("Its numbers have both ',' and '.' as decimal marks, as it seems.")
    elif comma:
        proposal.keys["decimal"] = ","
        proposal.keys |= {"thousands": found} if (found := groups.replace(",", "")) else {}
    elif point or not any("," in text for text in amounts):
        found = groups.replace(".", "")
        proposal.keys |= {"thousands": found} if found else {}
    else:
        proposal.open.append('Its numbers have \',\' before three digits: `decimal = ","` or `thousands = ","`?')


def _find_order(proposal: Proposal, columns: Mapping[str, list[str]]) -> None:
    """Propose the order or form of days, where all are days only so."""
    for column, texts in columns.items():
        plain = _PLAIN_DAY[bool(proposal.dataset.columns[column].limits.get("day_first"))]
        days = {text for text in texts if any(character.isdigit() for character in text)}
        fits = [form for form in _FORMS if days and all(spell_days([form])(day) != WRONG for day in days)]
        if len(fits) == 1 and not (fits == ["day_first"] and all(map(plain.fullmatch, days))):
            proposal.keys["date"] = fits[0]
        elif len(fits) > 1 and not all(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day) for day in days):
            proposal.open.append(f"{column} may be {' or '.join(f'`date = {to_toml(form)}`' for form in fits)}: {min(days)}.")


def _find_footer(proposal: Proposal, text: str, delimiter: str, columns: Mapping[str, int], kinds: Mapping[str, str]) -> None:
    """Propose as footer what begins last lines that have no day, in a file whose records begin with one."""
    if not any(at == 0 and kinds[column] == "date" for column, at in columns.items()):
        return
    lines = [line for line in re.split("\r\n|\n|\r", text) if line.strip(f"{delimiter} \t")]
    beginnings: list[str] = []
    for line in reversed(lines[-5:]):
        first = line.split(delimiter)[0].strip(' \t"')
        if not re.match(r"[^\W\d_]{3,}", first) or first.casefold() in _folded(proposal.header):
            break
        beginnings.append(first)
    if beginnings and len(lines) > proposal.line + 1 + len(beginnings):
        proposal.keys["footer"] = beginnings[0] if len(beginnings) == 1 else sorted(beginnings)


def _blanks(text: str) -> str:
    return re.sub("[\u00a0\u202f]", " ", text)


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}
