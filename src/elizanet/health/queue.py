"""Calls that wait for room at a lane, in the order of their arrival."""

from __future__ import annotations

import asyncio
from collections import deque

from elizanet.limit import Limit, LimitReached
from elizanet.policy.limiter import Limiter


class Queue:
    """Whoever waits for a place that the limiter has to give.

    A place that is given is kept (`Limiter.promised`) until the call runs again and takes it,
    so that no call that comes later takes it first.
    """

    __slots__ = ("_limiter", "_waiting")

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __repr__(self) -> str:
        return f"<Queue waiting={len(self._waiting)}>"

    def __len__(self) -> int:
        return len(self._waiting)

    async def turn(self, until: float) -> bool:
        """Wait for a place; false if there is none until then.

        The place has to be taken before anything else is awaited, or the next call gets it.
        """
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._waiting.append(waiting)
        try:
            with Limit(until):
                await waiting
        except LimitReached:
            pass  # a place may have been given in the same moment
        finally:
            self._settle(waiting, loop)
        return _is_given(waiting)

    def advance(self) -> None:
        """Give the places that there are to those who have waited longest."""
        while self._waiting and self._limiter.admits():
            waiting = self._waiting.popleft()
            if not waiting.done():
                self._limiter.promised += 1
                waiting.set_result(None)

    def _settle(self, waiting: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> None:
        """End the wait of one call."""
        if _is_given(waiting):
            self._limiter.promised -= 1
            loop.call_soon(self.advance)  # in case it is not taken
        elif waiting in self._waiting:
            self._waiting.remove(waiting)


def _is_given(waiting: asyncio.Future[None]) -> bool:
    return waiting.done() and not waiting.cancelled()
