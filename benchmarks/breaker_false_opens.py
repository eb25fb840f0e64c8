"""How soon a breaker finds a target that is down, and how often it errs: ours and four others.

    python -m benchmarks.breaker_false_opens            # a minute or two
    python -m benchmarks.breaker_false_opens --long     # 10^8 calls for ours; ten minutes
    python -m benchmarks.breaker_false_opens --write    # and writes breaker_false_opens.md

Outcomes go straight into each detector, 20 a second of virtual time, each of a call that took
as long as the next one is away; failures are independent.
Ours is the real `Breaker`. Successes that change nothing (its score is 0) are passed over.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from elizanet.policy.breaker import Breaker, BreakerState

REPORT = Path(__file__).with_suffix(".md")
RATE = 20.0
LEASE_S = 2.0
SHARES = (0.05, 0.10, 0.20)
HEALTHY_CALLS = 600
OUTAGES = 2_000


class Detector(Protocol):
    """Hears of outcomes; `failure` tells whether it opens."""

    def failure(self, now: float) -> bool:
        """Count a failure; true if the target is believed to be down."""

    def success(self, now: float) -> bool:
        """Count a success; true if further ones before the next failure change nothing."""


class Score:
    """Ours: the real breaker."""

    def __init__(self) -> None:
        self._breaker = Breaker(chance=random.Random(1))
        self._ticket = self._breaker.enter(0.0, LEASE_S)

    def failure(self, now: float) -> bool:
        self._breaker.failure(self._ticket, now, "failed", lasted=1 / RATE)
        return self._breaker.state is BreakerState.OPEN

    def success(self, now: float) -> bool:
        self._breaker.success(self._ticket, now)
        return not self._breaker.score(now)


class InARow:
    """So many failures one after the other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._row = 0

    def failure(self, now: float) -> bool:  # noqa: ARG002 -- the interface
        self._row += 1
        return self._row >= self._most

    def success(self, now: float) -> bool:  # noqa: ARG002 -- the interface
        self._row = 0
        return True


class Share:
    """A share of the calls of the last 30 s, if there were enough of them."""

    def __init__(self, share: float, least: int) -> None:
        self._share = share
        self._least = least
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0

    def failure(self, now: float) -> bool:
        self._failures += 1
        self._add(now, failed=True)
        enough = len(self._calls) >= self._least
        return enough and self._failures >= self._share * len(self._calls)

    def success(self, now: float) -> bool:
        self._add(now, failed=False)
        return False

    def _add(self, now: float, *, failed: bool) -> None:
        self._calls.append((now, failed))
        while self._calls[0][0] <= now - 30.0:
            self._failures -= self._calls.popleft()[1]


@dataclass(frozen=True)
class Subject:
    """A detector, and how many calls of it are worth the time, as a share of ours."""

    name: str
    made: Callable[[], Detector]
    effort: float = 0.1


OURS = Subject("leaky score: +1, -1/2, open at 8 (ours)", Score, 1.0)
SUBJECTS = (
    OURS,
    Subject("5 failures in a row", lambda: InARow(5)),
    Subject("8 failures in a row", lambda: InARow(8)),
    Subject("50 % of 30 s, at least 100 calls", lambda: Share(0.5, 100), 0.02),
    Subject("10 % of 30 s, at least 100 calls", lambda: Share(0.1, 100), 0.02),
)


def false_opens(made: Callable[[], Detector], share: float, calls: int, seed: int = 1) -> int:
    """Return how often it opens in so many calls to a target that fails this share of them."""
    chance, opens, number = random.Random(seed), 0, 0
    detector = made()
    between = math.log1p(-share)
    while number < calls:
        successes = int(math.log(1.0 - chance.random()) / between)
        for passed in range(1, min(successes, calls - number) + 1):
            if detector.success((number + passed) / RATE):
                break
        number += successes + 1
        if number <= calls and detector.failure(number / RATE):
            opens += 1
            detector = made()
    return opens


def detection(made: Callable[[], Detector], share: float) -> float:
    """Return how many calls it takes on average to open, from a healthy target to such a one."""
    total = 0
    for seed in range(OUTAGES):
        chance, detector, number, down = random.Random(seed), made(), 0, False
        for number in range(HEALTHY_CALLS):
            detector.success(number / RATE)
        while not down:
            number += 1
            if chance.random() < share:
                down = detector.failure(number / RATE)
            else:
                detector.success(number / RATE)
        total += number - HEALTHY_CALLS + 1
    return total / OUTAGES


def row(subject: Subject, calls: int) -> list[str]:
    """Return the line of one detector."""
    cells = [subject.name]
    cells += [f"{detection(subject.made, share):.0f}" for share in (1.0, 0.5)]
    tried = int(calls * subject.effort)
    for share in SHARES:
        # Opening is the rule at 20 %: a tenth of the calls says enough.
        count = tried if share < max(SHARES) else tried // 10
        opens = false_opens(subject.made, share, count)
        cells.append(f"none in {_told(count)}" if not opens else f"1 in {_told(count / opens)}")
    return cells


def section(calls: int) -> str:
    """Return the table, made anew with so many calls for ours."""
    head = ["detector", "calls to find 100 %", "50 % failures"]
    head += [f"false opens at {share:.0%}" for share in SHARES]
    lines = [head, ["---"] * len(head), *(row(subject, calls) for subject in SUBJECTS)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _told(count: float) -> str:
    for size, name in ((1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{name}"
    return f"{count:.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="10^8 calls instead of 10^7")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    given = parser.parse_args(arguments)
    table = section(10**8 if given.long else 10**7)
    print(table)
    if given.write:
        command = "python -m benchmarks.breaker_false_opens --long --write"
        REPORT.write_text(f"{_TEXT.format(command=command)}\n{table}\n", encoding="utf-8")


_TEXT = """# How a breaker finds out

Made by `{command}`.

Independent failures at 20 calls a second; a healthy target before each outage. Few calls to find an
outage and many calls between two false opens are good. A share of a window is slow, because the
window is full of what was before. Failures in a row err often or, if many are asked for, hardly
see an outage that lets some calls through.
"""


if __name__ == "__main__":
    main()
