"""Streams that break: nobody gets half an answer for a whole one, or one part twice."""

from __future__ import annotations

from benchmarks.broken_streams import broken_streams
from benchmarks.resilience.arena import Arena
from benchmarks.resilience.row import Row, Size

from elizanet.policy.protections import Protections
from elizanet.testing.simulation import BEHAVIOURS, Outcome, Phase, Window

BREAKS = ("truncate", "garbage", "overloaded", "hang_after_head", "keep_alives", "drip")


def broken(size: Size) -> list[Row]:
    """Every way of breaking, at the first choice and at the second, half of the time."""
    calls = size.calls // 2 // len(BREAKS)
    total, broke, violations = 0, 0, 0
    for name in BREAKS:
        window = Window(BEHAVIOURS[name], share=0.5)
        arena = Arena((window,), (window,), (), protections=Protections(breaker=False))
        results = arena.run(Phase(20.0, calls=calls))
        total += len(results)
        broke += results.count(Outcome.BROKE) + arena.world.told["AttemptFailed"]
        violations += arena.violations
    return [
        Row(
            "streams: duplicates, mixtures, silent truncations",
            "0",
            f"{violations} in {total:,} streams, {broke:,} of them broken",
            not violations,
            f"{', '.join(BREAKS)}; without breakers, so that breaks go on; each content "
            "compared with what its provider sent; counted are attempts that broke or fell silent",
        )
    ]


def continued(size: Size) -> list[Row]:
    """Breaks at every place, and what another target goes on with."""
    count = max(1_000, size.calls // 10)
    counts = broken_streams(count, seed=1)
    wrong, whole = counts.total("wrong"), counts.total("whole")
    return [
        Row(
            'streams that break and go on (`on_break = "continue"`): wrong answers',
            "0 in 10^5",
            f"{wrong} in {count:,}",
            not wrong,
            f"{whole:,} whole, the others end with an honest error; `benchmarks/broken_streams.py`",
        )
    ]
