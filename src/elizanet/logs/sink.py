"""The sink that writes log lines: those of the specification, with their facts as fields.

Lines go to the logger `elizanet`; the fields are passed as `extra`, so that every formatter which
knows those can write them (`docs/monitoring.md` lists them).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from elizanet.call import Attempt
from elizanet.redact import mask_keys
from elizanet.telemetry import (
    ALERTING,
    AttemptFailed,
    CallAnswered,
    CallEnded,
    CallGaveUp,
    EmbeddingDegraded,
    HealthChanged,
    HedgeStarted,
    HookFailed,
    StreamBroke,
    StreamContinued,
    TelemetryEvent,
    answering,
    describe,
    fallback_of,
    shown,
)

logger = logging.getLogger("elizanet")

_GOOD_NEWS: Final = frozenset({"closed", "healthy", "in use again"})
"""What is said of something that works again."""


def log_sink(event: TelemetryEvent) -> None:
    """Write the event to the logger `elizanet`: one line, its facts beside it as fields.

    Keys are masked where the text was built, in names here. Fields are those of `extra`.
    """
    _WRITERS[type(event)](event)


def _attempt_failed(event: AttemptFailed) -> None:
    attempt = event.attempt
    level = logging.ERROR if attempt.failure_class in ALERTING else logging.WARNING
    following = event.next_target and shown(event.next_target)
    then = f"; trying {following}" if following else ""
    fields = _fields(event, attempt) | {"next_target": following}
    text = "[%s] %s: %s%s"
    logger.log(
        level, text, event.call_id, fields["model"], describe(attempt), then, extra=fields
    )  # fmt: skip


def _call_answered(event: CallAnswered) -> None:
    if len(event.attempts) == 1 and not logger.isEnabledFor(logging.DEBUG):
        return
    by, first, ms = answering(event.attempts), event.attempts[0], round(event.seconds * 1000)
    fields = _fields(event, by) | {"attempts": len(event.attempts), "duration_ms": ms}
    call = (event.call_id, fields["model"])
    if len(event.attempts) == 1:
        logger.debug("[%s] %s: answered (took %d ms)", *call, ms, extra=fields)
        return
    if (by.provider, by.model) != (first.provider, first.model):
        fields["fallback_reason"] = first.failure_class
    who = f"{by.provider}/{fields['target_model']}"
    text = "[%s] %s: answered by %s, attempt %d (took %d ms)"
    logger.info(text, *call, who, by.number, ms, extra=fields)


def _call_gave_up(event: CallGaveUp) -> None:
    count, failure, ms = len(event.attempts), event.failure_class, round(event.seconds * 1000)
    fields = _fields(event) | {"attempts": count, "failure_class": failure, "duration_ms": ms}
    text = "[%s] %s: no answer (attempts: %d), %s (took %d ms)"
    logger.error(text, event.call_id, fields["model"], count, failure, ms, extra=fields)


def _call_ended(event: CallEnded) -> None:
    """Sum the call up; what went wrong in it was told when it happened."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    usage, fallback = event.usage, fallback_of(event)
    fields = _fields(event) | {
        "operation": event.operation,
        "chain": event.chain,
        "caller": event.caller,
        "stream": event.stream,
        "outcome": event.outcome,
        "attempts": len(event.attempts),
        "duration_ms": round(event.seconds * 1000),
    }
    if event.first_content is not None:
        fields["first_content_ms"] = round(event.first_content * 1000)
    if fallback is not None:
        fields["fallback_reason"] = fallback.failure_class
    if usage is not None:
        fields["prompt_tokens"] = usage.prompt_tokens
        fields["completion_tokens"] = usage.completion_tokens
    text = "[%s] %s: ended, %s (took %d ms)"
    took = fields["duration_ms"]
    logger.debug(text, event.call_id, fields["model"], event.outcome, took, extra=fields)


def _stream_broke(event: StreamBroke) -> None:
    fields = _fields(event, event.attempt)
    text = "[%s] %s: stream broke, %s"
    logger.error(text, event.call_id, fields["model"], describe(event.attempt), extra=fields)


def _stream_continued(event: StreamContinued) -> None:
    target = shown(event.target)
    fields = _fields(event, event.broken) | {"next_target": target}
    text = "[%s] %s: stream broke, %s; going on from %s"
    told = describe(event.broken)
    logger.warning(text, event.call_id, fields["model"], told, target, extra=fields)


def _hedge_started(event: HedgeStarted) -> None:
    overdue, target = shown(event.overdue), shown(event.target)
    fields = _fields(event) | {
        "overdue": overdue,
        "next_target": target,
        "duration_ms": round(event.seconds * 1000),
    }
    text = "[%s] %s: %s has been silent for %.2g s; asking %s, too"
    call = (event.call_id, fields["model"])
    logger.warning(text, *call, overdue, event.seconds, target, extra=fields)


def _health_changed(event: HealthChanged) -> None:
    level = logging.INFO if event.state in _GOOD_NEWS else logging.WARNING
    if event.state.startswith("quarantined"):
        level = logging.ERROR
    subject, what, state, reason = shown(event.subject), event.what, event.state, event.reason
    fields = {"subject": subject, "what": what, "state": state, "reason": reason}
    logger.log(level, "%s: %s %s: %s", subject, what, state, reason, extra=fields)


def _hook_failed(event: HookFailed) -> None:
    fields = {"hook": event.hook, "reason": event.reason}
    logger.error("hooks.%s failed: %s", event.hook, event.reason, extra=fields)


def _embedding_degraded(event: EmbeddingDegraded) -> None:
    level = logging.DEBUG if event.probe else logging.WARNING
    fields = {"marker": event.marker, "reason": event.reason}
    text = "embedding degraded to a marker vector (%s): %s"
    logger.log(level, text, event.marker, event.reason, extra=fields)


class _OfCall(Protocol):
    @property
    def call_id(self) -> str: ...
    @property
    def model(self) -> str: ...


def _fields(event: _OfCall, attempt: Attempt | None = None) -> dict[str, object]:
    """Return the fields of a line about a call, and about one attempt of it."""
    fields: dict[str, object] = {"call_id": event.call_id, "model": shown(event.model)}
    if attempt is not None:
        fields["provider"] = attempt.provider
        fields["target_model"] = shown(attempt.model)
        fields["attempt"] = attempt.number
        fields["role"] = attempt.role
        fields["status"] = attempt.status
        fields["request_id"] = attempt.request_id and mask_keys(attempt.request_id)
        fields["duration_ms"] = round(attempt.duration * 1000)
        if attempt.failure_class is not None:
            fields["failure_class"] = attempt.failure_class
            fields["retryable"] = attempt.retryable
            fields["error"] = attempt.message
    return fields


_WRITERS: dict[type, Callable[[Any], None]] = {
    AttemptFailed: _attempt_failed,
    CallAnswered: _call_answered,
    CallGaveUp: _call_gave_up,
    CallEnded: _call_ended,
    StreamBroke: _stream_broke,
    StreamContinued: _stream_continued,
    HedgeStarted: _hedge_started,
    HealthChanged: _health_changed,
    HookFailed: _hook_failed,
    EmbeddingDegraded: _embedding_degraded,
}
