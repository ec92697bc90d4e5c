"""A project in a folder: datasets of one's own, with their migrations."""

from __future__ import annotations

from pathlib import Path

from dbsvc.engine.db.dialects import families
from dbsvc.engine.project import find_project
from dbsvc.engine.statements.catalog import Statements

METERS = """title = "meters"
format = "csv"
depends_on = []
table = "meters"
key = ["meter_id"]

[columns.meter_id]
type = "text"

[columns.reading]
type = "whole"
"""
#: rows of it may be placed
STAYS = """title = "stays"
format = "csv"
depends_on = []
table = "stays"
key = ["stay_id"]
placed = true
[columns.stay_id]
type = "whole"
[columns.guests]
type = "whole"
"""
UP = """-- Meters.
INSERT INTO datasets (dataset) VALUES ('meters') ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS meters (
    meter_id text PRIMARY KEY, reading bigint NOT NULL, load_id bigint NOT NULL, line_no bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS meters_history (
    meter_id text, reading bigint, load_id bigint, line_no bigint, replaced_by_load_id bigint,
    PRIMARY KEY (meter_id, load_id, line_no)
);
"""
DOWN = "DROP TABLE IF EXISTS meters_history;\nDROP TABLE IF EXISTS meters;\n"
#: a project that declares meters
FILES = {
    "datasets/meters/dataset.toml": METERS,
    **{f"migrations/{dialect}/meters_1.sql": UP for dialect in ("sqlite", "postgresql")},
    **{f"migrations/{dialect}/meters_1.rollback.sql": DOWN for dialect in ("sqlite", "postgresql")},
}


def make_project(folder: Path, files: dict[str, str] = FILES) -> Path:
    """Write these files below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def declare(folder: Path, name: str, declaration: str) -> Path:
    """Declare a dataset, and write the migrations that make its tables, for each kind of database."""
    make_project(folder, {f"datasets/{name}/dataset.toml": declaration})
    for kind, family in families().items():
        statements = Statements(family, project=find_project(str(folder)))
        for part, ending in (("up", ".sql"), ("down", ".rollback.sql")):
            texts = statements.scaffold(f"scaffold/{part}", statements.datasets[name])
            make_project(folder, {f"migrations/{kind}/{name}_1{ending}": ";\n".join(texts) + ";\n"})
    return folder
