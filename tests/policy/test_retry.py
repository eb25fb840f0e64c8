"""What follows a failure."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import FailureClass
from elizanet.policy.retry import Decision, RetryPolicy, Step
from elizanet.testing import Failing

ALL = list(FailureClass)


def decide(
    failing: Failing,
    *,
    policy: RetryPolicy | None = None,
    spent: int = 0,
    remaining: float = 100.0,
    another: bool = True,
) -> Decision:
    return (policy or RetryPolicy()).after(
        failing.error(),
        spent=spent,
        remaining=remaining,
        another_target=another,
        chance=random.Random(1),
    )


@pytest.mark.parametrize("failure", ["bad_request", "content_policy", "cancelled"])
def test_what_would_fail_everywhere_stops(failure: str) -> None:
    """Another target would not help, and asking it would cost."""
    assert decide(Failing(failure)).step is Step.STOP


@pytest.mark.parametrize(
    "failure", ["rate_limit", "quota_exhausted", "timeout", "auth", "model_not_found", "unknown"]
)
def test_the_next_target_is_the_usual_answer(failure: str) -> None:
    """A failure without a reason to wait moves on at once."""
    assert decide(Failing(failure)).step is Step.MOVE


def test_a_refused_connection_is_tried_again_at_once() -> None:
    """Nothing was sent, so nothing is lost."""
    assert decide(Failing("connection")) == Decision(Step.AGAIN, 0.0)


def test_a_lasting_connection_fault_moves_on() -> None:
    """A certificate or an unknown host does not heal by itself."""
    assert decide(Failing("connection", retry=False)).step is Step.MOVE


def test_a_plain_500_is_tried_again_soon_and_503_is_not() -> None:
    """One 500 says little about the next call; 503 says that the provider is busy."""
    again = decide(Failing("overloaded", status=500))
    assert again.step is Step.AGAIN
    assert 0 <= again.delay <= 0.2
    assert decide(Failing("overloaded", status=503)).step is Step.MOVE


def test_a_short_stated_delay_is_waited_for_and_a_long_one_is_not() -> None:
    """Up to max_wait and a quarter of the remaining time."""
    assert decide(Failing("rate_limit", retry_after_s=2.5)) == Decision(Step.AGAIN, 2.5)
    assert decide(Failing("rate_limit", retry_after_s=2.6)).step is Step.MOVE
    assert decide(Failing("rate_limit", retry_after_s=2.5), remaining=9).step is Step.MOVE


def test_max_wait_zero_moves_on_at_once() -> None:
    """The operator wants no waiting."""
    policy = RetryPolicy(max_wait=0)
    assert decide(Failing("rate_limit", retry_after_s=0.1), policy=policy).step is Step.MOVE


def test_with_nowhere_else_to_go_a_longer_delay_is_obeyed() -> None:
    """Ten seconds at most, and half of the time that is left."""
    nine, eleven = (Failing("rate_limit", retry_after_s=delay) for delay in (9, 11))
    assert decide(nine, another=False).delay == 9
    assert decide(eleven, another=False).step is Step.STOP
    assert decide(nine, remaining=17, another=False).step is Step.STOP


def test_with_nowhere_else_to_go_faults_are_tried_again_after_jitter() -> None:
    """Full jitter up to the base of the failure."""
    fault = decide(Failing("malformed_response"), another=False)
    overload = decide(Failing("overloaded", status=503), another=False)
    assert fault.step is overload.step is Step.AGAIN
    assert 0 <= fault.delay <= 0.1
    assert 0 <= overload.delay <= 1.0


def test_a_silent_attempt_is_never_repeated_where_it_happened() -> None:
    """It has cost its whole limit already."""
    assert decide(Failing("timeout"), another=False).step is Step.STOP


def test_a_broken_attempt_is_repeated_with_nowhere_else_to_go_only() -> None:
    """Another target is better, but one more try is better than none."""
    assert decide(Failing("stream_interrupted"), another=True).step is Step.MOVE
    assert decide(Failing("stream_interrupted"), another=False).step is Step.AGAIN


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
    decision = decide(failing, policy=policy, spent=spent, remaining=remaining, another=another)
    if decision.step is Step.AGAIN:
        assert spent < allowed
        assert retry
        assert decision.delay <= max(remaining / 2, 0.2)
    if decision.step is Step.MOVE:
        assert another
