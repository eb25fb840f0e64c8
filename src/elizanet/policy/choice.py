"""Which of several equal targets is asked.

Theory of operation. Inside a tier two targets are drawn by weight, and the first is asked unless
the other one is clearly better (Mitzenmacher, "The Power of Two Choices in Randomized Load
Balancing"): nearly as even as asking the best of all, without the stampede to it. Better is the
smaller

    (in flight + 1) / (its share of all in flight + 1)
        * mean time to the first content / success rate ^ 5

Clearly is by a fifth: less is the noise of averages, and would decide every pair of two that are
equally good, so that the weights meant nothing while there is little traffic. What is under way is
measured by the share that the weight gives, so that it does not matter on which scale weights are
written, nor over how many keys a provider spreads its own.

Of the traffic of a pair a target that fails 30 % of its calls is given between a quarter and a
third, and no breaker has to decide about it. (The fifth power, because failures are quick: they
leave a bad target with little in flight, which attracts more; with the square it keeps 43 %.) A
target whose breaker has just closed starts with a tenth of its weight and has all of it after 30 s.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SLOW_START_S: Final = 30.0
LEAST_SHARE: Final = 0.1
CLEARLY: Final = 0.8
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
    costs = _costs(candidates)
    weights = [candidate.weight for candidate in candidates]
    first, second = chance.choices(range(len(candidates)), weights, k=2)
    return second if costs[second] < CLEARLY * costs[first] else first


def _costs(candidates: Sequence[Candidate]) -> list[float]:
    known = [c.latency for c in candidates if c.latency is not None]
    usual = sum(known) / len(known) if known else 1.0
    under_way = sum(candidate.in_flight for candidate in candidates)
    a_weight = under_way / sum(candidate.weight for candidate in candidates)
    return [_cost(candidate, usual, a_weight * candidate.weight) for candidate in candidates]


def _cost(candidate: Candidate, usual: float, share: float) -> float:
    latency = usual if candidate.latency is None else candidate.latency
    rate = max(_LEAST_SUCCESS, candidate.success_rate)
    return (candidate.in_flight + 1.0) / (share + 1.0) * latency / rate**5
