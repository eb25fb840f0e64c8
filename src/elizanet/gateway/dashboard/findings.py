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

from elizanet.gateway.dashboard.bands import Past
from elizanet.gateway.dashboard.history import Asked, asked
from elizanet.gateway.dashboard.impact import Impact, impact, last_calls
from elizanet.gateway.dashboard.situation import CALLERS_OWN, FEW_ATTEMPTS, Fates
from elizanet.gateway.dashboard.timeline import HELD, Span, severity
from elizanet.records.reading import Reader, Window

PAUSE_S: Final = 120.0
"""Seconds between two troubles of a provider that make two of one."""
_LOOK_BACK_S: Final = (3600, 24 * 3600, 7 * 24 * 3600)
"""Seconds in which the beginning of a trouble is looked for, as far back as need be."""
_STEPS: Final = 150
"""Parts of each of them that are told apart."""
_RECENT_S: Final = 15 * 60
_NOW_S: Final = 5 * 60
"""Seconds of attempts that say how a provider is doing now."""
_WORTH_TELLING_S: Final = 30.0
"""Seconds that a rate limit must have lasted to be told of afterwards."""
_MINUTE_S: Final = 60


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

    `now`: how attempts ended in the last minutes, `last`: how the last calls did. `chapters`: the
    last trouble of each provider. `impact` is that of the time since the oldest of them began that
    goes on, or has just ended; `impact_of_all` since the oldest of them all. Without any, both are
    of the last quarter of an hour.
    """

    at: float
    now: dict[str, Asked]
    chapters: dict[str, Chapter]
    last: Fates
    impact: Impact
    impact_of_all: Impact


@dataclass(frozen=True, slots=True)
class Examine:
    """Asks for the findings about these hosts; `run` is the name of this process."""

    hosts: tuple[str, ...]
    run: str

    kept = 2.0

    def __call__(self, reader: Reader, now: float) -> Findings:
        """Ask. Raises `RecordsError`."""
        troubles = self._troubles(reader, now)
        since_all = min((span.since for span in troubles.values()), default=now - _RECENT_S)
        present = [span.since for span in troubles.values() if span.until >= now - PAUSE_S]
        since = min(present, default=since_all)
        of_all = impact(reader, Window(since_all, now))
        return Findings(
            at=now,
            now=asked(reader.attempts(Window(now - _NOW_S, now))),
            chapters={host: _chapter(reader, span) for host, span in troubles.items()},
            last=last_calls(reader, now),
            impact=of_all if since == since_all else impact(reader, Window(since, now)),
            impact_of_all=of_all,
        )

    def _troubles(self, reader: Reader, now: float) -> dict[str, Span]:
        """Return the last trouble of each host, if it is worth telling.

        In a longer past less is told apart: a trouble that began there has longer pauses.
        """
        past = Past(reader, self.hosts, self.run, now)
        told: dict[str, Span] = {}
        for length in _LOOK_BACK_S:
            pause = max(PAUSE_S, length / _STEPS)
            found = past.bands(now - length, length / _STEPS)
            last = {host: _last(spans, pause) for host, spans in found.items()}
            told = {host: span for host, span in last.items() if span and _is_told(span, now)}
            if all(span.since >= now - length + pause for span in told.values()):
                break
        return told


def attempts_at(names: Sequence[str], found: Mapping[str, Asked]) -> Asked:
    """Return the attempts at a host, with the failures that are its own."""
    attempts = 0
    failures: Counter[str] = Counter()
    for name in names:
        if name in found:
            attempts += found[name].attempts
            failures.update(found[name].failures)
    own = {kind: count for kind, count in failures.items() if kind not in CALLERS_OWN}
    return Asked(attempts, own)


def _is_told(span: Span, now: float) -> bool:
    is_long = span.until - span.since >= _WORTH_TELLING_S
    goes_on = span.until >= now
    return goes_on or (span.until > now - _RECENT_S and (is_long or span.state != "rate_limited"))


def _last(spans: Sequence[Span], pause: float) -> Span | None:
    """Return the last trouble as one span: the worst of those that follow each other closely."""
    last: Span | None = None
    for span in reversed(spans):
        if span.state == HELD:
            continue
        if last is None:
            last = span
            continue
        if last.since - span.until >= pause:
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
