"""What happens in the engine, as typed events; sinks turn them into logs and metrics.

The engine emits dataclasses and never strings. A sink is a plain function; one that raises
is cut off from the call: its error is logged once a process, and the answer goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from elizanet.call import Attempt, Usage
from elizanet.capture import Captured
from elizanet.errors import FailureClass, Skipped
from elizanet.operation import Operation

logger = logging.getLogger("elizanet")

ALERTING: frozenset[FailureClass] = frozenset({FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED})
"""Failures that only a person can end: the caller is served, the operator is told."""


class AttemptFailed(msgspec.Struct, frozen=True):
    """An attempt failed; `next_target` names who is asked now, or is None."""

    call_id: str
    model: str
    attempt: Attempt
    next_target: str | None


class CallAnswered(msgspec.Struct, frozen=True):
    """A call has its answer (a stream: its first content)."""

    call_id: str
    model: str
    attempts: tuple[Attempt, ...]
    seconds: float


class CallGaveUp(msgspec.Struct, frozen=True):
    """No target answered, or the failure was one that must reach the caller."""

    call_id: str
    model: str
    attempts: tuple[Attempt, ...]
    seconds: float
    failure_class: FailureClass


class StreamBroke(msgspec.Struct, frozen=True):
    """A stream broke after content had been passed on."""

    call_id: str
    model: str
    attempt: Attempt


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    BROKEN = "broken"
    """Its stream broke after content had been passed on."""
    LEFT = "left"
    """The caller went away, or closed the answer before its end."""


class Capture(StrEnum):
    """Which calls are told of with what was asked and answered."""

    OFF = "off"
    ERRORS = "errors"
    """Those in which something failed."""
    ALL = "all"


class Interest(msgspec.Struct, frozen=True):
    """What a sink wants to know that costs something to find out.

    `details`: the tokens of each attempt, and what its provider calls the request.
    """

    details: bool = False
    capture: Capture = Capture.OFF


class CallEnded(msgspec.Struct, frozen=True):
    """A call is over: all that is known of it. Times are in seconds.

    `first_content`: from the beginning of the call until there was something to show, None if
    there never was. `usage` is that of all attempts, counted only where somebody wants it.
    `passed_over`: the targets that were not asked when it was their turn, and why. `chain` and
    `targets` name the chain and its targets in the order of their tiers, `caller` who asked.
    """

    call_id: str
    operation: Operation
    model: str
    stream: bool
    outcome: Outcome
    attempts: tuple[Attempt, ...]
    seconds: float
    first_content: float | None
    usage: Usage | None
    failure_class: FailureClass | None
    passed_over: tuple[Skipped, ...]
    chain: str = ""
    targets: tuple[str, ...] = ()
    caller: str = ""
    captured: Captured | None = None


class HedgeStarted(msgspec.Struct, frozen=True):
    """An attempt is overdue, and a second one starts at `target` while it goes on."""

    call_id: str
    model: str
    overdue: str
    target: str
    seconds: float


class HealthChanged(msgspec.Struct, frozen=True):
    """Something is known of a provider that was not before.

    `what` is "breaker", "gate", "key" or "target"; `state` says what it is now.
    """

    subject: str
    what: str
    state: str
    reason: str


class HookFailed(msgspec.Struct, frozen=True):
    """A function of the operator's raised an exception; the call went on without it."""

    hook: str
    reason: str


class StreamContinued(msgspec.Struct, frozen=True):
    """A stream that had broken goes on from another target."""

    call_id: str
    model: str
    broken: Attempt
    target: str


class EmbeddingDegraded(msgspec.Struct, frozen=True):
    """A marker vector was given instead of an embedding; `marker` is its first number.

    `probe` says that the input was null, which only asks for the length of the vectors.
    """

    marker: float
    reason: str
    probe: bool


TelemetryEvent = (
    AttemptFailed
    | CallAnswered
    | CallGaveUp
    | CallEnded
    | StreamBroke
    | StreamContinued
    | HedgeStarted
    | HealthChanged
    | HookFailed
    | EmbeddingDegraded
)
Sink = Callable[[TelemetryEvent], None]


def log_sink(event: TelemetryEvent) -> None:
    """Write the event to the logger `elizanet`: one line, keys masked where it was built."""
    _WRITERS[type(event)](event)


def _attempt_failed(event: AttemptFailed) -> None:
    level = logging.ERROR if event.attempt.failure_class in ALERTING else logging.WARNING
    then = f"; trying {event.next_target}" if event.next_target else ""
    logger.log(
        level, "[%s] %s: %s%s", event.call_id, event.model, describe(event.attempt), then
    )  # fmt: skip


def _call_answered(event: CallAnswered) -> None:
    call, ms = (event.call_id, event.model), event.seconds * 1000
    if len(event.attempts) == 1:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("[%s] %s: answered (took %d ms)", *call, ms)
        return
    by = answering(event.attempts)
    who = f"{by.provider}/{by.model}"
    logger.info(
        "[%s] %s: answered by %s, attempt %d (took %d ms)", *call, who, by.number, ms
    )  # fmt: skip


def _call_gave_up(event: CallGaveUp) -> None:
    logger.error(
        "[%s] %s: no answer (attempts: %d), %s (took %d ms)",
        event.call_id, event.model, len(event.attempts), event.failure_class, event.seconds * 1000,
    )  # fmt: skip


def _nothing(event: CallEnded) -> None:
    """What there is to say has been said when it happened."""


def _stream_broke(event: StreamBroke) -> None:
    logger.error(
        "[%s] %s: stream broke, %s", event.call_id, event.model, describe(event.attempt)
    )  # fmt: skip


def _stream_continued(event: StreamContinued) -> None:
    logger.warning(
        "[%s] %s: stream broke, %s; going on from %s",
        event.call_id, event.model, describe(event.broken), event.target,
    )  # fmt: skip


def _hedge_started(event: HedgeStarted) -> None:
    logger.warning(
        "[%s] %s: %s has been silent for %.2g s; asking %s, too",
        event.call_id, event.model, event.overdue, event.seconds, event.target,
    )  # fmt: skip


def _health_changed(event: HealthChanged) -> None:
    level = logging.ERROR if event.state.startswith("quarantined") else logging.WARNING
    logger.log(level, "%s: %s %s: %s", event.subject, event.what, event.state, event.reason)


def _hook_failed(event: HookFailed) -> None:
    logger.error("hooks.%s failed: %s", event.hook, event.reason)


def _embedding_degraded(event: EmbeddingDegraded) -> None:
    level = logging.DEBUG if event.probe else logging.WARNING
    logger.log(
        level, "embedding degraded to a marker vector (%s): %s", event.marker, event.reason
    )  # fmt: skip


_WRITERS: dict[type, Callable[[Any], None]] = {
    AttemptFailed: _attempt_failed,
    CallAnswered: _call_answered,
    CallGaveUp: _call_gave_up,
    CallEnded: _nothing,
    StreamBroke: _stream_broke,
    StreamContinued: _stream_continued,
    HedgeStarted: _hedge_started,
    HealthChanged: _health_changed,
    HookFailed: _hook_failed,
    EmbeddingDegraded: _embedding_degraded,
}


def answering(attempts: tuple[Attempt, ...]) -> Attempt:
    """Return the attempt that answered; the last one if none did."""
    return next((a for a in attempts if a.failure_class is None), attempts[-1])


def describe(attempt: Attempt) -> str:
    """Say one attempt in one line."""
    status = f" {attempt.status}" if attempt.status is not None else ""
    took = f"{attempt.duration * 1000:.0f} ms"
    outcome = attempt.failure_class or "answered"
    reason = f": {attempt.message}" if attempt.message else ""
    return f"{attempt.provider}/{attempt.model}{status} {outcome} in {took}{reason}"


def attempt_fields(attempt: Attempt) -> dict[str, object]:
    """Return an attempt as the fields that an error of the gateway lists it with."""
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "class": attempt.failure_class,
        "status": attempt.status,
        "ms": round(attempt.duration * 1000),
    }


_CAPTURES: tuple[Capture, ...] = tuple(Capture)


class Emitter:
    """Hands each event to every sink, and survives them.

    A sink that wants to know more than what is told anyway has an attribute `interest`.
    """

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks
        interests = [getattr(sink, "interest", Interest()) for sink in sinks]
        captures = {Capture.OFF, *(interest.capture for interest in interests)}
        self.interest = Interest(
            any(interest.details for interest in interests), max(captures, key=_CAPTURES.index)
        )
        self.failures = 0

    def __repr__(self) -> str:
        return f"<Emitter sinks={len(self._sinks)} failures={self.failures}>"

    def __call__(self, event: TelemetryEvent) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                self.failures += 1
                if self.failures == 1:
                    logger.exception("a telemetry sink failed; later failures are only counted")
