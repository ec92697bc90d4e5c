"""Readers on every node of a cluster, who see a merge whole or not at all."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.helpers.citus import Cluster

S = TypeVar("S")


def look_everywhere(cluster: Cluster, dbname: str, see: Callable[[psycopg.Connection], S]) -> set[S]:
    """What is seen on any node, when all nodes have it."""

    def see_on(url: str) -> S:
        for _ in range(40):
            with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
                return see(connection)
            time.sleep(0.25)  # until a worker is back, and Citus has ended what it had prepared
        pytest.fail("refused for ten seconds")

    return {see_on(url) for url in cluster.urls(dbname)}


@dataclass
class Readers(Generic[S]):
    """Readers on every node, at both levels of isolation."""

    urls: list[str]
    #: all that was public once, or is about to be
    known: set[S]
    #: what a reader sees; fails if that is a part of something
    look: Callable[[psycopg.Connection], S]
    #: a look at a part, that tells whether it is one of a state
    glance: Callable[[psycopg.Connection], Callable[[S], bool]]
    looks: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ)
        with ThreadPoolExecutor(2 * len(self.urls)) as pool:
            readers = [pool.submit(self._read, url, level) for url in self.urls for level in levels]
            try:
                yield
            finally:
                self.done.set()
        for reader in readers:
            reader.result()

    def assert_whole(self, looks: int) -> None:
        """None saw a part, and each looked more often than that."""
        assert not self.wrong, "\n".join(self.wrong[:20])
        assert len(self.looks) == 2 * len(self.urls), self.looks
        assert min(self.looks.values()) > looks, self.looks

    def _read(self, url: str, level: IsolationLevel) -> None:
        who = f"{level.name} {url.rpartition('/')[0].rpartition(':')[2]}"
        while not self.done.is_set():
            try:
                with psycopg.connect(url) as connection:
                    connection.isolation_level = level
                    while not self.done.is_set():
                        self._look(connection, level, who)
                        self.done.wait(random.uniform(0, 0.1))
            except psycopg.errors.SerializationFailure:
                self.refused[who] += 1
            except psycopg.Error:  # the node, or another one, is away
                self.done.wait(0.1)

    def _look(self, connection: psycopg.Connection, level: IsolationLevel, who: str) -> None:
        try:
            with connection.transaction():
                first, is_of = None, self.glance(connection)
                if level is IsolationLevel.REPEATABLE_READ:
                    time.sleep(random.uniform(0, 0.5))
                    first = self.look(connection)
                    assert is_of(first), f"something else, and then {first}"
                seen = self.look(connection)
                assert first in (None, seen), f"{first}, and then {seen}"
                assert seen in self.known, f"never public: {seen}"
                self.looks[who] += 1
        except AssertionError as wrong:
            self.wrong.append(f"{who}: {wrong}")
