"""A key that is not accepted, or a model that does not exist, is left alone for a while.

Theory of operation. 401, 403, 402, an exhausted quota and an unknown model end when a person
acts, not by themselves. The first strike lasts 10 minutes, and each one that follows without
an answer in between twice as long, up to an hour. Where nothing else is left, one call every
5 s may ask all the same: providers have refused good keys in their outages, and a quarantine
must not outlast one.
"""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 600.0
LONGEST_S: Final = 3600.0
PROBE_EVERY_S: Final = 5.0


class Quarantine:
    """Left alone until a moment of the loop's clock."""

    __slots__ = ("_began", "_next", "_probed_at", "reason", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.reason = ""
        self._next = FIRST_S
        self._probed_at = float("-inf")
        self._began = float("-inf")

    def __repr__(self) -> str:
        return f"<Quarantine until={self.until:.1f} next={self._next:.0f} {self.reason!r}>"

    def admits(self, now: float) -> bool:
        """Tell whether there is no quarantine now."""
        return now >= self.until

    def admits_probe(self, now: float) -> bool:
        """Tell whether a call with nowhere else to go may ask all the same."""
        return now >= self.probe_at()

    def probe_at(self) -> float:
        """Return when a call with nowhere else to go may ask next."""
        return min(self.until, self._probed_at + PROBE_EVERY_S)

    def probe(self, now: float) -> None:
        """Count a call that asks all the same."""
        self._probed_at = now

    def strike(self, now: float, reason: str) -> float:
        """Begin a quarantine, or a longer one. Returns its seconds.

        What was asked before the present one began says nothing new.
        """
        self._probed_at = now
        if now >= self.until:
            self._began, self.until = now, now + self._next
            self._next = min(LONGEST_S, 2.0 * self._next)
        self.reason = reason
        return self.until - now

    def answered(self, asked_at: float) -> bool:
        """Count an answer to what was asked then; true if it ends a quarantine.

        What was asked before the quarantine began says nothing new either.
        """
        if not self.until or asked_at < self._began:
            return False
        self.until = 0.0
        self.reason = ""
        self._next = FIRST_S
        return True
