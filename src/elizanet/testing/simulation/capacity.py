"""How many requests a server works on at once, and what it does with those nobody waits for.

A request that was given up still costs the server its whole work, unless the server notices
that the client has gone: this is what lets an overload outlive its cause.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf


class QueueFull(Exception):
    """The server's queue has no place left."""


class Capacity:
    """The places of a server, first come first served.

    `slots`: requests worked on at once. `longest_queue`: requests that may wait; more are
    turned away. `notices`: a client that leaves frees its place at once.
    """

    def __init__(
        self, slots: float = inf, *, longest_queue: float = inf, notices: bool = False
    ) -> None:
        self.slots = slots
        self.busy = 0
        self._rest: asyncio.Future[None] | None = None
        self._longest_queue = longest_queue
        self._notices = notices
        self._queue: deque[tuple[asyncio.Future[asyncio.TimerHandle], float]] = deque()

    def __repr__(self) -> str:
        return f"<Capacity busy={self.busy}/{self.slots:g} queued={len(self._queue)}>"

    def resize(self, slots: float) -> None:
        """Have another number of places from now on."""
        self.slots = slots
        self._fill()

    async def enter(self, work: float) -> asyncio.TimerHandle:
        """Wait for a place and take it for `work` seconds. Raises `QueueFull`."""
        if self.busy < self.slots:
            return self._begin(work)
        if len(self._queue) >= self._longest_queue:
            raise QueueFull
        turn: asyncio.Future[asyncio.TimerHandle] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, work))
        return await turn

    async def idle(self) -> None:
        """Wait until all work is done."""
        while self.busy:
            self._rest = asyncio.get_running_loop().create_future()
            await self._rest

    def left(self, place: asyncio.TimerHandle) -> None:
        """Hear of a client that went away before its work was done."""
        is_working = place.when() > asyncio.get_running_loop().time()
        if self._notices and is_working and not place.cancelled():
            place.cancel()
            self._done()

    def _begin(self, work: float) -> asyncio.TimerHandle:
        self.busy += 1
        return asyncio.get_running_loop().call_later(work, self._done)

    def _done(self) -> None:
        self.busy -= 1
        self._fill()
        if not self.busy and self._rest is not None and not self._rest.done():
            self._rest.set_result(None)

    def _fill(self) -> None:
        while self._queue and self.busy < self.slots:
            turn, work = self._queue.popleft()
            if not turn.cancelled():
                turn.set_result(self._begin(work))
            elif not self._notices:
                self._begin(work)
