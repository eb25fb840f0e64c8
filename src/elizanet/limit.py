"""The one mechanism that interrupts an attempt that is being awaited.

A timer cancels the task that waits, and `__exit__` tells that cancellation apart from the
caller's own by the task's cancellation count, as `asyncio.timeout` does;
it is not used itself because arming it costs several times as much.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class LimitReached(Exception):
    """The body of a `Limit` was interrupted by its timer."""


class Limit:
    """Interrupt the enclosed awaits at `when` (seconds of the running loop's clock).

        with Limit(loop.time() + 3.0):
            await something()          # LimitReached after three seconds

    A cancellation from outside passes through unchanged, also when both happen at once.
    """

    __slots__ = ("_cancellations", "_expired", "_task", "_timer", "_when")

    def __init__(self, when: float) -> None:
        self._when = when
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancellations = 0

    def __repr__(self) -> str:
        return f"<Limit when={self._when:.3f} {'expired' if self._expired else 'armed'}>"

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Limit needs a running task")
        self._task = task
        self._cancellations = task.cancelling()
        self._timer = task.get_loop().call_at(self._when, self._interrupt, task)
        return self

    def _interrupt(self, task: asyncio.Task[object]) -> None:
        self._expired = True
        task.cancel()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, timer = self._task, self._timer
        self._task = self._timer = None
        if timer is not None:
            timer.cancel()
        if not self._expired or task is None:
            return
        ours_only = task.uncancel() <= self._cancellations
        if ours_only and exc_type is not None and issubclass(exc_type, asyncio.CancelledError):
            raise LimitReached from exc
