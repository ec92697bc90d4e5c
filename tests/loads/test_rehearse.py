"""A rehearsal says what an ingest does, and leaves nothing: neither rows, nor loads, nor a database, nor a file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dbsvc.engine import ConfigurationError, Database, connect
from dbsvc.engine.loads.lifecycle import ingest_all
from dbsvc.engine.loads.plan import plan
from dbsvc.engine.loads.rehearse import RehearsedFile, rehearse, stage_of
from dbsvc.engine.reports.rejects import list_rejects
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import find_sources
from dbsvc.engine.sources.header import read_header
from tests.helpers import ROOT, buckets, load, usage_csv, write
from tests.helpers.cli import Cli, summary
from tests.helpers.crash import everything
from tests.helpers.growing import know

FIRST = [("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 6)]
NEXT = [
    *FIRST[:2],
    ("2021-10-01", 3, "EUR", "other", 1, 0),
    ("2022-01-01", 9, "USD", "new", 1, 0),
    ("2021-10-01", "x", "", "", "", ""),
]


def rehearsed(db: Database, *files: Path, **settings: Any) -> list[RehearsedFile]:
    chosen = Settings(**settings)
    return rehearse(db, plan(db, find_sources(map(str, files)).sources, chosen), chosen)


def really(db: Database, file: Path, **settings: Any) -> list[Any]:
    with SourceFile(str(file)) as opened:
        header = read_header(opened, db.statements.datasets.values())
        return [outcome.load for outcome in ingest_all(db, opened, header, Settings(**settings))]


def told(load: Any) -> tuple[Any, ...]:
    return load.status, load.held_because, load.read, load.rejected, buckets(load)


@pytest.mark.parametrize(
    ("pack", "settings"),
    [
        (bytes, {}),
        (gzip.compress, {"chunk_bytes": 100, "month_records": 1}),
        pytest.param(bytes, {"max_rejected_share": 0.01, "chunk_bytes": 50}, marks=pytest.mark.one_database),
    ],
    ids=["whole", "packed, in chunks, by months", "held"],
)
def test_a_rehearsal_says_what_comes(db: Database, tmp_path: Path, pack: Callable[[bytes], bytes], settings: Any) -> None:
    load(db, write(tmp_path / "first.csv", usage_csv(FIRST)))
    file = write(
        tmp_path / "next.csv.gz", pack(usage_csv([*NEXT, *[NEXT[-1]] * 99] if "max_rejected_share" in settings else NEXT))
    )
    before = everything(db)
    (found,) = rehearsed(db, file, **settings)
    assert everything(db) == before
    (one,) = found.loads
    assert not one.was_there
    assert [row["line_no"] for row in one.rejects] == [6, *([7, 8, 9, 10] if "max_rejected_share" in settings else [])]
    assert one.reasons
    (loaded,) = really(db, file, **settings)
    assert told(one.outcome.load) == told(loaded)
    assert loaded.load_id == 2  # no number was used up
    (again,) = rehearsed(db, file, **settings)
    assert again.loads[0].was_there


@pytest.mark.one_database
def test_files_that_need_each_other(db: Database, tmp_path: Path) -> None:
    samples = [ROOT / "samples" / name for name in ("telemetry.jsonl", "inverters.csv", "plants.csv", "usage.csv")]
    before = everything(db)
    found = rehearsed(db, *samples, tmp_path / "nix.csv", ROOT / "README.md")
    assert everything(db) == before
    errors = {Path(file.planned.source).name: type(file.error).__name__ for file in found if file.error}
    assert errors == {"nix.csv": "InputMissingError", "README.md": "UnrecognisedError"}
    for file in found:
        for one in file.loads:
            assert [told(one.outcome.load)] == [told(loaded) for loaded in really(db, Path(file.planned.source))]
    assert sum(len(file.loads) for file in found) == 4


@pytest.mark.one_database
def test_a_file_that_grows(solar: Database, tmp_path: Path) -> None:
    lines = (ROOT / "samples" / "telemetry.jsonl").read_bytes().splitlines(keepends=True)
    file = write(tmp_path / "telemetry.jsonl", b"".join(lines[:4]))
    know(solar, "inv_kent_1", "inv_negev_1", "inv_negev_2")
    really(solar, file)
    write(file, b"".join(lines))
    before = everything(solar)
    (found,) = rehearsed(solar, file)
    assert everything(solar) == before
    assert [told(one.outcome.load) for one in found.loads] == [told(loaded) for loaded in really(solar, file)]
    assert found.loads[0].outcome.load.read == len(lines) - 4


def test_who_reads_waits_for_nothing(db: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(db, write(tmp_path / "first.csv", usage_csv(FIRST)))
    seen: list[int] = []

    def look(*given: Any) -> Any:
        def count_bills(other: Database) -> int:
            with other.snapshot() as tx:
                return int(tx.run("schema/count_rows", table="bills").rows[0]["row_count"])

        with connect(url) as other:
            reader = Thread(target=lambda: seen.append(count_bills(other)))
            reader.start()
            reader.join(20)
        return list_rejects(*given)

    monkeypatch.setattr("dbsvc.engine.loads.rehearse.list_rejects", look)
    rehearsed(db, write(tmp_path / "next.csv", usage_csv(NEXT)))
    assert seen == [len(FIRST)]


def test_without_a_database_none_is_made(empty_url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "usage.csv", usage_csv(NEXT))
    with connect(empty_url, create=False) as db:
        with stage_of(db) as stage:
            assert stage is not db
            (found,) = rehearsed(stage, file)
        assert buckets(found.loads[0].outcome.load) == {"inserted": 4, "rejected": 1}
        assert list(tmp_path.iterdir()) == [file]
        if not db.dialect.absent():
            with db.snapshot() as tx:
                assert tx.run("schema/tables").rows == []


def test_a_schema_that_is_behind_is_said(db: Database, tmp_path: Path) -> None:
    load(db, write(tmp_path / "first.csv", usage_csv(FIRST)))
    with db.transaction() as tx:
        tx.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0003%'")
    with pytest.raises(ConfigurationError, match="db migrate"), stage_of(db):
        pass


def test_the_exit_code_is_that_of_the_run(cli: Cli) -> None:
    cli.write("bad.csv", usage_csv([NEXT[-1]] * 3))
    cli.write("good.csv", usage_csv(FIRST))
    dry = cli("ingest", "--dry-run", "bad.csv", "good.csv", "nix.csv")
    assert [(report["source"], report["outcome"]) for report in dry.objects[:-1]] == [
        ("nix.csv", "failed"),
        ("bad.csv", "held"),
        ("good.csv", "published"),
    ]
    assert all(report["dry_run"] for report in dry.objects)
    assert [line["event"] for line in dry.logs] == ["error", "run"]  # nothing says that anything was loaded
    ran = cli("ingest", "bad.csv", "good.csv", "nix.csv")
    assert (dry.code, summary(ran)["published"]) == (ran.code, 1)
    shown = cli("ingest", "--dry-run", "bad.csv", "-o", "table")
    assert shown.code == 65
    assert b"Nothing was stored" in shown.out
