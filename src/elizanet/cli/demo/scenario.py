"""A scenario: what goes wrong, what is asked, and what must come of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from elizanet.call import Attempt
from elizanet.errors import FailureClass
from elizanet.library import Elizanet

Ask = Callable[[Elizanet], AsyncIterator[str]]
"""Asks something, and yields what the caller gets, piece by piece."""

ANSWERED: Final = "answered"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One rehearsal with two providers, `primary` and `backup`.

    `primary` and `backup` are what is wrong with each, as faults of `elizanet.testing`.
    `path` is who must be asked, in order, and what must come of it: `"primary: timeout"`,
    `"backup: answered"`. `answer` is a glob for what the caller must get, `error` the class
    of failure that must reach the caller, if one must. `patience` is the seconds that
    `primary` is given.
    """

    name: str
    shows: str
    ask: Ask
    path: tuple[str, ...]
    primary: tuple[str, ...] = ()
    backup: tuple[str, ...] = ()
    answer: str = ""
    error: FailureClass | None = None
    fallback_enabled: bool = True
    patience: float = 3.0


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of a scenario.

    `answer` is what the caller got, `error` what was raised and its sentence. `received`
    counts the requests that each provider saw on its socket. `seconds` is how long the
    caller waited. `late` says that the scenario was stopped.
    """

    attempts: tuple[Attempt, ...]
    answer: str
    seconds: float
    received: Mapping[str, int]
    error: FailureClass | None = None
    message: str = ""
    late: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """Who was asked and what came of it, as `Scenario.path` writes it."""
        return tuple(f"{a.provider}: {a.failure_class or ANSWERED}" for a in self.attempts)


@dataclass(frozen=True, slots=True)
class Result:
    """A scenario, what came of it, and in sentences what should not have come of it."""

    scenario: Scenario
    performance: Performance
    problems: tuple[str, ...]


def judged(scenario: Scenario, performance: Performance) -> Result:
    """Hold what came of a scenario against what it wants."""
    return Result(scenario, performance, tuple(_problems(scenario, performance)))


def _problems(scenario: Scenario, performance: Performance) -> Iterator[str]:
    if performance.late:
        yield "it did not come to an end"
    if performance.path != scenario.path:
        told, wanted = (", ".join(path) or "nobody" for path in (performance.path, scenario.path))
        yield f"asked were {told} instead of {wanted}"
    if performance.error != scenario.error:
        told, wanted = performance.error or "no error", scenario.error or "no error"
        yield f"the caller got {told} instead of {wanted} {performance.message}".rstrip()
    if not fnmatchcase(performance.answer, scenario.answer):
        yield f"the caller got {performance.answer[:100]!r} instead of {scenario.answer!r}"
    for provider, count in performance.received.items():
        if count != (wanted_count := _requests(scenario, provider)):
            yield f"{provider} received {count} requests instead of {wanted_count}"


def _requests(scenario: Scenario, provider: str) -> int:
    """Count the requests that must reach a provider: a refused connection carries none."""
    steps = (step for step in scenario.path if step.startswith(f"{provider}: "))
    return sum(not step.endswith(FailureClass.CONNECTION) for step in steps)
