"""Whether an attempt that has failed is made again at the same target, and when.

Theory of operation. Another target is the better answer to almost every failure: it is not
the one that just failed, and it is free for the one that did. Trying again at the same
target is worth it in three cases only:

1. Nothing was sent (a refused or dropped connection): once again at once.
2. A plain 500, or a 408: once again after U(0, 0.2 s). The first choice was chosen for its
   quality, and a single 500 says little about the next call.
3. A limit that clears within `max_wait` and within a quarter of the time that remains: the
   call that discovered it waits for it.

With nowhere else to go, any failure that another try could heal is tried again, after the
stated delay if that is within ten seconds and half of the remaining time, or else after
full jitter, U(0, base * 2^n) with a base of 0.1 s (fault) or 1 s (overload) and at most 5 s
(AWS, "Exponential Backoff and Jitter"). A silent attempt is never repeated where it happened:
it has cost its whole limit already. A broken one is, but only with nowhere else to go.

Invariants: at most `same_provider` repetitions in a call, whatever its number of targets, and
at most min(targets + 1, 6) attempts, so retries never multiply with the length of a chain. Over
all calls the budget of the host bounds them (`budget.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from elizanet.errors import FailureClass, ProviderError

SOON_S: Final = 0.2
"""Longest pause in seconds before a plain 500 is tried again."""
LONGEST_BACKOFF_S: Final = 5.0
FAULT_BASE_S: Final = 0.1
OVERLOAD_BASE_S: Final = 1.0
LONGEST_LAST_WAIT_S: Final = 10.0
"""Longest stated delay in seconds that is obeyed when no other target is left."""

MOST_ATTEMPTS: Final = 6
"""Attempts a call may make, however long its chain."""

_REQUEST_TIMEOUT: Final = 408
_AGAIN_SOON: Final = frozenset({_REQUEST_TIMEOUT, 500})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`same_provider`: repetitions a call may spend (default 1; 0 = always move on).

    `max_wait`: the longest stated delay in seconds that is obeyed while another target is
    left (default 2.5; 0 = move on at once).
    """

    same_provider: int = 1
    max_wait: float = 2.5

    def attempts_allowed(self, targets: int) -> int:
        """Return how many attempts a call with so many targets may make."""
        return min(targets + self.same_provider, MOST_ATTEMPTS)

    def pause(
        self,
        error: ProviderError,
        *,
        spent: int,
        remaining: float,
        another_target: bool,
        chance: random.Random,
    ) -> float | None:
        """Return the seconds to wait before another try at the same target, None for no try.

        `spent` repetitions into a call with `remaining` seconds.
        """
        verdict = error.verdict
        if spent >= self.same_provider or not (verdict.fallback and verdict.retry_same_provider):
            return None
        return self._delay(error, spent, remaining, another_target, chance)

    def _delay(
        self,
        error: ProviderError,
        spent: int,
        remaining: float,
        another_target: bool,  # noqa: FBT001 -- private, one caller
        chance: random.Random,
    ) -> float | None:
        failure, stated = error.failure_class, error.verdict.retry_after_s
        if failure is FailureClass.TIMEOUT and error.status != _REQUEST_TIMEOUT:
            return None
        if stated is not None:
            longest = (
                min(self.max_wait, remaining / 4)
                if another_target
                else min(LONGEST_LAST_WAIT_S, remaining / 2)
            )
            return stated if stated <= longest else None
        if failure is FailureClass.CONNECTION:
            return 0.0
        if another_target:
            return chance.uniform(0, SOON_S) if error.status in _AGAIN_SOON else None
        base = FAULT_BASE_S if failure is not FailureClass.OVERLOADED else OVERLOAD_BASE_S
        longest = min(LONGEST_BACKOFF_S, base * 2**spent, remaining / 2)
        return chance.uniform(0, longest)
