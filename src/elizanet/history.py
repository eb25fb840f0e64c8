"""What has happened to one call so far: the attempts, their errors, and what is told of them."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

from msgspec.structs import replace

from elizanet.call import Attempt, Bound, Call, Head, Usage
from elizanet.capture import Captured
from elizanet.classify import verdict_for
from elizanet.errors import (
    STOPPING,
    AllTargetsFailed,
    CallFailed,
    FailureClass,
    ProviderError,
    Skipped,
)
from elizanet.limit import Cut
from elizanet.plan import Choice
from elizanet.target import Target
from elizanet.telemetry import (
    AttemptFailed,
    CallAnswered,
    CallEnded,
    CallGaveUp,
    Capture,
    Emitter,
    HedgeStarted,
    Outcome,
    StreamBroke,
    StreamContinued,
)
from elizanet.usage import total_of

_LASTING: Final = frozenset(
    {FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED, FailureClass.MODEL_NOT_FOUND}
)
"""What stays as it is until somebody acts."""
_FAILED: Final = frozenset({Outcome.FAILED, Outcome.BROKEN})


class Names(NamedTuple):
    """What a chain and its targets are called, in the order of their tiers."""

    chain: str
    targets: tuple[str, ...]


class History:
    """The attempts of one call, in the order in which they started.

    `passed_over`: the targets that were not asked when it was their turn; `first_choice`: the
    first of them, if it was passed over before anybody was asked. `bound`: why it went no further,
    if nobody answered.
    """

    __slots__ = ("_attempts", "_call", "_committed", "_emit", "_is_ended", "_last_failed",
                 "_names", "began", "bound", "captured", "errors", "first_choice",
                 "passed_over", "started")  # fmt: skip

    def __init__(self, call: Call, began: float, emit: Emitter, names: Names) -> None:
        self._call = call
        self._emit = emit
        self._names = names
        self._attempts: dict[int, Attempt] = {}
        self._last_failed: Attempt | None = None
        self._committed: float | None = None
        self._is_ended = False
        self.began = began
        self.bound: Bound | None = None
        self.started = 0
        self.errors: list[ProviderError] = []
        self.passed_over: tuple[Skipped, ...] = ()
        self.first_choice: Skipped | None = None
        self.captured: Captured | None = None
        if emit.interest.capture is not Capture.OFF:
            self.captured = Captured(call)

    def __repr__(self) -> str:
        return f"<History {self._call.id} attempts={self.started}>"

    @property
    def in_detail(self) -> bool:
        """Whether somebody wants to know the tokens, and the names of requests."""
        return self._emit.interest.details

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have ended, in the order in which they started."""
        if len(self._attempts) == 1:
            return tuple(self._attempts.values())
        return tuple(self._attempts[number] for number in sorted(self._attempts))

    @property
    def fallback(self) -> FailureClass | None:
        """The failure class of the first choice, if another one has answered."""
        attempts = self.attempts
        wanted = self.first_choice or attempts[0]
        by = next((a for a in attempts if a.failure_class is None), attempts[0])
        moved = (by.provider, by.model) != (wanted.provider, wanted.model)
        return wanted.failure_class if moved else None

    def attempt(self, number: int) -> Attempt:
        """Return an attempt that has ended."""
        return self._attempts[number]

    def begin(self) -> int:
        """Count an attempt that starts, and return its number."""
        self.started += 1
        return self.started

    def failed(
        self, number: int, choice: Choice, error: ProviderError, started: float, now: float
    ) -> None:
        """Record an attempt that failed."""
        target = choice.target
        error.provider, error.model = target.provider.name, target.model_for(self._call)
        self.errors.append(error)
        self._last_failed = self._record(number, choice, error, started, now)

    def dropped(
        self, number: int, choice: Choice, error: ProviderError, started: float, now: float
    ) -> None:
        """Record an attempt that was ended from here: it was not wanted any more."""
        self._record(number, choice, error, started, now)

    def committed(
        self, number: int, choice: Choice, head: Head, started: float, now: float
    ) -> None:
        """Record the attempt that answered."""
        self._record(number, choice, None, started, now, head=head)
        if self._committed is None:
            self._committed = now

    def answered(self, now: float) -> None:
        """Tell that the call has its answer."""
        call, seconds = self._call, now - self.began
        self._emit(CallAnswered(call.id, call.model, self.attempts, seconds))

    def moved(self, next_target: Target | None) -> None:
        """Tell what follows the attempt that failed last."""
        if self._last_failed is not None:
            following = None if next_target is None else self._name(next_target)
            call = self._call
            self._emit(AttemptFailed(call.id, call.model, self._last_failed, following))
            self._last_failed = None

    def hedged(self, silent: Target, target: Target, seconds: float) -> None:
        """Tell that a second attempt starts beside a silent one."""
        call = self._call
        overdue, beside = self._name(silent), self._name(target)
        self._emit(HedgeStarted(call.id, call.model, overdue, beside, seconds))

    def failure(self, now: float, skipped: tuple[Skipped, ...] = ()) -> CallFailed:
        """Return the error of the whole call.

        It is the provider's own where that must reach the caller: it stopped the call, or
        there was nobody else.
        """
        self.moved(None)
        attempts = self.attempts
        error: CallFailed = AllTargetsFailed(self.errors, attempts, skipped)
        if not self.errors and len(skipped) == 1 and skipped[0].failure_class in _LASTING:
            error = _said_before(skipped[0])
        elif self.errors:
            asked = {(attempt.provider, attempt.model) for attempt in attempts}
            alone = len(asked) == 1 and not skipped
            if alone or self.errors[-1].failure_class in STOPPING:
                error = self._final(self.errors[-1])
        error.attempts = attempts
        call, seconds = self._call, now - self.began
        self._emit(CallGaveUp(call.id, call.model, attempts, seconds, error.failure_class))
        self.ended(Outcome.FAILED, now, failure=error)
        return error

    def given_up(self, now: float, cut: Cut | None) -> None:
        """Tell that the call ended without an answer: its caller left, or it was cut short."""
        if cut is None:
            self.ended(Outcome.LEFT, now)
            return
        self.bound = Bound.DRAINING
        self.ended(Outcome.FAILED, now, failure=_cut(cut))

    def cut_off(self, attempt: Attempt, cut: Cut) -> None:
        """Record that the answer was cut off from here after its first content."""
        if not self._is_ended:
            self._break(attempt.number, _cut(cut))

    def broke(self, attempt: Attempt, error: ProviderError) -> None:
        """Tell that the answer broke after its first content."""
        broken = self._break(attempt.number, error)
        self._emit(StreamBroke(self._call.id, self._call.model, broken))

    def continued(self, attempt: Attempt, error: ProviderError, target: Target) -> None:
        """Tell that the answer goes on from another target after it broke."""
        broken = self._break(attempt.number, error)
        call = self._call
        self._emit(StreamContinued(call.id, call.model, broken, self._name(target)))

    def used(self, number: int, usage: Usage) -> None:
        """Record the tokens of an attempt."""
        self._attempts[number] = replace(self._attempts[number], usage=usage)

    def ended(self, outcome: Outcome, now: float, *, failure: CallFailed | None = None) -> None:
        """Tell that the call is over, once: its first end is its end."""
        if self._is_ended:
            return
        self._is_ended = True
        call, committed, attempts = self._call, self._committed, self.attempts
        usage = attempts[0].usage if len(attempts) == 1 else _usage_of(attempts)
        self._emit(
            CallEnded(
                call.id,
                call.operation,
                call.model,
                call.stream,
                outcome,
                attempts,
                now - self.began,
                None if committed is None else committed - self.began,
                usage,
                None if failure is None else failure.failure_class,
                self.passed_over,
                self._names.chain,
                self._names.targets,
                call.caller,
                self._kept(outcome),
                self.first_choice,
                call.headers,
                call.bound or (self.bound if call.only_provider is None else Bound.REFERENCE),
            )
        )

    def _name(self, target: Target) -> str:
        """Name a target as it is asked."""
        return f"{target.provider.name}/{target.model_for(self._call)}"

    def _kept(self, outcome: Outcome) -> Captured | None:
        """Return what is told of the request and the answer."""
        if self.captured is None or self._emit.interest.capture is Capture.ALL:
            return self.captured
        failed = outcome in _FAILED or any(
            a.failure_class not in {None, FailureClass.CANCELLED} for a in self._attempts.values()
        )
        return self.captured if failed else None

    def _break(self, number: int, error: ProviderError) -> Attempt:
        attempt = self._attempts[number]
        broken = replace(attempt, failure_class=error.failure_class, message=error.message)
        self._attempts[number] = broken
        return broken

    def _final(self, error: ProviderError) -> ProviderError:
        """Say of the last of several attempts that one more has been tried."""
        if self.started > 1:
            error.verdict = dataclasses.replace(error.verdict, retry_same_provider=False)
        return error

    def _record(
        self,
        number: int,
        choice: Choice,
        error: ProviderError | None,
        started: float,
        now: float,
        *,
        head: Head | None = None,
    ) -> Attempt:
        target = choice.target
        status = request_id = None
        if error is not None:
            status, request_id = error.status, error.request_id
        elif head is not None:
            status = head.status
            request_id = _request_id(head) if self.in_detail else None
        attempt = self._attempts[number] = Attempt(
            number=number,
            provider=target.provider.name,
            model=target.model_for(self._call),
            started=started - self.began,
            duration=now - started,
            failure_class=error.failure_class if error else None,
            status=status,
            message=error.message if error else "",
            request_id=request_id,
            role=choice.role,
            key=target.key,
            retryable=error is not None and error.verdict.retry_same_provider,
        )
        return attempt


def _usage_of(attempts: tuple[Attempt, ...]) -> Usage | None:
    return total_of([attempt.usage for attempt in attempts if attempt.usage is not None])


def _cut(reason: Cut) -> ProviderError:
    return ProviderError(reason, verdict_for(FailureClass.CANCELLED))


def _request_id(head: Head) -> str | None:
    for name, value in head.headers:
        if name == "x-request-id":
            return value
    return None


def _said_before(skipped: Skipped) -> ProviderError:
    """Return what the only target has said to an earlier call, and would say again."""
    verdict = verdict_for(skipped.failure_class, retry_after_s=skipped.retry_after_s, retry=False)
    error = ProviderError(skipped.detail or str(skipped), verdict)
    error.provider, error.model = skipped.provider, skipped.model
    return error
