"""Which of several equal targets is asked: shares of the traffic, measured."""

from __future__ import annotations

import random
from collections import Counter
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elizanet.policy.choice import Candidate, choose, started
from elizanet.policy.latency import Average
from support.machines import MACHINE


def candidate(
    weight: float = 1.0, in_flight: int = 0, latency: float | None = 0.6, success: float = 1.0
) -> Candidate:
    return Candidate(weight, in_flight, latency, success)


def shares(*candidates: Candidate, calls: int = 8_000) -> list[float]:
    """Return the share of each, if nothing about them changes."""
    chance = random.Random(1)
    chosen = Counter(choose(candidates, chance) for _ in range(calls))
    return [chosen[index] / calls for index in range(len(candidates))]


def test_one_alone_is_chosen_without_chance() -> None:
    """The usual chain has one target a tier, and no draw changes what follows."""
    chance = random.Random(1)
    before = chance.getstate()
    assert choose([candidate(weight=0.001)], chance) == 0
    assert chance.getstate() == before


@pytest.mark.parametrize("count", [2, 3, 5])
def test_equals_share_evenly(count: int) -> None:
    """Each gets its part, within a percent and a half."""
    for share in shares(*[candidate()] * count):
        assert share == pytest.approx(1 / count, abs=0.015)


def test_weights_are_proportions() -> None:
    """3 : 1 is three quarters and one."""
    assert shares(candidate(3.0), candidate(1.0)) == pytest.approx([0.75, 0.25], abs=0.015)


def test_the_better_one_of_a_pair_gets_three_quarters() -> None:
    """The other is drawn twice in a quarter of the cases: it stays known."""
    fast_first = shares(candidate(latency=0.5), candidate(latency=0.7))
    slow_first = shares(candidate(latency=0.7), candidate(latency=0.5))
    assert fast_first == pytest.approx([0.75, 0.25], abs=0.015)
    assert slow_first == pytest.approx([0.25, 0.75], abs=0.015)


BETTER = [
    (candidate(in_flight=4), candidate(in_flight=7)),
    (candidate(latency=0.59), candidate(latency=0.75)),
    (candidate(success=0.99), candidate(success=0.94)),
    (candidate(latency=0.79, success=1.0), candidate(latency=0.5, success=0.87)),
    (candidate(latency=0.5, success=0.92), candidate(latency=0.96, success=1.0)),
    (candidate(in_flight=1, latency=0.5), candidate(in_flight=0, latency=1.3)),
    (candidate(in_flight=0, latency=1.5), candidate(in_flight=3, latency=0.5)),
    (candidate(latency=0.6, success=0.0), candidate(latency=0.8, success=0.04)),
    (candidate(latency=0.6, success=0.07), candidate(latency=0.6, success=0.0)),
]


@pytest.mark.parametrize(
    ("better", "worse"),
    BETTER,
    ids=[
        "load",
        "latency",
        "successes",
        "a fifth power",
        "and no more",
        "load times latency",
        "latency against load",
        "both down",
        "nearly down",
    ],
)
def test_less_load_less_latency_and_more_successes_are_better(
    better: Candidate, worse: Candidate
) -> None:
    """(in flight + 1) / (its share + 1) * latency / success rate ^ 5."""
    assert shares(better, worse)[0] == pytest.approx(0.75, abs=0.015)
    assert shares(worse, better)[0] == pytest.approx(0.25, abs=0.015)


@pytest.mark.parametrize(
    "other",
    [
        candidate(latency=0.6 * 0.81),
        candidate(latency=0.6 / 0.81),
        candidate(success=0.96),
        candidate(in_flight=0),
    ],
)
def test_less_than_a_fifth_leaves_the_weights_as_they_are(other: Candidate) -> None:
    """It is the noise of averages, and would otherwise decide every pair."""
    one = Candidate(3.0, other.in_flight, 0.6, 1.0)
    assert shares(one, other) == pytest.approx([0.75, 0.25], abs=0.015)


def test_load_is_measured_by_the_share_of_all() -> None:
    """Three in flight at weight 3 are one at weight 1, and so on every scale."""
    for scale in (0.01, 1.0, 100.0):
        heavy, light = 3.0 * scale, scale
        even = shares(candidate(heavy, 3), candidate(light, 1))
        assert even == pytest.approx([0.75, 0.25], abs=0.015)
        crowded = shares(candidate(heavy, 9), candidate(light, 1))
        assert crowded == pytest.approx([9 / 16, 7 / 16], abs=0.015)


def test_a_target_of_which_nothing_is_known_counts_as_the_mean_of_the_others() -> None:
    """It is neither shunned nor overrun."""
    unknown, fast, slow = candidate(latency=None), candidate(latency=0.2), candidate(latency=1.0)
    assert shares(unknown, fast)[0] == pytest.approx(0.5, abs=0.015)
    slowest = shares(fast, unknown, slow)
    assert slowest[0] > slowest[1] > slowest[2]
    assert shares(unknown, unknown)[0] == pytest.approx(0.5, abs=0.015)


def test_a_target_that_never_answers_is_still_comparable() -> None:
    """A rate of zero divides nothing by zero."""
    assert shares(candidate(success=0.0), candidate())[0] == pytest.approx(0.25, abs=0.015)


@given(
    st.lists(
        st.builds(
            Candidate,
            st.floats(0.0001, 1000),
            st.integers(0, 10_000),
            st.none() | st.floats(0, 1e4),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(),
)
@settings(parent=MACHINE)
def test_there_is_always_one_to_ask(candidates: list[Candidate], seed: int) -> None:
    """Whatever is known of them."""
    assert 0 <= choose(candidates, random.Random(seed)) < len(candidates)


def simulated(fails: float, rate: float, failure_s: float, calls: int = 6_000) -> float:
    """Return the share of a target that fails so often beside one that never does."""
    chance = random.Random(2)
    successes = (Average(expected=1.0), Average(expected=1.0))
    waits = (Average(), Average())
    in_flight = [0, 0]
    running: list[tuple[float, int]] = []
    asked = 0
    for number in range(calls):
        now = number / rate
        while running and running[0][0] <= now:
            in_flight[heappop(running)[1]] -= 1
        known = [
            candidate(1.0, load, wait.value, 1.0 if share.value is None else share.value)
            for load, wait, share in zip(in_flight, waits, successes, strict=True)
        ]
        index = choose(known, chance)
        asked += index == 0
        failed = index == 0 and chance.random() < fails
        seconds = failure_s if failed else chance.lognormvariate(-0.6, 0.4)
        if not failed:
            waits[index].add(seconds)
        successes[index].add(float(not failed))
        in_flight[index] += 1
        heappush(running, (now + seconds, index))
    return asked / calls


@pytest.mark.parametrize("failure_s", [0.05, 0.6])
@pytest.mark.parametrize("rate", [1, 20, 200])
def test_a_target_that_fails_nearly_a_third_falls_below_a_third(
    rate: float, failure_s: float
) -> None:
    """Without any breaker, at every load, and also if it fails so quickly that it seems idle."""
    assert 0.24 < simulated(0.3, rate, failure_s) < 0.33


@pytest.mark.parametrize("rate", [20, 200])
def test_equals_share_evenly_under_load(rate: float) -> None:
    """Nobody is preferred because of chance."""
    assert simulated(0.0, rate, 0.6) == pytest.approx(0.5, abs=0.03)


def closed_loop(weights: list[float], at_once: int, seed: int, calls: int = 4_000) -> list[float]:
    """Return the shares of equally quick targets, with so many calls under way all the time."""
    chance = random.Random(seed)
    means = [Average() for _ in weights]
    in_flight, asked = [0] * len(weights), [0] * len(weights)
    running: list[tuple[float, int, float]] = []
    now = 0.0
    for _ in range(calls):
        if len(running) == at_once:
            now, index, seconds = heappop(running)
            in_flight[index] -= 1
            means[index].add(seconds)
        known = zip(weights, in_flight, means, strict=True)
        index = choose([candidate(w, load, mean.value) for w, load, mean in known], chance)
        seconds = chance.lognormvariate(-0.6, 0.3)
        in_flight[index] += 1
        asked[index] += 1
        heappush(running, (now + seconds, index, seconds))
    return [count / calls for count in asked]


@pytest.mark.parametrize("at_once", [1, 2, 8, 32])
@pytest.mark.parametrize(
    ("weights", "last"),
    [
        ([3, 1], 0.25),
        ([300, 100], 0.25),
        ([1, 1, 1, 1], 0.25),
        ([0.25, 0.25, 0.25, 0.25], 0.25),
        ([1 / 3, 1 / 3, 1 / 3, 1], 0.5),
        ([0.1] * 10 + [1], 0.5),
        ([5, 3, 2], 0.2),
    ],
    ids=["3:1", "300:100", "three keys, 3:1", "four keys", "three keys, 1:1", "ten keys, 1:1",
         "5:3:2"],
)  # fmt: skip
def test_equally_quick_targets_have_the_shares_of_their_weights(
    weights: list[float], last: float, at_once: int
) -> None:
    """With one call at a time or many, on every scale, and over however many keys."""
    shares = [closed_loop(weights, at_once, seed)[-1] for seed in range(3)]
    assert sum(shares) / 3 == pytest.approx(last, abs=0.07 if at_once == 2 else 0.04)


# Slow start


@pytest.mark.parametrize(
    ("closed_for", "weight"),
    [(None, 2.0), (0.0, 0.2), (3.0, 0.2), (15.0, 1.0), (29.9, 1.9933), (30.0, 2.0), (1e9, 2.0)],
)
def test_a_target_that_has_just_come_back_starts_with_a_tenth(
    closed_for: float | None, weight: float
) -> None:
    """And has all of its weight after half a minute."""
    assert started(2.0, closed_for) == pytest.approx(weight, abs=1e-4)
