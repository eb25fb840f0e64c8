"""The default policy of every failure class, in one table."""

from __future__ import annotations

from typing import Final

from elizanet.errors import STOPPING, FailureClass, Verdict

PATIENCE_S: Final = 60.0
"""A rate limit that asks for a longer wait than this is not worth another try."""

RETRYABLE: Final = frozenset(
    {
        FailureClass.RATE_LIMIT,
        FailureClass.OVERLOADED,
        FailureClass.TIMEOUT,
        FailureClass.CONNECTION,
        FailureClass.MALFORMED_RESPONSE,
        FailureClass.STREAM_INTERRUPTED,
    }
)
"""The classes that may heal by themselves within a request."""


def verdict_for(
    failure_class: FailureClass,
    *,
    retry_after_s: float | None = None,
    retry: bool | None = None,
) -> Verdict:
    """Return what a failure of a known class means by default.

    `retry_after_s` is the delay in seconds the provider stated. `retry` overrides whether
    another try at the same provider could help; None (the default) follows the class: the
    passing ones yes, the others no, a rate limit not if its delay is over 60 s.
    """
    if retry is None:
        retry = failure_class in RETRYABLE
        if failure_class is FailureClass.RATE_LIMIT and retry_after_s is not None:
            retry = retry_after_s <= PATIENCE_S
    return Verdict(failure_class, failure_class not in STOPPING, retry, retry_after_s)
