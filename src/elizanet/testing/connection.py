"""One accepted connection: bytes in, bytes out, and who ended it.

A protocol rather than asyncio's streams because the end of a connection has to be seen
while nothing is being read from it: a test asks how soon a cancelled call was hung up.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, cast

READ_AHEAD = 256 * 1024
"""Bytes kept unread before the peer is made to wait."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close() sends a RST


class PeerLeftError(ConnectionError):
    """The client hung up before its request was complete."""


class Owner(Protocol):
    """Who is told how a connection goes."""

    def opened(self, connection: Connection) -> None: ...

    def left(self, at: float) -> None: ...

    def lost(self, connection: Connection) -> None: ...

    def failed(self, error: BaseException) -> None: ...


class Connection(asyncio.Protocol):
    """A client's connection; `serve` runs in a task of its own and ends it by returning.

    While `answering` is set, a client that leaves cancels that task: nobody reads the
    answer. A client that only shuts down its sending side counts as one that left.
    """

    def __init__(self, serve: Callable[[Connection], Awaitable[None]], owner: Owner) -> None:
        self._serve = serve
        self._owner = owner
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed_here = False
        self.lost = asyncio.Event()
        self.answering = False
        self.peer_left_at: float | None = None
        self.task: asyncio.Task[None]

    # What asyncio tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.task = self._loop.create_task(self._run())
        self.task.add_done_callback(self._ended)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > READ_AHEAD:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._peer_left()
        return True  # the task may still record the request it holds; then it closes

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._closed_here:
            self._peer_left()
        self._writable.set()
        self.lost.set()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _peer_left(self) -> None:
        if self.peer_left_at is not None:
            return
        self.peer_left_at = self._loop.time()
        self._owner.left(self.peer_left_at)
        self._news.set()
        if self.answering:
            self.task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._owner.failed(error)

    async def _run(self) -> None:
        try:
            await self._serve(self)
        finally:
            if self.peer_left_at is not None:
                self.abort()  # nobody reads what may still be unsent
            self.close()

    # What the server does with it

    async def read_until(self, separator: bytes, limit: int) -> bytes:
        """Read up to and including `separator`.

        Raises `PeerLeftError`, or `ValueError` if it does not come within `limit` bytes.
        """
        while (end := self._buffer.find(separator)) < 0 and len(self._buffer) <= limit:
            await self._more()
        if end < 0 or end > limit:
            raise ValueError(f"no line end within {limit} bytes")
        return self._take(end + len(separator))

    async def read_exactly(self, count: int) -> bytes:
        """Read `count` bytes. Raises `PeerLeftError`."""
        taken = bytearray()
        while len(taken) < count:
            if not self._buffer:
                await self._more()
            taken += self._take(min(count - len(taken), len(self._buffer)))
        return bytes(taken)

    async def write(self, data: bytes) -> None:
        """Send, and wait while the client does not read. Raises `PeerLeftError`."""
        if self._transport.is_closing():
            if not self._closed_here:  # sending found that the client is gone
                self._peer_left()
            raise PeerLeftError("the connection is closed")
        self._transport.write(data)
        await self._writable.wait()

    async def linger(self, seconds: float) -> None:
        """Send no more, and read away what still comes: closing would reset the connection.

        A client that is still sending could otherwise not read the answer it was given.
        Raises `PeerLeftError` once the client leaves.
        """
        self._transport.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._buffer.clear()
                    await self._more()

    def close(self) -> None:
        """Close in order: what was written is still sent."""
        self._closed_here = True
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not yet sent is lost."""
        self._closed_here = True
        self._transport.abort()

    def reset(self) -> None:
        """Close at once with a TCP reset."""
        self._closed_here = True
        reset(self._transport)

    async def _more(self) -> None:
        if self.peer_left_at is not None:
            raise PeerLeftError("the client closed the connection")
        self._news.clear()
        self._transport.resume_reading()
        await self._news.wait()

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


def reset(transport: asyncio.WriteTransport) -> None:
    """Close a TCP connection at once with a reset; what was not yet sent is lost."""
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        with socket.socket(fileno=os.dup(connected.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
