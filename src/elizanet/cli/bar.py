"""A bar on standard error for work that takes its time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from elizanet.cli.terminal import console, is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S: Final = 2.0
"""Seconds of work after which a bar is shown."""
_TICK_S: Final = 0.2


class LateBar:
    """A progress bar on standard error for work of more than two seconds.

    Nothing appears off a terminal or before the two seconds are over, and nothing remains.
    `total` is what `update` counts up to, None where the end is not known.
    """

    def __init__(
        self,
        stream: TextIO | None,
        label: str,
        total: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shown = is_terminal(stream)
        self._label = label
        self._total = total
        self._clock = clock
        self._began = clock()
        self._bar: Progress | None = None

    def __repr__(self) -> str:
        return f"<LateBar {self._label!r} {'shown' if self._bar else 'not shown'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def update(self, done: float = 0.0) -> None:
        """Tell how far the work is."""
        took = self._clock() - self._began
        if self._bar is None and self._shown and took > PATIENCE_S:
            self._bar = _bar(self._total)
        if self._bar is not None:
            label = f"{self._label} ({took:.0f} s)"
            self._bar.update(self._bar.task_ids[0], completed=done, description=label)

    def close(self) -> None:
        """Take the bar away; it does not come back."""
        self._shown = False
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@asynccontextmanager
async def waiting(label: str, total: float | None = None) -> AsyncIterator[None]:
    """Show a bar on standard error while the body waits; `total` is its longest in seconds."""
    with LateBar(sys.stderr, label, total) as bar:
        ticker = asyncio.create_task(_tick(bar))
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.wait((ticker,))


async def _tick(bar: LateBar) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        await asyncio.sleep(_TICK_S)
        bar.update(clock() - began)


def _bar(total: float | None) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 -- only long work

    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    screen = console(stderr=True)
    progress = Progress(*columns, console=screen, transient=True, redirect_stdout=False)
    progress.add_task("", total=total)
    progress.start()
    return progress
