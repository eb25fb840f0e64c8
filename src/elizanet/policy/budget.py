"""How many extra requests a host may be sent: the bound that makes retry storms impossible.

Theory of operation. A bucket of at most 10 tokens, full at the start. A repetition at the
same host costs one token, and so does a hedge: of the host whose silence it makes up for, since
the other one may have no traffic of its own to earn by. Each success earns 0.1, each second 0.1.
Hence for every span of time, whatever fails:

    repetitions + hedges <= 10 + 0.1 * successes + 0.1 * seconds

(Finagle's retry budget; the earnings by time let a host without traffic be tried again.)
Moving to another host is no repetition: a call visits each host at most once, so it is free
for the host it comes to.
"""

from __future__ import annotations

from typing import Final

CAPACITY: Final = 10.0
PER_SUCCESS: Final = 0.1
PER_SECOND: Final = 0.1


class Budget:
    """The tokens of one host."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = CAPACITY
        self._at = 0.0

    def __repr__(self) -> str:
        return f"<Budget {self._tokens:.1f} of {CAPACITY:g}>"

    def available(self, now: float) -> bool:
        """Tell whether an extra request may be sent."""
        return self.tokens(now) >= 1.0

    def tokens(self, now: float) -> float:
        """Return the tokens there are now."""
        return min(CAPACITY, self._tokens + max(0.0, now - self._at) * PER_SECOND)

    def spend(self, now: float) -> bool:
        """Take a token for an extra request; False if there is none."""
        tokens = self.tokens(now)
        if tokens < 1.0:
            return False
        self._tokens, self._at = tokens - 1.0, max(self._at, now)
        return True

    def earn(self) -> None:
        """Count a success."""
        if self._tokens < CAPACITY:
            self._tokens = min(CAPACITY, self._tokens + PER_SUCCESS)
