"""From changes of health to a band a provider: what stood in its way, from when to when.

Theory of operation. Each subject (a host, a model at it, a key, a lane) and kind of state changes
on its own, as each process sees it. A change holds until the next one of its kind, or for as long
as it says ("shut for 20 s"), and no longer than the process: until it recorded something for the
last time. At any moment the worst of all that holds is the provider's state.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from elizanet.records.model import ChangeRecord
from elizanet.records.reading import Window

HELD: Final = "held"
SEVERITY: Final = ("closed", HELD, "half_open", "rate_limited", "open", "quarantined")
"""The states of a lane, the worst one last; `HELD`: an operator holds it open."""

_BY_OPERATOR: Final = "an operator decided"
"""What a breaker gives as the reason when it is forced."""
_MOST_CHARACTERS: Final = 100
"""Of a reason in a band."""
_FOR: Final = re.compile(r" for ([0-9.e+]+) s$")
_STATES: Final = {
    ("breaker", "open"): "open",
    ("breaker", "half_open"): "half_open",
    ("gate", "shut"): "rate_limited",
    ("key", "quarantined"): "quarantined",
    ("target", "quarantined"): "quarantined",
}


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A state that is not closed, from `since` until `until`, in seconds since 1970."""

    since: float
    until: float
    state: str
    reason: str


def severity(span: Span) -> int:
    """Return how bad the state of a span is."""
    return SEVERITY.index(span.state)


_Kind = tuple[str, str, str]
"""A run, a subject, and what changed of it."""


def timelines(
    changes: Sequence[ChangeRecord],
    names: Sequence[str],
    window: Window,
    ends: Mapping[str, float],
) -> dict[str, list[Span]]:
    """Return for each provider the spans in which something was wrong, in order.

    `changes` are oldest first; `ends` has the moments until which the runs are known to have
    lived, which is their last change for those that it does not have.
    """
    found: dict[str, list[Span]] = {name: [] for name in names}
    for name, span in _held(changes, names, ends):
        since, until = max(span.since, window.since), min(span.until, window.until)
        if since < until:
            found[name].append(Span(since, until, span.state, span.reason))
    return {name: _worst(spans) for name, spans in found.items()}


def provider_of(subject: str, names: Sequence[str]) -> str | None:
    """Return the provider that a change is about: the longest name that fits."""
    fitting = [
        name
        for name in names
        if subject == name or subject.startswith((f"{name}/", f"{name} key "))
    ]
    return max(fitting, key=len, default=None)


def coarse(spans: Sequence[Span], least: float) -> list[Span]:
    """Return spans without gaps and pieces shorter than `least` seconds: the worst takes them."""
    found: list[Span] = []
    for span in spans:
        if found and _are_one(found[-1], span, least):
            worst = max(found[-1], span, key=severity)
            found[-1] = Span(found[-1].since, span.until, worst.state, worst.reason)
        else:
            found.append(span)
    return found


def _are_one(span: Span, following: Span, least: float) -> bool:
    gap = following.since - span.until
    shorter = min(span.until - span.since, following.until - following.since)
    return (gap < least and shorter < least) or (gap <= 0 and span.state == following.state)


def _held(
    changes: Sequence[ChangeRecord], names: Sequence[str], ends: Mapping[str, float]
) -> Iterable[tuple[str, Span]]:
    """Yield every change as the span it held for."""
    said: dict[_Kind, list[ChangeRecord]] = {}
    for change in changes:
        said.setdefault((change.run, change.subject, change.what), []).append(change)
    ends = {change.run: change.at for change in changes} | dict(ends)
    for (run, subject, _), changed in said.items():
        name = provider_of(subject, names)
        if name is not None:
            until = [*(change.at for change in changed[1:]), ends[run]]
            for change, end in zip(changed, until, strict=True):
                if span := _span(change, end):
                    yield name, span


def _span(change: ChangeRecord, until: float) -> Span | None:
    word, *more = change.state.split(" ", 1)
    state = _STATES.get((change.what, word))
    if state is None:
        return None
    if change.reason == _BY_OPERATOR:
        state = HELD
    stated = _FOR.search(change.state) if more else None
    if stated:
        until = min(until, change.at + float(stated[1]))
    return Span(change.at, until, state, change.reason[:_MOST_CHARACTERS])


def _worst(spans: list[Span]) -> list[Span]:
    """Return spans that do not overlap: at each moment the worst, and of equals the earliest."""
    waiting = sorted(spans, key=lambda span: span.since, reverse=True)
    edges = sorted({edge for span in spans for edge in (span.since, span.until)})
    holding: list[tuple[int, int, Span]] = []
    merged: list[Span] = []
    for since, until in pairwise(edges):
        while waiting and waiting[-1].since <= since:
            span = waiting.pop()
            heapq.heappush(holding, (-severity(span), -len(waiting), span))
        while holding and holding[0][-1].until <= since:
            heapq.heappop(holding)
        if holding:
            worst = holding[0][-1]
            _append(merged, Span(since, until, worst.state, worst.reason))
    return merged


def _append(spans: list[Span], span: Span) -> None:
    before = spans[-1] if spans else None
    if before and before.until == span.since and before.state == span.state:
        spans[-1] = Span(before.since, span.until, before.state, before.reason)
    else:
        spans.append(span)
