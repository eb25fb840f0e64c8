"""Why a target was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from elizanet.call import Role
from elizanet.cli import figures
from elizanet.cli.records_text import (
    CONFINED,
    Step,
    has_keys,
    is_broken_off,
    is_overdue,
    target_of,
)
from elizanet.errors import FailureClass, Skipped
from elizanet.records.model import AttemptRecord, CallRecord
from elizanet.telemetry import LEFT

_FAILED: Final[Mapping[str, str]] = {
    FailureClass.RATE_LIMIT: "was rate limited",
    FailureClass.QUOTA_EXHAUSTED: "had no quota left",
    FailureClass.OVERLOADED: "was broken or busy",
    FailureClass.TIMEOUT: "did not answer in time",
    FailureClass.CONNECTION: "could not be reached",
    FailureClass.CONTEXT_WINDOW_EXCEEDED: "found the prompt too long",
    FailureClass.CONTENT_POLICY: "refused to answer that",
    FailureClass.AUTH: "did not accept our key",
    FailureClass.MODEL_NOT_FOUND: "did not have the model",
    FailureClass.BAD_REQUEST: "found the request wrong",
    FailureClass.PAYLOAD_TOO_LARGE: "found the request too large",
    FailureClass.MALFORMED_RESPONSE: "gave what is no answer",
    FailureClass.STREAM_INTERRUPTED: "broke its stream off",
    FailureClass.CANCELLED: "was given up",
    FailureClass.UNKNOWN: "failed",
}
_WHY_NEXT: Final[Mapping[str, str]] = {
    FailureClass.RATE_LIMIT: "limits are each provider's own",
    FailureClass.QUOTA_EXHAUSTED: "waiting fills no quota, and others have their own",
    FailureClass.OVERLOADED: "others may have room",
    FailureClass.TIMEOUT: "waiting on would have cost the caller's time",
    FailureClass.CONNECTION: "others may be reachable",
    FailureClass.CONTEXT_WINDOW_EXCEEDED: "its window is larger, or nobody knows",
    FailureClass.AUTH: "others have keys of their own, and the operator is told",
    FailureClass.MODEL_NOT_FOUND: "others may have the model",
    FailureClass.PAYLOAD_TOO_LARGE: "others may take more",
    FailureClass.MALFORMED_RESPONSE: "others may do better",
    FailureClass.STREAM_INTERRUPTED: "the caller had seen nothing of it yet",
}
_NOBODY: Final = "Nobody would take the call"
_WHY_AGAIN: Final[Mapping[str, str]] = {
    FailureClass.CONNECTION: "nothing had been sent, so that nothing could happen twice",
    FailureClass.RATE_LIMIT: "the wait it asked for was short",
    FailureClass.OVERLOADED: "a single error is often gone at once",
}


def failure_of(attempt: AttemptRecord, record: CallRecord) -> str:
    """Say what came of an attempt that failed, without details."""
    if is_overdue(attempt, record):
        return "stayed silent"
    return _FAILED.get(attempt.failure_class or "", "failed")


def told(attempt: AttemptRecord, record: CallRecord, before: Sequence[Step]) -> str:
    """Say why a target was asked after what was `before`, and what came of it."""
    return f"{_asked(attempt, record, before)} {_came(attempt, record)}"


def _asked(attempt: AttemptRecord, record: CallRecord, before: Sequence[Step]) -> str:
    target = target_of(attempt) + _through(attempt)
    tried = [step for step in before if not isinstance(step, Skipped)]
    if attempt.role == Role.PANIC:
        confined = CONFINED.get(record.bound or "")
        nobody = f"Nobody else was to be asked: {confined}" if confined else _NOBODY
        return f"{nobody}. Breakers may be wrong, so {target} was asked anyway."
    if not tried:
        return f"{target} was asked {'instead' if before else 'first'}."
    last = tried[-1]
    reason = last.failure_class or ""
    match attempt.role:
        case Role.AGAIN:
            why = _WHY_AGAIN.get(reason, "that is often gone at the second try")
            pause = max(0.0, attempt.started - last.started - last.duration)
            return f"It was asked again {figures.seconds(pause)} later: {why}."
        case Role.HEDGE:
            silent = figures.seconds(attempt.started - last.started)
            return f"After {silent} without a word, {target} was asked beside it."
        case Role.RESCUE:
            return f"Other calls found it down meanwhile, so this one left it for {target}."
        case Role.CONTINUATION:
            return f"{target} was asked to go on where it had stopped."
        case _:
            why = _WHY_NEXT.get(reason, "others may do better")
            return f"So {target} was asked: {why}."


def _through(attempt: AttemptRecord) -> str:
    """Name the key, where the provider has several."""
    return f" (with {attempt.key})" if has_keys(attempt) else ""


def _came(attempt: AttemptRecord, record: CallRecord) -> str:
    after = figures.seconds(attempt.duration)
    what = "Its first content came" if record.stream else "It answered"
    if attempt.failure_class is None:
        return f"{what} after {after}."
    if is_broken_off(attempt, record):
        return f"{what} after {after}; then it broke off{_details(attempt)}."
    if is_overdue(attempt, record):
        return "It stayed silent."
    if attempt.failure_class == FailureClass.CANCELLED:
        if attempt.message == LEFT:
            return f"The caller went away {after} later."
        return f"It was given up after {after}: {attempt.message or 'not wanted any more'}."
    return f"It {failure_of(attempt, record)} after {after}{_details(attempt)}."


def _details(attempt: AttemptRecord) -> str:
    """Say in brackets what the provider said, or what we found."""
    said = f'"{attempt.message}"' if attempt.message else ""
    status = "" if attempt.status in {None, 200} else str(attempt.status)
    named = f"its request {attempt.request_id}" if attempt.request_id else ""
    told = "; ".join(filter(None, (": ".join(filter(None, (status, said))), named)))
    return f" ({told})" if told else ""
