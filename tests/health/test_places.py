"""Host, model, key: what is kept at each."""

from __future__ import annotations

import pytest

from elizanet.health import Model
from elizanet.policy.breaker import BreakerState
from support.lanes import Lanes, admit, knock_out


@pytest.fixture
def model() -> Model:
    return Lanes().lane().model


def test_each_size_of_prompt_has_its_own_latency(model: Model) -> None:
    """A long prompt takes longer to begin with."""
    model.answered(1.0, 0.0, 0, stream=True)
    model.answered(5.0, 0.0, 20_000, stream=True)
    model.answered(50.0, 0.0, 200_000, stream=True)
    means = [model.mean_time(size, stream=True) for size in (0, 20_000, 200_000)]
    assert means == [1.0, 5.0, 50.0]
    assert model.mean_time(0, stream=False) is None


def test_whole_answers_have_one_time_whatever_the_prompt(model: Model) -> None:
    """Their length is that of the answer."""
    model.answered(8.0, 0.0, 200_000, stream=False)
    assert model.mean_time(0, stream=False) == 8.0
    assert model.mean_time(200_000, stream=True) is None


def test_a_stream_is_overdue_after_three_times_its_usual_time(model: Model) -> None:
    """A third of its limit while nothing is known of it."""
    assert model.overdue_after(0, 30.0, stream=True) == pytest.approx(10.0)
    model.answered(0.6, 0.0, 0, stream=True)
    assert model.overdue_after(0, 30.0, stream=True) == pytest.approx(1.8)
    assert model.overdue_after(20_000, 30.0, stream=True) == pytest.approx(10.0)


def test_a_whole_answer_is_overdue_after_ten_seconds_at_the_earliest(model: Model) -> None:
    """Its time varies with its length."""
    assert model.overdue_after(0, 300.0, stream=False) == pytest.approx(100.0)
    model.answered(2.0, 0.0, 0, stream=False)
    assert model.overdue_after(0, 300.0, stream=False) == 10.0
    for _ in range(300):
        model.answered(60.0, 0.0, 0, stream=False)
    assert model.overdue_after(0, 300.0, stream=False) == pytest.approx(180.0, rel=0.01)


def test_the_third_doubtful_answer_in_a_row_is_no_doubt(model: Model) -> None:
    """Nor are those after it, until there is a good one."""
    assert [model.doubtful() for _ in range(4)] == [False, False, True, True]
    model.answered(1.0, 0.0, 0, stream=True)
    assert [model.doubtful() for _ in range(3)] == [False, False, True]


def test_one_failed_call_at_the_start_makes_no_bad_target(model: Model) -> None:
    """The share of successes starts from all."""
    model.success_rate.add(0.0)
    assert model.success_rate.value == 0.95


def test_those_who_wait_are_rescued_only_when_it_opens() -> None:
    """Not when it is probed, and not when it closes."""
    lane = Lanes().lane()
    rescued: list[BreakerState] = []
    for _ in range(2):
        admit(lane).on_rescue(lambda: rescued.append(lane.model.breaker.state))
    for state in (BreakerState.CLOSED, None, BreakerState.OPEN):
        lane.model.breaker.force(state)
    assert len(rescued) == 2


def test_a_rescue_may_end_others_that_wait() -> None:
    """The list of those who wait changes under its hands."""
    lane = Lanes().lane()
    permits = [admit(lane) for _ in range(3)]

    def close_all() -> None:
        for permit in permits:
            permit.close()

    for permit in permits:
        permit.on_rescue(close_all)
    knock_out(lane)
    assert lane.limiter.in_flight == 0
    assert not lane.model.waiting


def test_their_whole_state_is_one_line() -> None:
    """With those who wait; the key under its alias."""
    lane = Lanes().lane(key="spare")
    admit(lane).on_rescue(lambda: None)
    breaker = "<Breaker closed score=0.0/7.9 epoch=0 successes=0 probes_failed=0>"
    assert repr(lane.host) == f"<Host acme {breaker} waiting=1>"
    assert repr(lane.model) == f"<Model acme/m chat/completions {breaker} waiting=1>"
    assert repr(lane.key) == "<Key spare <Quarantine until=0.0 next=600 ''>>"
