"""Three providers that fail in turn, each in every way: the other side of the soak.

`/0/v1`, `/1/v1` and `/2/v1` are the providers. Every `PHASE_S` seconds another one fails, in
another way, for the first `FAULTY` part of the phase; the other two work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from benchmarks.gateway import provider, traffic

PROVIDERS: Final = 3
PHASE_S: Final = 10.0
FAULTY: Final = 0.6
_FIRST_DIGIT: Final = len("POST /")
_BREAKS_AFTER_S: Final = 0.05
_LATE_S: Final = 0.5


class Connection(provider.Connection):
    """One connection to any of the providers."""

    def answer(self, request: bytes) -> None:
        number = request[_FIRST_DIGIT] - ord("0")
        fault = fault_at(time.monotonic(), number)
        if fault is None:
            super().answer(request)
        else:
            fault(self, request)

    def answer_late(self, request: bytes) -> None:
        """Answer as if nothing was wrong, if anybody still waits."""
        if not self.transport.is_closing():
            super().answer(request)


Fault = Callable[[Connection, bytes], None]


def fault_at(now: float, number: int) -> Fault | None:
    """Return what is wrong with a provider at that moment of the monotonic clock."""
    phase, within = divmod(now, PHASE_S)
    if int(phase) % PROVIDERS != number or within > FAULTY * PHASE_S:
        return None
    return FAULTS[int(phase) % len(FAULTS)]


def _overloaded(connection: Connection, _: bytes) -> None:
    connection.transport.write(traffic.error("503 Service Unavailable", "overloaded"))


def _limited(connection: Connection, _: bytes) -> None:
    limited = traffic.error("429 Too Many Requests", "rate_limit_exceeded", {"retry-after": "1"})
    connection.transport.write(limited)


def _reset(connection: Connection, _: bytes) -> None:
    connection.transport.abort()


def _silent(_: Connection, __: bytes) -> None:
    pass


def _cut(connection: Connection, _: bytes) -> None:
    connection.transport.write(traffic.answer()[:-100])
    connection.transport.close()


def _garbage(connection: Connection, _: bytes) -> None:
    connection.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.transport.close()


def _breaks(connection: Connection, request: bytes) -> None:
    """Break a stream after its first words; an answer without a stream is well."""
    connection.answer_late(request)
    if traffic.STREAM_MARK in request:
        asyncio.get_running_loop().call_later(_BREAKS_AFTER_S, connection.transport.abort)


def _late(connection: Connection, request: bytes) -> None:
    asyncio.get_running_loop().call_later(_LATE_S, connection.answer_late, request)


FAULTS: Final[tuple[Fault, ...]] = (
    _overloaded, _limited, _reset, _silent, _cut, _garbage, _breaks, _late,
)  # fmt: skip
"""In this order; their number and that of the providers have no common divisor."""


if __name__ == "__main__":
    provider.main(Connection)
