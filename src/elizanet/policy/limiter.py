"""How many calls one target takes at once, learnt from its refusals.

Theory of operation. Additive increase, multiplicative decrease, driven by losses: latency
says nothing where the work of a call varies a thousandfold. There is no limit until a target
says "too many" (429, 503, 529). Then the limit becomes 0.7 of what was in flight, at most once
in max(1 s, the mean time to an answer), since everything in flight at one moment says the same
thing once. With fewer than 8 in flight a refusal is not about how many there are at once, and
nor is one that states a delay: that is the gate's affair. Each success at a used limit (half
of it or more in flight) adds 1/limit: one more a round trip. When the target's breaker closes
after an outage the limit begins anew.

A limit to start from (32, say) would send a healthy provider's traffic elsewhere whenever an
agent fleet starts; see docs/decisions/0007-limiter-start.md.
"""

from __future__ import annotations

from typing import Final

MOST: Final = 1024.0
DECREASE: Final = 0.7
SHORTEST_PAUSE_S: Final = 1.0
MEANINGFUL: Final = 8
"""In flight; with fewer a refusal says nothing about how many are too many."""


class Limiter:
    """The calls in flight at one target, and how many there may be.

    `promised`: places that are kept for calls which have waited for one.
    """

    __slots__ = ("_cut_at", "in_flight", "limit", "promised")

    def __init__(self) -> None:
        self.in_flight = 0
        self.promised = 0
        self.limit = MOST
        self._cut_at = float("-inf")

    def __repr__(self) -> str:
        promised = f"+{self.promised}" if self.promised else ""
        return f"<Limiter {self.in_flight}{promised} of {self.limit:.1f}>"

    def admits(self) -> bool:
        """Tell whether one more may be in flight."""
        return self.in_flight + self.promised + 1 <= self.limit

    def enter(self) -> None:
        """Count one in."""
        self.in_flight += 1

    def leave(self) -> None:
        """Count one out."""
        self.in_flight -= 1

    def success(self) -> None:
        """Count an answer, while it is still in flight."""
        if self.limit < MOST and self.in_flight >= self.limit / 2:
            self.limit = min(MOST, self.limit + 1.0 / self.limit)

    def overload(self, now: float, round_trip: float) -> None:
        """Count a "too many", while it is still in flight; `round_trip` in seconds."""
        too_few = self.in_flight < MEANINGFUL
        if too_few or now - self._cut_at < max(SHORTEST_PAUSE_S, round_trip):
            return
        self._cut_at = now
        self.limit = DECREASE * min(self.limit, float(self.in_flight))

    def reset(self) -> None:
        """Forget what was learnt."""
        self.limit = MOST
