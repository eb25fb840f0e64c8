"""One call on its way through a chain: where it may still go, and what it has spent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from elizanet.call import Bound, Call, Role
from elizanet.errors import CallFailed
from elizanet.health import Lane, Registry
from elizanet.history import History, Names
from elizanet.plan import Candidates, Choice, can_be_sent, prompt_bytes
from elizanet.policy.deadline import may_start
from elizanet.target import Target
from elizanet.telemetry import Emitter

LEASE_MARGIN_S: Final = 1.0
"""A probe keeps its place in the breaker this much longer than its limit."""
_NO_MORE_REPEATS: Final = 1_000


class Run:
    """The state of one call. `release` gives back what a call that ends early has reserved."""

    __slots__ = ("_most_attempts", "_panicked", "_registry", "_reserved", "began", "call",
                 "candidates", "history", "loop", "now", "prompt_bytes", "repeats")  # fmt: skip

    def __init__(
        self,
        call: Call,
        targets: Sequence[Target],
        most_attempts: int,
        registry: Registry,
        chance: random.Random,
        emit: Emitter,
        names: Names,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        """Returns the time of the loop's clock."""
        self._registry = registry
        self._most_attempts = most_attempts
        self._reserved: Choice | None = None
        self.call = call
        self.began = self.now()
        self.prompt_bytes = prompt_bytes(call)
        self.candidates = Candidates(targets, call, registry, chance)
        self.history = History(call, self.began, emit, names)
        self._panicked = False
        self.repeats = _NO_MORE_REPEATS if call.repeated else 0

    def __repr__(self) -> str:
        return f"<Run {self.history!r} {self.candidates!r}>"

    @property
    def allows_panic(self) -> bool:
        """Whether the call may still be sent through a breaker that is open."""
        return self._registry.protections.panic and not self._panicked

    def panics(self) -> None:
        """Count that: it happens once in a call, and is not repeated."""
        self._panicked = True
        self.repeats = _NO_MORE_REPEATS

    @property
    def is_exhausted(self) -> bool:
        """Whether the call has made all the attempts that it may."""
        return self.history.started >= self._most_attempts

    @property
    def spent(self) -> Bound:
        """What keeps the call from those that are left: its attempts are spent, or its time."""
        if self.candidates.is_empty:
            return Bound.NOBODY
        return Bound.ATTEMPTS if self.is_exhausted else Bound.TIME

    @property
    def is_kept(self) -> bool:
        """Whether all of the request is here; else it is an upload, and can be sent once."""
        form = self.call.form
        return form is None or form.rest is None

    @property
    def can_repeat(self) -> bool:
        """Whether the request can be sent again: an upload that has begun cannot."""
        return can_be_sent(self.call)

    def remaining(self) -> float:
        """Return the seconds that are left for the whole call."""
        return self.call.deadline - self.now()

    def has_another(self) -> bool:
        """Tell whether another target would admit the call now."""
        return self.candidates.best(self.now(), is_its_turn=False) is not None

    def best(self, role: Role | None = None) -> Choice | None:
        """Take the best target that admits the call now."""
        found = self.candidates.best(self.now())
        return None if found is None else self.admit(*found, role)

    def best_paid(self, payer: Lane) -> Choice | None:
        """Take the best target for an extra attempt, if the budget of the payer's host pays."""
        now = self.now()
        found = self.candidates.best(now)
        if found is None or self._is_spent(found):
            return None
        paid = payer.host.budget.spend(now)
        return self.admit(*found, Role.HEDGE) if paid else None

    def admit(self, target: Target, lane: Lane, role: Role | None = None) -> Choice:
        """Begin an attempt at a target, whatever its health says."""
        self.candidates.take(target)
        if role is None:
            role = Role.NEXT if self.history.started else Role.FIRST
        return self._admitted(target, lane, role)

    def again(self, choice: Choice) -> Choice | None:
        """Begin another attempt at the same target, if it admits one."""
        if choice.lane.refusal(self.now(), self.prompt_bytes) is not None:
            return None
        self.repeats += 1
        return self._admitted(choice.target, choice.lane, Role.AGAIN)

    def pays(self, lane: Lane) -> bool:
        """Spend a token for another attempt at the same host."""
        return lane.host.budget.spend(self.now())

    def overdue_after(self, target: Target, lane: Lane) -> float:
        """Return the seconds after which an attempt at the target is overdue."""
        size, stream = self.prompt_bytes, target.streams(self.call)
        return lane.model.overdue_after(size, target.limit_for(self.call), stream=stream)

    def reserve(self) -> bool:
        """Take the next target already, for a call that is about to leave where it waits."""
        if not self.can_repeat:
            return False
        found = self.candidates.best(self.now())
        if found is None or self._is_spent(found):
            return False
        self._reserved = self.admit(*found, Role.RESCUE)
        return True

    def take_reserved(self) -> Choice | None:
        """Return what was reserved."""
        choice, self._reserved = self._reserved, None
        if choice is not None:
            self.history.moved(choice.target)
        return choice

    def release(self) -> None:
        """Give back what was reserved and is not used."""
        if self._reserved is not None:
            self._reserved.permit.close()
            self._reserved = None

    def failure(self, bound: Bound = Bound.NOBODY) -> CallFailed:
        """Return the error of the whole call; `bound` says why it goes no further."""
        now = self.now()
        self.history.bound = bound
        self.history.passed_over = self.candidates.passed_over
        return self.history.failure(now, self.candidates.skipped(now))

    def _admitted(self, target: Target, lane: Lane, role: Role) -> Choice:
        lease = 0.0
        if not lane.is_trusted:
            lease = self.overdue_after(target, lane) + LEASE_MARGIN_S
        now, size, stream = self.now(), self.prompt_bytes, target.streams(self.call)
        return Choice(target, lane, lane.admit(now, size, lease, stream=stream), role)

    def _is_spent(self, found: tuple[Target, Lane]) -> bool:
        """Tell whether no time, or no attempt, is left for one more."""
        target, lane = found
        stream = target.streams(self.call)
        usual = lane.model.mean_time(self.prompt_bytes, stream=stream)
        return self.is_exhausted or not may_start(self.remaining(), usual)
