"""Servers that say exactly the bytes a test gives them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """A listener whose every connection is handled by `talk`; counts and remembers."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.heads: list[str] = []
        self.peer_closed = asyncio.Event()
        self.url = ""

    async def start(self, context: ssl.SSLContext | None, host: str) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://{host}:{port}/v1/x"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.peer_closed.set()
        except asyncio.CancelledError:  # asyncio.streams logs a cancelled handler as an error
            pass
        finally:
            with suppress(Exception):
                writer.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def raw_server(
    talk: Talk, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawServer]:
    """Serve `talk` on a free port of this machine."""
    raw = RawServer(talk)
    server = await raw.start(context, host)
    try:
        yield raw
    finally:
        server.close()
        await raw.stop()
        await server.wait_closed()


def saying(answer: bytes, *, then_close: bool = False) -> Talk:
    """Answer every request of a connection with these bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
            if then_close:
                return

    return talk


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Read one request: its head as text, and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next(
        (
            int(line.split(":")[1])
            for line in head.split("\r\n")
            if line.startswith("content-length")
        ),
        0,
    )
    return head, await reader.readexactly(length)
