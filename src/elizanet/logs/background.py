"""A handler that writes in a thread, so that a stream nobody reads holds up no answer.

It writes to a file descriptor and not to `sys.stderr`: a thread that is stuck in a stream keeps
the stream's lock, and the interpreter waits for that at its end, or dies of it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import SimpleQueue
from typing import Final

MOST_WAITING: Final = 10_000
"""Lines that wait to be written; those beyond are counted, and lost."""
CLOSING_S: Final = 2.0
"""Seconds that lines which wait at the end are given."""
STANDARD_ERROR: Final = 2

_FULL_PAUSE_S: Final = 0.05


class BackgroundHandler(logging.Handler):
    """Formats and writes records in a thread; `lost` counts those that were not written.

    At most `most` of them wait. `close` gives those that do two seconds; the end of the program
    closes it, too.
    """

    def __init__(self, descriptor: int = STANDARD_ERROR, most: int = MOST_WAITING) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most = most
        self._waiting: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self.lost = 0
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="elizanet-log", daemon=True)
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

    def _run(self) -> None:
        while (record := self._waiting.get()) is not None:
            self._write(record)
            if (lost := self.lost) > self._told:
                since, self._told = lost - self._told, lost
                self._write(_losses(since))

    def _write(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 -- the boundary to what others log: told
            line = f"a log line could not be written ({type(error).__name__}): {record.msg!r}"
        rest = f"{line}\n".encode(errors="backslashreplace")
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody has set the stream so
                    time.sleep(_FULL_PAUSE_S)
        except OSError:  # nobody can read it any more, and there is nowhere else to tell
            self.lost += 1


def _losses(count: int) -> logging.LogRecord:
    text = "%d log lines were lost: they were not read as fast as they were written"
    return logging.LogRecord("elizanet", logging.WARNING, __file__, 0, text, (count,), None)
