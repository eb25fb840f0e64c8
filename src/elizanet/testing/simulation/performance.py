"""The variations of an outage, and what callers see in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from elizanet.policy.protections import Protections
from elizanet.testing.simulation.costs import Costs
from elizanet.testing.simulation.outages import Outage
from elizanet.testing.simulation.results import Outcome, Results, percentile

ALL: Final = "all protections"
NONE: Final = "no protections"
ALONE: Final = "the first choice alone"

SLICES: Final = 60
"""Into how many parts the time of a rehearsal is cut."""

_OFF: Final = dict.fromkeys((field.name for field in fields(Protections)), False)


@dataclass(frozen=True, slots=True)
class Variation:
    """One way of living through an outage.

    `lacks`: the only protection that is missing. `alone`: without a chain.
    """

    name: str
    protections: Protections = Protections()
    lacks: str = ""
    alone: bool = False


VARIATIONS: Final = (
    Variation(ALL),
    *(
        Variation(f"without {field.name}", Protections(**{field.name: False}), field.name)
        for field in fields(Protections)
    ),
    Variation(NONE, Protections(**_OFF)),
    Variation(ALONE, Protections(**_OFF), alone=True),
)
"""With everything, without each protection, without any, and without a chain."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What callers saw of an outage.

    `waits`: seconds until the answer or its first content, sorted, of the calls that were
    answered. `amplification`: what all attempts cost, over what the answered calls would have
    cost at the first choice. `timeline`: the share of calls that were answered, by slices of
    the rehearsal.
    """

    variation: Variation
    calls: int
    answered: int
    waits: Sequence[float]
    attempts: float
    amplification: float | None
    timeline: tuple[float, ...]

    @property
    def success(self) -> float:
        """The share of the calls that were answered."""
        return self.answered / self.calls if self.calls else 1.0

    def wait(self, share: float) -> float:
        """Return the seconds within which this share of the answers came."""
        return percentile(self.waits, share)


def summed_up(variation: Variation, results: Results, costs: Costs, outage: Outage) -> Performance:
    """Return what the callers saw."""
    length = outage.length / SLICES
    return Performance(
        variation=variation,
        calls=len(results),
        answered=results.count(Outcome.ANSWERED),
        waits=results.waits(),
        attempts=results.attempts_per_call(),
        amplification=costs.amplification,
        timeline=tuple(
            results.success(slice_ * length, (slice_ + 1) * length) for slice_ in range(SLICES)
        ),
    )
