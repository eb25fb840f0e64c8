"""When each provider is checked next."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from elizanet.monitor import Schedule
from elizanet.monitor.schedule import FIRST_S


def checks(seed: int, names: str, interval: float, until: float) -> list[tuple[float, str]]:
    """Return who is checked when."""
    schedule = Schedule(random.Random(seed))
    schedule.plan(names, interval, 0.0)
    done = []
    while (now := schedule.next) is not None and now <= until:
        schedule.plan(names, interval, now)
        done += [(now, name) for name in schedule.due(interval, now)]
    return done


def test_everybody_is_checked_soon_and_then_once_an_interval() -> None:
    """Give or take a fifth."""
    done = checks(1, "abc", 30.0, 3000.0)
    first = {name: min(when for when, other in done if other == name) for name in "abc"}
    assert all(when <= FIRST_S for when in first.values())
    for name, count in Counter(name for _, name in done).items():
        assert 95 <= count <= 107, name
    moments = [when for when, name in done if name == "a"]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) >= 24
    assert max(gaps) <= 36
    assert max(gaps) - min(gaps) > 6


def test_neither_providers_nor_gateways_keep_in_step() -> None:
    """Eight gateways of three providers: no second has more than a few of their checks."""
    moments = Counter(int(when) for seed in range(8) for when, _ in checks(seed, "abc", 30.0, 600))
    busiest = max(count for second, count in moments.items() if second > 2 * FIRST_S)
    assert busiest <= 6


def test_an_interval_shorter_than_the_first_seconds_spreads_them_less() -> None:
    """The first check is not later than it would be without the spread."""
    assert min(checks(2, "a", 0.5, 10.0))[0] <= 0.5


def test_providers_come_and_go() -> None:
    """The others keep their moments."""
    schedule = Schedule(random.Random(3))
    schedule.plan("ab", 30.0, 0.0)
    kept = schedule.next
    schedule.plan("a", 30.0, 0.0)
    a = schedule.next
    schedule.plan("ab", 30.0, 100.0)
    assert a is not None
    assert schedule.next == a
    assert kept is not None
    assert schedule.due(30.0, 110.0) == ["a", "b"]
    schedule.plan("", 30.0, 110.0)
    assert schedule.next is None
    assert repr(schedule) == "<Schedule of nobody>"


def test_a_shorter_interval_holds_at_once() -> None:
    """Nobody waits for the end of the long one."""
    schedule = Schedule(random.Random(4))
    schedule.plan("a", 3600.0, 0.0)
    schedule.due(3600.0, FIRST_S)
    schedule.plan("a", 30.0, 10.0)
    assert schedule.next == pytest.approx(46.0)
