"""Nodes of a cluster in trouble: crashed, stopped, or with a network between them that is cut, silent or closed.

Servers whose processes are ours to signal are crashed and stopped as they are. Where they run elsewhere,
DBSVC_TEST_CITUS_CRASH and DBSVC_TEST_CITUS_START are commands that do it, with `{port}` for the node; then nobody is stopped,
and nodes must reach our relays at 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

#: what must be set where nodes run elsewhere
COMMANDS = {"DBSVC_TEST_CITUS_CRASH", "DBSVC_TEST_CITUS_START"}
_PATIENCE = 60.0  # seconds for a server to come back


class Node:
    """A server of the cluster, by the URL of its admin."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = urlsplit(url).port or 5432
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            told = "SELECT current_setting('data_directory'), (SELECT setting FROM pg_config WHERE name = 'BINDIR')"
            data, binaries = connection.execute(told).fetchone() or ("", "")
            pid = connection.info.backend_pid
            self.is_local = _parent(pid) == _read_pid(Path(data)) != -1
        self._data, self._binaries = Path(data), Path(binaries)

    @cached_property
    def _log(self) -> str:
        return os.readlink(f"/proc/{self.pid}/fd/2")

    @property
    def pid(self) -> int:
        """Of its first process."""
        return _read_pid(self._data)

    def pids(self) -> list[int]:
        """Its processes, the first one first."""
        first = self.pid
        return [first, *(int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent(int(path.name)) == first)]

    def signal(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def crash(self) -> None:
        """All of its processes are gone at once."""
        if command := os.environ.get("DBSVC_TEST_CITUS_CRASH"):
            subprocess.run(command.format(port=self.port), shell=True, check=True, capture_output=True)
            return
        assert self._log
        for pid in self.pids():
            self.signal(pid, signal.SIGKILL)

    def crash_process(self, connection: psycopg.Connection) -> None:
        """The process of a connection dies; the server ends the others, and recovers."""
        if self.is_local:
            self.signal(connection.info.backend_pid, signal.SIGKILL)
            return
        with suppress(psycopg.OperationalError):  # its number means nothing here
            connection.execute("COPY (SELECT) TO PROGRAM 'kill -KILL $PPID'")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It does nothing; its machine still answers."""
        pids = self.pids()
        for pid in pids:
            self.signal(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                self.signal(pid, signal.SIGCONT)

    def start(self) -> None:
        """Start it, unless it runs; return when it can be asked."""
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node at {self.port} does not come back")
            if command := os.environ.get("DBSVC_TEST_CITUS_START"):
                subprocess.run(command.format(port=self.port), shell=True, check=False, capture_output=True)
            elif self.is_local and not _is_alive(self._data):
                owner = pwd.getpwuid(self._data.stat().st_uid)
                control = [f"{self._binaries}/pg_ctl", "-D", f"{self._data}", "-l", self._log, "-w", "start"]
                who: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
                home = {**os.environ, "HOME": owner.pw_dir}  # where it looks for certificates
                who = who if os.getuid() == 0 else {}
                subprocess.run(control, cwd="/", env=home, check=False, stdout=subprocess.DEVNULL, **who)
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _read_pid(data: Path) -> int:
    try:
        return int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return -1


def _is_alive(data: Path) -> bool:
    return _parent(_read_pid(data)) != -1


def _parent(pid: int) -> int:
    """The parent of a process that runs; -1 of none."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return -1
    return -1 if state == "Z" else int(parent)


class Relay:
    """A port that stands for a node's: what nodes say to each other goes through it, and can be held up or cut."""

    def __init__(self, node: Node) -> None:
        self._target = urlsplit(node.url).hostname, node.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._writers: set[asyncio.StreamWriter] = set()
        self._closed = False
        self.port: int = self._call(self._open)

    async def _open(self) -> int:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def _call(self, work: Callable[[], Any]) -> Any:
        async def run() -> Any:
            done = work()
            return await done if asyncio.iscoroutine(done) else done

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed:
            writer.transport.abort()
            return
        try:
            theirs, ours = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, ours}
        await asyncio.gather(self._pump(reader, ours), self._pump(theirs, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        await self._flows.wait()
        self._writers.discard(writer)
        writer.close()

    def cut(self) -> None:
        """End all connections."""

        def abort() -> None:
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()

        self._call(abort)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing comes through; what was sent comes later."""
        self._call(lambda: self._flows.clear())
        try:
            yield
        finally:
            self._call(lambda: self._flows.set())

    @contextmanager
    def closed(self) -> Iterator[None]:
        """All connections end, and none is made."""
        self._closed = True
        self.cut()
        try:
            yield
        finally:
            self._closed = False

    def close(self) -> None:
        """End it."""
        self._closed = True
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
