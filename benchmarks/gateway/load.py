"""The callers of every measurement: they send the same request again and again.

They read no more of an answer than its status and its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from benchmarks.gateway import traffic

LIMIT_S: Final = 120.0
"""Seconds after which a measurement counts as hung."""
HOST: Final = "127.0.0.1"


class RefusedError(Exception):
    """A subject answered with something else than a success."""


class Caller(asyncio.Protocol):
    """Sends the request again each time an answer has come to its `end`.

    `done` gets the seconds each answer took; anything else than a success ends it at once.
    """

    transport: asyncio.Transport

    def __init__(self, request: bytes, end: bytes, times: int) -> None:
        self._request, self._end, self._left = request, end, times
        self._received = b""
        self._sent = 0.0
        self._took: list[float] = []
        self.done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the subject hung up"))

    def data_received(self, data: bytes) -> None:
        if not self._received and not data.startswith(b"HTTP/1.1 200 "):
            self.done.set_exception(RefusedError(data[:2000].decode("latin-1")))
            self.transport.abort()
        elif data.endswith(self._end):
            self._took.append(time.perf_counter() - self._sent)
            self._left -= 1
            self._send()
        else:
            self._received = data[:1]

    def _send(self) -> None:
        if not self._left:
            self.done.set_result(self._took)
            self.transport.close()
            return
        self._received = b""
        self._sent = time.perf_counter()
        self.transport.write(self._request)


async def unary(port: int, model: str, *, callers: int, requests: int) -> list[float]:
    """Return the seconds each of `requests` took, sent by `callers` at once."""
    request, each = traffic.request(model), requests // callers
    return await _all(port, lambda: Caller(request, traffic.ANSWER_END, each), callers)


async def streams(port: int, *, streams: int, events: int) -> list[float]:
    """Return the seconds each of so many streams at once took."""
    request = traffic.request(traffic.PLAIN, events)
    return await _all(port, lambda: Caller(request, traffic.LAST_CHUNK, 1), streams)


@asynccontextmanager
async def open_streams(port: int, count: int) -> AsyncIterator[None]:
    """Hold so many streams open, all of them past their first event."""
    request = traffic.request(traffic.PLAIN, traffic.ENDLESS)
    callers = await _connected(port, lambda: Caller(request, traffic.LAST_CHUNK, 1), count)
    try:
        await asyncio.sleep(3)
        for caller in callers:
            assert not caller.done.done(), caller.done.exception()
        yield
    finally:
        for caller in callers:
            caller.done.cancel()
            caller.transport.abort()


async def _all(port: int, make: Callable[[], Caller], count: int) -> list[float]:
    callers = await _connected(port, make, count)
    took = await asyncio.wait_for(asyncio.gather(*(c.done for c in callers)), LIMIT_S)
    return [seconds for times in took for seconds in times]


async def _connected(port: int, make: Callable[[], Caller], count: int) -> list[Caller]:
    connect = asyncio.get_running_loop().create_connection
    return [(await connect(make, HOST, port))[1] for _ in range(count)]
