"""A target: one model at one provider through one key, and the limits that hold for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from elizanet.call import Answer, Call, Provider
from elizanet.health import Lane, Registry
from elizanet.policy.rate import RateLimit

KEEP = "*"
"""As a target's model: the name that the caller sent."""


@dataclass(frozen=True, slots=True)
class TargetLimits:
    """Seconds an attempt at this target may take.

    `connect`: reaching the provider. `attempt`: a unary answer, complete. `first_event`:
    until a stream's first content. `stall`: silence inside a stream after that.
    """

    connect: float = 3.0
    attempt: float = 300.0
    first_event: float = 30.0
    stall: float = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attempt goes.

    `window`: the model's context in tokens, None if unknown. `tier`: lower ones are asked
    first, equal ones share the load by `weight`; None is the position in the chain. `key`: the
    alias of the provider's key, `host`: the endpoint (default: the provider's name). `rate`:
    our own limit towards the provider. `folds`: tells whether the provider will stream the whole
    answer to a call upstream; None is never.
    """

    provider: Provider
    model: str = KEEP
    window: int | None = None
    limits: TargetLimits = TargetLimits()
    tier: int | None = None
    weight: float = 1.0
    key: str = ""
    host: str = ""
    rate: RateLimit | None = None
    folds: Callable[[Call], bool] | None = None

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"

    def model_for(self, call: Call) -> str:
        """Return the model name that this target is asked for."""
        return call.model if self.model == KEEP else self.model

    def streams(self, call: Call) -> bool:
        """Tell whether the answer arrives as a stream, so that its first content can be told."""
        if call.stream or self.folds is None:
            return call.stream
        return self.folds(replace(call, model=self.model_for(call)))

    def limit_for(self, call: Call) -> float:
        """Return the seconds one attempt may take before it has to have something to show."""
        return self.limits.first_event if self.streams(call) else self.limits.attempt

    def lane(self, call: Call, registry: Registry) -> Lane:
        """Return what is known of the place where this call would go."""
        host = self.host or self.provider.name
        return registry.lane(host, self.key, call.operation, self.model_for(call), self.rate)

    async def send(self, call: Call) -> Answer:
        """Ask the provider. Raises `ProviderError`."""
        model, connect = self.model_for(call), self.limits.connect
        return await self.provider.send(replace(call, model=model, connect_timeout=connect))
