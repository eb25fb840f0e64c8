"""The sink that records calls: it puts events into a queue, and a thread writes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Lock, Thread
from typing import Final

import msgspec

from elizanet.records.database import Database
from elizanet.records.known import Known
from elizanet.records.maker import Maker
from elizanet.records.queue import CAPACITY, Queue
from elizanet.records.retention import Retention
from elizanet.records.writer import Writer
from elizanet.settings import Settings
from elizanet.telemetry import CallEnded, Capture, HealthChanged, Interest, TelemetryEvent

logger = logging.getLogger("elizanet")

CLOSE_S: Final = 5.0
"""Seconds that closing may take."""
_RECORDED: Final = (CallEnded, HealthChanged)


class RecorderStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events so far: `offered == written + dropped + queued`.

    `failing` says why nothing can be written now, None if all is well. `last_write` is in
    seconds since 1970, None before the first.
    """

    offered: int
    written: int
    dropped: int
    queued: int
    failing: str | None
    last_write: float | None


class Recorder:
    """Records what is told to it, without ever keeping anybody waiting.

    An event costs the time to put it into a queue. The thread that writes starts with the first
    one. What the queue has no room for is dropped and counted. Close it at the end.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        *,
        place: str,
        run: str,
        capture: Capture,
        keep_days: float,
        max_size: int,
        capacity: int = CAPACITY,
    ) -> None:
        self.interest = Interest(details=True, capture=capture)
        self.run = run
        self._queue = Queue(capacity)
        retention = Retention(keep_days=keep_days, max_size=max_size)
        self._maker = Maker(run)
        self._writer = Writer(self._queue, connect, self._maker, retention, place)
        self._offer = self._queue.offer
        self._place = place
        self._thread: Thread | None = None
        self._starting = Lock()

    def __repr__(self) -> str:
        return f"<Recorder {self._place} {self._queue!r}>"

    def __call__(self, event: TelemetryEvent) -> None:
        """Take an event, if it is one that is recorded."""
        if isinstance(event, _RECORDED):
            if not self._offer(event):
                self._tell_dropping()
            if self._thread is None:
                self._start()

    def follow(self, settings: Settings) -> None:
        """Count costs by the prices of these settings, and keep their secrets, from now on."""
        self._maker.known = Known.of(settings)

    def stats(self) -> RecorderStats:
        """Return what became of the events so far."""
        offered, written, dropped, queued = self._queue.counts()
        return RecorderStats(
            offered=offered,
            written=written,
            dropped=dropped,
            queued=queued,
            failing=self._writer.failing,
            last_write=self._writer.last_write,
        )

    def close(self, timeout: float = CLOSE_S) -> None:
        """Write the rest, and drop what cannot be written within so many seconds.

        May be repeated. What is offered afterwards is dropped.
        """
        self._writer.stop()
        self._queue.close()
        with self._starting:
            thread = self._thread
        if thread is None:
            return
        thread.join(timeout)
        self._queue.abandon()
        if lost := self._queue.untold_drops():
            logger.warning("%d records were lost", lost)

    async def aclose(self, timeout: float = CLOSE_S) -> None:
        """Do what `close` does, without blocking the event loop."""
        await asyncio.to_thread(self.close, timeout)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = Thread(target=self._writer.run, name="elizanet-records", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the next event tries again
                    self._writer.cannot_start(str(error))
                else:
                    self._thread = thread

    def _tell_dropping(self) -> None:
        logger.warning(
            "records are being lost: %d wait to be written, and there is no room for more",
            self._queue.queued,
        )
