"""A target: one model at one provider, and the limits that hold for it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from elizanet.call import Answer, Call, Provider

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
    """Where an attempt goes. `window` is the model's context in tokens, None if unknown."""

    provider: Provider
    model: str = KEEP
    window: int | None = None
    limits: TargetLimits = TargetLimits()

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"

    def model_for(self, call: Call) -> str:
        """Return the model name that this target is asked for."""
        return call.model if self.model == KEEP else self.model

    def limit_for(self, call: Call) -> float:
        """Return the seconds one attempt may take before it has to have something to show."""
        return self.limits.first_event if call.stream else self.limits.attempt

    async def send(self, call: Call) -> Answer:
        """Ask the provider. Raises `ProviderError`."""
        model, connect = self.model_for(call), self.limits.connect
        return await self.provider.send(replace(call, model=model, connect_timeout=connect))
