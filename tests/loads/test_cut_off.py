"""A file that lacks its last line end may have been cut off: it is held if its last record looks like it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from dbsvc import Database
from dbsvc.engine.loads.operations import discard, release, retry
from dbsvc.engine.settings import Settings
from tests.helpers import HEADER, OTHERS, bills, load, usage_csv, write

NAMES = HEADER.split(",")
#: what is before the six fields, so that a record ends in an amount
BEFORE = b"".join(other.encode() + b"," for other in OTHERS)


def ending_in_amounts(rows: Iterable[Sequence[object]]) -> bytes:
    return usage_csv([[*OTHERS, *row] for row in rows], header=",".join([*NAMES[6:], *NAMES[:6]]))


GOOD = ending_in_amounts([("2021-10-01", n, "USD", f"name {n}", "5.00", f"{n}.25") for n in range(1, 9)])
WHOLE = GOOD + BEFORE + b"2021-10-02,9,USD,name 9,5.00,12.34"


@pytest.mark.parametrize("end", range(len(GOOD), len(WHOLE) + 1))
def test_cut_off_anywhere(db: Database, dialect: str, tmp_path: Path, end: int) -> None:
    """Wherever the last record is cut; if nothing of it is there, nobody can know."""
    if dialect != "sqlite" and end % 5:
        pytest.skip("each on one database, some on both")
    outcome = load(db, write(tmp_path / "usage.csv", WHOLE[:end]))
    whole = end in (len(GOOD), len(WHOLE))
    assert outcome.load.status == ("published" if whole else "held")
    if not whole:
        assert "the file ends within line 10: it may be cut off" in str(outcome.load.held_because)
        assert bills(db) == []


@pytest.mark.parametrize(
    ("content", "held"),
    [
        (ending_in_amounts([("2021-10-01", n, "USD", "a", 1, n) for n in (100, 25, 3)]).rstrip(), False),
        (ending_in_amounts([("2021-10-01", n, "USD", "a", 1, f"{n}.{n}") for n in (100, 25, 3)]).rstrip(), True),
        (ending_in_amounts([("2021-10-01", n, "USD", "a", 1, f"{n}.{n}") for n in (3, 25, 100)]).rstrip(), False),
        (
            ending_in_amounts([("2021-10-01", 1, "USD", "a", 1, "12.34"), ("2021-10-01", 2, "USD", "a", 1, "3.5")]).rstrip(),
            True,
        ),
        (
            ending_in_amounts([("2021-10-01", n, "USD", "a", 1, "7" if n == 9 else "1.25") for n in range(30)]).rstrip()[:-1],
            True,
        ),
        # blanks and line ends after the last record
        (GOOD + BEFORE + b"2021-10-02,9,USD,name 9,5.00,12.3\n  ", False),
        (GOOD + BEFORE + b"2021-10-02,9,USD,name 9,5.00,12.3  ", True),
        (GOOD + BEFORE + b"2021-10-02,9,USD,name 9,5.00,12.3\r", True),
        # with its line end it is a reject like any other
        (GOOD + BEFORE + b"2021-10-02,9,USD\n", False),
        # a quoted field that is cut off, and one that is whole
        (GOOD + BEFORE + b'2021-10-02,9,USD,"name\nof two lines",5.00,"12.34"', False),
        (GOOD + BEFORE + b'2021-10-02,9,USD,"name\nof two lines",5.00,"12.3', True),
        (GOOD + BEFORE + b'2021-10-02,9,USD,"name\nof two', True),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_looks_cut_off(db: Database, tmp_path: Path, content: bytes, held: bool, packed: bool) -> None:
    path = write(tmp_path / "usage.csv", gzip.compress(content) if packed else content)
    outcome = load(db, path)
    assert outcome.load.status == ("held" if held else "published"), outcome.load.held_because


def test_every_dataset_that_is_delivered_whole(db: Database, tmp_path: Path) -> None:
    plants = b"plant_id,name,location,timezone\np1,A,B,Asia/Jerusalem\np2,A,B,Europe/Paris\np3,A,B,Europe/Par"
    assert load(db, write(tmp_path / "plants.csv", plants)).load.status == "held"


def test_held_until_an_operator_decides(db: Database, tmp_path: Path) -> None:
    """In small chunks, by another run, after a retry, after a discard."""
    path = write(tmp_path / "usage.csv", WHOLE[:-1])
    held = load(db, path, chunk_bytes=100).load
    assert held.status == "held"
    assert load(db, path).load.status == "held"
    retry(db, held.load_id, Settings())
    assert load(db, path).load.status == "held"
    discard(db, held.load_id)
    release(db, held.load_id)
    assert load(db, path).load.status == "published"
    assert len(bills(db)) == 9
