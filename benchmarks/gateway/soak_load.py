"""Callers at a steady rate, who look closely at every answer."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections import Counter, deque
from functools import partial
from typing import Final, cast

from benchmarks.gateway import load, traffic

LIMIT_S: Final = 30.0
"""Seconds after which an answer that has not come is lost."""
STREAM_EVERY: Final = 5
"""Each fifth call is a stream."""
EVENTS: Final = 20
MODELS: Final = ("model-0", "model-1", "model-2")
_TICK_S: Final = 0.005
_KEPT_LOSSES: Final = 10

_LENGTH: Final = re.compile(rb"content-length: (\d+)\r\n")
_DONE: Final = b"data: [DONE]\n\n"
_ERROR_EVENT: Final = b'data: {"error":'

_SHED: Final = b"x-should-retry: true\r\n"

_UNARY: Final = [traffic.request(model) for model in MODELS]
_STREAMS: Final = [traffic.request(model, EVENTS) for model in MODELS]


class Outcomes:
    """What became of the calls.

    `told`: streams whose break their callers were told of. `shed`: calls turned away because the
    gateway was late, which at this rate it is only if something else has its core.
    """

    def __init__(self) -> None:
        self.sent = self.whole = self.told = self.shed = self.lost = 0
        self.losses: Counter[str] = Counter()
        self.seconds: list[float] = []

    def __repr__(self) -> str:
        told = f"told={self.told} shed={self.shed} lost={self.lost}"
        return f"<Outcomes sent={self.sent} whole={self.whole} {told}>"

    def add(self, answer: bytes, seconds: float, *, stream: bool) -> None:
        """Count an answer; it is whole, told to be broken, or lost."""
        self.seconds.append(seconds)
        good = answer.startswith(b"HTTP/1.1 200 ")
        if good and answer.endswith(_DONE_END if stream else traffic.ANSWER_END):
            self.whole += 1
        elif good and stream and _ERROR_EVENT in answer and _DONE not in answer:
            self.told += 1
        elif answer.startswith(b"HTTP/1.1 503 ") and _SHED in answer:
            self.shed += 1
        else:
            self.lose(answer.decode("latin-1"))

    def lose(self, why: str) -> None:
        """Count a call whose answer was wrong, or never came."""
        self.lost += 1
        if len(self.losses) < _KEPT_LOSSES:
            self.losses[why[:600]] += 1

    def percentile(self, percent: int) -> float:
        """Return a percentile of the times that answers took, in milliseconds."""
        return statistics.quantiles(self.seconds, n=100)[percent - 1] * 1e3


_DONE_END: Final = traffic.chunk(_DONE) + traffic.LAST_CHUNK


class Caller(asyncio.Protocol):
    """One connection: a call, its answer, and back among the idle ones."""

    transport: asyncio.Transport

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._answer = bytearray()
        self._stream = self._busy = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, *, stream: bool) -> None:
        """Send a request; the last answer has come."""
        self._answer.clear()
        self._stream, self._busy = stream, True
        self.since = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._is_complete():
            self._busy = False
            seconds = time.perf_counter() - self.since
            self._crowd.outcomes.add(bytes(self._answer), seconds, stream=self._stream)
            self._crowd.release(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            came = bytes(self._answer).decode("latin-1")
            self._crowd.outcomes.lose(f"the gateway hung up ({exc}) after {came!r}")
        self._crowd.forget(self)

    def give_up_if_late(self, now: float) -> None:
        """Cut a call that takes too long: it is lost."""
        if self._busy and now - self.since > LIMIT_S:
            self.transport.abort()

    def _is_complete(self) -> bool:
        head = self._answer.find(b"\r\n\r\n")
        if head < 0:
            return False
        length = _LENGTH.search(self._answer, 0, head + 2)
        if length is None:
            return self._answer.endswith(traffic.LAST_CHUNK)
        return len(self._answer) >= head + 4 + int(length[1])


class Crowd:
    """Callers who send so many requests a second, whatever becomes of them."""

    def __init__(self, port: int, per_second: float) -> None:
        self._port = port
        self._per_second = per_second
        self._idle: deque[Caller] = deque()
        self._all: set[Caller] = set()
        self.outcomes = Outcomes()

    def __repr__(self) -> str:
        return f"<Crowd connections={len(self._all)} idle={len(self._idle)}>"

    @property
    def waiting(self) -> int:
        """How many calls are under way."""
        return len(self._all) - len(self._idle)

    def release(self, caller: Caller) -> None:
        self._idle.append(caller)

    def forget(self, caller: Caller) -> None:
        self._all.discard(caller)
        if caller in self._idle:
            self._idle.remove(caller)

    async def ask_for(self, seconds: float) -> None:
        """Send at the steady rate for so long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        due = 0
        while (elapsed := loop.time() - began) < seconds:
            due, before = int(elapsed * self._per_second), due
            for number in range(before, due):
                await self._ask(number)
            now = time.perf_counter()
            for caller in tuple(self._all):
                caller.give_up_if_late(now)
            await asyncio.sleep(_TICK_S)

    async def leave(self) -> None:
        """Wait for the answers that are under way, and hang up."""
        ends_at = time.perf_counter() + LIMIT_S
        while self.waiting and time.perf_counter() < ends_at:  # noqa: ASYNC110 -- a poll is enough
            await asyncio.sleep(_TICK_S)
        for caller in tuple(self._all):
            caller.transport.abort()
        await asyncio.sleep(_TICK_S)

    async def _ask(self, number: int) -> None:
        stream = number % STREAM_EVERY == 0
        requests = _STREAMS if stream else _UNARY
        caller = self._idle.pop() if self._idle else await self._join()
        self.outcomes.sent += 1
        caller.ask(requests[number // STREAM_EVERY % len(MODELS)], stream=stream)

    async def _join(self) -> Caller:
        loop = asyncio.get_running_loop()
        make = partial(Caller, self)
        _, caller = await loop.create_connection(make, load.HOST, self._port)
        self._all.add(caller)
        return caller
