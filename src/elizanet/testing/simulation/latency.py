"""How long a provider that works takes, as distributions.

Times to the first token are lognormal: most answers begin soon, a few take several times as
long, none is instant. So is the length of answers.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Latency:
    """The speed of a server; times are seconds.

    `first`: mean time until the first content. `spread`: the sigma of its lognormal
    distribution; 0 makes every answer alike. `events`: mean number of content events of a
    stream. `pause`: mean time between them; a unary answer takes as long as all of them.
    `slow_share` of the requests take `slow_factor` times as long.
    """

    first: float = 0.6
    spread: float = 0.5
    events: float = 3.0
    pause: float = 0.4
    slow_share: float = 0.0
    slow_factor: float = 10.0

    def slower(self, factor: float) -> Latency:
        """Return the same with every time multiplied."""
        return replace(self, first=self.first * factor, pause=self.pause * factor)

    def mean_work(self) -> float:
        """Return the seconds that a server works on an answer, on average."""
        return self.first + self.events * self.pause

    def draw_first(self, chance: random.Random) -> float:
        """Return the seconds until the first content of one answer."""
        seconds = lognormal(chance, self.first, self.spread)
        if self.slow_share and chance.random() < self.slow_share:
            seconds *= self.slow_factor
        return seconds

    def draw_events(self, chance: random.Random) -> int:
        """Return the number of content events of one answer, at least 1."""
        return max(1, min(round(lognormal(chance, self.events, self.spread)), 1000))


def lognormal(chance: random.Random, mean: float, sigma: float) -> float:
    """Return a number from the lognormal distribution with this mean."""
    if not sigma:
        return mean
    return math.exp(chance.gauss(math.log(mean) - sigma * sigma / 2, sigma))
