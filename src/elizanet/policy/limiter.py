"""How many calls one target takes at once, learnt from its refusals.

Theory of operation. Driven by losses: latency says nothing where the work of a call varies a
thousandfold. There is no limit until a target says "too many". Then the limit falls to 0.7 of what
was in flight, at most once in max(1 s, the usual time to an answer), since everything in flight
at one moment says the same thing once. It comes back along the cubic of TCP's congestion control
(RFC 9438), with the time counted in rounds (successes / limit: about one for each time that all
places were used once), so that calls of a second and of a minute are treated alike:

    limit = W + (rounds - K)^3        W: in flight at the refusal, K = cube root of 0.3 W

Soon near W again, there for a while, and then away from it: a true capacity is met again only
now and then, a stray refusal is forgotten within a few rounds. Adding one a round (AIMD) takes a
hundred rounds back to a hundred calls, and sends them elsewhere meanwhile.

With fewer than 8 in flight a refusal is not about how many there are at once, and nor is a 429
that states a delay: that is the gate's affair.

A 429 always says "too many". 502, 503, 504 and 529 say it only from a score of 3 of the breaker on:
below that they may be chance, and a limit that fell with each of them would turn 5 % of failures
into 93 % of the traffic sent elsewhere. When the target's breaker closes after an outage, there
is no limit again. A limit to start from (32, say) would send a healthy provider's traffic
elsewhere whenever an agent fleet starts. Measured: docs/decisions/0007-limiter-start.md.
"""

from __future__ import annotations

from math import cbrt
from typing import Final

MOST: Final = 1024.0
"""As good as no limit."""
LEAST: Final = 1.0
"""With none in flight one is always let through: nothing else could raise the limit again."""
DECREASE: Final = 0.7
SHORTEST_PAUSE_S: Final = 1.0
MEANINGFUL: Final = 8
"""In flight; with fewer a refusal says nothing about how many are too many."""
CERTAIN: Final = 3.0
"""Score of the breaker from which on an overload is no chance."""


class Limiter:
    """The calls in flight at one target, and how many there may be.

    `promised`: places that are kept for calls which have waited for one.
    """

    __slots__ = ("_cut_at", "_peak", "_plateau", "_rounds", "in_flight", "limit", "promised")

    def __init__(self) -> None:
        self.in_flight = 0
        self.promised = 0
        self.limit = MOST
        self._peak = MOST
        self._plateau = 0.0
        self._rounds = 0.0
        self._cut_at = float("-inf")

    def __repr__(self) -> str:
        promised = f"+{self.promised}" if self.promised else ""
        learnt = f" peak={self._peak:.1f} rounds={self._rounds:.1f}" if self.limit < MOST else ""
        return f"<Limiter {self.in_flight}{promised} of {self.limit:.1f}{learnt}>"

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
        """Count an answer."""
        if self.limit < MOST:
            self._rounds += 1.0 / self.limit
            self.limit = self._regained()

    def overload(self, now: float, round_trip: float) -> None:
        """Count a "too many", while it is still in flight; `round_trip` in seconds."""
        too_few = self.in_flight < MEANINGFUL
        if too_few or now - self._cut_at < max(SHORTEST_PAUSE_S, round_trip):
            return
        self._cut_at = now
        self._peak = min(self.limit, float(self.in_flight))
        self._plateau = cbrt((1.0 - DECREASE) * self._peak)
        self._rounds = 0.0
        self.limit = self._regained()

    def reset(self) -> None:
        """Forget what was learnt."""
        self.limit = MOST

    def _regained(self) -> float:
        return min(MOST, max(LEAST, self._peak + (self._rounds - self._plateau) ** 3))
