"""What must hold in every simulation, whatever fails: the properties, each by its number.

| number | property |
|---|---|
| I1 | repetitions and hedges at a host <= 10 + 0.1 successes + 0.1 seconds |
| I2 | every open attempt has its permit, and every permit is closed: none at rest |
| I3 | a caller gets the content of one target, whole or with an error |
| I4 | no attempt starts after the deadline, no call waits 50 ms longer |
| I5 | a gate never moves earlier, and is obeyed |
| I7 | a breaker goes from closed to open, from there to half-open, and back |
| I8 | while a target admits the call and works, the call is answered |
| I10 | who lost is gone within 100 ms, and nothing is read from them after that |
| I11 | a call is rescued only if it can go elsewhere |
| I12 | at rest there are no tasks and no timers left |
| I14 | a call makes at most min(targets + 1, 6) attempts |
| I15 | no key is in what a caller is told |

I6 (neutral outcomes change no score), I9 (the last local rejection after an outage) and I13 (the
same seed gives the same trace) are about whole runs, and are checked by those who make them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from elizanet.health import Lane, Registry
from elizanet.policy.breaker import BreakerState
from elizanet.policy.budget import CAPACITY, PER_SECOND, PER_SUCCESS
from elizanet.policy.retry import MOST_ATTEMPTS
from elizanet.target import Target
from elizanet.testing.simulation.calls import CallRecord
from elizanet.testing.simulation.error_facts import PLANTED_KEY
from elizanet.testing.simulation.ledger import AttemptEnd, ServedAttempt
from elizanet.testing.simulation.provider import SimulatedProvider
from elizanet.testing.simulation.results import Outcome

MOST_KEPT: Final = 20
"""Violations that are kept in words; all are counted."""

_LATE_S: Final = 0.05
_LOSER_S: Final = 0.1
_EPSILON: Final = 1e-6
_NEXT_STATES: Final = {
    BreakerState.CLOSED: {BreakerState.OPEN},
    BreakerState.OPEN: {BreakerState.HALF_OPEN, BreakerState.CLOSED},
    BreakerState.HALF_OPEN: {BreakerState.OPEN, BreakerState.CLOSED},
}


class Invariants:
    """Watches one simulation of a chain of `targets` whose health is in `registry`.

    `continues`: a stream that breaks may go on with the content of another target.
    """

    def __init__(
        self, targets: Sequence[Target], registry: Registry, *, continues: bool = False
    ) -> None:
        self.violations: list[str] = []
        self.count = 0
        self._targets = tuple(targets)
        self._registry = registry
        self._continues = continues
        self._most_attempts = min(len(self._targets) + 1, MOST_ATTEMPTS)
        self._extras: defaultdict[str, int] = defaultdict(int)
        self._successes: defaultdict[str, int] = defaultdict(int)
        self._lanes: dict[tuple[str, str, str], Lane] = {}
        self._open: defaultdict[str, int] = defaultdict(int)
        self._gates: dict[str, float] = {}
        self._breakers: dict[str, BreakerState] = {}
        self._gone: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"<Invariants violations={self.count}>"

    def violated(self, number: str, what: str) -> None:
        """Write a violation down."""
        self.count += 1
        if len(self.violations) < MOST_KEPT:
            self.violations.append(f"{number}: {what}")

    # While calls run

    def began(self, attempt: ServedAttempt, record: CallRecord | None) -> None:
        """Look at an attempt that begins; it is not yet among those of its call."""
        now = attempt.began
        if now > attempt.deadline + _EPSILON:
            self.violated("I4", f"{attempt!r} began {now - attempt.deadline:.3f} s too late")
        if record is None:
            self.violated("I10", f"{attempt!r} began after its call had ended")
            return
        earlier = record.attempts
        again = any(other.target == attempt.target for other in earlier)
        silent = next((other for other in earlier if other.end is None), None)
        if again or silent is not None:
            self._extra((silent or attempt).provider, attempt.began)
        if len(earlier) >= self._most_attempts:
            self.violated("I14", f"{attempt!r} is one more than {self._most_attempts}")
        self._open[attempt.target] += 1
        self._look_at_lane(attempt)

    def ended(self, attempt: ServedAttempt) -> None:
        """Look at an attempt that has ended."""
        now = attempt.ended or 0.0
        self._open[attempt.target] -= 1
        gone = self._gone.pop(attempt.number, None)
        if gone is not None and now > gone + _LOSER_S:
            self.violated("I10", f"{attempt!r} ended {now - gone:.3f} s after its call")
        if attempt.read_after_end:
            self.violated("I10", f"{attempt!r} was read after its end")

    def committed(self, record: CallRecord) -> None:
        """Look at a call that has its answer, or the first content of it."""
        if record.provider is not None:
            self._successes[record.provider] += 1

    def call_ended(self, record: CallRecord, now: float) -> None:
        """Look at a call that has ended."""
        self._look_at_content(record)
        committed = now if record.committed is None else record.committed
        if committed > record.deadline + _LATE_S:
            self.violated("I4", f"{record!r} ended {now - record.deadline:.3f} s too late")
        for attempt in record.attempts:
            if attempt.ended is None:
                self._gone[attempt.number] = now
        if record.outcome is Outcome.FAILED:
            self._look_at_failure(record, now)

    def health_changed(self, subject: str, state: str) -> None:
        """Look at a breaker that has changed."""
        before = self._breakers.get(subject, BreakerState.CLOSED)
        after = self._breakers[subject] = BreakerState(state)
        if after not in _NEXT_STATES[before]:
            self.violated("I7", f"the breaker of {subject} went from {before} to {after}")

    # At rest

    def at_rest(self, still_open: int, tasks: int, timers: int) -> None:
        """Look at what is left when all calls have ended."""
        if still_open:
            self.violated("I2", f"{still_open} attempts are still open at rest")
        for _, lane in self._registry.lanes:
            if not lane.is_idle or lane.limiter.in_flight < 0:
                self.violated("I2", f"{lane!r} is not idle at rest")
            if lane.host.waiting or lane.model.waiting:
                self.violated("I2", f"{lane!r} still has attempts that wait for rescue")
        if tasks:
            self.violated("I12", f"{tasks} tasks are left")
        if timers:
            self.violated("I12", f"{timers} timers are left")

    # Each in turn

    def _extra(self, host: str, now: float) -> None:
        """Count an attempt that the budget of this host paid for."""
        self._extras[host] += 1
        most = CAPACITY + PER_SUCCESS * self._successes[host] + PER_SECOND * now
        if self._registry.protections.budget and self._extras[host] > most + _EPSILON:
            self.violated(
                "I1", f"{self._extras[host]} extra attempts at {host}, {most:.1f} allowed"
            )

    def _look_at_lane(self, attempt: ServedAttempt) -> None:
        lane = self._lane(attempt.provider, attempt.model, attempt.key)
        if lane is None:
            return
        if lane.limiter.in_flight < self._open[attempt.target]:
            self.violated("I2", f"{self._open[attempt.target]} attempts are open at {lane!r}")
        until, before = lane.gate.until, self._gates.get(lane.name, 0.0)
        self._gates[lane.name] = until
        if until < before:
            self.violated("I5", f"the gate of {lane.name} moved from {before:.3f} to {until:.3f}")
        if until > attempt.began + _EPSILON:
            self.violated("I5", f"{attempt!r} began before {lane.gate!r} was open")

    def _look_at_content(self, record: CallRecord) -> None:
        source = record.source()
        if self._continues and len(record.attempts) > 1:
            return
        if record.events and source is None:
            self.violated("I3", f"{record!r} got the content of several attempts")
        if record.outcome is not Outcome.ANSWERED:
            return
        whole = source is not None and source.end is AttemptEnd.ANSWERED
        if not record.is_whole or source is None or not whole:
            self.violated("I3", f"{record!r} got half an answer for a whole one")

    def _look_at_failure(self, record: CallRecord, now: float) -> None:
        error = record.error
        told = f"{error} {error.attempts if error else ()}"
        if PLANTED_KEY in told:
            self.violated("I15", f"{record!r} was told a key")
        last = error.attempts[-1].message if error is not None and error.attempts else ""
        if "was found down" in last:
            self.violated("I11", f"{record!r} was rescued from its last target")
        for target in self._targets:
            if self._could_answer(target, record, now):
                self.violated("I8", f"{record!r} failed though {target} was well: {error}")

    def _could_answer(self, target: Target, record: CallRecord, now: float) -> bool:
        provider = target.provider
        if not isinstance(provider, SimulatedProvider):
            return False
        if not provider.server.is_well(target.model, provider.key, record.arrived, now):
            return False
        lane = self._lane(provider.name, target.model, provider.key)
        return lane is None or lane.refusal(now, 0) is None

    def _lane(self, host: str, model: str, key: str) -> Lane | None:
        """Return the lane of a provider of the simulation; its key is the alias of the target."""
        lanes = self._lanes
        if len(lanes) != len(self._registry.lanes):
            lanes.update({(n[0], n[3], n[1]): lane for n, lane in self._registry.lanes})
        return lanes.get((host, model, key))
