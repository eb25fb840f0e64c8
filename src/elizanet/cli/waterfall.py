"""A call as a picture: who was asked when, for how long, and what came of it."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from elizanet.cli import figures
from elizanet.cli.records_text import (
    Step,
    failed,
    is_broken_off,
    is_overdue,
    skipped,
    steps_of,
    target_of,
)
from elizanet.cli.terminal import printable
from elizanet.errors import FailureClass, Skipped
from elizanet.records.model import AttemptRecord, CallRecord

LONGEST: Final = 48
"""Columns of the longest bar."""
_SHORTEST: Final = 10
_BESIDE: Final = 44
"""Columns for how long it took and what came of it, and the gaps."""
_LABEL: Final = 34
_ROOM_FOR_BARS: Final = 56
_BESIDE_NAMES: Final = 26
"""Columns for the same without bars."""


class Symbols:
    """What bars are made of: waiting, and the answer as it comes."""

    def __init__(self, *, unicode: bool) -> None:
        self.waiting, self.coming = ("━", "╌") if unicode else ("=", "-")

    def __repr__(self) -> str:
        return f"<Symbols {self.waiting}{self.coming}>"


def waterfall(record: CallRecord, width: int, *, unicode: bool) -> Table:
    """Return the picture of a call, for a screen of that width; a narrow one has no bars."""
    steps, has_bars = steps_of(record), width >= _ROOM_FOR_BARS
    label = min(max((cell_len(target_of(step)) for step in steps), default=1), _LABEL)
    if not has_bars:
        label = min(label, width - _BESIDE_NAMES)
    room = max(_SHORTEST, min(LONGEST, width - label - _BESIDE))
    bars = _Bars(record, room, Symbols(unicode=unicode))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(max_width=label, no_wrap=True, overflow="ellipsis")
    if has_bars:
        grid.add_column(width=room, no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for step in steps:
        name = Text(printable(target_of(step)))
        if isinstance(step, Skipped):
            name.stylize("dim")
            verdict = Text(f"not asked: {skipped(step.reason)}", "dim")
            grid.add_row(name, *[""] * (1 + has_bars), verdict)
        else:
            took = Text(figures.seconds(bars.ends(step) - step.started), "dim")
            bar = [bars.draw(step)] if has_bars else []
            grid.add_row(name, *bar, took, _verdict(step, record))
    return grid


class _Bars:
    """Draws the attempts of a call over one scale."""

    def __init__(self, record: CallRecord, width: int, symbols: Symbols) -> None:
        self._record = record
        self._width = width
        self._symbols = symbols
        ends = [attempt.started + attempt.duration for attempt in record.attempts]
        self._whole = max(record.seconds, *ends, 1e-6) if ends else 1.0

    def __repr__(self) -> str:
        return f"<_Bars over {self._whole:.3f} s>"

    def ends(self, attempt: AttemptRecord) -> float:
        """Return when an attempt was over: of the one that answered, with the call."""
        begun = attempt.started + attempt.duration
        if attempt.failure_class is None:
            return max(self._record.seconds, begun)
        if is_broken_off(attempt, self._record):
            later = (a.started for a in self._record.attempts if a.started > begun)
            return min(later, default=self._record.seconds)
        return begun

    def draw(self, attempt: AttemptRecord) -> Text:
        begins = self._column(attempt.started)
        until = max(self._column(attempt.started + attempt.duration), begins + 1)
        until = min(until, self._width)
        begins = min(begins, until - 1)
        style = "red" if attempt.failure_class else "green"
        bar = Text(" " * begins)
        bar.append(self._symbols.waiting * (until - begins), style)
        bar.append(self._symbols.coming * (self._column(self.ends(attempt)) - until), style)
        return bar

    def _column(self, moment: float) -> int:
        return round(moment / self._whole * self._width)


def _verdict(step: Step, record: CallRecord) -> Text:
    if isinstance(step, Skipped) or step.failure_class is None:
        return Text("answered", "green")
    if is_overdue(step, record):
        return Text("silent", "red")
    if step.failure_class == FailureClass.CANCELLED:
        return Text(printable(step.message) or "given up", "dim")
    status = f"{step.status} " if step.status not in {None, 200} else ""
    return Text(status + printable(failed(step.failure_class)), "red")
