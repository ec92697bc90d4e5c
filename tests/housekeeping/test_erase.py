"""Erasing a name: nothing in the database has it any more, whatever is delivered later, and everything else stays as it was."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dbsvc import Database, InputError, connect
from dbsvc.engine.checks import load_checks
from dbsvc.engine.housekeeping.erase import erase
from dbsvc.engine.loads import operations
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.reports.rejects import export_rejects
from dbsvc.engine.settings import Settings
from tests.helpers import HEADER, bills, buckets, history, load, query, register, rejects, stage, usage_csv, whole, write
from tests.helpers.check_case import execute, find
from tests.helpers.cli import Cli
from tests.helpers.processes import Instance, succeed

NAME = 'Zoë O\'Neil "Zed", Ltd'
QUOTED = '"Zoë O\'Neil ""Zed"", Ltd"'
GOOD = usage_csv(
    [
        ("2021-10-01", 1, "USD", QUOTED, 1, 2),
        ("2021-10-01", 2, "USD", "Zoë", 3, 4),
        ("2021-10-02", 3, "USD", f" {QUOTED} ", 5, 6),
        ("2021-10-02", 4, "EUR", '"Zoë O\'Neil ""Zed"", Ltd."', 5, 6),
        *(("2021-10-03", n, "USD", "Zoë", n, 0) for n in range(10, 20)),
    ]
)
#: Records that are rejected, by the encodings and quotes that they come in, and what is left of them.
ODD: list[tuple[bytes, bytes]] = [
    (f"2021-13-01,1,USD,{QUOTED},1,2".encode(), b'2021-13-01,1,USD,"@",1,2'),
    (f"2021-13-01,2,USD,  {QUOTED} ,1,2".encode(), b'2021-13-01,2,USD,  "@" ,1,2'),
    (f"2021-13-01,3,USD,{QUOTED},1,2".encode("latin-1"), b'2021-13-01,3,USD,"@",1,2'),
    (
        f"2021-13-01,4,USD,{QUOTED.replace('O', chr(0x152))},1,2".encode(),
        f"2021-13-01,4,USD,{QUOTED.replace('O', chr(0x152))},1,2".encode(),
    ),
    (b"2021-13-01,5,Zo\xc3\xab,Zo\xc3\xab,1,2", b"2021-13-01,5,Zo\xc3\xab,Zo\xc3\xab,1,2"),
]


def marked(db: Database, record: bytes) -> bytes:
    (pseudonym,) = [name for (name,) in query(db, "SELECT pseudonym FROM erased_names")] or [""]
    return record.replace(b"@", pseudonym.encode())


def everything(db: Database) -> str:
    """All texts and bytes in all tables."""
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
    rows = [row for table in tables if "yoyo" not in table for row in query(db, f'SELECT * FROM "{table}"')]
    found = [bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for row in rows for value in row]
    return b"\n".join(found).decode("utf-8", "backslashreplace")


def red(db: Database) -> list[str]:
    """The checks of integrity that find something."""
    checks = [check for check in load_checks(db.statements) if check.severity == "critical" and check.dataset != "fx"]
    names = [check.name for check in checks if check.name != "fx_rates_missing"]
    return [name for name in [*names, "bills_changed"] if find(db, name, date.min, date(2030, 1, 1))]


def test_a_name_is_erased_everywhere(db: Database, tmp_path: Path) -> None:
    first = write(tmp_path / "first.csv", GOOD + b"".join(whole(record) + b"\n" for record, _ in ODD))
    load(db, first, max_rejected_share=1.0)
    corrected = usage_csv([("2021-10-01", 1, "USD", "Other", 1, 2), ("2021-10-03", 1, "USD", QUOTED, 7, 8)])
    load(db, write(tmp_path / "second.csv", corrected))
    waiting = register(db, write(tmp_path / "third.csv", usage_csv([("2021-10-04", 1, "USD", QUOTED, 7, 8)])))
    staged = stage(db, tmp_path / "third.csv", waiting)
    before_bills, before_history, before_rejects, before_red = bills(db), history(db), rejects(db), red(db)

    would = erase(db, NAME, dry_run=True)
    assert (bills(db), rejects(db), query(db, "SELECT * FROM erased_names")) == (before_bills, before_rejects, [])
    erased = erase(db, f" {NAME}")
    assert erased.records == would.records
    pseudonym = erased.pseudonym
    assert re.fullmatch("erased-[0-9a-f]{16}", pseudonym)

    def renamed(row: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(pseudonym if value == NAME else value for value in row)

    assert bills(db) == [renamed(row) for row in before_bills]
    assert history(db) == [renamed(row) for row in before_history]
    assert [raw for _, _, raw in rejects(db)] == [whole(marked(db, left)) for _, left in ODD]
    published = publish(db, staged)
    assert published.inserted == 1
    assert query(db, "SELECT customer_name FROM bills WHERE bill_date = '2021-10-04'") == [(pseudonym,)]
    assert [place for place in ('O\'Neil "Zed", Ltd\n', 'O\'Neil ""Zed"", Ltd"') if place in everything(db)] == []
    assert red(db) == before_red
    assert erase(db, NAME).pseudonym == pseudonym
    assert set(erase(db, NAME).records.values()) == {0}


def test_later_deliveries_get_the_pseudonym(db: Database, tmp_path: Path) -> None:
    """On the fast path and the other one, in rows and rejects; and what was known stays unchanged."""
    load(db, write(tmp_path / "first.csv", GOOD))
    plain = write(tmp_path / "plain.csv", usage_csv([("2021-11-01", n, "USD", "Ada Lovelace", n, 1) for n in range(99)]))
    load(db, plain)
    ada, zoe = erase(db, "Ada Lovelace").pseudonym, erase(db, NAME).pseudonym
    assert ada != zoe
    before = bills(db)

    known = load(db, plain)
    assert known.already
    again = load(db, write(tmp_path / "again.csv", plain.read_bytes() + whole(b"2021-11-02,1,USD,Ada Lovelace,1,1") + b"\n"))
    assert buckets(again.load) == {"inserted": 1, "unchanged": 99}
    slow = load(
        db, write(tmp_path / "slow.csv", GOOD + b"".join(whole(record) + b"\n" for record, _ in ODD)), max_rejected_share=1.0
    )
    assert buckets(slow.load) == {"unchanged": 14, "rejected": len(ODD)}
    assert [row[:6] for row in bills(db) if row[0] != date(2021, 11, 2)] == [row[:6] for row in before]
    assert query(db, "SELECT customer_name FROM bills WHERE bill_date = '2021-11-02'") == [(ada,)]
    assert [raw for _, _, raw in rejects(db)] == [whole(left.replace(b"@", zoe.encode())) for _, left in ODD]
    assert "Lovelace" not in everything(db)
    assert red(db) == []


def test_rejects_that_pass_later(db: Database, tmp_path: Path) -> None:
    """They are exported and retried as before, under the pseudonym."""
    file = usage_csv([("2021-10-01", 1, "XXQ", QUOTED, 1, 2), ("2021-10-01", 2, "USD", "A", 1, 2)])
    load(db, write(tmp_path / "usage.csv", file), max_rejected_share=1.0)
    pseudonym = erase(db, NAME).pseudonym
    exported = b"\n".join(export_rejects(db, 1))
    assert exported == HEADER.encode() + b"\n" + whole(f'2021-10-01,1,XXQ,"{pseudonym}",1,2'.encode())
    execute(db, "INSERT INTO currencies (code) VALUES ('XXQ')")
    assert operations.retry(db, 1, Settings()).passed == 1
    assert {row[2] for row in bills(db)} == {pseudonym, "A"}


def test_broken_records(db: Database, tmp_path: Path) -> None:
    """The quotes are missing, or never closed: the name is found wherever it stands."""
    records = [
        (b"2021-10-01,1,USD,Smith, John,1,2", b"2021-10-01,1,USD,@,1,2"),
        (b'2021-10-01,2,USD,"Smith, John,1,2', b'2021-10-01,2,USD,"@,1,2'),
        (b"Smith, John", b"@"),
        (b"2021-10-01,3,USD,Smith, Johnny,1,2", b"2021-10-01,3,USD,Smith, Johnny,1,2"),
    ]
    file = usage_csv([("2021-10-01", 9, "USD", '"Smith, John"', 1, 2)]) + b"\n".join(raw for raw, _ in records) + b"\n"
    loaded = load(db, write(tmp_path / "usage.csv", file), max_rejected_share=1.0)
    if loaded.load.status == "held":
        operations.release(db, loaded.load.load_id)
    erase(db, "Smith, John")
    assert [raw for _, _, raw in rejects(db)] == [marked(db, left) for _, left in records]


def test_what_is_no_name(db: Database) -> None:
    with pytest.raises(InputError, match="It is empty"):
        erase(db, " \u00a0")
    assert erase(db, "Nobody").records == {"bills": 0, "bills_history": 0, "rejects": 0}


def test_the_command(db: Database, cli_on: Cli) -> None:
    assert cli_on("ingest", cli_on.write("usage.csv", GOOD)).code == 0
    ran = cli_on("db", "erase", "--customer", NAME, "--dry-run")
    assert [(row["table"], row["records"], row["dry_run"]) for row in ran.objects] == [
        ("bills", 2, True),
        ("bills_history", 0, True),
        ("rejects", 0, True),
    ]
    assert {row[2] for row in bills(db)} >= {NAME}
    ran = cli_on("db", "erase", "--customer", NAME, "--yes")
    assert ran.code == 0
    assert "Neil" not in (ran.out + ran.err).decode()
    assert {row[2] for row in bills(db)} == {ran.objects[0]["pseudonym"], "Zoë", 'Zoë O\'Neil "Zed", Ltd.'}
    answer = cli_on("ingest", "usage.csv")
    assert answer.code == 0


def test_the_salt_is_of_this_database(fresh_url: Callable[[], str]) -> None:
    pseudonyms = set()
    for _ in range(2):
        with connect(fresh_url()) as db:
            pseudonyms.add(erase(db, "Ada").pseudonym)
    assert len(pseudonyms) == 2


@pytest.mark.long  # it kills processes
def test_killed_and_run_again(db: Database, url: str, tmp_path: Path) -> None:
    """Beside a load of that very name: in the end nobody finds it."""
    load(db, write(tmp_path / "old.csv", usage_csv([("2021-10-01", n, "USD", "Ada", n, 1) for n in range(20_000)])))
    new = write(tmp_path / "new.csv", usage_csv([("2021-10-02", n, "USD", "Ada", n, 1) for n in range(20_000)]))
    for pause in (0.3, 0.5, 0.7):
        with Instance(url, "db", "erase", "--customer", "Ada") as instance:
            time.sleep(pause)
            instance.kill(signal.SIGKILL)
            instance.await_end()
    with Instance(url, "ingest", new) as ingesting:
        ingesting.await_event("registered")
        succeed(url, "db", "erase", "--customer", "Ada")
        ingesting.succeed()
    ((name, rows),) = query(db, "SELECT customer_name, count(*) FROM bills GROUP BY customer_name")
    assert (name[:7], rows) == ("erased-", 40_000)
    assert red(db) == []
