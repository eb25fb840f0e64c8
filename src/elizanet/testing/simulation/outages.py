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

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage. `seconds` is how long it lasts, `after` how long is looked on after it.

    `windows` are what is wrong with the first choice, or with every provider if it is
    `everywhere`; their times count from the beginning of the outage. `burst` multiplies the
    load while it lasts; `headroom` is the capacity of a provider as a multiple of the usual
    load. Callers give up after `patience` seconds.
    """

    name: str
    shows: str
    seconds: float
    after: float
    windows: tuple[Window, ...] = ()
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

    def load(self, rate: float) -> tuple[Phase, ...]:
        """Return the calls, `rate` a second in ordinary times."""
        return (
            Phase(rate, seconds=WARM_UP_S),
            Phase(rate * self.burst, seconds=self.seconds),
            Phase(rate, seconds=self.after),
        )


def _lasting(behaviour: str, seconds: float, *, share: float = 1.0, period: float = 0.0) -> Window:
    start, end = WARM_UP_S, WARM_UP_S + seconds
    return Window(BEHAVIOURS[behaviour], start, end, share=share, period=period)


def _outage(
    name: str,
    shows: str,
    behaviour: str,
    minutes: float,
    *,
    share: float = 1.0,
    period: float = 0.0,
    everywhere: bool = False,
) -> Outage:
    seconds = minutes * _MINUTE
    window = _lasting(behaviour, seconds, share=share, period=period)
    return Outage(name, shows, seconds, 2 * _MINUTE, (window,), everywhere=everywhere)


OUTAGES: Final[dict[str, Outage]] = {
    outage.name: outage
    for outage in (
        _outage(
            "primary-down", "the first choice refuses connections for ten minutes", "refuse", 10
        ),
        _outage("primary-hangs", "the first choice falls silent for five minutes", "hang", 5),
        _outage(
            "rate-limits", "the first choice answers every second call with 429, retry after 4 s",
            "limited_seconds", 5, share=0.5,
        ),
        _outage(
            "flapping", "the first choice fails for 5 s, works for 5 s, and so on",
            "error_500", 5, period=5,
        ),
        _outage(
            "all-slow", "every provider is ten times as slow as usual", "slow", 3, everywhere=True
        ),
        _outage(
            "all-down", "every provider answers 500 for two minutes", "error_500", 2,
            everywhere=True,
        ),
        Outage(
            "burst", "20 s of 2.9 times the calls; providers 70 % busy, callers patient for 5 s",
            20.0, 4 * _MINUTE, burst=2.9, headroom=1 / 0.7, patience=5.0,
        ),
    )
}  # fmt: skip
"""The outages by name."""
