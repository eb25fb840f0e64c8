"""A handler that writes in a thread, so that a stream nobody reads holds up no answer."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import Final

MOST_WAITING: Final = 10_000
"""Lines that wait to be written; those beyond are counted, and lost."""
CLOSING_S: Final = 2.0
"""Seconds that lines which wait at the end are given."""


class BackgroundHandler(logging.Handler):
    """Hands records to another handler, in a thread; `lost` counts those there was no room for.

    At most `most` of them wait. `close` gives those that do two seconds.
    """

    def __init__(self, target: logging.Handler, most: int = MOST_WAITING) -> None:
        super().__init__()
        self._target = target
        self._most = most
        self._waiting: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self.lost = 0
        self._told = 0
        self._thread = threading.Thread(target=self._write, name="elizanet-log", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<BackgroundHandler waiting={self._waiting.qsize()} lost={self.lost}>"

    def emit(self, record: logging.LogRecord) -> None:
        """Take the record, if there is room."""
        if self._waiting.qsize() >= self._most:
            self.lost += 1
            return
        self._waiting.put(record)

    def close(self) -> None:
        """Write what waits, and end the thread. May be repeated."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(CLOSING_S)
        super().close()

    def _write(self) -> None:
        while (record := self._waiting.get()) is not None:
            self._target.handle(record)
            if self.lost > self._told:
                self._tell_losses(self.lost)
        self._target.flush()

    def _tell_losses(self, lost: int) -> None:
        since, self._told = lost - self._told, lost
        text = "%d log lines were lost: they were not read as fast as they were written"
        self._target.handle(
            logging.LogRecord("elizanet", logging.WARNING, __file__, 0, text, (since,), None)
        )
