"""What the engine's policies add to a call whose provider works.

    python benchmarks/engine.py [--write]

A provider that answers at once is asked in three ways in the same run: alone; by a plain loop
over the chain, which limits the time of an attempt and does nothing else; and by the engine with
everything on, two more targets behind. `--write` puts the result into benchmarks/engine.md.
Exits with 1 if the policies cost a whole answer more than 15 microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from elizanet.call import Answer, Call, Event, EventKind, Head
from elizanet.engine import Chain
from elizanet.limit import Limit
from elizanet.logs import log_sink
from elizanet.operation import Operation
from elizanet.stream import until_content
from elizanet.target import Target
from elizanet.telemetry import Emitter

REPORT = Path(__file__).with_suffix(".md")
LIMIT_US = 15.0
CALLS = 4_000
ROUNDS = 15

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 900 + b'"}]}'
HEADERS = (
    ("content-type", "application/json"),
    ("x-request-id", "req_0123456789"),
    ("openai-processing-ms", "120"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "1999999"),
)
CONTENT = Event(b"x", b"x", EventKind.CONTENT)


class InstantAnswer:
    """One event, at once."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self._event: Event | None = CONTENT

    async def next(self) -> Event | None:
        event, self._event = self._event, None
        return event

    async def aclose(self) -> None:
        self._event = None


class InstantProvider:
    """Answers at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, call: Call) -> Answer:
        return InstantAnswer(Head(200, HEADERS, self.name, call.model))


PROVIDERS = [InstantProvider(name) for name in "abc"]
TARGETS = [Target(provider, "m") for provider in PROVIDERS]


def call_of(*, stream: bool) -> Call:
    deadline = asyncio.get_running_loop().time() + 600
    return Call("req_1", Operation.CHAT, "m", BODY, deadline, stream=stream)


async def alone(*, stream: bool) -> None:
    answer = await TARGETS[0].send(call_of(stream=stream))
    await answer.next()
    await answer.aclose()


async def plain_loop(*, stream: bool) -> None:
    call = call_of(stream=stream)
    clock = asyncio.get_running_loop().time
    for target in TARGETS:
        with Limit(clock() + target.limit_for(call)):
            answer = await target.send(call)
            events = await until_content(answer, lambda: None)
        events.popleft()
        await answer.aclose()
        return


def engine() -> Callable[..., Awaitable[None]]:
    chain = Chain("benchmark", TARGETS, emit=Emitter(log_sink))

    async def by_engine(*, stream: bool) -> None:
        async with await chain.send(call_of(stream=stream)) as answer:
            await answer.next()

    return by_engine


async def measure() -> dict[str, tuple[float, float]]:
    """Return the microseconds of a call in each way: a whole answer, a stream."""
    ways = {"alone": alone, "plain loop": plain_loop, "engine": engine()}
    found: dict[tuple[str, bool], list[float]] = {}
    for _ in range(ROUNDS):
        for stream in (False, True):
            for name, way in ways.items():
                began = time.process_time()
                for _ in range(CALLS):
                    await way(stream=stream)
                spent = (time.process_time() - began) / CALLS * 1e6
                found.setdefault((name, stream), []).append(spent)
    return {
        name: (statistics.median(found[name, False]), statistics.median(found[name, True]))
        for name in ways
    }


def report(found: dict[str, tuple[float, float]]) -> str:
    rows = "\n".join(
        f"| {name} | {whole:.1f} | {stream:.1f} |" for name, (whole, stream) in found.items()
    )
    added = [found["engine"][kind] - found["plain loop"][kind] for kind in (0, 1)]
    return f"""# What the policies add to a call whose provider works

By `python benchmarks/engine.py --write`; {platform.machine()}, CPython {platform.python_version()},
uvloop. Microseconds of CPU a call, the median of {ROUNDS} rounds of {CALLS:,} calls, in one run: a
provider that answers at once, asked alone, by a loop that only limits its time, and by the
engine with breakers, budgets, gates, limiter, latencies, late hedge, rescue and telemetry on
and two more targets behind.

| asked | whole answer | stream |
|---|---|---|
{rows}
| **added by the policies** | **{added[0]:.1f}** | **{added[1]:.1f}** |
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/engine.md")
    arguments = parser.parse_args()
    found = uvloop.run(measure())
    text = report(found)
    print(text)
    if arguments.write:
        REPORT.write_text(text)
    return int(found["engine"][0] - found["plain loop"][0] > LIMIT_US)


if __name__ == "__main__":
    sys.exit(main())
