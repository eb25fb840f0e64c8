"""The chains of the scenario matrix: who is asked, and where the fault is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from elizanet.target import Target
from elizanet.testing.simulation.server import Server
from elizanet.testing.simulation.windows import Window
from elizanet.testing.simulation.world import World

MODEL: Final = "m"
_SMALLER: Final = "m-mini"

Layout = Callable[[World, Window], list[Target]]
"""Builds the servers of a chain, with the fault in its place."""


def target(server: Server, model: str = MODEL, key: str = "", tier: int | None = None) -> Target:
    """Return a target at a server."""
    return Target(server.provider(key), model, key=key, tier=tier)


def _three(world: World, *faults: tuple[Window, ...]) -> list[Target]:
    return [target(world.server(name, *f)) for name, f in zip("abc", faults, strict=True)]


def _primary(world: World, fault: Window) -> list[Target]:
    return _three(world, (fault,), (), ())


def _secondary(world: World, fault: Window) -> list[Target]:
    return _three(world, (), (fault,), ())


def _all(world: World, fault: Window) -> list[Target]:
    return _three(world, (fault,), (fault,), (fault,))


def _one_key(world: World, fault: Window) -> list[Target]:
    first = world.server("a", replace(fault, key="key 1"))
    keys = [target(first, key=key, tier=1) for key in ("key 1", "key 2")]
    return [*keys, target(world.server("b"))]


def _one_model(world: World, fault: Window) -> list[Target]:
    first = world.server("a", replace(fault, model=MODEL))
    return [target(first), target(first, _SMALLER), target(world.server("b"))]


LAYOUTS: Final[dict[str, Layout]] = {
    "primary": _primary,
    "secondary": _secondary,
    "all": _all,
    "one_key": _one_key,
    "one_model": _one_model,
}
"""The five placements of a fault."""
