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


def test_an_outage_that_outlives_its_end_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers are turned away while a provider would answer: the check of I9 can fail."""
    (scenario,) = (s for s in matrix(SHORT) if s.name == "auth/all/20/stream")
    assert not play(scenario, SEED).told
    monkeypatch.setattr("elizanet.policy.quarantine.PROBE_EVERY_S", 30.0)
    (told,) = play(scenario, SEED).told
    assert told.startswith("I9: a call was lost ")
