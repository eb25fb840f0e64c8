"""The invariants see what they are there for: a chain that breaks one is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from elizanet.call import Answer, Call, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.target import Target
from elizanet.testing.simulation import (
    Client,
    Invariants,
    Latency,
    Phase,
    SimulatedProvider,
    World,
)
from elizanet.testing.simulation.error_facts import PLANTED_KEY

Send = Callable[["Bad", Call], Awaitable[Answer]]


class Bad:
    """A chain that does what it should not."""

    name = "bad"

    def __init__(self, send: Send, providers: list[SimulatedProvider]) -> None:
        self.providers = providers
        self._send = send

    async def send(self, call: Call) -> Any:
        return await self._send(self, call)


class Joined:
    """Answers one after the other, as if they were one; `most` cuts it off."""

    def __init__(self, answers: list[Answer], most: int = 1000) -> None:
        self.head: Head = answers[0].head
        self._answers = answers
        self._most = most

    async def next(self) -> Event | None:
        while self._answers and self._most:
            event = await self._answers[0].next()
            last = len(self._answers) == 1
            if event is not None and (last or event.kind is not EventKind.END):
                self._most -= event.kind is EventKind.CONTENT
                return event
            self._answers.pop(0)
        return None

    async def aclose(self) -> None:
        for answer in self._answers:
            await answer.aclose()


def failed(message: str = "no") -> ProviderError:
    return ProviderError(message, verdict_for(FailureClass.OVERLOADED))


async def mixes(bad: Bad, call: Call) -> Any:
    return Joined([await provider.send(call) for provider in bad.providers])


async def cuts_off(bad: Bad, call: Call) -> Any:
    return Joined([await bad.providers[0].send(call)], most=2)


async def starts_late(bad: Bad, call: Call) -> Any:
    await asyncio.sleep(call.deadline + 1 - asyncio.get_running_loop().time())
    return await bad.providers[0].send(call)


async def repeats(bad: Bad, call: Call) -> Any:
    for _ in range(30):
        await (await bad.providers[0].send(call)).aclose()
    return await bad.providers[0].send(call)


async def leaves_open(bad: Bad, call: Call) -> Any:
    await bad.providers[1].send(call)
    return await bad.providers[0].send(call)


async def leaves_a_task(bad: Bad, call: Call) -> Any:
    task = asyncio.create_task(asyncio.sleep(10_000))
    task.add_done_callback(lambda _: bad)
    return await bad.providers[0].send(call)


async def gives_up(bad: Bad, call: Call) -> Any:
    raise failed()


async def tells_the_key(bad: Bad, call: Call) -> Any:
    raise failed(f"wrong key {PLANTED_KEY}")


async def does_well(bad: Bad, call: Call) -> Any:
    return await bad.providers[0].send(call)


@pytest.mark.parametrize(
    ("send", "numbers"),
    [
        (does_well, set()),
        (mixes, {"I3"}),
        (cuts_off, {"I3"}),
        (starts_late, {"I4"}),
        (repeats, {"I1", "I14"}),
        (leaves_open, {"I2"}),
        (leaves_a_task, {"I12"}),
        (gives_up, {"I8"}),
        (tells_the_key, {"I8", "I15"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_violation_is_told(send: Send, numbers: set[str]) -> None:
    """By its number; a chain that does well is not told of anything."""
    world = World(1)
    latency = Latency(spread=0.0, events=5.0)
    providers = [world.server(name, latency=latency).provider() for name in "ab"]
    world.checks = Invariants([Target(provider, "m") for provider in providers], world.registry)
    client = Client(world, Bad(send, providers), stream=True, patience=50.0)
    world.run(client.ask, [Phase(0.1, calls=1)])
    told = {problem.partition(":")[0] for problem in world.checks.violations}
    assert numbers <= told
    assert bool(told) == bool(numbers)
