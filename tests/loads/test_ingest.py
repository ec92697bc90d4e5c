"""A load's life: what is published, kept, held, and how it goes on after an interruption."""

from __future__ import annotations

import csv
import datetime
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import connect
from dbsvc.engine import ConfigurationError, Database, InputError
from dbsvc.engine.loads import stage as staging
from dbsvc.engine.loads.model import BUCKETS, Outcome
from dbsvc.engine.loads.operations import discard, release, retry
from dbsvc.engine.loads.publish import publish
from dbsvc.engine.settings import Settings
from tests.helpers import (
    HEADER,
    ROOT,
    Bill,
    Past,
    bills,
    buckets,
    history,
    ledger,
    load,
    query,
    register,
    rejects,
    stage,
    statuses,
    tables,
    usage_csv,
    whole,
    write,
)
from tests.helpers.dirty import DIRTY_FILE
from tests.helpers.server import Server

REAL = ROOT.parent / "shared" / "data" / "usage_data.csv"
DAY = datetime.date(2021, 10, 1)


def row(bill_id: object, amount: object = 1, *, name: str = "a", date: str = "2021-10-01") -> tuple[object, ...]:
    """A record of a usage file."""
    return date, bill_id, "USD", name, amount, 0


def bill(bill_id: int, amount: object, load_id: int, line_no: int) -> Bill:
    """What is stored of such a record."""
    return DAY, bill_id, "a", "USD", Decimal(str(amount)), Decimal(0), load_id, line_no


def past(bill_id: int, amount: object, load_id: int, line_no: int, replaced_by: int | None) -> Past:
    """What is kept of such a record when it was replaced."""
    return *bill(bill_id, amount, load_id, line_no), replaced_by


@pytest.fixture
def deliver(db: Database, tmp_path: Path) -> Callable[..., Outcome]:
    """Load a file of these records."""

    def deliver(rows: Iterable[tuple[object, ...]], name: str = "usage.csv", **options: Any) -> Outcome:
        return load(db, write(tmp_path / name, usage_csv(rows)), **options)

    return deliver


Deliver = Callable[..., Outcome]


@pytest.mark.skipif(not REAL.exists(), reason="the real usage file is not beside the repository")
def test_the_real_file(db: Database, tmp_path: Path) -> None:
    first = load(db, REAL)
    assert (first.load.status, buckets(first.load), first.already) == ("published", {"inserted": 20}, False)
    with REAL.open(newline="") as file:
        amounts = [
            tuple(Decimal(record[f"Product{n} revenue"]) for n in (1, 2)) for record in csv.DictReader(file) if record["Name"]
        ]
    assert [found[4:6] for found in sorted(bills(db), key=lambda found: found[7])] == amounts
    published = tables(db)
    for again in (REAL, write(tmp_path / "copy.csv", REAL.read_bytes())):
        outcome = load(db, again)
        assert (outcome.already, outcome.load) == (True, first.load)
    assert tables(db) == published
    assert statuses(db) == ["published"]


@pytest.mark.parametrize("chunk_bytes", [1, 70, 8 * 2**20])
def test_repeats_within_a_file(db: Database, deliver: Deliver, chunk_bytes: int) -> None:
    rows = [row(1), row(2, 5), row(1), row(3), row(2, 6), row("x"), row(1, "1.00"), row(3, 2), row(3, 1)]
    outcome = deliver(rows, chunk_bytes=chunk_bytes)
    assert buckets(outcome.load) == {"inserted": 3, "duplicate": 3, "superseded": 2, "rejected": 1}
    assert bills(db) == [bill(1, 1, 1, 8), bill(2, 6, 1, 6), bill(3, 1, 1, 10)]
    assert history(db) == [past(2, 5, 1, 3, 1), past(3, 2, 1, 9, 1)]


def test_redelivery(db: Database, deliver: Deliver) -> None:
    deliver([row(1), row(2)])
    outcome = deliver([row(1, "1.0"), row(2, 7), row(3)])
    assert buckets(outcome.load) == {"inserted": 1, "updated": 1, "unchanged": 1}
    assert bills(db) == [bill(1, 1, 1, 2), bill(2, 7, 2, 3), bill(3, 1, 2, 4)]
    assert history(db) == [past(2, 1, 1, 3, 2)]
    assert buckets(deliver([row(2)]).load) == {"updated": 1}
    assert history(db) == [past(2, 1, 1, 3, 2), past(2, 7, 2, 3, 3)]


@pytest.mark.parametrize("jobs", [2, 4])
def test_workers_share_a_load(db: Database, deliver: Deliver, jobs: int) -> None:
    outcome = deliver([row(n) for n in range(200)], jobs=jobs, chunk_bytes=400)
    assert buckets(outcome.load) == {"inserted": 200}
    assert [found[7] for found in bills(db)] == list(range(2, 202))


def mixed(good: int, bad: int) -> list[tuple[object, ...]]:
    """Records: some are good, some bad."""
    return [row(n) for n in range(good)] + [row("x")] * bad


@pytest.mark.parametrize(
    ("good", "bad", "held_because"),
    [
        (95, 5, None),
        (94, 6, "6 of 100 records are rejected, which is more than 0.05 of them"),
        (50, 49, None),
        (2, 2, None),
        (2, 3, "3 of 5 records are rejected, which is more than half"),
        (0, 1, "1 of 1 records are rejected, which is more than half\nthere is nothing to publish: 1 records read, 1 rejected"),
        (0, 0, "there is nothing to publish: 0 records read, 0 rejected"),
    ],
)
def test_audits(db: Database, deliver: Deliver, good: int, bad: int, held_because: str | None) -> None:
    outcome = deliver(mixed(good, bad))
    assert outcome.load.held_because == held_because
    assert statuses(db) == ["held" if held_because else "published"]
    assert len(bills(db)) == (0 if held_because else good)
    assert len(rejects(db)) == bad


@pytest.mark.parametrize(
    ("loads", "total", "held"), [(5, 1000, False), (5, 1001, True), (5, 10, False), (5, 9, True), (4, 5000, False)]
)
def test_a_total_unlike_the_recent_ones(db: Database, deliver: Deliver, loads: int, total: int, held: bool) -> None:
    for n in range(loads):
        deliver([row(n, 100)])
    outcome = deliver([row(99, total)])
    assert outcome.load.status == ("held" if held else "published")
    if held:
        expected = f"the total is {total}, the median of the recent loads 100: more than 10 times apart"
        assert outcome.load.held_because == expected


def test_a_held_load_is_released(db: Database, deliver: Deliver) -> None:
    assert deliver(mixed(1, 2)).load.status == "held"
    again = deliver(mixed(1, 2))
    assert (again.load.status, again.already, bills(db)) == ("held", False, [])
    assert buckets(release(db, 1)) == {"inserted": 1, "rejected": 2}
    assert bills(db) == [bill(0, 1, 1, 2)]
    for act in (release, discard):
        with pytest.raises(InputError, match="Load 1 is published"):
            act(db, 1)
    assert deliver(mixed(1, 2)).already


def test_a_discarded_load_stays_out_until_it_is_released(db: Database, deliver: Deliver) -> None:
    rows = [row(0, 5), row("x"), row("y")]
    deliver(rows)
    assert discard(db, 1).status == "discarded"
    assert deliver(rows).load.status == "discarded"
    with pytest.raises(InputError, match="Load 1 is discarded"):
        discard(db, 1)
    deliver([row(0, 7)])
    assert release(db, 1).status == "staging"
    outcome = deliver(rows, chunk_bytes=1)
    assert (outcome.load.load_id, outcome.load.status, buckets(outcome.load)) == (
        3,
        "published",
        {"updated": 1, "rejected": 2},
    )
    assert tables(db) == ([bill(0, 5, 3, 2)], [past(0, 7, 2, 2, 3)])
    assert query(db, "SELECT DISTINCT load_id FROM rejects UNION SELECT DISTINCT load_id FROM load_chunks ORDER BY 1") == [
        (2,),
        (3,),
    ]


def test_a_load_published_late_does_not_overwrite_newer_ones(db: Database, deliver: Deliver) -> None:
    deliver([row(1), row(2), row(3, 3), row("x"), row("y"), row("z"), row("x")])
    outcome = deliver([row(1, 2), row(2), row(4)])
    assert statuses(db) == ["held", "published"]
    assert buckets(outcome.load) == {"inserted": 3}
    assert buckets(release(db, 1)) == {"inserted": 1, "unchanged": 1, "superseded": 1, "rejected": 4}
    # load 2 repeated what load 1 says of bill 2: the version is load 1's
    assert bills(db) == [bill(1, 2, 2, 2), bill(2, 1, 1, 3), bill(3, 3, 1, 4), bill(4, 1, 2, 4)]
    assert history(db) == [past(1, 1, 1, 2, 2)]


def test_no_such_load(db: Database) -> None:
    for act in (release, discard):
        with pytest.raises(InputError, match=r"There is no load 7\. `dbsvc loads` lists them\."):
            act(db, 7)


ROWS = [row(1), row("x"), row(2), row("y"), row(3)]


def left_behind(db: Database, path: Path, status: str) -> None:
    """Leave a load as an instance does that dies."""
    registered = register(db, write(path, usage_csv(ROWS)), chunk_bytes=1)
    if status == "staged":
        stage(db, path, registered)
    assert statuses(db) == [status]


@pytest.mark.parametrize("status", ["staging", "staged"])
@pytest.mark.parametrize("rules", ["the same", "others"])
def test_a_load_left_behind_is_resumed(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, rules: str
) -> None:
    left_behind(db, tmp_path / "usage.csv", status)
    if rules == "others":
        with db.transaction() as tx:
            tx.execute("UPDATE loads SET rules = 'of yesterday'")
    staged = count_calls(monkeypatch, "stage_fast")
    outcome = load(db, tmp_path / "usage.csv")
    assert buckets(outcome.load) == {"inserted": 3, "rejected": 2}
    assert len(staged) == (0 if (status, rules) == ("staged", "the same") else 5)
    assert [line for line, _, _ in rejects(db)] == [3, 5]
    assert bills(db) == [bill(1, 1, 1, 2), bill(2, 1, 1, 4), bill(3, 1, 1, 6)]


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    """A list that grows with every call of a function of the orchestration."""
    calls: list[None] = []
    original: Callable[..., object] = getattr(staging, name)

    def counted(*arguments: object) -> object:
        calls.append(None)
        return original(*arguments)

    monkeypatch.setattr(staging, name, counted)
    return calls


def test_a_load_that_another_version_is_at_is_left_to_it(db: Database, tmp_path: Path) -> None:
    registered = register(db, write(tmp_path / "usage.csv", usage_csv(ROWS)))
    with db.transaction() as tx:
        tx.execute("UPDATE loads SET rules = 'of tomorrow'")
    with pytest.raises(ConfigurationError, match="Load 1 is being loaded by another version of dbsvc"):
        stage(db, tmp_path / "usage.csv", registered)


def test_work_that_is_staged_is_not_done_again(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "usage.csv"
    left_behind(db, path, "staging")
    calls = count_calls(monkeypatch, "stage_fast")

    def die(phase: str, done: int = 0, total: int = 0) -> None:
        if phase == "stage" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(db.branch(), path, progress=die)  # it is of no use afterwards
    assert len(calls) == 1
    assert buckets(load(db, path).load) == {"inserted": 3, "rejected": 2}
    assert len(calls) == 5


@pytest.mark.parametrize("chunk_bytes", [1, 50])
@pytest.mark.parametrize("status", ["staged", "held"])
def test_staging_rows_that_a_crash_took_are_staged_again(db: Database, tmp_path: Path, status: str, chunk_bytes: int) -> None:
    path = tmp_path / "usage.csv"
    registered = register(db, write(path, usage_csv(ROWS)), chunk_bytes=chunk_bytes)
    stage(db, path, registered)
    with db.transaction() as tx:
        if status == "held":
            tx.execute("UPDATE loads SET status = 'held', held_because = 'a test'")
        tx.execute("DELETE FROM staged_usage_1")
    if status == "held":
        assert release(db, 1).status == "staging"
    assert buckets(load(db, path).load) == {"inserted": 3, "rejected": 2}
    assert [line for line, _, _ in rejects(db)] == [3, 5]
    assert len(bills(db)) == 3


@pytest.mark.parametrize("change", [lambda old: old.replace(b",1,0", b",9,0"), lambda old: old[:-9], lambda old: old[:70]])
def test_a_file_that_changes_underneath(db: Database, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "usage.csv"
    registered = register(db, write(path, usage_csv([row(n) for n in range(9)])), chunk_bytes=60)
    write(path, change(path.read_bytes()))
    with pytest.raises(InputError, match=r"usage.csv changed while load 1 was reading it; nothing of it was published\. "):
        stage(db, path, registered)
    assert (statuses(db), bills(db)) == (["staging"], [])
    # as it is now it is another delivery
    assert load(db, path).load.load_id == 2


def test_rejects_are_exported_in_the_columns_of_their_file(db: Database, tmp_path: Path) -> None:
    bad = [b"2,x,1,USD,\xff\0,31/10/2021", b'2,"two\r\nlines",1,USD,-1,31/10/2021', b'2,"open,1,USD,1,31/10/2021']
    bad = [*map(whole, bad)]
    header = ",".join(["Product2 revenue,NAME, Product1 revenue,Currency,Bill_ID,Date_", *HEADER.split(",")[6:]]).encode()
    good = [whole(b"2,good,1,USD,%d,31/10/2021" % n) for n in range(5)]
    path = write(tmp_path / "usage.csv", b"\r\r\n".join([header, *bad, *good, b""]))
    assert buckets(load(db, path, chunk_bytes=1).load) == {"inserted": 5, "rejected": 3}
    assert ledger(db, 1)["header"] == header
    with db.transaction() as tx:
        assert [found["raw_record"] for found in tx.stream("ledger/export_rejects", load_id=1)] == bad


# Properties ---------------------------------------------------------------------------------------------------------

Key = tuple[datetime.date, int]
Record = tuple[str, str, str, str]
#: a file's records, how its load ends, and the size of its chunks
Delivered = tuple[list[Record], str, int]

RECORD: st.SearchStrategy[Record] = st.tuples(
    st.sampled_from(["01/10/2021", "2021-10-01", "2021-10-02"]),
    st.sampled_from(["1", "02", "3"]),
    st.sampled_from(["a", '"a"', "b", '"b\nc"']),
    st.sampled_from(["1", "1.0", "2", "x"]),
)
FILE = st.lists(RECORD, min_size=1, max_size=7)
#: how a load ends that is staged: published (released if held), discarded, or discarded and then released after all
FATE = st.sampled_from(["published", "published", "published", "discarded", "revived"])
DELIVERY = st.tuples(FILE, FATE, st.integers(1, 300))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[Delivered], list[int]]:
    """Deliveries, some of them the same file, and the order of their three steps: register, stage, end."""
    deliveries = draw(st.lists(DELIVERY, min_size=1, max_size=4))
    if draw(st.booleans()):
        deliveries.append(deliveries[0])
    in_order = [n for n in range(len(deliveries)) for _ in range(3)]
    return deliveries, draw(st.just(in_order) | st.permutations(in_order))


def as_file(records: list[Record]) -> bytes:
    return usage_csv((date, bill_id, "usd", name, amount, 0) for date, bill_id, name, amount in records)


def as_bills(records: list[Record], load_id: int) -> Iterable[Bill]:
    """What a file's good records are."""
    line = 2
    for date, bill_id, name, amount in records:
        if amount != "x":
            day = datetime.date(2021, 10, 2 if date == "2021-10-02" else 1)
            yield day, int(bill_id), name.strip('"'), "USD", Decimal(amount), Decimal(0), load_id, line
        line += 1 + name.count("\n")


def by_key(records: list[Record], load_id: int) -> dict[Key, list[Bill]]:
    """A file's good records, bill by bill, in the order of the file."""
    found: dict[Key, list[Bill]] = {}
    for delivered in as_bills(records, load_id):
        found.setdefault(delivered[:2], []).append(delivered)
    return found


def losers(lines: list[Bill]) -> list[Bill]:
    """Those that a later line of their file superseded; the others that are not the last are its duplicates."""
    return [line for n, line in enumerate(lines, 1) if n < len(lines) and line[2:6] not in [it[2:6] for it in lines[n:]]]


def fold(loads: dict[int, list[Record]]) -> tuple[list[Bill], list[Past]]:
    """The specification in Python: deliveries one after the other. Returns bills and history."""
    current: dict[Key, Bill] = {}
    replaced: list[Past] = []
    for load_id, records in sorted(loads.items()):
        for key, lines in by_key(records, load_id).items():
            replaced += [(*loser, load_id) for loser in losers(lines)]
            before = current.setdefault(key, lines[-1])
            if before[2:6] != lines[-1][2:6]:
                replaced.append((*before, load_id))
                current[key] = lines[-1]
    return sorted(current.values()), sorted(replaced, key=lambda found: (found[:2], found[6:8]))


def expected_buckets(published: dict[int, list[Record]], load_id: int, records: list[Record]) -> Counter[str]:
    """What a load's records turn out to be when these are published already."""
    stored = {found[:2]: found for found in fold(published)[0]}
    later = {found[:2] for other in published if other > load_id for found in as_bills(published[other], other)}
    delivered = by_key(records, load_id)
    counts = Counter(rejected=len(records) - sum(map(len, delivered.values())))
    for key, lines in delivered.items():
        superseded = len(losers(lines))
        counts += Counter(superseded=superseded, duplicate=len(lines) - 1 - superseded)
        if key not in stored:
            counts["inserted"] += 1
        elif stored[key][2:6] == lines[-1][2:6]:
            counts["unchanged"] += 1
        else:
            counts["superseded" if key in later else "updated"] += 1
    return counts


def check_schedule(db: Database, folder: Path, deliveries: list[Delivered], steps: Iterable[int]) -> None:
    """Take the steps; after each publish, and in the end, the tables are what the specification says."""
    published: dict[int, list[Record]] = {}
    registered: set[int] = set()
    for step in steps:
        records, fate, chunk_bytes = deliveries[step]
        path = write(folder / f"{step}.csv", as_file(records))
        now = register(db, path, chunk_bytes=chunk_bytes)
        if step not in registered:
            registered.add(step)
            continue
        match now.status, fate:
            case "staging", _:
                stage(db, path, now)
            case "staged", "published":
                publish(db, now)
            case "held", "published":
                release(db, now.load_id)
            case (("staged" | "held"), _):
                discard(db, now.load_id)
                if fate == "revived":
                    release(db, now.load_id)
                    load(db, path)
            case _:  # another delivery of the same bytes has come this far
                continue
        now = register(db, path)
        if now.status == "published":
            assert buckets(now) == +expected_buckets(published, now.load_id, records)
            assert sum(now.buckets.values()) == now.read == len(records)
            published[now.load_id] = records
            # what is visible in between is as good as what is there in the end
            assert (bills(db), [found for found in history(db) if found[8]]) == fold(published)
    assert set(statuses(db)) <= {"published", "discarded"}
    assert (bills(db), [found for found in history(db) if found[8]]) == fold(published)
    # repeats are remembered for rejects of their bill that may pass, and for nothing else
    rejected = {record[:2] for records in published.values() for record in records if record[3] == "x"}
    bills_rejected = {(DAY if date != "2021-10-02" else DAY.replace(day=2), int(bill_id)) for date, bill_id in rejected}
    assert {found[:2] for found in history(db) if not found[8]} <= bills_rejected
    with db.transaction() as tx:
        assert not [found for found in tx.run("schema/tables").rows if "staged" in found["table_name"]]


@given(schedules())
def test_the_outcome_depends_only_on_the_order_of_registration(
    fresh_url: Callable[[], str], tmp_path: Path, schedule: tuple[list[Delivered], list[int]]
) -> None:
    with connect(fresh_url()) as db:
        check_schedule(db, tmp_path, *schedule)


@pytest.mark.one_database
@pytest.mark.slow  # it loads some hundred files
def test_every_order_of_publishing_four_loads(fresh_url: Callable[[], str], tmp_path: Path) -> None:
    # one bill for every way in which four loads can bring one: not at all, with one value, or with another
    files: list[list[Record]] = [[], [], [], []]
    for bill_id, values in enumerate(itertools.product(["", "a", "b"], repeat=4)):
        for n, name in enumerate(values):
            files[n] += [("2021-10-01", str(bill_id), name, "1")] if name else []
    deliveries: list[Delivered] = [(records, "published", 1000) for records in files]
    for order in itertools.permutations(range(4)):
        with connect(fresh_url()) as db:
            check_schedule(db, tmp_path, deliveries, [0, 1, 2, 3, 0, 1, 2, 3, *order])


@given(DIRTY_FILE, st.integers(1, 400))
def test_databases_agree_on_any_bytes(
    any_server: Server, sqlite_template: Path, tmp_path: Path, content: bytes, chunk_bytes: int
) -> None:
    write(tmp_path / "a.db", sqlite_template.read_bytes())
    path = write(tmp_path / "usage.csv", content)
    found = []
    for url, jobs in ((f"sqlite:///{tmp_path}/a.db", 1), (any_server.create(), 2)):
        with connect(url) as db:
            row = load(db, path, chunk_bytes=chunk_bytes, jobs=jobs).load
            if row.status == "held":
                row = release(db, 1)
            names = (*BUCKETS, "read", "status", "held_because", "control_total", "sha256")
            counted = {name: getattr(row, name) for name in names}
            found.append((counted, tables(db), rejects(db)))
    assert found[0] == found[1]


def test_rejects_are_kept_until_the_file_is_at_hand_again(db: Database, tmp_path: Path) -> None:
    """Staged rows are lost in a crash of the server, and the file may be gone when somebody notices."""
    records = [("2021-10-01", 1, "USD", "A", 1, 1), ("2021-10-01", 2, "???", "A", 1, 1), ("x", 3, "USD", "A", 1, 1)]
    path = write(tmp_path / "usage.csv", usage_csv(records))
    assert load(db, path).load.status == "held"
    before = rejects(db)
    assert len(before) == 2
    with db.transaction() as tx:
        tx.execute("DELETE FROM staged_usage_1")
    assert retry(db, 1, Settings()).passed == 0
    assert rejects(db) == before
    assert load(db, path).load.rejected == 2
    assert rejects(db) == before
