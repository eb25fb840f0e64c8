"""What watching costs a call: metrics, logs, records, and all of them, against nothing.

    python -m benchmarks.observability [--write]

The engine answers calls from providers that answer at once, in the same run with nothing, with
one thing, and with everything on. Counted is the CPU of the thread that answers; what the threads
behind it spend is told apart. `--write` puts the result into benchmarks/observability.md. Exits
with 1 if metrics, logs and records together add more than 12 microseconds to a whole answer.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter, Histogram

from elizanet.call import Answer, BodyKind, Call, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.cli.serve import YOUNG_OBJECTS
from elizanet.engine import Chain
from elizanet.errors import FailureClass, ProviderError
from elizanet.health import Registry
from elizanet.logs import BackgroundHandler, JsonFormatter, log_sink, name_no_places
from elizanet.metrics import Metrics
from elizanet.operation import Operation
from elizanet.otel.sink import OpenTelemetrySink
from elizanet.policy.protections import Protections
from elizanet.records.opening import open_recorder
from elizanet.router import new_call_id
from elizanet.settings import (
    Price,
    ProviderSettings,
    RouteSettings,
    Settings,
    TargetSettings,
)
from elizanet.target import Target
from elizanet.telemetry import CallEnded, Emitter, Interest, Sink, TelemetryEvent

REPORT = Path(__file__).with_suffix(".md")
LIMIT_US = 12.0
CALLS = 1_000
ROUNDS = 11
PIECES = 20
KINDS = ("whole answer", "stream of 20 pieces", "fallback")

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 900 + b'"}]}'
HEADERS = (("content-type", "application/json"), ("x-request-id", "req_0123456789"))
USAGE = b'"usage":{"prompt_tokens":230,"completion_tokens":140,"total_tokens":370}'
WHOLE = b'{"choices":[{"message":{"content":"' + b"y" * 500 + b'"}}],' + USAGE + b"}"
PIECE = b'{"choices":[{"index":0,"delta":{"content":"word"}}]}'
STREAM = (
    *(Event(PIECE, PIECE, EventKind.CONTENT) for _ in range(PIECES)),
    Event(b"", b'{"choices":[],' + USAGE + b"}", EventKind.END),
)
UNWATCHED = Protections(
    breaker=False, gate=False, limiter=False, quarantine=False, budget=False, hedge=False
)
"""So that the one that always fails is asked again by the next call."""


class GivenAnswer:
    """Events that are there already."""

    def __init__(self, head: Head, events: tuple[Event, ...]) -> None:
        self.head = head
        self._events = iter(events)

    async def next(self) -> Event | None:
        return next(self._events, None)

    async def aclose(self) -> None:
        self._events = iter(())


class InstantProvider:
    """Answers at once, or fails at once."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self._fails = fails

    async def send(self, call: Call) -> Answer:
        if self._fails:
            raise ProviderError("busy", verdict_for(FailureClass.OVERLOADED), status=503)
        kind = BodyKind.EVENTS if call.stream else BodyKind.WHOLE
        events = STREAM if call.stream else (Event(WHOLE, WHOLE, EventKind.CONTENT),)
        return GivenAnswer(Head(200, HEADERS, self.name, call.model, kind), events)


SETTINGS = Settings(
    providers={name: ProviderSettings(name, "http://127.0.0.1:9/v1") for name in "abc"},
    routes=(
        RouteSettings("m", tuple(TargetSettings(n, "m", price=Price(2.5, 10.0)) for n in "abc")),
    ),
)


class Plain:
    """The same counts by the labelled metrics of Prometheus' library."""

    interest = Interest(details=True)

    def __init__(self) -> None:
        to = CollectorRegistry()
        self.calls = Counter("calls", "c", ("chain", "operation", "outcome"), registry=to)
        self.seconds = Histogram("seconds", "s", ("chain", "operation", "stream"), registry=to)
        self.first = Histogram("first", "s", ("chain", "operation"), registry=to)
        labels = ("provider", "model", "outcome")
        self.attempts = Counter("attempts", "a", (*labels, "role"), registry=to)
        self.durations = Histogram("durations", "s", labels, registry=to)
        self.tokens = Counter("tokens", "t", ("provider", "model", "direction"), registry=to)

    def __call__(self, event: TelemetryEvent) -> None:
        if not isinstance(event, CallEnded):
            return
        place = (event.chain, event.operation)
        self.calls.labels(*place, event.outcome).inc()
        self.seconds.labels(*place, event.stream).observe(event.seconds)
        if event.first_content is not None:
            self.first.labels(*place).observe(event.first_content)
        for attempt in event.attempts:
            target, outcome = (attempt.provider, attempt.model), attempt.failure_class or "answered"
            self.attempts.labels(*target, outcome, attempt.role).inc()
            self.durations.labels(*target, outcome).observe(attempt.duration)
            if attempt.usage is not None:
                self.tokens.labels(*target, "input").inc(attempt.usage.prompt_tokens)
                self.tokens.labels(*target, "output").inc(attempt.usage.completion_tokens)


@dataclass
class Way:
    """One way of watching: its chains, and what they took a call, by kind."""

    name: str
    chains: dict[str, Chain]
    idle: Callable[[], bool] = lambda: True
    spent: dict[str, list[float]] = field(default_factory=dict)
    behind: list[float] = field(default_factory=list)

    def us(self, kind: str) -> float:
        """Return the least, in microseconds a call: other programs only ever add."""
        return min(self.spent[kind])


def chains(*sinks: Sink) -> dict[str, Chain]:
    emit = Emitter(*sinks)
    emit.follow(SETTINGS)
    found = {}
    for kind in KINDS:
        fails = kind == "fallback"
        targets = [Target(InstantProvider(n, fails=fails and n == "a"), "m") for n in "abc"]
        chance = random.Random(1)
        registry = Registry(
            chance=chance, emit=emit, protections=UNWATCHED if fails else Protections()
        )
        found[kind] = Chain("m", targets, registry=registry, chance=chance, emit=emit)
    return found


async def run(chain: Chain, *, stream: bool) -> None:
    """Make `CALLS` calls, and read their answers to the end."""
    clock = asyncio.get_running_loop().time
    for _ in range(CALLS):
        call = Call(
            new_call_id(), Operation.CHAT, "m", BODY, clock() + 600, stream=stream, caller="key-1"
        )
        async with await chain.send(call) as answer:
            while await answer.next() is not None:
                pass


async def measure(ways: list[Way]) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)  # as `elizanet serve` has it
    for _ in range(ROUNDS):
        for kind in KINDS:
            for way in random.sample(ways, len(ways)):
                gc.collect()
                process, own = time.process_time(), time.thread_time()
                await run(way.chains[kind], stream="stream" in kind)
                way.spent.setdefault(kind, []).append((time.thread_time() - own) / CALLS * 1e6)
                while not way.idle():  # noqa: ASYNC110 -- another thread ends it
                    await asyncio.sleep(0.002)
                everything = time.process_time() - process
                way.behind.append((everything - (time.thread_time() - own)) / CALLS * 1e6)


@contextmanager
def all_ways() -> Iterator[list[Way]]:
    """Make every way of watching, and end their threads."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())

        def recorder(name: str) -> tuple[Sink, Callable[[], bool]]:
            opened = open_recorder(
                Settings(
                    providers=SETTINGS.providers,
                    routes=SETTINGS.routes,
                    database=f"sqlite:///{folder}/{name}.db",
                )
            )
            assert opened is not None
            stack.callback(opened.close)
            return opened, lambda: opened.stats().queued == 0

        nowhere = stack.enter_context(Path(os.devnull).open("w"))
        handler = BackgroundHandler(nowhere.fileno())
        handler.setFormatter(JsonFormatter())
        stack.callback(handler.close)
        name_no_places()
        logger = logging.getLogger("elizanet")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        records, written = recorder("alone")
        together, all_written = recorder("together")
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
        stack.callback(tracers.shutdown)
        yield [
            Way("nothing", chains()),
            Way("metrics", chains(Metrics())),
            Way("logs", chains(log_sink)),
            Way("records", chains(records), written),
            Way("metrics, logs and records", chains(log_sink, Metrics(), together), all_written),
            Way("metrics by prometheus_client", chains(Plain())),
            Way("OpenTelemetry", chains(OpenTelemetrySink(tracers, MeterProvider()))),
        ]


def report(ways: list[Way]) -> str:
    nothing = ways[0]
    rows = []
    for way in ways:
        cells = [f"{way.us(kind) - nothing.us(kind):+.1f}" for kind in KINDS]
        behind = statistics.median(way.behind)
        if way is nothing:
            cells = [f"{way.us(kind):.1f}" for kind in KINDS]
        rows.append(f"| {way.name} | {' | '.join(cells)} | {behind:.1f} |")
    table = "\n".join(rows)
    return f"""# What watching costs a call

By `python -m benchmarks.observability --write`; {platform.machine()}, CPython
{platform.python_version()}, uvloop. Microseconds of CPU a call in the thread that answers, the best
of {ROUNDS} rounds of {CALLS:,} calls in one run: the engine with providers that answer at once,
with nothing that watches, and what is added to that. Tokens are told by the provider; half of what
a stream costs is that its pieces are counted, in case they are not told. A
fallback has two attempts and two log lines. Garbage is collected as by `elizanet serve`. Other
threads write the lines (JSON, to nowhere) and the records (SQLite); a round is over when they
have.

| on | {" | ".join(KINDS)} | other threads |
|---|---|---|---|---|
{table}

The counts of `metrics` by the labelled metrics of Prometheus' own library are there for
comparison, and so is OpenTelemetry, which is off unless it is asked for: a span a call and one an
attempt, exported to memory.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/observability.md")
    arguments = parser.parse_args()
    with all_ways() as ways:
        uvloop.run(measure(ways))
        text = report(ways)
        together, nothing = ways[4], ways[0]
    print(text)
    if arguments.write:
        REPORT.write_text(text)
    return int(together.us(KINDS[0]) - nothing.us(KINDS[0]) > LIMIT_US)


if __name__ == "__main__":
    sys.exit(main())
