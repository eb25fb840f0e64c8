"""What the headline is made of: who is in trouble, and what it means for calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from elizanet.records.reading import Totals

FEW_ATTEMPTS: Final = 10
"""Fewer than these say nothing about the share that fails."""


class Patient(msgspec.Struct, frozen=True):
    """One provider and its trouble.

    `state` is that of `ProviderView`, or "failing" where only its attempts tell. `since`, `until`
    and `again_at` (when it may be asked again) are moments, None where nobody knows. `failures`
    counts by class, `attempts` all of them, 0 if only the failures are known. `part` says which
    part of it is concerned, "" for all of it.
    """

    name: str
    state: str
    reason: str = ""
    since: float | None = None
    until: float | None = None
    again_at: float | None = None
    attempts: int = 0
    failures: dict[str, int] = {}
    part: str = ""

    @property
    def failed(self) -> int:
        """How many of its attempts failed."""
        return sum(self.failures.values())


class Situation(msgspec.Struct, frozen=True):
    """What the headline is made of.

    `ill`: providers in trouble now; `recovered`: those that were, lately; `held`: those that an
    operator took out, or some models of theirs. `totals` are of the time since the oldest trouble
    began, without one of the last quarter of an hour, None without records. `helpers` answered
    the calls that fell back, `affected` are models and callers concerned, most first.
    """

    ill: Sequence[Patient] = ()
    recovered: Sequence[Patient] = ()
    held: Sequence[str] = ()
    totals: Totals | None = None
    helpers: Sequence[str] = ()
    affected: Sequence[str] = ()
