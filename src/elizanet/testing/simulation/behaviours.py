"""What can be wrong with a server: each behaviour decides the fate of one request."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from typing import Final

import msgspec

from elizanet.http import Problem
from elizanet.testing.simulation.error_facts import ErrorFacts
from elizanet.testing.simulation.exchange import (
    KEEP_ALIVE,
    PREAMBLE,
    ROUND_TRIP_S,
    Beat,
    Exchange,
    Request,
    content,
    stream,
    well,
    whole,
)
from elizanet.testing.simulation.failures import Failures
from elizanet.testing.simulation.latency import Latency

DRIP_S: Final = 12.0
"""Seconds between the events of a server that drips."""
KEEP_ALIVE_S: Final = 5.0
ABSURD_S: Final = 999_999_999
"""The delay that an absurd 429 states, in seconds: 31 years."""
SLOWER: Final = 10.0

_REFUSAL_S: Final = 0.1
_PREAMBLE_ONLY: Final[tuple[Beat, ...]] = ((0.0, PREAMBLE),)
_DATE_OF_30_S: Final = "Sun, 22 Nov 2026 12:00:30 GMT"


class Situation(msgspec.Struct, frozen=True):
    """What a behaviour may go by."""

    request: Request
    latency: Latency
    chance: random.Random
    failures: Failures


Behaviour = Callable[[Situation], Exchange]
"""Decides what becomes of one request."""


def works(now: Situation) -> Exchange:
    return well(now.request, now.latency, now.chance)


def unreachable(problem: Problem, now: Situation) -> Exchange:
    """No connection, or none that lasts."""
    takes = now.request.connect_timeout if problem is Problem.CONNECT_TIMEOUT else ROUND_TRIP_S
    return Exchange(takes, failure=now.failures.transport(problem))


def hangs(_now: Situation) -> Exchange:
    """The request is read, and nothing comes back."""
    return Exchange(0.0, is_silent=True)


def hangs_after_head(now: Situation) -> Exchange:
    """A good head and a preamble, and nothing more."""
    if not now.request.stream:
        return hangs(now)
    return Exchange(ROUND_TRIP_S, beats=_PREAMBLE_ONLY, hangs=True)


def keeps_alive(now: Situation) -> Exchange:
    """Comments for ever, never an event."""
    if not now.request.stream:
        return hangs(now)
    return Exchange(ROUND_TRIP_S, beats=repeat((KEEP_ALIVE_S, KEEP_ALIVE)))


def drips(now: Situation) -> Exchange:
    """Everything comes, in the end."""
    number, events = now.request.number, now.latency.draw_events(now.chance)
    takes = ROUND_TRIP_S + events * DRIP_S
    if not now.request.stream:
        return Exchange(takes, beats=((0.0, whole(number)),), work=takes, events=events)
    beats = stream(number, events, DRIP_S, first=DRIP_S)
    return Exchange(ROUND_TRIP_S, beats=beats, work=takes, events=events)


def is_slow(now: Situation) -> Exchange:
    """Ten times as slow as usual."""
    return well(now.request, now.latency.slower(SLOWER), now.chance)


def answers_status(status: int, headers: tuple[tuple[str, str], ...], now: Situation) -> Exchange:
    """An error status."""
    return Exchange(_REFUSAL_S, failure=now.failures.status(status, *headers))


def is_overloaded(now: Situation) -> Exchange:
    """529, or a stream that begins with 200 and then says so; 503 every third time."""
    turn = now.request.number % 3
    if turn == 0 or not now.request.stream:
        return answers_status(529 if turn else 503, (), now)
    return Exchange(_REFUSAL_S, beats=_PREAMBLE_ONLY, breaks=now.failures.overloaded_stream())


def refuses_key(now: Situation) -> Exchange:
    """401; the message repeats the key."""
    return Exchange(_REFUSAL_S, failure=now.failures.refused_key())


def truncates(now: Situation) -> Exchange:
    """The answer breaks off after its first content, with or without a proper end."""
    if not now.request.stream:
        return _instead(well(now.request, now.latency, now.chance), now.failures.cut_body())
    cut = now.request.number % 2
    failure = now.failures.cut_stream() if cut else now.failures.unfinished_stream()
    return _broken(now, failure)


def talks_garbage(now: Situation) -> Exchange:
    """What comes is not JSON; of a stream every second begins well."""
    if not now.request.stream:
        return _instead(well(now.request, now.latency, now.chance), now.failures.garbage_body())
    if now.request.number % 2:
        return _broken(now, now.failures.garbage_stream(begun=True))
    failure = now.failures.garbage_stream(begun=False)
    return Exchange(now.latency.draw_first(now.chance), beats=_PREAMBLE_ONLY, breaks=failure)


def _broken(now: Situation, failure: ErrorFacts) -> Exchange:
    """A stream that breaks after some of its content."""
    first, pause = now.latency.draw_first(now.chance), now.latency.pause
    events = now.latency.draw_events(now.chance)
    number = now.request.number
    begun: tuple[Beat, ...] = ((0.0, PREAMBLE), (0.0, content(number, 0)))
    rest: Iterator[Beat] = ((pause, content(number, index)) for index in range(1, events))
    return Exchange(first, beats=chain(begun, rest), breaks=failure, events=events)


def _instead(exchange: Exchange, failure: ErrorFacts) -> Exchange:
    exchange.failure = failure
    return exchange


def _limits(*headers: tuple[str, str]) -> Behaviour:
    return partial(answers_status, 429, headers)


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "refuse": partial(unreachable, Problem.REFUSED),
    "reset": partial(unreachable, Problem.CLOSED),
    "dns": partial(unreachable, Problem.DNS),
    "tls": partial(unreachable, Problem.TLS),
    "blackhole": partial(unreachable, Problem.CONNECT_TIMEOUT),
    "hang": hangs,
    "hang_after_head": hangs_after_head,
    "drip": drips,
    "error_500": partial(answers_status, 500, ()),
    "overloaded": is_overloaded,
    "limited_seconds": _limits(("retry-after", "4")),
    "limited_ms": _limits(("retry-after-ms", "700")),
    "limited_date": _limits(("retry-after", _DATE_OF_30_S)),
    "limited_absurd": _limits(("retry-after", str(ABSURD_S))),
    "limited": _limits(),
    "auth": refuses_key,
    "truncate": truncates,
    "garbage": talks_garbage,
    "keep_alives": keeps_alive,
    "slow": is_slow,
}
"""Everything that can be wrong, by name."""
