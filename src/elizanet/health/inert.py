"""Protections that are switched off, for the rehearsals that show what each one is good for."""

from __future__ import annotations

from elizanet.policy.budget import Budget
from elizanet.policy.gate import Gate
from elizanet.policy.limiter import Limiter
from elizanet.policy.quarantine import Quarantine


class NoBudget(Budget):
    """Pays for everything."""

    __slots__ = ()

    def spend(self, now: float) -> bool:
        return True

    def available(self, now: float) -> bool:
        return True


class NoGate(Gate):
    """Is never shut."""

    __slots__ = ()

    def shut(self, until: float, reason: str, *, overload: bool = False) -> None:
        return


class NoLimiter(Limiter):
    """Has no limit and learns none."""

    __slots__ = ()

    def admits(self) -> bool:
        return True

    def overload(self, now: float, round_trip: float) -> None:
        return


class NoQuarantine(Quarantine):
    """Begins no quarantine."""

    __slots__ = ()

    def strike(self, now: float, reason: str) -> float:
        return 0.0
