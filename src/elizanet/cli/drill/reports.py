"""A rehearsal off a terminal: plain lines for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import click

from elizanet.cli.drill.rehearsed import TITLES, Rehearsed, cells, sparkline
from elizanet.cli.terminal import printable
from elizanet.testing.simulation import Performance, Rehearsal

ASCII_SIGNS: Final = "_.:-=+*#"
SIGNS: Final = "▁▂▃▄▅▆▇█"

_TIMELINE_WIDTH: Final = 30


class Report(Protocol):
    """Tells of the outages as they are rehearsed."""

    def ends(self, rehearsed: Rehearsed) -> None: ...

    def sums_up(self, rehearsed: Sequence[Rehearsed]) -> None: ...


def signs_for(encoding: str | None) -> str:
    """Return the signs of a timeline that this encoding can show."""
    try:
        SIGNS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII_SIGNS
    return SIGNS


def heading(rehearsal: Rehearsal) -> str:
    """Say what is rehearsed."""
    chain = " -> ".join(f"{t.provider}/{t.model}" for t in rehearsal.route.targets)
    what = "streams" if rehearsal.stream else "whole answers"
    return f"{rehearsal.model}: {chain}; {what}, {rehearsal.rate:g} calls a second"


class PlainReport:
    """A block of lines for each outage."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        click.echo(printable(heading(rehearsal)))
        self._signs = signs_for(sys.stdout.encoding)

    def ends(self, rehearsed: Rehearsed) -> None:
        click.echo(f"\n{rehearsed.outage.name}: {rehearsed.outage.shows}")
        shown = rehearsed.different()
        rows = [TITLES, *map(cells, shown)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["", *(sparkline(p.timeline, _TIMELINE_WIDTH, self._signs) for p in shown)]
        for row, line in zip(rows, lines, strict=True):
            name, *numbers = row
            told = "  ".join(f"{n:>{w}}" for n, w in zip(numbers, widths[1:], strict=True))
            click.echo(f"  {name:{widths[0]}}  {told}  {line}".rstrip())
        if alike := rehearsed.alike():
            click.echo(f"  no difference without: {', '.join(alike)}")

    def sums_up(self, rehearsed: Sequence[Rehearsed]) -> None:
        """Say nothing more: each outage has been told."""


class JsonReport:
    """One JSON object at the end."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal

    def ends(self, rehearsed: Rehearsed) -> None:
        """Wait: all outages are told together."""

    def sums_up(self, rehearsed: Sequence[Rehearsed]) -> None:
        rehearsal = self._rehearsal
        report = {
            "model": rehearsal.model,
            "chain": [f"{t.provider}/{t.model}" for t in rehearsal.route.targets],
            "stream": rehearsal.stream,
            "calls_a_second": rehearsal.rate,
            "seed": rehearsal.seed,
            "cost_in": "dollars" if rehearsal.in_dollars else "tokens",
            "scenarios": [_outage(each) for each in rehearsed],
        }
        click.echo(json.dumps(report, indent=2))


def _outage(rehearsed: Rehearsed) -> dict[str, object]:
    outage = rehearsed.outage
    return {
        "name": outage.name,
        "shows": outage.shows,
        "seconds": outage.length,
        "outage_begins": outage.begins,
        "outage_ends": outage.ends,
        "variations": [_performance(each) for each in rehearsed.performances],
    }


def _performance(performance: Performance) -> dict[str, object]:
    cost = performance.amplification
    return {
        "name": performance.variation.name,
        "calls": performance.calls,
        "answered": performance.answered,
        "p50_s": round(performance.wait(0.5), 3),
        "p99_s": round(performance.wait(0.99), 3),
        "attempts_a_call": round(performance.attempts, 4),
        "cost": None if cost is None else round(cost, 4),
        "answered_over_time": [round(share, 4) for share in performance.timeline],
    }
