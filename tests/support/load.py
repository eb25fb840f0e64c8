"""Calls at a steady rate through a gateway, and what became of each of them."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from elizanet.call import Headers
from elizanet.http import Http, HttpReply, TransportError
from elizanet.limit import Limit, LimitReached
from elizanet.sse import SseParser

PATIENCE_S = 25.0
"""Seconds after which a caller gives up."""


class End(StrEnum):
    """How a call ended, as its caller sees it."""

    ANSWERED = "answered"
    INTERRUPTED = "interrupted"
    """A stream that broke after content, and says so."""
    REFUSED = "refused"
    """An error instead of an answer."""
    TRUNCATED = "truncated"
    """An answer that is not complete and does not say so: a lie."""
    DROPPED = "dropped"
    """The connection to the gateway ended, or the caller lost patience."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call.

    `at`, in seconds since the load began, is when it was to start; `first` (content) and
    `whole` are measured from then, so that a gateway that is slow to accept hides nothing.
    """

    end: End
    at: float
    first: float
    whole: float
    status: int = 0
    provider: str = ""
    attempts: int = 0
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """The value of a header of the answer, or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True)
class Report:
    """What became of some calls. Times in seconds."""

    outcomes: Sequence[Outcome]

    def __str__(self) -> str:
        told = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return (
            f"{len(self.outcomes)} calls: {told}; first content p50 {self.first(50):.3f} "
            f"p99 {self.first(99):.3f} max {self.first(100):.3f}; by {dict(self.providers)}"
        )

    @property
    def ends(self) -> Counter[str]:
        return Counter(each.end.value for each in self.outcomes)

    @property
    def providers(self) -> Counter[str]:
        """Who answered how many calls."""
        return Counter(each.provider for each in self.outcomes if each.end is End.ANSWERED)

    @property
    def lost(self) -> list[Outcome]:
        """The calls without a complete answer that had not begun when they failed, and lies."""
        return [o for o in self.outcomes if o.end not in {End.ANSWERED, End.INTERRUPTED}]

    def first(self, percentile: float) -> float:
        """That percentile of the time to the first content."""
        times = sorted(each.first for each in self.outcomes if each.end is End.ANSWERED)
        return times[math.ceil(len(times) * percentile / 100) - 1] if times else math.inf

    def between(self, start: float, end: float = math.inf) -> Report:
        """The calls that began in that time."""
        return Report([each for each in self.outcomes if start <= each.at < end])


class Load:
    """Sends calls at `rate` a second for as long as it is entered, each when its time has come.

    `stream`: streams or whole answers; `headers` go with every call. After it, `report` has
    every call.
    """

    def __init__(
        self, base_url: str, *, rate: float = 15.0, stream: bool = True, headers: Headers = ()
    ) -> None:
        self._url = f"{base_url}/chat/completions"
        self._interval = 1 / rate
        self._stream = stream
        self._headers = headers
        self._http = Http()
        self._calls: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    def __repr__(self) -> str:
        return f"<Load {self._url} {len(self._calls)} under way, {len(self._outcomes)} over>"

    @property
    def now(self) -> float:
        """Seconds since the load began."""
        return self._clock() - self._began

    @property
    def report(self) -> Report:
        """The calls that are over."""
        return Report(sorted(self._outcomes, key=lambda each: each.at))

    async def until(self, met: Callable[[Report], bool], *, within: float) -> float:
        """Wait until the calls that begin from now on meet a condition; returns the seconds.

        Raises `TimeoutError` after `within` seconds.
        """
        start = self.now
        async with asyncio.timeout(within):
            while not met(self.report.between(start)):
                await asyncio.sleep(0.02)
        return self.now - start

    async def __aenter__(self) -> Self:
        self._began = self._clock()
        self._source = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._source.cancel()
        if kind is not None:
            for call in self._calls:
                call.cancel()
        await asyncio.gather(self._source, *self._calls, return_exceptions=True)
        await self._http.aclose()

    async def _send(self) -> None:
        number = 0
        while True:
            due = self._began + number * self._interval
            await asyncio.sleep(due - self._clock())
            call = asyncio.create_task(self._call(due))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            number += 1

    async def _call(self, due: float) -> None:
        self._outcomes.append(
            await ask(
                self._http,
                self._url,
                stream=self._stream,
                headers=self._headers,
                due=due,
                began=self._began,
            )
        )


async def ask(
    http: Http,
    url: str,
    *,
    stream: bool,
    headers: Headers = (),
    due: float | None = None,
    began: float | None = None,
) -> Outcome:
    """Make one call and return what became of it."""
    clock = asyncio.get_running_loop().time
    due = clock() if due is None else due
    heard = _Heard(clock, due)
    body = json.dumps({
        "model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "Hello"}],
    }).encode()  # fmt: skip
    headers = (("content-type", "application/json"), *headers)
    try:
        with Limit(clock() + PATIENCE_S):
            reply = await http.send("POST", url, headers, body, connect_timeout=PATIENCE_S)
            try:
                end = await heard.read(reply, stream=stream)
            finally:
                reply.close()
    except (TransportError, LimitReached):
        end = End.DROPPED
    return heard.outcome(end, at=due - (due if began is None else began))


class _Heard:
    """What one caller hears."""

    def __init__(self, clock: Callable[[], float], due: float) -> None:
        self._clock = clock
        self._due = due
        self._status = 0
        self._headers: tuple[tuple[str, str], ...] = ()
        self._first = math.inf
        self._text = ""

    async def read(self, reply: HttpReply, *, stream: bool) -> End:
        self._status, self._headers = reply.status, reply.headers
        if stream and reply.status == 200:
            return await self._read_events(reply)
        body = b""
        while chunk := await reply.chunk():
            body += chunk
        if reply.status != 200:
            return End.REFUSED
        self._first = self._clock() - self._due
        choice = json.loads(body)["choices"][0]
        self._text = choice["message"]["content"]
        return End.ANSWERED if choice["finish_reason"] else End.TRUNCATED

    async def _read_events(self, reply: HttpReply) -> End:
        parser = SseParser()
        finished = done = False
        while chunk := await reply.chunk():
            for event in parser.feed(chunk):
                done = done or event.data == b"[DONE]"
                if not event.data or done:
                    continue
                told = json.loads(event.data)
                if "error" in told:
                    return End.INTERRUPTED
                for choice in told["choices"]:
                    self._hear(choice["delta"].get("content") or "")
                    finished = finished or bool(choice["finish_reason"])
        return End.ANSWERED if finished and done else End.TRUNCATED

    def _hear(self, text: str) -> None:
        if text and not self._text:
            self._first = self._clock() - self._due
        self._text += text

    def outcome(self, end: End, *, at: float) -> Outcome:
        told = dict(self._headers)
        return Outcome(
            end, at, self._first, self._clock() - self._due, self._status,
            told.get("x-elizanet-provider", ""), int(told.get("x-elizanet-attempts", 0)),
            self._text, self._headers,
        )  # fmt: skip
