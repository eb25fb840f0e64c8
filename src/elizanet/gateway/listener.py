"""Taking callers in: as many as there are file descriptors for, and the last one before the end.

The event loop's own server would not do: out of descriptors, uvloop accepts callers only to cut
them off, and when it closes, callers who wait in the backlog are reset. Here they keep waiting
until somebody leaves, and closing takes in who has come so far.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

from elizanet.gateway.connections import Connections

logger = logging.getLogger("elizanet.gateway")

_AT_ONCE: Final = 64
"""Callers taken in before the event loop turns to others."""
_RETRY_S: Final = 0.2
"""Seconds until the next try, when the system refuses to give a socket or all places are taken."""
_TELL_S: Final = 60.0
"""Seconds in which it is told once that callers have to wait."""


class Listener:
    """Callers of the listening sockets become `Connections`, at most `most` at once."""

    def __init__(
        self,
        connections: Connections,
        make_protocol: Callable[[], asyncio.Protocol],
        most: int,
    ) -> None:
        self._sockets: list[socket.socket] = []
        self._connections = connections
        self._make_protocol = make_protocol
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._tell_at = 0.0
        self._is_taking = self._is_refused = False
        connections.on_freed = self._freed

    def __repr__(self) -> str:
        state = "taking" if self._is_taking else "waiting" if self._sockets else "closed"
        return f"<Listener {state} {self._count()} of {self._most}>"

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take callers in from these sockets, which are closed with this."""
        self._sockets = list(sockets)
        for listening in sockets:
            listening.setblocking(False)
        self._take()

    async def close(self) -> None:
        """Take in who waits already, and nobody after that."""
        self._pause()
        for listening in self._sockets:
            while self._take_one(listening):
                pass
        self._pause()
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
        if self._entering:
            await asyncio.wait(self._entering)

    def _take(self) -> None:
        self._retry = None
        self._is_refused = False
        self._is_taking = bool(self._sockets)
        for listening in self._sockets:
            self._loop.add_reader(listening, self._take_some, listening)

    def _pause(self) -> None:
        self._is_taking = False
        for listening in self._sockets:
            self._loop.remove_reader(listening)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _try_later(self) -> None:
        """Pause, and look again soon: who asks for nothing then makes room."""
        self._pause()
        self._retry = self._loop.call_later(_RETRY_S, self._take)

    def _take_some(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if self._count() >= self._most:
                self._try_later()
                self._make_room(f"all {self._most} connections are taken")
                return
            if not self._take_one(listening):
                return

    def _take_one(self, listening: socket.socket) -> bool:
        """Take one caller in; false if nobody waits, or the system has no socket to give."""
        try:
            caller, _ = listening.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            return True  # left while waiting
        except OSError as error:
            self._try_later()
            self._is_refused = True
            self._make_room(error.strerror or str(error))
            return False
        caller.setblocking(False)
        task = self._loop.create_task(self._enter(caller))
        self._entering.add(task)
        task.add_done_callback(self._entered)
        if self._count() < self._most:
            self._connections.crowded = False
        return True

    async def _enter(self, caller: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, caller)
        except OSError:  # left meanwhile
            caller.close()

    def _entered(self, task: asyncio.Task[None]) -> None:
        self._entering.discard(task)
        self._freed()

    def _make_room(self, reason: str) -> None:
        now = self._loop.time()
        if now >= self._tell_at:
            self._tell_at = now + _TELL_S
            logger.warning("new callers have to wait: %s", reason)
        self._connections.crowded = True
        self._connections.end_after_answers()
        self._connections.make_room()

    def _freed(self) -> None:
        if not (self._is_taking or self._is_refused) and self._count() < self._most:
            self._pause()
            self._take()

    def _count(self) -> int:
        return len(self._connections.connections) + len(self._entering)
