"""How much of the traffic is risked on targets that are believed to be down.

Theory of operation. When nothing admits a call, refusing all of them would make our own
opinion the outage. So some are sent all the same, by the client-side throttle of the SRE book
(Beyer et al., "Handling Overload"): over the last 30 s, with `requests` counted when they
start and `accepts` when they are answered, a call is turned away with the probability

    max(0, (requests - 2 * accepts) / (requests + 1))      at most 0.9

and one a second always goes through. While everything fails that is little; once answers come
it opens by itself.
"""

from __future__ import annotations

import random
from typing import Final

K: Final = 2.0
MOST_REJECTED: Final = 0.9
FLOOR_EVERY_S: Final = 1.0
_SLICE_S: Final = 3.0
_SLICES: Final = 10


class Throttle:
    """Requests and accepts of the last 30 s, in slices of 3 s."""

    __slots__ = ("_accepts", "_last_admitted", "_now", "_requests")

    def __init__(self) -> None:
        self._requests = [0] * _SLICES
        self._accepts = [0] * _SLICES
        self._now = 0
        self._last_admitted = float("-inf")

    def __repr__(self) -> str:
        return f"<Throttle requests={sum(self._requests)} accepts={sum(self._accepts)}>"

    def request(self, now: float) -> None:
        """Count a call that starts."""
        self._requests[self._slice(now)] += 1

    def accept(self, now: float) -> None:
        """Count a call that was answered."""
        self._accepts[self._slice(now)] += 1

    def rejects(self, now: float) -> float:
        """Return the probability with which a call is turned away now."""
        self._slice(now)
        requests, accepts = sum(self._requests), sum(self._accepts)
        return min(MOST_REJECTED, max(0.0, (requests - K * accepts) / (requests + 1)))

    def admits(self, now: float, chance: random.Random) -> bool:
        """Decide about one call."""
        due = now - self._last_admitted >= FLOOR_EVERY_S
        if due or chance.random() >= self.rejects(now):
            self._last_admitted = now
            return True
        return False

    def _slice(self, now: float) -> int:
        """Forget the slices that time has passed over, and return the present one."""
        present = int(now / _SLICE_S)
        if present > self._now:
            for passed in range(max(self._now, present - _SLICES) + 1, present + 1):
                self._requests[passed % _SLICES] = self._accepts[passed % _SLICES] = 0
            self._now = present
        return self._now % _SLICES
