"""An event loop whose clock jumps: hours of waiting pass in no time, always in one order.

When nothing is ready to run, the loop does not sleep until its next timer but moves its
clock there. Where there is no timer either, everything waits for nothing: a deadlock, which
is an error instead of a test that hangs. Real sockets do not work on it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")


class Deadlock(RuntimeError):
    """Every task waits, and no timer will ever wake one."""


class _JumpingSelector(selectors.BaseSelector):
    """Waits for nothing, not even for the system: tells how far the clock would have moved."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("every task waits, and there is no timer")
        if timeout > 0:
            self.now += timeout
        return []

    def register(self, fileobj: Any, events: int, data: object = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()

    def close(self) -> None:
        self._selector.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that starts at time 0 and never sleeps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def __repr__(self) -> str:
        return f"<VirtualLoop now={self.time():.3f}>"

    def time(self) -> float:
        return self._jumping.now

    def jump(self, seconds: float) -> None:
        """Move the clock on at once, as for a machine that was suspended."""
        self._jumping.now += seconds

    @property
    def timers(self) -> int:
        """How many timers will still go off."""
        waiting: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return sum(not timer.cancelled() for timer in waiting)


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time. Raises `Deadlock` if it can have none."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
