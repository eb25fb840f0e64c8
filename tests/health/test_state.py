"""The health of a lane as an operator reads it."""

from __future__ import annotations

import pytest

from elizanet.health import Lane, LaneState, state_of
from elizanet.operation import Operation
from elizanet.policy.breaker import BreakerState
from support.lanes import Lanes, admit, fail, failure, knock_out

NAME = ("acme", "spare", Operation.CHAT, "m")


@pytest.fixture
def lanes() -> Lanes:
    return Lanes()


@pytest.fixture
def lane(lanes: Lanes) -> Lane:
    return lanes.lane(key="spare")


def summary(lane: Lane, now: float = 0.0) -> tuple[str, str, float | None]:
    state = state_of(NAME, lane, now)
    return state.state, state.reason, state.again_in


def test_a_lane_nobody_has_used_is_closed_and_unknown(lane: Lane) -> None:
    """Every field."""
    assert state_of(NAME, lane, 0.0) == LaneState(
        provider="acme", key="spare", operation="chat/completions", model="m", state="closed",
        reason="", again_in=None, forced=None, score=0.0, in_flight=0, limit=1024, budget=10.0,
        first_content=None, answer_time=None, success_rate=None,
    )  # fmt: skip


def test_what_is_known_is_shown(lane: Lane) -> None:
    """The higher score of the two breakers, rounded; the time to a short prompt's first content."""
    lane.host.budget.spend(0)
    admit(lane).answered(0.5)
    admit(lane, stream=False).answered(2.5)
    fail(lane, [failure("overloaded", 500), *[failure("connection")] * 3])
    for _ in range(18):
        admit(lane)
    fail(lane, [failure("rate_limit", 429)], now=300.0)
    shown = state_of(NAME, lane, 300.0)
    assert (shown.in_flight, shown.limit, shown.budget) == (20, 14, 10.0)
    assert (shown.first_content, shown.answer_time) == (0.5, 2.5)
    assert shown.success_rate == pytest.approx(0.95**4)
    assert shown.score == 1.0


def test_a_quarantine_is_shown_first(lane: Lane) -> None:
    """Of the key, or of the target."""
    knock_out(lane)
    fail(lane, [failure("auth", 403, message="not allowed")])
    assert summary(lane, 100) == ("quarantined", "not allowed", 500.0)
    fail(lane, [failure("auth", 401, message="no such key")], now=50)
    assert summary(lane, 100) == ("quarantined", "no such key", 550.0)


def test_then_a_limit_of_the_rate(lane: Lane) -> None:
    """Until the stated moment."""
    knock_out(lane)
    fail(lane, [failure("rate_limit", 429, retry_after_s=30.0, message="slow down")])
    assert summary(lane, 10) == ("rate_limited", "slow down", 20.0)


def test_then_a_breaker_with_the_time_that_is_left(lane: Lane) -> None:
    """Which may be over: then the next call is a probe."""
    knock_out(lane)
    until = lane.model.breaker.admits_at()
    assert summary(lane, 1) == ("open", "it failed", until - 1)
    assert summary(lane, until + 5) == ("open", "it failed", 0.0)
    admit(lane, until)
    assert summary(lane, until) == ("half_open", "it is time to probe", 2.0)


def test_a_hosts_breaker_is_shown_as_well(lane: Lane) -> None:
    """Nothing there can be reached."""
    fail(lane, [failure("connection", message="refused")] * 8)
    assert summary(lane)[:2] == ("open", "refused")


@pytest.mark.parametrize("model", ["m", "*"])
def test_what_an_operator_decided_is_shown_without_an_end(lanes: Lanes, model: str) -> None:
    """Of the model, or of the whole host."""
    lane = lanes.lane(key="spare")
    lanes.registry.force("acme", model, BreakerState.OPEN)
    assert summary(lane) == ("open", "an operator decided", None)
    assert state_of(NAME, lane, 0).forced == "open"
    lanes.registry.force("acme", model, BreakerState.CLOSED)
    knock_out(lane)
    assert state_of(NAME, lane, 0).forced == "closed"
