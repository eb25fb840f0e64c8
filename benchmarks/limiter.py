"""What a limit on concurrent calls costs where none is needed, and gains where one is.

    python -m benchmarks.limiter            # prints the table; a minute or two
    python -m benchmarks.limiter --write    # and writes limiter.md

The real engine in virtual time: two providers, streams of five seconds, so many calls that 90 are
in flight on average, the second provider always well. Compared are our limiter and AIMD, which adds
1 a round and cuts at each 429, 502, 503 and 529, with a limit of 32 at the start and with none.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from unittest.mock import patch

from elizanet.engine import Chain
from elizanet.policy.limiter import DECREASE, MOST, Limiter
from elizanet.target import Target
from elizanet.testing.simulation import (
    BEHAVIOURS,
    Capacity,
    Client,
    Latency,
    Outcome,
    Phase,
    Window,
    World,
)
from elizanet.testing.simulation.error_facts import ErrorFacts
from elizanet.testing.simulation.failures import Failures

REPORT = Path(__file__).with_suffix(".md")
SECONDS = 180.0
HOLD_S = 5.6
LATENCY = Latency(first=0.6, events=20, pause=0.25)
RATE = 90 / HOLD_S
SLOTS = 20
FLEET = Phase(inf, calls=100)
STEADY = Phase(RATE, seconds=SECONDS)


class Aimd(Limiter):
    """One more a round, and less at each refusal."""

    __slots__ = ()

    def success(self) -> None:
        if self.limit < MOST and self.in_flight >= self.limit / 2:
            self.limit = min(MOST, self.limit + 1 / self.limit)

    def overload(self, now: float, round_trip: float) -> None:
        if now - self._cut_at >= max(1.0, round_trip):
            self._cut_at = now
            self.limit = max(1.0, DECREASE * min(self.limit, float(self.in_flight)))


class StartsAt32(Aimd):
    """So, and with a limit at the start."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.limit = 32.0

    def reset(self) -> None:
        self.limit = 32.0


SUBJECTS: Mapping[str, type[Limiter]] = {
    "AIMD from 32": StartsAt32,
    "AIMD from no limit": Aimd,
    "ours": Limiter,
}


class Throttling(Failures):
    """Says 429 where others say 503."""

    def status(self, status: int, *headers: tuple[str, str]) -> ErrorFacts:
        return super().status(429 if status == 503 else status, *headers)


@dataclass(frozen=True)
class Situation:
    """What the first provider is like; `must` is the share that it cannot answer."""

    name: str
    must: float
    load: tuple[Phase, ...] = (STEADY,)
    windows: tuple[Window, ...] = ()
    slots: float = inf
    failures: Failures = field(default_factory=Failures)


def overloaded(share: float) -> Situation:
    window = Window(BEHAVIOURS["overloaded"], share=share)
    return Situation(f"{share:.0%} of its calls fail with 503 or 529", share, windows=(window,))


SITUATIONS = (
    Situation("a fleet of 100 streams starts, all is well", 0.0, (FLEET,)),
    Situation(
        "90 in flight, one moment (50 ms) of 503",
        0.0,
        windows=(Window(BEHAVIOURS["overloaded"], 60.0, 60.05),),
    ),
    *map(overloaded, (0.05, 0.1, 0.2)),
    Situation("takes 20 at once, then 503", 1 - SLOTS / 90, (FLEET, STEADY), slots=SLOTS),
    Situation(
        "takes 20 at once, then 429",
        1 - SLOTS / 90,
        (FLEET, STEADY),
        slots=SLOTS,
        failures=Throttling(),
    ),
)


def cell(limiter: type[Limiter], situation: Situation) -> str:
    """Return what came of it: answered elsewhere, attempts per call, lost."""
    with ExitStack() as stack:
        stack.enter_context(patch("elizanet.health.registry.Limiter", limiter))
        if issubclass(limiter, Aimd):
            stack.enter_context(patch("elizanet.health.lane.CERTAIN", 0.0))
        world = World(1, failures=situation.failures)
        capacity = Capacity(situation.slots, longest_queue=0)
        first = world.server("a", *situation.windows, latency=LATENCY, capacity=capacity)
        second = world.server("b", latency=LATENCY)
        targets = [Target(first.provider()), Target(second.provider())]
        registry, chance = world.registry, world.chance
        chain = Chain("c", targets, registry=registry, chance=chance, emit=world.emit)
        results = world.run(Client(world, chain, stream=True).ask, situation.load)
    elsewhere = sum(name == "b" for name in map(results.providers.__getitem__, results.by))
    lost = len(results) - results.count(Outcome.ANSWERED)
    share, attempts = elsewhere / len(results), results.attempts_per_call()
    return f"{share:.1%}, {attempts:.2f}" + (f", **{lost} lost**" if lost else "")


def table() -> str:
    """Return the table, made anew."""
    head = ["the first provider", "at least", *SUBJECTS]
    lines = [head, ["---"] * len(head)]
    for situation in SITUATIONS:
        cells = [cell(limiter, situation) for limiter in SUBJECTS.values()]
        lines.append([situation.name, f"{situation.must:.1%}", *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    given = parser.parse_args()
    measured = table()
    print(measured)
    if given.write:
        REPORT.write_text(f"{_TEXT}\n{measured}\n", encoding="utf-8")


_TEXT = f"""# The limiter

Made by `python -m benchmarks.limiter --write`: the real engine in virtual time, streams of
{HOLD_S:g} s, {RATE:.0f} calls a second for {SECONDS:.0f} s (90 in flight), a second provider that
is always well. Each cell: the share of the calls that the second provider answered, and attempts a
call. "At least" is the share that the first one cannot answer, whatever is done.
"""


if __name__ == "__main__":
    main()
