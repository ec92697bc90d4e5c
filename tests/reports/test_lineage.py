"""Where a row came from, of the datasets that come along."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsvc import Database
from dbsvc.engine.errors import DbsvcError, InputError
from dbsvc.engine.reports import lineage
from dbsvc.engine.reports.lineage import Lineage, trace_row, trace_word
from tests.helpers import load, usage_csv, write
from tests.helpers.cli import Cli
from tests.helpers.growing import START, event

PLANTS = "plant_id,name,location,timezone\np1,{},,Europe/Paris\n"
INVERTERS = "inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\ni1,p1,{},,100,\n"


def told(found: Lineage) -> list[tuple[object, ...]]:
    return [(row["state"], row["load_id"], Path(row["source"]).name, row["line_no"]) for row in found.versions]


@pytest.fixture
def loaded(db: Database, tmp_path: Path) -> Database:
    """Everything was delivered twice, with another value: in loads 1 and 2, 3 and 4 ...; load 7 has a bill that is none."""
    for text in (PLANTS, INVERTERS):
        for name in ("one", "two"):
            load(db, write(tmp_path / name, text.format(name).encode()))
    bills = [("01/10/2021", 7, "usd", "Ann", 1, 2), ("01/10/2021", 8, "USD", "Bob", 1, 2)]
    load(db, write(tmp_path / "one", usage_csv(bills)))
    load(db, write(tmp_path / "two", usage_csv([("2021-10-01", 7, "EUR", "Ann", 1, 2), bills[1]])))
    load(
        db,
        write(tmp_path / "three", usage_csv([("2021-10-01", 8, "XXX", "Bob", 1, 2), ("2021-10-02", 9, "XXX", "", 1, 2)])),
        max_rejected_share=1.0,
    )
    for power in (5, 6):
        load(db, write(tmp_path / f"power{power}", event(0, ac_power=power)))
    return db


TWICE = [("replaced", 1, "one", 2), ("current", 2, "two", 2)]


def test_rows_of_all_datasets(loaded: Database) -> None:
    assert told(trace_row(loaded, "plants", ["p1"])) == TWICE
    assert trace_row(loaded, "plants", [" p1 "]).replaced == {"name": "one"}
    assert told(trace_row(loaded, "inverters", ["i1"])) == [("replaced", 3, "one", 2), ("current", 4, "two", 2)]
    bill = trace_row(loaded, "usage", ["1/10/2021".rjust(10, "0"), "007"])
    assert told(bill) == [("replaced", 5, "one", 2), ("current", 6, "two", 2)]
    assert bill.replaced == {"currency": "USD"}
    assert told(trace_row(loaded, "telemetry", ["e0"])) == [("replaced", 8, "power5", 1), ("current", 9, "power6", 1)]
    # its columns may be called as ours
    assert trace_row(loaded, "telemetry", ["e0"]).current["values"]["source"] is None


@pytest.mark.parametrize(
    ("dataset", "key", "meant"),
    [
        ("plants", "p12", "p1"),
        ("inverters", "I1", "i1"),
        ("telemetry", "e01", "e0"),
        ("usage", "2021-10-01 77", "2021-10-01 7"),
    ],
)
def test_what_may_be_meant_by_a_key(loaded: Database, dataset: str, key: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"Did you mean {meant}\?$"):
        trace_row(loaded, dataset, key.split())


def test_what_is_like_nothing_is_not_compared(loaded: Database) -> None:
    for dataset, key in (("plants", ["elsewhere"]), ("usage", ["2021-10-01", "99"])):
        with pytest.raises(InputError, match=r"what was not accepted\.$"):
            trace_row(loaded, dataset, key)


def test_rejects_of_a_key(loaded: Database) -> None:
    found = trace_row(loaded, "usage", ["2021-10-01", "8"])
    assert told(found) == [("current", 5, "one", 3)]
    assert [(row["load_id"], row["line_no"], row["reasons"]) for row in found.rejects] == [(7, 2, "currency_unknown")]
    with pytest.raises(InputError, match=r"in quarantine, load 7, line 3 \(currency_unknown customer_name_missing\)\.$"):
        trace_row(loaded, "usage", ["2021-10-02", "9"])


def test_a_bill_and_a_reading_are_rows_as_well(loaded: Database) -> None:
    bill = trace_word(loaded, "bill", ["2021-10-01", "7"])
    assert bill.versions == trace_row(loaded, "usage", ["2021-10-01", "7"]).versions
    assert [row["rate"] for row in bill.results] == [None]
    reading = trace_word(loaded, "reading", ["i1", START.isoformat()])
    assert reading.versions == trace_row(loaded, "telemetry", ["e0"]).versions
    assert [row["ac_power_w"] for row in reading.results] == [6]


WORDS = [
    ("bill", ["2021-10-01"], "A bill is found by the value of bill_date, bill_id: 2 in all, not 1."),
    ("reading", ["i1", "noon"], "noon is no event_time, which is a moment"),
    ("reading", ["I1", "2025-01-01"], r"There is no reading I1 2025-01-01, and never was; .* Did you mean i1\?"),
    ("bile", ["1"], "No dataset that is in use says what a bile is"),
]


def test_what_a_word_cannot_be(loaded: Database) -> None:
    for word, key, says in WORDS:
        with pytest.raises(DbsvcError, match=says):
            trace_word(loaded, word, key)


def test_the_newest_of_many_versions(loaded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST", 1)
    found = trace_row(loaded, "plants", ["p1"])
    assert (told(found), found.left_out) == (TWICE[1:], 1)


CANNOT_BE = [
    ("usages", ["1"], "There is no dataset usages; did you mean usage?"),
    ("usage", ["1"], "A row of usage is found by the value of bill_date, bill_id: 2 in all, not 1."),
    ("usage", ["2021-13-01", "1"], "2021-13-01 is no bill_date, which is a day: 2024-12-31."),
    ("usage", ["2021-10-01", "-1"], "-1 is no bill_id, which is a whole number."),
    ("usage", ["2021-10-01", ""], "Nothing is no bill_id, which is a whole number."),
    (
        "plants",
        ["p\ud8009"],
        "There is no row p?9 of plants, and never was; `dbsvc rejects` shows what was not accepted.",
    ),
    (
        "plants",
        ["P1"],
        "There is no row P1 of plants, and never was; `dbsvc rejects` shows what was not accepted. Did you mean p1?",
    ),
]


def test_what_cannot_be(loaded: Database) -> None:
    for dataset, key, said in CANNOT_BE:
        with pytest.raises(InputError) as caught:
            trace_row(loaded, dataset, key)
        assert str(caught.value) == said


@pytest.mark.one_database
def test_what_is_shown(loaded: Database, cli_on: Cli) -> None:
    rows = cli_on("lineage", "row", "usage", "2021-10-01", "8").objects
    assert [(row["kind"], row["load_id"]) for row in rows] == [("version", 5), ("reject", 7)]
    assert rows[0]["values"]["product1_revenue"] == "1.00000000"
    for command in (["bill", "2021-10-01", "8"], ["row", "usage", "2021-10-01", "8"]):
        shown = cli_on("lineage", *command, "--output", "table").out
        assert b"currency_unknown" in shown
        assert b"Bob" in shown
    assert cli_on("lineage", "row", "usage", "2021-10-01", "-1").code == 65
    assert cli_on("lineage", "reading", "i1", START.isoformat()).objects[0]["ac_power"] == 5
