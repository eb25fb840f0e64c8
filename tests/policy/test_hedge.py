"""When a second attempt starts beside a silent one."""

from __future__ import annotations

import pytest

from elizanet.policy.hedge import After, hedge_after
from elizanet.policy.latency import Latency


def known(seconds: float) -> Latency:
    latency = Latency()
    latency.p95(0.0)  # samples are kept from the first question on
    for _ in range(50):
        latency.add(seconds, 0.0)
    return latency


@pytest.mark.parametrize(
    ("after", "latency", "expected"),
    [
        ("off", known(2.0), None),
        ("auto", known(2.0), 7.0),
        ("p95", known(2.0), 2.0),
        ("p95", known(0.2), 1.0),
        ("p95", Latency(), 7.0),
        (0.5, known(2.0), 0.5),
    ],
    ids=["off", "auto", "p95", "p95 is at least 1 s", "p95 unknown", "seconds"],
)
def test_each_setting_has_its_moment(
    after: After, latency: Latency, expected: float | None
) -> None:
    """7 s is when the attempt is overdue."""
    assert hedge_after(after, latency, 7.0, now=0.0) == expected


def test_a_percentile_that_is_too_old_is_no_percentile() -> None:
    """Then the attempt has to be overdue."""
    assert hedge_after("p95", known(2.0), 7.0, now=400.0) == 7.0
