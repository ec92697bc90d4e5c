"""Records in long form: each line has the key, the name of one column and its value. Lines are gathered, none is lost."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.declarations import read_declarations
from dbsvc.engine.errors import InputError, ProfileError
from dbsvc.engine.profiles import Profile, read_profile
from dbsvc.engine.sources import apart, gathering
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import header_of, read_header
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import write

TYPES = load_statements(("sqlite",)).types
DECLARED = """title = "readings"
format = "{form}"
depends_on = []
table = "readings"
key = ["meter", "at"]
[columns.meter]
type = "uuid"
[columns.at]
name = "time"
type = "timestamp"
[columns.site]
type = "text"
[columns.voltage]
type = "decimal"
places = 1
[columns.current]
type = "number"
optional = true
[columns.on]
type = "boolean"
optional = true
"""
DATASETS = {
    form: read_declarations({"readings": ("readings/dataset.toml", DECLARED.format(form=form))}, TYPES, {})
    for form in ("csv", "jsonl")
}
LONG = """dataset = 'readings'
{more}
[match]
name = '*'
[names]
'where' = 'site'
[long]
name = 'name'
value = 'value'
ignore = 'noise'
[long.columns]
'U' = 'voltage'
'I' = 'current'
'state' = 'on'
"""


def profile(form: str, more: str = "", text: str = LONG) -> Profile:
    return read_profile("long", "profiles/long.toml", text.replace("{more}", more), DATASETS[form])


def meter(n: int) -> str:
    return f"9f3b1c1e-0d1b-4c6e-8a55-{n:012x}"


#: a line of a record: its meter, its hour, where that is, and a pair
Line = tuple[str, str, str, str, Any]


def as_csv(lines: list[Line]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("meter", "time", "where", "name", "value"), *lines])
    return text.getvalue().encode()


def as_json(lines: list[Line]) -> bytes:
    names = ("meter", "time", "where", "name", "value")
    return b"".join(json.dumps(dict(zip(names, line, strict=True))).encode() + b"\n" for line in lines)


def as_array(lines: list[Line]) -> bytes:
    return b"[" + as_json(lines).strip().replace(b"\n", b",\n") + b"]"


FORMS = {"csv": ("csv", "", as_csv), "lines": ("jsonl", "", as_json), "array": ("jsonl", "array = true", as_array)}


def read(
    path: Path, chosen: Profile, datasets: dict[str, Dataset], chunk_bytes: int
) -> list[tuple[int, bytes, str, list[str]]]:
    """The records of a file: line, bytes, faults, fields; as they are read one by one, and all at once."""
    found = []
    with SourceFile(str(path)) as file:
        header = read_header(file, datasets.values(), [chosen])
        for chunk in scan(file, header, chunk_bytes).chunks:
            data = file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start)
            for start, end, line, fault in header.format.records(data):
                faults, fields = (fault, []) if fault else header.format.fields(data[start:end], ())
                found.append((chunk.first_line + line - 1, data[start:end], faults, fields))
                again = header_of(header.dataset, header.raw, "", chosen).format.fields(data[start:end], ())
                assert again == (faults, fields)
            assert header.translation
            translated = header.translation.translate(data).split(b"\n")
            assert sum(map(bool, translated)) == len(list(header.format.records(data)))
    assert header.columns == tuple(header.dataset.columns)
    return found


OPTIONAL = {"I": st.integers(0, 99), "noise": st.just("x"), "state": st.booleans()}
RECORDS = st.lists(st.fixed_dictionaries({"U": st.integers(0, 999)}, optional=OPTIONAL), min_size=1, max_size=8)


@pytest.mark.parametrize("form", FORMS)
@given(records=RECORDS, chunk_bytes=st.integers(1, 600), draw=st.randoms(use_true_random=False))
def test_lines_are_gathered_wherever_a_file_is_cut(
    tmp_path: Path, form: str, records: list[dict[str, Any]], chunk_bytes: int, draw: Any
) -> None:
    kind, more, written = FORMS[form]
    lines: list[Line] = []
    expected = []
    for n, record in enumerate(records):
        at = f"2024-05-01T{n % 2:02}:00:00"
        pairs = list(record.items())
        draw.shuffle(pairs)
        expected.append((len(lines), len(pairs), [meter(n // 2), at + "Z", "x, y"]))
        for name, value in pairs:
            spelled = draw.choice([meter(n // 2), meter(n // 2).upper(), f"{{{meter(n // 2)}}}"])
            hour = draw.choice([f"{at}Z", f"{at}+00:00", f"{at}.000Z"])
            lines.append((spelled, hour, "x, y", name, (value if form != "csv" or name != "state" else str(value).lower())))
    found = read(write(tmp_path / "x", written(lines)), profile(kind, more), DATASETS[kind], chunk_bytes)
    first = 2 if form == "csv" else 1
    assert [line for line, *_ in found] == [first + begin for begin, _, _ in expected]
    for (_, raw, faults, fields), (_, number, own), record in zip(found, expected, records, strict=True):
        assert faults == ""
        assert raw.count(b"\n") + 1 == number
        assert fields[2] == own[2]
        assert fields[0].lower().strip("{}") == own[0]
        on = str(record["state"]).lower() if "state" in record else ""
        assert fields[3:] == [str(record["U"]), str(record.get("I", "")), on]


SUM = "dataset = 'readings'\nsum = 'voltage'\n[match]\nname = '*'\n[names]\n'where' = 'site'\n"
SUMMED = "meter,time,where,voltage,current,on\n"
BROKEN = b"broken" * 20 + b"\n"  # as long as others, so that it is often where the last record is looked for


@pytest.mark.parametrize("form", ["csv", "lines", "summed"])
@given(
    lines=st.lists(st.integers(-1, 1), min_size=2, max_size=30),
    chunk_bytes=st.integers(1, 900),
    tail=st.integers(1, 300),
)
@example(lines=[1, 1, *[0] * 5, -1, *[0] * 7], chunk_bytes=800, tail=200)
def test_records_do_not_depend_on_where_a_file_is_cut(
    tmp_path: Path, form: str, lines: list[int], chunk_bytes: int, tail: int
) -> None:
    """Even if a line cannot be read where the last record is looked for. 1: a record begins; -1: a line that is broken."""
    n, parts = 0, []
    for step in (1, *lines):
        n += max(step, 0)
        line: Line = (meter(n), "2024-05-01T00:00:00Z", "x", "U", 1)
        if form == "lines":
            parts.append(BROKEN if step < 0 else as_json([line]))
        else:
            written = (*line[:3], "1,,") if form == "summed" else map(str, line)
            parts.append(BROKEN if step < 0 else ",".join(written).encode() + b"\n")
    head = {"lines": b"", "csv": as_csv([]), "summed": SUMMED.encode()}[form]
    path = write(tmp_path / "x", head + b"".join(parts))
    kind = "jsonl" if form == "lines" else "csv"
    chosen = profile(kind, text=SUM if form == "summed" else LONG)
    whole = read(path, chosen, DATASETS[kind], 10**6)
    assert len(whole) == n
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "TAIL", tail)
        assert read(path, chosen, DATASETS[kind], chunk_bytes) == whole


M, T = meter(1), "2024-05-01T00:00:00Z"
FAULTS: dict[str, tuple[list[Line], str]] = {
    "a name that nobody declared": ([(M, T, "x", "U", 1), (M, T, "x", "u", 1)], "pair_unknown"),
    "a name twice": ([(M, T, "x", "U", 1), (M, T, "x", "U", 2)], "pair_repeated"),
    "a name twice, alike": ([(M, T, "x", "U", 1), (M, T, "x", "U", 1)], ""),
    "a name twice, the same value": ([(M, T, "x", "U", "1.0"), (M, T, "x", "U", " 1.00")], ""),
    "a name twice, the same number": ([(M, T, "x", "U", 1), (M, T, "x", "I", "2"), (M, T, "x", "I", "2.0")], ""),
    "a name with blanks": ([(M, T, "x", " U\t", 1), (M, T, "x", "noise ", 1)], ""),
    "a name twice, with a blank": ([(M, T, "x", "U", 1), (M, T, "x", " U", 2)], "pair_repeated"),
    "another site": ([(M, T, "x", "U", 1), (M, T, "y", "I", 2)], "lines_differ"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", FAULTS)
def test_a_record_is_rejected_with_all_of_its_lines(tmp_path: Path, form: str, case: str) -> None:
    lines, fault = FAULTS[case]
    kind, more, written = FORMS[form]
    data = written([*lines, (meter(2), T, "x", "U", 1)])
    found = read(write(tmp_path / "x", data), profile(kind, more), DATASETS[kind], 10**6)
    assert [faults for *_, faults, _ in found] == [fault, ""]
    assert found[0][1] in data
    assert found[0][1].count(b"\n") == len(lines) - 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("most", [0, 10**6])
def test_lines_that_are_apart_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, most: int) -> None:
    """Whether their keys fit into memory or not, and however they are written."""
    monkeypatch.setattr(apart, "MOST_KEYS", most)
    kind, more, written = FORMS[form]
    lines: list[Line] = [(meter(n), T, "x", name, 1) for n in range(50) for name in ("U", "I")]
    path = write(tmp_path / "x", written(lines))
    assert len(read(path, profile(kind, more), DATASETS[kind], 500)) == 50
    lines.append((meter(7).upper(), "2024-05-01T02:00:00+02:00", "x", "state", "true"))
    with SourceFile(str(write(path, written(lines)))) as file, pytest.raises(InputError) as raised:
        scan(file, read_header(file, DATASETS[kind].values(), [profile(kind, more)]), 1000)
    first = 2 if form == "csv" else 1
    assert str(raised.value) == (
        f"{path}: lines {first + 14} and {first + 100} are of one record, and those between are not: the lines of a record "
        "must follow each other. Sort the file by its key columns. Nothing was loaded."
    )


def test_values_are_spelled_as_their_columns_are(tmp_path: Path) -> None:
    more = "delimiter = ';'\ndecimal = ','\nzone = 'Europe/Oslo'\nnull = 'n/a'\n"
    more += "columns = ['meter', 'time', 'where', 'name', 'value']"
    text = LONG.replace("[long]", "[values.on]\n'an' = 'true'\n[long]")
    data = "".join(f"{M};2024-05-01 02:00;x;{pair}\n" for pair in ("U;230,5", "I;n/a", "state;an")).encode()
    ((_, _, faults, fields),) = read(write(tmp_path / "x", data), profile("csv", more, text), DATASETS["csv"], 100)
    assert (faults, fields) == ("", [M, "2024-05-01T00:00:00Z", "x", "230.5", "", "true"])


#: what stands in the place of a line of the profile, and what is said
WRONG = {
    ("name = 'name'", "nam = 'name'"): "8: long has no key nam; did you mean name?",
    ("value = 'value'\n", ""): "7: long lacks value: it says which field has the name",
    ("value = 'value'", "value = 'Name'"): "9: name and value are the same field",
    ("ignore = 'noise'", "ignore = 'U'"): "10: U is both read and ignored",
    ("ignore = 'noise'", "ignore = ' U'"): "10: U is both read and ignored",
    ("'U' = 'voltage'", "'U' = 'voltage'\n' U' = 'current'"): "11: U stands here twice, but for blanks",
    ("'U' = 'voltage'", "'U' = 'volt'"): "12: there is no column volt",
    ("'U' = 'voltage'", "'U' = 'meter'"): "12: meter is of the key, which each line has",
    ("'where' = 'site'", "'where' = 'voltage'"): "5: voltage is named by lines, and cannot have a name of its own",
    ("value = 'value'", "value = 'site'"): "",
    ("value = 'value'", "value = 'meter'"): "9: meter is a column of readings: say in [names] what that is called",
    ("{more}", "sum = 'voltage'"): "2: sum and long both say what makes one record",
    ("[long]", "[constants]\n'on' = 'true'\n[long]"): "7: on is both a constant and named by lines",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_long_form_that_is_not_understood(change: tuple[str, str]) -> None:
    text = LONG.replace(*change)
    if not (says := WRONG[change]):  # that column has another name in the file
        assert profile("csv", text=text).long
        return
    with pytest.raises(ProfileError) as raised:
        profile("csv", text=text)
    assert str(raised.value).startswith(f"profiles/long.toml:{says}")
    assert raised.value.exit_code == 78


def test_a_file_without_the_pair(tmp_path: Path) -> None:
    data = as_csv([(M, T, "x", "U", 1)]).replace(b"name,value", b"name,Value2")
    with SourceFile(str(write(tmp_path / "x", data))) as file, pytest.raises(ProfileError) as raised:
        read_header(file, DATASETS["csv"].values(), [profile("csv")])
    assert "a file of readings that lacks column(s): 'value', and has unknown column(s): 'Value2'" in str(raised.value)
