"""Processes of the program that need not import it again, which takes longer than most of what tests let it do.

This file, run as a program, imports it once and forks a process for each command; all else is as for any new process.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

#: what Python and the locale look at when they start, and never again
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "COVERAGE", "TZ")


def serves(env: Mapping[str, str]) -> bool:
    """Whether a process forked from one of ours is as good as a new one in that environment."""
    return all(env.get(name) == os.environ.get(name) for name in {*env, *os.environ} if name.startswith(_READ_AT_START))


class Process:
    """The program at work: what of subprocess.Popen the tests use."""

    def __init__(self, arguments: Sequence[str], folder: Path | str, env: Mapping[str, str], out: int, err: int) -> None:
        self.arguments = arguments
        ours, theirs = socket.socketpair()
        with theirs, open(os.memfd_create("order"), "w") as order, open(os.devnull) as nothing:
            json.dump([arguments, str(folder), dict(env)], order)
            order.flush()
            socket.send_fds(_server(), [b"."], [theirs.fileno(), order.fileno(), nothing.fileno(), out, err])
        self._said = ours.makefile("rb")
        self.pid = int(self._said.readline())
        self._socket = ours
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, as soon as there is one; negative if a signal ended it."""
        if self._code is None:
            if not select.select([self._socket], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
            self._code = int(self._said.readline())
            self._said.close()
            self._socket.close()
        return self._code

    def poll(self) -> int | None:
        """Return the exit code, or none while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and we are not told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run(arguments: Sequence[str], folder: Path, env: Mapping[str, str], timeout: float = 60) -> tuple[int, bytes, bytes]:
    """Run the program with nothing to read; returns how it ended, and what it printed."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    try:
        process = Process(arguments, folder, env, out, err)
        try:
            return process.wait(timeout), _read(out), _read(err)
        finally:
            process.kill()
    finally:
        os.close(out)
        os.close(err)


def _read(number: int) -> bytes:
    return os.pread(number, os.fstat(number).st_size, 0)


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(ours.close)  # which ends it
    return ours


def _prepare() -> None:
    """Do once what each command would do, and nothing can change: import modules, build commands, read statements."""
    import typer

    import dbsvc
    from dbsvc.cli import main
    from dbsvc.engine.db.dialects import families
    from dbsvc.engine.statements.catalog import load_statements

    for module in pkgutil.walk_packages(dbsvc.__path__, "dbsvc."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for library in ("rich.console", "rich.table", "structlog", "yoyo"):
        importlib.import_module(library)
    for name in main.COMMANDS:
        typer.main.get_command(main.app).commands[name]  # type: ignore[attr-defined]
    for family in families().values():
        load_statements(family).check()
    gc.collect()
    gc.freeze()  # else each process looks through all of this, and copies it


def _serve(orders: socket.socket) -> None:
    _prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        word, numbers, _, _ = socket.recv_fds(orders, 1, 5)
        if not word:
            return
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders.close()
            _watch(*numbers)
        for number in numbers:
            os.close(number)


def _watch(answer: int, order: int, *streams: int) -> None:
    """Tell the new process's number, and how it ended."""
    if not (process := os.fork()):
        os.close(answer)
        _begin(order, streams)
    for number in streams:  # who reads them learns when the process has closed them
        os.close(number)
    os.write(answer, f"{process}\n".encode())
    os.write(answer, f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n".encode())
    os._exit(0)


def _begin(order: int, streams: tuple[int, ...]) -> None:
    """Be the new process."""
    arguments, folder, env = json.loads(_read(order))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.close(order)
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode, closefd=False) for n, mode in enumerate("rww"))  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["dbsvc", *arguments]

    from dbsvc.cli.main import main

    main()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
