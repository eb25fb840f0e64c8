"""What happened over time, as one SVG that needs nothing else and reads on light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from elizanet.cli.drill.rehearsed import Rehearsed, cells
from elizanet.testing.simulation import ALL, ALONE, NONE, Performance

_WIDTH: Final = 760
_PANEL: Final = 190
"""Height of one outage."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 20, 48, 34
_COLOURS: Final = {ALL: "all", NONE: "none", ALONE: "alone"}
_STYLE: Final = """
svg { background: #ffffff; font: 12px system-ui, sans-serif; }
text { fill: #24292f; } .dim { fill: #6e7781; } .grid { stroke: #d0d7de; }
.outage { fill: #6e7781; fill-opacity: .12; }
polyline { fill: none; stroke-width: 2; }
.all { stroke: #1a7f37; } .none { stroke: #9a6700; } .alone { stroke: #cf222e; }
tspan.all { fill: #1a7f37; } tspan.none { fill: #9a6700; } tspan.alone { fill: #cf222e; }
text, tspan { stroke: none !important; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } .dim { fill: #8d96a0; }
  .grid { stroke: #30363d; }
  .all { stroke: #3fb950; } .none { stroke: #d29922; } .alone { stroke: #f85149; }
  tspan.all { fill: #3fb950; } tspan.none { fill: #d29922; } tspan.alone { fill: #f85149; }
}
"""


def drawing(rehearsed: Sequence[Rehearsed]) -> str:
    """Return the SVG: for each outage the share of answered calls over time."""
    height = _PANEL * len(rehearsed)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" '
        'aria-label="Share of answered calls during each rehearsed outage">',
        f"<style>{_STYLE}</style>",
    ]
    for number, each in enumerate(rehearsed):
        lines += [f'<g transform="translate(0 {number * _PANEL})">', *_panel(each), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _panel(rehearsed: Rehearsed) -> Iterator[str]:
    outage = rehearsed.outage
    name = f'<tspan font-weight="600">{escape(outage.name)}</tspan>'
    shows = f'<tspan class="dim" dx="10">{escape(outage.shows)}</tspan>'
    yield f'<text x="{_LEFT}" y="18">{name}{shows}</text>'
    start, end = _x(outage.begins / outage.length), _x(outage.ends / outage.length)
    size = f'width="{end - start:.1f}" height="{_span()}"'
    yield f'<rect class="outage" x="{start}" y="{_TOP}" {size}/>'
    for share in (0.0, 0.5, 1.0):
        y = _y(share)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>'
        yield f'<text class="dim" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>'
    for seconds in _ticks(outage.length):
        x = _x(seconds / outage.length)
        yield (
            f'<text class="dim" x="{x}" y="{_PANEL - _BOTTOM + 16}" text-anchor="middle">'
            f"{seconds / 60:g} min</text>"
        )
    shown = [p for p in rehearsed.performances if p.variation.name in _COLOURS]
    told = (
        f'<tspan class="{_COLOURS[p.variation.name]}" dx="{14 if number else 6}">'
        f"{escape(p.variation.name)}: {cells(p)[1]}</tspan>"
        for number, p in enumerate(shown)
    )
    answered = '<tspan class="dim">calls answered,</tspan>'
    yield f'<text x="{_LEFT}" y="36">{answered}{"".join(told)}</text>'
    yield from map(_line, reversed(shown))


def _line(performance: Performance) -> str:
    timeline = performance.timeline
    points = " ".join(
        f"{_x((place + 0.5) / len(timeline))},{_y(share)}" for place, share in enumerate(timeline)
    )
    return f'<polyline class="{_COLOURS[performance.variation.name]}" points="{points}"/>'


def _ticks(length: float) -> Iterator[float]:
    step = 60.0 if length <= 600 else 120.0  # noqa: PLR2004 -- ten minutes
    seconds = 0.0
    while seconds <= length:
        yield seconds
        seconds += step


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * _span(), 1)


def _span() -> float:
    return _PANEL - _TOP - _BOTTOM
