"""Notice that a caller goes away while the gateway is busy for it.

Waiting for the disconnect needs a task. Most calls are over before one would pay, so it is
made by a timer: arming that costs a fraction of a task. The server remembers a disconnect
that came earlier, so none is missed. The task belongs to the watch and ends with it.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from elizanet.gateway.asgi import DISCONNECT, Receive
from elizanet.gateway.refusal import CallerGone
from elizanet.limit import Interruption

GRACE_S: Final = 0.05
"""Seconds before the watch begins; a caller who left is noticed at most this much later."""


class CallerWatch(Interruption):
    """Interrupt the enclosed awaits with `CallerGone` when the caller disconnects.

    The request's body must have been read: before that, make it without `armed` and call
    `arm` when it was. A cancellation from outside passes unchanged.
    """

    __slots__ = ("_armed", "_receive", "_timer", "_watcher")

    becomes = CallerGone

    def __init__(self, receive: Receive, *, armed: bool = True) -> None:
        super().__init__()
        self._receive = receive
        self._armed = armed
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "gone" if self.interrupted else "watching" if self._watcher else "waiting"
        return f"<CallerWatch {state}>"

    def __enter__(self) -> Self:
        super().__enter__()
        if self._armed:
            self.arm()
        return self

    def arm(self) -> None:
        """Begin to watch soon."""
        self._timer = self._loop.call_later(GRACE_S, self._begin)

    def _begin(self) -> None:
        self._watcher = self._loop.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != DISCONNECT:
            pass
        self.interrupt()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        super().__exit__(exc_type, exc, traceback)
