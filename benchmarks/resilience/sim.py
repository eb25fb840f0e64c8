"""Every scenario, with many seeds.

    python -m benchmarks.resilience.sim                      # 20 seeds x 2,000 calls: 19 M calls
    python -m benchmarks.resilience.sim --seeds 1 --short    # as in the tests, half a minute

Plays 16 faults x 5 placements x 3 loads x unary and stream with each seed, on all cores, and
exits with 1 if an invariant was violated or a call was lost that others could have answered.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from time import perf_counter

from elizanet.testing.simulation.matrix import SHORT, Sum, campaign
from elizanet.testing.simulation.scenario import RATES


def main() -> int:
    """Run, tell, and return the exit code."""
    arguments = _parser().parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    calls: Mapping[float, int] = dict.fromkeys(RATES, arguments.calls)
    if arguments.short:
        calls = SHORT
    began, total = perf_counter(), Sum()
    for part in campaign(seeds, calls, processes=arguments.processes):
        total += part
        for problem in part.problems:
            print(problem, flush=True)
        print(_line(total, perf_counter() - began), file=sys.stderr, flush=True)
    print(_line(total, perf_counter() - began))
    return 1 if total.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resilience.sim")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=2_000, help="calls of a scenario")
    parser.add_argument("--short", action="store_true", help="the calls of the short form")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser


def _line(total: Sum, seconds: float) -> str:
    rate = total.calls / total.cpu if total.cpu else 0.0
    return (
        f"{total.scenarios:,} scenarios, {total.calls:,} calls, {total.violations} violations, "
        f"{total.lost} lost, {total.repeated} repeated; {seconds:.0f} s, "
        f"{rate:,.0f} calls a second and core"
    )


if __name__ == "__main__":
    sys.exit(main())
