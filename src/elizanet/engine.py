"""The loop: a call goes to the first target of a chain and, when that fails, to the next.

There is one path for unary calls and streams. What may follow a failure is decided by
`policy.retry`, how long an attempt may take by `policy.deadline`, who is asked by `plan`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from msgspec.structs import replace

from elizanet.call import Answer, Attempt, Call
from elizanet.classify import Classifier, Failure, verdict_for
from elizanet.errors import (
    STOPPING,
    AllTargetsFailed,
    CallFailed,
    FailureClass,
    ProviderError,
)
from elizanet.limit import Limit, LimitReached
from elizanet.plan import plan, still_useful
from elizanet.policy.deadline import attempt_limit, may_start
from elizanet.policy.retry import RetryPolicy, Step
from elizanet.redact import redact
from elizanet.stream import CommittedAnswer, until_content
from elizanet.target import Target
from elizanet.telemetry import AttemptFailed, CallAnswered, CallGaveUp, Emitter, StreamBroke

FALL_BACK_ON: frozenset[FailureClass] = frozenset(FailureClass) - STOPPING
"""The failures after which another target is asked, unless the operator chose others."""


class History:
    """What has happened to one call so far, in order."""

    __slots__ = ("_call", "_emit", "attempts", "began", "errors")

    def __init__(self, call: Call, began: float, emit: Emitter) -> None:
        self._call = call
        self._emit = emit
        self.began = began
        self.attempts: tuple[Attempt, ...] = ()
        self.errors: list[ProviderError] = []

    def __repr__(self) -> str:
        return f"<History {self._call.id} attempts={len(self.attempts)}>"

    def failed(self, target: Target, error: ProviderError, started: float, now: float) -> None:
        """Record an attempt that failed."""
        error.provider, error.model = target.provider.name, target.model_for(self._call)
        self.errors.append(error)
        self._record(target, error, started, now)

    def answered(self, target: Target, status: int, started: float, now: float) -> None:
        """Record the attempt that answered."""
        self._record(target, None, started, now, status=status)
        event = CallAnswered(self._call.id, self._call.model, self.attempts, now - self.began)
        self._emit(event)

    def moved(self, next_target: Target | None) -> None:
        """Tell what follows the attempt that failed last."""
        following = str(next_target) if next_target is not None else None
        event = AttemptFailed(self._call.id, self._call.model, self.attempts[-1], following)
        self._emit(event)

    def failure(self, now: float) -> CallFailed:
        """Return the error of the whole call.

        It is the provider's own where that must reach the caller: it stopped the call, or
        nobody else was asked.
        """
        last = self.errors[-1]
        asked = {(attempt.provider, attempt.model) for attempt in self.attempts}
        own = len(asked) == 1 or last.failure_class in STOPPING
        error: CallFailed = last if own else AllTargetsFailed(self.errors, self.attempts)
        error.attempts = self.attempts
        call, seconds = self._call, now - self.began
        self._emit(CallGaveUp(call.id, call.model, self.attempts, seconds, error.failure_class))
        return error

    def broke(self, error: ProviderError) -> None:
        """Tell that the answer broke after its first content."""
        last = self.attempts[-1]
        broken = replace(last, failure_class=error.failure_class, message=error.message)
        self._emit(StreamBroke(self._call.id, self._call.model, broken))

    def _record(
        self,
        target: Target,
        error: ProviderError | None,
        started: float,
        now: float,
        *,
        status: int | None = None,
    ) -> None:
        attempt = Attempt(
            number=len(self.attempts) + 1,
            provider=target.provider.name,
            model=target.model_for(self._call),
            started=started - self.began,
            duration=now - started,
            failure_class=error.failure_class if error else None,
            status=error.status if error else status,
            message=error.message if error else "",
            request_id=error.request_id if error else None,
        )
        self.attempts = (*self.attempts, attempt)


class Chain:
    """A provider made of targets that are tried in order.

    `fall_back_on`: the failure classes after which another target is asked. `classifier`
    judges what is raised by a provider that is not ours. `chance` feeds the jitter, `emit`
    receives the telemetry.
    """

    def __init__(
        self,
        name: str,
        targets: Sequence[Target],
        *,
        retry: RetryPolicy | None = None,
        fall_back_on: frozenset[FailureClass] = FALL_BACK_ON,
        classifier: Classifier | None = None,
        chance: random.Random | None = None,
        emit: Emitter | None = None,
    ) -> None:
        if not targets:
            raise ValueError(f"the chain {name!r} has no target")
        self.name = name
        self.targets = tuple(targets)
        self._retry = retry or RetryPolicy()
        self._fall_back_on = fall_back_on
        self._classifier = classifier or Classifier()
        self._chance = chance or random.Random()  # noqa: S311 -- jitter, not a secret
        self._emit = emit or Emitter()

    def __repr__(self) -> str:
        return f"<Chain {self.name!r}: {' -> '.join(map(str, self.targets))}>"

    async def send(self, call: Call) -> CommittedAnswer:
        """Answer the call from the first target that can.

        Returns when the answer may be committed: a unary one complete and of the promised
        shape, a stream at its first content. Raises `ProviderError` if only one target was
        asked or its failure must reach the caller, else `AllTargetsFailed`.
        """
        clock = asyncio.get_running_loop().time
        history = History(call, clock(), self._emit)
        target, *waiting = plan(self.targets, call)
        retries = 0
        while True:
            try:
                return await self._attempt(target, call, history, another=bool(waiting))
            except ProviderError as error:
                waiting = still_useful(waiting, target, error)
                decision = self._retry.after(
                    self._judged(error),
                    spent=retries,
                    remaining=call.deadline - clock(),
                    another_target=bool(waiting),
                    chance=self._chance,
                )
            left = call.deadline - clock() - decision.delay
            if decision.step is Step.STOP or not may_start(left):
                history.moved(None)
                raise history.failure(clock())
            if decision.step is Step.MOVE:
                target = waiting.pop(0)
            else:
                retries += 1
            history.moved(target)
            await asyncio.sleep(decision.delay)

    async def _attempt(
        self, target: Target, call: Call, history: History, *, another: bool
    ) -> CommittedAnswer:
        """Try one target until its answer is committed. Raises `ProviderError`."""
        clock = asyncio.get_running_loop().time
        started = clock()
        own_limit = target.limit_for(call)
        limit = attempt_limit(call.deadline - started, own_limit, another_target=another)
        answer: Answer | None = None
        committed: CommittedAnswer | None = None
        try:
            with Limit(started + limit):
                answer = await target.send(call)
                events = await until_content(answer)
            history.answered(target, answer.head.status, started, clock())
            committed = CommittedAnswer(
                answer, events, history.attempts, target.limits.stall, history.broke
            )
            return committed
        except LimitReached:
            error = _timed_out(target, call, limit)
        except ProviderError as raised:
            error = raised
        except asyncio.CancelledError as raised:
            if _caller_cancelled():
                raise
            error = self._foreign(target, raised)
        except Exception as raised:  # noqa: BLE001 -- the provider boundary: becomes typed
            error = self._foreign(target, raised)
        finally:
            if answer is not None and committed is None:
                await answer.aclose()
        history.failed(target, error, started, clock())
        raise error

    def _judged(self, error: ProviderError) -> ProviderError:
        """Apply the operator's `fall_back_on`, unless a rule of theirs has decided already."""
        failure, usual = error.failure_class, error.failure_class not in STOPPING
        if error.verdict.fallback is usual:
            error.limited(fallback=failure in self._fall_back_on)
        return error

    def _foreign(self, target: Target, raised: BaseException) -> ProviderError:
        """Turn what is no error of one attempt into one: a chain's, or one that is not ours."""
        if isinstance(raised, AllTargetsFailed):
            verdict = verdict_for(raised.failure_class, retry_after_s=raised.retry_after_s)
            error = ProviderError(str(raised), verdict)
        else:
            failure = Failure.from_exception(target.provider.name, raised)
            message = redact(f"{type(raised).__name__}: {raised}"[:500])
            error = ProviderError(message, self._classifier.verdict(failure))
        error.__cause__ = raised
        return error


def _timed_out(target: Target, call: Call, limit: float) -> ProviderError:
    awaited = "first content" if call.stream else "complete answer"
    message = f"{target.provider.name} gave no {awaited} within {limit:.3g} s"
    return ProviderError(message, verdict_for(FailureClass.TIMEOUT))


def _caller_cancelled() -> bool:
    """Tell a caller that went away from a library that cancelled something of its own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
