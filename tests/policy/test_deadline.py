"""How long one attempt may take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from elizanet.policy.deadline import attempt_limit, may_start, patience


def test_half_of_the_time_is_kept_for_a_later_target() -> None:
    """A hanging first target cannot eat the call."""
    assert attempt_limit(10, 300, another_target=True) == 5


def test_the_last_target_gets_the_rest_but_for_a_reserve() -> None:
    """The failure is told before the caller's own clock runs out."""
    assert attempt_limit(10, 300, another_target=False) == 9.75
    assert attempt_limit(1, 300, another_target=False) == 0.9


def test_the_own_limit_holds() -> None:
    """A target's limit is a limit, however much time there is."""
    assert attempt_limit(600, 30, another_target=True) == 30


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.booleans())
def test_an_attempt_never_outlasts_its_call(remaining: float, own: float, another: bool) -> None:
    """Whatever the numbers are."""
    assert 0 <= attempt_limit(remaining, own, another_target=another) <= min(own, remaining)


def test_no_attempt_starts_at_the_very_end() -> None:
    """A quarter of a second is too short to answer in."""
    assert not may_start(0.25)
    assert may_start(0.26)


def test_no_attempt_starts_that_could_hardly_end() -> None:
    """With half of the usual time left there is nothing to be hoped for."""
    assert not may_start(3.0, usual=6.0)
    assert may_start(3.01, usual=6.0)
    assert not may_start(0.25, usual=0.1)


def test_room_is_waited_for_a_second_and_a_tenth_of_the_rest_at_most() -> None:
    """Whichever is less."""
    assert patience(600) == 1.0
    assert patience(4) == 0.4
