"""Sums, series and percentiles, from the tables that are added up while rows are written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, get_args

from elizanet.records import histogram
from elizanet.records.database import Database, Row
from elizanet.records.reading import AttemptTotals, Dimension, Point, Totals, Window
from elizanet.records.roll_ups import HOUR, LEVELS, MINUTE

DIMENSIONS: Final[tuple[str, ...]] = get_args(Dimension)
DAY: Final = 86_400
MINUTES_KEPT: Final = 48 * HOUR
"""Seconds for which sums by less than an hour are kept."""
_SHARES: Final = (0.5, 0.95, 0.99)
_COUNTS: Final = (
    "SUM(calls)",
    *(f"SUM(CASE WHEN outcome = '{outcome}' THEN calls ELSE 0 END)"
      for outcome in ("answered", "failed", "broken", "left")),
    "SUM(CASE WHEN fallback_reason <> '' THEN calls ELSE 0 END)",
    *(f"SUM({column})" for column in (
        "hedged", "attempts", "prompt_tokens", "completion_tokens", "cost", "extra_cost"
    )),
)  # fmt: skip
_COUNTED: Final = (
    "calls", "answered", "failed", "broken", "left", "fallbacks",
    "hedged", "attempts", "prompt_tokens", "completion_tokens", "cost", "extra_cost",
)  # fmt: skip

_ENDS: Final = "provider, model, failure_class, SUM(attempts), SUM(duration), SUM(cost)"
_WITHIN: Final = "start >= ? AND start < ?"

Levels = Sequence[tuple[str, int]]
"""Spans of time by name and seconds, longest first."""
_Histograms = dict[Row, tuple[int, int]]


class Span(NamedTuple):
    """A part of a window, and the table that has its sums."""

    table: str
    since: int
    until: int


def totals(
    database: Database, window: Window, by: Sequence[Dimension], *, percentiles: bool
) -> list[Totals]:
    """Return the sums over a window, most calls first."""
    _check(by)
    found: dict[Row, Totals] = {}
    spans = spans_of(window, "calls")
    for span in spans:
        for row in database.query(_grouped(span, by), (span.since, span.until)):
            _add(found.setdefault(row[: len(by)], Totals()), row[len(by) :])
    if not by:
        found.setdefault((), Totals())
    if percentiles:
        _percentiles(found, _histograms(database, spans, by))
    for key, sums in found.items():
        sums.key = tuple(map(str, key))
    return sorted(found.values(), key=lambda sums: (-sums.calls, sums.key))


def series(
    database: Database, window: Window, step: float, by: Sequence[Dimension], *, percentiles: bool
) -> list[Point]:
    """Return the sums by time, oldest first, and most calls first in each step."""
    if step <= 0 or step % MINUTE:
        raise ValueError(f"a step of {step:g} s is not a multiple of {MINUTE} s")
    _check(by)
    levels, seconds = _levels(window), int(step)
    name, size = next((level for level in levels if seconds % level[1] == 0), levels[0])
    span = Span(f"calls_by_{name}", _down(window.since, size), _up(window.until, size))
    begins = f"start - start % {seconds}"
    values = (span.since, span.until)
    found: dict[Row, Totals] = {}
    for row in database.query(_grouped(span, by, begins), values):
        _add(found.setdefault(row[: len(by) + 1], Totals()), row[len(by) + 1 :])
    if percentiles:
        _percentiles(found, _histograms(database, [span], by, begins))
    points = []
    for (begin, *key), sums in found.items():
        sums.key = tuple(map(str, key))
        points.append(Point(at=float(begin or 0), totals=sums))
    return sorted(points, key=lambda point: (point.at, -point.totals.calls, point.totals.key))


def attempts(database: Database, window: Window) -> list[AttemptTotals]:
    """Return how the attempts of a window ended, most attempts first."""
    found: dict[Row, list[float]] = {}
    for span in spans_of(window, "attempts"):
        statement = f"SELECT {_ENDS} FROM {span.table} WHERE {_WITHIN} GROUP BY 1, 2, 3"  # noqa: S608 -- our names
        for row in database.query(statement, (span.since, span.until)):
            sums = found.setdefault(row[:3], [0, 0.0, 0.0])
            for place, value in enumerate(row[3:]):
                sums[place] += float(value or 0)
    totals = [
        AttemptTotals(
            provider=str(provider),
            model=str(model),
            failure_class=str(failure),
            attempts=int(count),
            mean_duration=duration / count,
            cost=cost,
        )
        for (provider, model, failure), (count, duration, cost) in found.items()
    ]
    return sorted(totals, key=lambda t: (-t.attempts, t.provider, t.model, t.failure_class))


def spans_of(window: Window, rows: str) -> list[Span]:
    """Return the tables that make up a window: whole hours, and shorter spans around them."""
    levels = _levels(window)
    shortest = levels[-1][1]
    return list(_parts(rows, _down(window.since, shortest), _up(window.until, shortest), levels))


def _parts(rows: str, since: int, until: int, levels: Levels) -> Iterator[Span]:
    (name, size), *shorter = levels
    first, last = _up(since, size), _down(until, size)
    if first < last:
        if shorter:
            yield from _parts(rows, since, first, shorter)
        yield Span(f"{rows}_by_{name}", first, last)
        if shorter:
            yield from _parts(rows, last, until, shorter)
    elif shorter:
        yield from _parts(rows, since, until, shorter)


def _levels(window: Window) -> Levels:
    """Return the spans that sums are kept by for all of a window, longest first."""
    levels = [(name, size) for name, size, _ in reversed(LEVELS)]
    is_long = window.until - window.since > DAY
    is_kept = window.since > time.time() - MINUTES_KEPT + HOUR
    return levels if is_kept and not is_long else levels[:1]


def _check(by: Sequence[str]) -> None:
    """Refuse what is no dimension: it would become a part of a statement."""
    for name in by:
        if name not in DIMENSIONS:
            allowed = ", ".join(DIMENSIONS)
            raise ValueError(f'calls are not summed by "{name}"; allowed here: {allowed}')


def _down(at: float, size: int) -> int:
    return int(at // size) * size


def _up(at: float, size: int) -> int:
    return -int(-at // size) * size


def _grouped(span: Span, by: Sequence[Dimension], *begins: str) -> str:
    keys = (*begins, *by)
    group = (
        f" GROUP BY {', '.join(str(place) for place in range(1, len(keys) + 1))}" if keys else ""
    )
    return (
        f"SELECT {', '.join((*keys, *_COUNTS))} FROM {span.table}"  # noqa: S608 -- our names
        f" WHERE start >= ? AND start < ?{group}"
    )


def _histograms(
    database: Database, spans: Iterable[Span], by: Sequence[Dimension], *begins: str
) -> _Histograms:
    """Return the histograms of each key: of all calls, and of the first content of streams."""
    columns = ", ".join((*begins, *by, "seconds", "first_content"))
    rows: list[Row] = []
    for span in spans:
        statement = f"SELECT {columns} FROM {span.table} WHERE {_WITHIN}"  # noqa: S608 -- our names
        rows += database.query(statement, (span.since, span.until))
    return histogram.added(rows)


def _add(sums: Totals, row: Row) -> None:
    for name, value in zip(_COUNTED, row, strict=True):
        if value is not None:
            kind = float if name.endswith("cost") else int
            setattr(sums, name, getattr(sums, name) + kind(value))


def _percentiles(found: dict[Row, Totals], histograms: _Histograms) -> None:
    for key, sums in found.items():
        seconds, first_content = histograms.get(key, (0, 0))
        (sums.seconds_p50, sums.seconds_p95, sums.seconds_p99) = histogram.percentiles(
            seconds, _SHARES
        )
        (sums.first_content_p50, sums.first_content_p95, sums.first_content_p99) = (
            histogram.percentiles(first_content, _SHARES)
        )
