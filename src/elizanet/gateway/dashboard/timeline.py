"""From changes of health to a band a provider: what stood in its way, from when to when.

Theory of operation. Each subject (a host, a model at it, a key, a lane) and kind of state changes
on its own. A change holds until the next one of its kind, or for as long as it says ("shut for
20 s"); what a process knew ends with the process, so what was said before this one began is over
when it begins. At any moment the worst of all that holds is the provider's state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

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


class _Kind(NamedTuple):
    run: str
    subject: str
    what: str


def timelines(
    changes: Iterable[ChangeRecord], names: Sequence[str], window: Window, started: float
) -> dict[str, list[Span]]:
    """Return for each provider the spans in which something was wrong, in order.

    `changes` are oldest first; `started` is when this process began.
    """
    found: dict[str, list[Span]] = {name: [] for name in names}
    for name, span in _held(changes, names, window.until, started):
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
        before = found[-1] if found else None
        is_near = before is not None and span.since - before.until < least
        if before and is_near and min(span.until - span.since, before.until - before.since) < least:
            worst = max(before, span, key=severity)
            found[-1] = Span(before.since, span.until, worst.state, worst.reason)
        else:
            found.append(span)
    return found


def _held(
    changes: Iterable[ChangeRecord], names: Sequence[str], until: float, started: float
) -> Iterable[tuple[str, Span]]:
    """Yield every change as the span it held for."""
    last: dict[_Kind, ChangeRecord] = {}
    for change in changes:
        kind = _Kind(change.run, change.subject, change.what)
        if kind in last:
            yield from _span(last[kind], change.at, names)
        last[kind] = change
    for change in last.values():
        yield from _span(change, started if change.at < started else until, names)


def _span(change: ChangeRecord, until: float, names: Sequence[str]) -> Iterable[tuple[str, Span]]:
    state = _STATES.get((change.what, change.state.partition(" ")[0]))
    name = provider_of(change.subject, names)
    if state is None or name is None:
        return
    if change.reason == _BY_OPERATOR:
        state = HELD
    stated = _FOR.search(change.state)
    if stated:
        until = min(until, change.at + float(stated[1]))
    yield name, Span(change.at, until, state, change.reason[:_MOST_CHARACTERS])


def _worst(spans: list[Span]) -> list[Span]:
    """Return spans that do not overlap: at each moment the worst, and of equals the earliest."""
    waiting = sorted(spans, key=lambda span: span.since, reverse=True)
    edges = sorted({edge for span in spans for edge in (span.since, span.until)})
    holding: list[Span] = []
    merged: list[Span] = []
    for since, until in pairwise(edges):
        holding = [span for span in holding if span.until > since]
        while waiting and waiting[-1].since <= since:
            holding.append(waiting.pop())
        if holding:
            worst = max(holding, key=severity)
            _append(merged, Span(since, until, worst.state, worst.reason))
    return merged


def _append(spans: list[Span], span: Span) -> None:
    before = spans[-1] if spans else None
    if before and before.until == span.since and before.state == span.state:
        spans[-1] = Span(before.since, span.until, before.state, before.reason)
    else:
        spans.append(span)
