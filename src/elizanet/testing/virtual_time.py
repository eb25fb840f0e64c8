"""An event loop whose clock jumps: hours of waiting pass in no time, always in one order.

When nothing is ready to run, the loop does not sleep until its next timer but moves its
clock there. Where there is no timer either, everything waits for nothing: a deadlock, which
is an error instead of a test that hangs. There are no sockets and no threads on it, and an
exception in a callback ends it.

Simulations make millions of timers, so scheduling is the loop's own: callbacks in a queue,
timers in a heap of tuples, and nothing else to look at between two of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeVar, TypeVarTuple

Result = TypeVar("Result")
Ts = TypeVarTuple("Ts")

_MANY: Final = 1_000
"""Cancelled timers that may stay in the heap while they are less than half of it."""


class Deadlock(RuntimeError):
    """Every task waits, and no timer will ever wake one."""


class _Entry(asyncio.TimerHandle):
    """A callback and its moment; once cancelled it has no callback any more."""

    __slots__ = ("_moment", "call", "context", "on_cancel", "values")

    def __init__(  # asyncio's own does more than is needed, a million times
        self,
        moment: float,
        call: Callable[..., object],
        values: tuple[Any, ...],
        context: Context | None,
        on_cancel: Callable[[], None] | None,
    ) -> None:
        self._moment = moment
        self.on_cancel = on_cancel
        self.call: Callable[..., object] | None = call
        self.values = values
        self.context = copy_context() if context is None else context

    def __repr__(self) -> str:
        return f"<_Entry at={self._moment:.3f} {self.call!r}>"

    def when(self) -> float:
        return self._moment

    def cancel(self) -> None:
        if self.call is not None:
            self.call, self.values = None, ()
            if self.on_cancel is not None:
                self.on_cancel()

    def cancelled(self) -> bool:
        return self.call is None


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop that starts at time 0 and never sleeps."""

    def __init__(self) -> None:
        self._now = 0.0
        self._soon: deque[_Entry] = deque()
        self._timers: list[tuple[float, int, _Entry]] = []
        self._made = 0
        self._cancelled = 0
        self._runs = self._stops = False
        super().__init__()

    def __repr__(self) -> str:
        return f"<VirtualLoop now={self.time():.3f}>"

    def time(self) -> float:
        return self._now

    @property
    def timers(self) -> int:
        """How many timers will still go off."""
        return sum(not timer.cancelled() for _, _, timer in self._timers)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        entry = _Entry(self._now, callback, args, context, None)
        self._soon.append(entry)
        return entry

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        entry = _Entry(when, callback, args, context, self._one_cancelled)
        self._made += 1
        heappush(self._timers, (when, self._made, entry))
        return entry

    def run_forever(self) -> None:
        """Run until `stop` is called. Raises `Deadlock`."""
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._close_generator)
        asyncio._set_running_loop(self)  # noqa: SLF001 -- meant for loops
        self._runs = True
        try:
            while not self._stops:
                self._step()
        finally:
            self._runs = self._stops = False
            asyncio._set_running_loop(None)  # noqa: SLF001
            sys.set_asyncgen_hooks(*hooks)

    def stop(self) -> None:
        self._stops = True

    def is_running(self) -> bool:
        return self._runs

    def _step(self) -> None:
        """Run what is ready; if nothing is, move the clock to the next timer."""
        soon = self._soon
        if not soon:
            self._jump()
        for _ in range(len(soon)):
            entry = soon.popleft()
            if entry.call is not None:
                entry.context.run(entry.call, *entry.values)

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].call is None:
            heappop(timers)
            self._cancelled -= 1
        if not timers:
            raise Deadlock("every task waits, and there is no timer")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, timer = heappop(timers)
            if timer.call is None:
                self._cancelled -= 1
            else:
                timer.on_cancel = None
                self._soon.append(timer)

    def _one_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _MANY and 2 * self._cancelled > len(self._timers):
            self._timers = [timer for timer in self._timers if timer[2].call is not None]
            heapify(self._timers)
            self._cancelled = 0

    def _close_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self.create_task(generator.aclose())


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time. Raises `Deadlock` if it can have none."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
