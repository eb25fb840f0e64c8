"""Lanes of a registry of their own, with everything that is told about them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.health import Lane, Permit, Registry
from elizanet.operation import Operation
from elizanet.policy.protections import Protections
from elizanet.policy.rate import RateLimit
from elizanet.telemetry import HealthChanged, TelemetryEvent


def failure(
    kind: FailureClass | str,
    status: int | None = None,
    *,
    message: str = "it failed",
    retry_after_s: float | None = None,
) -> ProviderError:
    """Return what a provider of ours raises."""
    verdict = verdict_for(FailureClass(kind), retry_after_s=retry_after_s)
    return ProviderError(message, verdict, status=status)


@dataclass
class Lanes:
    """A registry, and what it has told so far."""

    protections: Protections = Protections()
    seed: int = 1
    told: list[HealthChanged] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.registry = Registry(chance=chance, emit=self._emit, protections=self.protections)

    def lane(
        self, host: str = "acme", key: str = "", model: str = "m", rate: RateLimit | None = None
    ) -> Lane:
        return self.registry.lane(host, key, Operation.CHAT, model, rate)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """What was told: subject, kind of object, new state."""
        return [(event.subject, event.what, event.state) for event in self.told]

    def _emit(self, event: TelemetryEvent) -> None:
        assert isinstance(event, HealthChanged)
        self.told.append(event)


def admit(lane: Lane, now: float = 0.0, *, stream: bool = True, size: int = 0) -> Permit:
    """Begin an attempt whose lease as a probe is 2 s."""
    return lane.admit(now, size, 2.0, stream=stream)


def fail(lane: Lane, errors: Sequence[ProviderError], now: float = 0.0) -> None:
    """Let attempts fail, one after the other."""
    for error in errors:
        admit(lane, now).failed(error, now)


def knock_out(lane: Lane, now: float = 0.0) -> None:
    """Open the breaker of the lane's model."""
    fail(lane, [failure("overloaded", 500)] * 8, now)
