"""Where records begin and end, whatever the bytes and wherever the file is cut."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc.engine import InputError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.formats import delimited, rows
from dbsvc.engine.sources.formats.record import Record
from dbsvc.engine.sources.header import Header, read_header
from dbsvc.engine.sources.scan import Scan, scan
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import HEADER, write

DATASETS = list(Statements(("sqlite",)).datasets.values())

PIECES = [b'"', b'""', b',"', b'",', b",", b"\r", b"\n", b"\r\n", b"\r\r\n", b" ", b"\t", b"\xc2\xa0", b"\xc2", b"\xa0"]
PIECES += [b"\xff", b"\0", b"a", b"b7", "€".encode(), b"\\.", b'"x"', b'"x\ny"']
CONTENT = st.lists(st.sampled_from(PIECES), max_size=50).map(b"".join)
CHUNK_BYTES = st.integers(1, 60)

# records of two fields, most of them sound, so that chunks are often tidy
FIELD = st.sampled_from([b"a", b"", b" a", b"a ", b'"a"', b'"a,b"', b'"a""b"', b' "a" ', b'" a"', b'"a\nb"', "é".encode()])
FIELD |= st.sampled_from([b"\xc2\xa0a", b"\xff", b"a\rb", b"a\0", b"\\.", b'"'])
LINE = st.builds(b"%b,%b%b".__mod__, st.tuples(FIELD, FIELD, st.sampled_from([b"\n", b"\r\n", b"\r\r\n", b"\n\n"])))
LINES = st.lists(LINE, min_size=1, max_size=6).map(b"".join)


def read(path: Path, content: bytes, chunk_bytes: int) -> tuple[Header, Scan, list[bytes]]:
    """Scan a file with that content after a header; also its chunks' bytes."""
    with SourceFile(str(write(path, HEADER.encode() + b"\r\n" + content))) as delivery:
        header = read_header(delivery, DATASETS)
        scanned = scan(delivery, header, chunk_bytes)
        return header, scanned, [delivery.read(c.byte_start, c.byte_end - c.byte_start) for c in scanned.chunks]


def check_cuts(path: Path, content: bytes, chunk_bytes: int) -> None:
    """Records do not depend on where the file was cut into chunks."""
    header, scanned, chunks = read(path, content, chunk_bytes)
    assert b"".join(chunks) == content
    assert scanned.lines == content.count(b"\n")
    found = [
        Record(start - header.end + record.start, start - header.end + record.end, line + record.line - 1, record.fault)
        for start, line, data in zip(
            (c.byte_start for c in scanned.chunks), (c.first_line - 1 for c in scanned.chunks), chunks, strict=True
        )
        for record in delimited.records(data)
    ]
    assert found == list(delimited.records(content))


@given(CONTENT, CHUNK_BYTES)
def test_chunks_neither_split_nor_lose_a_record(tmp_path: Path, content: bytes, chunk_bytes: int) -> None:
    check_cuts(tmp_path / "usage.csv", content, chunk_bytes)


@given(CONTENT, CHUNK_BYTES, st.integers(4, 40))
def test_the_longest_record_does_not_depend_on_the_cuts(tmp_path: Path, content: bytes, chunk_bytes: int, longest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "LONGEST_RECORD", longest)
        patch.setattr("dbsvc.engine.sources.scan.LONGEST_RECORD", longest)
        try:
            check_cuts(tmp_path / "usage.csv", content, chunk_bytes)
        except InputError:
            assert any(len(line) > longest for line in content.split(b"\n"))


@given(CONTENT)
def test_every_byte_lies_in_one_record(content: bytes) -> None:
    position, line = 0, 1
    for record in delimited.records(content):
        between = content[position : record.start]
        assert not between.decode(errors="replace").strip(" \t\r\n\u00a0")
        line += content[position : record.start].count(b"\n")
        assert (record.start < record.end, record.line) == (True, line)
        line += content[record.start : record.end].count(b"\n")
        position = record.end
    assert not content[position:].decode(errors="replace").strip(" \t\r\n\u00a0")


@given(LINES | CONTENT)
def test_tidy_and_repair_agree(content: bytes) -> None:
    tidy = delimited.to_clean_csv(content)
    repaired = repair(content)
    if tidy is None:
        return
    fields = parse(tidy)
    assert fields == [read_record(content, record) for record in delimited.records(content)]
    if all(len(record) == 2 for record in fields):
        assert [[line, "", *record] for line, record in enumerate(fields, 1)] == repaired


@given(LINES | CONTENT)
def test_repair_writes_each_record_once(content: bytes) -> None:
    repaired = repair(content)
    assert [int(line) for line, *_ in repaired] == [record.line for record in delimited.records(content)]
    assert {len(row) for row in repaired} <= {4}
    assert all(not "".join(fields) for _, fault, *fields in repaired if fault.endswith(("_quote", "_fields")))


def repair(content: bytes) -> list[list[Any]]:
    """What a chunk becomes that has to be taken apart."""
    return list(rows(delimited, content, ("a", "b")))


def parse(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def read_record(content: bytes, record: Record) -> list[str]:
    assert record.fault == ""
    return delimited.read_fields(content[record.start : record.end])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a,b\nc,d\n", [(1, "", b"a,b"), (2, "", b"c,d")], id="LF"),
        pytest.param(b"a,b\r\nc,d\r\n", [(1, "", b"a,b"), (2, "", b"c,d")], id="CR LF"),
        pytest.param(b"a,b\r\r\nc,d\r\r\n", [(1, "", b"a,b"), (2, "", b"c,d")], id="CR CR LF"),
        pytest.param(b"a,b\nc,d", [(1, "", b"a,b"), (2, "", b"c,d")], id="no newline at the end"),
        pytest.param(b'a,b\nc,"d"', [(1, "", b"a,b"), (2, "", b'c,"d"')], id="no newline after a quote"),
        pytest.param(b"\n \t\r\na\n\xc2\xa0\r\n\nb\n\n", [(3, "", b"a"), (6, "", b"b")], id="blank lines"),
        pytest.param(b'a,"x\r\ny\n"\nc\n', [(1, "", b'a,"x\r\ny\n"'), (4, "", b"c")], id="quoted newlines"),
        pytest.param(b'a,"say ""hi"", ok"\nb\n', [(1, "", b'a,"say ""hi"", ok"'), (2, "", b"b")], id="escaped quotes"),
        pytest.param(b' "a" ,\t"b"\t\nc\n', [(1, "", b' "a" ,\t"b"\t'), (2, "", b"c")], id="blanks around quotes"),
        pytest.param(
            b'a\nb,"open\nc\nd\n',
            [(1, "", b"a"), (2, "unterminated_quote", b'b,"open'), (3, "", b"c"), (4, "", b"d")],
            id="unterminated quote",
        ),
        pytest.param(
            b'b,"open\nc\n"d",e\n',
            [(1, "unterminated_quote", b'b,"open'), (2, "", b"c"), (3, "", b'"d",e')],
            id="unterminated quote, then sound ones",
        ),
        pytest.param(
            b'5" pipe,a\nb,"c"d\ne\n',
            [(1, "stray_quote", b'5" pipe,a'), (2, "stray_quote", b'b,"c"d'), (3, "", b"e")],
            id="stray quotes",
        ),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_examples(content: bytes, expected: list[tuple[int, str, bytes]]) -> None:
    found = [(r.line, r.fault, content[r.start : r.end]) for r in delimited.records(content)]
    assert found == expected


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b" a ,\tb\xc2\xa0,c", ["a", "b", "c"]),
        (b' " a ""b"", c " ,d', ['a "b", c', "d"]),
        (b'"a\nb",', ["a\nb", ""]),
        (b",,", ["", "", ""]),
    ],
)
def test_fields_are_trimmed(raw: bytes, fields: list[str]) -> None:
    assert delimited.read_fields(raw) == fields


def test_a_line_without_end_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbsvc.engine.sources.scan.LONGEST_RECORD", 100)
    with pytest.raises(InputError, match=r"line 3 goes on for more than .* which no record does\."):
        read(tmp_path / "usage.csv", b"a,b\n" + b"x" * 300, 10)
