"""How long one attempt may take.

A call has one absolute deadline. An attempt gets its own limit, and never so much of the
call's time that a later target would find none left:

    limit = min(own limit, remaining / 2)          while another target could still answer
    limit = min(own limit, remaining - reserve)    for the last one

The reserve lets the failure be told before the caller's own clock runs out. The policy does
not bound a stream after its first content; silence there is the stall limit's affair.
"""

from __future__ import annotations

from typing import Final

RESERVE_S: Final = 0.25
"""Seconds kept back at the end of a call to tell its failure (at most a tenth of what is left)."""

SHORTEST_ATTEMPT_S: Final = 0.25
"""With fewer seconds left than this no further attempt is started."""

LONGEST_PATIENCE_S: Final = 1.0
"""Longest wait in seconds for room, where no target has any (and a tenth of what is left)."""


def attempt_limit(remaining: float, own_limit: float, *, another_target: bool) -> float:
    """Return the seconds an attempt may take, given those that remain for the whole call."""
    if another_target:
        return min(own_limit, remaining / 2)
    return min(own_limit, remaining - min(RESERVE_S, remaining / 10))


def may_start(remaining: float, usual: float | None = None) -> bool:
    """Tell whether a further attempt is worth starting; a call's first one always is.

    `usual` is the time in seconds that the target usually takes, None if unknown; with less
    than half of it left there is nothing to be hoped for.
    """
    return remaining > max(SHORTEST_ATTEMPT_S, (usual or 0.0) / 2)


def patience(remaining: float) -> float:
    """Return the seconds a call may wait for room where no target has any."""
    return min(LONGEST_PATIENCE_S, remaining / 10)
