"""Why a target may not be asked now."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from elizanet.errors import FailureClass


class Reason(StrEnum):
    """The kinds of refusal: facts, lack of room, and opinions."""

    KEY_QUARANTINED = "key_quarantined"
    """The provider does not accept the key."""
    QUOTA_EXHAUSTED = "quota_exhausted"
    """The quota of the key is used up."""
    TARGET_QUARANTINED = "target_quarantined"
    """The provider does not have this model, or not for this key."""
    RATE_LIMITED = "rate_limited"
    """The provider has said when it may be asked again."""
    OVERLOADED = "overloaded"
    """The provider has no capacity, and has said when it may be asked again."""
    OWN_LIMIT = "own_limit"
    """The operator's own limit towards this provider is used up."""
    FULL = "full"
    """As many calls are in flight as the target takes."""
    BREAKER_OPEN = "breaker_open"
    """It has failed too often: an opinion of ours, which may be wrong."""
    OTHER_MODEL = "other_model"
    """Its model is another one, whose embeddings cannot be compared with the first target's."""


QUARANTINES: Final = frozenset(
    {Reason.KEY_QUARANTINED, Reason.QUOTA_EXHAUSTED, Reason.TARGET_QUARANTINED}
)
RATES: Final = frozenset({Reason.RATE_LIMITED, Reason.OVERLOADED, Reason.OWN_LIMIT})


class Refusal(msgspec.Struct, frozen=True):
    """A reason, and when it ends (seconds of the loop's clock; None: nobody knows).

    `failure_class`: what the target failed with, where the reason does not say it.
    """

    reason: Reason
    until: float | None
    detail: str = ""
    failure_class: FailureClass | None = None
