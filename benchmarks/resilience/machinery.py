"""The simulator itself, and what the policies cost a healthy call."""

from __future__ import annotations

import os
import subprocess
import sys
from time import process_time

from benchmarks.resilience.arena import BARE, STARTS, Arena, fault
from benchmarks.resilience.row import Row, Size
from elizanet.policy.protections import Protections
from elizanet.testing.simulation import Latency, Phase

REPEATS = 100
_ROUNDS = 5
_INSTANT = Latency(first=0.001, spread=0.0, events=3.0, pause=0.001)


def traces(_size: Size) -> list[Row]:
    """One simulation with every kind of event, again and again."""
    here = {digest() for _ in range(REPEATS)}
    code = "from benchmarks.resilience.machinery import digest; print(digest())"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
        )
        here.add(ran.stdout.strip())
    return [
        Row("trace hash equal over re-runs", f"{REPEATS} of {REPEATS}",
            f"{len(here)} different in {REPEATS + 2}", len(here) == 1,
            "two of them in processes of their own with other hash seeds")
    ]  # fmt: skip


def digest() -> str:
    """Return the hash of a simulation with faults of several kinds."""
    windows = fault("hang", 5), fault("error_500", 20, share=0.4), fault("limited_ms", 30)
    arena = Arena(windows, (fault("truncate", 20, share=0.3),), ())
    arena.run(Phase(20.0, seconds=STARTS + 40))
    return arena.world.trace.digest()


def speed(_size: Size) -> list[Row]:
    """Healthy calls through the whole of it, with the invariants watched and without."""
    found = {}
    for stream in (False, True):
        for watched in (False, True):
            rates = [_rate(stream=stream, watched=watched) for _ in range(_ROUNDS)]
            found[stream, watched] = max(rates)
    told = "; ".join(
        f"{'streams' if stream else 'unary'} {found[stream, True]:,.0f} "
        f"({found[stream, False]:,.0f} unwatched)"
        for stream in (False, True)
    )
    both = 2 / sum(1 / found[stream, True] for stream in (False, True))
    return [
        Row("simulator, calls a second and core", ">= 10,000", f"{both:,.0f}", both >= 10_000,
            f"half unary, half streams, CPU time, best of {_ROUNDS}; {told}")
    ]  # fmt: skip


def cost(_size: Size) -> list[Row]:
    """The engine's share of a healthy call, with all protections and with none."""
    rows = []
    for stream in (False, True):
        pairs = [
            (_microseconds(stream, Protections()), _microseconds(stream, BARE))
            for _ in range(_ROUNDS)
        ]
        full, bare = min(p[0] for p in pairs), min(p[1] for p in pairs)
        rows.append(
            Row(
                f"cost of the protections, a healthy {'stream' if stream else 'unary call'}",
                "<= 15 us",
                f"{full - bare:+.1f} us ({full / bare:.2f}x)",
                full - bare <= 15,
                f"CPU time in the simulator, best of {_ROUNDS}: {full:.0f} us with, "
                f"{bare:.0f} us without",
            )
        )
    return rows


def _rate(*, stream: bool, watched: bool, calls: int = 5_000) -> float:
    arena = Arena((), (), stream=stream, watched=watched)
    began = process_time()
    arena.run(Phase(20.0, calls=calls))
    return calls / (process_time() - began)


def _microseconds(stream: bool, protections: Protections, calls: int = 5_000) -> float:  # noqa: FBT001
    arena = Arena((), (), stream=stream, protections=protections, latency=_INSTANT, watched=False)
    began = process_time()
    arena.run(Phase(1_000.0, calls=calls))
    return (process_time() - began) / calls * 1e6
