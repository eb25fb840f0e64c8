"""The breaker against a naive model of it, and how often it errs."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from elizanet.policy.breaker import Breaker, BreakerState, Entry, Ticket
from support.machines import MACHINE

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
LEASE = 2.0
THRESHOLD = 3.0
"""Of the machine: low, so that many of its walks come to all states."""


@dataclass
class Use:
    """A call that is under way, as the model knows it."""

    ticket: Ticket
    epoch: int
    entry: Entry
    entered: float
    suspected: bool = False


class BreakerMachine(RuleBasedStateMachine):
    """The model keeps every outcome of its epoch, and reckons the score from all of them."""

    uses = Bundle("uses")

    def __init__(self) -> None:
        super().__init__()
        self.told: list[BreakerState] = []
        self.breaker = Breaker(
            chance=random.Random(7),
            threshold=THRESHOLD,
            on_change=lambda state, _: self.told.append(state),
        )
        self.now = 0.0
        self.state = CLOSED
        self.forced: BreakerState | None = None
        self.epoch = 0
        self.outcomes: list[tuple[float, float]] = []
        self.until = 0.0
        self.opened_at = 0.0
        self.failed_probes = 0
        self.row = 0
        self.probe: Use | None = None

    # What happens

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 1.9, 2.0, 5.0, 12.0, 36.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=uses)
    def enter(self) -> Use:
        admitted = self.breaker.admits(self.now)
        assert admitted == self.admits()
        ticket = self.breaker.enter(self.now, LEASE)
        if self.state is CLOSED or self.forced is CLOSED:
            entry = Entry.USUAL
        else:
            entry = Entry.PROBE if admitted else Entry.PANIC
        if entry is Entry.PROBE and self.state is OPEN:
            self.become(HALF_OPEN)
        use = Use(ticket, self.epoch, entry, self.now)
        if entry is Entry.PROBE:
            self.probe = use
        assert (ticket.epoch, ticket.entry) == (use.epoch, use.entry)
        return use

    @rule(use=consumes(uses))
    def succeed(self, use: Use) -> None:
        if use.suspected:
            self.breaker.absolve(use.ticket, self.now)
            if use.epoch == self.epoch and use.entry is Entry.USUAL:
                self.outcomes.append((self.now, -1.0))
        self.breaker.success(use.ticket, self.now)
        if use.epoch != self.epoch:
            return
        if use.entry is Entry.USUAL:
            self.outcomes.append((self.now, -0.5))
            return
        if use is self.probe:
            self.probe = None
        self.row += 1
        if self.row == 3:
            self.failed_probes = 0
            self.become(CLOSED)

    @rule(use=consumes(uses))
    def fail(self, use: Use) -> None:
        self.failure(use)

    @rule(use=uses)
    def suspect(self, use: Use) -> None:
        if not use.suspected:
            use.suspected = True
            self.failure(use)

    @rule(use=consumes(uses))
    def end_without_opinion(self, use: Use) -> None:
        """I6: no score and no state changes."""
        score, state, told = self.breaker.score(self.now), self.breaker.state, len(self.told)
        self.breaker.release(use.ticket)
        assert (score, state, told) == (
            self.breaker.score(self.now), self.breaker.state, len(self.told)
        )  # fmt: skip
        if use is self.probe:
            self.probe = None

    @rule()
    def check_fails(self) -> None:
        """It opens nothing, and lifts the score to half of the threshold at most."""
        if self.state is CLOSED:
            lift = min(2.0, THRESHOLD / 2 - self.score())
            if lift > 0:
                self.outcomes.append((self.now, lift))
        self.breaker.suspect(self.now)

    @rule(ago=st.sampled_from([0.0, 0.1, 5.0]))
    def check_succeeds(self, ago: float) -> None:
        """It closes nothing, and shortens a long wait to five seconds."""
        self.breaker.reachable(self.now - ago)
        if self.state is OPEN and self.now - ago >= self.opened_at:
            self.until = min(self.until, self.opened_at + 5.0)

    @rule(state=st.sampled_from([None, OPEN, CLOSED]))
    def force(self, state: BreakerState | None) -> None:
        self.breaker.force(state)
        if state is not self.forced:
            self.forced = state
            assert self.told.pop() is (state or self.state)

    # What must hold

    @invariant()
    def states_agree(self) -> None:
        assert self.breaker.state is self.state
        assert self.breaker.epoch == self.epoch
        assert self.breaker.admits(self.now) == self.admits()
        assert self.breaker.is_plain == (self.state is CLOSED and self.forced is None)
        if self.state is CLOSED:
            assert self.breaker.score(self.now) == pytest.approx(self.score(), abs=1e-6)
            assert self.breaker.score(self.now) < THRESHOLD

    @invariant()
    def everything_admits_in_the_end(self) -> None:
        """Neither open nor half-open is for ever."""
        assert self.breaker.admits(self.now + 36.1) or self.forced is OPEN

    # The model

    def admits(self) -> bool:
        if self.forced is not None:
            return self.forced is CLOSED
        if self.state is HALF_OPEN:
            return self.probe is None or self.now >= self.probe.entered + LEASE
        return self.state is CLOSED or self.now >= self.until

    def score(self) -> float:
        score, before = 0.0, 0.0
        for moment, change in self.outcomes:
            score = max(0.0, score * math.exp2((before - moment) / 300) + change)
            before = moment
        return score * math.exp2((before - self.now) / 300)

    def failure(self, use: Use) -> None:
        """I7: what is of an older epoch causes no transition."""
        self.breaker.failure(use.ticket, self.now, "500")
        if use.epoch != self.epoch:
            return
        if use.entry is Entry.PANIC:
            self.row = 0
        elif use.entry is Entry.PROBE:
            self.failed_probes += 1
            self.open()
        else:
            self.outcomes.append((self.now, 1.0))
            if self.state is CLOSED and self.score() >= THRESHOLD - 1e-9:
                self.open()

    def open(self) -> None:
        longest = min(30.0, 5.0 * 2**self.failed_probes)
        self.become(OPEN)
        self.opened_at = self.now
        self.until = self.breaker._admits_at
        assert 0.8 * longest <= self.until - self.now <= 1.2 * longest

    def become(self, state: BreakerState) -> None:
        self.state, self.row, self.probe = state, 0, None
        self.epoch += 1
        if state is CLOSED:
            self.outcomes.clear()
        if self.forced is None:
            assert self.told.pop() is state
        assert not self.told


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(parent=MACHINE)


def calls_until_open(fails: float, seed: int) -> int:
    """Return how many calls, 20 a second, it takes until the breaker opens."""
    chance = random.Random(seed)
    breaker = Breaker(chance=chance)
    calls = 0
    while breaker.state is CLOSED:
        ticket, now = breaker.enter(calls / 20, LEASE), calls / 20
        calls += 1
        if chance.random() < fails:
            breaker.failure(ticket, now, "500")
        else:
            breaker.success(ticket, now)
    return calls


def test_a_target_that_fails_half_of_its_calls_is_found_in_about_thirty() -> None:
    """Mean of 400 outages."""
    mean = sum(calls_until_open(0.5, seed) for seed in range(400)) / 400
    assert 25 < mean < 36


@pytest.mark.parametrize(("share", "most"), [(0.05, 0), (0.10, 1)])
def test_random_failures_do_not_open_it_by_mistake(share: float, most: int) -> None:
    """200,000 calls; `python -m benchmarks.breaker_false_opens` makes 10^8 of them."""
    assert false_opens(share, 200_000, seed=3) <= most


def test_one_failure_in_five_opens_it_seldom() -> None:
    """Every ten thousand calls or so: such a target is nearly a bad one."""
    assert 5 <= false_opens(0.20, 200_000, seed=4) <= 60


@pytest.mark.parametrize(("share", "most"), [(0.05, 0), (0.10, 1)])
def test_checks_that_always_fail_do_not_take_a_target_away(share: float, most: int) -> None:
    """One every 30 s for nearly three hours, while calls are answered."""
    assert false_opens(share, 200_000, seed=5, check_every=600) <= most


def false_opens(share: float, calls: int, seed: int, check_every: int = 0) -> int:
    chance, opens = random.Random(seed), 0
    breaker = Breaker(chance=chance)
    for number in range(calls):
        now = number / 20
        if check_every and number % check_every == 0:
            breaker.suspect(now)
        ticket = breaker.enter(now, LEASE)
        if chance.random() >= share:
            breaker.success(ticket, now)
            continue
        breaker.failure(ticket, now, "500")
        if breaker.state is OPEN:
            opens += 1
            breaker = Breaker(chance=chance)
    return opens
