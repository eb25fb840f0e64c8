"""A request body that goes to its provider while it comes in."""

from __future__ import annotations

import asyncio
from typing import Protocol

from elizanet.gateway.asgi import DISCONNECT, Exchange


class Reader(Protocol):
    """Something that looks at a body as it passes; it may raise `ProviderError`."""

    def feed(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


class CallerUpload:
    """The rest of a caller's body, of which `taken` bytes have been read."""

    __slots__ = ("_ended", "_exchange", "_reader", "begun", "length")

    def __init__(self, exchange: Exchange, taken: int = 0, reader: Reader | None = None) -> None:
        self._exchange = exchange
        self._reader = reader
        self._ended = False
        stated = exchange.headers.get(b"content-length")
        self.length = None if stated is None else int(stated) - taken
        self.begun = False

    def __repr__(self) -> str:
        return f"<CallerUpload {'ended' if self._ended else 'begun' if self.begun else 'new'}>"

    async def chunk(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises what the reader raises."""
        self.begun = True
        while not self._ended:
            message = await self._exchange.receive()
            if message["type"] == DISCONNECT:
                # The watch over the caller ends the call; nobody else is to see an error of it.
                await asyncio.get_running_loop().create_future()
            piece: bytes = message.get("body", b"")
            self._ended = not message.get("more_body", False)
            if self._reader is not None:
                self._reader.feed(piece)
                if self._ended:
                    self._reader.finish()
            if piece:
                return piece
        return b""
