"""Stories beyond the matrix: overload, retries on top, a suspended machine, a bad target."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from elizanet.engine import Chain
from elizanet.policy.protections import Protections
from elizanet.target import Target
from elizanet.testing.simulation import (
    BEHAVIOURS,
    Capacity,
    Client,
    Invariants,
    Latency,
    Outcome,
    Phase,
    SdkClient,
    Window,
    World,
)
from elizanet.testing.virtual_time import VirtualLoop


def chain_of(world: World, *providers: Target) -> Chain:
    chain = Chain("story", providers, registry=world.registry, chance=world.chance, emit=world.emit)
    world.checks = Invariants(chain.targets, world.registry)
    return chain


def violations(world: World) -> list[str]:
    assert world.checks is not None
    return world.checks.violations


@pytest.mark.parametrize("stream", [False, True])
def test_half_of_the_capacity_is_made_up_for_by_the_next_target(stream: bool) -> None:
    """A provider that can do only half of its work sheds the rest, and nobody is lost."""
    world = World(1)
    first = world.server("a", capacity=Capacity(60, longest_queue=10))
    chain = chain_of(
        world, Target(first.provider(), "m"), Target(world.server("b").provider(), "m")
    )
    world.at(30, lambda: first.capacity.resize(20))
    world.at(90, lambda: first.capacity.resize(60))
    results = world.run(Client(world, chain, stream=stream).ask, [Phase(20, seconds=150)])
    assert results.count(Outcome.FAILED) == 0
    assert results.waits(45, 90)[-1] < 20
    assert violations(world) == []


def test_a_burst_is_over_when_it_is_over() -> None:
    """70 % load, 20 s of 2.9 times as much: after two minutes nearly everything is answered."""
    world = World(2)
    rate = 10.0
    server = world.server("a", capacity=Capacity(round(rate * Latency().mean_work() / 0.7)))
    chain = chain_of(world, Target(server.provider(), "m"))
    sdk = SdkClient(Client(world, chain, patience=5.0), world.chance)
    world.run(sdk.ask, [Phase(rate, seconds=60), Phase(29, seconds=20), Phase(rate, seconds=240)])
    assert sdk.requests.success(0, 60) > 0.98
    assert sdk.requests.success(200) > 0.98
    # I8 does not know of a server without room, at which impatient callers run out of time.
    assert [told for told in violations(world) if not told.startswith("I8")] == []


def test_clients_that_retry_do_not_multiply_an_outage() -> None:
    """Everything is down, and each request is made three times: less than one attempt each."""
    world = World(3)
    down = Window(BEHAVIOURS["error_500"], 30, 150)
    chain = chain_of(world, *(Target(world.server(n, down).provider(), "m") for n in "ab"))
    sdk = SdkClient(Client(world, chain), world.chance)
    world.run(sdk.ask, [Phase(20, seconds=200)])
    assert sdk.requests.attempts_per_call(30, 150) <= 0.5
    assert sdk.requests.success(160) == 1.0
    assert violations(world) == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_suspended_machine_wakes_up_and_goes_on(stream: bool) -> None:
    """An hour passes at once: what was under way may fail, what comes five seconds later not."""
    world = World(4)
    chain = chain_of(world, *(Target(world.server(n).provider(), "m") for n in "ab"))

    def jump() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(3600)

    world.at(30, jump)
    results = world.run(
        Client(world, chain, stream=stream).ask,
        [Phase(20, calls=600), Phase(0.2, seconds=3660), Phase(20, calls=200)],
    )
    assert results.success(3640) == 1.0
    assert results.success(0, 20) == 1.0
    assert {told.partition(":")[0] for told in violations(world)} <= {"I4", "I8", "I10"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_target_is_outweighed_without_a_breaker(stream: bool) -> None:
    """Of two equal targets the one that fails 30 % gets at most a third of the calls."""
    world = World(5, protections=Protections(breaker=False))
    bad = world.server("a", Window(BEHAVIOURS["error_500"], share=0.3))
    good = world.server("b")
    chain = chain_of(world, *(Target(s.provider(), "m", tier=1) for s in (bad, good)))
    first: Counter[str] = Counter()
    seen: set[str] = set()

    def count(attempt: object) -> None:
        identity, provider = attempt.call_id, attempt.provider  # type: ignore[attr-defined]
        if identity not in seen:
            seen.add(identity)
            first[provider] += 1

    world.ledger.watch(count)
    results = world.run(Client(world, chain, stream=stream).ask, [Phase(20, calls=3000)])
    assert results.count(Outcome.FAILED) == 0
    assert 0.05 < first["a"] / 3000 < 0.36
