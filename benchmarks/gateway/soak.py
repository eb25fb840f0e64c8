"""Does the gateway last? Twenty minutes at 70 % of capacity, with one provider or another failing.

    python -m benchmarks.gateway.soak                 # twenty minutes
    python -m benchmarks.gateway.soak --write         # and writes benchmarks/soak.md
    python -m benchmarks.gateway.soak --minutes 2     # only whether calls are lost
    python -m benchmarks.gateway.soak --share 0.4     # on a machine that others use, too

One call in five is a stream, and the providers fail in turn (`soak_provider`). First the capacity
is measured: the calls a second that would keep the gateway's core busy, by what a call costs while
each of the faults happens once. Then callers ask at 70 % of it. Exits with 1 if a call is lost, a
broken stream is passed off as whole, or, from ten minutes on, memory or descriptors grow.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop
from benchmarks.gateway import load, subjects, traffic
from benchmarks.gateway.soak_load import EVENTS, Crowd, Outcomes
from benchmarks.gateway.soak_provider import FAULTS, FAULTY, PHASE_S, PROVIDERS
from benchmarks.gateway.subjects import TRAFFIC_CORE, Subject

TARGET: Final = Path(__file__).parent.parent / "soak.md"
SHARE: Final = 0.7
WARM_UP_S: Final = 5.0
CALIBRATION_PER_SECOND: Final = 1_000.0
CALIBRATION_S: Final = PHASE_S * len(FAULTS)
SAMPLE_S: Final = 1.0
TOLD_EVERY: Final = 10
SETTLE_S: Final = 3.0
WARM_UP: Final = 0.25
"""The part of the time after which memory may no longer grow."""
JUDGED_FROM_S: Final = 600.0
"""Seconds of a soak in which it can be seen: every fault has come at every provider after four
minutes, and each has its own first time."""
MOST_GROWTH_MB: Final = 2.0
MOST_SHED: Final = 0.001
"""The part of the calls that may be shed because a neighbour on the machine had a burst."""
MOST_MORE_DESCRIPTORS: Final = 32

_SETTINGS: Final = """
[gateway]
keys = ["env:BENCHMARK_KEY"]
max_in_flight = 10_000
[providers.p0]
base_url = "http://127.0.0.1:{provider}/0/v1"
[providers.p1]
base_url = "http://127.0.0.1:{provider}/1/v1"
[providers.p2]
base_url = "http://127.0.0.1:{provider}/2/v1"
[models.model-0]
chain = ["p0/*", "p1/*", "p2/*"]
[models.model-1]
chain = ["p1/*", "p2/*", "p0/*"]
[models.model-2]
chain = ["p2/*", "p0/*", "p1/*"]
[models."{plain}"]
chain = ["p0/*", "p1/*", "p2/*"]
[timeouts]
attempt = 2.0
first_event = 2.0
"""
"""A third of the calls wait two seconds for a provider that has just fallen silent: at this rate
more than the 1,000 that may be in flight by default."""


@dataclass(frozen=True)
class Sample:
    """The gateway at one moment."""

    seconds: float
    memory_mb: float
    descriptors: int
    waiting: int


def recording(directory: Path, provider: int) -> AbstractContextManager[Subject]:
    """Run a gateway that records its calls."""
    database = f"sqlite:///{directory}/records.db"
    return subjects.gateway(directory, provider, _SETTINGS, database=database)


def failing_providers() -> AbstractContextManager[int]:
    """Run the providers that fail in turn; gives their port."""
    return subjects.provider("benchmarks.gateway.soak_provider")


async def capacity(directory: Path) -> float:
    """Return the calls a second that would take all of the gateway's core."""
    with failing_providers() as port, recording(directory, port) as gateway:
        crowd = Crowd(gateway.port, CALIBRATION_PER_SECOND)
        await crowd.ask_for(WARM_UP_S)
        used, sent = gateway.cpu_us(), crowd.outcomes.sent
        await crowd.ask_for(CALIBRATION_S)
        a_call_us = (gateway.cpu_us() - used) / (crowd.outcomes.sent - sent)
        await crowd.leave()
    return 1e6 / a_call_us


@dataclass
class Soak:
    """What came of a soak. `left_in_flight`: calls that the gateway still counted after it."""

    capacity: float
    share: float
    outcomes: Outcomes
    samples: list[Sample]
    left_in_flight: int

    @property
    def growth_mb(self) -> float:
        """By how much memory grew after the warm-up, by the line through its samples."""
        warm = self.samples[int(len(self.samples) * WARM_UP) :]
        times = [sample.seconds for sample in warm]
        slope, _ = statistics.linear_regression(times, [sample.memory_mb for sample in warm])
        return slope * (times[-1] - times[0])

    @property
    def growth_descriptors(self) -> float:
        """By how many more descriptors were open in the last quarter than in the second."""
        quarter = len(self.samples) // 4
        last, second = self.samples[-quarter:], self.samples[quarter : 2 * quarter]
        return _descriptors(last) - _descriptors(second)

    def faults(self) -> list[str]:
        """Return what is not as it has to be."""
        outcomes, growth, more = self.outcomes, self.growth_mb, self.growth_descriptors
        is_long = self.samples[-1].seconds >= JUDGED_FROM_S
        found = {
            f"{outcomes.lost} calls lost": outcomes.lost > 0,
            f"{outcomes.shed} calls shed": outcomes.shed > MOST_SHED * outcomes.sent,
            f"{self.left_in_flight} calls never ended": self.left_in_flight > 0,
            f"memory grew by {growth:.1f} MB": is_long and growth > MOST_GROWTH_MB,
            f"{more:.0f} more descriptors": is_long and more > MOST_MORE_DESCRIPTORS,
        }
        return [fault for fault, is_there in found.items() if is_there]


async def soak(directory: Path, capacity: float, share: float, seconds: float) -> Soak:
    """Ask for so long at this share of the capacity, while providers fail."""
    with failing_providers() as port, recording(directory, port) as gateway:
        crowd = Crowd(gateway.port, capacity * share)
        samples: list[Sample] = []
        watch = asyncio.create_task(_watch(gateway, crowd, samples))
        await crowd.ask_for(seconds)
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await crowd.leave()
        await asyncio.sleep(SETTLE_S)
        return Soak(capacity, share, crowd.outcomes, samples, _in_flight(gateway.port))


async def _watch(gateway: Subject, crowd: Crowd, samples: list[Sample]) -> None:
    began = time.perf_counter()
    while True:
        await asyncio.sleep(SAMPLE_S)
        seconds = time.perf_counter() - began
        sample = Sample(seconds, gateway.memory_mb(), gateway.descriptors(), crowd.waiting)
        samples.append(sample)
        if len(samples) % TOLD_EVERY == 0:
            print(f"{sample} {crowd.outcomes}", file=sys.stderr, flush=True)


def _in_flight(port: int) -> int:
    """Return how many calls the gateway counts; asking is none of them."""
    connection = http.client.HTTPConnection(load.HOST, port, timeout=5)
    connection.request("GET", "/status", headers={"authorization": f"Bearer {traffic.KEY}"})
    with closing(connection):
        count: int = json.load(connection.getresponse())["in_flight"]
    return count


def _descriptors(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.descriptors for sample in samples)


def _report(done: Soak) -> str:
    outcomes, last = done.outcomes, done.samples[-1]
    return f"""\
# The gateway while its providers fail

Written by `python -m benchmarks.gateway.soak --write`: {last.seconds / 60:.0f} minutes at \
{done.share:.0%} of its capacity on one core,
recorded in SQLite. One call in five is a stream of {EVENTS} events. Every {PHASE_S:.0f} s another \
of the {PROVIDERS} providers
fails in another of {len(FAULTS)} ways, for {FAULTY * PHASE_S:.0f} s. The capacity is what would \
take all of the core, by what a call costs
at {CALIBRATION_PER_SECOND:,.0f} calls a second with the same failures.

| | |
| --- | --- |
| capacity | {done.capacity:,.0f} calls a second, {1e6 / done.capacity:,.0f} us of CPU each |
| calls | {outcomes.sent:,}, {done.capacity * done.share:,.0f} a second |
| answered whole | {outcomes.whole:,} |
| streams that broke after their first content, and said so | {outcomes.told:,} |
| shed | {outcomes.shed:,} |
| lost | {outcomes.lost:,} |
| time to the end of an answer | p50 {outcomes.percentile(50):.1f} ms, \
p99 {outcomes.percentile(99):.0f} ms |
| memory | {last.memory_mb:.1f} MB at the end, {done.growth_mb:+.1f} MB after the warm-up |
| descriptors | {last.descriptors} at the end, {done.growth_descriptors:+.0f} from the second \
quarter to the last |
| calls that never ended | {done.left_in_flight} |
"""


async def _run(minutes: float, share: float) -> Soak:
    with tempfile.TemporaryDirectory() as directory:
        found = await capacity(Path(directory))
        print(f"capacity: {found:,.0f} calls a second", file=sys.stderr, flush=True)
        return await soak(Path(directory), found, share, 60 * minutes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--share", type=float, default=SHARE, help="the part of the capacity used")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name} as well")
    given = parser.parse_args()
    os.sched_setaffinity(0, {TRAFFIC_CORE})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave no subject running
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(_run(given.minutes, given.share))
    text = _report(done)
    print("\n".join([text, *done.outcomes.losses]))
    if given.write:
        TARGET.write_text(text)
    if faults := done.faults():
        sys.exit(f"failed: {', '.join(faults)}")


if __name__ == "__main__":
    main()
