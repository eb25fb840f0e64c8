"""What the records say of a range of time: one question, and columns that charts can draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from elizanet.gateway.dashboard.bands import Past
from elizanet.gateway.dashboard.columns import Columns, columns, split
from elizanet.gateway.dashboard.ranges import RANGES
from elizanet.gateway.dashboard.timeline import Span, coarse
from elizanet.records.reading import (
    AttemptTotals,
    Dimension,
    Point,
    Reader,
    Totals,
    Window,
)

_MOST_ROWS: Final = 12
_BAND_PIECES: Final = 300
"""Spans of all timelines together; each provider may have its part of them, and at least 24."""
_FEWEST_PIECES: Final = 24


class Asked(msgspec.Struct, frozen=True):
    """How often a provider was asked, and what its failures were."""

    attempts: int
    failures: dict[str, int]


class History(msgspec.Struct, frozen=True):
    """A range of time; columns have a place for each step of `at`.

    `by_target` and `by_reason` hold calls; "" is nobody's. `callers` and `models` have the most
    affected ones first.
    """

    at: list[float]
    step: int
    totals: Totals
    columns: Columns
    by_target: dict[str, list[int]]
    by_reason: dict[str, list[int]]
    callers: list[Totals]
    models: list[Totals]
    asked: dict[str, Asked]
    timelines: dict[str, list[Span]]


@dataclass(frozen=True, slots=True)
class Recall:
    """Asks for one of the `RANGES`. `hosts`: those whose timelines are wanted; `run`: this one."""

    range: str
    hosts: tuple[str, ...]
    run: str

    @property
    def kept(self) -> float:
        """Seconds for which the answer is good."""
        return RANGES[self.range].kept

    def __call__(self, reader: Reader, now: float) -> History:
        """Ask. Raises `RecordsError`."""
        chosen = RANGES[self.range]
        window = chosen.window(now)
        at = [window.since + n * chosen.step for n in range(chosen.length // chosen.step)]
        whole = reader.series(window, chosen.step)
        return History(
            at=at,
            step=chosen.step,
            totals=reader.totals(window)[0],
            columns=columns(at, whole),
            by_target=split(at, _counted(reader, window, chosen.step, "target")),
            by_reason=split(at, _fallbacks(reader, window, chosen.step)),
            callers=_affected(reader, window, "caller"),
            models=_affected(reader, window, "model"),
            asked=asked(reader.attempts(window)),
            timelines=self._timelines(reader, window, now),
        )

    def _timelines(self, reader: Reader, window: Window, now: float) -> dict[str, list[Span]]:
        pieces = max(_FEWEST_PIECES, _BAND_PIECES // max(1, len(self.hosts)))
        least = (now - window.since) / pieces
        found = Past(reader, self.hosts, self.run, now).bands(window.since, least)
        return {host: coarse(spans, least) for host, spans in found.items()}


def asked(totals: Iterable[AttemptTotals]) -> dict[str, Asked]:
    """Return the attempts by provider."""
    attempts: dict[str, int] = {}
    failures: dict[str, dict[str, int]] = {}
    for each in totals:
        attempts[each.provider] = attempts.get(each.provider, 0) + each.attempts
        found = failures.setdefault(each.provider, {})
        if each.failure_class:
            found[each.failure_class] = found.get(each.failure_class, 0) + each.attempts
    return {name: Asked(count, failures[name]) for name, count in attempts.items()}


def _fallbacks(reader: Reader, window: Window, step: int) -> list[Point]:
    points = _counted(reader, window, step, "fallback_reason")
    return [point for point in points if point.totals.key != ("",)]


def _counted(reader: Reader, window: Window, step: int, dimension: Dimension) -> list[Point]:
    return reader.series(window, step, (dimension,), percentiles=False)


def _affected(reader: Reader, window: Window, dimension: Dimension) -> list[Totals]:
    """Return those with the most trouble first, and then those with the most calls."""

    def trouble(totals: Totals) -> tuple[int, int, int]:
        return totals.failed + totals.broken, totals.fallbacks, totals.calls

    found = reader.totals(window, (dimension,))
    return sorted(found, key=trouble, reverse=True)[:_MOST_ROWS]
