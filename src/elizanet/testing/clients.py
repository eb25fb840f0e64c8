"""The connections of a server: how many are open, and which ones their clients closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from elizanet.testing.connection import Connection
from elizanet.testing.journal import Journal


class Clients:
    """Accepts connections, each served by a task of its own, and ends them all."""

    def __init__(
        self, serve: Callable[[Connection], Awaitable[None]], *, record: bool = True
    ) -> None:
        self._serve = serve
        self._open: set[Connection] = set()
        self._closed = False
        self.total = 0
        self.left_at = Journal[float](keep=record)
        self.errors: list[BaseException] = []

    def accept(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self._serve, self)

    def __len__(self) -> int:
        return sum(connection.peer_left_at is None for connection in self._open)

    def __repr__(self) -> str:
        return f"<Clients {len(self)} open, {self.total} in all, {len(self.left_at.entries)} left>"

    def opened(self, connection: Connection) -> None:
        """Called by a connection when it begins."""
        self.total += 1
        self._open.add(connection)
        if self._closed:  # it was being accepted when the listener closed
            self.abort()

    def left(self, at: float) -> None:
        """Called by a connection when its client closes it."""
        self.left_at.add(at)

    def lost(self, connection: Connection) -> None:
        """Called by a connection when it has ended."""
        self._open.discard(connection)

    def failed(self, error: BaseException) -> None:
        """Called by a connection when serving it raised an error."""
        self.errors.append(error)

    def abort(self) -> list[Connection]:
        """Close every connection at once, whatever it is doing."""
        aborted = list(self._open)
        for connection in aborted:
            connection.abort()
            connection.task.cancel()
        return aborted

    async def aclose(self) -> None:
        """Close every connection and wait until nothing of it is left."""
        self._closed = True
        aborted = self.abort()
        for connection in aborted:
            await connection.lost.wait()
        if aborted:
            await asyncio.wait([connection.task for connection in aborted])
