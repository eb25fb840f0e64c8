"""Calls to be recorded, and recorders to do it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from elizanet.call import Call, Event, EventKind, Role
from elizanet.capture import Captured
from elizanet.errors import FailureClass
from elizanet.operation import Operation
from elizanet.records.database import Database
from elizanet.records.location import shown
from elizanet.records.opening import connect
from elizanet.records.recorder import Recorder
from elizanet.telemetry import CallEnded, Capture, Outcome
from support.ended import attempt, ended

FAILURES = (FailureClass.OVERLOADED, FailureClass.RATE_LIMIT, FailureClass.TIMEOUT)


def call_id(at: float | None = None) -> str:
    """Return the id of a call that began then, or now."""
    milliseconds = int((time.time() if at is None else at) * 1000)
    return f"req_{milliseconds:012x}{random.getrandbits(64):016x}"


def answered(at: float | None = None, **changes: Any) -> CallEnded:
    """Return a call that its first choice answered."""
    return ended(attempt("openai"), **{"call_id": call_id(at), **changes})


def moved(at: float | None = None, **changes: Any) -> CallEnded:
    """Return a call that the second target answered after the first one was overloaded."""
    first = attempt("openai", FailureClass.OVERLOADED, status=503, message="The server is busy.")
    second = attempt("elizanet", number=2, role=Role.NEXT, started=0.5)
    return ended(first, second, **{"call_id": call_id(at), **changes})


def failed(at: float | None = None, **changes: Any) -> CallEnded:
    """Return a call that nobody answered."""
    given = {
        "call_id": call_id(at),
        "outcome": Outcome.FAILED,
        "failure_class": FailureClass.TIMEOUT,
        "first_content": None,
        "usage": None,
    }
    return ended(attempt("openai", FailureClass.TIMEOUT), **{**given, **changes})


def some(count: int, chance: random.Random, since: float, seconds: float) -> list[CallEnded]:
    """Return calls of all kinds that began within so many seconds."""
    return [_any(chance, since + chance.random() * seconds) for _ in range(count)]


def _any(chance: random.Random, at: float) -> CallEnded:
    make = chance.choices((answered, moved, failed), (8, 3, 1))[0]
    return make(
        at,
        model=f"model-{chance.randrange(3)}",
        caller=f"team-{chance.randrange(3)}",
        stream=chance.random() < 0.5,
        seconds=chance.lognormvariate(0, 1.5),
        first_content=None if make is failed else chance.lognormvariate(-1, 1),
        operation=chance.choice((Operation.CHAT, Operation.EMBEDDING)),
    )


def captured(request: bytes, answer: bytes) -> Captured:
    """Return what a call asked and was answered."""
    kept = Captured(Call("req_1", Operation.CHAT, "m", request, 0.0))
    kept.take(Event(answer, answer, EventKind.CONTENT))
    return kept


def recorder(
    url: str, *, connecting: Callable[[], Database] | None = None, **changes: Any
) -> Recorder:
    """Return a recorder that writes to `url`."""
    given: dict[str, Any] = {
        "place": shown(url),
        "run": "run_1",
        "capture": Capture.OFF,
        "keep_days": 30.0,
        "max_size": 1 << 31,
    }
    return Recorder(connecting or partial(connect, url), **{**given, **changes})


def record(url: str, *events: CallEnded, **changes: Any) -> None:
    """Record these calls, all of them."""
    one = recorder(url, **changes)
    for event in events:
        one(event)
    one.close(30.0)
    stats = one.stats()
    assert (stats.written, stats.dropped, stats.queued) == (len(events), 0, 0), stats


def is_balanced(one: Recorder) -> bool:
    """Tell whether every event is accounted for."""
    stats = one.stats()
    return stats.offered == stats.written + stats.dropped + stats.queued


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that a thread will do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def has_written(one: Recorder, count: int) -> None:
    """Wait until a recorder has written so many."""
    until(lambda: one.stats().written >= count)


def threads() -> Iterator[str]:
    """Return the names of the threads that write records."""
    return (t.name for t in threading.enumerate() if t.name == "elizanet-records")
