"""A real PostgreSQL that is killed, paused and started again under load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from elizanet.records import postgres, writer
from elizanet.records.opening import open_reader
from elizanet.records.reading import Which, Window
from elizanet.records.recorder import Recorder
from support.ended import attempt, ended
from support.postgres_server import PostgresServer, drop_schema, is_installed
from support.recorded import call_id, is_balanced, moved, recorder

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not is_installed(), reason="needs the distribution's PostgreSQL"),
]

CALLS_A_SECOND = 1000
TICK_S = 0.01
STATEMENT_S = 1.5
LONGEST_LAG_S = 1.0
"""What a busy machine may cost; a loop that waited for a dead server would lag longer."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as one:
        yield one


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds instead of minutes."""
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.3)
    monkeypatch.setattr(writer, "GATHER_S", 0.05)
    monkeypatch.setattr(postgres, "WRITE_S", STATEMENT_S)
    monkeypatch.setattr(postgres, "CONNECT_S", STATEMENT_S)


@pytest.fixture(autouse=True)
async def empty(server: PostgresServer) -> None:
    """No records of the test before."""
    await drop_schema(server.url)


@asynccontextmanager
async def load(one: Recorder) -> AsyncIterator[list[float]]:
    """Offer calls all the time; the list has how late the loop was, tick by tick."""
    lags: list[float] = []

    async def offer() -> None:
        due = time.monotonic()
        while True:
            for _ in range(round(CALLS_A_SECOND * TICK_S)):
                one(moved())
            due = max(due + TICK_S, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            lags.append(time.monotonic() - due)

    task = asyncio.create_task(offer())
    try:
        yield lags
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def more(one: Recorder, count: int) -> None:
    """Wait until that many more are written."""
    wanted = one.stats().written + count
    await until(lambda: one.stats().written > wanted)


async def check(one: Recorder, url: str) -> None:
    """Every event is accounted for, and what counts as written is there, rows and sums."""
    await one.aclose()
    stats = one.stats()
    assert stats.queued == 0
    assert stats.offered == stats.written + stats.dropped

    def counted() -> tuple[int, int, int]:
        reader = open_reader(url)
        now = time.time()
        (sums,) = reader.totals(Window(now - 600, now + 60))
        rows = len(reader.calls(Which(), 1_000_000))
        ends = sum(one.attempts for one in reader.attempts(Window(now - 600, now + 60)))
        reader.close()
        return rows, sums.calls, ends // 2

    assert await asyncio.to_thread(counted) == (stats.written,) * 3


@pytest.mark.parametrize("capacity", [200_000, 300])
async def test_a_server_that_is_killed_and_started_again(
    server: PostgresServer, capacity: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A long queue keeps everything; a short one drops and counts. The loop notices nothing."""
    one = recorder(server.url, capacity=capacity)
    async with load(one) as lags:
        await until(lambda: one.stats().written > 100)
        await asyncio.to_thread(server.kill)
        await until(lambda: one.stats().failing is not None)
        assert "hunter2secret" not in str(one.stats().failing)
        await asyncio.sleep(1.0)
        assert is_balanced(one)
        await asyncio.to_thread(server.start)
        await more(one, 500)
    if capacity == 300:
        assert one.stats().dropped > 0
    await check(one, server.url)
    assert (one.stats().dropped > 0) is (capacity == 300)
    assert max(lags) < LONGEST_LAG_S
    assert "hunter2secret" not in caplog.text


async def test_a_server_that_is_paused_and_goes_on(server: PostgresServer) -> None:
    """Statements are given up in time; a commit that was under way is not made twice."""
    one = recorder(server.url, capacity=200_000)
    async with load(one) as lags:
        for _ in range(3):
            await more(one, 100)
            await asyncio.to_thread(server.pause)
            try:
                await until(lambda: "no answer within" in str(one.stats().failing))
                await asyncio.sleep(0.3)
            finally:
                await asyncio.to_thread(server.resume)
            await until(lambda: one.stats().failing is None)
    await check(one, server.url)
    assert one.stats().dropped == 0
    assert max(lags) < LONGEST_LAG_S


async def test_closing_while_the_server_is_paused(server: PostgresServer) -> None:
    """It takes no longer than it may, and what is lost is counted."""
    one = recorder(server.url)
    one(moved())
    await until(lambda: one.stats().written == 1)
    await asyncio.to_thread(server.pause)
    try:
        for _ in range(2000):
            one(moved())
        began = time.monotonic()
        await one.aclose(2.0)
        assert time.monotonic() - began < 3.0
        assert is_balanced(one)
        await until(lambda: one.stats().queued == 0)
        assert one.stats().dropped == 2000
    finally:
        await asyncio.to_thread(server.resume)


async def test_a_server_that_is_not_there_at_first(server: PostgresServer) -> None:
    """Events wait for it from the beginning."""
    await asyncio.to_thread(server.kill)
    one = recorder(server.url)
    for _ in range(50):
        one(moved())
    await until(lambda: one.stats().failing is not None)
    await asyncio.to_thread(server.start)
    await until(lambda: one.stats().written == 50)
    await check(one, server.url)


async def test_values_that_do_not_fit_cost_only_their_record(server: PostgresServer) -> None:
    """Refused by the driver before anything is sent: it is dropped, and the others are written."""
    one = recorder(server.url)
    one(moved())
    one(ended(attempt(status=1 << 40), call_id=call_id()))
    one(moved())
    await until(lambda: one.stats().queued == 0)
    await one.aclose()
    stats = one.stats()
    assert (stats.written, stats.dropped, stats.failing) == (2, 1, None)
