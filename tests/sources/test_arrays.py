"""JSON arrays: a profile says where the array of records is; each record keeps its line and its very bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc.engine import Database
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.operations import retry
from dbsvc.engine.profiles import Profile, read_profile
from dbsvc.engine.reports.rejects import export_rejects
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources import document
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.proposal import propose_for
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import buckets, load, query, rejects, write

DATASETS = load_statements(("sqlite",)).datasets


def profile(array: str = "true", more: str = "") -> Profile:
    text = f"dataset = 'telemetry'\narray = {array}\n[match]\nname = '*'\n{more}"
    return read_profile("theirs", "profiles/theirs.toml", text, DATASETS)


def event(n: int, **more: Any) -> dict[str, Any]:
    known = {"event_id": f"e{n}", "plant_id": "p1", "inverter_id": "i1", "event_time": f"2025-06-01T{n % 24:02}:00:00Z"}
    return {**known, "ac_power": n, "ac_power_unit": "kW", "energy_wh_total": 1000 * n, **more}


#: how an array, or what is around it, is written
FORMS = {
    "on one line": lambda records: json.dumps(records),
    "pretty": lambda records: json.dumps(records, indent=2),
    "a record a line": lambda records: "[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n",
    "commas first": lambda records: "[" + "\n, ".join(map(json.dumps, records)) + "]",
    "brackets together": lambda records: "[" + ", ".join(json.dumps(one, indent=1) for one in records) + "]",
    "two a line": lambda records: "[" + ",".join(json.dumps(one) + "\n" * (n % 2) for n, one in enumerate(records)) + "]",
    "CR LF": lambda records: json.dumps(records, indent=1).replace("\n", "\r\n"),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(['"', "\\", "}]", "[{", "\n", "é😀"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=12,
)


def read(path: Path, chosen: Profile, chunk_bytes: int) -> list[tuple[int, bytes, list[str]]]:
    """The records of a file: their lines, their bytes and their fields."""
    found = []
    with SourceFile(str(path)) as file:
        header = read_header(file, DATASETS.values(), [chosen])
        for chunk in scan(file, header, chunk_bytes).chunks:
            data = file.read(chunk.byte_start, chunk.byte_end - chunk.byte_start)
            records = list(header.format.records(data))
            for start, end, line, fault in records:
                assert not fault
                found.append((chunk.first_line + line - 1, data[start:end], header.format.fields(data[start:end], ())[1]))
            assert header.translation
            translated = header.translation.translate(data).split(b"\n")
            assert [n for n, line in enumerate(translated, 1) if line] == [record.line for record in records]
    return found


@given(
    more=st.lists(st.dictionaries(st.text(min_size=1, max_size=3), ANYTHING, max_size=3), max_size=6),
    form=st.sampled_from(sorted(FORMS)),
    path=st.sampled_from(["", "data", "data.items"]),
    chunk_bytes=st.integers(1, 700),
)
@example([{"x": [[[[[["}", {"y": "]"}]]]]]]}, {}], "on one line", "data.items", 10)
def test_records_are_found_however_the_array_is_written(
    tmp_path: Path, more: list[dict[str, Any]], form: str, path: str, chunk_bytes: int
) -> None:
    records = [event(n, extra=one) for n, one in enumerate(more)]
    document = FORMS[form](records)
    for name in reversed(path.split(".") if path else []):
        document = f'{{"meta": {{"items": [{{}}], "x": "]"}}, "{name}":\n {document}, "after": [1, {{"data": []}}]}}'
    file = write(tmp_path / "x.json", document.encode())
    found = read(file, profile(json.dumps(path or True)), chunk_bytes)
    assert [json.loads(raw) for _, raw, _ in found] == records
    assert [fields[0] for *_, fields in found] == [f"e{n}" for n in range(len(records))]
    lines = [line for line, *_ in found]
    assert lines == sorted(set(lines))
    if form in ("pretty", "a record a line", "CR LF"):  # no two records on one line
        of_file = [document.encode()[: document.encode().index(raw)].count(b"\n") + 1 for _, raw, _ in found]
        assert lines == of_file


def test_an_array_is_loaded_as_lines_are(solar: Database, tmp_path: Path) -> None:
    records: list[Any] = [event(n) for n in range(9)]
    records[3] = event(3, ac_power="much")
    records[5] = "nothing"
    records[7] = event(7, inverter_id="nobody")
    document = json.dumps({"data": records}, indent=1)
    outcome = load(solar, write(tmp_path / "x.json", document.encode()), profiles=[profile("'data'")], max_rejected_share=1.0)
    assert buckets(outcome.load) == {"inserted": 6, "rejected": 3}
    found = rejects(solar)
    lines = document.split("\n")
    for line, _, raw in found:
        assert "\n".join(lines[line - 1 :]).lstrip().encode().startswith(raw)
    assert [json.loads(raw) for *_, raw in found] == [records[3], records[5], records[7]]
    assert [reasons for _, reasons, _ in found][1] == "not_an_object"
    assert load(solar, tmp_path / "x.json", profiles=[profile("'data'")]).already
    exported = b"".join(raw + b"\n" for raw in export_rejects(solar, outcome.load.load_id))
    mended = exported.replace(b'"much"', b"3").replace(b'"nothing"\n', b"").replace(b"nobody", b"i1")
    assert retry(solar, outcome.load.load_id, Settings()).passed == 0
    again = load(solar, write(tmp_path / "mended.json", mended), profiles=[profile("'data'")]).load
    assert buckets(again) == {"inserted": 2}
    assert query(solar, "SELECT count(*) FROM inverter_telemetry_raw") == [(8,)]


BROKEN = {
    '[{"event_id": 1}': "line 1: the array of its records does not end: the file seems to be cut off",
    '[\n{"a": "x}\n]': "line 2: a quote or a bracket is missing, so that nobody knows where a record ends",
    '[\n{"a": [1}\n]': "line 2: a quote or a bracket is missing, so that nobody knows where a record ends",
    '[{"a": 1}}': "line 1: '}' stands where the array of its records has to end",
    '[{"a": 1}]\n\n[]': "line 3: more follows the end of its JSON document",
    '[{"a": 1}\n{}]': "line 2: no comma stands before this record",
    '[{"a": 1},\n"x" {}]': "line 2: no comma stands before this record",
    '[{"a": 1}\n,,\n{}]': "line 3: a comma stands where a record has to",
    '[,\n{"a": 1}]': "line 2: a comma stands where a record has to",
    '[{"a": 1},\n]': "line 2: a comma stands before the end of the array, and no record between",
}
BROKEN_AT_A_PATH = {
    '{"d": {"i": [{"a": 1}]': "line 1: its JSON document does not end: the file seems to be cut off",
    '{"d": {"i": [{"a": 1}]},\n"d": 1}': "line 2: d stands twice on the path d.i",
    '{"d": {"j": [{"a": 1}]}}': "its JSON has not an array at d.i, by the profile theirs (profiles/theirs.toml)",
    '{"d": {"i": "x\n"}}': "line 1: a quote is missing",
}


@pytest.mark.parametrize("text", [*BROKEN, *BROKEN_AT_A_PATH])
def test_what_is_no_array_is_refused_whole(tmp_path: Path, text: str) -> None:
    says = {**BROKEN, **BROKEN_AT_A_PATH}[text]
    array = "true" if text in BROKEN else "'d.i'"
    whole = text.replace('{"a": 1}', json.dumps(event(1))).replace('"event_id": 1', json.dumps(event(1))[1:-1])
    whole = whole.replace('{"a": ', json.dumps(event(1)) + ',{"a": ') if "nobody knows" in says else whole
    path = write(tmp_path / "x.json", whole.encode())
    with SourceFile(str(path)) as file, pytest.raises(InputError) as raised:
        scan(file, read_header(file, DATASETS.values(), [profile(array)]), 1000)
    assert str(raised.value).startswith(f"{path}: {says}.")


@given(records=st.integers(2, 6), block=st.integers(1, 300), gap=st.sampled_from(["", "\n", ",,", ",\n,"]), draw=st.data())
def test_a_comma_stands_between_two_records(tmp_path: Path, records: int, block: int, gap: str, draw: st.DataObject) -> None:
    """Wherever a block of the file ends."""
    at = draw.draw(st.integers(1, records - 1))
    path = tmp_path / "x.json"
    for wrong in (False, True):
        gaps = ["", *(gap if wrong and n == at else " ,\n" for n in range(1, records))]
        write(path, ("[" + "".join(one + json.dumps(event(n)) for n, one in enumerate(gaps)) + " \n]").encode())
        with SourceFile(str(path)) as file, pytest.MonkeyPatch.context() as patched:
            patched.setattr(document, "BLOCK", block)
            array = document.Document(file, ())
            start = array.find()
            assert start == 1
            if not wrong:
                assert array.check(start) == file.size - 1
                continue
            with pytest.raises(InputError, match=f"line {at + gap.count(chr(10))}: (no|a) comma stands "):
                array.check(start)


def test_an_array_without_a_profile_is_refused_and_one_is_proposed(tmp_path: Path) -> None:
    for text, array in (
        (FORMS["a record a line"]([event(1), event(2)]), "true"),
        (json.dumps({"meta": [1], "data": {"items": [event(1)]}}, indent=1), '"data.items"'),
    ):
        path = write(tmp_path / "events-2024-01.json", text.encode())
        with SourceFile(str(path)) as file, pytest.raises(InputError) as raised:
            read_header(file, DATASETS.values())
        says = f"It looks like a file of inverter telemetry that a profile can read: `array = {array}`. `dbsvc datasets profile"
        assert says in str(raised.value)
        text = propose_for(str(path), DATASETS.values(), sys.maxsize).as_toml(str(path))
        assert read(path, read_profile("p", "p.toml", text, DATASETS), 100)
    path = write(tmp_path / "x.json", b'{"found": [{"deeper": {"event_id": 1}}]}')
    with SourceFile(str(path)) as file, pytest.raises(InputError, match='A profile can read it: `array = "found"`, and'):
        read_header(file, DATASETS.values())


def test_what_is_no_json_is_not_for_a_profile_of_arrays(tmp_path: Path) -> None:
    text = "dataset = 'telemetry'\narray = 'd.i'\n[match]\nheader = ['event_id']\n"
    chosen = read_profile("theirs", "profiles/theirs.toml", text, DATASETS)
    event_line = json.dumps(event(1)).encode() + b"\n"
    for data, dataset in (
        (b'{"d": {"i": "x\n' + event_line, "telemetry"),
        (b"plant_id,name,location,timezone\np1,Here,,UTC\n", "plants"),
        (event_line * 3, "telemetry"),
    ):
        with SourceFile(str(write(tmp_path / "x", data))) as file:
            header = read_header(file, DATASETS.values(), [chosen])
            assert (header.dataset.name, header.profile is chosen) == (dataset, data == event_line * 3)


def test_an_array_does_not_grow(solar: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", json.dumps([event(1)]).encode())
    load(solar, path, profiles=[profile()])
    write(path, json.dumps([event(1), event(2)]).encode())
    assert buckets(load(solar, path, profiles=[profile()]).load) == {"inserted": 1, "unchanged": 1}
    assert buckets(load(solar, write(path, b"[]"), profiles=[profile()]).load) == {}
