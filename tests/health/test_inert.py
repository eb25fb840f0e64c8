"""Protections that are switched off behave as if they did not exist."""

from __future__ import annotations

from elizanet.health.inert import NoBudget, NoGate, NoLimiter, NoQuarantine


def test_a_budget_that_is_none_pays_for_everything() -> None:
    """A hundred at once."""
    budget = NoBudget()
    assert all(budget.available(0) and budget.spend(0) for _ in range(100))


def test_a_gate_that_is_none_is_never_shut() -> None:
    """Whoever says so."""
    gate = NoGate()
    gate.refused(0, 60.0, "")
    gate.refused(0, None, "")
    gate.shut(1e9, "", overload=True)
    assert gate.admits(0)


def test_a_limiter_that_is_none_counts_and_never_limits() -> None:
    """Also beyond the most that a limit can be."""
    limiter = NoLimiter()
    for _ in range(5_000):
        assert limiter.admits()
        limiter.enter()
    limiter.overload(0, 0)
    assert limiter.admits()
    assert limiter.in_flight == 5_000


def test_a_quarantine_that_is_none_never_begins() -> None:
    """Whatever strikes."""
    quarantine = NoQuarantine()
    assert quarantine.strike(0, "401") == 0.0
    assert quarantine.admits(0)
