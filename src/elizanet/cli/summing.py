"""What `elizanet stats` tells: the sums of a window of time."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from elizanet.cli.records_text import steps_of, target_of
from elizanet.records.model import CallRecord
from elizanet.records.reading import AttemptTotals, Reader, Totals, Which, Window

MOST_MOVED: Final = 5000
"""Calls that were moved which are looked at one by one, the newest."""


class Moved(msgspec.Struct, frozen=True):
    """Calls that another target answered, by why, from where and to where."""

    reason: str
    first_choice: str
    answered_by: str
    calls: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a window, in seconds since 1970.

    `moved` is about the newest calls that were moved only, where there are very many:
    `moved_of` says how many there were.
    """

    since: float
    until: float
    total: Totals
    by_model: list[Totals]
    by_target: list[Totals]
    by_caller: list[Totals]
    moved: list[Moved]
    moved_of: int
    attempts: list[AttemptTotals]


def summary(reader: Reader, window: Window) -> Summary:
    """Sum up what is recorded of a window. Raises `RecordsError`."""
    (total,) = reader.totals(window)
    return Summary(
        since=window.since,
        until=window.until,
        total=total,
        by_model=reader.totals(window, ["model"]),
        by_target=reader.totals(window, ["target"]),
        by_caller=reader.totals(window, ["caller"]),
        moved=_moved(reader, window),
        moved_of=total.fallbacks,
        attempts=reader.attempts(window),
    )


def _moved(reader: Reader, window: Window) -> list[Moved]:
    which = Which(since=window.since, until=window.until, fallbacks=True)
    pairs = Counter(map(_pair, reader.calls(which, MOST_MOVED)))
    return [Moved(*pair, calls) for pair, calls in pairs.most_common()]


def _pair(call: CallRecord) -> tuple[str, str, str]:
    steps = steps_of(call)
    first = target_of(steps[0]) if steps else ""
    return call.fallback_reason or "", first, f"{call.provider}/{call.provider_model}"
