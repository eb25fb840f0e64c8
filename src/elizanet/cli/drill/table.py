"""A rehearsal on a terminal: a table for each outage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from elizanet.cli.drill.rehearsed import TITLES, Rehearsed, cells, sparkline
from elizanet.cli.drill.reports import heading, signs_for
from elizanet.cli.terminal import console, printable
from elizanet.testing.simulation import Performance, Rehearsal

_OTHER_COLUMNS: Final = 63
_WIDEST: Final = 60
_NARROWEST: Final = 8
_ALL: Final = 0.9995
_MOST: Final = 0.95


class TableReport:
    """One table an outage."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._screen = console()
        self._signs = signs_for(sys.stdout.encoding)
        room = self._screen.width - _OTHER_COLUMNS
        self._width = max(_NARROWEST, min(_WIDEST, room))
        self._screen.print(Text(printable(heading(rehearsal)), "dim"))

    def ends(self, rehearsed: Rehearsed) -> None:
        screen, outage = self._screen, rehearsed.outage
        screen.print()
        screen.print(Text.assemble((outage.name, "bold"), f"  {outage.shows}"))
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column(TITLES[0], no_wrap=True)
        for title in TITLES[1:]:
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("over time", no_wrap=True)
        for performance in rehearsed.different():
            table.add_row(*self._row(performance))
        screen.print(table)
        if alike := rehearsed.alike():
            screen.print(Text(f"no difference without: {', '.join(alike)}", "dim"))

    def sums_up(self, rehearsed: Sequence[Rehearsed]) -> None:
        """Say nothing more: each outage has been told."""

    def _row(self, performance: Performance) -> list[Text]:
        style = _style(performance.success)
        row = [Text(cell) for cell in cells(performance)]
        row[1].stylize(style)
        return [*row, Text(sparkline(performance.timeline, self._width, self._signs), style)]


def _style(success: float) -> str:
    if success >= _ALL:
        return "green"
    return "yellow" if success >= _MOST else "red"
