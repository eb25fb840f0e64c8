"""One attempt from its permit to its end: what each object learns of it."""

from __future__ import annotations

import pytest

from elizanet.health import Lane
from elizanet.policy.breaker import BreakerState, Entry
from support.lanes import Lanes, admit, fail, failure, knock_out

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED


@pytest.fixture
def lane() -> Lane:
    return Lanes().lane()


def scores(lane: Lane, now: float = 0.0) -> tuple[float, float]:
    """Return the scores of the host and of the model."""
    return lane.host.breaker.score(now), lane.model.breaker.score(now)


def restarted(lane: Lane) -> float:
    """Knock the lane out, and return when it may be probed."""
    knock_out(lane)
    return lane.model.breaker.admits_at()


# In flight


def test_an_attempt_is_in_flight_until_its_permit_is_closed(lane: Lane) -> None:
    """An answer that is being read still is."""
    permit = admit(lane)
    assert lane.limiter.in_flight == 1
    permit.answered(1.0)
    assert lane.limiter.in_flight == 1
    permit.close()
    assert lane.limiter.in_flight == 0


def test_a_permit_may_be_closed_again(lane: Lane) -> None:
    """It counts once, however many clean-ups there are."""
    permit = admit(lane)
    other = admit(lane)
    permit.failed(failure("overloaded", 500), 0)
    permit.close()
    permit.close()
    assert lane.limiter.in_flight == 1
    other.close()
    other.close()
    assert lane.limiter.in_flight == 0


@pytest.mark.parametrize("ended", ["answered", "failed", "closed"])
def test_an_outcome_is_said_once(lane: Lane, ended: str) -> None:
    """To say another one is a mistake of ours, and changes nothing."""
    permit = admit(lane)
    match ended:
        case "answered":
            permit.answered(0)
        case "failed":
            permit.failed(failure("overloaded", 500), 0)
        case _:
            permit.close()
    before = repr(lane)
    with pytest.raises(RuntimeError, match="cannot become answered"):
        permit.answered(0)
    with pytest.raises(RuntimeError, match="cannot become closed"):
        permit.failed(failure("overloaded", 500), 0)
    assert repr(lane) == before


# Answers


def test_an_answer_is_counted_everywhere(lane: Lane) -> None:
    """Both breakers, the times, the successes, the budget."""
    lane.host.budget.spend(0)
    fail(lane, [failure("connection"), failure("overloaded", 500)])
    assert scores(lane) == (0.5, 1.0)  # the host was not reached once, and then it was
    admit(lane, now=1.0, size=20_000).answered(3.0)
    assert scores(lane, 3.0) == pytest.approx((0.0, 0.5), abs=0.01)
    assert lane.model.latency(20_000).mean.value == 2.0
    assert lane.model.latency(0).mean.value is None
    assert lane.model.answer_time.value is None
    assert lane.model.success_rate.value == pytest.approx(0.95**2 * 0.95 + 0.05)
    assert lane.host.budget.tokens(0) == pytest.approx(9.1)


def test_a_whole_answer_has_a_time_of_its_own(lane: Lane) -> None:
    """It would spoil the times to the first content."""
    admit(lane, stream=False).answered(7.0)
    assert lane.model.answer_time.value == 7.0
    assert lane.model.latency(0).mean.value is None


# Failures


@pytest.mark.parametrize(
    ("kind", "status", "host", "model", "rate"),
    [
        ("connection", None, 1.0, 0.0, 0.95),
        ("overloaded", 500, 0.0, 1.0, 0.95),
        ("overloaded", 503, 0.0, 1.0, 0.95),
        ("stream_interrupted", None, 0.0, 1.0, 0.95),
        ("timeout", None, 0.0, 2.0, 0.95),
        ("rate_limit", 429, 0.0, 0.0, None),
        ("auth", 401, 0.0, 0.0, None),
        ("malformed_response", 200, 0.0, 0.0, None),
        ("bad_request", 400, 0.0, 0.0, None),
        ("cancelled", None, 0.0, 0.0, None),
    ],
)
def test_a_failure_counts_where_it_lives(
    lane: Lane, kind: str, status: int | None, host: float, model: float, rate: float | None
) -> None:
    """Connections at the host, answers at the model, and the rest at neither (I6)."""
    fail(lane, [failure(kind, status)])
    assert scores(lane) == (host, model)
    assert lane.model.success_rate.value == rate


def test_an_error_status_says_that_the_host_can_be_reached(lane: Lane) -> None:
    """Unless it is about the call: that says nothing about anything."""
    fail(lane, [failure("connection")] * 3)
    fail(lane, [failure("rate_limit", 429), failure("auth", 401)])
    assert scores(lane)[0] == 2.0
    fail(lane, [failure("bad_request", 400), failure("timeout")])
    assert scores(lane)[0] == 2.0


def test_malformed_answers_count_from_the_third_in_a_row(lane: Lane) -> None:
    """One is a model's whim."""
    malformed = failure("malformed_response", 200)
    fail(lane, [malformed, malformed])
    admit(lane).answered(0)
    fail(lane, [malformed, malformed])
    assert scores(lane)[1] == 0.0
    fail(lane, [malformed, malformed])
    assert scores(lane)[1] == 2.0


def test_what_a_model_does_not_support_takes_it_away_from_the_third_in_a_row(lane: Lane) -> None:
    """Then nobody is served anyway."""
    image = failure("model_not_found", 400, message="does not support image input")
    fail(lane, [image, image])
    assert lane.quarantine.admits(0)
    fail(lane, [image])
    assert not lane.quarantine.admits(0)


def test_time_that_a_failure_took_forgives_nothing(lane: Lane) -> None:
    """Of calls that hang for five minutes one after the other, every one counts in full."""
    now = 0.0
    for _ in range(4):
        permit = admit(lane, now)
        now += 300.0
        permit.failed(failure("overloaded", 500), now)
    assert scores(lane, now)[1] == 4.0


# Overdue


def test_an_overdue_attempt_counts_at_once_and_once(lane: Lane) -> None:
    """Nobody waits for thirty seconds to learn that a target hangs."""
    permit = admit(lane)
    permit.overdue(2.0)
    permit.overdue(3.0)
    assert scores(lane, 3.0)[1] == pytest.approx(1.0, abs=0.01)


def test_an_answer_takes_the_suspicion_back(lane: Lane) -> None:
    """And counts as any answer."""
    fail(lane, [failure("overloaded", 500)] * 2)
    permit = admit(lane)
    permit.overdue(0)
    permit.answered(0)
    assert scores(lane)[1] == 1.5


def test_a_timeout_after_a_suspicion_adds_one_more(lane: Lane) -> None:
    """A silent attempt counts twice, whether it was suspected or not."""
    permit = admit(lane)
    permit.overdue(0)
    permit.failed(failure("timeout"), 0)
    assert scores(lane)[1] == 2.0


def test_another_failure_after_a_suspicion_adds_one(lane: Lane) -> None:
    """It was slow, and then it failed."""
    permit = admit(lane)
    permit.overdue(0)
    permit.failed(failure("overloaded", 500), 0)
    assert scores(lane)[1] == 2.0


@pytest.mark.parametrize("ended", ["answered", "closed"])
def test_what_has_ended_is_not_overdue(lane: Lane, ended: str) -> None:
    """The timer came too late."""
    permit = admit(lane)
    if ended == "answered":
        permit.answered(0)
    else:
        permit.close()
    permit.overdue(0)
    assert scores(lane)[1] == 0.0


def test_eight_overdue_attempts_open_the_breaker(lane: Lane) -> None:
    """Before any of them has ended."""
    for permit in [admit(lane) for _ in range(8)]:
        permit.overdue(1.0)
    assert lane.model.breaker.state is OPEN
    assert lane.model.breaker.reason == "answers are overdue"


# Streams that break


def test_a_stream_that_breaks_is_a_failure_of_its_own(lane: Lane) -> None:
    """It had succeeded with its first content."""
    fail(lane, [failure("overloaded", 500)] * 2)
    permit = admit(lane)
    permit.answered(0)
    permit.broke(failure("stream_interrupted"), 0)
    assert scores(lane)[1] == 2.5
    assert lane.limiter.in_flight == 1
    permit.close()
    assert lane.limiter.in_flight == 0


def test_nothing_breaks_that_has_not_begun_or_is_over(lane: Lane) -> None:
    """Such a failure is said by `failed`, or was said."""
    waiting, over = admit(lane), admit(lane)
    over.answered(0)
    over.close()
    for permit in (waiting, over):
        permit.broke(failure("stream_interrupted"), 0)
    assert scores(lane)[1] == 0.0


# Rescue


def test_a_waiting_attempt_is_rescued_when_its_model_is_found_down(lane: Lane) -> None:
    """Once."""
    rescued: list[str] = []
    admit(lane).on_rescue(lambda: rescued.append("a"))
    admit(lane).on_rescue(lambda: rescued.append("b"))
    knock_out(lane)
    assert rescued == ["a", "b"]


def test_a_waiting_attempt_is_rescued_when_its_host_is_found_down(lane: Lane) -> None:
    """No model there can be reached."""
    rescued: list[str] = []
    admit(lane).on_rescue(lambda: rescued.append("a"))
    fail(lane, [failure("connection")] * 8)
    assert lane.host.breaker.state is OPEN
    assert rescued == ["a"]


@pytest.mark.parametrize("ended", ["answered", "failed", "closed"])
def test_what_has_ended_is_not_rescued_and_not_remembered(lane: Lane, ended: str) -> None:
    """Nothing stays in the lists of those who wait."""
    permit = admit(lane)
    permit.on_rescue(lambda: pytest.fail("it has ended"))
    match ended:
        case "answered":
            permit.answered(0)
        case "failed":
            permit.failed(failure("cancelled"), 0)
        case _:
            permit.close()
    permit.on_rescue(lambda: pytest.fail("it has ended"))
    knock_out(lane)
    assert not lane.model.waiting
    assert not lane.host.waiting


def test_a_rescued_attempt_that_is_closed_changes_no_score(lane: Lane) -> None:
    """It was we who ended it."""
    permit = admit(lane)
    permit.on_rescue(permit.close)
    before = admit(lane)
    before.on_rescue(before.close)
    knock_out(lane)
    assert lane.limiter.in_flight == 0
    assert lane.model.breaker.epoch == 1


# Probes


def test_the_first_attempt_after_the_time_is_a_probe(lane: Lane) -> None:
    """And the only one."""
    now = restarted(lane)
    permit = admit(lane, now)
    assert permit.entry is Entry.PROBE
    assert admit(lane, now).entry is Entry.PANIC
    assert lane.refusal(now, 0) is not None


def test_a_probe_that_is_given_up_gives_its_place_back(lane: Lane) -> None:
    """Closed by a caller who left, or by a failure that says nothing about the model."""
    now = restarted(lane)
    admit(lane, now).close()
    fail(lane, [failure("rate_limit", 400, retry_after_s=0.0), failure("bad_request", 400)], now)
    assert lane.model.breaker.state is HALF_OPEN
    assert admit(lane, now).entry is Entry.PROBE


def test_a_hosts_probe_is_one_too(lane: Lane) -> None:
    """Whichever breaker asks for it."""
    fail(lane, [failure("connection")] * 8)
    now = lane.host.breaker.admits_at()
    permit = admit(lane, now)
    assert permit.entry is Entry.PROBE
    permit.answered(now)
    for _ in range(2):
        admit(lane, now).answered(now)
    assert lane.host.breaker.state is CLOSED


def test_a_hosts_probe_that_says_nothing_of_the_connection_gives_its_place_back(
    lane: Lane,
) -> None:
    """A silent model is no unreachable host."""
    fail(lane, [failure("connection")] * 8)
    now = lane.host.breaker.admits_at()
    admit(lane, now).failed(failure("timeout"), now)
    assert lane.host.breaker.state is HALF_OPEN
    assert admit(lane, now).entry is Entry.PROBE


def test_a_cancelled_probe_of_a_host_gives_its_place_back(lane: Lane) -> None:
    """As that of a model does."""
    fail(lane, [failure("connection")] * 8)
    now = lane.host.breaker.admits_at()
    admit(lane, now).close()
    assert lane.host.breaker.state is HALF_OPEN
    assert admit(lane, now).entry is Entry.PROBE


def test_a_probe_that_is_overdue_has_failed(lane: Lane) -> None:
    """And its answer comes too late to count."""
    now = restarted(lane)
    permit = admit(lane, now)
    permit.overdue(now + 1)
    assert lane.model.breaker.state is OPEN
    permit.answered(now + 2)
    assert lane.model.breaker.state is OPEN


def test_its_whole_state_is_one_line(lane: Lane) -> None:
    """In each state."""
    permit = admit(lane)
    assert repr(permit) == "<Permit acme/m chat/completions usual waiting>"
    permit.overdue(0)
    permit.answered(0)
    assert repr(permit) == "<Permit acme/m chat/completions usual answered overdue>"
    permit.close()
    assert repr(permit) == "<Permit acme/m chat/completions usual closed overdue>"
    knock_out(lane)
    assert repr(admit(lane)) == "<Permit acme/m chat/completions panic waiting>"
