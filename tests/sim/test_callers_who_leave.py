"""A caller who goes away says nothing about a provider (I6), and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from elizanet.engine import Chain
from elizanet.target import Target
from elizanet.testing.simulation import (
    BEHAVIOURS,
    CallRecord,
    Client,
    Invariants,
    Outcome,
    Phase,
    Window,
    World,
)


class Impatient:
    """Callers of whom half go away after up to a second."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client

    async def ask(self, identity: str) -> CallRecord:
        chance = self._world.chance
        task = asyncio.ensure_future(self._client.ask(identity))
        if chance.random() < 0.5:
            await asyncio.sleep(chance.random())
            task.cancel()
        await asyncio.wait({task})
        return CallRecord(identity, 0, 0, stream=True) if task.cancelled() else task.result()


def chain_of(world: World, *windows: Window) -> Chain:
    targets = [Target(world.server("a", *windows).provider(), "m")]
    targets.append(Target(world.server("b").provider(), "m"))
    return Chain("c", targets, registry=world.registry, chance=world.chance, emit=world.emit)


@pytest.mark.parametrize("stream", [False, True])
def test_no_score_changes(stream: bool) -> None:
    """However many leave: every breaker is closed, with no evidence in it."""
    world = World(5)
    chain = chain_of(world)
    world.checks = Invariants(chain.targets, world.registry)
    client = Client(world, chain, stream=stream)
    results = world.run(Impatient(world, client).ask, [Phase(20, calls=500)])
    assert results.count(Outcome.LEFT) > 50
    assert world.checks.violations == []
    assert world.changes == []
    scores = [lane.model.breaker.score(0.0) for _, lane in world.registry.lanes]
    assert max(scores) < 2  # a slow answer may be suspected, for a while


@pytest.mark.parametrize("fault", ["hang", "error_500", "truncate", "limited_ms"])
def test_leaving_in_the_middle_of_trouble_leaves_nothing_behind(fault: str) -> None:
    """Rescues, hedges, probes and waits are given up with their caller."""
    world = World(6)
    chain = chain_of(world, Window(BEHAVIOURS[fault], 5, 20))
    world.checks = Invariants(chain.targets, world.registry)
    client = Client(world, chain, stream=True)
    results = world.run(Impatient(world, client).ask, [Phase(20, calls=800)])
    assert results.count(Outcome.LEFT) > 50
    assert results.count(Outcome.FAILED) == 0
    assert world.checks.violations == []
