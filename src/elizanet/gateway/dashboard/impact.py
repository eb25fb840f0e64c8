"""What a stretch of time meant for calls: how they ended, who helped, whose they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from elizanet.gateway.auth import ANYBODY
from elizanet.gateway.dashboard.situation import CALLERS_OWN, Fates
from elizanet.records.reading import Dimension, Ended, Reader, Totals, Window

_STRETCHES_S: Final = (5, 10, 60, 300)
_ENOUGH: Final = 20
"""The last calls are those of the shortest stretch that has so many, or of the longest."""
_MOST_AFFECTED: Final = 4
_LOST: Final = frozenset({"failed", "broken"})


class Impact(msgspec.Struct, frozen=True):
    """How calls ended, and for whom; most calls come first.

    `helpers` answered those that fell back, `affected` are models and callers concerned.
    """

    fates: Fates
    helpers: list[str]
    affected: list[str]


def impact(reader: Reader, window: Window) -> Impact:
    """Ask what a window meant for calls. Raises `RecordsError`."""
    return Impact(
        _fates(reader.totals(window, ("failure_class",), percentiles=False)),
        _helpers(reader, window),
        _affected(reader, window),
    )


def last_calls(reader: Reader, now: float) -> Fates:
    """Ask how the last calls ended: as few seconds of them as say something.

    Raises `RecordsError`.
    """
    fates = Fates()
    for seconds in _STRETCHES_S:
        fates = _fates_of_last(reader.ended(Window(now - seconds, now)))
        if fates.calls >= _ENOUGH:
            break
    return fates


def _fates(found: Iterable[Totals]) -> Fates:
    calls = lost = fallbacks = 0
    wrong: dict[str, int] = {}
    for totals in found:
        failed = totals.failed + totals.broken
        calls += totals.calls
        fallbacks += totals.fallbacks
        if totals.key[0] not in CALLERS_OWN:
            lost += failed
        elif failed:
            wrong[totals.key[0]] = failed
    return Fates(calls - sum(wrong.values()), lost, fallbacks, wrong)


def _fates_of_last(found: Iterable[Ended]) -> Fates:
    calls = lost = 0
    for ended in found:
        failed = ended.calls if ended.outcome in _LOST else 0
        is_wrong = ended.failure_class in CALLERS_OWN
        calls += ended.calls - failed if is_wrong else ended.calls
        lost += 0 if is_wrong else failed
    return Fates(calls, lost)


def _helpers(reader: Reader, window: Window) -> list[str]:
    """Return the providers that answered what others should have."""
    answered: Counter[str] = Counter()
    for totals in reader.totals(window, ("target", "fallback_reason"), percentiles=False):
        target, reason = totals.key
        if reason and target:
            answered[target.partition("/")[0]] += totals.calls
    return [name for name, _ in answered.most_common()]


def _affected(reader: Reader, window: Window) -> list[str]:
    """Return the models and callers whose calls got no answer or fell back."""
    concerned: list[str] = []
    dimensions: tuple[Dimension, ...] = ("model", "caller")
    for dimension in dimensions:
        found: Counter[str] = Counter()
        for totals in reader.totals(window, (dimension, "failure_class"), percentiles=False):
            name, failure = totals.key
            if failure not in CALLERS_OWN:
                found[name] += totals.failed + totals.broken + totals.fallbacks
        concerned += [
            name
            for name, count in found.most_common(_MOST_AFFECTED)
            if name and count and name != ANYBODY.alias
        ]
    return concerned
