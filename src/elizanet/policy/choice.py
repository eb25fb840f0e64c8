"""Which of several equal targets is asked.

Theory of operation. Inside a tier two targets are drawn by weight, and the better one of the
pair is asked (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"): nearly as
even as asking the best of all, without the stampede to it. Better is the smaller

    (in_flight / weight + 1) * mean time to the first content / success rate ^ 4

so of the traffic of a pair a target that fails 30 % of its calls is given between a quarter and a
third, and no breaker has to decide about it. (The fourth power, because failures are quick: they
leave a bad target with little in flight, which attracts more; with the square it keeps 41 %.) A
target whose breaker has just closed starts with a tenth of
its weight and has all of it after 30 s.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SLOW_START_S: Final = 30.0
LEAST_SHARE: Final = 0.1
_LEAST_SUCCESS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the choice knows of a target; `latency` in seconds, None if nothing is known."""

    weight: float
    in_flight: int
    latency: float | None
    success_rate: float


def started(weight: float, closed_for: float | None) -> float:
    """Return the weight of a target whose breaker closed so many seconds ago (None: never)."""
    if closed_for is None or closed_for >= SLOW_START_S:
        return weight
    return weight * max(LEAST_SHARE, closed_for / SLOW_START_S)


def choose(candidates: Sequence[Candidate], chance: random.Random) -> int:
    """Return the index of the candidate to ask."""
    if len(candidates) == 1:
        return 0
    known = [c.latency for c in candidates if c.latency is not None]
    usual = sum(known) / len(known) if known else 1.0
    weights = [candidate.weight for candidate in candidates]
    first, second = chance.choices(range(len(candidates)), weights, k=2)
    return min(first, second, key=lambda index: _cost(candidates[index], usual))


def _cost(candidate: Candidate, usual: float) -> float:
    latency = usual if candidate.latency is None else candidate.latency
    rate = max(_LEAST_SUCCESS, candidate.success_rate)
    return (candidate.in_flight / candidate.weight + 1.0) * latency / rate**4
