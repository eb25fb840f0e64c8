"""How long first contents take, and when one is overdue."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elizanet.policy.latency import Average, Latency, size_class
from support.machines import MACHINE


@pytest.mark.parametrize(
    ("prompt_bytes", "size"),
    [(0, 0), (15_999, 0), (16_000, 1), (127_999, 1), (128_000, 2), (10**9, 2)],
)
def test_prompts_have_three_sizes(prompt_bytes: int, size: int) -> None:
    """Below 4,000 tokens, below 32,000, and larger; a token is four bytes."""
    assert size_class(prompt_bytes) == size


# The average


def test_the_first_sample_is_the_mean() -> None:
    """Nothing was known before."""
    average = Average()
    assert average.value is None
    average.add(3.0)
    assert average.value == 3.0


def test_each_later_sample_weighs_a_twentieth() -> None:
    """An average that follows slowly, and forgets."""
    average = Average()
    for sample in (1.0, 2.0):
        average.add(sample)
    assert average.value == 1.05
    for _ in range(500):
        average.add(5.0)
    assert average.value == pytest.approx(5.0)


def test_an_expectation_is_what_the_first_sample_is_weighed_against() -> None:
    """One failure at the start does not make a target a bad one."""
    average = Average(expected=1.0)
    assert average.value is None
    average.add(0.0)
    assert average.value == 0.95
    average.add(0.0)
    assert average.value == pytest.approx(0.9025)


@given(st.lists(st.floats(0, 1e6), min_size=1))
@settings(parent=MACHINE)
def test_a_mean_lies_among_its_samples(samples: list[float]) -> None:
    """Whatever they are."""
    average = Average()
    for sample in samples:
        average.add(sample)
    assert average.value is not None
    assert min(samples) - 1e-6 <= average.value <= max(samples) + 1e-6


# Overdue


def test_while_nothing_is_known_a_third_of_the_limit_is_overdue() -> None:
    """Ten of thirty seconds."""
    assert Latency().overdue_after(30.0) == pytest.approx(10.0)


def test_three_times_the_mean_is_overdue_and_never_less_than_a_second() -> None:
    """Whatever the limit is."""
    latency = Latency()
    latency.add(0.2, now=0)
    assert latency.overdue_after(30.0) == 1.0
    latency = Latency()
    latency.add(0.6, now=0)
    assert latency.overdue_after(0.5) == pytest.approx(1.8)


# The 95th percentile


START = 1_000.0
"""A loop's clock does not begin at zero."""


def filled(count: int) -> Latency:
    """Return one that knows 1, 2, 3 ... seconds, and was asked for its percentile before."""
    latency = Latency()
    assert latency.p95(START) is None
    for seconds in range(1, count + 1):
        latency.add(float(seconds), START)
    return latency


def test_there_is_no_percentile_below_fifty_samples() -> None:
    """Of a few samples the slowest says nothing. The fiftieth is noticed at once."""
    latency = filled(49)
    assert latency.p95(START) is None
    latency.add(50.0, START)
    assert latency.p95(START) == 48.0


@pytest.mark.parametrize("count", [50, 60, 99, 100, 101, 512])
def test_it_is_the_nearest_rank(count: int) -> None:
    """The smallest sample that 95 % of them do not exceed."""
    assert filled(count).p95(START) == math.ceil(0.95 * count)


def test_nothing_is_kept_before_it_is_asked_for() -> None:
    """The mean is enough for nearly all."""
    latency = Latency()
    for _ in range(100):
        latency.add(1.0, START)
    assert "samples=0" in repr(latency)
    assert latency.p95(START) is None
    latency.add(1.0, START)
    assert "samples=1" in repr(latency)


def test_only_the_newest_512_are_kept() -> None:
    """Memory is bounded."""
    assert filled(2_000).p95(START) == 1488 + math.ceil(0.95 * 512)
    assert "samples=512" in repr(filled(2_000))


def test_what_is_older_than_five_minutes_does_not_count() -> None:
    """Also while no new sample comes."""
    assert filled(100).p95(START + 300.0) == 95.0
    assert filled(100).p95(START + 300.1) is None
    latency = filled(100)
    assert latency.p95(START + 300.0) == 95.0
    assert latency.p95(START + 310.0) is None


def test_it_is_counted_anew_after_sixteen_samples() -> None:
    """Not with each of them."""
    latency = filled(100)
    assert latency.p95(START) == 95.0
    for _ in range(15):
        latency.add(1_000.0, START)
    assert latency.p95(START) == 95.0
    latency.add(1_000.0, START)
    assert latency.p95(START) == 1_000.0


def test_it_is_counted_anew_after_ten_seconds() -> None:
    """Few samples are counted, too, in the end."""
    latency = filled(100)
    assert latency.p95(START) == 95.0
    for _ in range(10):
        latency.add(1_000.0, START)
    assert latency.p95(START + 9.9) == 95.0
    assert latency.p95(START + 10.0) == 1_000.0


def test_their_whole_state_is_one_line() -> None:
    """Unknown, and known."""
    latency = Latency()
    assert repr(latency) == "<Latency mean=<Average unknown> samples=0>"
    latency.p95(0)
    latency.add(0.6, 0)
    assert repr(latency) == "<Latency mean=<Average 0.600> samples=1>"


def test_an_attempt_that_was_outrun_counts_for_the_percentile_only() -> None:
    """The mean of a target that hangs would learn to be patient."""
    latency = Latency()
    latency.p95(0.0)
    for _ in range(60):
        latency.add(1.0, 0.0)
    for _ in range(40):
        latency.at_least(9.0, 0.0)
    assert latency.mean.value == pytest.approx(1.0)
    assert latency.p95(0.0) == 9.0
