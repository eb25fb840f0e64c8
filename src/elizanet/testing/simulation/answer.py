"""The answer of a simulated provider, event by event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from elizanet.call import Event, EventKind, Head
from elizanet.testing.simulation.exchange import Exchange
from elizanet.testing.simulation.ledger import AttemptEnd, ServedAttempt

if TYPE_CHECKING:
    from elizanet.testing.simulation.server import Server


class SimulatedAnswer:
    """Plays the beats of an exchange; everything that is read is written down."""

    __slots__ = ("_attempt", "_beats", "_exchange", "_server", "head")

    def __init__(
        self, head: Head, exchange: Exchange, attempt: ServedAttempt, server: Server
    ) -> None:
        self.head = head
        self._exchange = exchange
        self._beats = iter(exchange.beats)
        self._attempt = attempt
        self._server = server

    def __repr__(self) -> str:
        return f"<SimulatedAnswer {self._attempt!r}>"

    async def next(self) -> Event | None:
        attempt = self._attempt
        if attempt.end is AttemptEnd.LEFT:
            attempt.read_after_end = True
            return None
        for pause, event in self._beats:
            if pause:
                await asyncio.sleep(pause)
            if event.kind is EventKind.CONTENT:
                self._content(event)
            return event
        await self._ending()
        return None

    async def aclose(self) -> None:
        if self._attempt.end is None:
            self._server.left(self._exchange)
            self._end(AttemptEnd.LEFT)

    def _content(self, event: Event) -> None:
        attempt = self._attempt
        if attempt.first_content is None:
            attempt.first_content = asyncio.get_running_loop().time()
        attempt.sent.append(event)

    async def _ending(self) -> None:
        exchange = self._exchange
        if exchange.hangs:
            await asyncio.get_running_loop().create_future()
        if exchange.breaks is not None:
            self._end(AttemptEnd.FAILED)
            raise exchange.breaks.error()
        self._end(AttemptEnd.ANSWERED)

    def _end(self, end: AttemptEnd) -> None:
        self._server.ledger.end(self._attempt, end, asyncio.get_running_loop().time())
