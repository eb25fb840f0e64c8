"""Everything is protected unless a rehearsal asks for less."""

from __future__ import annotations

from dataclasses import asdict

from elizanet.policy.protections import Protections


def test_all_protections_are_at_work_by_default() -> None:
    """A new one is, too."""
    assert set(asdict(Protections()).values()) == {True}
