"""Which of the protections are at work: all of them, except in a rehearsal of life without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Protections:
    """Everything the engine does beyond trying the next target."""

    breaker: bool = True
    overdue: bool = True
    """A silent attempt counts against its target before its limit is reached."""
    rescue: bool = True
    """Attempts that wait for a target that was found down go elsewhere."""
    hedge: bool = True
    budget: bool = True
    limiter: bool = True
    gate: bool = True
    quarantine: bool = True
    panic: bool = True
