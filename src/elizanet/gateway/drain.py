"""The end of a server, in an order in which no call is lost.

1. `/ready` says 503 at once. Callers still come in, because a load balancer needs some seconds to
   notice; every answer ends its connection, so that those in use move elsewhere.
2. After the grace the listening sockets close. Connections that nobody used meanwhile are closed
   after half a second more: on one of them a request may have been on its way.
3. Running calls, streams too, get `drain` seconds.
4. What still runs is told: a stream gets an error event, other calls a 503 that invites another
   try. Their providers are cut off.

A second signal skips to the last step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Final

from elizanet.gateway.connections import Connections
from elizanet.gateway.listener import Listener
from elizanet.gateway.reload import ReloadableGateway
from elizanet.limit import Limit, LimitReached
from elizanet.settings.address import is_loopback

logger = logging.getLogger("elizanet.gateway")

GRACE_S: Final = 5.0
"""Seconds in which callers still come in, unless the host is loopback or a person ended it."""
IDLE_S: Final = 0.5
"""Seconds that connections without a request are left open after that."""
FLUSH_S: Final = 2.0
"""Seconds that calls may take to notice that they are ended, and callers to read it."""
_HURRIED_FLUSH_S: Final = 0.2
_STEP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """The seconds that the steps of a drain may take."""

    grace: float
    idle: float
    running: float

    @classmethod
    def of(cls, host: str, drain: float, *, by_person: bool) -> Pace:
        """Return the pace for a gateway on that host, whose calls get `drain` seconds."""
        if by_person:
            return cls(0.0, 0.0, drain)
        return cls(0.0 if is_loopback(host) else GRACE_S, IDLE_S, drain)


class Drain:
    """Ends a server. `hurry` is set by the second signal."""

    def __init__(
        self, app: ReloadableGateway, listener: Listener, connections: Connections
    ) -> None:
        self._app = app
        self._listener = listener
        self._connections = connections
        self.hurry = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Drain {self._listener!r} {self._connections!r}>"

    async def run(self, pace: Pace) -> None:
        """Take the steps."""
        self._connections.ending = True
        self._connections.end_after_answers()
        await self._wait(pace.grace)
        await self._listener.close()
        await self._wait_until_closed(pace.idle)
        self._connections.close_idle()
        await self._wait_until_closed(pace.running)
        await self._end_calls()

    async def _end_calls(self) -> None:
        self._app.admission.closed = True
        visits = self._app.visits
        for visit in visits:
            visit.interrupt()
        if visits:
            told = "one call was" if len(visits) == 1 else f"{len(visits)} calls were"
            logger.warning("the gateway shuts down: %s cut off", told)
        flush = _HURRIED_FLUSH_S if self.hurry.is_set() else FLUSH_S
        self.hurry.clear()
        await self._wait_until_closed(flush)
        self._connections.abort()
        if tasks := set(self._connections.tasks):
            await asyncio.wait(tasks, timeout=FLUSH_S)
        for task in self._connections.tasks:
            task.cancel()

    async def _wait_until_closed(self, most: float) -> None:
        """Wait until nobody is connected and no call runs."""
        loop = asyncio.get_running_loop()
        until = loop.time() + most
        while (self._connections.connections or self._connections.tasks) and loop.time() < until:
            if self.hurry.is_set():
                return
            await self._wait(min(_STEP_S, most))

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(LimitReached), Limit(asyncio.get_running_loop().time() + seconds):
            await self.hurry.wait()
