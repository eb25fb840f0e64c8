"""One provider's trouble in words.

A sentence is a list of texts and moments; a moment is a number (seconds since 1970) that the page
writes as a time of its reader's day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elizanet.gateway.dashboard.situation import FEW_ATTEMPTS, Patient

Sentence = list[str | float]

_MINUTE_S: Final = 60
_WHOLE: Final = 100
_MOSTLY: Final = 0.5

_WORDS: Final[Mapping[str, str]] = {
    "rate_limit": "rate limits",
    "quota_exhausted": "quota errors",
    "overloaded": "overload errors",
    "timeout": "timeouts",
    "connection": "connection failures",
    "context_window_exceeded": "prompts that are too long",
    "content_policy": "policy refusals",
    "auth": "rejected keys",
    "model_not_found": "missing models",
    "bad_request": "bad requests",
    "payload_too_large": "oversized requests",
    "malformed_response": "malformed answers",
    "stream_interrupted": "broken streams",
    "cancelled": "cancelled calls",
    "unknown": "unknown errors",
}
_IS: Final[Mapping[str, str]] = {
    "half_open": "being probed",
    "open": "failing",
    "failing": "failing",
    "rate_limited": "rate limited",
    "quarantined": "set aside",
}


def tell(patient: Patient) -> Sentence:
    """Say what a provider's trouble is, without the full stop."""
    whom = f"{patient.part} of {patient.name}" if patient.part else patient.name
    was = patient.until is not None
    words: Sentence = [f"{whom} {'was' if was else 'is'} {_IS[patient.state]}"]
    if patient.since is not None and patient.until is not None:
        words += _while(patient.since, patient.until)
    elif patient.since is not None:
        words += [" since ", patient.since]
    if patient.failed:
        words.append(f": {_failures(patient)}{_mostly(patient)}")
    elif patient.reason:
        words.append(f": {patient.reason.rstrip('.')}")
    return words


def _while(since: float, until: float) -> Sentence:
    if until - since < _MINUTE_S:
        return [f" for {max(1, round(until - since))} s at ", since]
    return [" from ", since, " to ", until]


def _failures(patient: Patient) -> str:
    """Say how many attempts failed; the share of a few says nothing."""
    if patient.attempts < FEW_ATTEMPTS:
        return f"{patient.failed:,} attempt{'' if patient.failed == 1 else 's'} failed"
    fail = "fail" if patient.until is None else "failed"
    return f"{share(patient.failed, patient.attempts)} of its attempts {fail}"


def name_of(failure: str) -> str:
    """Return what several failures of a class are called."""
    return _WORDS.get(failure, failure)


def _mostly(patient: Patient) -> str:
    worst = max(patient.failures, key=lambda name: patient.failures[name])
    if patient.failed == 1 or patient.failures[worst] < _MOSTLY * patient.failed:
        return ""
    most = "all" if patient.failures[worst] == patient.failed else "mostly"
    return f", {most} {name_of(worst)}"


def what_next(patient: Patient) -> list[Sentence]:
    """Say what the gateway, or a person, has to do for a provider to come back."""
    match patient.state:
        case "open":
            return [["It is probed with one call at a time, and used again once it answers."]]
        case "half_open":
            return [["Three answers in a row bring it back."]]
        case "rate_limited" if patient.again_at is not None:
            return [["It is asked again from ", patient.again_at, " on."]]
        case "quarantined" if patient.again_at is not None:
            return [["Somebody has to act; it is tried again at ", patient.again_at, "."]]
    return []


def share(failed: int, calls: int) -> str:
    """Return a part of a whole in per cent; only nothing is 0 %, and only everything 100 %."""
    percent = round(_WHOLE * failed / calls) if calls else 0
    if failed and not percent:
        return "less than 1 %"
    if failed < calls and percent == _WHOLE:
        return "more than 99 %"
    return f"{percent} %"
