"""One attempt, from its permit to its first content.

It is interrupted by its limit, by a breaker that opens meanwhile (rescue), or by a second
attempt that was faster; each ends it with a `ProviderError`. On the way to its limit one timer
serves all that happens earlier: when the attempt is overdue, and when a second one may start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import Enum
from operator import itemgetter
from types import TracebackType
from typing import NamedTuple, Self

from elizanet.call import Answer, BodyKind, Call, Event, Role
from elizanet.classify import Classifier, Failure, verdict_for
from elizanet.errors import AllTargetsFailed, FailureClass, ProviderError
from elizanet.limit import Interruption, caller_cancelled, cut_short
from elizanet.plan import Choice
from elizanet.redact import excerpt
from elizanet.run import Run
from elizanet.stream import until_content
from elizanet.telemetry import LEFT
from elizanet.usage import UsageMeter

logger = logging.getLogger("elizanet")


class Opened(NamedTuple):
    """An answer with its first content, or the whole of one that has none."""

    trial: Trial
    answer: Answer
    events: deque[Event]


class Ending(Enum):
    """What interrupted a trial."""

    LIMIT = "limit"
    RESCUE = "rescue"
    OUTRUN = "outrun"


class TrialEnded(Exception):
    """The body of a `Trial` was interrupted; `Trial.ending` says by what."""


Stage = tuple[float, Callable[[], None]]
"""A moment of the loop's clock, and what happens then."""


class Trial(Interruption):
    """One attempt at `choice`, which may take `limit` seconds.

    `call` is what is sent, if it is not the call of the run.
    """

    __slots__ = ("_call", "_classifier", "_history", "_limit", "_stages", "_timer",
                 "choice", "ending", "number", "started")  # fmt: skip

    becomes = TrialEnded

    def __init__(
        self,
        run: Run,
        choice: Choice,
        limit: float,
        classifier: Classifier,
        call: Call | None = None,
    ) -> None:
        super().__init__(run.loop)
        self._call = run.call if call is None else call
        self._history = run.history
        self._classifier = classifier
        self._limit = limit
        self._stages: list[Stage] = []
        self._timer: asyncio.TimerHandle | None = None
        self.choice = choice
        self.ending: Ending | None = None
        self.number = run.history.begin()
        self.started = run.now()

    def __repr__(self) -> str:
        state = self.ending.value if self.ending else "running"
        return f"<Trial {self.number} at {self.choice.target} {state}>"

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something so many seconds into the trial, if it still runs then."""
        if seconds < self._limit:
            self._stages.append((self.started + seconds, action))
            if len(self._stages) > 1:
                self._stages.sort(key=itemgetter(0))

    def end(self, ending: Ending) -> None:
        """Interrupt the trial, if it runs."""
        if self._timer is not None and self.ending is None:
            self.ending = ending
            self.interrupt()

    async def opened(self) -> Opened:
        """Return the answer at its first content. Raises `ProviderError`.

        The permit is closed if there is no answer, and committed if there is one.
        """
        answer: Answer | None = None
        target = self.choice.target
        opened: Opened | None = None
        try:
            with self:
                answer = await target.send(self._call)
                opened = Opened(self, answer, await until_content(answer, self._progressed))
            return opened
        except TrialEnded:
            error = self._ended()
        except ProviderError as raised:
            error = raised
        except asyncio.CancelledError as raised:
            if caller_cancelled():
                self._left(cut_short(raised) or LEFT)
                raise
            error = self._foreign(raised)
        except Exception as raised:  # noqa: BLE001 -- the provider boundary: becomes typed
            error = self._foreign(raised)
        finally:
            if answer is not None and opened is None:
                await self._let_go(answer)
        self._close(error)
        raise error

    def committed(self, opened: Opened) -> None:
        """Count the answer: it is the one that the caller gets."""
        now = self._loop.time()
        choice, head = self.choice, opened.answer.head
        choice.permit.answered(now)
        choice.lane.heard(head.headers, now)
        self._history.committed(self.number, choice, head, self.started, now)

    async def discard(self, opened: Opened, reason: str) -> None:
        """Close an answer that is not wanted."""
        self.choice.permit.close()
        self.dropped(reason)
        meter = self.meter(opened)
        if meter is not None and (usage := meter.usage(self._call.body)) is not None:
            self._history.used(self.number, usage)
        await opened.answer.aclose()

    def meter(self, opened: Opened) -> UsageMeter | None:
        """Return a count of the tokens so far, None if nobody wants it."""
        rate = self.choice.lane.rate
        limited = rate is not None and rate.tokens is not None
        if not (limited or self._history.in_detail):
            return None
        is_whole = opened.answer.head.body is BodyKind.WHOLE
        meter = UsageMeter(self._call.operation, streamed=not is_whole)
        for event in opened.events:
            meter.take(event)
        return meter

    def dropped(self, reason: str) -> None:
        """Record an attempt that was ended from here."""
        error = ProviderError(reason, verdict_for(FailureClass.CANCELLED))
        now = self._loop.time()
        self._history.dropped(self.number, self.choice, error, self.started, now)

    async def _let_go(self, answer: Answer) -> None:
        """Close an answer that failed; what goes wrong in that adds nothing to the failure."""
        try:
            await answer.aclose()
        except Exception:  # the provider boundary
            logger.debug("closing a failed answer failed", exc_info=True)
        except BaseException:
            self.choice.permit.close()
            raise

    def __enter__(self) -> Self:
        super().__enter__()
        self._arm()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stages.clear()  # what they would call holds this trial
        super().__exit__(exc_type, exc, traceback)

    def _progressed(self) -> None:
        """Go on waiting for a whole answer that is coming in: as for a stream after its begin."""
        limits, now = self.choice.target.limits, self._loop.time()
        self._stages.clear()
        whole = min(self.started + limits.attempt, self._call.deadline)
        self._limit = min(now + limits.stall, whole) - self.started
        if self._timer is not None:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        when = self._stages[0][0] if self._stages else self.started + self._limit
        self._timer = self._loop.call_at(when, self._due)

    def _due(self) -> None:
        if not self._stages:
            self.end(Ending.LIMIT)
            return
        _, action = self._stages.pop(0)
        action()
        if self.ending is None:
            self._arm()

    def _close(self, error: ProviderError) -> None:
        """Count the failure, unless it was we who ended the attempt."""
        now = self._loop.time()
        if self.ending is Ending.OUTRUN:
            self.choice.permit.outrun(now)
        elif self.ending is Ending.RESCUE:
            self.choice.permit.close()
        else:
            self.choice.permit.failed(error, now)
        self._history.failed(self.number, self.choice, error, self.started, now)

    def _left(self, reason: str) -> None:
        """Close the permit of an attempt whose caller has gone, or that lost its race."""
        self.choice.permit.close()
        if self.choice.role is not Role.HEDGE:
            self.dropped(reason)

    def _ended(self) -> ProviderError:
        name = self.choice.target.provider.name
        awaited = "first content" if self.choice.target.streams(self._call) else "complete answer"
        passed = self._loop.time() - self.started
        match self.ending:
            case Ending.RESCUE:
                message = f"{name} was found down while its {awaited} was awaited"
            case Ending.OUTRUN:
                message = f"{name} gave no {awaited} within {passed:.3g} s, another target did"
            case _:
                message = f"{name} gave no {awaited} within {self._limit:.3g} s"
        return ProviderError(message, verdict_for(FailureClass.TIMEOUT))

    def _foreign(self, raised: BaseException) -> ProviderError:
        """Turn what is no error of one attempt into one: a chain's, or one that is not ours."""
        if isinstance(raised, AllTargetsFailed):
            verdict = verdict_for(raised.failure_class, retry_after_s=raised.retry_after_s)
            error = ProviderError(str(raised), verdict)
        else:
            failure = Failure.from_exception(self.choice.target.provider.name, raised)
            message = excerpt(f"{type(raised).__name__}: {raised}", 500)
            error = ProviderError(message, self._classifier.verdict(failure))
        error.__cause__ = raised
        return error
