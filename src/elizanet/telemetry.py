"""What happens in the engine, as typed events; sinks turn them into logs and metrics.

The engine emits dataclasses and never strings. A sink is a plain function; one that raises
is cut off from the call: its error is logged once a process, and the answer goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, runtime_checkable

import msgspec

from elizanet.call import Attempt, Bound, Headers, Usage
from elizanet.capture import Captured
from elizanet.errors import FailureClass, Skipped
from elizanet.operation import Operation
from elizanet.redact import mask_keys
from elizanet.settings import Settings

logger = logging.getLogger("elizanet")

ALERTING: frozenset[FailureClass] = frozenset({FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED})
"""Failures that only a person can end: the caller is served, the operator is told."""
LONGEST_NAME: Final = 200
"""Characters that are shown of a name that a caller chose."""
OUTRUN: Final = "another attempt was faster"
LEFT: Final = "the caller went away"
"""What is said of an attempt that was given up because nobody wanted it any more."""


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
    `first_choice`: the target whose turn it was before anybody was asked, if it was passed over.
    `headers`: those that went upstream beside the provider's own. `bound`: why it went no further,
    where it had need to or was not free to.
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
    first_choice: Skipped | None = None
    headers: Headers = ()
    bound: Bound | None = None


class HedgeStarted(msgspec.Struct, frozen=True):
    """An attempt is overdue, and a second one starts at `target` while it goes on."""

    call_id: str
    model: str
    overdue: str
    target: str
    seconds: float


class HealthChanged(msgspec.Struct, frozen=True):
    """Something is known of a provider that was not before.

    `what` is "breaker", "gate", "key", "target" or "check"; `state` says what it is now.
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


def answering(attempts: tuple[Attempt, ...]) -> Attempt:
    """Return the attempt that answered; the last one if none did."""
    return next((a for a in attempts if a.failure_class is None), attempts[-1])


class Fallback(NamedTuple):
    """That another target than the first choice answered, and what was wrong with that."""

    wanted: Attempt | Skipped
    by: Attempt
    failure_class: FailureClass


def fallback_of(event: CallEnded) -> Fallback | None:
    """Return what is said of a fallback, None if the first choice answered or nobody did."""
    attempts = event.attempts
    by = next((a for a in attempts if a.failure_class is None), None)
    if by is None:
        return None
    wanted = event.first_choice or attempts[0]
    failure = wanted.failure_class
    if failure is None or (wanted.provider, wanted.model) == (by.provider, by.model):
        return None
    return Fallback(wanted, by, failure)


def shown(name: str) -> str:
    """Return a model's name as it may be shown: callers choose them."""
    return _masked(name[: 2 * LONGEST_NAME])[:LONGEST_NAME]


_masked = lru_cache(maxsize=1024)(mask_keys)


def describe(attempt: Attempt) -> str:
    """Say one attempt in one line."""
    status = f" {attempt.status}" if attempt.status is not None else ""
    took = f"{attempt.duration * 1000:.0f} ms"
    outcome = attempt.failure_class or "answered"
    reason = f": {attempt.message}" if attempt.message else ""
    return f"{attempt.provider}/{shown(attempt.model)}{status} {outcome} in {took}{reason}"


def attempt_fields(attempt: Attempt) -> dict[str, object]:
    """Return an attempt as the fields that an error of the gateway lists it with."""
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "class": attempt.failure_class,
        "status": attempt.status,
        "ms": round(attempt.duration * 1000),
    }


@runtime_checkable
class Following(Protocol):
    """A sink that wants to know the settings."""

    def follow(self, settings: Settings) -> None:
        """Take note of the settings that are in force from now on."""
        ...


_CAPTURES: tuple[Capture, ...] = tuple(Capture)


class Emitter:
    """Hands each event to every sink, and survives them.

    A sink that wants to know more than what is told anyway has an attribute `interest`, one
    that wants to know the settings a method `follow`.
    """

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks
        self.interest = _interest_of(sinks)
        self.failures = 0

    def __repr__(self) -> str:
        return f"<Emitter sinks={len(self._sinks)} failures={self.failures}>"

    def follow(self, settings: Settings) -> None:
        """Tell the sinks which settings are in force from now on."""
        for sink in self._sinks:
            if isinstance(sink, Following):
                sink.follow(settings)
        self.interest = _interest_of(self._sinks)

    def __call__(self, event: TelemetryEvent) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                self.failures += 1
                if self.failures == 1:
                    logger.exception("a telemetry sink failed; later failures are only counted")


def _interest_of(sinks: tuple[Sink, ...]) -> Interest:
    """Return what at least one of them wants to know."""
    interests = [getattr(sink, "interest", Interest()) for sink in sinks]
    captures = {Capture.OFF, *(interest.capture for interest in interests)}
    details = any(interest.details for interest in interests)
    return Interest(details, max(captures, key=_CAPTURES.index))
