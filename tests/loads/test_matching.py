"""A corrected export is told by its text: each record finds the reject that it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc.engine.loads.matching import Rejected, Written, match, named_columns, read_written
from dbsvc.engine.sources.header import Header, header_of
from dbsvc.engine.statements.catalog import load_statements
from tests.helpers import HEADER, whole

DATASETS = load_statements(("sqlite",)).datasets
USAGE = DATASETS["usage"]
COLUMNS = tuple(USAGE.columns)
BILLS = header_of(USAGE, HEADER.encode(), "usage.csv")


def written(header: Header, *lines: bytes) -> list[Written]:
    return list(read_written(header, b"".join(line + b"\n" for line in lines), 2))


def rejected(*rejects: tuple[bytes, str], has_key: bool = False) -> list[Rejected]:
    records = written(BILLS, *(record for record, _ in rejects))
    return [Rejected(record, reasons, has_key) for record, (_, reasons) in zip(records, rejects, strict=True)]


@pytest.mark.parametrize(
    ("dataset", "reasons", "named"),
    [
        ("usage", "bill_date_invalid", {"bill_date"}),
        ("usage", "customer_name_missing product1_revenue_negative", {"customer_name", "product1_revenue"}),
        ("usage", "nul_byte invalid_utf8", set()),
        ("telemetry", "ac_power_unit_unknown", {"ac_power_unit"}),
        ("telemetry", "ac_power_impossible", {"ac_power"}),
        ("telemetry", "plant_unknown inverter_unknown", {"plant_id", "inverter_id"}),
        ("telemetry", "inverter_of_another_plant", {"plant_id", "inverter_id"}),
        ("telemetry", "event_id_of_another_inverter", {"event_id"}),
        ("telemetry", "event_time_without_zone", {"event_time"}),
    ],
)
def test_which_columns_a_rule_is_about(dataset: str, reasons: str, named: set[str]) -> None:
    assert named_columns(reasons, tuple(DATASETS[dataset].columns)) == named


FEW = b"2021-10-01,7,USD,A, Inc.,1,1"  # a field too many


@pytest.mark.parametrize(
    ("rejects", "file", "matched"),
    [
        # nothing can be read of it: by its place, when all others are at theirs
        (
            [(FEW, "too_many_fields"), (b"31/02/2021,1,USD,A,1,1", "bill_date_invalid")],
            [b"x,1,EUR,Z,9,9", b"d,1,USD,A,1,1"],
            [0, 1],
        ),
        (
            [(FEW, "too_many_fields"), (b"31/02/2021,1,USD,A,1,1", "bill_date_invalid")],
            [b"d,1,USD,A,1,1", b"x,1,EUR,Z,9,9"],
            [1],
        ),
        ([(FEW, "too_many_fields"), (FEW, "too_many_fields")], [b'2021-10-01,7,USD,"A, Inc.",1,1'], []),
        # alone, when it has something of the record
        ([(FEW, "too_many_fields")], [b'2021-10-01,7,USD,"A, Inc.",1,1'], [0]),
        ([(FEW, "too_many_fields")], [b"2022-01-01,9,EUR,Z,5,5"], []),
        # too little is right of it to tell
        ([(b",,,A,,1", "bill_date_missing bill_id_missing currency_missing product1_revenue_missing")], [b"x,5,USD,B,3,2"], []),
        # of equal ones each has one of the file
        ([(b"n,1,USD,A,1,1", "bill_date_invalid")] * 3, [b"x,1,USD,A,1,1", b"y,1,USD,A,1,1"], [0, 1]),
    ],
)
def test_what_tells_a_corrected_record(rejects: list[tuple[bytes, str]], file: list[bytes], matched: list[int]) -> None:
    of_load = rejected(*((whole(record), reasons) for record, reasons in rejects))
    found = match(USAGE, written(BILLS, *map(whole, file)), of_load, len(of_load))
    assert [reject - 2 for _, reject in sorted(found)] == matched


VALUES = st.lists(
    st.tuples(st.integers(0, 10**6), st.sets(st.sampled_from(COLUMNS[:6]), min_size=1, max_size=3), st.booleans()),
    min_size=1,
    max_size=8,
    unique_by=lambda drawn: drawn[0],
)


@given(VALUES)
def test_each_corrected_record_finds_its_reject(drawn: list[tuple[int, set[str], bool]]) -> None:
    """Corrected in the columns that are wrong alone, or left out: it is never taken for another one."""
    records = [whole(b",".join(b"%d" % (n * 10 + place) for place in range(6))) for n, _, _ in drawn]
    rejects = rejected(
        *((raw, " ".join(f"{c}_invalid" for c in sorted(wrong))) for raw, (_, wrong, _) in zip(records, drawn, strict=True))
    )
    right, expected = [], []
    for reject, (_, wrong, is_kept) in zip(rejects, drawn, strict=True):
        if is_kept:
            names = BILLS.columns
            fields = [b"right" if name in wrong else reject.record.fields[name].encode() for name in names]
            right.append(b",".join(fields))
            expected.append(reject.record.line)
    found = match(USAGE, written(BILLS, *right), rejects, len(rejects))
    assert [line for _, line in sorted(found)] == expected
