"""What records say, in words: failures, refusals, and who was asked in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elizanet.call import Bound, Role
from elizanet.errors import FailureClass, Skipped
from elizanet.records.model import AttemptRecord, CallRecord
from elizanet.telemetry import Outcome

FAILED: Final[Mapping[str, str]] = {
    FailureClass.RATE_LIMIT: "rate limited",
    FailureClass.QUOTA_EXHAUSTED: "out of quota",
    FailureClass.OVERLOADED: "overloaded",
    FailureClass.TIMEOUT: "timed out",
    FailureClass.CONNECTION: "unreachable",
    FailureClass.CONTEXT_WINDOW_EXCEEDED: "prompt too long",
    FailureClass.CONTENT_POLICY: "refused by policy",
    FailureClass.AUTH: "key refused",
    FailureClass.MODEL_NOT_FOUND: "no such model",
    FailureClass.BAD_REQUEST: "bad request",
    FailureClass.PAYLOAD_TOO_LARGE: "too large",
    FailureClass.MALFORMED_RESPONSE: "malformed answer",
    FailureClass.STREAM_INTERRUPTED: "stream broke",
    FailureClass.CANCELLED: "given up",
    FailureClass.UNKNOWN: "failed",
}
"""What came of an attempt that failed."""

SKIPPED: Final[Mapping[str, str]] = {
    "key_quarantined": "key in quarantine",
    "quota_exhausted": "out of quota",
    "target_quarantined": "in quarantine",
    "rate_limited": "rate limited",
    "overloaded": "overloaded",
    "own_limit": "over our limit",
    "full": "full",
    "breaker_open": "breaker open",
    "other_model": "another embedding model",
}
"""Why a target was not asked (`health.Reason`)."""

CONFINED: Final[Mapping[str, str]] = {
    Bound.CALLER: "the caller had forbidden fallback",
    Bound.OPERATOR: "the operator has turned fallback off",
    Bound.REFERENCE: "the request refers to what only one provider has",
}
"""Why a call was not to go anywhere else, from its beginning."""

Step = AttemptRecord | Skipped
"""What happened on the way of a call: a target was asked, or passed over."""


def failed(failure_class: str) -> str:
    """Say what came of an attempt that failed; a class of another version is itself."""
    return FAILED.get(failure_class, failure_class)


def skipped(reason: str) -> str:
    """Say why a target was not asked."""
    return SKIPPED.get(reason, reason.replace("_", " "))


def target_of(step: Step) -> str:
    """Name the target of a step."""
    return f"{step.provider}/{step.model}"


def targets_of(record: CallRecord) -> tuple[str, ...]:
    """Return the chain of a call, with the name that the caller sent for `*`."""
    return tuple(
        f"{name[:-1]}{record.model}" if name.endswith("/*") else name for name in record.targets
    )


def steps_of(record: CallRecord) -> list[Step]:
    """Return attempts and targets passed over in the order in which it was their turn."""
    place = {name: position for position, name in enumerate(targets_of(record))}
    waiting = list(record.passed_over)
    steps: list[Step] = []
    for attempt in record.attempts:
        turn = place.get(target_of(attempt), len(place))
        before = [s for s in waiting if place.get(target_of(s), 0) <= turn]
        if attempt.role == Role.PANIC:  # nobody had admitted the call
            before = waiting
        waiting = [s for s in waiting if s not in before]
        steps += [*before, attempt]
    return [*steps, *waiting]


def asked_later(step: Skipped, record: CallRecord) -> AttemptRecord | None:
    """Return the attempt at a target that was passed over before, or with another key."""
    its = (attempt for attempt in record.attempts if target_of(step) == target_of(attempt))
    return next(its, None)


def has_keys(attempt: AttemptRecord) -> bool:
    """Tell whether the provider of an attempt has several keys."""
    return attempt.key not in {"", attempt.provider}


def has_moved(record: CallRecord) -> bool:
    """Tell whether another target than the first choice answered."""
    answered = record.outcome == Outcome.ANSWERED and bool(record.attempts)
    return answered and record.fallback_reason is not None


def is_overdue(attempt: AttemptRecord, record: CallRecord) -> bool:
    """Tell whether an attempt was silent until another one, which started later, was faster."""
    if attempt.failure_class != FailureClass.TIMEOUT or attempt.status is not None:
        return False
    ends = attempt.started + attempt.duration
    return any(
        other.role == Role.HEDGE and attempt.started < other.started < ends
        for other in record.attempts
    )


def is_broken_off(attempt: AttemptRecord, record: CallRecord) -> bool:
    """Tell whether an attempt broke after its first content: it had answered until then."""
    if attempt.status is None or attempt.status not in _SUCCESS or attempt.failure_class is None:
        return False
    later = [
        other
        for other in record.attempts
        if other.number > attempt.number and other.failure_class != FailureClass.CANCELLED
    ]
    if later:
        return later[0].role == Role.CONTINUATION
    return record.outcome == Outcome.BROKEN


_SUCCESS: Final = range(200, 300)
