"""The stretches of time that the page offers, and the steps their series are cut into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from elizanet.records.reading import Window

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR

SHORTEST_KEPT_S: Final = 2.0
LONGEST_KEPT_S: Final = 15.0
_KEPT_SHARE: Final = 1 / 30


class Range(NamedTuple):
    """`length` and `step` in seconds; at most a hundred steps."""

    length: int
    step: int

    @property
    def kept(self) -> float:
        """Seconds for which an answer is good: a small part of a step."""
        return min(LONGEST_KEPT_S, max(SHORTEST_KEPT_S, self.step * _KEPT_SHARE))

    def window(self, now: float) -> Window:
        """Return the window of whole steps whose last one is under way."""
        until = (math.floor(now / self.step) + 1) * self.step
        return Window(until - self.length, until)


RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    {
        "15m": Range(15 * _MINUTE, _MINUTE),
        "1h": Range(_HOUR, _MINUTE),
        "6h": Range(6 * _HOUR, 5 * _MINUTE),
        "24h": Range(_DAY, 15 * _MINUTE),
        "7d": Range(7 * _DAY, 2 * _HOUR),
    }
)
