"""Notice callers who do not read what they asked for.

A transport keeps what the caller has not taken yet, up to `HIGH_WATER` bytes before the answer
has to wait; the system keeps some more (`UNSENT` limits it). Nothing is added while that is full or
after the answer is complete, so that what is kept can only shrink; if it has not in `SILENCE_S`
seconds, the caller has stopped reading, and the connection is cut: that ends the call, and with it
the provider's work. A caller who reads slowly makes progress. It is looked for several times
meanwhile, because at first the caller's own system fills up, which looks like progress.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final

try:
    import fcntl
    import termios
except ImportError:
    _SYSTEM_TELLS = False  # Windows
else:
    _SYSTEM_TELLS = True

HIGH_WATER: Final = 256 * 1024
"""Bytes kept for one caller; an answer that was never a stream may be larger, and is kept whole."""
UNSENT: Final = 128 * 1024
"""Bytes beyond what is on its way that the system is given; left to itself it takes megabytes."""
SILENCE_S: Final = 30.0
"""Seconds without progress after which a caller is given up, at the latest one look later."""
LOOKS: Final = 6
"""How often progress is looked for in that time."""


class WriteWatch:
    """Watches what one connection has not taken yet."""

    __slots__ = ("_loop", "_still", "_timer", "_transport", "_unread")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        transport.set_write_buffer_limits(HIGH_WATER)
        self._transport = transport
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._still = 0  # looks without progress, one after the other

    def __repr__(self) -> str:
        return f"<WriteWatch {'on' if self._timer else 'off'} unread={self._unread}>"

    def begin(self) -> None:
        """Watch from now on, if there is anything that could not be sent yet."""
        self.end()
        if self._transport.get_write_buffer_size():
            self._still, self._unread = 0, self._size()
            self._wait()

    def end(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._loop.call_later(SILENCE_S / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        before, self._unread = self._unread, self._size()
        self._still = self._still + 1 if self._unread >= before else 0
        if self._still < LOOKS:
            self._wait()
        else:
            self._transport.abort()

    def _size(self) -> int:
        return self._transport.get_write_buffer_size() + _kept_by_system(self._transport)


def _kept_by_system(transport: asyncio.Transport) -> int:
    """Return the bytes that the system has taken and the caller has not."""
    if not _SYSTEM_TELLS:
        return 0
    try:
        descriptor = transport.get_extra_info("socket").fileno()
        told = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4)
    except OSError:
        return 0
    kept: int = struct.unpack("i", told)[0]
    return kept
