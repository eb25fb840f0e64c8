"""Streams that break: nobody gets half an answer for a whole one, or one part twice."""

from __future__ import annotations

from benchmarks.resilience.arena import Arena
from benchmarks.resilience.row import Row, Size
from elizanet.testing.simulation import BEHAVIOURS, Outcome, Phase, Window

BREAKS = ("truncate", "garbage", "overloaded", "hang_after_head", "keep_alives", "drip")


def broken(size: Size) -> list[Row]:
    """Every way of breaking, at the first choice and at the second, half of the time."""
    calls = max(size.calls // 5, len(BREAKS)) // len(BREAKS)
    total, broke, violations = 0, 0, 0
    for name in BREAKS:
        window = Window(BEHAVIOURS[name], share=0.5)
        arena = Arena((window,), (window,), ())
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
            f"{', '.join(BREAKS)}; each content compared with what its provider sent",
        )
    ]
