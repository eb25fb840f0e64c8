"""A lane: why it refuses, what it learns, and what it tells."""

from __future__ import annotations

import asyncio

import pytest

from elizanet.errors import FailureClass
from elizanet.health import Lane, Reason, Refusal
from elizanet.health.lane import ends_in
from elizanet.policy.breaker import BreakerState
from elizanet.policy.limiter import MOST
from elizanet.policy.rate import RateLimit
from elizanet.testing.virtual_time import run_virtually
from support.lanes import Lanes, admit, fail, failure, knock_out

NAME = "acme/m chat/completions"
EMPTY = (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "30s"))


@pytest.fixture
def lanes() -> Lanes:
    return Lanes()


@pytest.fixture
def lane(lanes: Lanes) -> Lane:
    return lanes.lane()


def reason(lane: Lane, now: float = 0.0, size: int = 0) -> Reason | None:
    refusal = lane.refusal(now, size)
    return None if refusal is None else refusal.reason


# Refusals


def test_a_healthy_lane_refuses_nobody(lane: Lane) -> None:
    """Nothing is known of it."""
    assert lane.refusal(0, 10**9) is None
    assert lane.is_trusted


def test_a_bad_key_refuses_for_all_its_models(lanes: Lanes) -> None:
    """It is the key that is bad, not the model."""
    lane, other = lanes.lane(model="m"), lanes.lane(model="n")
    another_key = lanes.lane(key="second")
    fail(lane, [failure("auth", 401, message="no such key")])
    refusal = Refusal(Reason.KEY_QUARANTINED, 600.0, "no such key")
    assert lane.refusal(599, 0) == other.refusal(599, 0) == refusal
    assert another_key.refusal(0, 0) is None
    assert lane.refusal(600, 0) is None


def test_a_missing_model_refuses_alone(lanes: Lanes) -> None:
    """The key serves the others."""
    lane, other = lanes.lane(model="m"), lanes.lane(model="n")
    fail(lane, [failure("model_not_found", 404, message="no such model")])
    why = FailureClass.MODEL_NOT_FOUND
    assert lane.refusal(0, 0) == Refusal(Reason.TARGET_QUARANTINED, 600.0, "no such model", why)
    assert other.refusal(0, 0) is None


def test_a_limit_refuses_until_the_stated_moment(lanes: Lanes) -> None:
    """One model, one key."""
    lane, other = lanes.lane(), lanes.lane(key="second")
    fail(lane, [failure("rate_limit", 429, retry_after_s=20.0, message="slow down")], now=5.0)
    assert lane.refusal(24.9, 0) == Refusal(Reason.RATE_LIMITED, 25.0, "slow down")
    assert lane.refusal(25.0, 0) is None
    assert other.refusal(5, 0) is None


def test_an_overload_that_states_a_delay_is_obeyed_under_its_own_name(lane: Lane) -> None:
    """The caller is told what it was."""
    fail(lane, [failure("overloaded", 503, retry_after_s=20.0, message="full")])
    assert lane.refusal(0, 0) == Refusal(Reason.OVERLOADED, 20.0, "full")
    fail(lane, [failure("rate_limit", 429, retry_after_s=30.0)])
    assert reason(lane) is Reason.RATE_LIMITED


def test_an_overload_that_states_none_shuts_no_gate(lane: Lane) -> None:
    """It is an opinion of the breaker's."""
    fail(lane, [failure("overloaded", 503)])
    assert lane.refusal(0, 0) is None
    assert lane.gate.until == 0.0


def test_our_own_limit_refuses_until_there_is_allowance_again(lanes: Lanes) -> None:
    """Requests and tokens; four bytes are one."""
    lane = lanes.lane(rate=RateLimit(rpm=60, tpm=600))
    assert reason(lane, 0, 2400) is None
    admit(lane, 0, size=2400).close()
    assert lane.refusal(0, 4) == Refusal(Reason.OWN_LIMIT, 0.1, "the configured limit is used up")
    assert lane.refusal(0.1, 4) is None


def test_the_usage_corrects_the_estimate(lanes: Lanes) -> None:
    """Both ways; without a limit of ours nobody counts."""
    lane = lanes.lane(rate=RateLimit(tpm=600))
    permit = admit(lane, 0, size=400)
    permit.used(400.0, 0)
    assert lane.rate is not None
    assert lane.rate.tokens is not None
    assert lane.rate.tokens.level(0) == 200.0
    admit(lanes.lane(model="n")).used(400.0, 0)


def test_a_full_lane_says_so(lane: Lane) -> None:
    """Nobody knows until when."""
    lane.limiter.limit = 1.0
    permit = admit(lane)
    assert lane.refusal(0, 0) == Refusal(Reason.FULL, None)
    permit.close()
    assert lane.refusal(0, 0) is None


def test_an_open_breaker_refuses_with_its_reason(lane: Lane) -> None:
    """Until it may be probed."""
    knock_out(lane)
    until = lane.model.breaker.admits_at()
    why = FailureClass.OVERLOADED
    assert lane.refusal(0, 0) == Refusal(Reason.BREAKER_OPEN, until, "it failed", why)
    assert not lane.is_trusted
    assert lane.refusal(until, 0) is None


def test_a_hosts_open_breaker_refuses_for_all_its_models(lanes: Lanes) -> None:
    """It cannot be reached."""
    lane, other = lanes.lane(model="m"), lanes.lane(model="n")
    fail(lane, [failure("connection", message="refused")] * 8)
    assert reason(other) is Reason.BREAKER_OPEN
    assert not other.is_trusted


def test_a_lane_is_recovering_once_something_through_its_open_breaker_was_answered(
    lane: Lane,
) -> None:
    """The model's, or the host's; and not any more once it has failed again."""
    assert not lane.is_recovering
    for error in (failure("overloaded", 500), failure("connection")):
        fail(lane, [error] * 8)
        assert not lane.is_recovering
        admit(lane).answered(0)
        assert lane.is_recovering
        fail(lane, [error])
        assert not lane.is_recovering
        lane.model.breaker.force(BreakerState.CLOSED)


def test_a_lane_forced_closed_admits_but_is_not_trusted(lanes: Lanes) -> None:
    """An operator vouches for it, not its record."""
    lane = lanes.lane()
    knock_out(lane)
    lanes.registry.force("acme", "m", BreakerState.CLOSED)
    assert lane.refusal(0, 0) is None
    assert not lane.is_trusted


def test_facts_come_before_room_and_room_before_opinions(lanes: Lanes) -> None:
    """The reason that is given is the one that lasts."""
    lane = lanes.lane(rate=RateLimit(rpm=60))
    knock_out(lane)
    assert reason(lane) is Reason.BREAKER_OPEN
    lane.limiter.limit = 0.0
    assert reason(lane) is Reason.FULL
    assert lane.rate is not None
    lane.rate.take(0, 0)
    for _ in range(60):
        lane.rate.take(0, 0)
    assert reason(lane) is Reason.OWN_LIMIT
    lane.gate.shut(10, "")
    assert reason(lane) is Reason.RATE_LIMITED
    lane.quarantine.strike(0, "")
    assert reason(lane) is Reason.TARGET_QUARANTINED
    lane.key.quarantine.strike(0, "")
    assert reason(lane) is Reason.KEY_QUARANTINED


@pytest.mark.parametrize(
    ("until", "seconds"), [(None, float("inf")), (30.0, 20.0), (5.0, 0.0), (float("inf"), float("inf"))]
)  # fmt: skip
def test_a_refusal_ends_in_so_many_seconds(until: float | None, seconds: float) -> None:
    """Infinitely many where nobody knows."""
    assert ends_in(Refusal(Reason.FULL, until), 10.0) == seconds


# Quarantines


def test_a_call_that_asks_in_spite_of_a_quarantine_counts_as_its_probe(lane: Lane) -> None:
    """The next one may ask five seconds later."""
    fail(lane, [failure("auth", 401)])
    assert not lane.admits_probe(4.9)
    assert lane.admits_probe(5.0)
    admit(lane, 5.0).close()
    assert not lane.admits_probe(9.9)
    assert lane.admits_probe(10.0)


def test_both_quarantines_must_admit_a_probe(lane: Lane) -> None:
    """Of the key, and of the target."""
    fail(lane, [failure("auth", 401)], now=0.0)
    fail(lane, [failure("model_not_found", 404)], now=3.0)
    assert not lane.admits_probe(7.9)
    assert lane.admits_probe(8.0)
    admit(lane, 8.0).close()
    assert lane.quarantine.probe_at() == lane.key.quarantine.probe_at() == 13.0


def test_an_answer_ends_both_quarantines(lanes: Lanes) -> None:
    """And that is told."""
    lane = lanes.lane(key="spare")
    fail(lane, [failure("auth", 401), failure("auth", 403)])
    lanes.told.clear()
    admit(lane, 5.0).answered(6.0)
    assert lane.refusal(6.0, 0) is None
    assert lanes.changes == [
        (f"{NAME} (spare)", "target", "in use again"),
        ("spare", "key", "in use again"),
    ]


def test_an_answer_to_what_was_asked_before_ends_none(lane: Lane) -> None:
    """The key was good when it was asked."""
    before = admit(lane, 0.0)
    fail(lane, [failure("auth", 401)], now=1.0)
    before.answered(2.0)
    assert reason(lane, 2.0) is Reason.KEY_QUARANTINED


# The limiter


def crowd(lane: Lane, size: int = 20) -> None:
    for _ in range(size):
        admit(lane)


def test_a_limit_of_the_rate_without_a_moment_is_about_the_crowd(lane: Lane) -> None:
    """So many at once are too many."""
    crowd(lane)
    fail(lane, [failure("rate_limit", 429)])
    assert lane.limiter.limit == pytest.approx(0.7 * 21)


def test_a_limit_of_the_rate_with_a_moment_is_not(lane: Lane) -> None:
    """That is the gate's affair."""
    crowd(lane)
    fail(lane, [failure("rate_limit", 429, retry_after_s=5.0)])
    assert lane.limiter.limit == MOST


@pytest.mark.parametrize("stated", [None, 5.0])
def test_an_overload_is_about_the_crowd_when_it_is_no_chance(
    lane: Lane, stated: float | None
) -> None:
    """From the third in a row on."""
    crowd(lane)
    overload = failure("overloaded", 503, retry_after_s=stated)
    fail(lane, [overload, overload])
    assert lane.limiter.limit == MOST
    fail(lane, [overload])
    assert lane.limiter.limit == pytest.approx(0.7 * 21)


def test_a_plain_500_is_not_about_the_crowd(lane: Lane) -> None:
    """It is broken, not busy."""
    crowd(lane)
    fail(lane, [failure("overloaded", 500)] * 7)
    assert lane.limiter.limit == MOST


def test_the_pause_between_two_cuts_is_the_usual_time_to_a_first_content(lane: Lane) -> None:
    """Of streams of that size."""
    admit(lane).answered(3.0)
    crowd(lane)
    fail(lane, [failure("rate_limit", 429)], now=10.0)
    fail(lane, [failure("rate_limit", 429)], now=12.9)
    assert lane.limiter.limit == pytest.approx(0.7 * 22)
    fail(lane, [failure("rate_limit", 429)], now=13.0)
    assert lane.limiter.limit == pytest.approx(0.49 * 22)


def test_when_the_breaker_closes_there_is_no_limit(lanes: Lanes) -> None:
    """For every key of the model."""
    lane, other = lanes.lane(), lanes.lane(key="second")
    for limited in (lane, other):
        crowd(limited)
        fail(limited, [failure("rate_limit", 429)])
    knock_out(lane)
    now = lane.model.breaker.admits_at()
    for _ in range(3):
        assert lane.limiter.limit < 20
        permit = admit(lane, now)
        permit.answered(now)
        permit.close()
    assert lane.limiter.limit == other.limiter.limit == MOST


# Room


def test_whoever_waits_is_woken_by_whatever_makes_room(lane: Lane) -> None:
    """An attempt that ends, an answer that raises the limit, an outage that ends."""

    async def scene() -> None:
        for makes_room in ("leave", "answer", "recover"):
            lane.limiter.limit = 1.0
            permit = admit(lane)
            waiting = asyncio.create_task(lane.room(asyncio.get_running_loop().time() + 1.0))
            await asyncio.sleep(0)
            assert not lane.is_idle
            match makes_room:
                case "leave":
                    permit.close()
                case "answer":
                    lane.limiter.limit = 1.99
                    permit.answered(0)
                    lane.limiter.limit = 2.0
                    lane.answered(0.0)
                case _:
                    lane.model.breaker.force(BreakerState.CLOSED)
            assert await waiting
            permit.close()

    run_virtually(scene())
    assert lane.is_idle


def test_whoever_waits_in_vain_is_told_so(lane: Lane) -> None:
    """After their patience."""

    async def scene() -> None:
        lane.limiter.limit = 1.0
        admit(lane)
        loop = asyncio.get_running_loop()
        assert not await lane.room(0.5)
        assert loop.time() == pytest.approx(0.5)

    run_virtually(scene())


def test_a_lane_is_idle_when_nothing_is_in_flight_promised_or_waited_for(lane: Lane) -> None:
    """Only then it may be forgotten."""
    assert lane.is_idle
    permit = admit(lane)
    assert not lane.is_idle
    permit.close()
    lane.limiter.promised = 1
    assert not lane.is_idle


# Headers


def test_headers_that_say_the_allowance_is_used_up_shut_the_gate(lanes: Lanes) -> None:
    """Before anything is refused."""
    lane = lanes.lane()
    lane.heard(EMPTY, now=10.0)
    assert lane.gate.until == 40.0
    assert lanes.changes == [(NAME, "gate", "shut for 30 s")]


def test_headers_never_shut_it_for_more_than_an_hour(lane: Lane) -> None:
    """A reset in a month is looked at again in an hour."""
    month = (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "2592000"))
    lane.heard(month, now=10.0)
    assert lane.gate.until == 3610.0


def test_other_headers_say_nothing(lanes: Lanes) -> None:
    """As nearly all of them."""
    lane = lanes.lane()
    lane.heard((("content-type", "text/html"), ("x-ratelimit-remaining-requests", "7")), now=0.0)
    assert lane.gate.until == 0.0
    assert not lanes.told


# What is told


def test_each_fact_is_told_once(lanes: Lanes) -> None:
    """A hundred calls in flight with one bad key are no hundred alerts."""
    lane = lanes.lane(key="spare")
    fail(lane, [failure("auth", 401)] * 100)
    fail(lane, [failure("auth", 403)] * 100)
    fail(lane, [failure("rate_limit", 429, retry_after_s=20.0)] * 100)
    fail(lane, [failure("rate_limit", 429)] * 100)
    assert lanes.changes == [
        ("spare", "key", "quarantined for 600 s"),
        (f"{NAME} (spare)", "target", "quarantined for 600 s"),
        (f"{NAME} (spare)", "gate", "shut for 20 s"),
    ]
    assert lanes.told[0].reason == "it failed"


def test_a_gate_that_is_not_shut_is_not_told(lanes: Lanes) -> None:
    """`retry-after: 0` means now."""
    fail(lanes.lane(), [failure("rate_limit", 429, retry_after_s=0.0)], now=5.0)
    assert not lanes.told


def test_breakers_tell_under_the_name_of_their_place(lanes: Lanes) -> None:
    """A model's with its kind of request, a host's alone."""
    lane = lanes.lane()
    knock_out(lane)
    fail(lane, [failure("connection")] * 8)
    assert lanes.changes == [(NAME, "breaker", "open"), ("acme", "breaker", "open")]


def test_its_whole_state_is_one_line(lane: Lane) -> None:
    """Of everything that decides about an attempt there."""
    assert repr(lane) == (
        f"<Lane {NAME} <Limiter 0 of 1024.0> <Gate until=0.0 unstated=0 ''> "
        "<Quarantine until=0.0 next=600 ''> "
        "<Breaker closed score=0.0/7.9 epoch=0 successes=0 probes_failed=0> "
        "<Breaker closed score=0.0/7.9 epoch=0 successes=0 probes_failed=0> <Budget 10.0 of 10>>"
    )
