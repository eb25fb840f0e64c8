"""Our own limits towards a provider: requests and tokens a minute."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elizanet.policy.rate import Bucket, RateLimit
from support.machines import MACHINE


def test_a_minutes_worth_may_go_at_once() -> None:
    """The bucket is full at the start, whatever the clock says then."""
    bucket = Bucket(60)
    for _ in range(60):
        assert bucket.ready_in(5_000, 1) == 0
        bucket.take(5_000, 1)
    assert bucket.ready_in(5_000, 1) == 1.0


def test_it_fills_evenly() -> None:
    """Sixty a minute are one a second."""
    bucket = Bucket(60)
    bucket.take(0, 60)
    assert bucket.level(10) == 10
    assert bucket.ready_in(10, 15) == 5
    assert bucket.level(1e6) == 60


def test_usage_beyond_the_estimate_leaves_a_debt_that_time_pays() -> None:
    """What was used was used."""
    bucket = Bucket(600)
    bucket.take(0, 900)
    assert bucket.level(0) == -300
    assert bucket.ready_in(0, 10) == 31.0
    assert bucket.level(30) == 0


def test_what_is_given_back_never_exceeds_a_minutes_worth() -> None:
    """An estimate that was too high comes back."""
    bucket = Bucket(600)
    bucket.take(0, 500)
    bucket.take(0, -300)
    assert bucket.level(0) == 400
    bucket.take(0, -1e6)
    assert bucket.level(0) == 600


def test_a_request_larger_than_the_bucket_goes_through_a_full_one() -> None:
    """It could never go otherwise."""
    bucket = Bucket(100)
    assert bucket.ready_in(0, 5_000) == 0
    bucket.take(0, 50)
    assert bucket.ready_in(0, 5_000) == 30


def test_a_clock_that_goes_back_fills_nothing() -> None:
    """And takes nothing."""
    bucket = Bucket(60)
    bucket.take(100, 30)
    assert bucket.level(0) == 30


@given(
    st.integers(1, 10**9), st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0.01, 1e6),
    st.floats(0, 1e7),
)  # fmt: skip
@settings(parent=MACHINE)
def test_who_has_waited_as_long_as_told_is_not_told_to_wait_again(
    per_minute: int, taken: float, units: float, passed: float, start: float
) -> None:
    """Not even for less than a clock can measure."""
    bucket = Bucket(per_minute)
    bucket.take(start, taken)
    asked = start + passed
    wait = bucket.ready_in(asked, units)
    assert bucket.ready_in(asked + wait, units) <= 1e-12 * wait


def test_what_is_missing_by_a_millionth_of_a_second_is_not_missing() -> None:
    """By two millionths it is."""
    bucket = Bucket(60)
    bucket.take(0, 59 + 0.8e-6)
    assert bucket.ready_in(0, 1) == 0.0
    bucket.take(0, 1.2e-6)
    assert bucket.ready_in(0, 1) == pytest.approx(2e-6, rel=0.01)


def test_both_limits_hold() -> None:
    """The longer wait counts."""
    rate = RateLimit(rpm=2, tpm=600)
    rate.take(0, 300)
    assert rate.admits(0, 300)
    assert rate.ready_in(0, 400) == 10
    rate.take(0, 0)
    assert not rate.admits(0, 1)
    assert rate.ready_in(0, 1) == 30
    assert not rate.admits(29.5, 1)
    assert rate.admits(30, 1)


def test_requests_alone_and_tokens_alone() -> None:
    """Either may be unlimited."""
    requests, tokens = RateLimit(rpm=1), RateLimit(tpm=60)
    for rate in (requests, tokens):
        rate.take(0, 60)
        rate.correct(0, 60, 90)
    assert requests.ready_in(0, 1e9) == 60
    assert tokens.ready_in(0, 10) == 40


def test_the_estimate_is_replaced_by_the_usage() -> None:
    """Both ways."""
    rate = RateLimit(tpm=600)
    rate.take(0, 100)
    rate.correct(0, estimated=100, used=250)
    assert rate.ready_in(0, 600) == 25
    rate.take(0, 100)
    rate.correct(0, estimated=100, used=0)
    assert rate.ready_in(0, 600) == 25


def test_a_rate_without_limits_is_false() -> None:
    """So that nobody asks it."""
    assert not RateLimit()
    assert RateLimit(rpm=1)
    assert RateLimit(tpm=1)
    assert RateLimit().admits(0, 1e9)


def test_its_whole_state_is_one_line() -> None:
    """Of both buckets."""
    rate = RateLimit(rpm=60)
    rate.take(0, 5)
    assert repr(rate) == "<RateLimit requests=<Bucket 59 of 60 a minute> tokens=None>"


class BucketMachine(RuleBasedStateMachine):
    """In no span of time more is admitted than a minute's worth and what the time brought."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket(120)
        self.now = 1_000.0
        self.taken: list[tuple[float, float]] = []

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(units=st.floats(0.1, 120))
    def ask(self, units: float) -> None:
        if self.bucket.ready_in(self.now, units) == 0.0:
            self.bucket.take(self.now, units)
            self.taken.append((self.now, units))

    @rule(units=st.floats(0.1, 120))
    def wait_and_ask(self, units: float) -> None:
        self.now += self.bucket.ready_in(self.now, units)
        assert self.bucket.ready_in(self.now, units) == 0.0
        self.ask(units)

    @invariant()
    def the_bound_holds_for_every_span(self) -> None:
        total = 0.0
        for moment, units in reversed(self.taken):
            total += units
            assert total <= 120 + 2 * (self.now - moment) + 1e-4

    @invariant()
    def the_level_is_what_was_not_taken(self) -> None:
        level = 120.0
        before = 1_000.0
        for moment, units in self.taken:
            level = min(120.0, level + 2 * (moment - before)) - units
            before = moment
        expected = min(120.0, level + 2 * (self.now - before))
        assert self.bucket.level(self.now) == pytest.approx(expected, abs=1e-6)


TestBucketMachine = BucketMachine.TestCase
TestBucketMachine.settings = settings(parent=MACHINE)
