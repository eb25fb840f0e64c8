"""When, and for whom, something is wrong with a server."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf

from elizanet.testing.simulation.behaviours import Behaviour


@dataclass(frozen=True, slots=True)
class Window:
    """When, and for whom, a server behaves so.

    From `start` until `end`, in seconds of the loop's clock; for one `model` or one `key`
    only, where given. `share` of the requests are hit. With a `period` it is so for that
    many seconds, then not, and so on.
    """

    behaviour: Behaviour
    start: float = 0.0
    end: float = inf
    model: str | None = None
    key: str | None = None
    share: float = 1.0
    period: float = 0.0

    def concerns(self, model: str, key: str) -> bool:
        """Tell whether it is about this model and key."""
        return self.model in {None, model} and self.key in {None, key}

    def hits(self, now: float, chance: random.Random) -> bool:
        """Tell whether a request that it is about is hit at this moment."""
        if not self.start <= now < self.end:
            return False
        if self.period and int((now - self.start) / self.period) % 2:
            return False
        return self.share >= 1.0 or chance.random() < self.share

    def overlaps(self, start: float, end: float) -> bool:
        """Tell whether it is at work at any moment of this span."""
        return self.start < end and start < self.end
