"""What the records say of the trouble there is and was: one question for the headline.

A breaker that opens, probes and opens again is one trouble. What an operator holds is none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from elizanet.errors import FailureClass
from elizanet.gateway.auth import ANYBODY
from elizanet.gateway.dashboard.history import Asked, asked, changes
from elizanet.gateway.dashboard.situation import FEW_ATTEMPTS
from elizanet.gateway.dashboard.timeline import HELD, Span, severity, timelines
from elizanet.records.reading import Dimension, Reader, Totals, Window

PAUSE_S: Final = 120.0
"""Seconds between two troubles of a provider that make two of one."""
_LOOK_BACK_S: Final = 7 * 24 * 3600
_RECENT_S: Final = 15 * 60
_NOW_S: Final = 5 * 60
"""Seconds of attempts that say how a provider is doing now."""
_WORTH_TELLING_S: Final = 30.0
"""Seconds that a rate limit must have lasted to be told of afterwards."""
_MINUTE_S: Final = 60
_MOST_AFFECTED: Final = 4
_CALLERS_OWN: Final = frozenset(
    {
        *(FailureClass.BAD_REQUEST, FailureClass.CONTENT_POLICY, FailureClass.CANCELLED),
        *(FailureClass.CONTEXT_WINDOW_EXCEEDED, FailureClass.PAYLOAD_TOO_LARGE),
    }
)
"""The failures that say nothing about a provider."""


class Chapter(msgspec.Struct, frozen=True):
    """The last trouble of a provider, and how attempts at every provider ended in it.

    Sums are kept by minute, and the first and the last one also have attempts from before and
    after: those of the minutes between them are `settled`.
    """

    since: float
    until: float
    state: str
    reason: str
    asked: dict[str, Asked]
    settled: dict[str, Asked]

    def asked_of(self, names: Sequence[str]) -> Asked:
        """Return the attempts at a host; 0 of them if only its failures are known."""
        settled = attempts_at(names, self.settled)
        if settled.attempts >= FEW_ATTEMPTS:
            return settled
        return Asked(0, attempts_at(names, self.asked).failures)


class Findings(msgspec.Struct, frozen=True):
    """What the records say.

    `now`: how attempts ended in the last minutes. `chapters`: the last trouble of each provider.
    `totals`, `helpers` and `affected` are of the time since the oldest recent trouble began.
    """

    at: float
    now: dict[str, Asked]
    chapters: dict[str, Chapter]
    totals: Totals
    helpers: list[str]
    affected: list[str]


@dataclass(frozen=True, slots=True)
class Examine:
    """Asks for the findings about these hosts; `started`: when this process began."""

    hosts: tuple[str, ...]
    started: float

    kept = 2.0

    def __call__(self, reader: Reader, now: float) -> Findings:
        """Ask. Raises `RecordsError`."""
        window = Window(now - _LOOK_BACK_S, now)
        bands = timelines(changes(reader, window), self.hosts, window, self.started)
        troubles = {h: [span for span in spans if span.state != HELD] for h, spans in bands.items()}
        last = {host: _last(spans) for host, spans in troubles.items() if spans}
        recent = {host: span for host, span in last.items() if _is_told(span, now)}
        since = min((span.since for span in recent.values()), default=now - _RECENT_S)
        return Findings(
            at=now,
            now=asked(reader.attempts(Window(now - _NOW_S, now))),
            chapters={host: _chapter(reader, span) for host, span in recent.items()},
            totals=reader.totals(Window(since, now), percentiles=False)[0],
            helpers=_helpers(reader, Window(since, now)),
            affected=_affected(reader, Window(since, now)),
        )


def attempts_at(names: Sequence[str], found: Mapping[str, Asked]) -> Asked:
    """Return the attempts at a host, with the failures that are its own."""
    attempts = 0
    failures: Counter[str] = Counter()
    for name in names:
        if name in found:
            attempts += found[name].attempts
            failures.update(found[name].failures)
    own = {kind: count for kind, count in failures.items() if kind not in _CALLERS_OWN}
    return Asked(attempts, own)


def _is_told(span: Span, now: float) -> bool:
    is_long = span.until - span.since >= _WORTH_TELLING_S
    goes_on = span.until >= now
    return goes_on or (span.until > now - _RECENT_S and (is_long or span.state != "rate_limited"))


def _last(spans: Sequence[Span]) -> Span:
    """Return the last trouble as one span: the worst of those that follow each other closely."""
    last = spans[-1]
    for span in reversed(spans[:-1]):
        if last.since - span.until >= PAUSE_S:
            break
        worst = max(last, span, key=severity)
        last = Span(span.since, last.until, worst.state, worst.reason)
    return last


def _chapter(reader: Reader, span: Span) -> Chapter:
    first = math.ceil(span.since / _MINUTE_S) * _MINUTE_S
    end = math.floor(span.until / _MINUTE_S) * _MINUTE_S
    return Chapter(
        span.since,
        span.until,
        span.state,
        span.reason,
        asked=asked(reader.attempts(Window(span.since, span.until))),
        settled=asked(reader.attempts(Window(first, max(first, end)))),
    )


def _helpers(reader: Reader, window: Window) -> list[str]:
    """Return the providers that answered what others should have, most calls first."""
    answered: Counter[str] = Counter()
    for totals in reader.totals(window, ("target", "fallback_reason"), percentiles=False):
        target, reason = totals.key
        if reason and target:
            answered[target.partition("/")[0]] += totals.calls
    return [name for name, _ in answered.most_common()]


def _affected(reader: Reader, window: Window) -> list[str]:
    """Return the models and callers whose calls failed or fell back, most calls first."""
    concerned: list[str] = []
    dimensions: tuple[Dimension, ...] = ("model", "caller")
    for dimension in dimensions:
        found: Counter[str] = Counter()
        for totals in reader.totals(window, (dimension,), percentiles=False):
            found[totals.key[0]] = totals.failed + totals.broken + totals.fallbacks
        concerned += [
            name
            for name, count in found.most_common(_MOST_AFFECTED)
            if name and count and name != ANYBODY.alias
        ]
    return concerned
