"""The places whose health is known: a host, a model at it, a key."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from elizanet.errors import FailureClass
from elizanet.policy.breaker import Breaker, BreakerState, Ticket
from elizanet.policy.budget import Budget
from elizanet.policy.latency import Average, Latency, size_class
from elizanet.policy.quarantine import Quarantine

Tell = Callable[[str, str, str], None]
"""Told what has changed: the kind of object, its new state, the reason."""

NEVER: Final = float("inf")
SHORTEST_UNARY_OVERDUE_S: Final = 10.0
_DOUBTFUL_IN_A_ROW: Final = 3


class _Breaking:
    """A place with a breaker, and the attempts that wait there for their first content.

    `fails_with`: the class of the failure that was counted last, None before the first.
    """

    __slots__ = ("_tell", "breaker", "fails_with", "name", "waiting")

    def __init__(self, name: str, chance: random.Random, threshold: float, tell: Tell) -> None:
        self.name = name
        self._tell = tell
        self.waiting: dict[object, Callable[[], None]] = {}
        self.fails_with: FailureClass | None = None
        self.breaker = Breaker(chance=chance, threshold=threshold, on_change=self._changed)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.breaker!r} waiting={len(self.waiting)}>"

    def failed(
        self, ticket: Ticket, now: float, kind: FailureClass, reason: str, lasted: float = 0.0
    ) -> None:
        """Count a failure that took `lasted` seconds to show."""
        self.fails_with = kind
        self.breaker.failure(ticket, now, reason, lasted)

    def _changed(self, state: BreakerState, reason: str) -> None:
        self._tell("breaker", state, reason)
        if state is BreakerState.OPEN:
            for rescue in list(self.waiting.values()):
                rescue()


class Host(_Breaking):
    """A provider's endpoint: whether it can be reached, and how often it may be asked again."""

    __slots__ = ("budget",)

    def __init__(
        self, name: str, chance: random.Random, threshold: float, tell: Tell, budget: Budget
    ) -> None:
        super().__init__(name, chance, threshold, tell)
        self.budget = budget


class Model(_Breaking):
    """A model at a host, for one kind of request."""

    __slots__ = ("_doubtful", "_latencies", "answer_time", "on_closed", "success_rate")

    def __init__(self, name: str, chance: random.Random, threshold: float, tell: Tell) -> None:
        super().__init__(name, chance, threshold, tell)
        self._latencies = (Latency(), Latency(), Latency())
        self._doubtful = 0
        self.answer_time = Average()
        self.success_rate = Average(expected=1.0)
        self.on_closed: dict[object, Callable[[], None]] = {}

    def latency(self, prompt_bytes: int) -> Latency:
        """Return what is known of streams with prompts of that size."""
        return self._latencies[size_class(prompt_bytes)]

    def overdue_after(self, prompt_bytes: int, limit: float, *, stream: bool) -> float:
        """Return the seconds after which an attempt with that limit is overdue."""
        if stream:
            return self.latency(prompt_bytes).overdue_after(limit)
        known = self.answer_time.value
        return limit / 3 if known is None else max(SHORTEST_UNARY_OVERDUE_S, 3 * known)

    def mean_time(self, prompt_bytes: int, *, stream: bool) -> float | None:
        """Return the usual seconds until there is something to show, None if unknown."""
        return (self.latency(prompt_bytes).mean if stream else self.answer_time).value

    def answered(self, seconds: float, now: float, prompt_bytes: int, *, stream: bool) -> None:
        """Count an answer, or a stream's first content, that took so long."""
        self._doubtful = 0
        self.success_rate.add(1.0)
        if stream:
            self.latency(prompt_bytes).add(seconds, now)
        else:
            self.answer_time.add(seconds)

    def doubtful(self) -> bool:
        """Count what may be the call's fault; true from the third in a row on."""
        self._doubtful += 1
        return self._doubtful >= _DOUBTFUL_IN_A_ROW

    def _changed(self, state: BreakerState, reason: str) -> None:
        if state is BreakerState.CLOSED:
            for closed in self.on_closed.values():
                closed()
        super()._changed(state, reason)


class Key:
    """A provider's key, under its alias."""

    __slots__ = ("is_exhausted", "name", "quarantine", "tell")

    def __init__(self, name: str, quarantine: Quarantine, tell: Tell) -> None:
        self.name = name
        self.quarantine = quarantine
        self.tell = tell
        self.is_exhausted = False
        """Whether it was its quota that put it into quarantine."""

    def __repr__(self) -> str:
        return f"<Key {self.name} {self.quarantine!r}>"
