"""What the headline is made of: who is in trouble, and what it means for calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from elizanet.errors import FailureClass
from elizanet.gateway.dashboard.refused import Refused

FEW_ATTEMPTS: Final = 10
"""Fewer attempts than these say nothing about the share that fails."""
CALLERS_OWN: Final = frozenset(
    {
        *(FailureClass.BAD_REQUEST, FailureClass.CONTENT_POLICY, FailureClass.CANCELLED),
        *(FailureClass.CONTEXT_WINDOW_EXCEEDED, FailureClass.PAYLOAD_TOO_LARGE),
    }
)
"""The failures that say nothing about a provider, nor about the gateway."""


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


class Fates(msgspec.Struct, frozen=True):
    """How calls ended. `lost` of them got no answer, `fallbacks` another one's than the first's.

    `wrong` counts by class those that failed for what they asked; they are in no other number.
    """

    calls: int = 0
    lost: int = 0
    fallbacks: int = 0
    wrong: dict[str, int] = {}


class Situation(msgspec.Struct, frozen=True):
    """What the headline is made of.

    `ill`: providers in trouble now; `recovered`: those that were, lately; `held`: those that an
    operator took out, or some models of theirs. `fates` are those of the calls since the oldest
    trouble began, without one of the last quarter of an hour; `last` those of the last calls; both
    None without records. `helpers` answered the calls that fell back, `affected` are models and
    callers concerned, most first. `refused` is what the gateway turned away in the last quarter of
    an hour.
    """

    ill: Sequence[Patient] = ()
    recovered: Sequence[Patient] = ()
    held: Sequence[str] = ()
    fates: Fates | None = None
    last: Fates | None = None
    helpers: Sequence[str] = ()
    affected: Sequence[str] = ()
    refused: Refused = Refused()
