"""Histograms: exact counts, percentiles within their error, sums by addition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.records.histogram import LANES, SHORTEST, added, one, pack, percentiles, unpack

durations = st.lists(st.floats(SHORTEST, 20_000.0), min_size=1, max_size=300)


@given(durations, st.sampled_from([0.5, 0.95, 0.99, 1.0, 0.0]))
def test_a_percentile_is_within_a_tenth_of_the_exact_one(values: list[float], share: float) -> None:
    """Whatever the durations are."""
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert percentiles(sum(map(one, values)), [share]) == [pytest.approx(exact, rel=0.1)]


@given(durations, durations)
def test_what_is_stored_adds_up(first: list[float], second: list[float]) -> None:
    """Packed and unpacked, one by one or together: the same histogram."""
    both = [sum(map(one, first)), sum(map(one, second))]
    assert [unpack(pack(each)) for each in both] == both
    rows = [("a", pack(both[0]), b""), ("b", b"", b""), ("a", pack(both[1]), pack(both[0]))]
    assert added(rows) == {("a",): (sum(both), both[0]), ("b",): (0, 0)}


def test_nothing_has_no_percentile() -> None:
    """And takes no room."""
    assert percentiles(0, [0.5, 0.99]) == [None, None]
    assert pack(0) == b""
    assert unpack(b"") == 0


@pytest.mark.parametrize(("seconds", "lane"), [(0.0, 0), (-1.0, 0), (1e9, LANES - 1)])
def test_what_is_beyond_all_lanes_is_in_the_last(seconds: float, lane: int) -> None:
    """Too short or too long is counted all the same."""
    assert one(seconds) == 1 << (32 * lane)


def test_a_lane_holds_millions() -> None:
    """Counts do not run over into the next lane."""
    many = one(1.0) * 3_000_000_000
    assert percentiles(many, [0.5]) == percentiles(one(1.0), [0.5])
    assert unpack(pack(many)) == many
