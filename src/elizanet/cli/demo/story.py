"""The path of a request in words: who was asked, what failed, who answered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from elizanet.call import Attempt
from elizanet.cli.demo.scenario import ANSWERED, Got, Result
from elizanet.errors import FailureClass


@dataclass(frozen=True, slots=True)
class Step:
    """One provider and what came of asking it, `times` in a row."""

    provider: str
    status: int | None
    outcome: str
    times: int
    answered: bool

    def told(self, *, with_status: bool) -> str:
        """Say what came of it: the status if there was one, the class, how often."""
        status = f"{self.status} " if with_status and self.status and not self.answered else ""
        return f"{status}{self.outcome}{f' x{self.times}' if self.times > 1 else ''}"


def steps(attempts: Sequence[Attempt]) -> Iterator[Step]:
    """Yield the steps of a path; equal attempts in a row are one."""
    for (provider, status, failure), same in groupby(attempts, _same):
        yield Step(provider, status, failure or ANSWERED, len(list(same)), failure is None)


def _same(attempt: Attempt) -> tuple[str, int | None, FailureClass | None]:
    return attempt.provider, attempt.status, attempt.failure_class


def alike(calls: Sequence[Got]) -> list[tuple[str, Got]]:
    """Return the first of each row of calls that went alike, and in words how many they are.

    Nothing has to be said where they are all there is.
    """
    rows = [list(same) for _, same in groupby(calls, lambda got: (got.path, _received(got)))]
    if len(rows) == 1:
        return [("", rows[0][0])]
    return [(f"{len(row)} call{'s' * (len(row) > 1)}: ", row[0]) for row in rows]


def told(got: Got) -> str:
    """Say the path of a call in one line of ASCII."""
    path = [f"{s.provider} {s.told(with_status=True)}" for s in steps(got.attempts)]
    if got.error is not None:
        path.append("error")
    return " -> ".join(path if got.attempts else ["nobody asked", *path])


def received(calls: Sequence[tuple[str, Got]]) -> list[str]:
    """Say what the callers got; what several got alike is said once."""
    return list(dict.fromkeys(_received(got) for _, got in calls))


def _received(got: Got) -> str:
    if got.error is None:
        return got.answer
    if got.answer:
        return f"{got.answer} ... and an error"
    again = "" if got.retry_after is None else f", again in {math.ceil(got.retry_after)} s"
    return f"error: {got.error}{again}"


def summary(results: Sequence[Result], seconds: float) -> str:
    """Say in one line how it went."""
    wrong = [result.scenario.name for result in results if result.problems]
    if wrong:
        return f"{len(wrong)} of {len(results)} scenarios did not behave: {', '.join(wrong)}"
    if len(results) == 1:
        return f"the scenario behaved as it should ({seconds:.1f} s)"
    return f"all {len(results)} scenarios behaved as they should ({seconds:.1f} s)"
