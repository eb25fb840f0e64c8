"""What follows a failure."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import FailureClass
from elizanet.policy.retry import RetryPolicy
from elizanet.testing import Failing

ALL = list(FailureClass)


def decide(
    failing: Failing,
    *,
    policy: RetryPolicy | None = None,
    spent: int = 0,
    remaining: float = 100.0,
    another: bool = True,
) -> float | None:
    return (policy or RetryPolicy()).pause(
        failing.error(),
        spent=spent,
        remaining=remaining,
        another_target=another,
        chance=random.Random(1),
    )


@pytest.mark.parametrize("failure", ["bad_request", "content_policy", "cancelled"])
def test_what_would_fail_everywhere_stops(failure: str) -> None:
    """Another target would not help, nor would the same one, and asking would cost."""
    assert decide(Failing(failure)) is None
    assert decide(Failing(failure, retry=True)) is None


@pytest.mark.parametrize(
    "failure", ["rate_limit", "quota_exhausted", "timeout", "auth", "model_not_found", "unknown"]
)
def test_the_next_target_is_the_usual_answer(failure: str) -> None:
    """A failure without a reason to wait moves on at once."""
    assert decide(Failing(failure)) is None


def test_a_refused_connection_is_tried_again_at_once() -> None:
    """Nothing was sent, so nothing is lost."""
    assert decide(Failing("connection")) == 0.0


def test_a_lasting_connection_fault_moves_on() -> None:
    """A certificate or an unknown host does not heal by itself."""
    assert decide(Failing("connection", retry=False)) is None


def test_a_plain_500_is_tried_again_soon_and_503_is_not() -> None:
    """One 500 says little about the next call; 503 says that the provider is busy."""
    again = decide(Failing("overloaded", status=500))
    assert again is not None
    assert 0 <= again <= 0.2
    assert decide(Failing("overloaded", status=503)) is None


def test_a_short_stated_delay_is_waited_for_and_a_long_one_is_not() -> None:
    """Up to max_wait and a quarter of the remaining time."""
    assert decide(Failing("rate_limit", retry_after_s=2.5)) == 2.5
    assert decide(Failing("rate_limit", retry_after_s=2.6)) is None
    assert decide(Failing("rate_limit", retry_after_s=2.5), remaining=9) is None


def test_max_wait_zero_moves_on_at_once() -> None:
    """The operator wants no waiting."""
    policy = RetryPolicy(max_wait=0)
    assert decide(Failing("rate_limit", retry_after_s=0.1), policy=policy) is None


def test_with_nowhere_else_to_go_a_longer_delay_is_obeyed() -> None:
    """Ten seconds at most, and half of the time that is left."""
    nine, eleven = (Failing("rate_limit", retry_after_s=delay) for delay in (9, 11))
    assert decide(nine, another=False) == 9
    assert decide(eleven, another=False) is None
    assert decide(nine, remaining=17, another=False) is None


def test_with_nowhere_else_to_go_faults_are_tried_again_after_jitter() -> None:
    """Full jitter up to the base of the failure."""
    fault = decide(Failing("malformed_response"), another=False)
    overload = decide(Failing("overloaded", status=503), another=False)
    assert fault is not None
    assert overload is not None
    assert 0 <= fault <= 0.1
    assert 0 <= overload <= 1.0


def test_a_silent_attempt_is_never_repeated_where_it_happened() -> None:
    """It has cost its whole limit already."""
    assert decide(Failing("timeout"), another=False) is None


def test_a_broken_attempt_is_repeated_with_nowhere_else_to_go_only() -> None:
    """Another target is better, but one more try is better than none."""
    assert decide(Failing("stream_interrupted"), another=True) is None
    assert decide(Failing("stream_interrupted"), another=False) is not None


class Highest(random.Random):
    """Chance that always draws the highest number."""

    def uniform(self, a: float, b: float) -> float:
        assert a == 0
        return b


def longest(failing: Failing, *, spent: int = 0, remaining: float = 100.0, another: bool) -> float:
    """Return the longest delay before another try at the same target."""
    pause = RetryPolicy(same_provider=99).pause(
        failing.error(), spent=spent, remaining=remaining, another_target=another, chance=Highest()
    )
    assert pause is not None
    return pause


@pytest.mark.parametrize(
    ("failing", "spent", "delay"),
    [
        (Failing("malformed_response"), 0, 0.1),
        (Failing("malformed_response"), 3, 0.8),
        (Failing("malformed_response"), 9, 5.0),
        (Failing("overloaded", status=503), 0, 1.0),
        (Failing("overloaded", status=503), 2, 4.0),
        (Failing("overloaded", status=503), 3, 5.0),
        (Failing("overloaded", status=500), 0, 1.0),
    ],
)
def test_with_nowhere_else_to_go_the_jitter_doubles_up_to_five_seconds(
    failing: Failing, spent: int, delay: float
) -> None:
    """From a tenth of a second for a fault, and from a whole one for an overload."""
    assert longest(failing, spent=spent, another=False) == pytest.approx(delay)


def test_no_backoff_takes_more_than_half_of_what_remains() -> None:
    """The try after it needs time, too."""
    overload = Failing("overloaded", status=503)
    assert longest(overload, spent=3, remaining=9.0, another=False) == 4.5
    assert longest(overload, spent=3, remaining=11.0, another=False) == 5.0


@pytest.mark.parametrize(
    "failing", [Failing("overloaded", status=500), Failing("timeout", status=408)]
)
def test_soon_is_a_fifth_of_a_second(failing: Failing) -> None:
    """While another target waits; a 408 is an answer, no silence."""
    assert longest(failing, another=True) == 0.2


@pytest.mark.parametrize("status", [None, 504, 409])
def test_a_silence_is_not_tried_again_where_it_was(status: int | None) -> None:
    """Neither while another target is left, nor without one."""
    for another in (True, False):
        assert decide(Failing("timeout", status=status), another=another) is None


@pytest.mark.parametrize(
    ("remaining", "another", "is_waited_for"),
    [
        (7.9, True, False),
        (8.0, True, True),
        (3.9, False, False),
        (4.0, False, True),
    ],
)
def test_a_stated_delay_is_waited_for_if_it_leaves_enough_time(
    remaining: float, another: bool, is_waited_for: bool
) -> None:
    """A quarter of the rest while another target is left, else a half."""
    limited = Failing("rate_limit", retry_after_s=2.0)
    pause = decide(limited, remaining=remaining, another=another)
    assert (pause is not None) is is_waited_for


def test_one_repetition_is_the_default() -> None:
    """For a first failure, and not for a second."""
    assert decide(Failing("connection")) is not None
    assert decide(Failing("connection"), spent=1) is None
    assert RetryPolicy().attempts_allowed(2) == 3


def test_a_decision_that_waits_for_nothing_has_no_delay() -> None:
    """To stop, and to move."""
    assert decide(Failing("bad_request")) is None
    assert decide(Failing("auth")) is None


@pytest.mark.parametrize(
    ("targets", "repeats", "attempts"), [(1, 1, 2), (3, 1, 4), (3, 0, 3), (5, 1, 6), (9, 5, 6)]
)
def test_a_call_makes_six_attempts_at_most(targets: int, repeats: int, attempts: int) -> None:
    """Each target once, its repetitions, and no more than six."""
    assert RetryPolicy(same_provider=repeats).attempts_allowed(targets) == attempts


@given(
    st.sampled_from(ALL), st.none() | st.floats(0, 1e6), st.booleans(), st.booleans(),
    st.integers(0, 5), st.integers(0, 5), st.floats(0, 600), st.none() | st.sampled_from([500, 503]),
)  # fmt: skip
def test_retries_never_exceed_their_bound_and_never_outlast_the_call(
    failure: FailureClass, stated: float | None, retry: bool, another: bool,
    spent: int, allowed: int, remaining: float, status: int | None,
) -> None:  # fmt: skip
    """The invariant of the policy, for every input."""
    failing = Failing(failure, retry_after_s=stated, retry=retry, status=status)
    policy = RetryPolicy(same_provider=allowed)
    pause = decide(failing, policy=policy, spent=spent, remaining=remaining, another=another)
    if pause is not None:
        assert spent < allowed
        assert retry
        assert pause <= max(remaining / 2, 0.2)
