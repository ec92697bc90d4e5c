"""A dataset whose records are nothing but their key: a list of what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsvc import connect, migrate
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.reports.lineage import trace_row
from tests.helpers import buckets, load, query, rejects, write
from tests.helpers.project import declare


@pytest.mark.parametrize("width", [1, 2])
def test_nothing_but_a_key(width: int, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["tag", "part"][:width]
    declaration = 'title = "tags"\nformat = "csv"\ndepends_on = []\ntable = "tags"\n' + f"key = {names}\n".replace("'", '"')
    declaration += "".join(f'[columns.{name}]\ntype = "text"\n' for name in names)
    monkeypatch.setenv("DBSVC_PROJECT", str(declare(tmp_path / "ours", "tags", declaration)))

    def tags(file: str, *texts: str) -> Path:
        lines = [names, *([text] * width for text in texts)]
        return write(tmp_path / file, "".join(",".join(line) + "\n" for line in lines).encode())

    with connect(url) as db:
        migrate(db)
        first = load(db, tags("first.csv", "red", "green", "red", "\\.", '"a,b"'))
        assert {bucket: n for bucket, n in buckets(first.load).items() if n} == {"inserted": 4, "duplicate": 1}
        second = load(db, tags("second.csv", "red", "pink", '""'))
        assert {bucket: n for bucket, n in buckets(second.load).items() if n} == {"inserted": 1, "unchanged": 1, "rejected": 1}
        assert [reasons for _, reasons, _ in rejects(db)] == [" ".join(f"{name}_missing" for name in names)]
        assert {row[0] for row in query(db, "SELECT tag FROM tags")} == {"red", "green", "\\.", "a,b", "pink"}
        assert [version["load_id"] for version in trace_row(db, "tags", ["red"] * width).versions] == [1]
        states = {result.check.name: result.state for result in run(db, load_checks(db.statements), 28)}
        assert {check for check, state in states.items() if state != "ok"} <= {"rejects_rising"}
        assert [row["load_id"] for row in revert(db, first.load.load_id).perhaps_repeated_by] == [second.load.load_id]
        assert query(db, "SELECT tag FROM tags") == [("pink",)]
