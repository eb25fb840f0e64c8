"""What was rehearsed, as it is told: the rows that differ, and what made no difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from elizanet.testing.simulation import Outage, Performance

TITLES: Final = ("", "answered", "p50", "p99", "attempts", "cost")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One outage in every variation; the first is with all protections."""

    outage: Outage
    performances: tuple[Performance, ...]

    def different(self) -> list[Performance]:
        """Return the variations that are told in a row of their own."""
        alike = self.alike()
        return [p for p in self.performances if p.variation.lacks not in alike]

    def alike(self) -> list[str]:
        """Return the variations in which one protection is missing, and nothing is different."""
        best, *others = self.performances
        return [p.variation.lacks for p in others if p.variation.lacks and _same(p, best)]


def cells(performance: Performance) -> tuple[str, ...]:
    """Say a performance in the columns of `TITLES`."""
    cost = performance.amplification
    return (
        performance.variation.name,
        f"{performance.success:.1%}",
        seconds(performance.wait(0.5)) if performance.answered else "-",
        seconds(performance.wait(0.99)) if performance.answered else "-",
        f"{performance.attempts:.2f}",
        "-" if cost is None else f"{cost:.2f}",
    )


def seconds(value: float) -> str:
    """Say a time."""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"  # noqa: PLR2004 -- three digits


def sparkline(shares: Sequence[float], width: int, signs: str) -> str:
    """Draw shares from 0 to 1 in so many characters, from the lowest sign to the highest."""
    drawn = []
    for place in range(width):
        start = place * len(shares) // width
        end = max(start + 1, (place + 1) * len(shares) // width)
        mean = sum(shares[start:end]) / (end - start)
        drawn.append(signs[min(len(signs) - 1, int(mean * len(signs)))])
    return "".join(drawn)


def _same(one: Performance, other: Performance) -> bool:
    return cells(one)[1:] == cells(other)[1:] and one.timeline == other.timeline
