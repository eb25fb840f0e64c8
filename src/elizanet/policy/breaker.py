"""When to stop asking a target that fails, and when to ask it again.

Theory of operation. One number, the score, and three states. A failure adds 1, a success
takes 1/2 away (never below 0), and time halves it every 300 s; at the threshold (8 failures in
a row) the breaker opens. The score stands still at 33 % failures: below that a target is a bad
one, to be outweighed by better ones (`choice.py`), above it a target that is down. In
simulation this opens after 8 failures in a row, after 30 at 50 % failures, and by mistake less
than once in 10^6 calls at 10 % random failures; counting failures in a row or a share of a
window is worse in one direction or both (`benchmarks/breaker_false_opens.md`).

Open lasts min(30 s, 5 s * 2^k) with 20 % jitter; k counts the probes that failed since the
breaker was closed. Then one probe at a time is let through (half-open): three successes in a
row close the breaker, one failure opens it again. A probe that ends without an opinion (its
caller went away) gives its place back and changes nothing: a cancelled probe must not close a
breaker. One that never ends loses its place when its lease runs out.

Every use carries the ticket it entered with. The ticket has the epoch of the state, and what
happened in an earlier epoch causes no transition: an answer that was slow in coming says
nothing about now.

Checks, which ask whether the host can be reached without asking for an answer, are weaker
evidence: what they ask for is often served by another machine than the answers. A failed check
lifts the score by 2, to half of the threshold at most, and opens nothing: with two of them
behind it the breaker opens after half as many failures, and a few answers undo them. A good one
takes nothing off the score and closes nothing; it only takes back what failed probes have added
to the time until the next one.

An operator may force the breaker open or closed. Evidence is counted on and moves the state
underneath, but it acts, and is told, only once the force is lifted.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import exp2, inf
from typing import Final

THRESHOLD: Final = 7.9
"""A little less than 8, which eight failures in ten seconds have become by the last of them."""
HALF_LIFE_S: Final = 300.0
CREDIT: Final = 0.5
"""What a success takes off the score."""
SUSPICION: Final = 2.0
"""What a failed check adds to the score."""
MOST_SUSPICION: Final = 0.5
"""The share of the threshold beyond which it adds nothing."""
FIRST_OPEN_S: Final = 5.0
LONGEST_OPEN_S: Final = 30.0
SUCCESSES_TO_CLOSE: Final = 3

_JITTER: Final = (0.8, 1.2)
_MOST_DOUBLINGS: Final = 3
"""More of them exceed the longest time, and a thousand the range of a float."""


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Entry(StrEnum):
    """In what capacity a call goes through."""

    USUAL = "usual"
    PROBE = "probe"
    """The one call that a half-open breaker lets through."""
    PANIC = "panic"
    """Through an open breaker, because nothing else is left."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a call entered with; it is given back with the outcome."""

    epoch: int
    entry: Entry = Entry.USUAL


class Breaker:
    """`chance` feeds the jitter; `on_change` is told each new state and its reason."""

    __slots__ = ("_admits_at", "_chance", "_closed_at", "_on_change", "_opened_at", "_probe",
                 "_probes_failed", "_score", "_scored_at", "_successes", "_threshold", "_usual",
                 "epoch", "forced", "is_plain", "reason", "state")  # fmt: skip

    def __init__(
        self,
        *,
        chance: random.Random,
        threshold: float = THRESHOLD,
        on_change: Callable[[BreakerState, str], None] | None = None,
    ) -> None:
        self.state = BreakerState.CLOSED
        self.forced: BreakerState | None = None
        self.is_plain = True
        """Whether it is closed and nobody has forced it: the usual case."""
        self.epoch = 0
        self.reason = ""
        self._threshold = threshold
        self._chance = chance
        self._on_change = on_change
        self._score = 0.0
        self._scored_at = 0.0
        self._admits_at = 0.0
        self._opened_at = 0.0
        self._probe: Ticket | None = None
        self._probes_failed = 0
        self._successes = 0
        self._closed_at: float | None = None
        self._usual = Ticket(0)

    def __repr__(self) -> str:
        forced = f" forced={self.forced}" if self.forced else ""
        closed = self.state is BreakerState.CLOSED
        until = "" if closed else f" until={self.admits_at():.1f}"
        return (
            f"<Breaker {self.state}{forced}{until} score={self._score:.1f}/{self._threshold:g} "
            f"epoch={self.epoch} successes={self._successes} probes_failed={self._probes_failed}>"
        )

    def score(self, now: float) -> float:
        """Return the score as it is now."""
        return self._score * exp2(-max(0.0, now - self._scored_at) / HALF_LIFE_S)

    @property
    def is_recovering(self) -> bool:
        """Whether the last call through the open breaker was answered."""
        return self._successes > 0  # while it is closed they are not counted

    def closed_for(self, now: float) -> float | None:
        """Return the seconds since the breaker closed again, None if it has never opened."""
        return None if self._closed_at is None else now - self._closed_at

    def admits(self, now: float) -> bool:
        """Tell whether a call may go through now."""
        if self.forced is not None:
            return self.forced is BreakerState.CLOSED
        return self.state is BreakerState.CLOSED or now >= self._admits_at

    def admits_at(self) -> float:
        """Return when a breaker that admits nothing may admit a probe; infinite if forced."""
        return inf if self.forced is BreakerState.OPEN else self._admits_at

    def enter(self, now: float, lease: float) -> Ticket:
        """Let a call through. A probe that says nothing for `lease` seconds loses its place."""
        if self.is_plain or self.state is BreakerState.CLOSED or self.forced is BreakerState.CLOSED:
            return self._usual
        if not self.admits(now):
            return Ticket(self.epoch, Entry.PANIC)
        if self.state is BreakerState.OPEN:
            self._become(BreakerState.HALF_OPEN, "it is time to probe")
        self._admits_at = now + lease
        self._probe = Ticket(self.epoch, Entry.PROBE)
        return self._probe

    def success(self, ticket: Ticket, now: float) -> None:
        """Count an answer."""
        if ticket.epoch != self.epoch:
            return
        if ticket.entry is not Entry.USUAL:
            self.release(ticket)
            self._successes += 1
            if self._successes >= SUCCESSES_TO_CLOSE:
                self._close(now, f"{SUCCESSES_TO_CLOSE} answers in a row")
        elif self._score:
            self._rescore(now, -CREDIT)

    def failure(self, ticket: Ticket, now: float, reason: str, lasted: float = 0.0) -> None:
        """Count a failure of the target's own, which took `lasted` seconds to show.

        Nothing is forgiven for that time: of calls that follow each other, each of them as long
        as the half-life, the score would never reach the threshold.
        """
        if ticket.epoch != self.epoch:
            return
        match ticket.entry:
            case Entry.PROBE:
                self._probes_failed += 1
                self._open(now, f"a probe failed: {reason}")
            case Entry.PANIC:
                self._successes = 0
            case _:
                self._rescore(now, 1.0, lasted)
                if self._score >= self._threshold and self.state is BreakerState.CLOSED:
                    self._open(now, reason)

    def absolve(self, ticket: Ticket, now: float) -> None:
        """Take a failure back that was counted on suspicion."""
        if ticket.epoch == self.epoch and ticket.entry is Entry.USUAL:
            self._rescore(now, -1.0)

    def suspect(self, now: float) -> None:
        """Count a failed check."""
        room = MOST_SUSPICION * self._threshold - self.score(now)
        if room > 0.0:
            self._rescore(now, min(SUSPICION, room))

    def reachable(self, asked_at: float) -> None:
        """Count a good check, which asked then: the next probe need not wait for longer than 5 s.

        One that asked before the breaker opened says nothing about now.
        """
        if self.state is BreakerState.OPEN and asked_at >= self._opened_at:
            self._admits_at = min(self._admits_at, self._opened_at + FIRST_OPEN_S)

    def release(self, ticket: Ticket) -> None:
        """End a use that says nothing about the target."""
        if ticket is self._probe:
            self._probe, self._admits_at = None, 0.0

    def force(self, state: BreakerState | None) -> None:
        """Hold the breaker open or closed, whatever happens; None leaves it to the evidence."""
        if state is BreakerState.HALF_OPEN:
            raise ValueError("a breaker can be forced open or closed, not half_open")
        if state is self.forced:
            return
        self.forced = state
        self.is_plain = state is None and self.state is BreakerState.CLOSED
        self._tell(state or self.state, "an operator decided" if state else "the force was lifted")

    def _open(self, now: float, reason: str) -> None:
        doublings = min(self._probes_failed, _MOST_DOUBLINGS)
        longest = min(LONGEST_OPEN_S, FIRST_OPEN_S * 2.0**doublings)
        self._opened_at = now
        self._admits_at = now + longest * self._chance.uniform(*_JITTER)
        self._become(BreakerState.OPEN, reason)

    def _close(self, now: float, reason: str) -> None:
        self._probes_failed = 0
        self._score = 0.0
        self._closed_at = now
        self._become(BreakerState.CLOSED, reason)

    def _become(self, state: BreakerState, reason: str) -> None:
        self.state = state
        self.is_plain = state is BreakerState.CLOSED and self.forced is None
        self.epoch += 1
        self._usual = Ticket(self.epoch)
        self._probe = None
        self._successes = 0
        if self.forced is None:
            self._tell(state, reason)

    def _tell(self, state: BreakerState, reason: str) -> None:
        self.reason = reason
        if self._on_change is not None:
            self._on_change(state, reason)

    def _rescore(self, now: float, change: float, lasted: float = 0.0) -> None:
        self._score = max(0.0, self.score(now - lasted) + change)
        self._scored_at = max(self._scored_at, now)
