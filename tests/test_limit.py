"""The timer that interrupts an attempt, told apart from the caller's own cancellation."""

from __future__ import annotations

import asyncio

import pytest

from elizanet.limit import Cut, Limit, LimitReached, cut_short
from elizanet.testing.virtual_time import run_virtually


def after(seconds: float) -> Limit:
    return Limit(asyncio.get_running_loop().time() + seconds)


def test_a_wait_that_is_too_long_is_interrupted() -> None:
    """The body sees a cancellation, the caller a LimitReached."""

    async def main() -> float:
        with pytest.raises(LimitReached), after(3):
            await asyncio.sleep(10)
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(3)


def test_a_wait_that_ends_in_time_is_left_alone() -> None:
    """Nothing fires later, and the task is not left cancelled."""

    async def main() -> None:
        with after(3):
            await asyncio.sleep(1)
        await asyncio.sleep(10)

    run_virtually(main())


def test_the_callers_cancellation_passes_through() -> None:
    """A cancelled caller sees its cancellation and no limit."""

    async def main() -> None:
        async def body() -> None:
            with after(3):
                await asyncio.sleep(10)

        task = asyncio.create_task(body())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtually(main())


def test_a_cancellation_at_the_same_moment_wins() -> None:
    """Both at once: the caller is gone, and that is what counts."""

    async def main() -> None:
        async def body() -> None:
            with after(3):
                await asyncio.sleep(10)

        task = asyncio.create_task(body())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(3, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtually(main())


def test_limits_nest() -> None:
    """The inner limit ends the inner wait only; the outer one ends both."""

    async def main() -> list[float]:
        clock = asyncio.get_running_loop().time
        times = []
        with pytest.raises(LimitReached), after(5):
            with pytest.raises(LimitReached), after(2):
                await asyncio.sleep(10)
            times.append(clock())
            with after(100):
                await asyncio.sleep(10)
        return [*times, clock()]

    assert run_virtually(main()) == pytest.approx([2, 5])


def test_an_error_of_the_body_is_not_hidden() -> None:
    """A body that turns the interruption into another error keeps that error."""

    async def main() -> None:
        with pytest.raises(ValueError, match="mine"), after(1):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise ValueError("mine") from None
        await asyncio.sleep(1)  # the task is not left cancelled

    run_virtually(main())


def test_a_cancellation_tells_who_cut_the_call_short() -> None:
    """Anybody else's tells nothing, whatever its message, and neither does another error."""
    reason = Cut("the process ends")
    assert cut_short(asyncio.CancelledError(reason)) is reason
    others = (asyncio.CancelledError(), asyncio.CancelledError("why"), ValueError(reason), None)
    assert [cut_short(other) for other in others] == [None] * 4


def test_a_limit_needs_a_task() -> None:
    """Outside a task there is nothing to interrupt."""
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="running"):
            loop.call_soon(Limit(0).__enter__)
            Limit(0).__enter__()
    finally:
        loop.close()
