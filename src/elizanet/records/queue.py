"""What waits to be written: bounded, and counted exactly."""

from __future__ import annotations

import time
from collections import deque
from threading import Event, Lock
from typing import Final

from msgspec.structs import replace

from elizanet.capture import Captured
from elizanet.telemetry import CallEnded, HealthChanged

CAPACITY: Final = 20_000
"""Events that may wait."""
BATCH: Final = 1_000
"""Events that are written together."""
TEXT_BYTES: Final = 64 << 20
"""Captured bytes that may wait (64 MiB); beyond them a call waits without its text."""

Recorded = CallEnded | HealthChanged
Stamped = tuple[float, Recorded]
"""An event, and when it happened in seconds since 1970."""


class Queue:
    """Takes events from any thread and gives them to the one that writes.

    Always `offered == written + dropped + queued`. `arrived` is set when there is something to
    write, `complete` when there is a whole batch of it.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.offered = 0
        self.written = 0
        self.dropped = 0
        self.arrived = Event()
        self.complete = Event()
        self._capacity = capacity
        self._events: deque[tuple[Stamped, int]] = deque()
        self._taken = 0
        self._text_bytes = 0
        self._told = 0
        self._is_dropping = False
        self._is_closed = False
        self._lock = Lock()

    def __repr__(self) -> str:
        counts = f"queued={self.queued} written={self.written} dropped={self.dropped}"
        return f"<Queue offered={self.offered} {counts}>"

    @property
    def queued(self) -> int:
        """Events that wait, and those that are being written."""
        return len(self._events) + self._taken

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many were offered, written and dropped, and are queued, at one moment."""
        with self._lock:
            return self.offered, self.written, self.dropped, self.queued

    def offer(self, event: Recorded) -> bool:
        """Put an event in, or drop it; return False for the first that is dropped."""
        now, weight = time.time(), 0
        if isinstance(event, CallEnded) and event.captured is not None:
            event, weight = self._weighed(event, event.captured)
        events = self._events
        with self._lock:
            self.offered += 1
            waiting = len(events)
            if waiting >= self._capacity or self._is_closed:
                self.dropped += 1
                began, self._is_dropping = not self._is_dropping, True
                return not began or self._is_closed
            events.append(((now, event), weight))
            self._text_bytes += weight
        if not waiting:
            self.arrived.set()
        elif waiting == BATCH - 1:
            self.complete.set()
        return True

    def take(self) -> list[Stamped]:
        """Take the oldest events, a batch at most; they stay queued until they are settled."""
        with self._lock:
            size = min(len(self._events), BATCH)
            taken = [self._events.popleft() for _ in range(size)]
            self._taken += size
            self._text_bytes -= sum(weight for _, weight in taken)
            if len(self._events) < BATCH:
                self.complete.clear()
            if not self._events:
                self.arrived.clear()
        return [stamped for stamped, _ in taken]

    def settle(self, *, written: int = 0, dropped: int = 0) -> None:
        """Count what became of events that were taken."""
        with self._lock:
            self._taken -= written + dropped
            self.written += written
            self.dropped += dropped

    def dropping_ended(self) -> int | None:
        """Return how many were dropped for want of room, once there is much of it again."""
        with self._lock:
            if not self._is_dropping or len(self._events) > self._capacity // 2:
                return None
            self._is_dropping = False
            return self._untold()

    def untold_drops(self) -> int:
        """Return how many were dropped since that was told last."""
        with self._lock:
            return self._untold()

    def close(self) -> None:
        """Take nothing more: what is offered from now on is dropped."""
        with self._lock:
            self._is_closed = True
        self.arrived.set()
        self.complete.set()

    def abandon(self) -> None:
        """Drop what waits."""
        with self._lock:
            self.dropped += len(self._events)
            self._events.clear()

    def _untold(self) -> int:
        lost, self._told = self.dropped - self._told, self.dropped
        return lost

    def _weighed(self, event: CallEnded, captured: Captured) -> tuple[CallEnded, int]:
        """Return the event and the bytes of its text; without text if too much of that waits."""
        size = len(captured.request) + len(captured.answer)
        if self._text_bytes + size > TEXT_BYTES:
            return replace(event, captured=None), 0
        return event, size
