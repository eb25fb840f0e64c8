"""A rehearsal: the operator's own chains, by the real router, over simulated providers.

Routes, tiers, weights, limits, time-outs, retries, hedges and hooks are those of the settings;
only the providers are not real. So what is seen is what this configuration would do.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from elizanet.call import Call, ChainAnswer
from elizanet.classify import Classifier
from elizanet.hooks import Hooks
from elizanet.router import Router
from elizanet.settings import ProviderSettings, RouteSettings, Secret, Settings
from elizanet.testing.simulation.capacity import Capacity
from elizanet.testing.simulation.client import Client
from elizanet.testing.simulation.costs import Costs
from elizanet.testing.simulation.failures import Failures
from elizanet.testing.simulation.latency import Latency
from elizanet.testing.simulation.outages import Outage
from elizanet.testing.simulation.performance import Performance, Variation, summed_up
from elizanet.testing.simulation.provider import SimulatedProvider
from elizanet.testing.simulation.sdk import SdkClient
from elizanet.testing.simulation.server import Server
from elizanet.testing.simulation.world import World

_BODY: Final = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"x " * 1_000)


class _Door:
    """The router as a chain: what a client asks."""

    name = "router"

    def __init__(self, router: Router) -> None:
        self._router = router

    async def send(self, call: Call) -> ChainAnswer:
        now = asyncio.get_running_loop().time()
        return await self._router.send(
            call.operation, call.model, call.body, stream=call.stream,
            timeout=call.deadline - now, call_id=call.id, repeated=call.repeated,
        )  # fmt: skip


class Rehearsal:
    """Plays outages of one route.

    `model` is a name that the route serves (default: one that fits), `rate` the calls a second
    in ordinary times. The callers use official OpenAI clients, which retry on their own (`sdk.py`).

    Raises `ConfigurationError` for a hook that cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        route: RouteSettings,
        *,
        model: str | None = None,
        stream: bool = True,
        rate: float = 2.0,
        seed: int = 1,
        latency: Latency | None = None,
    ) -> None:
        self.route = route
        self.model = model or sample_model(route, settings)
        self.stream = stream
        self.rate = rate
        self.seed = seed
        self._settings = settings
        self._latency = latency or Latency()
        rule = Hooks.load(settings.hooks).classify
        self._failures = Failures(Classifier((rule,) if rule else ()))

    def __repr__(self) -> str:
        return f"<Rehearsal of {self.route.pattern!r} at {self.rate:g}/s seed={self.seed}>"

    @property
    def in_dollars(self) -> bool:
        """Whether every target has a price; else costs are in tokens."""
        return Costs(self.route).in_dollars

    def play(self, outage: Outage, variation: Variation) -> Performance:
        """Live through an outage."""
        world = World(self.seed, protections=variation.protections, failures=self._failures)
        costs = Costs(self.route)
        world.ledger.watch(costs.attempted)
        client = Client(
            world,
            _Door(self._router(world, outage, variation)),
            model=self.model,
            stream=self.stream,
            body=_BODY,
            patience=outage.patience,
        )
        sdk = SdkClient(client, world.chance)
        world.run(sdk.ask, outage.load(self.rate))
        return summed_up(variation, sdk.requests, costs, outage)

    def _router(self, world: World, outage: Outage, variation: Variation) -> Router:
        servers = self._servers(world, outage)
        folds = self._settings.stream.fold_unary

        def provider(
            given: ProviderSettings, _key: Secret | None, number: int
        ) -> SimulatedProvider:
            server = servers[_address(given)]
            return server.provider(f"key {number}", given.name, folds=folds)

        chain = self._settings.fallback_enabled and not variation.alone
        return Router(
            replace(self._settings, fallback_enabled=chain),
            sinks=(),
            registry=world.registry,
            provider=provider,
            chance=world.chance,
        )

    def _servers(self, world: World, outage: Outage) -> dict[str, Server]:
        """Make a server for each address; the outage is at that of the first choice."""
        first = _address(self._settings.providers[self.route.tiers()[0][0].provider])
        busy = self.rate * self._latency.mean_work()
        servers: dict[str, Server] = {}
        for address in dict.fromkeys(map(_address, self._settings.providers.values())):
            hit = outage.everywhere or address == first
            servers[address] = world.server(
                address,
                *(outage.windows() if hit else ()),
                latency=self._latency,
                capacity=Capacity(max(1.0, busy * outage.headroom)),
            )
        return servers


def sample_model(route: RouteSettings, settings: Settings) -> str:
    """Return a model name that the route serves."""
    types = settings.model_types
    names = (types.large, types.small, types.reasoning_large, route.pattern.replace("*", "x"))
    return next((name for name in names if settings.route_for(name) is route), route.pattern)


def _address(provider: ProviderSettings) -> str:
    return urlsplit(provider.base_url).netloc
