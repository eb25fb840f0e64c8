"""The simulator itself, and what the policies cost a healthy call."""

from __future__ import annotations

import os
import subprocess
import sys
from time import process_time

import uvloop
from benchmarks.engine import LIMIT_US, measure
from benchmarks.resilience.arena import STARTS, Arena, fault
from benchmarks.resilience.row import Row, Size

from elizanet.testing.simulation import Phase

REPEATS = 100
_ROUNDS = 5


def traces(_size: Size) -> list[Row]:
    """One simulation with every kind of event, again and again."""
    here = {digest() for _ in range(REPEATS)}
    code = "from benchmarks.resilience.machinery import digest; print(digest())"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
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
    """What the policies add to a healthy call, on a real event loop."""
    found = uvloop.run(measure())
    (whole, stream), (plain, plain_stream) = found["engine"], found["plain loop"]
    added = whole - plain
    return [
        Row(
            "added cost of all policies, a healthy call",
            f"<= {LIMIT_US:g} us",
            f"{added:.1f} us ({whole / plain:.2f}x); a stream {stream - plain_stream:.1f} us",
            added <= LIMIT_US,
            "`benchmarks/engine.py`: over a plain loop that limits the time of an attempt",
        )
    ]


def _rate(*, stream: bool, watched: bool, calls: int = 5_000) -> float:
    arena = Arena((), (), stream=stream, watched=watched)
    began = process_time()
    arena.run(Phase(20.0, calls=calls))
    return calls / (process_time() - began)
