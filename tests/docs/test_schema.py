"""The page of the schema and the sources of dbt are what the databases have and the declarations say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import yaml

from dbsvc import connect
from tests.helpers import ROOT
from tests.helpers.cli import Cli
from tests.helpers.server import Server

SOURCES = ROOT / "deploy" / "dbt" / "sources.yml"
ORDERS = """title = "orders"
format = "csv"
table = "orders"
key = ["order_id"]
depends_on = ["plants"]

[columns.order_id]
type = "whole"

[columns.plant_id]
type = "reference"
to = "plants"
"""


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return run_path(str(ROOT / "docs" / "generate_schema.py"))


@pytest.fixture(scope="module")
def catalogs(server: Server, sqlite_template: Path, generator: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for dialect, url in (("postgresql", server.create()), ("sqlite", f"sqlite:///{sqlite_template}")):
        with connect(url) as db:
            found[dialect] = generator["read_catalog"](db)
    return found


def test_every_table_and_column_has_a_meaning(generator: dict[str, Any], catalogs: dict[str, Any]) -> None:
    assert generator["find_faults"](catalogs) == []


def test_what_has_no_meaning_is_found(generator: dict[str, Any], catalogs: dict[str, Any]) -> None:
    table = generator["Table"](False, {"odd": "text"})
    found = generator["find_faults"]({"sqlite": {**catalogs["sqlite"], "odds": table}, "postgresql": {}})
    assert found[0] == "odds: no meaning"
    assert "loads.months: there is no such column" in found


def test_the_page_is_current(generator: dict[str, Any], catalogs: dict[str, Any]) -> None:
    for path, text in generator["pages"](catalogs).items():
        assert path.read_text() == text, f"{path.name} is not current: run `just docs`"


def test_the_diagram_shows_every_table(catalogs: dict[str, Any]) -> None:
    drawn = (ROOT / "docs" / "reference" / "schema.svg").read_text()
    assert [name for name in catalogs["postgresql"] if f">{name}</text>" not in drawn] == []
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def read(text: str) -> dict[str, dict[str, Any]]:
    (source,) = yaml.safe_load(text)["sources"]
    return {table["name"]: {column["name"]: column for column in table["columns"]} for table in source["tables"]}


def test_sources_have_the_columns_of_the_tables(catalogs: dict[str, Any]) -> None:
    found = read(SOURCES.read_text())
    assert {"bills", "revenue_daily", "loads", "reject_states"} <= set(found)
    for name, columns in found.items():
        there = {column for catalog in catalogs.values() for column in catalog[name].types}
        assert set(columns) == there, name


def test_datasets_of_a_project_are_sources(cli: Cli) -> None:
    cli.write("dbsvc/datasets/orders/dataset.toml", ORDERS.encode())
    ran = cli("datasets", "dbt")
    assert ran.code == 0
    columns = read(ran.out.decode())["orders"]
    assert list(columns) == ["order_id", "plant_id", "load_id", "line_no"]
    assert columns["order_id"]["data_tests"] == ["not_null", "unique"]
    (test,) = columns["plant_id"]["data_tests"]
    assert test["relationships"]["arguments"] == {"to": "source('dbsvc', 'plants')", "field": "plant_id"}


@pytest.mark.long
def test_dbt_reads_them(tmp_path: Path) -> None:
    dbt = shutil.which("dbt")
    if not dbt:
        pytest.skip("no dbt: pip install dbt-core dbt-postgres enables this")
    (tmp_path / "models").mkdir()
    shutil.copy(SOURCES, tmp_path / "models")
    (tmp_path / "models" / "count.sql").write_text("select count(*) as bills from {{ source('dbsvc', 'bills') }}")
    (tmp_path / "dbt_project.yml").write_text('{name: ours, version: "1.0", profile: ours, model-paths: [models]}')
    server = "{type: postgres, host: localhost, port: 5432, user: x, password: x, dbname: x, schema: public, threads: 1}"
    (tmp_path / "profiles.yml").write_text(f"ours: {{target: dev, outputs: {{dev: {server}}}}}")
    ran = subprocess.run([dbt, "parse", "--profiles-dir", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
