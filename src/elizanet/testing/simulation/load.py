"""When calls arrive."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Phase:
    """Calls at random moments (a Poisson process), `rate` a second on average.

    It lasts `seconds` or `calls`, whichever ends first; a `rate` of infinity lets all its
    calls arrive at once. `is_even`: one call every 1/rate seconds, without chance.
    """

    rate: float
    seconds: float = inf
    calls: float = inf
    is_even: bool = False

    def __post_init__(self) -> None:
        if self.seconds == self.calls == inf:
            raise ValueError("a phase needs an end: seconds or calls")


def arrivals(phases: Sequence[Phase], chance: random.Random, start: float = 0.0) -> Iterator[float]:
    """Yield the moment of each call, in order."""
    for phase in phases:
        now, end, calls = start, start + phase.seconds, 0
        while calls < phase.calls:
            now += 1 / phase.rate if phase.is_even else _pause(phase.rate, chance)
            if now >= end:
                break
            calls += 1
            yield now
        start = now if end == inf else end


def _pause(rate: float, chance: random.Random) -> float:
    return 0.0 if rate == inf else chance.expovariate(rate)
