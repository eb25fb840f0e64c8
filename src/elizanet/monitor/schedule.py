"""When each provider is checked next.

Theory of operation. Every provider has a moment of its own. The first one falls somewhere into
the first seconds, each later one an interval after the one before, give or take a fifth: so
neither the providers of a gateway nor gateways that were started together ask in step. A shorter
interval holds at once, and providers come and go with the settings.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

FIRST_S: Final = 3.0
"""Within so many seconds everybody is checked for the first time."""
JITTER: Final = (0.8, 1.2)


class Schedule:
    """The next moment of each provider, in seconds of the loop's clock. `chance` is its jitter."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._moments: dict[str, float] = {}

    def __repr__(self) -> str:
        moments = ", ".join(f"{name} at {when:.1f}" for name, when in self._moments.items())
        return f"<Schedule {moments or 'of nobody'}>"

    @property
    def next(self) -> float | None:
        """The next moment there is, None if there is nobody to check."""
        return min(self._moments.values(), default=None)

    def plan(self, names: Iterable[str], interval: float, now: float) -> None:
        """Plan for these providers, and no others."""
        latest = now + interval * JITTER[1]
        moments = {}
        for name in names:
            when = self._moments.get(name)
            if when is None:
                when = now + self._chance.uniform(0.0, min(FIRST_S, interval))
            moments[name] = min(when, latest)
        self._moments = moments

    def due(self, interval: float, now: float) -> list[str]:
        """Return who is to be checked now; each of them is due again after the interval."""
        names = [name for name, when in self._moments.items() if when <= now]
        for name in names:
            self._moments[name] = now + interval * self._chance.uniform(*JITTER)
        return names
