"""All scenarios: sixteen faults in five places, under three loads, unary and as streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from time import perf_counter, process_time
from typing import Final

from elizanet.testing.simulation.layout import LAYOUTS
from elizanet.testing.simulation.scenario import FAULTS, RATES, Scenario, play

SHORT: Final[Mapping[float, int]] = {1.0: 120, 20.0: 250, 200.0: 500}
"""Calls at each rate in the short form."""


def matrix(calls: Mapping[float, int], turn: int = 0) -> Iterator[Scenario]:
    """Yield the 480 scenarios; `turn` chooses the forms of the faults that have several."""
    cells = product(FAULTS.items(), LAYOUTS, RATES, (False, True))
    for number, ((fault, forms), placement, rate, stream) in enumerate(cells):
        form = forms[(number + turn) % len(forms)]
        yield Scenario(fault, form, placement, rate, stream, calls[rate])


@dataclass(frozen=True, slots=True)
class Sum:
    """What came of many scenarios.

    `repeated` of them were run twice to compare their traces. `problems` are violations in
    words: the scenario, its seed, what was violated. `cpu` and `wall` are seconds.
    """

    scenarios: int = 0
    calls: int = 0
    lost: int = 0
    violations: int = 0
    repeated: int = 0
    problems: tuple[str, ...] = ()
    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.scenarios + other.scenarios,
            self.calls + other.calls,
            self.lost + other.lost,
            self.violations + other.violations,
            self.repeated + other.repeated,
            self.problems + other.problems,
            self.cpu + other.cpu,
            max(self.wall, other.wall),
        )


def play_all(scenarios: Sequence[Scenario], seed: int, *, repeat_every: int = 20) -> Sum:
    """Run scenarios with one seed; every `repeat_every`-th of them twice."""
    began, worked = perf_counter(), process_time()
    total = Sum()
    for number, scenario in enumerate(scenarios):
        report = play(scenario, seed)
        told = [f"{scenario.name} seed={seed} {problem}" for problem in report.told]
        violations, again = report.violations, number % repeat_every == seed % repeat_every
        if again and play(scenario, seed).digest != report.digest:
            violations += 1
            told.append(f"{scenario.name} seed={seed} I13: two runs, two traces")
        lost = report.lost if scenario.placement != "all" else 0
        total += Sum(1, len(report.results), lost, violations, again, tuple(told))
    return total + Sum(cpu=process_time() - worked, wall=perf_counter() - began)


def campaign(
    seeds: Sequence[int], calls: Mapping[float, int], *, processes: int, parts: int = 8
) -> Iterator[Sum]:
    """Run the whole matrix with every seed, in parts; yields the sum of each part."""
    work = []
    for seed in seeds:
        scenarios = list(matrix(calls, turn=seed))
        work += [(scenarios[part::parts], seed) for part in range(parts)]
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_play_part, work)


def _play_part(part: tuple[Sequence[Scenario], int]) -> Sum:
    return play_all(*part)
