"""An explanation on the screen, or as lines for a pipe: every sentence is one line there."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Final

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from elizanet.cli.call_lines import STYLES, kind_of
from elizanet.cli.explaining.story import Explanation
from elizanet.cli.terminal import console, is_terminal, printable
from elizanet.cli.waterfall import waterfall
from elizanet.records.model import CallRecord

_WIDEST: Final = 100
"""Columns of the longest line of prose."""
_UNWRAPPED: Final = 100_000
_CAPTURED: Final = 600
"""Characters that are shown of a request and of an answer that were captured."""
_INDENTED: Final = (0, 0, 0, 2)


def show(record: CallRecord, told: Explanation) -> None:
    """Print the explanation of a call."""
    screen = console()
    if is_terminal(sys.stdout):
        _draw(screen, record, told, min(screen.width, _WIDEST))
        return
    screen.width = _UNWRAPPED
    with screen.capture() as drawn:
        _draw(screen, record, told, _UNWRAPPED)
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())


def _draw(screen: Console, record: CallRecord, told: Explanation, width: int) -> None:
    screen.print(Text(_about(record)))
    screen.print()
    screen.print(Text(printable(told.headline), STYLES.get(kind_of(record), "")), width=width)
    screen.print()
    if record.attempts or record.passed_over:
        unicode = screen.encoding.startswith("utf")
        picture = waterfall(record, screen.width, unicode=unicode)
        screen.print(Padding(picture, (0, 0, 1, 2), expand=False))
    screen.print(_steps(told), width=width)
    if told.cost:
        screen.print()
        screen.print(Text(printable(told.cost)), width=width)
    for title, texts in (
        ("What became known meanwhile:", told.changes),
        ("It was asked:", _captured(record.request)),
        ("It was answered:", _captured(record.answer)),
    ):
        if texts:
            screen.print()
            screen.print(Text(title, "dim"))
        for text in texts:
            screen.print(Padding(Text(printable(text)), _INDENTED, expand=False), width=width)


def _steps(told: Explanation) -> Table:
    steps = Table.grid(padding=(0, 1))
    steps.add_column(justify="right", style="dim")
    steps.add_column()
    for number, sentence in enumerate(told.steps, 1):
        steps.add_row(f"{number}.", Text(printable(sentence)))
    return steps


def _about(record: CallRecord) -> str:
    """Say which call it is: its id, when it was, what was asked for, by whom."""
    when = datetime.fromtimestamp(record.at).astimezone()
    asked = f"{record.operation}{' (a stream)' if record.stream else ''} of {record.model}"
    by = f", asked by {record.caller}" if record.caller else ""
    told = f"{record.id}\n{when:%a %d %b %Y, %H:%M:%S}, {asked}{by}, run {record.run}"
    return printable(told)


def _captured(text: str | None) -> tuple[str, ...]:
    """Return what is shown of a text that was captured."""
    if not text:
        return ()
    left = len(text) - _CAPTURED
    more = f" ... and {left:,} characters more (--json)" if left > 0 else ""
    return (" ".join(text[:_CAPTURED].split()) + more,)
