"""Sums as columns: a place for each step."""

from __future__ import annotations

from elizanet.gateway.dashboard.columns import MOST_SERIES, OTHERS, columns, split
from elizanet.gateway.dashboard.ranges import RANGES
from elizanet.records.reading import Point, Totals

AT = [0.0, 60.0, 120.0]


def point(at: float, calls: int, *key: str, **more: float) -> Point:
    return Point(at=at, totals=Totals(key=key, calls=calls, **more))  # type: ignore[arg-type]


def test_a_step_without_calls_has_its_place() -> None:
    """Nothing was asked, and nothing was measured."""
    found = columns(AT, [point(60, 3, failed=1, broken=1, seconds_p50=0.123456, cost=0.5)])
    assert found.calls == [0, 3, 0]
    assert found.failed == [0, 2, 0]
    assert found.seconds_p50 == [None, 0.1235, None]
    assert found.cost == [0.0, 0.5, 0.0]


def test_values_are_ordered_by_their_calls() -> None:
    """Nobody's are last."""
    points = [point(0, 9, ""), point(0, 1, "a"), point(60, 5, "b"), point(120, 5, "a")]
    assert split(AT, points) == {"a": [1, 0, 5], "b": [0, 5, 0], "": [9, 0, 0]}
    assert list(split(AT, points)) == ["a", "b", ""]


def test_many_values_share_a_series() -> None:
    """A chart stays one that can be read, and no call is lost."""
    points = [point(0, 100 - n, f"t{n:02}") for n in range(20)]
    found = split(AT, points)
    assert list(found) == [*(f"t{n:02}" for n in range(MOST_SERIES - 1)), OTHERS]
    assert sum(sum(values) for values in found.values()) == sum(p.totals.calls for p in points)
    exactly = split(AT, points[:MOST_SERIES])
    assert OTHERS not in exactly
    assert len(exactly) == MOST_SERIES


def test_a_point_outside_the_steps_is_left_out() -> None:
    """The database knows another clock, or a moment passed."""
    assert split(AT, [point(180, 5, "a"), point(60, 1, "a")]) == {"a": [0, 1, 0]}


def test_a_range_ends_with_the_step_under_way() -> None:
    """And its answers are good for a part of a step."""
    for chosen in RANGES.values():
        for now in (1_000_000.0, 1_000_000.0 - 1_000_000 % chosen.step):
            window = chosen.window(now)
            assert window.until - chosen.step <= now < window.until
            assert window.until - window.since == chosen.length
        assert chosen.length % chosen.step == 0
        assert chosen.step % 60 == 0
        assert chosen.length <= 86_400 or chosen.step % 3600 == 0
