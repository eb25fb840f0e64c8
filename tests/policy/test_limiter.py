"""The limiter: how many calls one target takes at once."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from math import cbrt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.breaker import Breaker
from elizanet.policy.limiter import CERTAIN, MOST, Limiter
from support.machines import MACHINE


def crowded(in_flight: int) -> Limiter:
    limiter = Limiter()
    for _ in range(in_flight):
        limiter.enter()
    return limiter


def cut(in_flight: int, now: float = 0.0) -> Limiter:
    """Return one that has been told once that there are too many."""
    limiter = crowded(in_flight)
    limiter.overload(now, 0.0)
    return limiter


def rounds(limiter: Limiter, count: int) -> None:
    """Let so many rounds of answers come."""
    for _ in range(count):
        for _ in range(max(1, round(limiter.limit))):
            limiter.success()


def test_there_is_no_limit_until_a_target_refuses() -> None:
    """A fleet of a thousand may start at once; successes change nothing."""
    limiter = crowded(1_000)
    limiter.success()
    assert limiter.admits()
    assert limiter.limit == MOST


def test_as_many_as_the_limit_may_be_in_flight() -> None:
    """Not one more, also where it is a fraction."""
    limiter = cut(21)
    assert limiter.limit == pytest.approx(14.7)
    while limiter.in_flight > 14:
        limiter.leave()
    assert not limiter.admits()
    limiter.leave()
    assert limiter.admits()


def test_a_promised_place_is_taken() -> None:
    """Who has waited for it will come."""
    limiter = cut(20)
    for _ in range(7):
        limiter.leave()
    assert limiter.admits()
    limiter.promised += 1
    assert not limiter.admits()


def test_a_refusal_cuts_to_seven_tenths_of_what_was_in_flight() -> None:
    """The limit that there was says nothing, if it was not used."""
    assert cut(100).limit == pytest.approx(70.0)
    limiter = cut(100)
    for _ in range(80):
        limiter.leave()
    limiter.overload(1.0, 0.0)
    assert limiter.limit == pytest.approx(14.0)


def test_a_second_refusal_cuts_the_limit_where_more_are_still_in_flight() -> None:
    """They were let in before."""
    limiter = cut(100)
    limiter.overload(1.0, 0.0)
    assert limiter.limit == pytest.approx(49.0)


def test_few_in_flight_are_never_too_many() -> None:
    """With fewer than eight a refusal is about something else."""
    assert cut(7).limit == MOST
    assert cut(8).limit == pytest.approx(5.6)


def test_refusals_at_one_moment_are_one_refusal() -> None:
    """A second, or the usual time to an answer if that is longer."""
    limiter = cut(100)
    limiter.overload(0.99, 0.5)
    limiter.overload(1.99, 2.0)
    assert limiter.limit == pytest.approx(70.0)
    limiter.overload(2.0, 2.0)
    assert limiter.limit == pytest.approx(49.0)
    limiter.overload(3.0, 0.5)
    assert limiter.limit == pytest.approx(34.3)


def test_what_is_ignored_postpones_nothing() -> None:
    """A refusal with few in flight does not shield from the next one."""
    limiter = cut(7)
    limiter.enter()
    limiter.overload(0.1, 0.0)
    assert limiter.limit < MOST


def test_the_limit_never_falls_below_one() -> None:
    """Or else no answer could ever raise it again."""
    limiter = crowded(100)
    for second in range(60):
        limiter.overload(float(second), 0.0)
    assert limiter.limit == 1.0
    for _ in range(100):
        limiter.leave()
    assert limiter.admits()


def test_the_limit_comes_back_along_a_cubic() -> None:
    """From 0.7 W over a plateau at W, with the time counted in rounds."""
    limiter = cut(100)
    plateau, rounds = cbrt(30), 0.0
    for _ in range(600):
        rounds += 1 / limiter.limit
        limiter.success()
        assert limiter.limit == pytest.approx(100 + (rounds - plateau) ** 3)
    assert rounds > plateau


def test_a_limit_that_is_met_again_only_later_is_forgotten() -> None:
    """Fifteen rounds later there is none."""
    limiter = cut(20)
    rounds(limiter, 3)
    assert 18 < limiter.limit < 30
    rounds(limiter, 12)
    assert limiter.limit == MOST
    assert "peak" not in repr(limiter)


@pytest.mark.parametrize("in_flight", [8, 20, 100, 1_000])
def test_half_of_the_cut_is_regained_within_a_few_rounds(in_flight: int) -> None:
    """Two for a hundred."""
    limiter = cut(in_flight)
    rounds(limiter, round(0.3 * cbrt(in_flight)) + 1)
    assert limiter.limit > 0.85 * in_flight


def test_three_failures_in_a_row_are_no_chance() -> None:
    """Two are, and so is one failure in five."""
    breaker = Breaker(chance=random.Random(1))
    scores = []
    for outcome in "SFSSSS" * 10 + "FFF":
        ticket = breaker.enter(0.0, 2.0)
        if outcome == "F":
            breaker.failure(ticket, 0.0, "503")
        else:
            breaker.success(ticket, 0.0)
        scores.append(breaker.score(0.0))
    assert max(scores[:-1]) < CERTAIN <= scores[-1]


def test_after_an_outage_there_is_no_limit() -> None:
    """What it did in the outage says nothing about after it."""
    limiter = cut(20)
    limiter.reset()
    assert limiter.limit == MOST
    assert limiter.in_flight == 20


def test_its_whole_state_is_one_line() -> None:
    """With what was learnt, where something was."""
    limiter = crowded(10)
    assert repr(limiter) == "<Limiter 10 of 1024.0>"
    limiter.promised = 2
    limiter.overload(0, 0)
    assert repr(limiter) == "<Limiter 10+2 of 7.0 peak=10.0 rounds=0.0>"


def simulated(capacity: int, hold: float, *, minutes: float = 10) -> tuple[float, float]:
    """Return how much of a true capacity is used, and the refusals per answer."""
    chance, limiter = random.Random(3), Limiter()
    running: list[float] = []
    answers = refusals = 0
    busy = 0.0
    now = 0.0
    while now < minutes * 60:
        now += chance.expovariate(4 * capacity / hold)
        while running and running[0] <= now:
            heappop(running)
            limiter.leave()
        busy += len(running)
        answers += 1
        if not limiter.admits():
            continue
        limiter.enter()
        if len(running) >= capacity:
            refusals += 1
            limiter.overload(now, 0.6)
            limiter.leave()
        else:
            limiter.success()
            heappush(running, now + chance.uniform(0.5, 1.5) * hold)
    return busy / (answers * capacity), refusals / answers


@pytest.mark.parametrize("hold", [1.0, 5.0, 30.0])
@pytest.mark.parametrize("capacity", [8, 20, 100])
def test_it_finds_a_true_capacity_and_stays_near_it(capacity: int, hold: float) -> None:
    """Under four times the demand: most of it is used, and few are refused."""
    used, refused = simulated(capacity, hold)
    assert used > 0.8
    assert refused < 0.05


class LimiterMachine(RuleBasedStateMachine):
    """I2 in small: in flight are those that entered and have not left; a limit is always found."""

    def __init__(self) -> None:
        super().__init__()
        self.limiter = Limiter()
        self.now = 0.0
        self.in_flight = 0
        self.cut_at = float("-inf")
        self.peak: float | None = None
        self.limit = MOST
        self.rounds = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 30))
    def enter(self, count: int) -> None:
        for _ in range(count):
            if self.limiter.admits():
                self.limiter.enter()
                self.in_flight += 1
                assert self.in_flight <= self.limit

    @rule(count=st.integers(1, 30))
    def leave(self, count: int) -> None:
        for _ in range(min(count, self.in_flight)):
            self.limiter.leave()
            self.in_flight -= 1

    @rule(count=st.integers(1, 200))
    def succeed(self, count: int) -> None:
        for _ in range(count):
            self.limiter.success()
            if self.peak is not None:
                self.rounds += 1 / self.limit
                self.reckon()

    @rule(round_trip=st.sampled_from([0.0, 2.0]))
    def overload(self, round_trip: float) -> None:
        self.limiter.overload(self.now, round_trip)
        if self.in_flight >= 8 and self.now - self.cut_at >= max(1.0, round_trip):
            self.cut_at, self.rounds = self.now, 0.0
            self.peak = min(self.limit, self.in_flight)
            self.reckon()

    @rule()
    def recover(self) -> None:
        self.limiter.reset()
        self.peak, self.limit = None, MOST

    def reckon(self) -> None:
        assert self.peak is not None
        cubed = (self.rounds - cbrt(0.3 * self.peak)) ** 3
        self.limit = max(1.0, self.peak + cubed)
        if self.limit >= MOST:
            self.peak, self.limit = None, MOST

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        assert self.limiter.in_flight == self.in_flight
        assert self.limiter.limit == pytest.approx(self.limit)
        assert 1.0 <= self.limiter.limit <= MOST

    @invariant()
    def it_is_never_shut_for_good(self) -> None:
        assert self.in_flight or self.limiter.admits()


TestLimiterMachine = LimiterMachine.TestCase
TestLimiterMachine.settings = settings(parent=MACHINE)
