"""How many callers the file descriptors of this process are enough for."""

from __future__ import annotations

from typing import Final

RESERVED: Final = 24
"""Descriptors that are not for callers: listening sockets, logs, records, the event loop's own."""
PER_CALLER: Final = 3
"""A caller's connection, the provider's that answers it, and another's that is asked beside it."""

_WANTED: Final = 65_536
_LEAST: Final = 4


def most_connections() -> int:
    """Raise the limit of descriptors as far as may be, and return the callers it is enough for."""
    try:
        import resource  # noqa: PLC0415 -- there is none on Windows
    except ImportError:
        return _WANTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    allowed = _WANTED if hard == unlimited else min(hard, _WANTED)
    if soft != unlimited and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft == unlimited:
        soft = _WANTED
    return max(_LEAST, (soft - RESERVED) // PER_CALLER)
