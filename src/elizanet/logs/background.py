"""A handler that writes in a thread, so that a stream nobody reads holds up no answer.

It writes to a file descriptor and not to `sys.stderr`: a thread that is stuck in a stream keeps
the stream's lock, and the interpreter waits for that at its end, or dies of it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import Final

MOST_WAITING: Final = 10_000
"""Lines that wait to be written; those beyond are counted, and lost."""
CLOSING_S: Final = 2.0
"""Seconds that lines which wait at the end are given."""
STANDARD_ERROR: Final = 2

GATHER_S: Final = 0.02
"""Seconds in which lines are gathered: to wake the thread costs more than a line."""
MOST_AT_ONCE: Final = 1_000

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
        goes_on = True
        while goes_on and (first := self._waiting.get()) is not None:
            records = [first]
            time.sleep(GATHER_S)
            while goes_on and len(records) < MOST_AT_ONCE:
                try:
                    following = self._waiting.get_nowait()
                except Empty:
                    break
                if following is None:
                    goes_on = False
                else:
                    records.append(following)
            if (lost := self.lost) > self._told:
                since, self._told = lost - self._told, lost
                records.append(_losses(since))
            self._write([self._line(record) for record in records])

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception as error:  # noqa: BLE001 -- the boundary to what others log: told
            return f"a log line could not be written ({type(error).__name__}): {record.msg!r}"

    def _write(self, lines: list[str]) -> None:
        rest = "".join([f"{line}\n" for line in lines]).encode(errors="backslashreplace")
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody has set the stream so
                    time.sleep(_FULL_PAUSE_S)
        except OSError:  # nobody can read it any more, and there is nowhere else to tell
            self.lost += len(lines)


def _losses(count: int) -> logging.LogRecord:
    text = "%d log lines were lost: they were not read as fast as they were written"
    return logging.LogRecord("elizanet", logging.WARNING, __file__, 0, text, (count,), None)
