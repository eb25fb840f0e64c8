"""Notice that a caller goes away while the gateway is busy for it.

The connection knows first: it tells the `Presence` of the request that is being answered on it,
and that interrupts whoever watches it. Nothing waits for it, neither a task nor a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from elizanet.gateway.refusal import CallerGone
from elizanet.limit import Interruption


class Presence:
    """Whether the caller of one request is still there. `told`, if set, is called when not.

    `loop` is the one that answers; to ask the system which one runs costs more than to be told.
    """

    __slots__ = ("is_gone", "loop", "told")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_gone = False
        self.loop = loop
        self.told: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Presence {'gone' if self.is_gone else 'watched' if self.told else 'there'}>"

    def leave(self) -> None:
        """Tell that the caller has gone; told twice is told once."""
        told, self.told = self.told, None
        self.is_gone = True
        if told is not None:
            told()


class CallerWatch(Interruption):
    """Interrupt the enclosed awaits with `CallerGone` when the caller disconnects.

    Of a caller who has gone before that is told on entering. A cancellation from outside passes
    unchanged.
    """

    __slots__ = ("_presence",)

    becomes = CallerGone

    def __init__(self, presence: Presence) -> None:
        super().__init__(presence.loop)
        self._presence = presence

    def __repr__(self) -> str:
        return f"<CallerWatch {self._presence!r}>"

    def __enter__(self) -> Self:
        if self._presence.is_gone:
            raise CallerGone
        super().__enter__()
        self._presence.told = self.interrupt
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._presence.told = None
        super().__exit__(exc_type, exc, traceback)
