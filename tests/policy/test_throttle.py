"""The throttle: how much is risked on targets that are believed to be down."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.throttle import Throttle
from support.machines import MACHINE


def filled(requests: int, accepts: int, now: float = 0.0) -> Throttle:
    throttle = Throttle()
    for _ in range(requests):
        throttle.request(now)
    for _ in range(accepts):
        throttle.accept(now)
    return throttle


class Dice(random.Random):
    """Chance that always says the same."""

    def __init__(self, says: float) -> None:
        super().__init__(1)
        self.says = says

    def random(self) -> float:
        return self.says


@pytest.mark.parametrize(
    ("requests", "accepts", "rejects"),
    [(0, 0, 0.0), (1, 1, 0.0), (9, 0, 0.9), (1000, 0, 0.9), (4, 1, 0.4), (10, 5, 0.0), (3, 0, 0.75)],
)  # fmt: skip
def test_the_formula_of_the_sre_book(requests: int, accepts: int, rejects: float) -> None:
    """max(0, (requests - 2 * accepts) / (requests + 1)), and at most 0.9."""
    assert filled(requests, accepts).rejects(0) == pytest.approx(rejects)


def test_half_a_minute_later_nothing_is_remembered() -> None:
    """The window is ten slices of three seconds."""
    throttle = filled(100, 0, now=1.0)
    assert throttle.rejects(29.9) == 0.9
    assert throttle.rejects(30.0) == 0.0
    assert throttle.rejects(1e9) == 0.0


def test_the_window_moves_slice_by_slice() -> None:
    """Each slice is forgotten when its own time is over."""
    throttle = Throttle()
    for second in range(0, 30, 3):
        throttle.request(second)
        throttle.accept(second)
        throttle.accept(second)
    assert repr(throttle) == "<Throttle requests=10 accepts=20>"
    for passed in range(1, 11):
        throttle.rejects(27 + 3 * passed)
        assert repr(throttle) == f"<Throttle requests={10 - passed} accepts={20 - 2 * passed}>"


def test_a_long_silence_clears_the_window_whatever_its_length() -> None:
    """Also one of a whole number of windows."""
    for silence in range(30, 130):
        throttle = filled(50, 10, now=4.0)
        throttle.request(4.0 + silence)
        assert repr(throttle) == "<Throttle requests=1 accepts=0>"


def test_a_clock_that_goes_back_counts_in_the_present_slice() -> None:
    """Nothing is lost, and nothing is counted twice."""
    throttle = filled(5, 1, now=100.0)
    throttle.request(10.0)
    throttle.accept(10.0)
    assert repr(throttle) == "<Throttle requests=6 accepts=2>"
    throttle.request(101.0)
    assert repr(throttle) == "<Throttle requests=7 accepts=2>"


def test_chance_decides_about_each_call() -> None:
    """A probability of 0.4 turns away whom the dice show less."""
    throttle = filled(4, 1)
    throttle.admits(0, Dice(0.0))  # the one that is due
    assert not throttle.admits(0.5, Dice(0.39))
    assert throttle.admits(0.5, Dice(0.41))


def test_one_call_a_second_always_goes_through() -> None:
    """However hopeless it looks: someone has to find out when it ends."""
    throttle = filled(1000, 0)
    never = Dice(0.0)
    admitted = [tenth for tenth in range(100) if throttle.admits(tenth / 10, never)]
    assert admitted == list(range(0, 100, 10))


def test_who_was_admitted_by_chance_was_that_seconds_call() -> None:
    """The floor is one a second, not one more."""
    throttle = filled(1000, 0)
    assert throttle.admits(0.0, Dice(0.0))
    assert throttle.admits(0.9, Dice(0.95))
    assert not throttle.admits(1.0, Dice(0.0))
    assert throttle.admits(1.91, Dice(0.0))


def outage(rate: int, seconds: int, seed: int) -> Iterator[bool]:
    """Yield for each call of an outage whether it was risked; none of them is answered."""
    throttle, chance = Throttle(), random.Random(seed)
    for number in range(rate * seconds):
        now = number / rate
        throttle.request(now)
        yield throttle.admits(now, chance)


def test_in_an_outage_about_a_tenth_is_risked() -> None:
    """At 20 calls a second for ten minutes: a tenth, and the floor."""
    share = sum(outage(20, 600, seed=5)) / (20 * 600)
    assert 0.10 < share < 0.16


def test_when_answers_come_it_opens_by_itself() -> None:
    """Half a minute after the outage nobody is turned away."""
    throttle, chance = filled(1000, 0), random.Random(6)
    for tenth in range(600):
        throttle.request(tenth / 10)
        if throttle.admits(tenth / 10, chance):
            throttle.accept(tenth / 10)
    assert throttle.rejects(60.0) == 0.0


class ThrottleMachine(RuleBasedStateMachine):
    """The model keeps every event; the throttle knows those of the last 27 to 30 s."""

    def __init__(self) -> None:
        super().__init__()
        self.throttle = Throttle()
        self.now = 0.0
        self.events: list[tuple[float, bool]] = []
        self.admitted = float("-inf")

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 9))
    def requests(self, count: int) -> None:
        for _ in range(count):
            self.throttle.request(self.now)
            self.events.append((self.now, True))

    @rule(count=st.integers(1, 9))
    def accepts(self, count: int) -> None:
        for _ in range(count):
            self.throttle.accept(self.now)
            self.events.append((self.now, False))

    @rule(says=st.floats(0, 0.999))
    def admit(self, says: float) -> None:
        expected = self.now - self.admitted >= 1.0 or says >= self.throttle.rejects(self.now)
        assert self.throttle.admits(self.now, Dice(says)) is expected
        if expected:
            self.admitted = self.now

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        first = 3 * (int(self.now / 3) - 9)
        recent = [is_request for moment, is_request in self.events if moment >= first]
        requests, accepts = recent.count(True), recent.count(False)
        expected = min(0.9, max(0.0, (requests - 2 * accepts) / (requests + 1)))
        assert self.throttle.rejects(self.now) == expected


TestThrottleMachine = ThrottleMachine.TestCase
TestThrottleMachine.settings = settings(parent=MACHINE)
