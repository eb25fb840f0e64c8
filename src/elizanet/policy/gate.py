"""A target that has said when it may be asked again is not asked before.

Theory of operation. A refusal for lack of rate (429) is a fact, not a sign of ill health: it
shuts the gate of that host, key and model until the stated moment. It never opens earlier than
it was told before: the later of two moments wins, and an answer to what was asked before
changes nothing. Without a stated moment the gate stays shut for 1 s * 2^n, at most 30 s, n being
the refusals since the last answer; what is refused while it is shut was asked before, and is
not counted again. A statement of more than an hour is taken for an hour: one call then finds
out whether it still holds. Headers that announce an empty allowance
(`x-ratelimit-remaining-*: 0` with its reset) shut the gate before anything is refused.
"""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 1.0
LONGEST_UNSTATED_S: Final = 30.0
LONGEST_STATED_S: Final = 3600.0

_MOST_DOUBLINGS: Final = 5


class Gate:
    """Shut until a moment of the loop's clock."""

    __slots__ = ("_unstated", "by_overload", "reason", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.reason = ""
        self.by_overload = False
        """Whether it was shut by an overload that stated a delay, and no limit of the rate."""
        self._unstated = 0

    def __repr__(self) -> str:
        return f"<Gate until={self.until:.1f} unstated={self._unstated} {self.reason!r}>"

    def admits(self, now: float) -> bool:
        """Tell whether the target may be asked now."""
        return now >= self.until

    def refused(
        self, now: float, stated: float | None, reason: str, *, overload: bool = False
    ) -> float:
        """Shut the gate as a refusal, or a header, states; `stated` may be None.

        Returns the seconds that it is shut for because of it.
        """
        if stated is not None:
            delay = min(max(stated, 0.0), LONGEST_STATED_S)
        elif not self.admits(now):
            return self.until - now
        else:
            delay = min(LONGEST_UNSTATED_S, FIRST_S * 2.0**self._unstated)
            self._unstated = min(self._unstated + 1, _MOST_DOUBLINGS)
        self.shut(now + delay, reason, overload=overload)
        return delay

    def shut(self, until: float, reason: str, *, overload: bool = False) -> None:
        """Shut the gate until then, unless it is shut for longer."""
        if until > self.until:
            self.until, self.reason, self.by_overload = until, reason, overload

    def answered(self) -> None:
        """Count an answer."""
        self._unstated = 0
