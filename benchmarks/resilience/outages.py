"""How soon an outage is noticed, what it costs, and how soon it is over."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.resilience.arena import BARE, STARTS, Arena, fault
from benchmarks.resilience.row import Row, Size, span

from elizanet.policy.protections import Protections
from elizanet.testing.simulation import Outcome, Phase, Results, Window

RATE = 20.0
AFTER = 90.0
SLOW_S = 5.0
HARD = ("error_500", "refuse")


def detection(size: Size) -> list[Row]:
    """From the beginning of a fault until the breaker opens."""
    down, hang, beyond = [], [], []
    for seed in range(1, size.seeds + 1):
        down += [_played(seed, fault(name, 60)).opened()[0] - STARTS for name in HARD]
        arena = _played(seed, fault("hang", 60))
        hang.append(arena.opened()[0] - STARTS)
        beyond.append(hang[-1] - arena.overdue_at_start)
    return [
        Row("detection, hard down at 20 calls a second", "<= 1.5 s", span(down), max(down) <= 1.5,
            "first choice refuses or answers 500; until its breaker is open"),
        Row("detection of silence", "<= L + 0.5 s", f"L + {span(beyond)}", max(beyond) <= 0.5,
            f"L: three times the mean time to the first content as it was then; in all "
            f"{span(hang)}; eight overdue streams decide, and at this load eight arrive in 0.4 s "
            "on average"),
    ]  # fmt: skip


def survival(size: Size) -> list[Row]:
    """Calls lost before anything was shown, while another provider is well."""
    stories = {
        "errors": fault("error_500", 60),
        "10 % errors": fault("error_500", 60, share=0.1),
        "30 % errors": fault("error_500", 60, share=0.3),
        "silence": fault("hang", 60),
        "flapping 5 s": fault("error_500", 60, period=5.0),
        "broken before content": fault("overloaded", 60),
        "slow": fault("slow", 60),
    }
    lost, calls, runs, violations = 0, 0, 0, 0
    for window in stories.values():
        for seed in range(1, size.seeds + 1):
            for stream in (False, True):
                arena = _played(seed, window, stream=stream)
                results = arena.world.results
                lost += results.count(Outcome.FAILED)
                calls, runs = calls + len(results), runs + 1
                violations += arena.violations
    return [
        Row(
            "calls lost with a healthy alternative",
            "0",
            f"{lost} of {calls:,} in {runs} runs",
            not lost and not violations,
            f"{', '.join(stories)}; unary and streams; {violations} violations of invariants",
        )
    ]


def silence(size: Size) -> list[Row]:
    """Streams that a silent first choice makes wait."""
    slow = {False: 0, True: 0}
    longest, calls = 0.0, 0
    for seed in range(1, size.seeds + 1):
        for bare in (False, True):
            arena = _played(seed, fault("hang", 60), protections=BARE if bare else Protections())
            waits = arena.world.results.waits(STARTS, STARTS + 60)
            slow[bare] += sum(wait > SLOW_S for wait in waits)
            if not bare:
                longest, calls = max(longest, waits[-1]), calls + len(waits)
    return [
        Row(
            "calls that silence slows beyond 5 s",
            "0",
            f"{slow[False]} of {calls:,}; the slowest {longest:.1f} s",
            not slow[False],
            f"streams; without protections {slow[True]:,}",
        )
    ]


def recovery(size: Size) -> list[Row]:
    """From the end of an outage until the first choice answers again."""
    back = {}
    for seconds in (60.0, 600.0):
        found = []
        for seed in range(1, size.seeds + 1):
            for name in ("error_500", "hang"):
                arena = _played(seed, fault(name, seconds))
                found.append(arena.closed()[-1] - STARTS - seconds)
        back[seconds] = found
    probes = 3 * 1.0
    worst = max(max(found) for found in back.values())
    told = "; ".join(f"after {s:g} s {span(found, digits=0)}" for s, found in back.items())
    return [
        Row("back on the first choice after it heals", "<= 36 s + 3 probes", told,
            worst <= 36 + probes, "errors and silence; until its breaker is closed")
    ]  # fmt: skip


def total(size: Size) -> list[Row]:
    """Everything is down; the last call that is lost after the end of it."""
    rows = []
    for name, limit in (("error_500", 5.0), ("hang", 8.0)):
        found, bare = [], []
        for seconds in (60.0, 600.0):
            for seed in range(1, size.seeds + 1):
                window = fault(name, seconds)
                found.append(_last_loss(_down(seed, window), window))
                without = _down(seed, window, protections=Protections(panic=False))
                bare.append(_last_loss(without, window))
        kind = "errors" if name == "error_500" else "silence"
        rows.append(
            Row(f"last loss after a total outage ends, {kind}", f"<= {limit:g} s",
                span(found, digits=1), max(found) <= limit,
                f"60 s and 600 s of it; without panic {span(bare, digits=1)}")
        )  # fmt: skip
    return rows


def overload(size: Size) -> list[Row]:
    """70 % load, 20 s of 2.9 times as much, and work that goes on when nobody waits for it."""
    ours = [_burst(seed) for seed in range(1, size.seeds + 1)]
    naive = [_burst(seed, naive=True) for seed in range(1, size.seeds + 1)]

    def late(runs: list[Results]) -> list[float]:
        return [run.success(STARTS + 20 + 120) for run in runs]

    first = [run.success(STARTS + 20, STARTS + 80) for run in ours]
    return [
        Row(
            "metastable burst: success from 120 s after it",
            ">= 99 %",
            span([100 * share for share in late(ours)], " %", 1),
            min(late(ours)) >= 0.99,
            f"one provider, callers with SDK retries who give up after 5 s; in the first minute "
            f"{span([100 * s for s in first], ' %', 0)}; a naive gateway "
            f"{span([100 * s for s in late(naive)], ' %', 1)}",
        )
    ]


def _played(
    seed: int,
    window: Window,
    *,
    stream: bool = True,
    protections: Protections = Protections(),
) -> Arena:
    arena = Arena((window,), (), seed=seed, stream=stream, protections=protections)
    arena.run(Phase(RATE, seconds=window.end + AFTER))
    return arena


def _down(seed: int, window: Window, *, protections: Protections = Protections()) -> Results:
    arena = Arena((window,), (window,), seed=seed, protections=protections)
    return arena.run(Phase(RATE, seconds=window.end + AFTER))


def _last_loss(results: Results, window: Window) -> float:
    last = results.last(lambda row: results.outcome[row] == Outcome.FAILED)
    return max(0.0, (last or 0.0) - window.end)


def _burst(seed: int, *, naive: bool = False) -> Results:
    rate, work = 10.0, 0.6 + 3 * 0.4
    arena = Arena((), seed=seed, stream=False, slots=round(rate * work / 0.7), patience=5.0,
                  naive=naive)  # fmt: skip
    return arena.run_sdk(*_load(rate))


def _load(rate: float) -> Iterator[Phase]:
    yield Phase(rate, seconds=STARTS)
    yield Phase(rate * 2.9, seconds=20)
    yield Phase(rate, seconds=300)
