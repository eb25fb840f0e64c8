"""A chain of simulated providers, as most of the figures need it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import fields

from elizanet.call import Answer, Call
from elizanet.classify import verdict_for
from elizanet.engine import Chain
from elizanet.errors import FailureClass, ProviderError
from elizanet.policy.hedge import After
from elizanet.policy.protections import Protections
from elizanet.target import Target
from elizanet.telemetry import HealthChanged
from elizanet.testing.simulation import (
    BEHAVIOURS,
    Capacity,
    Client,
    Invariants,
    Latency,
    Phase,
    Results,
    SdkClient,
    ServedAttempt,
    Window,
    World,
)

STARTS = 60.0
"""Seconds until a fault begins: the engine has learnt by then what is usual."""

BARE = Protections(*(False,) * len(fields(Protections)))
"""None of the protections."""


def fault(name: str, seconds: float, *, share: float = 1.0, period: float = 0.0) -> Window:
    """Return a fault that begins after the warm-up and lasts so long."""
    return Window(BEHAVIOURS[name], STARTS, STARTS + seconds, share=share, period=period)


class Arena:
    """A world with one chain; `faults` has the faults of each provider, in the chain's order."""

    def __init__(
        self,
        *faults: Sequence[Window],
        seed: int = 1,
        stream: bool = True,
        protections: Protections = Protections(),
        hedge: After = "auto",
        latency: Latency | None = None,
        slots: float | None = None,
        patience: float = 600.0,
        continues: bool = False,
        watched: bool = True,
        naive: bool = False,
    ) -> None:
        self.world = world = World(seed, protections=protections)
        targets = []
        for name, windows in zip("abcdef", faults, strict=False):
            capacity = None if slots is None else Capacity(slots)
            server = world.server(name, *windows, latency=latency, capacity=capacity)
            targets.append(Target(server.provider(), "m"))
        self.chain = Chain(
            "arena",
            targets,
            hedge=hedge,
            continues=continues,
            registry=world.registry,
            chance=world.chance,
            emit=world.emit,
        )
        if watched and not naive:
            world.checks = Invariants(self.chain.targets, world.registry, continues=continues)
        door = NaiveGateway(self.chain, limit=patience) if naive else self.chain
        self.client = Client(world, door, stream=stream, patience=patience)
        self.attempts = dict.fromkeys("abcdef", 0)
        self.reached = dict.fromkeys("abcdef", 0)
        self.overdue_at_start = 0.0
        world.ledger.watch(self._attempted)
        world.at(STARTS, self._note_overdue)

    def run(self, *load: Phase) -> Results:
        """Let calls come."""
        return self.world.run(self.client.ask, load)

    def run_sdk(self, *load: Phase, obeys: bool = True) -> Results:
        """Let requests of users come, by clients that retry."""
        sdk = SdkClient(self.client, self.world.chance, obeys=obeys)
        self.world.run(sdk.ask, load)
        return sdk.requests

    def opened(self, host: str = "a") -> list[float]:
        """Return when breakers of a host opened."""
        return self._changed(host, "open")

    def closed(self, host: str = "a") -> list[float]:
        """Return when breakers of a host closed."""
        return self._changed(host, "closed")

    @property
    def violations(self) -> int:
        """How many invariants were violated."""
        return 0 if self.world.checks is None else self.world.checks.count

    def _changed(self, host: str, state: str) -> list[float]:
        def concerns(change: HealthChanged) -> bool:
            return change.what == "breaker" and change.subject.split("/")[0] == host

        return [at for at, c in self.world.changes if concerns(c) and c.state == state]

    def _note_overdue(self) -> None:
        """Keep the time after which an attempt at the first provider is overdue."""
        for (host, *_), lane in self.world.registry.lanes:
            if host == "a":
                self.overdue_at_start = lane.model.overdue_after(0, 30.0, stream=True)

    def _attempted(self, attempt: ServedAttempt) -> None:
        """Count the attempts at each host, and the calls that reached it."""
        if attempt.end is not None:
            return
        record = self.world.running.get(attempt.call_id)
        self.attempts[attempt.provider] += 1
        before = record.attempts[:-1] if record is not None else []
        self.reached[attempt.provider] += all(a.provider != attempt.provider for a in before)


class NaiveGateway:
    """What a gateway does without any of this: three tries at every target, one after another.

    `limit`: seconds for each try.
    """

    name = "naive"

    def __init__(self, chain: Chain, *, tries: int = 3, limit: float = 30.0) -> None:
        self._targets = chain.targets
        self._tries = tries
        self._limit = limit

    async def send(self, call: Call) -> Answer:
        for target in self._targets:
            for _ in range(self._tries):
                try:
                    async with asyncio.timeout(self._limit):
                        return await target.send(call)
                except ProviderError as raised:
                    error = raised
                except TimeoutError:
                    error = ProviderError("no answer in time", verdict_for(FailureClass.TIMEOUT))
        raise error
