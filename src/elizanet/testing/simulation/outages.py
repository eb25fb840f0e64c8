"""The outages that a rehearsal plays: what fails, when, and how the calls come."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from elizanet.testing.simulation.behaviours import BEHAVIOURS
from elizanet.testing.simulation.load import Phase
from elizanet.testing.simulation.windows import Window

WARM_UP_S: Final = 60.0
"""Seconds in which everything works, before each outage."""


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage. `seconds` is how long it lasts, `after` how long is looked on after it.

    `fault` is what is wrong (a name of `BEHAVIOURS`) with the first choice, or with every
    provider if it is `everywhere`; `share`, `period` and `key` are as in `Window`. `burst`
    multiplies the load while it lasts; `headroom` is the capacity of a provider as a multiple
    of the usual load. Callers give up after `patience` seconds.
    """

    name: str
    shows: str
    seconds: float
    fault: str | None = None
    after: float = 120.0
    share: float = 1.0
    period: float = 0.0
    key: str | None = None
    everywhere: bool = False
    burst: float = 1.0
    headroom: float = inf
    patience: float = 600.0

    @property
    def begins(self) -> float:
        """Seconds from the start of the rehearsal to the outage."""
        return WARM_UP_S

    @property
    def ends(self) -> float:
        """Seconds from the start of the rehearsal to the end of the outage."""
        return WARM_UP_S + self.seconds

    @property
    def length(self) -> float:
        """Seconds that the rehearsal takes."""
        return self.ends + self.after

    def windows(self) -> tuple[Window, ...]:
        """Return what is wrong, and when."""
        if self.fault is None:
            return ()
        behaviour = BEHAVIOURS[self.fault]
        return (
            Window(
                behaviour,
                self.begins,
                self.ends,
                key=self.key,
                share=self.share,
                period=self.period,
            ),
        )

    def load(self, rate: float) -> tuple[Phase, ...]:
        """Return the calls, `rate` a second in ordinary times."""
        return (
            Phase(rate, seconds=WARM_UP_S),
            Phase(rate * self.burst, seconds=self.seconds),
            Phase(rate, seconds=self.after),
        )


_ALL: Final = (
    Outage(
        "primary-down", "the first choice refuses connections for ten minutes", 600.0, "refuse"
    ),
    Outage("primary-hangs", "the first choice falls silent for five minutes", 300.0, "hang"),
    Outage(
        "rate-limits", "the first choice answers every second call with 429, retry after 4 s",
        300.0, "limited_seconds", share=0.5,
    ),
    Outage(
        "flapping", "the first choice fails for 5 s, works for 5 s, and so on",
        300.0, "error_500", period=5.0,
    ),
    Outage(
        "all-slow", "every provider is ten times as slow as usual", 180.0, "slow", everywhere=True
    ),
    Outage(
        "all-down", "every provider answers 500 for two minutes", 120.0, "error_500",
        everywhere=True,
    ),
    Outage(
        "burst", "20 s of 2.9 times the calls; providers 70 % busy, callers patient for 5 s",
        20.0, after=240.0, burst=2.9, headroom=1 / 0.7, patience=5.0,
    ),
)  # fmt: skip

OUTAGES: Final[dict[str, Outage]] = {outage.name: outage for outage in _ALL}
"""The outages by name."""
