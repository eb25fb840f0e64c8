"""A pulse of the event loop, which tells how late the loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

INTERVAL_S: Final = 0.1


class Heartbeat:
    """Calls `beat` every 100 ms, with the seconds that it comes too late."""

    def __init__(self, beat: Callable[[float], None]) -> None:
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Heartbeat {'on' if self._timer else 'off'}>"

    def start(self) -> None:
        due = self._loop.time() + INTERVAL_S
        self._timer = self._loop.call_at(due, self._tick, due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, due: float) -> None:
        self.start()
        self._beat(max(0.0, self._loop.time() - due))
