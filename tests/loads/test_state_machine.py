"""Loads, releases, discards, retries, reverts, redeliveries and crashes, in any order, against a plain model in Python.

The model keeps every delivery of each bill, and reads from them what must be stored. Only one thing it cannot know: after a
revert, whether a later load that merely repeated a bill is remembered. Then both answers are allowed, and the load must be
named.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from dbsvc import Database, DatabaseError, InputError, connect
from dbsvc.engine.checks import load_checks, run
from dbsvc.engine.loads.operations import discard, publish_staged, release, retry
from dbsvc.engine.loads.revert import revert
from dbsvc.engine.settings import Settings
from tests.helpers import Bill, Past, bills, history, load, query, register, stage, usage_csv, write
from tests.helpers.citus import at_most
from tests.helpers.crash import fragile, left_behind

#: a record: which bill on which day, in which currency (XXX is none until somebody says so), of how much
Record = tuple[int, int, str, int]
Key = tuple[int, int]
#: what a bill says
Value = tuple[str, int]
#: where a delivery stands: load and line
Place = tuple[int, int]

RECORD: st.SearchStrategy[Record] = st.tuples(
    st.sampled_from([10, 10, 11]), st.integers(1, 2), st.sampled_from(["USD", "USD", "USD", "XXX"]), st.integers(1, 2)
)
FILES = st.lists(st.lists(RECORD, min_size=1, max_size=4), min_size=4, max_size=4)
FILE = st.integers(0, 3)
PICK = st.integers(0, 9)
#: the call of the driver at which the process is gone, if it comes so far
CRASH = st.one_of(st.none(), st.tuples(st.integers(1, 90), st.sampled_from(["killed", "killed", "answered", "unanswered"])))
#: staged apart, or by months and in place
MONTH_RECORDS = st.sampled_from([1, 10**9])
UNFINISHED = ("staging", "staged", "held")
LENIENT = Settings(max_contradicting_share=1.0, total_factor=10**9)


@dataclass
class Delivery:
    """What the model knows of a load."""

    load_id: int
    file: int
    status: str
    #: the currencies that were known when its records were validated; None before
    known: set[str] | None = None
    lines: list[Record] = field(default_factory=list)

    def valid(self) -> Iterator[tuple[int, Key, Value]]:
        """Its good records: line, key, value."""
        for line, (month, bill_id, currency, amount) in enumerate(self.lines, 2):
            if currency in (self.known or ()):
                yield line, (month, bill_id), (currency, amount)

    def rejected(self) -> list[tuple[int, Key]]:
        """Its other records: line, key."""
        known = self.known or ()
        return [(line, record[:2]) for line, record in enumerate(self.lines, 2) if record[2] not in known]


class Machine(RuleBasedStateMachine):
    """A database, and the model of it."""

    make_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.url = self.make_url()
        self.db = connect(self.url)
        self.checks = load_checks(self.db.statements)
        self._folder = TemporaryDirectory()
        self.known = {"USD"}
        self.loads: dict[int, Delivery] = {}
        #: whether all deliveries are remembered: nothing was taken back that the next delivery repeated
        self.all_remembered = True
        #: deliveries that need not be remembered, for the one before them said the same
        self.repeats: set[tuple[int, Key]] = set()
        #: loads that a revert named
        self.named: set[int] = set()

    def teardown(self) -> None:
        self.db.close()
        self._folder.cleanup()

    @initialize(files=FILES, loaded=st.sampled_from([0, 3, 4]))
    def write_files(self, files: list[list[Record]], loaded: int) -> None:
        self.files = files
        self.paths = [
            write(
                Path(self._folder.name) / f"{number}.csv",
                usage_csv((f"2021-{month}-01", n, code, "a", amount, 0) for month, n, code, amount in file) + b"\n" * number,
            )
            for number, file in enumerate(files)
        ]
        for number in range(loaded):
            self.deliver(number)

    # --- what happens

    def do(self, work: Callable[[Database], Any], crash: tuple[int, str] | None) -> Any:
        """Run a command; if it crashes, run the same command again. Returns what it gave; None if it was done already."""
        if crash:
            done = None
            with fragile(self.url, *crash) as (db, breaks), suppress(DatabaseError):
                done = work(db)
            if len(breaks.calls) < crash[0] or (done is not None and not breaks.dead):
                return done
            with suppress(InputError):
                return work(self.db)
            return None
        return work(self.db)

    def pick(self, number: int, *states: str) -> Delivery | None:
        found = [one for _, one in sorted(self.loads.items()) if one.status in states]
        return found[number % len(found)] if found else None

    def settle(self, one: Delivery) -> None:
        """The audits decide whether a load is held; what becomes of it then is the model's."""
        ((one.status,),) = query(self.db, "SELECT status FROM loads WHERE load_id = :load_id", load_id=one.load_id)
        assert one.status in ("held", "published")

    def delivered(self, number: int) -> Delivery | None:
        """The load that a file is, if it came: the newest that is neither discarded nor taken back first."""
        found = [one for one in self.loads.values() if one.file == number and one.status != "reverted"]
        return max(found, key=lambda one: (one.status != "discarded", one.load_id), default=None)

    def draw(self, number: int) -> Delivery:
        """A new load of a file."""
        one = Delivery(max(self.loads, default=0) + 1, number, "staging", lines=self.files[number])
        self.loads[one.load_id] = one
        return one

    @rule(number=FILE, month_records=MONTH_RECORDS, strict=st.booleans(), crash=CRASH)
    def ingest(self, number: int, month_records: int, strict: bool, crash: tuple[int, str] | None) -> None:
        self.deliver(number, crash, month_records=month_records, max_contradicting_share=0.0 if strict else 1.0)

    def deliver(self, number: int, crash: tuple[int, str] | None = None, **chosen: Any) -> None:
        chosen["total_factor"] = 10**9
        outcome = self.do(lambda db: load(db, self.paths[number], **chosen), crash)
        one = self.delivered(number) or self.draw(number)
        assert outcome.load.load_id == one.load_id
        if one.status in ("staging", "staged"):
            one.known = one.known or set(self.known)
            self.settle(one)

    @rule(number=FILE, crash=CRASH)
    def again(self, number: int, crash: tuple[int, str] | None) -> None:
        found = [one for one in self.loads.values() if one.file == number and one.status != "reverted"]
        one = max(found, key=lambda one: one.load_id, default=None)
        stands = one and one.status == "published" and self.stands(one)
        outcome = self.do(lambda db: load(db, self.paths[number], again=True, total_factor=10**9), crash)
        if one and outcome.load.load_id == one.load_id:
            # it is not delivered again: then nothing of it was replaced
            assert one.status != "published" or stands or not self.all_remembered
        else:
            assert one is None or one.status == "published"
            one = self.draw(number)
            assert outcome.load.load_id == one.load_id
        if one.status in ("staging", "staged"):
            one.known = one.known or set(self.known)
            self.settle(one)

    def stands(self, one: Delivery) -> bool:
        """Whether its bills are as it brought them."""
        current = {key: chain[-1][1] for key, chain in self.chains().items()}
        return all(current[key] == value for key, value in {key: value for _, key, value in one.valid()}.items())

    @rule(number=FILE, staged=st.booleans())
    def begin(self, number: int, staged: bool) -> None:
        """Somebody registers a file, perhaps stages it, and goes away."""
        one = self.delivered(number) or self.draw(number)
        registered = register(self.db, self.paths[number])
        assert registered.load_id == one.load_id
        if staged and one.status == "staging":
            one.known = one.known or set(self.known)
            one.status = stage(self.db, self.paths[number], registered).status.value

    @rule(number=PICK, crash=CRASH)
    def publish(self, number: int, crash: tuple[int, str] | None) -> None:
        if one := self.pick(number, "staged"):
            self.do(lambda db: publish_staged(db, one.load_id, LENIENT), crash)
            one.status = "published"

    @rule(number=PICK, crash=CRASH)
    def release(self, number: int, crash: tuple[int, str] | None) -> None:
        one = self.pick(number, "held", "discarded")
        if one is None:
            return
        released = one.status
        self.do(lambda db: release(db, one.load_id), crash)
        if released == "held":
            one.status = "published"
        else:  # it counts as delivered now
            del self.loads[one.load_id]
            one.load_id = query(self.db, "SELECT max(load_id) FROM loads")[0][0]
            assert one.load_id > max(self.loads, default=0)
            self.loads[one.load_id] = one
            one.status, one.known = "staging", None

    @rule(number=PICK, crash=CRASH)
    def discard(self, number: int, crash: tuple[int, str] | None) -> None:
        if one := self.pick(number, *UNFINISHED):
            self.do(lambda db: discard(db, one.load_id), crash)
            one.status = "discarded"

    @rule()
    def know(self) -> None:
        """What was no currency becomes one."""
        with self.db.transaction() as tx:
            tx.execute("INSERT INTO currencies (code) VALUES ('XXX') ON CONFLICT DO NOTHING")
        self.known.add("XXX")

    @rule(number=PICK, crash=CRASH)
    def retry(self, number: int, crash: tuple[int, str] | None) -> None:
        if one := self.pick(number, "held", "published"):
            self.do(lambda db: retry(db, one.load_id, LENIENT), crash)
            passed = not one.known or self.known > one.known
            one.known = set(self.known)
            if one.status == "held" and passed:
                self.settle(one)

    @rule(number=PICK)
    def revert_calmly(self, number: int) -> None:
        """Most is to be learnt from reverts."""
        self.take_back(number, None)

    @rule(number=PICK, crash=CRASH)
    def revert(self, number: int, crash: tuple[int, str] | None) -> None:
        self.take_back(number, crash)

    def take_back(self, number: int, crash: tuple[int, str] | None) -> None:
        one = self.pick(number, "published")
        if one is None:
            return
        foreseen = revert(self.db, one.load_id, dry_run=True)
        after = {
            (place[0], key)
            for key, chain in self.chains().items()
            for (before, _), (place, _) in pairwise(chain)
            if before[0] == one.load_id
        }
        self.do(lambda db: revert(db, one.load_id), crash)
        one.status = "reverted"
        self.named |= {row["load_id"] for row in foreseen.perhaps_repeated_by}
        self.all_remembered = self.all_remembered and not after & self.repeats

    # --- what must be so

    def chains(self) -> dict[Key, list[tuple[Place, Value]]]:
        """What the published loads brought of each bill, in order: the last good record of each load."""
        found: dict[Key, list[tuple[Place, Value]]] = defaultdict(list)
        for one in sorted(self.loads.values(), key=lambda one: one.load_id):
            if one.status == "published":
                last = {key: ((one.load_id, line), value) for line, key, value in one.valid()}
                for key, delivery in last.items():
                    found[key].append(delivery)
        return found

    def note_repeats(self) -> None:
        """What repeats the delivery before it is remembered as long as something older may still come in between."""
        oldest_open = min((one.load_id for one in self.loads.values() if one.status in UNFINISHED), default=10**9)
        may_pass: dict[Key, list[Place]] = defaultdict(list)
        for one in self.loads.values():
            for line, key in one.rejected() if one.status not in ("discarded", "reverted") else ():
                may_pass[key].append((one.load_id, line))
        for key, chain in self.chains().items():
            for (place, before), ((load_id, _), value) in pairwise(chain):
                between = [reject for reject in may_pass[key] if reject > place and reject[0] <= load_id]
                if before == value and load_id < oldest_open and not between:
                    self.repeats.add((load_id, key))

    def expected(self) -> tuple[list[Bill], list[Past]]:
        """One delivery after the other, each line by line."""
        current: dict[Key, tuple[Place, Value]] = {}
        past: list[Past] = []
        for one in sorted(self.loads.values(), key=lambda one: one.load_id):
            of_bill: dict[Key, list[tuple[Place, Value]]] = defaultdict(list)
            for line, key, value in one.valid() if one.status == "published" else ():
                of_bill[key].append(((one.load_id, line), value))
            for key, lines in of_bill.items():
                for number, (place, value) in enumerate(lines[:-1], 1):
                    if value not in [later for _, later in lines[number:]]:
                        past.append((*as_bill(key, place, value), one.load_id))
                before = current.setdefault(key, lines[-1])
                if before[1] != lines[-1][1]:
                    past.append((*as_bill(key, *before), one.load_id))
                    current[key] = lines[-1]
        stored = sorted(as_bill(key, place, value) for key, (place, value) in current.items())
        return stored, sorted(past, key=lambda found: (found[:2], found[6:8]))

    @invariant()
    def is_as_the_model(self) -> None:
        self.note_repeats()
        stored = bills(self.db)
        if self.all_remembered:
            assert (stored, [row for row in history(self.db) if row[8]]) == self.expected()
            return
        values = {(row[0].month, row[1]): (row[3], int(row[4])) for row in stored}
        chains = self.chains()
        assert values.keys() <= chains.keys()
        for key, chain in chains.items():
            for (load_id, _), value in reversed(chain):
                if values.get(key) == value:
                    break
                # this delivery is not remembered: it repeated one that was taken back, and that was said
                assert (load_id, key) in self.repeats, (key, chain, values.get(key))
                assert load_id in self.named, (key, chain, values.get(key))
            else:
                assert key not in values

    @invariant()
    def the_ledger_is_true(self) -> None:
        found = {load_id: rest for load_id, *rest in query(self.db, "SELECT load_id, status, read, rejected FROM loads")}
        assert {load_id: rest[0] for load_id, rest in found.items()} == {n: one.status for n, one in self.loads.items()}
        for load_id, (status, read, rejected) in found.items():
            if status in ("held", "published"):
                one = self.loads[load_id]
                assert (read, rejected) == (len(one.lines), len(one.rejected()))
        identity = "inserted + updated + unchanged + duplicate + superseded + rejected = read"
        assert query(self.db, f"SELECT load_id FROM loads WHERE status = 'published' AND NOT {identity}") == []
        assert left_behind(self.db) == []

    @precondition(lambda self: any(one.status == "published" for one in self.loads.values()))
    @invariant()
    def no_check_finds_harm(self) -> None:
        results = run(self.db, self.checks, days=10**4, record=False)
        broken = [(one.check.name, one.sample) for one in results if one.state in ("critical", "unknown")]
        assert [(name, sample) for name, sample in broken if name != "fx_rates_missing"] == []


def as_bill(key: Key, place: Place, value: Value) -> Bill:
    return datetime.date(2021, key[0], 1), key[1], "a", value[0], Decimal(value[1]), Decimal(0), *place


@pytest.mark.one_database
def test_a_few_orders(fresh_url: Callable[[], str], dialect: str) -> None:
    class OnThis(Machine):
        make_url = staticmethod(fresh_url)

    few = settings(max_examples=at_most(8), stateful_step_count=15, suppress_health_check=list(HealthCheck), deadline=None)
    run_state_machine_as_test(OnThis, settings=few)


@pytest.mark.long
def test_many_orders(fresh_url: Callable[[], str], dialect: str) -> None:
    class OnThis(Machine):
        make_url = staticmethod(fresh_url)

    many = settings(max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None)
    run_state_machine_as_test(OnThis, settings=many)
