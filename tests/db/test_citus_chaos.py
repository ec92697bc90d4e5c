"""A Citus cluster in trouble: none ever sees a part, and the same command again ends as if nothing had happened.

Rounds of loads on one or two instances, while readers look on every node and something breaks at a random moment.
DBSVC_TEST_ROUNDS says how many, DBSVC_CHAOS_SEED repeats what was drawn.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.helpers import usage_csv, write
from tests.helpers.citus import Cluster
from tests.helpers.processes import Instance
from tests.helpers.trouble import COMMANDS, Node, Relay

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("DBSVC_TEST_ROUNDS", 12))
SEED = int(os.environ.get("DBSVC_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
#: Rounds on one database: then there are many months, and a new one is made.
CYCLE = 20
BILLS = 300  # in a file
HANGS = 150.0  # seconds after which a command is taken to hang

#: of instances: small chunks, and files that are large enough to be placed
SETTINGS: dict[str, Any] = {"DBSVC_CHUNK_BYTES": "4000", "DBSVC_MONTH_RECORDS": "200", "DBSVC_LOCK_SECONDS": "5"}

Key = tuple[str, int]
Rows = dict[Key, int]
#: what is public: how many bills, their amounts, and these by id
Look = tuple[int, int, int]
NONE = ("2017-01-01", 1)
LOOK = "SELECT count(*), coalesce(sum(product1_revenue), 0), coalesce(sum(product1_revenue * bill_id), 0) FROM bills"
CHECKS = (
    "ledger_buckets_wrong",
    "rows_unaccounted",
    "history_broken",
    "bills_orphaned",
    "staging_left_behind",
    "rows_differ",
    "loads_unfinished",
)
PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
STAGED = "SELECT relname FROM pg_class WHERE relname LIKE 'staged\\_%' AND relkind IN ('r', 'p')"


@dataclass(frozen=True)
class Delivery:
    """A file of bills."""

    path: Path
    rows: Rows

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def merged(deliveries: Sequence[Delivery]) -> Rows:
    """What stands after these, in their order."""
    return {key: amount for delivery in deliveries for key, amount in delivery.rows.items()}


def looked(rows: Rows) -> Look:
    return len(rows), sum(rows.values()), sum(amount * key[1] for key, amount in rows.items())


@dataclass
class Readers:
    """A reader on every node, now at one level of isolation, now at the other."""

    urls: list[str]
    #: what may be seen in this round and was in the last one, and the rows that stand for it
    known: dict[Look, Rows]
    #: how late in this round each is
    ranks: dict[Look, int] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.urls)) as pool:
            readers = [pool.submit(self._read, url) for url in self.urls]
            try:
                yield
            finally:
                self.done.set()
        for reader in readers:
            reader.result()

    def expect(self, states: Sequence[tuple[int, Rows]]) -> None:
        """A round begins, in which these may be seen, those of a lower rank first."""
        last = {look: rows for look, rows in self.known.items() if look in self.ranks}
        self.known = {**last, **{looked(rows): rows for _, rows in states}}
        self.ranks = {looked(rows): rank for rank, rows in states}

    def _read(self, url: str) -> None:
        node = url.rpartition("/")[0].rpartition(":")[2]
        seen: tuple[dict[Look, int], int] = {}, -1
        while not self.done.is_set():
            try:
                with psycopg.connect(url, connect_timeout=60) as connection:
                    while not self.done.is_set():
                        began = time.monotonic()
                        level = random.choice((IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ))
                        connection.isolation_level = level
                        seen = self._look(connection, level, f"{node} {level.name.lower()}", seen)
                        self.longest = max(self.longest, time.monotonic() - began)
                        self.done.wait(random.uniform(0.1, 0.6))
            except psycopg.Error as error:  # the node, or another one, is away
                self.errors[f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"] += 1
                self.done.wait(0.1)

    def _look(
        self, connection: psycopg.Connection, level: IsolationLevel, who: str, seen: tuple[dict[Look, int], int]
    ) -> tuple[dict[Look, int], int]:
        ranks = self.ranks
        try:
            with connection.transaction():
                first = amount = key = None
                if level is IsolationLevel.REPEATABLE_READ:
                    key = random.choice([*next(iter(self.known.values())), NONE])
                    one = "SELECT product1_revenue FROM bills WHERE bill_date = %s AND bill_id = %s"
                    amount = [int(each) for (each,) in connection.execute(one, key)]
                    time.sleep(random.uniform(0, 0.5))
                    first = ask(connection)
                look = ask(connection)
            assert first in (None, look), f"{first}, and then {look}"
            assert look in self.known, f"never public: {look}; that are {[*self.known]}"
            if key:
                stands = self.known[look].get(key)
                assert amount == ([] if stands is None else [stands]), f"{key}: {amount}, and then {look}, where it is {stands}"
            rank = ranks.get(look, -1)
            if seen[0] is ranks:
                assert rank >= seen[1], f"back from {seen[1]} to {rank}: {look}"
            self.looks[who] += 1
            return ranks, rank
        except AssertionError as wrong:
            self.wrong.append(f"{who}: {wrong}")
        return seen


def ask(connection: psycopg.Connection) -> Look:
    bills, amounts, by_id = connection.execute(LOOK).fetchone() or ()
    return int(bills), int(amounts), int(by_id)


@dataclass
class World:
    """A database of the cluster, whose nodes reach each other through relays, and what must be in it."""

    url: str
    urls: list[str]
    folder: Path
    nodes: list[Node]
    relays: list[Relay]
    draw: random.Random
    #: all files, and those that are published
    files: list[Delivery] = field(default_factory=list)
    live: list[Delivery] = field(default_factory=list)

    def relay(self) -> None:
        """Let nodes reach each other by the relays."""
        with psycopg.connect(self.urls[0], autocommit=True) as connection:
            for node, relay in zip(self.nodes, self.relays, strict=True):
                (number,) = (
                    connection.execute("SELECT nodeid FROM pg_dist_node WHERE nodeport = %s", (node.port,)).fetchone() or ()
                )
                # by its number: asked of pg_dist_node in the same statement it crashes Citus 13.2.2
                connection.execute("SELECT citus_update_node(%s, '127.0.0.1', %s)", (number, relay.port))

    def write(self, changed: bool) -> Delivery:
        """A file of a new month; or one that changes half of the bills of an old one, and brings some."""
        number = len(self.files)
        month = self.draw.randrange(number) if changed and number else number
        day = f"{2018 + month // 12}-{month % 12 + 1:02}"
        more = self.draw.choice((0, 40)) if changed else 0
        rows = {(f"{day}-{1 + n % 28:02}", n): self.draw.randrange(1, 10**6) for n in range(1, BILLS + more + 1)}
        if changed:
            before = merged(self.live)
            rows = {key: amount if key[1] % 2 else before.get(key, amount) for key, amount in rows.items()}
        content = usage_csv([(*key, "USD", "Acme", amount, 0) for key, amount in rows.items()])
        delivery = Delivery(write(self.folder / f"{number}.csv", content), rows)
        self.files.append(delivery)
        return delivery

    def published(self) -> list[tuple[int, str]]:
        """Loads that are published, in their order."""
        with psycopg.connect(self.urls[0]) as connection:
            found = connection.execute("SELECT load_id, sha256 FROM loads WHERE status = 'published' ORDER BY load_id")
            return [(int(load), str(sha)) for load, sha in found]

    def plan(self) -> tuple[str, list[list[str]], list[list[Delivery]]]:
        """What is done in a round, by which commands, and what may be published meanwhile, the last one at its end."""
        draw, live = self.draw, self.live
        what = draw.choice(("new", "changed", "changed", "two files", "again", "revert")) if len(live) > 1 else "new"
        if what == "again":
            file = draw.choice(self.files)
            after = live if file in live else [*live, file]
            return what, [["ingest", str(file.path)]], [live, after]
        if what == "revert":
            load, sha = self.published()[-1]  # what others repeated of another one would go with it
            return what, [["loads", "revert", str(load), "--yes"]], [live, [file for file in live if file.sha256 != sha]]
        if what == "two files":
            one, two = self.write(draw.random() < 0.5), self.write(True)
            commands = [["ingest", str(one.path)], ["ingest", str(two.path)]]
            return what, commands, [live, [*live, one], [*live, two], [*live, one, two], [*live, two, one]]
        file = self.write(what == "changed")
        return what, [["ingest", str(file.path)]], [live, [*live, file]]

    def start(self, commands: list[list[str]]) -> list[Instance]:
        """Set one or two instances to it, each of which stages through another node, or through none."""
        ways = [""] + [url.replace("postgresql://", "citus://") for url in self.urls[1:]]
        self.draw.shuffle(ways)
        if len(commands) == 1 and self.draw.random() < 0.5:
            commands = commands * 2
        settings = {**SETTINGS, "DBSVC_FREEZE_SECONDS": "20"}
        return [
            Instance(self.url, *command, DBSVC_STAGE_URLS=way, **settings) for command, way in zip(commands, ways, strict=False)
        ]

    def check(self, how: str) -> None:
        """Each row is there, and the program finds nothing wrong."""
        with psycopg.connect(self.urls[0]) as connection:
            stored = connection.execute("SELECT bill_date::text, bill_id, product1_revenue::bigint FROM bills").fetchall()
        assert {(day, bill): amount for day, bill, amount in stored} == merged(self.live), how
        only = [each for name in CHECKS for each in ("--only", name)]
        with Instance(self.url, "check", "--no-record", "--since", "2018-01-01", *only) as check:
            assert check.await_end(HANGS) == 0, (how, check.output(), check.events[-3:])

    def seen(self) -> set[Look]:
        """What is seen on all nodes."""
        seen = set()
        for url in self.urls:
            with psycopg.connect(url) as connection:
                seen.add(ask(connection))
        return seen

    def asked(self, sql: str) -> list[str]:
        """What all nodes answer."""
        found = []
        for url in self.urls:
            with psycopg.connect(url) as connection:
                found += [f"{url.rpartition(':')[2]}: {row[0]}" for row in connection.execute(sql.encode())]
        return found


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


class Trouble:
    """What may happen to instances, nodes and what is between them."""

    def __init__(self, world: World, instances: list[Instance], draw: random.Random) -> None:
        self.world, self.instances, self.draw = world, instances, draw
        self.node, self.relay = draw.choice([*zip(world.nodes, world.relays, strict=True)])
        self.url = next(url for url in world.urls if f":{self.node.port}/" in url)
        own = [self.kill, self.kill_session, self.crash, self.cut, self.close, self.hush, self.cancel]
        local = [self.stop] if self.node.is_local else []
        self.act = draw.choice([*own, self.crash_session, *local])
        self.when_prepared = draw.random() < 0.5
        self.seconds = draw.choice((0.5, 2, 6))
        self.name = self.act.__name__

    def __str__(self) -> str:
        when = " when prepared" if self.when_prepared else ""
        return f"{self.name} {self.node.port} for {self.seconds} s{when}"

    def strike(self, expected: float) -> None:
        """Wait for the moment, and let it happen."""
        if self.when_prepared:
            url = self.draw.choice(self.world.urls)
            with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
                while self._at_work() and not connection.execute(PREPARED).fetchone():
                    time.sleep(0.001)
                time.sleep(self.draw.choice((0, 0, 0.002, 0.01)))
        else:
            time.sleep(self.draw.uniform(0, expected))
        self.act()

    def _at_work(self) -> bool:
        return any(instance.process.poll() is None for instance in self.instances)

    def kill(self) -> None:
        """One of us, or all."""
        for instance in self.instances[: self.draw.choice((1, 2))]:
            instance.kill()

    def kill_session(self) -> None:
        """Sessions of a node, as an administrator does."""
        with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
            )

    def cancel(self) -> None:
        """Statements on a node, as an administrator does."""
        with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'"
            )

    def crash_session(self) -> None:
        """A process of a node, so that it recovers."""
        with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
            self.node.crash_process(connection)

    def crash(self) -> None:
        """A node, which is away for a while."""
        self.node.crash()
        time.sleep(self.draw.choice((0, 0, self.seconds)))
        self.node.start()

    def stop(self) -> None:
        """A node, which does nothing for a while."""
        with self.node.stopped():
            time.sleep(self.seconds)

    def cut(self) -> None:
        """What goes to a node."""
        self.relay.cut()

    def close(self) -> None:
        """The way to a node, for a while."""
        with self.relay.closed():
            time.sleep(self.seconds)

    def hush(self) -> None:
        """The way to a node, for a while; then it is cut, or goes on."""
        with self.relay.silent():
            time.sleep(self.seconds)
            if self.draw.random() < 0.5:
                self.relay.cut()


@dataclass
class Told:
    """What came of the rounds."""

    done: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0


def await_end(instance: Instance, told: Told) -> int:
    """How an instance ended; what it said as its error is kept."""
    code = instance.await_end(HANGS)
    told.ended[str(code)] += 1
    for event in instance.logged("error")[-1:]:
        told.said[f"{code} {str(event.get('error', event))[:160]}"] += 1
    assert code in (0, 69, 75, -signal.SIGKILL) or (code == 65 and "revert" in instance.process.arguments), (
        code,
        instance.events[-4:],
    )
    return code


def play(world: World, number: int, readers: Readers, told: Told, expected: float) -> float:
    """A round. Returns how long an undisturbed one takes."""
    what, commands, states = world.plan()
    readers.expect([(rank, merged(state)) for rank, state in zip((0, 1, 1, 2, 2), states, strict=False)])
    instances = world.start(commands)
    trouble = Trouble(world, instances, world.draw)
    how = f"round {number}, seed {SEED}, {what} by {len(instances)}, {trouble}"
    print(f"{time.strftime('%H:%M:%S')} {how}", flush=True)
    began = time.monotonic()
    with ExitStack() as stack:
        for instance in instances:
            stack.enter_context(instance)
        trouble.strike(expected)
        codes = [await_end(instance, told) for instance in instances]
    if set(codes) == {0} and trouble.name in ("kill", "cut"):
        expected = time.monotonic() - began
    ended = time.monotonic()
    for node in world.nodes:
        node.start()
    for command, code in zip(commands, codes if set(codes) != {0} or number % 3 else [1] * len(commands), strict=False):
        tries = 0
        while code not in (0, 65):
            with Instance(world.url, *command, **SETTINGS) as last:
                code = await_end(last, told)
            tries += 1
            assert tries < 12, (how, last.events[-3:])
            if code not in (0, 65):
                time.sleep(1)
    print(f"  ended after {ended - began:.0f} s, {codes}; again {time.monotonic() - ended:.0f} s", flush=True)
    told.done[what] += 1
    told.troubles[trouble.name + (" when prepared" if trouble.when_prepared else "")] += 1
    shas = {delivery.sha256: delivery for delivery in world.files}
    world.live = [shas[sha] for _, sha in world.published()]
    assert world.live in states[1 if len(commands) == 1 else 3 :], (how, world.live)
    rows = merged(world.live)
    assert wait_until(lambda: world.seen() == {looked(rows)}), (how, world.seen(), looked(rows))
    assert wait_until(lambda: world.asked(PREPARED) == []), (how, world.asked(PREPARED))
    assert wait_until(lambda: world.asked(STAGED) == []), (how, world.asked(STAGED))
    if number % 5 == 0:
        world.check(how)
    print(f"  looked at after {time.monotonic() - ended:.0f} s, looks: {sum(readers.looks.values())}", flush=True)
    assert not readers.wrong, (how, readers.wrong[:5])
    return expected


def test_none_ever_sees_a_part(cluster: Cluster, tmp_path: Path) -> None:
    """Whatever breaks: readers see what was published or what is, and the same commands bring all of it."""
    nodes = [Node(server.admin_url) for server in cluster.nodes]
    if not all(node.is_local or os.environ.keys() >= COMMANDS for node in nodes):
        pytest.skip(f"nodes that are not ours to crash: {' and '.join(sorted(COMMANDS))} are not set")
    told, expected, number = Told(), 6.0, 0
    with ExitStack() as stack:
        relays = [Relay(node) for node in nodes]
        for relay in relays:
            stack.callback(relay.close)
        for node in nodes:
            stack.callback(node.start)
        while number < ROUNDS:
            rounds = range(number + 1, min(number + CYCLE, ROUNDS) + 1)
            url = cluster.create()
            cluster.execute("CHECKPOINT")  # else a crash sets sequences of a copied database back to what the template had
            name = url.rpartition("/")[2]
            folder = tmp_path / str(number)
            folder.mkdir()
            world = World(url, cluster.urls(name), folder, nodes, relays, random.Random(f"{SEED} {number}"))
            world.relay()
            readers = Readers(world.urls, {looked({}): {}}, {looked({}): 0})
            try:
                with readers.at_work():
                    for number in rounds:
                        expected = play(world, number, readers, told, expected)
            finally:
                told.looks += readers.looks
                told.errors += readers.errors
                told.longest = max(told.longest, readers.longest)
                print(f"{number} rounds: {told}")
            cluster.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert len(told.looks) == 2 * len(nodes), told.looks
    assert min(told.looks.values()) > ROUNDS, told.looks
