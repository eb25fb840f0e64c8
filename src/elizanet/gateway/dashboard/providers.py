"""The providers as the page lists them: the worst that is known of each, and its lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from elizanet.gateway.dashboard.timeline import SEVERITY
from elizanet.health import WHOLE_HOST, LaneState
from elizanet.settings import Settings

IDLE: Final = "idle"
"""The state of a provider that nobody has asked yet."""
_MOST_LANES: Final = 120
"""Lanes that are shown in all; each provider may show its part of them, and at least five."""
_FEWEST_LANES: Final = 5


class ProviderView(msgspec.Struct, frozen=True):
    """What is known of a provider now.

    `state` is the worst of its `lanes` that nobody forced; `affected` says how many of them are
    not closed. `held` is how an operator holds all of it, `held_models` how some of its models.
    `names` are the providers of the settings that share its address. Of `lane_count` lanes only
    the worst are listed.
    """

    name: str
    names: tuple[str, ...]
    state: str
    reason: str
    again_in: float | None
    held: str | None
    held_models: dict[str, str]
    in_flight: int
    lane_count: int
    affected: int
    lanes: list[LaneState]


def provider_views(
    settings: Settings, lanes: Sequence[LaneState], held: Mapping[tuple[str, str], str]
) -> list[ProviderView]:
    """Return a view of each provider in use, in the order of the settings.

    `held` has what operators hold: a host and a model, `*` for all of it, and how.
    """
    by_host: dict[str, list[LaneState]] = {host: [] for host in hosts(settings)}
    for lane in lanes:
        by_host.setdefault(lane.provider, []).append(lane)
    most = max(_FEWEST_LANES, _MOST_LANES // max(1, len(by_host)))
    return [
        _view(host, hosts(settings).get(host, (host,)), found, held, most)
        for host, found in by_host.items()
    ]


def hosts(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the hosts that chains lead to, each with the providers that share its address."""
    used = {target.provider for route in settings.routes for target in route.targets}
    names: dict[str, tuple[str, ...]] = {}
    first: dict[str, str] = {}
    for name, provider in settings.providers.items():
        host = first.setdefault(provider.base_url, name)
        if name in used:
            names[host] = (*names.get(host, ()), name)
    return names


def _view(
    host: str,
    names: tuple[str, ...],
    lanes: list[LaneState],
    held: Mapping[tuple[str, str], str],
    most: int,
) -> ProviderView:
    lanes = sorted(lanes, key=lambda lane: (-SEVERITY.index(lane.state), lane.model, lane.key))
    free = [lane for lane in lanes if lane.forced is None]
    worst = free[0] if free else None
    return ProviderView(
        name=host,
        names=names,
        state=worst.state if worst else IDLE,
        reason=worst.reason if worst else "",
        again_in=worst.again_in if worst else None,
        held=held.get((host, WHOLE_HOST)),
        held_models={m: state for (h, m), state in held.items() if h == host and m != WHOLE_HOST},
        in_flight=sum(lane.in_flight for lane in lanes),
        lane_count=len(lanes),
        affected=sum(lane.state != "closed" for lane in lanes),
        lanes=lanes[:most],
    )
