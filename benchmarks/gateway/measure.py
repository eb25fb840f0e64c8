"""The measurements. Both subjects run all the time and are measured in turn.

Processor time and latency are the lower quartile of many short rounds: the machine's other
work spoils some rounds, and never makes one better.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.gateway import load, subjects
from benchmarks.gateway.subjects import Subject
from benchmarks.gateway.traffic import FALLING_BACK, PLAIN

CALLERS: Final = 64
REQUESTS: Final = 1_280
REQUESTS_ALONE: Final = 500
STREAMS: Final = 64
EVENTS: Final = 100
OPEN_STREAMS: Final = 512
STARTS: Final = 5
ROUNDS: Final = 20
STREAM_ROUNDS: Final = 10
TRIES: Final = 10
RECORDED_ROUNDS: Final = 10
RECORDING_S: Final = 1.5
"""Seconds in which the records of a round are certainly written."""
SETTLE_S: Final = 1.0
"""Seconds a subject is left alone before its idle memory is read."""

Load = Callable[[int], Awaitable[Sequence[float]]]
Start = Callable[[Path, int], AbstractContextManager[Subject]]

many: Final[Load] = partial(load.unary, model=PLAIN, callers=CALLERS, requests=REQUESTS)
many_falling: Final[Load] = partial(
    load.unary, model=FALLING_BACK, callers=CALLERS, requests=REQUESTS
)
alone: Final[Load] = partial(load.unary, model=PLAIN, callers=1, requests=REQUESTS_ALONE)
alone_falling: Final[Load] = partial(
    load.unary, model=FALLING_BACK, callers=1, requests=REQUESTS_ALONE
)
streaming: Final[Load] = partial(load.streams, streams=STREAMS, events=EVENTS)


@dataclass
class Figures:
    """What one subject costs. Processor time in us, memory in MB, latency in us."""

    unary_us: float = 0.0
    recorded_us: float = 0.0
    per_second: float = 0.0
    busy: float = 0.0
    alone_us: float = 0.0
    event_us: float = 0.0
    fallback_us: float = 0.0
    latency_us: dict[int, float] = field(default_factory=dict)
    fallback_latency_us: float = 0.0
    idle_mb: float = 0.0
    streams_mb: float = 0.0
    start_s: float = 0.0


@dataclass(frozen=True)
class Round:
    """One round of a load: wall seconds, processor time of the subject, and every latency."""

    seconds: float
    cpu_us: float
    latencies: Sequence[float]

    @property
    def busy(self) -> float:
        """The share of its core that the subject was busy for."""
        return self.cpu_us / self.seconds / 1e6


@dataclass
class Measured:
    """The figures of both subjects, and the latency without any, in us by percentile."""

    elizanet: Figures
    nginx: Figures
    direct_us: dict[int, float]


async def measure(python: str) -> Measured:
    """Measure everything, in one run; `python` runs the gateway."""
    starts: dict[str, Start] = {
        "elizanet": partial(subjects.gateway, python=python),
        "nginx": subjects.nginx,
    }
    figures = {name: Figures() for name in starts}
    with ExitStack() as stack:
        provider = stack.enter_context(subjects.provider())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, start in starts.items():
            await _start_and_memory(figures[name], partial(start, directory, provider))
        running = {
            name: stack.enter_context(start(directory, provider)) for name, start in starts.items()
        }
        await _processor_time(figures, running)
        await _fallback(figures["elizanet"], running["elizanet"])
        await _recorded(figures["elizanet"], directory, provider, python)
        direct = await _latencies(figures, running, provider)
    return Measured(figures["elizanet"], figures["nginx"], direct)


async def _start_and_memory(
    figures: Figures, start: Callable[[], AbstractContextManager[Subject]]
) -> None:
    taken = []
    for _ in range(STARTS):
        with start() as subject:
            taken.append(subject.started_in)
            name = subject.name
    figures.start_s = statistics.median(taken)
    with start() as subject:
        time.sleep(SETTLE_S)  # noqa: ASYNC251 -- nothing else is to run
        figures.idle_mb = subject.memory_mb()
        async with load.open_streams(subject.port, OPEN_STREAMS):
            figures.streams_mb = subject.memory_mb()
    _tell(f"{name}: started in {figures.start_s:.2f} s, {figures.streams_mb:.0f} MB with streams")


async def _processor_time(figures: Mapping[str, Figures], running: Mapping[str, Subject]) -> None:
    for name, rounds in (await _in_turn(running, many, ROUNDS)).items():
        figures[name].unary_us = _quartile(r.cpu_us for r in rounds) / REQUESTS
        figures[name].per_second = REQUESTS / _quartile(r.seconds for r in rounds)
        figures[name].busy = statistics.median(r.busy for r in rounds)
    for name, rounds in (await _in_turn(running, streaming, STREAM_ROUNDS)).items():
        figures[name].event_us = _quartile(r.cpu_us for r in rounds) / (STREAMS * EVENTS)
    for name, rounds in (await _in_turn(running, alone, ROUNDS)).items():
        figures[name].alone_us = _quartile(r.cpu_us for r in rounds) / REQUESTS_ALONE


async def _fallback(figures: Figures, gateway: Subject) -> None:
    rounds = (await _in_turn({"": gateway}, many_falling, ROUNDS))[""]
    figures.fallback_us = _quartile(r.cpu_us for r in rounds) / REQUESTS
    rounds = (await _in_turn({"": gateway}, alone_falling, ROUNDS))[""]
    figures.fallback_latency_us = _percentile(rounds, 50)


async def _recorded(figures: Figures, directory: Path, provider: int, python: str) -> None:
    """Measure a request that is recorded: with all that the thread behind it does later."""
    database = f"sqlite:///{directory}/records.db"
    with subjects.gateway(directory, provider, python=python, database=database) as gateway:
        spent = []
        for _ in range(RECORDED_ROUNDS):
            before = gateway.cpu_us()
            await many(gateway.port)
            await asyncio.sleep(RECORDING_S)
            spent.append(gateway.cpu_us() - before)
    figures.recorded_us = _quartile(spent) / REQUESTS


async def _latencies(
    figures: Mapping[str, Figures], running: Mapping[str, Subject], provider: int
) -> dict[int, float]:
    """Fill in the latencies at concurrency 1; return those without a subject in between."""
    direct: list[Round] = []
    through: dict[str, list[Round]] = {name: [] for name in running}
    for _ in range(ROUNDS):
        direct.append(Round(1.0, 0.0, await alone(provider)))
        for name, subject in running.items():
            through[name].append(await _round(subject, alone))
    for name, rounds in through.items():
        figures[name].latency_us = {50: _percentile(rounds, 50), 99: _percentile(rounds, 99)}
    return {50: _percentile(direct, 50), 99: _percentile(direct, 99)}


async def _in_turn(
    running: Mapping[str, Subject], work: Load, count: int
) -> dict[str, list[Round]]:
    """Do so many rounds with each subject, in turn; the first one is for warming up."""
    rounds: dict[str, list[Round]] = {name: [] for name in running}
    for number in range(count + 1):
        for name, subject in running.items():
            done = await _round(subject, work)
            if number:
                rounds[name].append(done)
    told = ", ".join(
        f"{name or 'elizanet'} {_quartile(r.cpu_us for r in done) / 1e3:.0f} ms a round"
        for name, done in rounds.items()
    )
    _tell(told)
    return rounds


async def _round(subject: Subject, work: Load) -> Round:
    """Do one round; again if the gateway shed a call because something else had its core."""
    for _ in range(TRIES):
        cpu, began = subject.cpu_us(), time.perf_counter()
        try:
            latencies = await work(subject.port)
        except load.RefusedError as refused:
            _tell(f"{subject.name} refused, once more: {refused}")
            await asyncio.sleep(SETTLE_S)
            continue
        return Round(time.perf_counter() - began, subject.cpu_us() - cpu, latencies)
    raise SystemExit("the machine is too busy to measure anything")


def _percentile(rounds: Iterable[Round], percent: int) -> float:
    """Return the lower quartile, over the rounds, of a percentile of their latencies, in us."""
    return _quartile(statistics.quantiles(r.latencies, n=100)[percent - 1] for r in rounds) * 1e6


def _quartile(values: Iterable[float]) -> float:
    return statistics.quantiles(values, n=4)[0]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
