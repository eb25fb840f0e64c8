"""What a server does with one request, decided when it arrives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from elizanet.call import Event, EventKind
from elizanet.testing.simulation.error_facts import ErrorFacts
from elizanet.testing.simulation.latency import Latency, lognormal

Beat = tuple[float, Event]
"""Seconds of silence, and the event that ends it."""

ROUND_TRIP_S: Final = 0.02
"""Seconds to the server and back."""


class Exchange(msgspec.Struct):
    """A request's fate.

    After `delay` seconds comes the head of a stream, or the whole of a unary answer, or
    `failure`; with `is_silent` nothing ever comes. `beats` are the events of a stream. It
    then breaks with `breaks`, stays silent for ever if `hangs`, or ends well. `work` is the
    seconds the server is busy with it, 0 for a request that never reaches it; `place` is what
    it then occupies, `events` the length of the answer it works on.
    """

    delay: float
    failure: ErrorFacts | None = None
    is_silent: bool = False
    beats: Iterable[Beat] = ()
    breaks: ErrorFacts | None = None
    hangs: bool = False
    work: float = 0.0
    events: int = 0
    place: asyncio.TimerHandle | None = None


class Request(msgspec.Struct, frozen=True):
    """What a behaviour knows of a request; `number` counts the requests of a simulation."""

    number: int
    stream: bool
    model: str
    connect_timeout: float


def content(number: int, index: int) -> Event:
    """Return a content event whose text no other answer has."""
    data = b'{"choices":[{"index":0,"delta":{"content":"%d.%d "}}]}' % (number, index)
    return Event(b"data: %b\n\n" % data, data, EventKind.CONTENT)


def finish(events: int) -> Event:
    """Return the event that ends a stream of so many content events."""
    data = (
        b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":10,"completion_tokens":%d}}' % events
    )
    return Event(b"data: %b\n\n" % data, data, EventKind.END)


def _fixed(raw: bytes, data: bytes) -> Event:
    return Event(raw, data, EventKind.PREAMBLE)


_ROLE: Final = b'{"choices":[{"index":0,"delta":{"role":"assistant"}}]}'
PREAMBLE: Final = _fixed(b"data: %b\n\n" % _ROLE, _ROLE)
KEEP_ALIVE: Final = _fixed(b": keep-alive\n\n", b"")


def whole(number: int) -> Event:
    """Return the one event of a unary answer."""
    data = (
        b'{"choices":[{"index":0,"message":{"role":"assistant","content":"%d"},'
        b'"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":10}}' % number
    )
    return Event(data, data, EventKind.CONTENT)


def well(request: Request, latency: Latency, chance: random.Random) -> Exchange:
    """Return the fate of a request to a server that works."""
    first = latency.draw_first(chance) + ROUND_TRIP_S
    events = latency.draw_events(chance)
    pause = lognormal(chance, latency.pause, latency.spread)
    work = first + events * pause
    if not request.stream:
        return Exchange(work, beats=((0.0, whole(request.number)),), work=work, events=events)
    beats = stream(request.number, events, pause)
    return Exchange(first, beats=beats, work=work, events=events)


def stream(number: int, events: int, pause: float, first: float = 0.0) -> Iterator[Beat]:
    """Yield the beats of a whole stream whose content begins after `first` seconds."""
    yield 0.0, PREAMBLE
    yield first, content(number, 0)
    for index in range(1, events):
        yield pause, content(number, index)
    yield 0.0, finish(events)
