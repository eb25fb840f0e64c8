"""Work that must not delay an answer: telling listeners, writing records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

MOST: Final = 100
"""Errands under way at once; what comes on top is dropped and counted."""

LIMIT_S: Final = 10.0
"""Seconds one errand may take."""


class Errands:
    """Owns the tasks it starts: bounded in number and time, and none outlives it.

    `on_error` is told what an errand failed with.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<Errands {len(self._tasks)} under way, {self.dropped} dropped>"

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Do the work beside everything else, unless too much waits already."""
        if len(self._tasks) >= MOST:
            self.dropped += 1
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self, within: float) -> None:
        """Give what is under way so many seconds, and cancel the rest."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within)
        left = [task for task in self._tasks if not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _run(self, work: Coroutine[object, object, None]) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await work
        except Exception as error:  # noqa: BLE001 -- listeners and databases are foreign code
            self._on_error(error)
