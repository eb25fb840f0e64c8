"""Why a target was not asked, and since when that was known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from elizanet.call import Role
from elizanet.cli import figures
from elizanet.cli.records_text import asked_later, has_keys, target_of
from elizanet.errors import Skipped
from elizanet.health import Reason
from elizanet.records.model import CallRecord, ChangeRecord

_REASONS: Final[Mapping[str, str]] = {
    Reason.KEY_QUARANTINED: "its key had been refused",
    Reason.QUOTA_EXHAUSTED: "the quota of its key was used up",
    Reason.TARGET_QUARANTINED: "it had said that this model is not there, or not for this key",
    Reason.RATE_LIMITED: "it had been asked too often, and had to be left alone",
    Reason.OVERLOADED: "it had no room, and had to be left alone",
    Reason.OWN_LIMIT: "our own limit towards it was used up",
    Reason.FULL: "as many calls were under way there as it takes",
    Reason.BREAKER_OPEN: "its breaker was open, because it had failed too often",
    Reason.OTHER_MODEL: "embeddings of another model cannot be compared with those of the first",
}
_FORCED: Final = "an operator decided"
"""What a breaker says that was forced (`policy.breaker`)."""
_WHAT: Final[Mapping[str, str]] = {
    Reason.KEY_QUARANTINED: "key",
    Reason.QUOTA_EXHAUSTED: "key",
    Reason.TARGET_QUARANTINED: "target",
    Reason.RATE_LIMITED: "gate",
    Reason.OVERLOADED: "gate",
    Reason.BREAKER_OPEN: "breaker",
}
"""The kind of change that told of it (`telemetry.HealthChanged`)."""


def reason_of(step: Skipped) -> str:
    """Say why a target was not asked."""
    if step.reason == Reason.BREAKER_OPEN and step.detail == _FORCED:
        return "an operator held its breaker open"
    return _REASONS.get(step.reason, step.reason.replace("_", " "))


def told(step: Skipped, record: CallRecord, before: Sequence[ChangeRecord]) -> str:
    """Say that a target was not asked, why, for how long, and since when that was known."""
    said = f' ("{step.detail}")' if step.detail and step.detail != _FORCED else ""
    until = step.retry_after_s
    more = "" if until is None else f", for another {figures.span(until)}"
    sentence = f"{_not_asked(step, record)}: {reason_of(step)}{said}{more}."
    change = _cause_of(step, record, before)
    if change is None:
        return sentence
    ago = max(0.0, record.at - change.at)
    since = f"{datetime.fromtimestamp(change.at).astimezone():%H:%M:%S}"
    earlier = f"{figures.span(ago)} before" if ago >= 1 else "less than a second before"
    return f"{sentence} That was known since {since}, {earlier}."


def _not_asked(step: Skipped, record: CallRecord) -> str:
    attempt, target = asked_later(step, record), target_of(step)
    if attempt is None:
        return f"{target} was not asked"
    if has_keys(attempt) and attempt.role != Role.PANIC:
        return f"Through another of its keys {target} was not asked"
    return f"{target} could not be asked at once"


def _cause_of(
    step: Skipped, record: CallRecord, before: Sequence[ChangeRecord]
) -> ChangeRecord | None:
    """Return the change that led to a refusal, the newest if there are several.

    What another process knew does not count.
    """
    what, target = _WHAT.get(step.reason), target_of(step)
    causes = [
        change
        for change in before
        if change.run == record.run
        and change.what == what
        and is_about(change.subject, step.provider, target)
        and change.state not in {"closed", "in use again"}
    ]
    return max(causes, key=lambda change: change.at, default=None)


def is_about(subject: str, provider: str, target: str) -> bool:
    """Tell whether a change is about a provider as a whole, its key, or this target."""
    return subject in {provider, target} or subject.startswith((f"{target} ", f"{provider} key "))
