"""The one mechanism that interrupts what a task is waiting for.

Something else (a timer, a caller who leaves) cancels the task, and `__exit__` tells that
cancellation apart from the caller's own by the task's cancellation count, as
`asyncio.timeout` does; that one is not used itself because arming it costs several times as
much.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Cut(str):
    """Why a call is cut short from this side: the message of its cancellation."""

    __slots__ = ()


class Interruption:
    """Enclose awaits that `interrupt` can end; they end with the exception `becomes`.

    `reason`: what is said of a call that is cut short by it, None where its caller has left. A
    cancellation from outside passes through unchanged, also when both happen at once.
    """

    __slots__ = ("_cancellations", "_loop", "_task", "interrupted")

    becomes: type[Exception]
    reason: Cut | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.interrupted = False
        self._loop = loop or asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._cancellations = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError(f"a {type(self).__name__} needs a running task")
        self._task = task
        self._cancellations = task.cancelling()
        return self

    def interrupt(self) -> None:
        """End the enclosed await."""
        if self._task is not None:
            self.interrupted = True
            self._task.cancel(self.reason)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self.interrupted or task is None:
            return
        ours_only = task.uncancel() <= self._cancellations
        if ours_only and exc_type is not None and issubclass(exc_type, asyncio.CancelledError):
            raise self.becomes from exc


class LimitReached(Exception):
    """The body of a `Limit` was interrupted by its timer."""


class Limit(Interruption):
    """Interrupt the enclosed awaits at `when` (seconds of the running loop's clock).

    with Limit(loop.time() + 3.0):
        await something()          # LimitReached after three seconds
    """

    __slots__ = ("_timer", "_when")

    becomes = LimitReached

    def __init__(self, when: float, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop)
        self._when = when
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Limit when={self._when:.3f} {'reached' if self.interrupted else 'armed'}>"

    def __enter__(self) -> Self:
        super().__enter__()
        self._timer = self._loop.call_at(self._when, self.interrupt)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().__exit__(exc_type, exc, traceback)


class Patience(Interruption):
    """A limit for one wait after another, with one timer for all of them.

        patience = Patience()
        patience.until(loop.time() + 20.0)
        with patience:
            await something()          # LimitReached after twenty seconds

    A timer that finds that a later wait has begun is set again for that one, so a stream of
    many short waits costs next to nothing. Close it in the end.
    """

    __slots__ = ("_armed_for", "_timer", "_until")

    becomes = LimitReached

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop)
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._until = 0.0

    def __repr__(self) -> str:
        return f"<Patience until={self._until:.3f} {'waiting' if self._task else 'idle'}>"

    def until(self, when: float) -> None:
        """Set the end of the next wait, in seconds of the loop's clock."""
        self._until = when
        self.interrupted = False
        if self._timer is None or when < self._armed_for:
            self.close()
            self._arm()

    def close(self) -> None:
        """Take the timer back; may be repeated."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._armed_for = self._until
        self._timer = self._loop.call_at(self._until, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._until > self._armed_for:
            self._arm()
        else:
            self.interrupt()


def cut_short(raised: object) -> Cut | None:
    """Return why a call that ends with this was cut short from here, None if it was not."""
    if isinstance(raised, asyncio.CancelledError):
        return next((said for said in raised.args if isinstance(said, Cut)), None)
    return None


def caller_cancelled() -> bool:
    """Tell a caller that went away from a library that cancelled something of its own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
