"""The thread that makes records of events and writes them, whatever the database does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Final

from elizanet.records import migrations
from elizanet.records.database import Database
from elizanet.records.errors import RecordsError, RefusedError
from elizanet.records.maker import Maker
from elizanet.records.queue import Queue, Stamped
from elizanet.records.retention import Retention
from elizanet.records.writing import Batches, Record
from elizanet.records.yielding import in_portions

logger = logging.getLogger("elizanet")

GATHER_S: Final = 0.5
"""Seconds that a batch is waited for after its first event."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
"""Seconds between two tries to write; each pause is twice the one before."""
LAST_TRIES: Final = 2
"""How often a batch is tried while closing."""


class Writer:
    """Writes what is in a queue until it is told to stop, and then the rest of it.

    A database that fails is announced once, and once more when it is well again; until then the
    batch in hand is tried again with growing pauses, and the queue keeps what it can.
    """

    def __init__(
        self,
        queue: Queue,
        connect: Callable[[], Database],
        make: Maker,
        retention: Retention,
        place: str,
    ) -> None:
        self.failing: str | None = None
        self.last_write: float | None = None
        self._queue = queue
        self._connect = connect
        self._make = make
        self._retention = retention
        self._place = place
        self._batches = Batches(make.run)
        self._database: Database | None = None
        self._closing = Event()
        self._failed_at = 0.0
        self._is_at_fault = False

    def __repr__(self) -> str:
        return f"<Writer {self._place} {self.failing or 'well'}>"

    def stop(self) -> None:
        """Write the rest, and end."""
        self._closing.set()

    def cannot_start(self, reason: str) -> None:
        """Tell that the system has no thread for this writer, which is tried again."""
        self._failed(RecordsError(f"{self._place}: {reason}"))

    def run(self) -> None:
        """Write until the end; the body of the thread."""
        try:
            while not (self._closing.is_set() and not self._queue.queued):
                self._gather()
                if batch := self._queue.take():
                    self._deliver(self._made(batch))
                    self._tell_dropping_ended()
                self._tidy()
        finally:
            self._disconnect()

    def _gather(self) -> None:
        """Wait for something to write, and for the rest of its batch."""
        if self._queue.arrived.wait(self._retention.pause) and not self._closing.is_set():
            self._queue.complete.wait(GATHER_S)

    def _made(self, batch: Sequence[Stamped]) -> list[Record]:
        records = []
        for portion in in_portions(batch):
            for at, event in portion:
                try:
                    records.append(self._make(event, at))
                except Exception as error:  # noqa: BLE001 -- a fault of ours costs one record
                    self._queue.settle(dropped=1)
                    self._tell_fault(f"a record could not be made: {error!r}")
        return records

    def _deliver(self, records: Sequence[Record]) -> None:
        """Write a batch, sooner or later; while closing, soon or not at all."""
        pause, last_tries = FIRST_PAUSE_S, LAST_TRIES
        while records:
            try:
                self._write(records)
            except RefusedError as error:
                self._refused(records, str(error))
                return
            except RecordsError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 -- a fault of ours costs one record
                self._refused(records, f"a record could not be written: {error!r}")
                return
            else:
                self._queue.settle(written=len(records))
                self._well()
                return
            if self._closing.is_set():
                last_tries -= 1
                if not last_tries:
                    self._queue.settle(dropped=len(records))
                    return
            elif not self._closing.wait(pause):
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _write(self, records: Sequence[Record]) -> None:
        try:
            self._batches.write(self._database or self._connected(), records)
        except RefusedError:
            raise
        except RecordsError:
            self._disconnect()
            raise

    def _connected(self) -> Database:
        """Connect, and bring the tables up to date. Raises `RecordsError`."""
        try:
            self._database = self._connect()
            migrations.upgrade(self._database)
        except RecordsError as error:
            self._disconnect()
            raise RecordsError(str(error)) from error  # a refusal is no record's fault here
        except Exception as error:
            self._disconnect()
            raise RecordsError(f"{self._place}: {error!r}") from error
        return self._database

    def _refused(self, records: Sequence[Record], sentence: str) -> None:
        """Write the halves of the batch on their own, so that only the one at fault is lost."""
        if len(records) == 1:
            self._queue.settle(dropped=1)
            self._tell_fault(sentence)
            return
        middle = len(records) // 2
        self._deliver(records[:middle])
        self._deliver(records[middle:])

    def _tidy(self) -> None:
        """Delete what is too old or too much, a little at a time."""
        if self._database is None or self._closing.is_set():
            return
        try:
            self._retention.tidy(self._database)
        except RecordsError as error:
            self._disconnect()
            self._failed(error)
        except Exception as error:  # noqa: BLE001 -- a fault of ours must not end the writing
            self._disconnect()
            self._failed(RecordsError(f"old records could not be deleted: {error!r}"))

    def _failed(self, error: RecordsError) -> None:
        if self.failing is None:
            self._failed_at = time.monotonic()
            logger.warning(
                "records cannot be written: %s; they wait in memory, answers go on", error
            )
        self.failing = str(error)

    def _well(self) -> None:
        self.last_write = time.time()
        if self.failing is not None:
            self.failing = None
            took = time.monotonic() - self._failed_at
            logger.warning("records are written again, after %.0f s: %s", took, self._place)

    def _tell_dropping_ended(self) -> None:
        lost = self._queue.dropping_ended()
        if lost is not None:
            logger.warning("there is room for records again: %d were lost", lost)

    def _tell_fault(self, sentence: str) -> None:
        """Tell the first record that is lost through a fault of ours; the others are counted."""
        if not self._is_at_fault:
            self._is_at_fault = True
            logger.error("%s; it is lost, others like it are only counted", sentence)

    def _disconnect(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
