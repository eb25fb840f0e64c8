"""Work beside the answers: bounded, owned, and ended with its owner."""

from __future__ import annotations

import asyncio

from elizaos_plugin_elizanet_fallback.errands import MOST, Errands


async def test_no_more_than_so_many_are_under_way() -> None:
    """A listener that hangs cannot fill the memory: what is too much is dropped and counted."""
    started: list[int] = []

    async def hang(number: int) -> None:
        started.append(number)
        await asyncio.Event().wait()

    errands = Errands(lambda _error: None)
    for number in range(MOST + 5):
        errands.start(hang(number))
    await asyncio.sleep(0)
    assert len(started) == MOST
    assert repr(errands) == f"<Errands {MOST} under way, 5 dropped>"
    await errands.aclose(within=0.01)
    await asyncio.sleep(0)
    assert repr(errands) == "<Errands 0 under way, 5 dropped>"


async def test_a_failure_is_told_and_the_next_errand_runs() -> None:
    """One after the other, whatever the first does."""
    told: list[Exception] = []
    done: list[bool] = []

    async def fail() -> None:
        raise OSError("full")

    async def work() -> None:
        done.append(True)

    errands = Errands(told.append)
    errands.start(fail())
    errands.start(work())
    await errands.aclose(within=1)
    assert [str(error) for error in told] == ["full"]
    assert done == [True]


async def test_cancelling_the_owner_is_not_swallowed() -> None:
    """A stop that is itself cancelled ends."""
    errands = Errands(lambda _error: None)
    errands.start(asyncio.sleep(60))
    task = asyncio.create_task(errands.aclose(within=60))
    await asyncio.sleep(0)
    task.cancel()
    assert await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 1)
    assert task.cancelled()
    await errands.aclose(within=0)
