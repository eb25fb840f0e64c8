"""When a second attempt starts elsewhere while the first one is still silent.

Theory of operation. A late hedge ("auto") begins when the first attempt is overdue
(`latency.py`): something is already wrong, so it seldom costs a second call. The classic hedge
("p95"; Dean and Barroso, "The Tail at Scale") begins after the 95th percentile of the last five
minutes, and costs about one call in twenty. Either is one more attempt at the most, spends a
token of the budget of the host that was silent, and the first content wins.
"""

from __future__ import annotations

from typing import Final, Literal

from elizanet.policy.latency import Latency

After = float | Literal["auto", "p95", "off"]

SHORTEST_S: Final = 1.0


def hedge_after(after: After, latency: Latency, overdue_after: float, now: float) -> float | None:
    """Return the seconds after which a second attempt may start, None for never."""
    if after == "off":
        return None
    if after == "auto":
        return overdue_after
    if after == "p95":
        usual = latency.p95(now)
        return overdue_after if usual is None else max(SHORTEST_S, usual)
    return after
