"""What became of the calls of a simulation, as columns of numbers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from math import inf


class Outcome(IntEnum):
    """What a caller got."""

    ANSWERED = 0
    """A whole answer."""
    FAILED = 1
    """An error before anything was shown."""
    BROKE = 2
    """An error after a part of the answer."""
    LEFT = 3
    """Nothing: the caller went away."""


class Results:
    """One row a call; times are seconds of the loop's clock.

    `waited` is the time until the answer could be shown, or the error. `attempts` are those
    that reached a provider. `by` is the index of the provider that answered in `providers`,
    -1 where none did.
    """

    def __init__(self) -> None:
        self.arrived = array("d")
        self.waited = array("d")
        self.ended = array("d")
        self.outcome = array("b")
        self.attempts = array("b")
        self.by = array("b")
        self.providers: list[str] = []

    def __repr__(self) -> str:
        told = " ".join(f"{o.name.lower()}={self.count(o)}" for o in Outcome)
        return f"<Results calls={len(self)} {told}>"

    def __len__(self) -> int:
        return len(self.arrived)

    def add(
        self,
        arrived: float,
        waited: float,
        ended: float,
        outcome: Outcome,
        attempts: int,
        provider: str | None,
    ) -> None:
        """Add a call that has ended."""
        if provider is not None and provider not in self.providers:
            self.providers.append(provider)
        self.arrived.append(arrived)
        self.waited.append(waited)
        self.ended.append(ended)
        self.outcome.append(outcome)
        self.attempts.append(attempts)
        self.by.append(-1 if provider is None else self.providers.index(provider))

    def rows(self, start: float = -inf, end: float = inf) -> Iterator[int]:
        """Yield the rows of the calls that arrived in a span of time."""
        return (row for row, at in enumerate(self.arrived) if start <= at < end)

    def count(self, outcome: Outcome, start: float = -inf, end: float = inf) -> int:
        """Return how many calls of a span came to this."""
        return sum(self.outcome[row] == outcome for row in self.rows(start, end))

    def success(self, start: float = -inf, end: float = inf) -> float:
        """Return the share of whole answers among the calls of a span; 1 if there were none."""
        rows = list(self.rows(start, end))
        good = sum(self.outcome[row] == Outcome.ANSWERED for row in rows)
        return good / len(rows) if rows else 1.0

    def attempts_per_call(self, start: float = -inf, end: float = inf) -> float:
        """Return the mean number of attempts that the calls of a span cost the providers."""
        rows = list(self.rows(start, end))
        return sum(self.attempts[row] for row in rows) / len(rows) if rows else 0.0

    def waits(self, start: float = -inf, end: float = inf) -> list[float]:
        """Return, sorted, how long the answers of a span were waited for."""
        good = Outcome.ANSWERED
        return sorted(self.waited[r] for r in self.rows(start, end) if self.outcome[r] == good)

    def last(self, wanted: Callable[[int], bool]) -> float | None:
        """Return when the last call arrived whose row is wanted."""
        found = [self.arrived[row] for row in range(len(self)) if wanted(row)]
        return max(found, default=None)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the sorted values lies; 0 without values."""
    if not values:
        return 0.0
    return values[min(len(values) - 1, int(len(values) * share))]
