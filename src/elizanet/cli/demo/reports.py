"""The demo off a terminal: plain lines for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol, Self

import click

from elizanet.call import Attempt
from elizanet.cli.demo import story
from elizanet.cli.demo.scenario import Got, Result, Scenario
from elizanet.telemetry import attempt_fields


class Report(Protocol):
    """Shows the demo as it goes on."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def begins(self, scenario: Scenario) -> None: ...

    def goes_on(self, attempts: tuple[Attempt, ...], answer: str) -> None: ...

    def tick(self) -> None:
        """Draw anew; called several times a second."""
        ...

    def ends(self, result: Result) -> None: ...

    def sums_up(self, results: Sequence[Result], seconds: float) -> None: ...

    def points_on(self, hints: Sequence[tuple[str, str]]) -> None:
        """Say what to look at next, and by which command."""
        ...


class _Quiet:
    """The parts that a report without a live view does not need."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End; nothing is open."""

    def begins(self, scenario: Scenario) -> None:
        """A scenario is told when it has ended."""

    def goes_on(self, attempts: tuple[Attempt, ...], answer: str) -> None:
        """A scenario is told when it has ended."""

    def tick(self) -> None:
        """Nothing moves."""


class PlainReport(_Quiet):
    """One line a scenario, one more for each thing that went wrong, and a summary."""

    def ends(self, result: Result) -> None:
        mark = "FAILED" if result.problems else "ok"
        took = f"{result.performance.seconds * 1000:.0f} ms"
        calls = story.alike(result.performance.calls)
        path = "; ".join(f"{count}{story.told(got)}" for count, got in calls)
        got = "; ".join(story.received(calls))
        last = result.performance.calls[-1].id if result.performance.calls else ""
        name = result.scenario.name
        click.echo(f"{mark:6} {name:18} {took:>7}  {last:32}  {path:53}  {got}")
        for problem in result.problems:
            click.echo(f"{'':7}{problem}")

    def sums_up(self, results: Sequence[Result], seconds: float) -> None:
        click.echo(story.summary(results, seconds))

    def points_on(self, hints: Sequence[tuple[str, str]]) -> None:
        for what, by in hints:
            click.echo(f"{what}: {by}")


class JsonReport(_Quiet):
    """One JSON object at the end."""

    def ends(self, result: Result) -> None:
        """All scenarios are told together."""

    def sums_up(self, results: Sequence[Result], seconds: float) -> None:
        report = {
            "behaved": not any(result.problems for result in results),
            "seconds": round(seconds, 3),
            "scenarios": [_scenario(result) for result in results],
        }
        click.echo(json.dumps(report, indent=2))

    def points_on(self, hints: Sequence[tuple[str, str]]) -> None:
        """A machine needs none: the calls have their ids."""


def _scenario(result: Result) -> dict[str, object]:
    return {
        "name": result.scenario.name,
        "shows": result.scenario.shows,
        "behaved": not result.problems,
        "problems": list(result.problems),
        "calls": [_call(got) for got in result.performance.calls],
        "ms": round(result.performance.seconds * 1000),
    }


def _call(got: Got) -> dict[str, object]:
    return {
        "id": got.id,
        "attempts": [attempt_fields(attempt) for attempt in got.attempts],
        "answer": got.answer,
        "error": got.error,
        "message": got.message,
        "retry_after_s": got.retry_after,
        "ms": round(got.seconds * 1000),
    }
