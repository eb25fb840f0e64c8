"""How often a breaker opens though nothing is down, and what a hedge gains."""

from __future__ import annotations

from benchmarks.breaker_false_opens import Score, false_opens
from benchmarks.resilience.arena import Arena
from benchmarks.resilience.row import Row, Size

from elizanet.testing.simulation import BEHAVIOURS, Latency, Outcome, Phase, Window, percentile

RATE = 20.0


def breaker_alone(size: Size) -> list[Row]:
    """Outcomes with random failures, straight into the breaker."""
    rows = []
    for share, target in ((0.05, "0 in 10^8"), (0.1, "<= 1 in 10^6")):
        opened = false_opens(Score, share, size.breaker)
        allowed = 0 if share < 0.1 else size.breaker / 1e6
        rows.append(
            Row(
                f"false opens at {share:.0%} random errors, breaker alone",
                target,
                f"{opened} in {size.breaker:,}",
                opened <= allowed,
                "20 outcomes a second of virtual time",
            )
        )
    return rows


def engine(size: Size) -> list[Row]:
    """The same through the whole engine, with another provider behind the first."""
    calls = min(size.calls, 1_000_000)
    errors = Window(BEHAVIOURS["error_500"], share=0.1)
    arena = Arena((errors,), (), watched=False)
    results = arena.run(Phase(RATE, calls=calls))
    opened = len(arena.opened())
    lost = results.count(Outcome.FAILED)
    return [
        Row(
            "false opens at 10 % random errors, engine",
            "<= 1 in 10^6 calls",
            f"{opened} in {calls:,}, {lost} lost",
            opened <= max(1.0, calls / 1e6) and not lost,
            "streams, two providers",
        )
    ]


def slow_tail(size: Size) -> list[Row]:
    """No fault at all, but some answers begin ten times as late."""
    opened = {}
    for share in (0.02, 0.1):
        arena = Arena((), (), latency=Latency(slow_share=share), watched=False)
        arena.run(Phase(RATE, calls=size.calls // 5))
        opened[share] = len(arena.opened())
    told = ", ".join(f"{share:.0%} slow: {count}" for share, count in opened.items())
    return [
        Row("false opens by the overdue rule", "0", f"{told} in {size.calls // 5:,} calls each",
            not any(opened.values()), "ten times as late as usual, 20 calls a second")
    ]  # fmt: skip


def hedging(size: Size) -> list[Row]:
    """A provider with a tail: 2 % of its answers begin ten times as late."""
    found = {}
    for after in ("off", "auto", "p95"):
        arena = Arena((), (), hedge=after, latency=Latency(slow_share=0.02), watched=False)
        results = arena.run(Phase(RATE, calls=size.calls // 5))
        waits = results.waits(60)
        found[after] = percentile(waits, 0.99), results.attempts_per_call(60) - 1
    plain, _ = found["off"]
    rows = []
    for after in ("p95", "auto"):
        p99, extra = found[after]
        rows.append(
            Row(
                f'hedge.after = "{after}": p99, extra calls',
                ">= 2x, <= 5 %" if after == "p95" else "-",
                f"{plain:.2f} -> {p99:.2f} s ({plain / p99:.1f}x), +{extra:.2%}",
                plain / p99 >= 2 and extra <= 0.05 if after == "p95" else None,
                "2 % of the answers begin ten times as late; an attempt that is outrun leaves no "
                "time, so the 95th percentile of those that are known comes too early",
            )
        )
    return rows
