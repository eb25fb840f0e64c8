"""The right to make one attempt, and the duty to say how it ended.

A permit is closed exactly once, whatever happens: by `failed`, or by `close`, which says
nothing about the target unless it has answered before. In between the attempt counts as in
flight. `answered` is the moment of commitment: for a breaker a stream has succeeded at its
first content, and what breaks later is a failure of its own (`broke`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from elizanet.errors import FailureClass, ProviderError
from elizanet.health.evidence import PROVEN, Evidence, evidence_of
from elizanet.policy.breaker import Entry, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from elizanet.health.lane import Lane


_FAILURES = frozenset({Evidence.FAILING, Evidence.OVERLOADED})
"""What a model's breaker counts; the host's counts `UNREACHABLE`."""
_OUTWEIGHED = _FAILURES | {Evidence.UNREACHABLE}
"""What the choice among equal targets goes by."""


class _State(Enum):
    WAITING = "waiting"
    ANSWERED = "answered"
    CLOSED = "closed"


class Permit:
    """One attempt at a lane. Made by `Lane.admit`."""

    __slots__ = ("_host_ticket", "_lane", "_model_ticket", "_overdue", "_prompt_bytes", "_started",
                 "_state", "_stream", "_waits")  # fmt: skip

    def __init__(
        self,
        lane: Lane,
        host_ticket: Ticket,
        model_ticket: Ticket,
        started: float,
        prompt_bytes: int,
        *,
        stream: bool,
    ) -> None:
        self._lane = lane
        self._host_ticket = host_ticket
        self._model_ticket = model_ticket
        self._started = started
        self._prompt_bytes = prompt_bytes
        self._stream = stream
        self._overdue = False
        self._waits = False
        self._state = _State.WAITING

    def __repr__(self) -> str:
        overdue = " overdue" if self._overdue else ""
        return f"<Permit {self._lane.name} {self.entry} {self._state.value}{overdue}>"

    @property
    def entry(self) -> Entry:
        """In what capacity the attempt is made."""
        entry = self._model_ticket.entry
        return self._host_ticket.entry if entry is Entry.USUAL else entry

    def on_rescue(self, rescue: Callable[[], None]) -> None:
        """Call `rescue` if the target is found down before it has answered."""
        if self._state is _State.WAITING:
            self._waits = True
            self._lane.host.waiting[self] = rescue
            self._lane.model.waiting[self] = rescue

    def overdue(self, now: float) -> None:
        """Count a failure on suspicion; an answer takes it back."""
        if self._state is _State.WAITING and not self._overdue:
            self._overdue = True
            lasted = now - self._started
            why = "answers are overdue"
            self._lane.model.failed(self._model_ticket, now, FailureClass.TIMEOUT, why, lasted)

    def answered(self, now: float) -> None:
        """Count an answer that is complete, or a stream that has begun."""
        self._move(_State.WAITING, _State.ANSWERED)
        lane = self._lane
        if self._overdue:
            lane.model.breaker.absolve(self._model_ticket, now)
        lane.host.breaker.success(self._host_ticket, now)
        lane.model.breaker.success(self._model_ticket, now)
        seconds = now - self._started
        lane.model.answered(seconds, now, self._prompt_bytes, stream=self._stream)
        lane.answered(self._started)

    def failed(self, error: ProviderError, now: float) -> None:
        """Count a failure before the answer could be committed, and close the permit."""
        self._move(_State.WAITING, _State.CLOSED)
        self._count(error, now)
        self._lane.leave()

    def broke(self, error: ProviderError, now: float) -> None:
        """Count a stream that broke after it had begun. The permit stays open."""
        if self._state is _State.ANSWERED:
            model, kind = self._lane.model, error.failure_class
            model.success_rate.add(0.0)
            model.failed(self._model_ticket, now, kind, error.message)

    def outrun(self, now: float) -> None:
        """Close the permit of a silent attempt that another one was faster than."""
        self._lane.model.latency(self._prompt_bytes).at_least(now - self._started, now)
        self.close()

    def used(self, tokens: float, now: float) -> None:
        """Correct the estimate of the tokens by those that were used."""
        self._lane.used(tokens, self._prompt_bytes, now)

    def close(self) -> None:
        """End the attempt. What was not said before remains unsaid; may be repeated."""
        if self._state is _State.CLOSED:
            return
        if self._state is _State.WAITING:
            self._lane.host.breaker.release(self._host_ticket)
            self._lane.model.breaker.release(self._model_ticket)
        self._state = _State.CLOSED
        self._stop_waiting()
        self._lane.leave()

    def _move(self, before: _State, after: _State) -> None:
        if self._state is not before:
            raise RuntimeError(f"{self!r} cannot become {after.value}")
        self._state = after
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waits:
            self._waits = False
            self._lane.host.waiting.pop(self, None)
            self._lane.model.waiting.pop(self, None)

    def _count(self, error: ProviderError, now: float) -> None:
        lane, evidence, kind = self._lane, evidence_of(error), error.failure_class
        if evidence in PROVEN and lane.model.doubtful():
            evidence = PROVEN[evidence]
        if evidence is Evidence.UNREACHABLE:
            lane.host.failed(self._host_ticket, now, kind, error.message)
        elif error.status is not None and evidence is not Evidence.NOTHING:
            lane.host.breaker.success(self._host_ticket, now)
        else:
            lane.host.breaker.release(self._host_ticket)
        if evidence in _OUTWEIGHED:
            lane.model.success_rate.add(0.0)
        if evidence in _FAILURES:
            lasted = now - self._started
            lane.model.failed(self._model_ticket, now, kind, error.message, lasted)
            if kind is FailureClass.TIMEOUT and not self._overdue:
                # A stream counts twice: overdue, and out of time. So does a whole answer.
                lane.model.failed(self._model_ticket, now, kind, error.message, lasted)
        else:
            lane.model.breaker.release(self._model_ticket)
        usual = lane.model.mean_time(self._prompt_bytes, stream=self._stream)
        lane.learn(evidence, error, now, round_trip=usual or 0.0)
