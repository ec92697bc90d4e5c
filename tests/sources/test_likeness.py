"""What is said of a file that is of no dataset, and of names that are not known: which one may be meant."""

from __future__ import annotations

import pytest

from dbsvc.engine.sources.likeness import describe_nearest
from dbsvc.engine.statements.catalog import Statements
from dbsvc.engine.words import nearest

DATASETS = list(Statements(("sqlite",)).datasets.values())


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"plant,Name,tz\n", " The nearest is plants: it lacks plant_id, location, timezone, and it has too many plant, tz."),
        (b"Bil_ID,Curency,x\n", " The nearest is bills: it lacks Date_, "),
        (b'{"event_id": 1, "x": 2}\n', " The nearest is inverter telemetry: it lacks "),
        (b"foo,bar\n", " `dbsvc datasets` lists what can be loaded."),
        (b'{"foo": 1}\n', " `dbsvc datasets` lists what can be loaded."),
        (b"\n\n", ""),
        (b"\xff\xfe\x00\n", ""),
        (b'"foo\n', ""),
    ],
)
def test_the_nearest_dataset(head: bytes, says: str) -> None:
    assert describe_nearest(head, DATASETS).startswith(says)


def test_many_long_names_are_cut() -> None:
    head = ",".join(["plant_id", *(f"\x07{'y' * 100}{n}" for n in range(300))]).encode() + b"\n"
    sentence = describe_nearest(head, DATASETS)
    assert "and 294 more" in sentence
    assert len(sentence) < 600
    assert sentence.isprintable()


def test_nearest_names() -> None:
    assert nearest("USAGE", ["usage", "plants"]) == "usage"
    assert nearest("EUD", ["EUR", "AUD"], cutoff=0.5) == "EUR"
    assert nearest("weather", ["usage", "plants"]) is None
