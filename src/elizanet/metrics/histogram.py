"""A histogram of seconds, counted as cheaply as Python can."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

BOUNDS_S: Final = tuple(0.01 * 2**power for power in range(17))
"""10 ms, doubling to 655.36 s: those of OpenTelemetry's GenAI metrics, and on to `total`."""


class Distribution(NamedTuple):
    """How often each bucket was hit, the last one being above all bounds; the sum in seconds."""

    counts: tuple[int, ...]
    total: float


class Histogram:
    """Counts seconds by `BOUNDS_S`."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._total = 0.0

    def __repr__(self) -> str:
        return f"<Histogram n={sum(self._counts)} sum={self._total:.6g}>"

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._total += seconds

    def distribution(self) -> Distribution | None:
        """Return what was counted, None for nothing."""
        return Distribution(tuple(self._counts), self._total) if any(self._counts) else None
