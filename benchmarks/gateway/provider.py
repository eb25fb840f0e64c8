"""The provider behind every subject: as little work an answer as Python can do.

`python -m benchmarks.gateway.provider CORE` prints its port and serves until its standard
input closes. It knows the requests of `traffic` by their first and last bytes and parses
nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Final, cast

import uvloop
from benchmarks.gateway import traffic

EVENT_INTERVAL_S: Final = 0.010
"""Seconds between two events of a stream: a fast model's hundred tokens a second."""
SLOW_INTERVAL_S: Final = 0.200
"""The same of a stream that is only to be open."""
TICKS: Final = 20
"""Streams take turns within an interval: real ones do not speak all at the same moment."""

_ANSWER: Final = traffic.answer()
_REFUSAL: Final = traffic.refusal()
_STREAM_HEAD: Final = traffic.stream_head()
_EVENT: Final = traffic.event()
_STREAM_END: Final = traffic.stream_end()
_REFUSING: Final = f"POST {traffic.REFUSING_BASE}/".encode()


class Clock:
    """Sends every stream its next event, in turns; `interval`: seconds between two of a stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop = loop
        self._pause = interval / TICKS
        self._turns: list[set[Connection]] = [set() for _ in range(TICKS)]
        self._now = self._joined = 0
        self._due = loop.time()
        self._tick()

    def join(self, stream: Connection) -> None:
        self._turns[self._joined % TICKS].add(stream)
        self._joined += 1

    def leave(self, stream: Connection) -> None:
        for turn in self._turns:
            turn.discard(stream)

    def _tick(self) -> None:
        for stream in tuple(self._turns[self._now % TICKS]):
            stream.tick()
        self._now += 1
        self._due += self._pause
        self._loop.call_at(self._due, self._tick)


class Clocks:
    """The clock of streams that are measured, and the one of those that are only to be open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.fast = Clock(loop, EVENT_INTERVAL_S)
        self.slow = Clock(loop, SLOW_INTERVAL_S)


class Connection(asyncio.Protocol):
    """One connection of a caller."""

    transport: asyncio.Transport

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._clock = clocks.fast
        self._received = b""
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._clock.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        if not data.endswith(traffic.REQUEST_END):
            self._received = data
            return
        self._received = b""
        self.answer(data)

    def answer(self, request: bytes) -> None:
        """Answer one request, whole."""
        if traffic.STREAM_MARK in request:
            self._events = traffic.events_wanted(request)
            endless = self._events >= traffic.ENDLESS
            self._clock = self._clocks.slow if endless else self._clocks.fast
            self.transport.write(_STREAM_HEAD + _EVENT)
            self._clock.join(self)
        else:
            self.transport.write(_REFUSAL if request.startswith(_REFUSING) else _ANSWER)

    def tick(self) -> None:
        """Send a stream its next event, or its end."""
        self._events -= 1
        if self._events > 0:
            self.transport.write(_EVENT)
        else:
            self._clock.leave(self)
            self.transport.write(_STREAM_END)


async def serve(make: Callable[[Clocks], asyncio.Protocol]) -> None:
    """Print a port, and answer there until the standard input closes."""
    loop = asyncio.get_running_loop()
    clocks = Clocks(loop)
    server = await loop.create_server(lambda: make(clocks), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main(make: Callable[[Clocks], asyncio.Protocol]) -> None:
    """Serve on the core that the command line names."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(make))


if __name__ == "__main__":
    main(Connection)
