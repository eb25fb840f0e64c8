"""Something happens unless it is put off in time: a timer that costs next to nothing to put off."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Calls `ring` once at the moment it is set for.

    A timer of the event loop costs more to make and to cancel than most of what happens between.
    So it stays when the alarm is put off or stopped, and when it is due it looks whether there is
    something to wait for still. Close it in the end.
    """

    __slots__ = ("_armed_for", "_loop", "_ring", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._when = math.inf

    def __repr__(self) -> str:
        return f"<Alarm {f'for {self._when:.3f}' if self.is_set else 'off'}>"

    @property
    def is_set(self) -> bool:
        """Whether it will ring."""
        return self._when < math.inf

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, and not before."""
        self._when = self._loop.time() + seconds
        if self._timer is None or self._when < self._armed_for:
            self._arm()

    def stop(self) -> None:
        """Do not ring."""
        self._when = math.inf

    def close(self) -> None:
        """Stop, give the timer back, and let go of whoever is to be called."""
        self._when = math.inf
        self._ring = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = self._when
        self._timer = self._loop.call_at(self._when, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._when > self._armed_for:
            if self.is_set:
                self._arm()
            return
        self._when = math.inf
        self._ring()


def _nobody() -> None:
    """Stand for whom an alarm called that is closed."""
