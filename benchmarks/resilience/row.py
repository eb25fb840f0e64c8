"""One line of the table, and how large the measurements are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """`seeds` of each story, `calls` where there is one long run, `breaker` outcomes alone."""

    seeds: int
    calls: int
    breaker: int


QUICK = Size(seeds=2, calls=20_000, breaker=1_000_000)
FULL = Size(seeds=10, calls=1_000_000, breaker=100_000_000)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, its target, what was measured; `met` is None where there is no target."""

    figure: str
    target: str
    measured: str
    met: bool | None
    note: str = ""


Measure = Callable[[Size], list[Row]]
"""Measures one or more figures."""


def span(values: Sequence[float], unit: str = " s", digits: int = 2) -> str:
    """Say the smallest and the largest value."""
    if not values:
        return "none"
    low, high = min(values), max(values)
    if round(low, digits) == round(high, digits):
        return f"{high:.{digits}f}{unit}"
    return f"{low:.{digits}f}-{high:.{digits}f}{unit}"
