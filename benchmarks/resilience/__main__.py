"""How the engine lives through failures: every figure of the resilience table.

    python -m benchmarks.resilience            # prints the table; on two cores about an hour
    python -m benchmarks.resilience --quick    # smaller samples, five minutes
    python -m benchmarks.resilience --write    # and writes benchmarks/resilience.md

The real engine in virtual time, over simulated providers (`elizanet.testing.simulation`). The
same seeds give the same figures, except for those in seconds of the machine. Exits with 1 if a
target is not met.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.resilience import amplification, machinery, opinions, outages, streams
from benchmarks.resilience.row import FULL, QUICK, Measure, Row, Size

from elizanet.testing.simulation.matrix import SHORT, Sum, campaign
from elizanet.testing.simulation.scenario import RATES

REPORT = Path(__file__).parent.parent / "resilience.md"
SEEDS, CALLS = 20, 2_000
"""Of the scenario matrix."""

MEASURES: tuple[Measure, ...] = (
    amplification.per_host,
    amplification.partial_failure,
    amplification.total_outage,
    outages.detection,
    outages.survival,
    outages.silence,
    opinions.breaker_alone,
    opinions.engine,
    opinions.slow_tail,
    outages.recovery,
    outages.total,
    outages.overload,
    opinions.hedging,
    streams.broken,
    streams.continued,
    machinery.traces,
    machinery.speed,
    machinery.cost,
)
"""In the order of the table; those that need the machine for themselves come last."""
_ALONE = 2


def main() -> int:
    """Measure, tell, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller samples")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    began = perf_counter()
    rows = [matrix_row(arguments.processes, quick=arguments.quick)]
    rows += measured(size, arguments.processes)
    text = report(rows, size, perf_counter() - began, arguments)
    print(text)
    if arguments.write:
        REPORT.write_text(text, encoding="utf-8")
    return 1 if any(row.met is False for row in rows) else 0


def matrix_row(processes: int, *, quick: bool) -> Row:
    """Play the whole matrix."""
    seeds = range(1, 2) if quick else range(1, SEEDS + 1)
    calls = SHORT if quick else dict.fromkeys(RATES, CALLS)
    total = Sum()
    for part in campaign(seeds, calls, processes=processes):
        total += part
        _tell(f"{total.scenarios:,} scenarios, {total.violations} violations")
    rate = total.calls / total.cpu
    size = "a smaller sample (--quick); " if quick else ""
    return Row(
        "scenarios x calls, violations of invariants",
        ">= 480 x 20 seeds, >= 19 M calls, 0",
        f"{total.scenarios:,} scenarios, {total.calls:,} calls, {total.violations} violations",
        not total.violations and total.calls >= 19_000_000,
        f"{size}16 faults x 5 places x 3 loads x unary and stream; {total.lost} calls lost where "
        f"others were well; {total.repeated} scenarios run twice, with equal traces; {rate:,.0f} "
        "calls a second and core",
    )


def measured(size: Size, processes: int) -> list[Row]:
    """Take every measure, as many at once as there are processes."""
    rows: list[Row] = []
    together, alone = MEASURES[:-_ALONE], MEASURES[-_ALONE:]
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(_taken, together, [size] * len(together)):
            rows += found
    for measure in alone:
        rows += _taken(measure, size)
    return rows


def _taken(measure: Callable[[Size], list[Row]], size: Size) -> list[Row]:
    began = process_time()
    rows = measure(size)
    _tell(f"{measure.__module__}.{measure.__name__}: {process_time() - began:.0f} s")
    return rows


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def report(rows: Sequence[Row], size: Size, seconds: float, arguments: argparse.Namespace) -> str:
    """Return the page."""
    quick = " --quick" if arguments.quick else ""
    unmet = [row for row in rows if row.met is False]
    verdict = {True: "met", False: "**not met**", None: "-"}
    lines = [
        "# Resilience: the engine in simulation\n",
        f"By `python -m benchmarks.resilience{quick} --write`: the real engine in "
        "virtual time over simulated providers (first content after 0.6 s on average, lognormal, "
        f"sigma 0.5; answers of 1.8 s). {size.seeds} seeds a story, 20 calls a second where "
        f"nothing else is said; {platform.machine()}, CPython {platform.python_version()}, "
        f"{arguments.processes} processes, {seconds / 60:.0f} minutes.\n",
        f"{len(rows) - len(unmet)} of {len(rows)} targets are met.\n"
        if unmet
        else "Every target is met.\n",
        *((QUICKLY,) if arguments.quick else ()),
        "| figure | target | measured | | how, and why |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.figure} | {r.target} | {r.measured} | {verdict[r.met]} | {r.note} |" for r in rows
    ]
    return "\n".join([*lines, "", LIMITS])


QUICKLY = """\
These are small samples: where a target names a number of calls, "met" says only that nothing
speaks against it in the number that is given. `make sim-report` takes the whole number.
"""

LIMITS = """\
Where a figure is a ratio to something else (a naive gateway, no protections), both were measured
in the same run with the same seeds, and calls arrive at the same moments in both.

**What this does not show.** Latencies are lognormal and failures independent, or on and off; there
is one process and no network. Real sockets, killed processes and replicas have tests of their own
(`tests/live`). The chain of most figures has two providers with one model each.
"""


if __name__ == "__main__":
    sys.exit(main())
