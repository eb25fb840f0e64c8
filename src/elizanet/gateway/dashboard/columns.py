"""Sums by time as columns of equal length: a place for each step, also for those without calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from elizanet.records.reading import Point, Totals

MOST_SERIES: Final = 7
OTHERS: Final = "\N{HORIZONTAL ELLIPSIS}"
"""The name of the series in which those with few calls are put together."""

_NOTHING: Final = Totals()


class Columns(msgspec.Struct, frozen=True):
    """The sums of each step; None where nothing was measured."""

    calls: list[int]
    failed: list[int]
    seconds_p50: list[float | None]
    seconds_p95: list[float | None]
    seconds_p99: list[float | None]
    first_content_p50: list[float | None]
    first_content_p95: list[float | None]
    first_content_p99: list[float | None]
    prompt_tokens: list[int]
    completion_tokens: list[int]
    cost: list[float]
    extra_cost: list[float]


def columns(at: Sequence[float], points: Sequence[Point]) -> Columns:
    """Return the columns of a series for the steps that begin `at`."""
    known = {point.at: point.totals for point in points}
    steps = [known.get(moment, _NOTHING) for moment in at]
    return Columns(
        calls=[step.calls for step in steps],
        failed=[step.failed + step.broken for step in steps],
        seconds_p50=[_short(step.seconds_p50) for step in steps],
        seconds_p95=[_short(step.seconds_p95) for step in steps],
        seconds_p99=[_short(step.seconds_p99) for step in steps],
        first_content_p50=[_short(step.first_content_p50) for step in steps],
        first_content_p95=[_short(step.first_content_p95) for step in steps],
        first_content_p99=[_short(step.first_content_p99) for step in steps],
        prompt_tokens=[step.prompt_tokens for step in steps],
        completion_tokens=[step.completion_tokens for step in steps],
        cost=[round(step.cost, 6) for step in steps],
        extra_cost=[round(step.extra_cost, 6) for step in steps],
    )


def split(at: Sequence[float], points: Sequence[Point]) -> dict[str, list[int]]:
    """Return the calls of each value of one dimension, the most frequent value first.

    Values beyond the sixth share the series `OTHERS`; "" keeps its own.
    """
    place = {moment: n for n, moment in enumerate(at)}
    sums: dict[str, int] = {}
    for point in points:
        sums[point.totals.key[0]] = sums.get(point.totals.key[0], 0) + point.totals.calls
    ranked = sorted((key for key in sums if key), key=lambda key: (-sums[key], key))
    kept = ranked if len(ranked) <= MOST_SERIES else ranked[: MOST_SERIES - 1]
    names = [*kept, *([OTHERS] if len(ranked) > len(kept) else []), *([""] if "" in sums else [])]
    found = {name: [0] * len(at) for name in names}
    for point in points:
        key = point.totals.key[0]
        if point.at in place:
            found[key if key in found else OTHERS][place[point.at]] += point.totals.calls
    return found


def _short(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
