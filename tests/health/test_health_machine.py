"""The invariants of everything that is known, under any sequence of calls and outcomes.

I1 the budget's bound, I2 what is in flight, I5 gates, I6 neutral outcomes, I7 old epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from elizanet.errors import ProviderError
from elizanet.health import Lane, Permit
from elizanet.policy.breaker import Breaker, BreakerState, Entry
from support.lanes import Lanes, failure
from support.machines import MACHINE

FAILURES = {
    "connection": failure("connection"),
    "500": failure("overloaded", 500),
    "503": failure("overloaded", 503),
    "503 with a delay": failure("overloaded", 503, retry_after_s=7.0),
    "timeout": failure("timeout"),
    "429": failure("rate_limit", 429),
    "429 with a delay": failure("rate_limit", 429, retry_after_s=3.0),
    "401": failure("auth", 401),
    "404": failure("model_not_found", 404),
}
NEUTRAL = {
    "cancelled": failure("cancelled"),
    "400": failure("bad_request", 400),
    "refused": failure("content_policy", 400),
    "too long": failure("context_window_exceeded", 400),
}


@dataclass(eq=False)
class Attempt:
    """An attempt that has not ended, and the epochs of the breakers when it began."""

    lane: Lane
    permit: Permit
    epochs: tuple[int, int]
    answered: bool = False
    waits: bool = False


def breakers(lane: Lane) -> tuple[Breaker, Breaker]:
    return lane.host.breaker, lane.model.breaker


class HealthMachine(RuleBasedStateMachine):
    """Four lanes at one host: two models, two keys."""

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(seed=9)
        self.places = [self.lanes.lane("acme", key, model) for key in "kl" for model in "mn"]
        self.now = 0.0
        self.open: list[Attempt] = []
        self.gates = [0.0] * 4
        self.spent = 0
        self.successes = 0

    # What happens

    @rule(seconds=st.sampled_from([0.0, 0.2, 2.0, 6.0, 40.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=attempts, number=st.integers(0, 3), waits=st.booleans())
    def admit(self, number: int, *, waits: bool) -> Attempt:
        return self.begin(number, waits=waits)

    @rule(attempt=attempts)
    def answer(self, attempt: Attempt) -> None:
        if attempt in self.open and not attempt.answered:
            with_old = self.old(attempt)
            attempt.permit.answered(self.now)
            attempt.answered, attempt.waits = True, False
            self.successes += 1
            self.unmoved(with_old)

    @rule(attempt=consumes(attempts), kind=st.sampled_from(sorted(FAILURES)))
    def fail(self, attempt: Attempt, kind: str) -> None:
        self.end(attempt, FAILURES[kind])

    @rule(number=st.integers(0, 3), count=st.integers(5, 9), kind=st.sampled_from(sorted(FAILURES)))
    def fail_in_a_row(self, number: int, count: int, kind: str) -> None:
        for _ in range(count):
            self.end(self.begin(number, waits=True), FAILURES[kind])

    @rule(attempt=consumes(attempts), kind=st.sampled_from(sorted(NEUTRAL)))
    def end_neutrally(self, attempt: Attempt, kind: str) -> None:
        """I6: no score and no state changes."""
        before = self.opinions()
        self.end(attempt, NEUTRAL[kind])
        if not attempt.answered:
            assert self.opinions() == before

    @rule(attempt=consumes(attempts), times=st.integers(1, 3))
    def close(self, attempt: Attempt, times: int) -> None:
        """I6 likewise."""
        before = self.opinions()
        for _ in range(times):
            attempt.permit.close()
        assert self.opinions() == before
        self.ended(attempt)

    @rule(attempt=attempts)
    def overdue(self, attempt: Attempt) -> None:
        with_old = self.old(attempt)
        attempt.permit.overdue(self.now)
        self.unmoved(with_old)

    @rule(attempt=attempts)
    def extra_request(self, attempt: Attempt) -> None:
        self.spent += attempt.lane.host.budget.spend(self.now)

    @rule(number=st.integers(0, 3))
    def announce(self, number: int) -> None:
        headers = (("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "9s"))
        self.places[number].heard(headers, self.now)

    @rule(state=st.sampled_from([None, BreakerState.OPEN, BreakerState.CLOSED]))
    def force(self, state: BreakerState | None) -> None:
        self.lanes.registry.force("acme", "m", state)

    # What must hold

    @invariant()
    def in_flight_are_the_attempts_that_have_not_ended(self) -> None:
        """I2."""
        for lane in self.places:
            mine = [attempt for attempt in self.open if attempt.lane is lane]
            assert lane.limiter.in_flight == len(mine)
            assert lane.is_idle == (not mine)

    @invariant()
    def only_those_who_wait_are_remembered(self) -> None:
        waiting = {attempt.permit for attempt in self.open if attempt.waits}
        host = self.places[0].host
        assert set(host.waiting) == waiting
        assert {permit for lane in self.places for permit in lane.model.waiting} == waiting

    @invariant()
    def the_budget_holds(self) -> None:
        """I1."""
        assert self.spent <= 10 + 0.1 * self.successes + 0.1 * self.now + 1e-6

    @invariant()
    def no_gate_moves_earlier(self) -> None:
        """I5."""
        gates = [lane.gate.until for lane in self.places]
        assert all(new >= old for new, old in zip(gates, self.gates, strict=True))
        self.gates = gates

    @invariant()
    def nothing_is_shut_for_ever(self) -> None:
        later = self.now + 3601.0
        for lane in self.places:
            if lane.model.breaker.forced is None:
                assert lane.limiter.in_flight or lane.refusal(later, 0) is None

    def teardown(self) -> None:
        for attempt in list(self.open):
            attempt.permit.close()
        for lane in self.places:
            assert lane.is_idle
            assert not lane.model.waiting
            assert not lane.host.waiting

    # The model

    def begin(self, number: int, *, waits: bool) -> Attempt:
        lane = self.places[number]
        refusal = lane.refusal(self.now, 0)
        before = [breaker.admits(self.now) for breaker in breakers(lane)]
        permit = lane.admit(self.now, 0, 2.0, stream=True)
        if refusal is None:
            assert permit.entry is not Entry.PANIC
        if permit.entry is Entry.PANIC:
            assert not all(before)
        epochs = (lane.host.breaker.epoch, lane.model.breaker.epoch)
        attempt = Attempt(lane, permit, epochs, waits=waits)
        if waits:
            permit.on_rescue(lambda: self.rescued(attempt))
        self.open.append(attempt)
        return attempt

    def end(self, attempt: Attempt, error: ProviderError) -> None:
        if attempt not in self.open:
            return
        with_old = self.old(attempt)
        if attempt.answered:
            attempt.permit.broke(error, self.now)
            attempt.permit.close()
        else:
            attempt.permit.failed(error, self.now)
        self.unmoved(with_old)
        self.ended(attempt)

    def ended(self, attempt: Attempt) -> None:
        if attempt in self.open:
            self.open.remove(attempt)

    def rescued(self, attempt: Attempt) -> None:
        """Close it, as the engine does when it goes elsewhere."""
        assert attempt in self.open
        assert not attempt.answered
        attempt.permit.close()
        self.ended(attempt)

    def old(self, attempt: Attempt) -> list[tuple[Breaker, BreakerState, int]]:
        """Return the breakers that are in another epoch than when the attempt began."""
        pairs = zip(breakers(attempt.lane), attempt.epochs, strict=True)
        return [(b, b.state, b.epoch) for b, epoch in pairs if b.epoch != epoch]

    def unmoved(self, before: list[tuple[Breaker, BreakerState, int]]) -> None:
        """I7."""
        assert all((b.state, b.epoch) == (state, epoch) for b, state, epoch in before)

    def opinions(self) -> list[tuple[float, BreakerState]]:
        every = [breaker for lane in self.places for breaker in breakers(lane)]
        return [(breaker.score(self.now), breaker.state) for breaker in every]


TestHealthMachine = HealthMachine.TestCase
TestHealthMachine.settings = settings(parent=MACHINE)
