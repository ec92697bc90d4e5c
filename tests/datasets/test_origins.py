"""What ``lineage.toml`` says of derived tables is so, on each database."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsvc import Database
from dbsvc.engine.origins import read_origins
from dbsvc.engine.project import find_project
from dbsvc.engine.project_check import check_origins, check_project
from tests.helpers.project import FILES, make_project

#: what is said of one table → what is wrong with it
TOLD = """[inverter_daily_summary]
from = "plants"
columns = {day = []}
"""
CASES = {
    TOLD: "told:3: it is not said what inverter_daily_summary.avg_ac_power_w is made of; [] if of no column",
    TOLD.replace("day", "dai"): "told:3: inverter_daily_summary has no column dai; did you mean day?",
    TOLD.replace("[]", '["currencies.cod"]'): (
        "told:3: day is made of currencies.cod: there is no column cod; did you mean code?"
    ),
    TOLD.replace("[]", '["elsewhere.day"]'): "told:3: day is made of elsewhere.day: there is no such table",
    TOLD.replace("daily", "yearly"): "told:1: no migration makes the table or view inverter_yearly_summary",
}


def test_what_is_said_is_compared_with_the_database(db: Database) -> None:
    """What comes along is described as it is, all that is rebuilt among it; and what is not so is said."""
    datasets = db.statements.datasets
    told = {table: each for name in datasets for table, each in db.statements.origins(name).items()}
    wrong = {text: read_origins(datasets["plants"], datasets, "told", text) for text in CASES}
    with db.snapshot() as tx:
        assert [*check_origins(tx, told.values())] == []
        for text, says in CASES.items():
            assert says in [*check_origins(tx, wrong[text].values())]
    rebuilt = {each.table for dataset in datasets.values() for each in dataset.rebuild.values()}
    assert rebuilt | {"revenue_daily", "bills_in_usd"} <= told.keys()


@pytest.mark.one_database
def test_a_project_is_told_where(tmp_path: Path) -> None:
    make_project(
        tmp_path, {**FILES, "datasets/meters/lineage.toml": '[metered]\nfrom = "meters"\ncolumns = {n = ["reading"]}\n'}
    )
    project = find_project(str(tmp_path))
    assert project
    place = f"{tmp_path}/datasets/meters/lineage.toml"
    assert check_project(project).problems == [f"{place}:1: no migration makes the table or view metered"]
