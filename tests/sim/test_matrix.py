"""Sixteen faults in five places, under three loads, unary and as streams: 480 scenarios."""

from __future__ import annotations

from itertools import groupby

import pytest

from elizanet.testing.simulation import SHORT, Scenario, matrix, play

SEED = 1
CELLS = {
    cell: list(scenarios)
    for cell, scenarios in groupby(matrix(SHORT, SEED), lambda s: f"{s.fault} at {s.placement}")
}


def test_there_are_480_scenarios() -> None:
    """Every combination once."""
    names = [scenario.name for scenario in matrix(SHORT)]
    assert len(names) == len(set(names)) == 16 * 5 * 3 * 2


@pytest.mark.parametrize("cell", CELLS)
def test_no_invariant_is_violated(cell: str) -> None:
    """Nothing is lost that another provider could have answered, and nothing is left behind."""
    told = [problem for scenario in CELLS[cell] for problem in problems(scenario)]
    assert told == []


def problems(scenario: Scenario) -> list[str]:
    report = play(scenario, SEED)
    assert len(report.results) > scenario.calls / 2
    return [f"{scenario.name}, seed {SEED}: {problem}" for problem in report.told]


@pytest.mark.parametrize("name", ["hang/primary/20/stream", "some_errors/all/200/unary"])
def test_the_same_seed_is_the_same_run(name: str) -> None:
    """Equal traces for equal seeds, different ones for different seeds."""
    (scenario,) = (scenario for scenario in matrix(SHORT) if scenario.name == name)
    first, again, other = (play(scenario, seed).digest for seed in (7, 7, 8))
    assert first == again != other
