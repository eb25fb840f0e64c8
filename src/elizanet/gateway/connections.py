"""What the connections of callers share, and what may be told to all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, cast

from uvicorn.server import ServerState

if TYPE_CHECKING:
    from elizanet.gateway.protocol import GatewayProtocol


SILENCE_S: Final = 0.25
"""Seconds a new connection may be silent while others wait for its place."""


class Connections(ServerState):
    """The open connections.

    `crowded`, `ending`: there are too many of them, or there shall be none; either way none
    outlives its answer. `on_freed` is called whenever one has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.crowded = self.ending = False
        self.on_freed: Callable[[], None] = lambda: None
        self.set_date()

    def __repr__(self) -> str:
        state = " ending" if self.ending else " crowded" if self.crowded else ""
        return f"<Connections {len(self.connections)} calls={len(self.tasks)}{state}>"

    def __iter__(self) -> Iterator[GatewayProtocol]:
        return iter(cast("tuple[GatewayProtocol, ...]", tuple(self.connections)))

    @property
    def outlive_answers(self) -> bool:
        """Whether a connection is kept for the caller's next request."""
        return not (self.crowded or self.ending)

    def set_date(self) -> None:
        """Bring the `date` header up to date."""
        self.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]

    def end_after_answers(self) -> None:
        """Let every connection end with the answer that it carries, or carries next."""
        for connection in self:
            connection.end_after_answer()

    def close_idle(self) -> None:
        """Close the connections that ask for nothing."""
        for connection in self:
            if connection.is_idle:
                connection.transport.close()

    def make_room(self) -> None:
        """Close those that ask for nothing any more, or else those that never began to."""
        idle = [connection for connection in self if connection.is_idle]
        used = [connection for connection in idle if not connection.is_new]
        for connection in used or [each for each in idle if each.age >= SILENCE_S]:
            connection.transport.close()

    def abort(self) -> None:
        """Cut every connection."""
        for connection in self:
            connection.transport.abort()
