"""Waiting for room: who came first goes first, and no place is lost or taken twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from elizanet.health.queue import Queue
from elizanet.policy.limiter import Limiter
from elizanet.testing.virtual_time import VirtualLoop, run_virtually

PATIENCE = 1.0


class Place:
    """A limiter with room for `size`, a queue in front of it, and who took a place."""

    def __init__(self, size: int) -> None:
        self.limiter = Limiter()
        self.limiter.limit = float(size)
        self.queue = Queue(self.limiter)
        self.served: list[str] = []

    async def come(self, name: str, patience: float = PATIENCE, *, takes: bool = True) -> bool:
        """Wait, and take the place that was given."""
        loop = asyncio.get_running_loop()
        given = await self.queue.turn(loop.time() + patience)
        if given and takes:
            assert self.limiter.admits()
            self.limiter.enter()
            self.served.append(name)
        return given

    def fill(self) -> None:
        while self.limiter.admits():
            self.limiter.enter()

    def leave(self) -> None:
        self.limiter.leave()
        self.queue.advance()

    def waiting(self, names: str, *, takes: bool = True) -> list[asyncio.Task[bool]]:
        return [asyncio.create_task(self.come(name, takes=takes)) for name in names]


def virtually(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in virtual time."""

    async def body() -> None:
        await test()

    def run() -> None:
        run_virtually(body())

    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run


async def ticks(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def at_rest(place: Place) -> bool:
    return not place.limiter.promised and not len(place.queue)


@virtually
async def test_who_came_first_goes_first() -> None:
    """One place, one call, in the order of arrival."""
    place = Place(1)
    place.fill()
    tasks = place.waiting("abc")
    await ticks()
    for served in ("a", "ab", "abc"):
        place.leave()
        await ticks()
        assert "".join(place.served) == served
        assert place.limiter.in_flight == 1
    assert await asyncio.gather(*tasks) == [True] * 3
    assert at_rest(place)


@virtually
async def test_nobody_waits_longer_than_told() -> None:
    """Who has got no place leaves the line."""
    place = Place(1)
    place.fill()
    loop = asyncio.get_running_loop()
    assert not await place.come("a", patience=0.25)
    assert loop.time() == pytest.approx(0.25)
    assert at_rest(place)


@virtually
async def test_a_call_that_comes_later_does_not_take_the_place_that_was_given() -> None:
    """Between the moment it is given and the moment it is taken it is promised."""
    place = Place(1)
    place.fill()
    (task,) = place.waiting("a")
    await ticks()
    place.leave()
    assert not place.limiter.admits()
    assert await task
    assert place.served == ["a"]


@virtually
async def test_as_many_as_there_is_room_for_go_at_once() -> None:
    """When the limit rises, or an outage has ended."""
    place = Place(1)
    place.fill()
    tasks = place.waiting("abcd")
    await ticks()
    place.limiter.limit = 4.0
    place.queue.advance()
    await ticks()
    assert place.served == ["a", "b", "c"]
    place.limiter.limit = 1024.0
    place.queue.advance()
    assert await asyncio.gather(*tasks) == [True] * 4
    assert at_rest(place)


@virtually
async def test_a_place_that_is_not_taken_is_passed_on() -> None:
    """Whoever it was given to went elsewhere."""
    place = Place(1)
    place.fill()
    (first,) = place.waiting("a", takes=False)
    (second,) = place.waiting("b")
    await ticks()
    place.leave()
    await ticks()
    assert await first
    assert await second
    assert place.served == ["b"]


@virtually
async def test_a_place_given_to_a_call_that_is_cancelled_is_passed_on() -> None:
    """Also if both happen in the same turn of the loop."""
    place = Place(1)
    place.fill()
    first, second = place.waiting("ab")
    await ticks()
    place.leave()
    first.cancel()
    await ticks()
    assert first.cancelled()
    assert await second
    assert place.served == ["b"]
    assert at_rest(place)


@virtually
async def test_who_is_cancelled_leaves_the_line() -> None:
    """In front, in the middle and at the end."""
    place = Place(1)
    place.fill()
    tasks = place.waiting("abcde")
    await ticks()
    for index in (0, 2, 4):
        tasks[index].cancel()
    await ticks()
    assert len(place.queue) == 2
    for _ in range(2):
        place.leave()
        await ticks()
    assert place.served == ["b", "d"]
    assert at_rest(place)


@virtually
async def test_a_place_freed_between_a_cancellation_and_its_end_goes_to_the_next() -> None:
    """The one in front is as good as gone."""
    place = Place(1)
    place.fill()
    first, second = place.waiting("ab")
    await ticks()
    first.cancel()
    place.leave()
    assert await second
    assert place.served == ["b"]
    assert at_rest(place)


@virtually
async def test_a_place_given_at_the_very_end_of_the_patience_is_taken() -> None:
    """A turn that comes together with the time limit is no lost turn."""
    place = Place(1)
    place.fill()
    (task,) = place.waiting("a")
    await ticks()
    loop = asyncio.get_running_loop()
    loop.call_at(PATIENCE - 1e-10, place.leave)  # the same turn of the loop
    assert await task
    assert place.served == ["a"]
    assert at_rest(place)


@virtually
async def test_a_place_freed_just_after_the_patience_goes_to_the_next() -> None:
    """The one in front had given up in the same turn of the loop."""
    place = Place(1)
    place.fill()
    (first,) = place.waiting("a")
    await ticks()
    loop = asyncio.get_running_loop()
    loop.call_at(PATIENCE + 1e-10, place.leave)
    await asyncio.sleep(0.5)
    (second,) = place.waiting("b")
    assert not await first
    assert await second
    assert place.served == ["b"]


@virtually
async def test_advancing_an_empty_line_does_nothing() -> None:
    """Nobody waits."""
    place = Place(1)
    place.queue.advance()
    assert at_rest(place)
    assert place.limiter.admits()


@virtually
async def test_its_whole_state_is_one_line() -> None:
    """How many wait."""
    place = Place(1)
    place.fill()
    tasks = place.waiting("ab")
    await ticks()
    assert repr(place.queue) == "<Queue waiting=2>"
    for task in tasks:
        task.cancel()
    await ticks()
    assert repr(place.queue) == "<Queue waiting=0>"


def test_a_loop_that_is_torn_down_leaves_nobody_waiting() -> None:
    """A task that is thrown away leaves the line, too."""
    place = Place(1)
    place.fill()
    loop = VirtualLoop()

    async def begin() -> object:
        waiting = place.queue.turn(10.0)
        waiting.send(None)
        return waiting

    waiting = loop.run_until_complete(begin())
    assert len(place.queue) == 1
    waiting.close()  # type: ignore[attr-defined]
    loop.close()
    assert at_rest(place)
