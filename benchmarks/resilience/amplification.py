"""How many requests the providers get for one call."""

from __future__ import annotations

from benchmarks.resilience.arena import STARTS, Arena, fault
from benchmarks.resilience.row import Row, Size, span

from elizanet.policy.budget import CAPACITY
from elizanet.testing.simulation import Phase

RATE = 20.0


def per_host(size: Size) -> list[Row]:
    """One provider that fails 0 to 100 % of its calls."""
    seconds = 600.0
    found = {}
    for percent in range(0, 101, 10):
        ratios = []
        for seed in range(1, max(2, size.seeds // 2) + 1):
            window = fault("error_500", seconds, share=percent / 100)
            arena = Arena((window,), seed=seed, stream=seed % 2 == 0)
            arena.run(Phase(RATE, seconds=STARTS + seconds))
            ratios.append((arena.attempts["a"] - CAPACITY) / max(1, arena.reached["a"]))
        found[percent] = max(ratios)
    worst = max(found, key=lambda percent: found[percent])
    told = ", ".join(f"{percent} %: {ratio:.3f}" for percent, ratio in found.items())
    return [
        Row(
            "per-host amplification, errors 0-100 %",
            "<= 1.10 (+ 10 burst)",
            f"<= {found[worst]:.3f} (+ 10), at {worst} % errors",
            found[worst] <= 1.1,
            f"attempts less 10, a call that reached the host: {told}",
        )
    ]


def partial_failure(size: Size) -> list[Row]:
    """The first choice fails some of its calls, the second works."""
    rows = []
    for share in (0.1, 0.3):
        found, lost = [], 0
        for seed in range(1, size.seeds + 1):
            arena = Arena((fault("error_500", 300, share=share),), (), seed=seed)
            results = arena.run(Phase(RATE, seconds=STARTS + 300))
            found.append(results.attempts_per_call(STARTS))
            lost += len(results) - len(results.waits())
        rows.append(
            Row(
                f"attempts per call, first choice fails {share:.0%}",
                f"<= {1 + share:.2f}",
                f"{span(found, '')}, {lost} lost",
                max(found) <= 1 + share and not lost,
                "300 s at 20 calls a second; a 500 is tried again where it happened, which adds "
                "p^2, and late hedges add half a percent",
            )
        )
    return rows


def total_outage(size: Size) -> list[Row]:
    """Everything is down, and the callers' clients retry twice."""
    kinds: dict[str, dict[str, bool]] = {
        "ours": {},
        "ours, hint ignored": {"obeys": False},
        "naive": {"naive": True},
    }
    found = {name: [_per_request(seed, **how) for seed in range(1, size.seeds + 1)]
             for name, how in kinds.items()}  # fmt: skip
    ours, unheard, naive = (max(found[name]) for name in kinds)
    return [
        Row(
            "upstream attempts per user request, total outage, SDK clients",
            "<= 0.5",
            span(found["ours"], ""),
            ours <= 0.5,
            f"without heeding x-should-retry {unheard:.2f}; a naive gateway (three tries at each "
            f"of two targets) {naive:.1f}, {naive / ours:.0f} times as many",
        )
    ]


def _per_request(seed: int, *, obeys: bool = True, naive: bool = False) -> float:
    down = fault("error_500", 300)
    arena = Arena((down,), (down,), seed=seed, naive=naive, stream=False)
    requests = arena.run_sdk(Phase(RATE, seconds=STARTS + 300), obeys=obeys)
    return requests.attempts_per_call(STARTS)
