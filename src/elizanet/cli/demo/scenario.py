"""A scenario: what goes wrong, what is asked, and what must come of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from elizanet.call import Attempt
from elizanet.errors import FailureClass
from elizanet.library import Elizanet
from elizanet.settings import HedgeSettings, StreamSettings

Ask = Callable[[Elizanet], AsyncIterator[str]]
"""Asks something, and yields what the caller gets, piece by piece."""

ANSWERED: Final = "answered"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must come of `times` calls, one after the other.

    `path` is who must be asked, in order, and what must come of it: `"primary: timeout"`,
    `"backup: answered"`. `answer` is a glob for what the caller must get, `error` the class
    of failure that must reach the caller, if one must, and `retry_after` the whole seconds
    that the error must ask it to wait.
    """

    path: tuple[str, ...]
    answer: str = ""
    error: FailureClass | None = None
    retry_after: int | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """One rehearsal with two providers, `primary` and `backup`.

    `primary` and `backup` are what is wrong with each, as faults of `elizanet.testing`; with
    `same_words` the backup answers as the primary would, word for word. `wanted` is what must
    come of each call. The rest are settings: `patience` is the seconds that `primary` is
    given, `keys` the keys that it has.
    """

    name: str
    shows: str
    ask: Ask
    wanted: tuple[Wanted, ...]
    primary: tuple[str, ...] = ()
    backup: tuple[str, ...] = ()
    same_words: bool = False
    fallback_enabled: bool = True
    patience: float = 3.0
    keys: tuple[str, ...] = ()
    hedge: HedgeSettings = field(default_factory=HedgeSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)

    @property
    def calls(self) -> tuple[Wanted, ...]:
        """What must come of each single call, in order."""
        return tuple(wanted for wanted in self.wanted for _ in range(wanted.times))


@dataclass(frozen=True, slots=True)
class Got:
    """What came of one call.

    `answer` is what the caller got, `error` the class of what was raised, `message` its
    sentence and `retry_after` the seconds it asks to wait. `seconds` is how long the caller
    waited, `id` what the call is called in the records.
    """

    attempts: tuple[Attempt, ...]
    answer: str = ""
    error: FailureClass | None = None
    message: str = ""
    retry_after: float | None = None
    seconds: float = 0.0
    id: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """Who was asked and what came of it, as `Wanted.path` writes it."""
        return tuple(f"{a.provider}: {a.failure_class or ANSWERED}" for a in self.attempts)


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of a scenario.

    `received` counts the requests that each provider saw on its socket. `late` says that the
    scenario was stopped.
    """

    calls: tuple[Got, ...]
    received: Mapping[str, int]
    late: bool = False

    @property
    def seconds(self) -> float:
        """How long the callers waited, all together."""
        return sum(got.seconds for got in self.calls)


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
    several = len(scenario.calls) > 1
    for number, (wanted, got) in enumerate(zip(scenario.calls, performance.calls, strict=False), 1):
        for problem in _problems_of_call(wanted, got):
            yield f"call {number}: {problem}" if several else problem
    yield from _keys_used_again(performance.calls)
    for provider, count in performance.received.items():
        if count != (wanted_count := _requests(scenario.calls, provider)):
            yield f"{provider} received {count} requests instead of {wanted_count}"


def _problems_of_call(wanted: Wanted, got: Got) -> Iterator[str]:
    if got.path != wanted.path:
        told, right = (", ".join(path) or "nobody" for path in (got.path, wanted.path))
        yield f"asked were {told} instead of {right}"
    if got.error != wanted.error:
        raised, right = got.error or "no error", wanted.error or "no error"
        yield f"the caller got {raised} instead of {right} {got.message}".rstrip()
    if not fnmatchcase(got.answer, wanted.answer):
        yield f"the caller got {got.answer[:100]!r} instead of {wanted.answer!r}"
    if wanted.retry_after is not None and not _is_about(got.retry_after, wanted.retry_after):
        yield f"the caller is to wait {got.retry_after} s instead of {wanted.retry_after} s"


def _is_about(seconds: float | None, wanted: int) -> bool:
    """Tell whether it is what was stated, less the time that has passed since."""
    return seconds is not None and wanted - 1 <= seconds <= wanted


def _keys_used_again(calls: Iterable[Got]) -> Iterator[str]:
    refused = set()
    for attempt in (attempt for got in calls for attempt in got.attempts):
        if attempt.key in refused:
            yield f"{attempt.key} was used again after it had been refused"
        if attempt.failure_class is FailureClass.AUTH:
            refused.add(attempt.key)


def _requests(calls: Sequence[Wanted], provider: str) -> int:
    """Count the requests that must reach a provider: a refused connection carries none."""
    steps = (step for wanted in calls for step in wanted.path if step.startswith(f"{provider}: "))
    return sum(not step.endswith(FailureClass.CONNECTION) for step in steps)
