"""What is awaited blocks no loop, and what is cancelled ends cleanly before it says so."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import dbsvc
from dbsvc import Settings
from dbsvc.engine import api
from tests.helpers import bills, statuses, usage_csv, write

SMALL = Settings(chunk_bytes=200)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "usage.csv", usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 41)]))


def test_every_function_can_be_awaited() -> None:
    functions = {name for name, value in vars(api).items() if inspect.isfunction(value) and not name.startswith("_")}
    for name in functions & {*dbsvc.__all__}:
        awaited = getattr(dbsvc.aio, name)
        assert inspect.iscoroutinefunction(awaited), name
        assert inspect.signature(awaited) == inspect.signature(getattr(dbsvc, name))


@pytest.mark.one_database
def test_the_loop_goes_on(url: str, file: Path) -> None:
    """While a load waits, in a thread, for the loop to go on, the loop does."""
    ticks = 0

    async def run() -> dbsvc.Ingested:
        going = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(phase: str, done: int = 0, total: int = 0) -> None:
            loop.call_soon_threadsafe(going.set)
            asyncio.run_coroutine_threadsafe(tick(), loop).result(30)

        async def tick() -> None:
            nonlocal ticks
            ticks += 1

        working = asyncio.create_task(dbsvc.aio.ingest(file, database=url, settings=SMALL, progress=wait))
        await going.wait()
        assert (await asyncio.gather(working, dbsvc.aio.loads(database=url, limit=0), return_exceptions=True))[0]
        return working.result()

    assert asyncio.run(run()).files[0].outcome == "published"
    assert ticks > 5


@pytest.mark.one_database
def test_errors_are_raised(url: str, file: Path) -> None:
    def stop(*_: object) -> None:
        raise StopIteration("mine")

    with pytest.raises(dbsvc.InputMissingError):
        asyncio.run(dbsvc.aio.ingest("nowhere.csv", database=url))
    with pytest.raises(RuntimeError) as raised:  # no future can hold that one
        asyncio.run(asyncio.wait_for(dbsvc.aio.ingest(file, database=url, progress=stop), 30))
    assert str(raised.value.__cause__) == "mine"


@pytest.mark.parametrize("phase", ["open", "scan", "stage", "publish"])
def test_what_is_cancelled_ends_before_it_says_so(url: str, file: Path, phase: str) -> None:
    working = threading.Event()

    async def run() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        go_on = threading.Event()

        def wait(now: str, done: int = 0, total: int = 0) -> None:
            if now == phase or phase == "open":
                working.set()
                loop.call_soon_threadsafe(begun.set)
                go_on.wait(30)

        task = asyncio.create_task(dbsvc.aio.ingest(file, database=url, settings=SMALL, progress=wait))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()  # its thread is at work still
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert working.is_set()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("stage", "place"))] == []
    with dbsvc.connect(url) as db:
        assert len(bills(db)) in (0, 40)
        asyncio.run(dbsvc.aio.ingest(file, database=db, settings=SMALL))
        assert (len(bills(db)), statuses(db)) == (40, ["published"])


@pytest.mark.one_database
def test_a_time_out(url: str, file: Path) -> None:
    """It cancels what waits for somebody else's lock, at once."""

    async def run(hold: Callable[[], object]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await dbsvc.aio.ingest(file, database=url)
        hold()

    with dbsvc.connect(url) as db, db.transaction() as tx:
        tx.run("ledger/lock_dataset", dataset="usage")
        asyncio.run(run(lambda: None))
        held = tx.run("ledger/last_load_ids", most=1).rows
    with dbsvc.connect(url) as db:
        assert dbsvc.ingest(file, database=db).files[0].outcome == "published"
    assert len(held) <= 1
