"""A server that may be slow, full or broken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from math import inf
from typing import Final

from elizanet.call import Answer, Call, Head
from elizanet.errors import ProviderError
from elizanet.testing.simulation.answer import SimulatedAnswer
from elizanet.testing.simulation.behaviours import Situation, works
from elizanet.testing.simulation.capacity import Capacity, QueueFull
from elizanet.testing.simulation.error_facts import ErrorFacts
from elizanet.testing.simulation.exchange import Exchange, Request
from elizanet.testing.simulation.failures import Failures
from elizanet.testing.simulation.latency import Latency
from elizanet.testing.simulation.ledger import AttemptEnd, Ledger, ServedAttempt
from elizanet.testing.simulation.provider import SimulatedProvider
from elizanet.testing.simulation.windows import Window

_HEADERS: Final = (("content-type", "application/json"),)
_FULL: Final = 503


class Server:
    """An endpoint with its models; `windows` are what is wrong with it, and when.

    Where several windows hit a request, the first decides. What the server says about
    waiting is kept in `stated`: for a model and a key, until when it wants no requests.
    """

    def __init__(
        self,
        name: str,
        *,
        ledger: Ledger,
        chance: random.Random,
        latency: Latency | None = None,
        capacity: Capacity | None = None,
        windows: Sequence[Window] = (),
        failures: Failures | None = None,
    ) -> None:
        self.name = name
        self.latency = latency or Latency()
        self.capacity = capacity or Capacity()
        self.windows = tuple(windows)
        self.stated: dict[tuple[str, str], float] = {}
        self.ledger = ledger
        self._chance = chance
        self._failures = failures or Failures()

    def __repr__(self) -> str:
        return f"<Server {self.name} {self.capacity!r} windows={len(self.windows)}>"

    def provider(
        self, key: str = "", name: str | None = None, *, folds: bool = False
    ) -> SimulatedProvider:
        """Return a provider that asks this server with a key; it is named as the server."""
        return SimulatedProvider(name or self.name, self, key, folds=folds)

    def is_well(self, model: str, key: str, start: float, end: float) -> bool:
        """Tell whether nothing was wrong for this model and key in a span of time."""
        if self.stated.get((model, key), -inf) > start:
            return False
        return not any(w.concerns(model, key) and w.overlaps(start, end) for w in self.windows)

    async def serve(self, call: Call, provider: str, key: str) -> Answer:
        """Answer a call as things stand now. Raises `ProviderError`."""
        clock = asyncio.get_running_loop().time
        attempt = self.ledger.begin(call, provider, key, clock())
        end: AttemptEnd | None = AttemptEnd.LEFT
        try:
            exchange = self._exchange(call, attempt, clock())
            attempt.events = exchange.events
            failure = await self._work_on(exchange)
            if failure is not None:
                end = AttemptEnd.FAILED
                raise self._told(failure, attempt, clock())
            end = None if call.stream else AttemptEnd.ANSWERED
            head = Head(200, _HEADERS, provider, call.model)
            return SimulatedAnswer(head, exchange, attempt, self)
        finally:
            if end is not None:
                self.ledger.end(attempt, end, clock())

    def left(self, exchange: Exchange) -> None:
        """Hear that the client of an exchange has gone before its end."""
        if exchange.place is not None:
            self.capacity.left(exchange.place)

    async def _work_on(self, exchange: Exchange) -> ErrorFacts | None:
        """Come to the head of the answer, or to the failure that is returned."""
        try:
            if exchange.work and self.capacity.slots < inf:
                exchange.place = await self.capacity.enter(exchange.work)
            if exchange.delay:
                await asyncio.sleep(exchange.delay)
            if exchange.is_silent:
                await asyncio.get_running_loop().create_future()
        except QueueFull:
            return self._failures.status(_FULL)
        except asyncio.CancelledError:
            self.left(exchange)
            raise
        return exchange.failure

    def _exchange(self, call: Call, attempt: ServedAttempt, now: float) -> Exchange:
        request = Request(attempt.number, call.stream, call.model, call.connect_timeout)
        situation = Situation(request, self.latency, self._chance, self._failures)
        for window in self.windows:
            if window.concerns(call.model, attempt.key) and window.hits(now, self._chance):
                return window.behaviour(situation)
        return works(situation)

    def _told(self, failure: ErrorFacts, attempt: ServedAttempt, now: float) -> ProviderError:
        delay = failure.verdict.retry_after_s
        if delay is not None:
            self.stated[attempt.model, attempt.key] = now + delay
        return failure.error()
