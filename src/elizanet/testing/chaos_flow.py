"""One direction of a proxied connection: bytes wait here until the toxics let them go.

`receive` and `send` are two tasks, so that what came later is held back no longer than what
came before it: a latency delays a stream and does not slow it down.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from elizanet.testing.chaos_toxics import Ending, Toxic

MOST_WAITING: Final = 256 * 1024
"""Bytes held back before the sender is made to wait."""


class Closed(Exception):
    """A toxic closes the connection in order."""


@dataclass(slots=True)
class _Piece:
    """Bytes on their way, b"" for the end of the stream. `draw`: their luck in a jitter."""

    data: bytes
    came: float
    draw: float


class Flow:
    """Carries the bytes that one side sends to the other."""

    def __init__(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        toxics: Sequence[Toxic],
        chance: random.Random,
    ) -> None:
        self._source = source
        self._sink = sink
        self._chance = chance
        self._clock = asyncio.get_running_loop().time
        self._waiting: deque[_Piece] = deque()
        self._bytes_waiting = 0
        self._free_at = 0.0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self.afflict(toxics)

    def __repr__(self) -> str:
        return f"<Flow {self._passed} bytes passed, {self._bytes_waiting} waiting>"

    def afflict(self, toxics: Sequence[Toxic]) -> None:
        """Suffer from these toxics, and no others, from now on."""
        self._toxics = tuple(toxics)
        self._passed = 0
        self._free_at = 0.0
        self._news.set()

    async def receive(self) -> None:
        """Take what the source sends, until its end. Raises `ConnectionError`."""
        while data := await self._source.read(MOST_WAITING):
            self._add(data)
            while self._bytes_waiting >= MOST_WAITING:
                self._room.clear()
                await self._room.wait()
        self._add(b"")

    def _add(self, data: bytes) -> None:
        self._waiting.append(_Piece(data, self._clock(), self._chance.uniform(-1, 1)))
        self._bytes_waiting += len(data)
        self._news.set()

    async def send(self) -> None:
        """Pass it on as the toxics allow, until its end. Raises `Closed`, `ConnectionError`."""
        while True:
            self._news.clear()
            pause = self._pause()
            if pause == 0:
                if await self._send_piece():
                    return
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._news.wait()

    def _pause(self) -> float | None:
        """Return how long to wait before the next piece; None: until there is news."""
        _, ending = self._share()
        if ending is Ending.CLOSE:
            raise Closed
        if ending is Ending.RESET:
            raise ConnectionResetError("a toxic resets the connection")
        if ending is Ending.SILENCE or not self._waiting:
            return None
        piece = self._waiting[0]
        held = sum(toxic.held(piece.draw) for toxic in self._toxics)
        if not piece.data:
            held += sum(toxic.held_end() for toxic in self._toxics)
        return max(0.0, piece.came + held - self._clock(), self._free_at - self._clock())

    def _share(self) -> tuple[int, Ending | None]:
        """Return how many bytes may still pass, and if none: what happens instead."""
        least, ending = MOST_WAITING, None
        for toxic in self._toxics:
            if toxic.bytes_passed is not None and toxic.bytes_passed - self._passed < least:
                least, ending = max(0, toxic.bytes_passed - self._passed), toxic.ending
        return least, None if least else ending

    async def _send_piece(self) -> bool:
        """Send the next piece or a part of it; returns whether it was the end."""
        piece = self._waiting[0]
        if not piece.data:
            self._sink.write_eof()
            return True
        share, _ = self._share()
        sizes = [toxic.piece(self._chance) for toxic in self._toxics]
        size = min([share, *(most for most in sizes if most is not None)])
        data, piece.data = piece.data[:size], piece.data[size:]
        if not piece.data:
            self._waiting.popleft()
        self._passed += len(data)
        self._bytes_waiting -= len(data)
        self._room.set()
        self._free_at = self._clock() + sum(toxic.pause(len(data)) for toxic in self._toxics)
        self._sink.write(data)
        await self._sink.drain()
        await asyncio.sleep(0)  # each piece by itself: the next write is another packet
        return False
